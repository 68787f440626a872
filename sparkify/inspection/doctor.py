"""Whether everything that a load needs works: one finding for each thing, and what to do if it does not work.

Each thing is examined separately, so that one fault does not hide the next. The warehouse is not changed.
"""

import platform
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from importlib import metadata

from sparkify import warehouses
from sparkify._version import __version__
from sparkify.datasets import Dataset
from sparkify.errors import NoWarehouseError, SourceError, SparkifyError
from sparkify.formats import count_of
from sparkify.settings import Config, S3Access
from sparkify.sources.bundles import read_bundles
from sparkify.sources.listing import list_files
from sparkify.star.version import read_version
from sparkify.warehouses import Finding, Warehouse, examine, open_warehouse

_DRIVERS = ("duckdb", "obstore", "redshift-connector", "boto3")


def list_findings(config: Config) -> Iterator[Finding]:
    """Examine versions, sources and the warehouse, one after the other."""
    yield Finding("versions", True, _versions())
    names: dict[str, Dataset] = {"log data": "events", "song data": "songs"}
    for name, dataset in names.items():
        yield examine(name, partial(_look_at, config.roots.get(dataset), config.s3_access))
    try:
        with open_warehouse(config, read_only=True) as warehouse:
            yield Finding("warehouse", True, warehouse.address)
            yield examine("layout", partial(_look_at_version, warehouse))
            yield from warehouses.list_findings(warehouse, config)
    except NoWarehouseError:
        yield Finding("warehouse", True, f"{config.warehouse_address} does not exist yet; a load creates it")
    except SparkifyError as error:
        yield Finding("warehouse", False, str(error))


def _look_at_version(warehouse: Warehouse) -> str:
    version = read_version(warehouse)
    if version is None:
        return "there are no tables yet; a load creates them"
    return f"{version}" if version.is_current else f"{version}: older than this sparkify; the next load migrates it"


def _versions() -> str:
    found = []
    for name in _DRIVERS:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"no {name}")
    return f"sparkify {__version__} on Python {platform.python_version()}; {', '.join(found)}"


def _look_at(root: str | None, access: S3Access) -> str:
    if root is None:
        return "no root is set; this dataset is not loaded"
    files = list_files(root, access)
    if not files:
        return f"there is no data file below {root}"
    # The permission to list does not include the permission to read.
    smallest = min(files, key=lambda file: file.size)
    with closing(read_bundles([(1, smallest)], bundle_bytes=1 << 20, access=access)) as bundles:
        errors = [end.error for bundle in bundles for end in bundle.finished if end.error is not None]
    if errors:
        raise SourceError(errors[0])
    return f"{count_of(len(files), 'file')} below {root}, readable"
