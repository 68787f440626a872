"""The files at the configured roots, and what a load would do with each. Writes nothing."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from sparkify.datasets import Dataset
from sparkify.errors import SourceError, UsageError
from sparkify.formats import count_of, name_some
from sparkify.loads import ledger
from sparkify.loads.ledger import LoadedFile
from sparkify.loads.moves import find_moved
from sparkify.settings import Config, S3Access
from sparkify.sources.bucket import SCHEME
from sparkify.sources.content import read_fingerprint, read_fingerprints
from sparkify.sources.file import SourceFile, unchanged_state
from sparkify.sources.listing import DATA_NAMES, LeftOut, Listing, list_files, resolve_root
from sparkify.sources.lookup import list_gone
from sparkify.sources.threads import run_all
from sparkify.star.version import open_existing, require_version
from sparkify.validation.version import rules_digest

State = Literal["new", "changed", "moved", "unchanged", "to_reread", "vanished"]
STATES: tuple[State, ...] = get_args(State)


class PlannedFile(NamedTuple):
    """What a load would do with one file, and why.

    `loaded` is the content that is in the warehouse now, if any: that of a moved file has another URL. `is_outdated`
    says that it was read by other rules than today's.
    """

    dataset: Dataset
    url: str
    size: int
    state: State
    reason: str
    file: SourceFile | None = None
    loaded: LoadedFile | None = None
    is_outdated: bool = False

    @property
    def is_pending(self) -> bool:
        return self.state in ("new", "changed")


class Plan(list[PlannedFile]):
    """The files of a plan, dataset by dataset.

    `loaded` are the files that were in the warehouse when it was made, `left_out` is what else is below the roots and
    is no data, and `warnings` are sentences about the files and the roots.
    """

    def __init__(self, files: Iterable[PlannedFile], loaded: list[LoadedFile], left_out: LeftOut) -> None:
        super().__init__(files)
        self.loaded = loaded
        self.left_out = left_out
        self.warnings: list[str] = []

    @property
    def pending(self) -> list[PlannedFile]:
        return [file for file in self if file.is_pending]

    def count_states(self) -> dict[str, int]:
        """The number of files in each state."""
        counts = Counter(file.state for file in self)
        return {state: counts[state] for state in STATES}


def plan(config: Config, *, reread: bool = False, verify: bool = False) -> Plan:
    """What `load` with the same arguments would do, file by file. Writes nothing and creates no warehouse.

    With `verify`, every local file of the same size as when it was loaded is read, also if its times, device and inode
    are the same.
    """
    found = list_sources(config)
    with open_existing(config) as warehouse:
        loaded, reasons = [], {}
        if warehouse is not None:
            reasons = ledger.list_unfinished(warehouse)
            loaded = ledger.list_loaded(warehouse, layout=require_version(warehouse).layout)
        planned = plan_found(config, found, loaded, reread=reread, verify=verify)
        planned[:] = [_with_reason(file, reasons) for file in planned]
        planned.warnings = list_plan_warnings(config, found, planned)
        return planned


def _with_reason(file: PlannedFile, reasons: dict[tuple[str, str], str]) -> PlannedFile:
    """A pending file with the reason why it is pending again, if there is one."""
    reason = reasons.get((file.dataset, file.url))
    if reason is None or not file.is_pending:
        return file
    return file._replace(reason=f"{file.reason}; {reason}" if file.state == "changed" else reason)


def list_sources(config: Config) -> dict[Dataset, Listing]:
    """The data files of each root. Raises UsageError if no root is set, SourceError if one cannot be listed."""
    roots = config.roots
    if not roots:
        raise UsageError("no source is set; give --log-data, --song-data or both, or set them in dwh.cfg")
    # Both at once: a store needs no longer for two lists than for one.
    found = run_all(
        lambda item: list_files(item[1], config.s3_access, config.patterns[item[0]]), roots.items(), len(roots)
    )
    return dict(zip(roots, found, strict=True))


def describe_left_out(root: str, listing: Listing, patterns: Sequence[str]) -> str:
    """A sentence about what is below a root and is no data, or an empty text."""
    if listing:
        return f"below {root}, {listing.left_out}" if listing.left_out.count else ""
    data = f"match {' or '.join(patterns)}" if patterns else DATA_NAMES
    seen = str(listing.left_out) if listing.left_out.count else "the folder is empty"
    return f"there is no data file below {root}: data are files whose names {data}; {seen}"


def list_plan_warnings(config: Config, found: Mapping[Dataset, Listing], planned: Plan) -> list[str]:
    """Sentences about the roots, about files that are gone elsewhere, and about files that were read by older rules."""
    return [*_list_root_warnings(config, found), *_list_gone_warnings(planned), *_list_outdated(planned)]


def _list_root_warnings(config: Config, found: Mapping[Dataset, Listing]) -> list[str]:
    """A sentence for each root without data, and for files below both roots."""
    roots = config.roots
    sentences = [
        sentence
        for dataset, listing in found.items()
        if (sentence := describe_left_out(roots[dataset], listing, config.patterns[dataset]))
    ]
    sentences += [note for listing in found.values() for note in listing.notes]
    urls = [{file.url for file in files} for files in found.values()]
    if len(urls) == len(roots) > 1 and (both := sorted(set.intersection(*urls))):
        sentences.append(
            f"{count_of(len(both), 'file')} below both roots, read as log data and as song data: {name_some(both)}; "
            "give each dataset a folder of its own"
        )
    return sentences


def _list_gone_warnings(planned: Plan) -> list[str]:
    """A sentence for loaded local files outside of the roots that stand nowhere any more: a new file has their name."""
    new = {_last_name(file.url) for file in planned if file.state == "new"}
    if not new:
        return []
    known = {file.loaded.source_id for file in planned if file.loaded is not None}
    elsewhere = [
        file
        for file in planned.loaded
        if _last_name(file.url) in new and file.source_id not in known and not file.url.startswith(SCHEME)
    ]
    urls = list_gone((file.url for file in elsewhere), S3Access())
    gone = [file for file in elsewhere if file.url in urls]
    if not gone:
        return []
    loads = name_some([str(load_id) for load_id in sorted({file.load_id for file in gone})])
    return [
        f"{count_of(len(gone), 'loaded file')} outside of the roots cannot be found any more: "
        f"{name_some([file.url for file in gone])}. The rows stay. If the files were moved and then changed, both "
        f"contents are loaded: sparkify undo removes all that a load brought (here: load {loads})"
    ]


def _last_name(url: str) -> str:
    return url.rpartition("/")[2]


def _list_outdated(planned: Plan) -> list[str]:
    """A sentence for the files that were read by older rules, and one for those of them that have vanished."""
    sentences = []
    if outdated := [file.url for file in planned if file.state in ("to_reread", "moved") and file.is_outdated]:
        sentences.append(
            f"{count_of(len(outdated), 'file')} read by other rules than today's: {name_some(outdated)}; "
            "load --reread reads them again"
        )
    if lost := [file.url for file in planned if file.state == "vanished" and file.is_outdated]:
        sentences.append(
            f"{count_of(len(lost), 'file')} read by other rules than today's and no longer at the source: "
            f"{name_some(lost)}; the rows stay as they are"
        )
    return sentences


def plan_found(
    config: Config,
    found: Mapping[Dataset, Listing],
    loaded: list[LoadedFile],
    *,
    reread: bool = False,
    verify: bool = False,
) -> Plan:
    """What a load would do with each file, dataset by dataset, still without warnings.

    A file is read only where nothing else tells whether it is the loaded one; with `verify`, each local one of the same
    size is. With `reread`, files that were read by other rules than the current ones count as changed.
    """
    roots = config.roots
    planned: list[PlannedFile] = []
    for dataset, files in found.items():
        known = {file.url: file for file in loaded if file.dataset == dataset}
        unsure = [file for file in files if _is_unsure(file, known.get(file.url), verify)]
        read = dict(zip((file.url for file in unsure), read_fingerprints(unsure, config.s3_access), strict=True))
        planned += _plan_files(dataset, resolve_root(roots[dataset]), files, known, read)
    rules = rules_digest(config)
    current = (_with_rules(file, rules, reread) for file in _with_moved(planned, loaded, config))
    return Plan(current, loaded, LeftOut.sum_of(listing.left_out for listing in found.values()))


def list_settled(planned: Sequence[PlannedFile], *states: State) -> dict[int, str]:
    """The states of the local files of a plan whose bytes were read for it and are the loaded ones, by source id."""
    return {
        file.loaded.source_id: state
        for file in planned
        if file.loaded is not None
        and file.file is not None
        and file.state in states
        and file.file.state != file.loaded.stat
        and (state := unchanged_state(file.file)) is not None
    }


def _is_unsure(file: SourceFile, before: LoadedFile | None, verify: bool) -> bool:
    """Whether only its bytes tell whether a file is the loaded one."""
    if before is None or file.size != before.size or file.etag is not None:
        return False
    return verify or file.state is None or file.state != before.stat


def _plan_files(
    dataset: Dataset,
    root: str,
    found: Sequence[SourceFile],
    known: Mapping[str, LoadedFile],
    read: Mapping[str, str | SourceError],
) -> list[PlannedFile]:
    """What a load would do with each file of one root, in the order found, the vanished ones last.

    A file that cannot be read is pending, and the load of this one file fails. A file outside of the root is not
    reported as vanished. `known` are the loaded files of the dataset, `read` the fingerprints of those that were read.
    """
    planned = []
    for file in found:
        before = known.get(file.url)
        state, reason = _compare(file, before, read.get(file.url, file.etag))
        planned.append(PlannedFile(dataset, file.url, file.size, state, reason, file, before))
    present = {file.url for file in found}
    below = root.rstrip("/") + "/"
    planned += [
        PlannedFile(dataset, url, before.size, "vanished", "loaded, but no longer at the source", loaded=before)
        for url, before in known.items()
        if url not in present and (url.startswith(below) or url == root)
    ]
    return planned


def _compare(file: SourceFile, before: LoadedFile | None, fingerprint: str | SourceError | None) -> tuple[State, str]:
    if before is None:
        return "new", "not loaded yet"
    if file.size != before.size:
        return "changed", f"{before.size:,} bytes when loaded, {file.size:,} now"
    if isinstance(fingerprint, SourceError):
        return "changed", str(fingerprint)
    if fingerprint is not None and fingerprint != before.fingerprint:
        return "changed", "same size, other content"
    return "unchanged", "loaded already"


def _with_rules(file: PlannedFile, rules: str, reread: bool) -> PlannedFile:
    """The file, as one to be read again where what is loaded was read by other rules."""
    if file.loaded is None or file.loaded.rules in (None, rules):
        return file
    file = file._replace(is_outdated=True)
    if reread and file.state in ("unchanged", "moved"):
        return file._replace(state="changed", reason="read by other rules than today's")
    if file.state == "unchanged":
        return file._replace(state="to_reread", reason="read by other rules than today's; load --reread reads it again")
    return file


def _with_moved(planned: list[PlannedFile], loaded: list[LoadedFile], config: Config) -> list[PlannedFile]:
    """The plan, where moved files are neither new at one place nor vanished at the other."""
    new = [(file.dataset, file.file) for file in planned if file.state == "new" and file.file is not None]
    listed = {(file.dataset, file.url) for file in planned if file.file is not None}
    absent = [file for file in loaded if (file.dataset, file.url) not in listed]
    access = config.s3_access
    moved = find_moved(new, absent, lambda file: read_fingerprint(file, access), access) if new else {}
    left = {before.source_id for before in moved.values()}
    return [
        file._replace(state="moved", reason=f"loaded from {before.url}, where nothing stands any more", loaded=before)
        if (before := moved.get((file.dataset, file.url)))
        else file
        for file in planned
        if file.state != "vanished" or file.loaded is None or file.loaded.source_id not in left
    ]
