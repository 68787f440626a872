"""What stands at the configured roots, and what a load would do with it."""

from concurrent.futures import ThreadPoolExecutor

from sparkify import ledger
from sparkify.errors import UsageError
from sparkify.ledger import LoadedFile, PlannedFile
from sparkify.settings import Config
from sparkify.sources.content import read_fingerprint
from sparkify.sources.file import SourceFile
from sparkify.sources.listing import list_files, resolve_root
from sparkify.validation.fields import Dataset


def list_sources(config: Config) -> dict[Dataset, list[SourceFile]]:
    """The data files of each root. Raises UsageError where none is set, SourceError where one cannot be listed."""
    roots = config.roots
    if not roots:
        raise UsageError("no source is named; give --log-data, --song-data or both, or set them in dwh.cfg")
    # A store answers both in the time of one.
    with ThreadPoolExecutor(len(roots)) as executor:
        found = executor.map(lambda root: list_files(root, config.s3_access), roots.values())
        return dict(zip(roots, found, strict=True))


def list_empty_roots(config: Config, found: dict[Dataset, list[SourceFile]]) -> list[str]:
    """A sentence for each root that holds no data."""
    roots = config.roots
    return [f"there is no data file below {roots[dataset]}" for dataset, files in found.items() if not files]


def plan_found(config: Config, found: dict[Dataset, list[SourceFile]], loaded: list[LoadedFile]) -> list[PlannedFile]:
    """What a load would do with each file, dataset by dataset. Local files of unchanged size are read."""
    roots = config.roots
    planned: list[PlannedFile] = []
    for dataset, files in found.items():
        root = resolve_root(roots[dataset])
        planned += ledger.plan_files(dataset, root, files, loaded, read_fingerprint)
    return planned
