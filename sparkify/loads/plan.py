"""The files at the configured roots, and what a load would do with each. Writes nothing."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Literal, NamedTuple, get_args, overload

from sparkify.addresses import path_of
from sparkify.arguments import checked
from sparkify.datasets import Dataset
from sparkify.errors import SourceError, UsageError
from sparkify.formats import count_of, name_some
from sparkify.loads import ledger
from sparkify.loads.differences import Difference, Namesake, Vanished, compare
from sparkify.loads.ledger import LoadedFile
from sparkify.loads.moves import find_moved
from sparkify.settings import Config, S3Access
from sparkify.sources.content import read_fingerprint, read_fingerprints
from sparkify.sources.file import SourceFile, unchanged_state
from sparkify.sources.listing import DATA_NAMES, LeftOut, Listing, list_files, resolve_root
from sparkify.sources.lookup import list_gone
from sparkify.sources.threads import begin, run_all
from sparkify.star.version import LAYOUT, open_existing, require_version
from sparkify.validation.version import rules_digest
from sparkify.warehouses import Warehouse

State = Literal["new", "changed", "moved", "unchanged", "to_reread", "vanished"]
STATES: tuple[State, ...] = get_args(State)
_NEW: tuple[State, str] = ("new", "not loaded yet")


class PlannedFile(NamedTuple):
    """What a load would do with one file, and why.

    `loaded` is the content that is in the warehouse now, if any: that of a moved file has another URL. Of a file that
    is simply unchanged or vanished, the plan does not know it. `is_outdated` says that it was read by other rules than
    today's.
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


class Plan(Sequence[PlannedFile]):
    """The files of a plan, dataset by dataset, in the order of their listing, and the vanished ones last.

    `looked_at` are the listed files that are not simply unchanged; the others are made as they are asked for: there
    may be very many. `namesakes` are loaded local files elsewhere with the name of a new one. `warnings` are
    sentences about the files and the roots.
    """

    def __init__(
        self,
        found: Mapping[Dataset, Listing],
        looked_at: list[PlannedFile],
        vanished: Sequence[PlannedFile] = (),
        namesakes: Sequence[Namesake] = (),
    ) -> None:
        self.looked_at = looked_at
        self.vanished = vanished
        self.namesakes = namesakes
        self.left_out: LeftOut = LeftOut.sum_of(listing.left_out for listing in found.values())
        self.warnings: list[str] = []
        self._found = found

    def __len__(self) -> int:
        return sum(map(len, self._found.values())) + len(self.vanished)

    def __repr__(self) -> str:
        return f"Plan({', '.join(f'{state}={count}' for state, count in self.count_states().items() if count)})"

    def __iter__(self) -> Iterator[PlannedFile]:
        for dataset, listing in self._found.items():
            known = {file.url: file for file in self.looked_at if file.dataset == dataset}
            for file in listing:
                yield known.get(file.url) or _unchanged(dataset, file)
            yield from (file for file in self.vanished if file.dataset == dataset)

    @overload
    def __getitem__(self, place: int) -> PlannedFile: ...
    @overload
    def __getitem__(self, place: slice) -> list[PlannedFile]: ...
    def __getitem__(self, place: int | slice) -> PlannedFile | list[PlannedFile]:
        return self._every[place]

    @cached_property
    def _every(self) -> list[PlannedFile]:
        return list(self)

    @property
    def pending(self) -> list[PlannedFile]:
        return [file for file in self.looked_at if file.is_pending]

    def count_states(self) -> dict[str, int]:
        """The number of files in each state."""
        counts = Counter(file.state for file in chain(self.looked_at, self.vanished))
        counts["unchanged"] += len(self) - counts.total()
        return {state: counts[state] for state in STATES}


def _unchanged(dataset: Dataset, file: SourceFile) -> PlannedFile:
    return PlannedFile(dataset, file.url, file.size, "unchanged", "loaded already", file)


@checked
def plan(config: Config, *, reread: bool = False, verify: bool = False) -> Plan:
    """What `load` with the same arguments would do, file by file. Writes nothing and creates no warehouse.

    With `verify`, every local file of the same size as when it was loaded is read, also if its times, device and inode
    are the same.
    """
    found = list_sources(config)
    with open_existing(config) as warehouse:
        if warehouse is None:
            planned = _plan_all_new(found)
        else:
            layout = require_version(warehouse).layout
            planned = plan_found(warehouse, config, found, layout=layout, reread=reread, verify=verify)
            reasons = ledger.list_unfinished(warehouse)
            planned.looked_at = [_with_reason(file, reasons) for file in planned.looked_at]
        planned.warnings = list_plan_warnings(config, found, planned)
        return planned


def _plan_all_new(found: Mapping[Dataset, Listing]) -> Plan:
    return Plan(
        found,
        [PlannedFile(dataset, file.url, file.size, *_NEW, file) for dataset, files in found.items() for file in files],
    )


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


def begin_listing(config: Config) -> Callable[[], dict[Dataset, Listing]]:
    """Like `list_sources`, but folders of this machine are listed meanwhile: the function waits for that.

    A root that cannot be a folder raises at once. Before a first load everything is listed at once: where that fails,
    no file of a warehouse is made.
    """
    roots, file = config.roots.values(), path_of(config.warehouse_address)
    # Path's methods raise for some paths; listing them then says why.
    is_first = file is not None and not os.path.lexists(file)
    if roots and not is_first and all(os.path.isdir(root) for root in roots):  # noqa: PTH112
        return begin(lambda: list_sources(config)).result
    found = list_sources(config)
    return lambda: found


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
    # Most often one of them is small.
    *others, largest = sorted(found.values(), key=len)
    urls = {file.url for files in others for file in files}
    if both := sorted(file.url for file in largest if file.url in urls):
        sentences.append(
            f"{count_of(len(both), 'file')} below both roots, read as log data and as song data: {name_some(both)}; "
            "give each dataset a folder of its own"
        )
    return sentences


def _list_gone_warnings(planned: Plan) -> list[str]:
    """A sentence for loaded local files outside of the roots that stand nowhere any more: a new file has their name."""
    if not planned.namesakes:
        return []
    new = {_last_name(file.url) for file in planned.looked_at if file.state == "new"}
    elsewhere = [file for file in planned.namesakes if _last_name(file.url) in new]
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
    if outdated := [
        file.url for file in planned.looked_at if file.state in ("to_reread", "moved") and file.is_outdated
    ]:
        sentences.append(
            f"{count_of(len(outdated), 'file')} read by other rules than today's: {name_some(outdated)}; "
            "load --reread reads them again"
        )
    if lost := [file.url for file in planned.vanished if file.is_outdated]:
        sentences.append(
            f"{count_of(len(lost), 'file')} read by other rules than today's and no longer at the source: "
            f"{name_some(lost)}; the rows stay as they are"
        )
    return sentences


def plan_found(
    warehouse: Warehouse,
    config: Config,
    found: Mapping[Dataset, Listing],
    *,
    layout: int = LAYOUT,
    reread: bool = False,
    verify: bool = False,
) -> Plan:
    """What a load would do with each file, dataset by dataset, still without warnings.

    A file is read only where nothing else tells whether it is the loaded one; with `verify`, each local one of the same
    size is. With `reread`, files that were read by other rules than the current ones count as changed. `layout` is that
    of the warehouse.
    """
    roots = {dataset: resolve_root(root) for dataset, root in config.roots.items()}
    known = ledger.known_files_sql(layout, rules_digest(config))
    with compare(warehouse, known, found, roots) as comparison:
        if comparison is None:
            return _plan_all_new(found)
        looked_at = [
            file for dataset in found for file in _look_at(comparison.list_different(dataset, verify), dataset, config)
        ]
        vanished = comparison.list_vanished()
        moved, namesakes = {}, []
        if any(file.state == "new" for file in looked_at):
            moved = _find_moved(looked_at, comparison.list_candidates(), config)
            namesakes = comparison.list_namesakes()
    left = {(before.dataset, before.url) for before in moved.values()}
    return Plan(
        found,
        [_with_rules(_with_place(file, moved), reread=reread) for file in looked_at],
        [_vanished(file) for file in vanished if (file.dataset, file.url) not in left],
        [file for file in namesakes if (file.dataset, file.url) not in left],
    )


def still_holds(
    warehouse: Warehouse, config: Config, planned: Sequence[PlannedFile], *, reread: bool, verify: bool
) -> bool:
    """Whether a plan of the same files says the same of those that this one changes something about."""
    to_change = [one for one in planned if one.is_pending or one.state == "moved"]
    listed = {
        dataset: Listing([one.file for one in to_change if one.dataset == dataset and one.file is not None], [])
        for dataset in config.roots
    }
    again = plan_found(warehouse, config, listed, reread=reread, verify=verify)
    return _decisions(again.looked_at) == _decisions(to_change)


def _decisions(files: Iterable[PlannedFile]) -> dict[tuple[str, str], tuple[str, int | None]]:
    """What a plan says about each file that a load changes something about."""
    return {
        (one.dataset, one.url): (one.state, one.loaded.source_id if one.loaded is not None else None)
        for one in files
        if one.is_pending or one.state == "moved"
    }


def list_settled(planned: Plan, *states: State) -> dict[int, str]:
    """The states of the local files of a plan whose bytes were read for it and are the loaded ones, by source id."""
    return {
        file.loaded.source_id: state
        for file in planned.looked_at
        if file.loaded is not None
        and file.file is not None
        and file.state in states
        and file.file.state != file.loaded.stat
        and (state := unchanged_state(file.file)) is not None
    }


def _look_at(differences: Iterable[Difference], dataset: Dataset, config: Config) -> list[PlannedFile]:
    """What a load would do with each file, wherever it was before. Those that are unsure are read."""
    looked_at, unsure = [], []
    for place, one in enumerate(differences):
        if one.kind == "unsure":
            unsure.append((place, one))
        looked_at.append(_plan_file(dataset, one))
    read = read_fingerprints([one.file for _, one in unsure], config.s3_access)
    for (place, one), fingerprint in zip(unsure, read, strict=True):
        looked_at[place] = _plan_file(dataset, one, fingerprint)
    return looked_at


def _plan_file(dataset: Dataset, one: Difference, fingerprint: str | SourceError | None = None) -> PlannedFile:
    """A file that cannot be read is pending, and the load of this one file fails."""
    state, reason = _judge(one, fingerprint)
    is_outdated = one.loaded is not None and one.loaded.is_outdated
    return PlannedFile(dataset, one.file.url, one.file.size, state, reason, one.file, one.loaded, is_outdated)


def _judge(one: Difference, fingerprint: str | SourceError | None) -> tuple[State, str]:
    if one.loaded is None:
        return _NEW
    if one.kind == "other_size":
        return "changed", f"{one.loaded.size:,} bytes when loaded, {one.file.size:,} now"
    if isinstance(fingerprint, SourceError):
        return "changed", str(fingerprint)
    if one.kind == "other_content" or (one.kind == "unsure" and fingerprint != one.loaded.fingerprint):
        return "changed", "same size, other content"
    return "unchanged", "loaded already"


def _find_moved(
    looked_at: Sequence[PlannedFile], candidates: Sequence[LoadedFile], config: Config
) -> dict[tuple[str, str], LoadedFile]:
    """The loaded file that each moved file was, by dataset and URL."""
    if not candidates:
        return {}
    new = [(file.dataset, file.file) for file in looked_at if file.state == "new" and file.file is not None]
    access = config.s3_access
    return find_moved(new, candidates, lambda file: read_fingerprint(file, access), access)


def _with_place(file: PlannedFile, moved: Mapping[tuple[str, str], LoadedFile]) -> PlannedFile:
    """The file, as a moved one where it is."""
    before = moved.get((file.dataset, file.url)) if moved else None
    if before is None:
        return file
    reason = f"loaded from {before.url}, where nothing stands any more"
    return file._replace(state="moved", reason=reason, loaded=before, is_outdated=before.is_outdated)


def _with_rules(file: PlannedFile, *, reread: bool) -> PlannedFile:
    """The file, as one to be read again where what is loaded was read by other rules."""
    if not file.is_outdated:
        return file
    if reread and file.state in ("unchanged", "moved"):
        return file._replace(state="changed", reason="read by other rules than today's")
    if file.state == "unchanged":
        return file._replace(state="to_reread", reason="read by other rules than today's; load --reread reads it again")
    return file


def _vanished(file: Vanished) -> PlannedFile:
    reason = "loaded, but no longer at the source"
    return PlannedFile(file.dataset, file.url, file.size, "vanished", reason, is_outdated=file.is_outdated)
