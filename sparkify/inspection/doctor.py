"""Whether everything that a load needs works: one finding for each thing, and what to do if it does not work.

Each thing is examined separately, so that one fault does not hide the next. The warehouse is not changed.
"""

import platform
from collections.abc import Iterator
from functools import partial
from importlib import metadata

from sparkify import warehouses
from sparkify._version import __version__
from sparkify.arguments import checked
from sparkify.datasets import Dataset
from sparkify.errors import NoWarehouseError, SparkifyError
from sparkify.formats import count_of
from sparkify.inspection.sample import read_sample
from sparkify.loads.plan import describe_left_out
from sparkify.settings import Config
from sparkify.sources.listing import list_files
from sparkify.star.version import read_version
from sparkify.validation import native
from sparkify.warehouses import Finding, Warehouse, examine, open_warehouse

_DRIVERS = ("duckdb", "obstore", "redshift-connector", "boto3")


@checked
def list_findings(config: Config) -> Iterator[Finding]:
    """Examine versions, sources and the warehouse, one after the other."""
    yield Finding("versions", True, _versions())
    yield Finding("validator", True, native.describe())
    names: dict[str, Dataset] = {"log data": "events", "song data": "songs"}
    for name, dataset in names.items():
        yield _look_at_dataset(name, dataset, config)
    if config.log_jsonpath is not None:
        yield Finding(
            "LOG_JSONPATH", True, "a load does not use it, for keys are read by name; [EVENT_KEYS] names others"
        )
    try:
        with open_warehouse(config, read_only=True) as warehouse:
            yield Finding("warehouse", True, warehouse.address)
            yield examine("layout", partial(_look_at_version, warehouse))
            yield from warehouses.list_findings(warehouse, config)
    except NoWarehouseError:
        yield warehouses.examine_place(config.warehouse_address)
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


def _look_at_dataset(name: str, dataset: Dataset, config: Config) -> Finding:
    """Whether a dataset's files can be listed and read, and what a sample of them shows."""
    root = config.roots.get(dataset)
    if root is None:
        return Finding(name, True, "no root is set; this dataset is not loaded")
    try:
        files = list_files(root, config.s3_access, config.patterns[dataset])
        if not files:
            # An empty folder is a warning to a load, too.
            return Finding(name, True, describe_left_out(root, files, config.patterns[dataset]))
        # The permission to list does not include the permission to read.
        sample = read_sample(config, dataset, files)
    except SparkifyError as error:
        return Finding(name, False, str(error))
    readable = "" if sample.errors else ", readable"
    others = f". {files.left_out}" if files.left_out.count else ""
    return Finding(name, sample.is_sound, f"{count_of(len(files), 'file')} below {root}{readable}. {sample}{others}")
