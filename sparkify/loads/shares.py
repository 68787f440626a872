"""A load that several machines share: its plan as a file, the parts that they judge, and the parts together.

    sparkify plan -o FILE -> sparkify stage --plan FILE --part i/n, on any machines -> sparkify load --staged FILE

Who stages a part needs the file, the sources and the stage, and no warehouse: the file says which source id each file
has. The load then is one as any other, except that its records are in the stage already. It makes sure that the ledger
has not overtaken the plan. Everything of a plan is in one folder of the stage; what is noted of a part comes last.
"""

import datetime as dt
import heapq
import os
import re
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import structs

from sparkify._version import __version__
from sparkify.arguments import checked
from sparkify.datasets import DATASETS, Dataset
from sparkify.errors import UsageError
from sparkify.formats import count_of, name_some
from sparkify.loads import ledger
from sparkify.loads.chosen import ChosenFiles
from sparkify.loads.plan import Plan, PlannedFile, list_plan_warnings, list_sources, plan_found, still_holds
from sparkify.loads.progress import OnProgress, Reporter, seconds_since
from sparkify.loads.reading import choose_files, open_reading
from sparkify.outputs import Kind, open_output
from sparkify.settings import Config
from sparkify.sources.bundles import FileRead
from sparkify.sources.file import SourceFile
from sparkify.sources.listing import LeftOut
from sparkify.star.version import LAYOUT, open_to_read
from sparkify.validation.version import rules_digest
from sparkify.warehouses import Appended, Part, Sent, Staged, Warehouse, find_shared_stage, open_shared_stage

PLAN = Kind("a plan", re.compile(rb'\{"format":"sparkify plan"'))
_NOTE = re.compile(r"part-(\d+)-of-(\d+)\.json")
_MOST_PARTS = 10_000
# What opening a file costs, in bytes of reading.
_BYTES_OF_A_FILE = 16_384
_Pair = tuple[int, SourceFile]


class SavedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What `sparkify plan -o` writes. It holds no secret.

    `stage` is the plan's folder there. `load_id` and `first_source_id` are those that the load gets if the ledger stays
    as it is. `counts` are the files by state; `files` are those that a load changes something about.
    """

    format: Literal["sparkify plan"] = "sparkify plan"
    version: Literal[1] = 1
    made_at: dt.datetime
    program: str
    layout: int
    rules: str
    warehouse: str
    stage: str
    slices: int
    roots: dict[Dataset, str]
    reread: bool
    verify: bool
    load_id: int
    first_source_id: int
    counts: dict[str, int]
    left_out: LeftOut
    warnings: list[str]
    files: list[PlannedFile]

    def to_plan(self) -> Plan:
        """The plan, as the load has it."""
        return _Restored(self)


class _Restored(Plan):
    """A plan without its listing."""

    def __init__(self, saved: SavedPlan) -> None:
        super().__init__({}, list(saved.files))
        self.left_out = saved.left_out
        self.warnings = list(saved.warnings)
        self._counts = saved.counts

    def count_states(self) -> dict[str, int]:
        return dict(self._counts)


class _Noted(msgspec.Struct):
    """What was noted of the records of one dataset in a part: an `Appended`."""

    files: list[FileRead]
    read: dict[int, int]
    repaired: dict[int, int]
    names: list[tuple[str, str, int]]
    unknown_keys: list[str]

    @classmethod
    def of(cls, taken: Appended) -> "_Noted":
        names = [(known, name, records) for (known, name), records in taken.names.items()]
        return cls(
            list(taken.files.values()), dict(taken.read), dict(taken.repaired), names, sorted(taken.unknown_keys)
        )

    def add_to(self, taken: Appended) -> None:
        names = Counter({(known, name): records for known, name, records in self.names})
        one = Appended({}, Counter(self.read), Counter(self.repaired), names, set(self.unknown_keys))
        taken.add(self.files, one)


class _Note(msgspec.Struct):
    """What a machine has staged of a plan: the parts of each table, and what it noted of each dataset."""

    parts: dict[str, list[Part]]
    taken: dict[Dataset, _Noted]


@dataclass(frozen=True)
class StagedPart:
    """What staging a part of a plan did. `errors` are sentences about files that could not be read."""

    part: str
    files: int
    records: dict[str, int]
    rows: dict[str, int]
    bytes: int
    errors: list[str]
    seconds: float


# ---- the plan as a file ----


@checked
def save_plan(config: Config, file: str | os.PathLike[str], *, reread: bool = False, verify: bool = False) -> Plan:
    """Plan a load as `plan` does, and write the plan into a file for `stage` and `load`. Changes no warehouse.

    Raises UsageError for a warehouse that several machines cannot load together.
    """
    found = list_sources(config)
    with open_to_read(config) as warehouse:
        stage, slices = find_shared_stage(warehouse, config, uuid.uuid4().hex)
        planned = plan_found(warehouse, config, found, reread=reread, verify=verify)
        planned.warnings = list_plan_warnings(config, found, planned)
        saved = SavedPlan(
            made_at=dt.datetime.now(dt.UTC).replace(tzinfo=None),
            program=__version__,
            layout=LAYOUT,
            rules=rules_digest(config),
            warehouse=warehouse.address,
            stage=stage,
            slices=slices,
            roots=config.roots,
            reread=reread,
            verify=verify,
            load_id=ledger.next_load_id(warehouse),
            first_source_id=ledger.next_source_id(warehouse),
            counts=planned.count_states(),
            left_out=planned.left_out,
            warnings=planned.warnings,
            files=[one for one in planned.looked_at if one.is_pending or one.state == "moved"],
        )
    try:
        content = msgspec.json.encode(saved)
    except UnicodeEncodeError:
        raise UsageError(
            "a path that is not UTF-8 cannot stand in a plan; rename the file, or load without -o"
        ) from None
    with open_output(file, config, PLAN) as stream:
        stream.write(content + b"\n")
    return planned


def read_plan(file: str | os.PathLike[str]) -> SavedPlan:
    """Read what `save_plan` wrote. Raises UsageError."""
    name, again = os.fspath(file), "write it anew with sparkify plan -o FILE"
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"the plan {name} cannot be read: {error.strerror}") from None
    if not PLAN.beginning.match(content):
        raise UsageError(f"{name} is no plan of sparkify; {again}")
    try:
        return msgspec.json.decode(content, type=SavedPlan)
    except msgspec.DecodeError as error:
        raise UsageError(f"the plan {name} is damaged, or of another version of sparkify ({error}); {again}") from None


def _check_rules(saved: SavedPlan, config: Config) -> None:
    """Raises UsageError if records would be judged otherwise than where the plan was made."""
    if (saved.layout, saved.rules) != (LAYOUT, rules_digest(config)):
        raise UsageError(
            f"the plan was made by sparkify {saved.program} with other rules or keys than those of this one "
            f"({__version__}); use the same version and the same [EVENT_KEYS] and [SONG_KEYS] everywhere, or plan anew"
        )


# ---- a part ----


def parse_part(text: str) -> tuple[int, int]:
    """Number and count of a part such as `2/4`. Raises UsageError."""
    found = re.fullmatch(r"(\d{1,5})/(\d{1,5})", text)
    number, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= count <= _MOST_PARTS:
        raise UsageError(f"{text!r} is no part; give its number and how many there are, such as 2/4")
    return number, count


def choose_share(chosen: Mapping[Dataset, ChosenFiles], number: int, count: int) -> dict[Dataset, list[_Pair]]:
    """The files of one part of so many: each file is in exactly one of them, and all have about the same bytes."""
    pairs = [(dataset, pair) for dataset in DATASETS for pair in chosen[dataset]]
    # The largest first, each to the part that has least.
    places = sorted(range(len(pairs)), key=lambda place: (-pairs[place][1][1].size, place))
    parts = [(0, part) for part in range(1, count + 1)]
    own = []
    for place in places:
        size, part = parts[0]
        heapq.heapreplace(parts, (size + pairs[place][1][1].size + _BYTES_OF_A_FILE, part))
        if part == number:
            own.append(place)
    own.sort()
    return {dataset: [pairs[place][1] for place in own if pairs[place][0] == dataset] for dataset in DATASETS}


@checked
def stage(
    config: Config,
    plan: str | os.PathLike[str],
    part: str,
    *,
    on_progress: OnProgress = lambda progress: None,
) -> StagedPart:
    """Read and judge the files of one part of a saved plan, such as `2/4`, and put their rows into the stage.

    Staging a part again replaces it as a whole. A file that cannot be read does not raise: it is in `errors`, and fails
    alone in the load. Raises UsageError for a plan that does not fit, SourceError if the stage cannot be written.
    """
    from sparkify.warehouses.remote import send

    started = time.monotonic()
    number, count = parse_part(part)
    saved = read_plan(plan)
    _check_rules(saved, config)
    chosen = choose_files(saved.to_plan(), saved.first_source_id)
    share = choose_share(chosen, number, count)
    files = [file for pairs in share.values() for _, file in pairs]
    reporter = Reporter(on_progress, None, len(files), sum(file.size for file in files))
    store = open_shared_stage(saved.warehouse, saved.stage, saved.slices, config)
    with open_reading(config, chosen, reporter, share) as incoming:
        # A folder of its own: the note names it, so what another attempt left there is never taken.
        sent = send(config, saved.load_id, store.at(f"part-{number}-of-{count}-{uuid.uuid4().hex}"), incoming)
    note = _Note(sent.parts, {dataset: _Noted.of(taken) for dataset, taken in sent.taken.items()})
    store.put(f"part-{number}-of-{count}.json", msgspec.json.encode(note))
    errors = [end.error for taken in sent.taken.values() for end in taken.files.values() if end.error is not None]
    return StagedPart(
        f"{number}/{count}",
        len(files),
        {"read": sum(taken.read.total() for taken in sent.taken.values())},
        {table: sum(one.rows for one in parts) for table, parts in sent.parts.items()},
        sum(one.size for parts in sent.parts.values() for one in parts),
        errors,
        seconds_since(started),
    )


# ---- all parts ----


class StagedWork:
    """What a load is to do of a saved plan whose parts are staged: a `Work`."""

    def __init__(self, config: Config, file: str | os.PathLike[str]) -> None:
        """Raises UsageError for a plan that does not fit the settings."""
        self._file = os.fspath(file)
        self._saved = read_plan(file)
        _check_rules(self._saved, config)
        # Those of the plan, wherever it is loaded from.
        roots = {"log_data": self._saved.roots.get("events"), "song_data": self._saved.roots.get("songs")}
        self.config = structs.replace(config, **roots)
        if config.warehouse is None and config.host is None:
            self.config = self.config.at(self._saved.warehouse)
        self._sent = Sent()

    @property
    def _store(self) -> Any:
        saved = self._saved
        return open_shared_stage(saved.warehouse, saved.stage, saved.slices, self.config)

    def plan(self, warehouse: Warehouse) -> Plan:
        """The saved plan, if it still holds and all its parts are staged. Raises UsageError."""
        folder, plan_id = self._saved.stage.rsplit("plan-", 1)
        if find_shared_stage(warehouse, self.config, plan_id)[0] != self._saved.stage:
            raise UsageError(
                f"the plan {self._file} is for the warehouse {self._saved.warehouse} and the stage {folder}; give the "
                "same --warehouse and --stage as where it was made"
            )
        planned = self._saved.to_plan()
        are_ids_taken = ledger.next_source_id(warehouse) != self._saved.first_source_id
        if are_ids_taken or not self.still_holds(warehouse, planned):
            if are_ids_taken:
                # It can never be loaded any more. Maybe it was, and nobody heard of the commit.
                self._store.clear()
            raise UsageError(
                f"the ledger has overtaken the plan {self._file}: its files were loaded since, or another load came "
                "between; make a new plan with sparkify plan -o FILE, which names what is left"
            )
        self._sent = self._read_parts() if planned.pending else Sent()
        return planned

    def still_holds(self, warehouse: Warehouse, planned: Plan) -> bool:
        """Whether the ledger says the same of the plan's files still."""
        saved = self._saved
        return still_holds(warehouse, self.config, saved.files, reread=saved.reread, verify=saved.verify)

    def _read_parts(self) -> Sent:
        store = self._store
        present: dict[str, int] = store.list()
        notes = [(int(found[1]), int(found[2])) for name in present if (found := _NOTE.fullmatch(name))]
        counts = {count: {number for number, of in notes if of == count} for _, count in notes}
        whole = [count for count, numbers in counts.items() if len(numbers) == count]
        if not whole:
            raise UsageError(self._say_missing(counts))
        sent = Sent()
        for number in range(1, min(whole) + 1):
            note = msgspec.json.decode(store.read(f"part-{number}-of-{min(whole)}.json"), type=_Note)
            for table, parts in note.parts.items():
                if any(present.get(one.url.removeprefix(f"{self._saved.stage}/")) != one.size for one in parts):
                    raise UsageError(
                        f"part {number}/{min(whole)} of the plan {self._file} is not complete in the stage; stage it "
                        f"again with sparkify stage --plan {self._file} --part {number}/{min(whole)}"
                    )
                sent.parts.setdefault(table, []).extend(parts)
            for dataset in DATASETS:
                if dataset in note.taken:
                    note.taken[dataset].add_to(sent.taken.setdefault(dataset, Appended()))
        sent.taken = {dataset: sent.taken[dataset] for dataset in DATASETS if dataset in sent.taken}
        return sent

    def _say_missing(self, counts: dict[int, set[int]]) -> str:
        if not counts:
            return (
                f"no part of the plan {self._file} is staged; run sparkify stage --plan {self._file} --part 1/1, or a "
                "command for each part of several"
            )
        count, numbers = max(counts.items(), key=lambda item: len(item[1]) / item[0])
        missing = [f"{number}/{count}" for number in range(1, count + 1) if number not in numbers]
        return (
            f"{count_of(len(missing), 'part')} of the plan {self._file} not staged: {name_some(missing)}; run sparkify "
            f"stage --plan {self._file} --part {missing[0]}"
        )

    def list_warnings(self, planned: Plan) -> list[str]:
        """The plan's."""
        return planned.warnings

    @contextmanager
    def open_rows(
        self, warehouse: Warehouse, load_id: int, chosen: Mapping[Dataset, ChosenFiles], reporter: Reporter
    ) -> Iterator[Staged]:
        """What is in the stage; see `Intake.stage`."""
        with warehouse.intake.take(load_id, self._sent) as staged:
            yield Staged(lambda: self._adopted(warehouse, load_id, staged), staged.are_kept)

    def _adopted(self, warehouse: Warehouse, load_id: int, staged: Staged) -> Iterator[tuple[Dataset, Appended]]:
        for number, item in enumerate(staged.take()):
            # The rejects of all datasets came with the first one.
            if number == 0 and load_id != self._saved.load_id:
                ledger.adopt_rejects(warehouse, self._saved.first_source_id, load_id)
            yield item

    def finish(self) -> None:
        """Delete the parts: they are loaded."""
        self._store.clear()
