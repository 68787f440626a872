"""The files at the configured roots, and what a load would do with each. Writes nothing."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

from sparkify.datasets import Dataset
from sparkify.errors import SourceError, UsageError
from sparkify.formats import count_of
from sparkify.loads import ledger
from sparkify.loads.ledger import LoadedFile
from sparkify.settings import Config
from sparkify.sources.content import read_fingerprint
from sparkify.sources.file import SourceFile
from sparkify.sources.listing import list_files, resolve_root
from sparkify.star.version import open_existing, require_version
from sparkify.validation.version import rules_digest

State = Literal["new", "changed", "unchanged", "to_reread", "vanished"]
_NAMED_FILES = 5
STATES: tuple[State, ...] = ("new", "changed", "unchanged", "to_reread", "vanished")


class PlannedFile(NamedTuple):
    """What a load would do with one file, and why. `loaded` is the content that is in the warehouse now, if any."""

    dataset: Dataset
    url: str
    size: int
    state: State
    reason: str
    file: SourceFile | None = None
    loaded: LoadedFile | None = None

    @property
    def is_pending(self) -> bool:
        return self.state in ("new", "changed")


def plan(config: Config) -> list[PlannedFile]:
    """What `load` would do, file by file. Writes nothing and creates no warehouse."""
    found = list_sources(config)
    with open_existing(config) as warehouse:
        if warehouse is None:
            return plan_found(config, found, [])
        reasons = ledger.list_unfinished(warehouse)
        return [
            file._replace(reason=f"{file.reason}; {reason}" if file.state == "changed" else reason)
            if file.is_pending and (reason := reasons.get((file.dataset, file.url)))
            else file
            for file in plan_found(
                config, found, ledger.list_loaded(warehouse, layout=require_version(warehouse).layout)
            )
        ]


def list_sources(config: Config) -> dict[Dataset, list[SourceFile]]:
    """The data files of each root. Raises UsageError if no root is set, SourceError if one cannot be listed."""
    roots = config.roots
    if not roots:
        raise UsageError("no source is set; give --log-data, --song-data or both, or set them in dwh.cfg")
    # Both at once: a store needs no longer for two lists than for one.
    with ThreadPoolExecutor(len(roots)) as executor:
        found = executor.map(lambda root: list_files(root, config.s3_access), roots.values())
        return dict(zip(roots, found, strict=True))


def list_empty_roots(config: Config, found: dict[Dataset, list[SourceFile]]) -> list[str]:
    """A sentence for each root without data."""
    roots = config.roots
    return [f"there is no data file below {roots[dataset]}" for dataset, files in found.items() if not files]


def list_outdated(planned: Sequence[PlannedFile]) -> list[str]:
    """A sentence for the files that were read by older rules, and one for those of them that have vanished."""
    sentences = []
    if outdated := [file.url for file in planned if file.state == "to_reread"]:
        sentences.append(
            f"{count_of(len(outdated), 'file')} read by other rules than today's: {_enumerate(outdated)}; "
            "load --reread reads them again"
        )
    vanished = [file for file in planned if file.state == "vanished"]
    if lost := [file.url for file in vanished if file.loaded and file.loaded.rules not in (None, rules_digest())]:
        sentences.append(
            f"{count_of(len(lost), 'file')} read by other rules than today's and no longer at the source: "
            f"{_enumerate(lost)}; the rows stay as they are"
        )
    return sentences


def _enumerate(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_FILES
    return ", ".join(names[:_NAMED_FILES]) + (f" and {more:,} more" if more > 0 else "")


def plan_found(
    config: Config, found: dict[Dataset, list[SourceFile]], loaded: list[LoadedFile], *, reread: bool = False
) -> list[PlannedFile]:
    """What a load would do with each file, dataset by dataset. Local files of unchanged size are read.

    With `reread`, files that were read by other rules than the current ones count as changed.
    """
    roots = config.roots
    planned: list[PlannedFile] = []
    for dataset, files in found.items():
        root = resolve_root(roots[dataset])
        planned += plan_files(dataset, root, files, loaded, read_fingerprint)
    if reread:
        return [file._replace(state="changed") if file.state == "to_reread" else file for file in planned]
    return planned


def plan_files(
    dataset: Dataset,
    root: str,
    found: Sequence[SourceFile],
    loaded: Iterable[LoadedFile],
    read_fingerprint: Callable[[SourceFile], str],
) -> list[PlannedFile]:
    """What a load would do with each file of one root, in the order found, the vanished ones last.

    `read_fingerprint` returns the fingerprint of a file without an etag. It is called only if the size is unchanged. If
    it raises SourceError, the file is pending, and the load of this one file fails. A file outside of the root is not
    reported as vanished.
    """
    known = {file.url: file for file in loaded if file.dataset == dataset}
    planned = []
    for file in found:
        before = known.get(file.url)
        state, reason = _compare(file, before, read_fingerprint)
        planned.append(PlannedFile(dataset, file.url, file.size, state, reason, file, before))
    present = {file.url for file in found}
    below = root.rstrip("/") + "/"
    planned += [
        PlannedFile(dataset, url, before.size, "vanished", "loaded, but no longer at the source", loaded=before)
        for url, before in known.items()
        if url not in present and (url.startswith(below) or url == root)
    ]
    return planned


def _compare(
    file: SourceFile, before: LoadedFile | None, read_fingerprint: Callable[[SourceFile], str]
) -> tuple[State, str]:
    if before is None:
        return "new", "not loaded yet"
    if file.size != before.size:
        return "changed", f"{before.size:,} bytes when loaded, {file.size:,} now"
    try:
        fingerprint = file.etag or read_fingerprint(file)
    except SourceError as error:
        return "changed", str(error)
    if fingerprint != before.fingerprint:
        return "changed", "same size, other content"
    if before.rules not in (None, rules_digest()):
        return "to_reread", "read by other rules than today's; load --reread reads it again"
    return "unchanged", "loaded already"
