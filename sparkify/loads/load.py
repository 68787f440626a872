"""The load: its steps in order, and its transactions.

One short transaction plans and begins the load. A second one does all the work, or none of it: it brings the records to
staging, removes replaced contents, updates the star, writes the ledger and runs the checks. An engine on another
machine reads, judges and sends the records between the two.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, Protocol

from sparkify._version import __version__
from sparkify.arguments import checked
from sparkify.datasets import Dataset
from sparkify.errors import ConflictError, LostSessionError, SparkifyError, TooManyRejectsError
from sparkify.loads import ledger
from sparkify.loads.chosen import ChosenFiles
from sparkify.loads.ledger import FileEntry, LedgerState, LoadedFile, LoadEntry
from sparkify.loads.limit import RejectLimit, refuse
from sparkify.loads.migrate import bring_up_to_date
from sparkify.loads.plan import Plan, begin_listing, list_plan_warnings, list_settled, plan_found, still_holds
from sparkify.loads.progress import OnEvent, OnProgress, Reporter, seconds_since, utc_now
from sparkify.loads.reading import choose_files, list_entries, open_reading
from sparkify.loads.result import LoadResult
from sparkify.loads.retry import Attempts, lock_again
from sparkify.loads.warnings import Brought, Delivery, Replaced, list_notes, list_warnings
from sparkify.settings import Config
from sparkify.sources.listing import Listing
from sparkify.star.changes import Mode, StarChange, choose_mode
from sparkify.star.checks import CheckResult
from sparkify.star.tables import count_rows, count_rows_and_matches, list_counts
from sparkify.validation.version import rules_digest
from sparkify.warehouses import Appended, Staged, Warehouse, open_warehouse, wait_while_locked


@checked
def load(
    config: Config,
    *,
    on_progress: OnProgress = lambda progress: None,
    on_event: OnEvent | None = None,
    max_rejects: str | int | None = None,
    reread: bool = False,
    verify: bool = False,
    staged: str | os.PathLike[str] | None = None,
) -> LoadResult:
    """Load new and changed files, each exactly once.

    `on_event` is called with a dictionary at each step: `event` is started, file, refreshed, committed or failed, and
    `load_id` is the load. On Redshift, `file` and `refreshed` come again where a conflict ended the transaction and the
    load repeats it. `max_rejects` is a number of records (`100`) or a share of the records read (`"1%"`); with
    more rejects the load fails. With `reread`, files that were read by other rules are replaced too. With `verify`,
    local files are read even where nothing says that they have changed. `staged` is the file of a plan whose parts are
    staged: they are loaded, and no source is looked at.

    Raises SourceError, EngineError, CheckError or TooManyRejectsError. Then only its row in load_history and, after too
    many rejects, the rejects stay in the warehouse. A file that cannot be read does not raise: the other files load,
    the status is `partial` and `errors` names the file.
    """
    options = _Options(on_progress, on_event, RejectLimit.parse(max_rejects))
    if staged is not None:
        from sparkify.loads.shares import StagedWork

        work = StagedWork(config, staged)
        with open_warehouse(work.config) as warehouse:
            return _load(warehouse, work.config, lambda: work, options)
    wait_for_listing = begin_listing(config)
    with open_warehouse(config) as warehouse:
        return _load(warehouse, config, lambda: _Listed(config, wait_for_listing(), reread, verify), options)


def load_into(warehouse: Warehouse, config: Config, *, on_progress: OnProgress = lambda progress: None) -> LoadResult:
    """Like `load`, into a warehouse that is already open."""
    wait_for_listing = begin_listing(config)
    return _load(warehouse, config, lambda: _Listed(config, wait_for_listing()), _Options(on_progress))


@dataclass(frozen=True)
class _Options:
    """The caller's callbacks, the limit of rejects, and the attempts that are left."""

    on_progress: OnProgress = lambda progress: None
    on_event: OnEvent | None = None
    limit: RejectLimit | None = None
    attempts: Attempts = field(default_factory=Attempts)


class Work(Protocol):
    """What a load is to do: its plan, and its rows."""

    def plan(self, warehouse: Warehouse) -> Plan:
        """The plan, in the open transaction."""

    def list_warnings(self, planned: Plan) -> list[str]:
        """Sentences about the files and the roots."""

    def open_rows(
        self, warehouse: Warehouse, load_id: int, chosen: Mapping[Dataset, ChosenFiles], reporter: Reporter
    ) -> AbstractContextManager[Staged]:
        """The rows of the pending files; see `Intake.stage`."""

    def still_holds(self, warehouse: Warehouse, planned: Plan) -> bool:
        """Whether the ledger says the same of the plan's files still, in the open transaction."""

    def finish(self) -> None:
        """Clean up after the commit."""


@dataclass(frozen=True)
class _Listed:
    """The files that were found at the roots. With `reread` and `verify`, unchanged ones are looked at again."""

    config: Config
    found: dict[Dataset, Listing]
    reread: bool = False
    verify: bool = False

    def plan(self, warehouse: Warehouse) -> Plan:
        return plan_found(warehouse, self.config, self.found, reread=self.reread, verify=self.verify)

    def list_warnings(self, planned: Plan) -> list[str]:
        return list_plan_warnings(self.config, self.found, planned)

    @contextmanager
    def open_rows(
        self, warehouse: Warehouse, load_id: int, chosen: Mapping[Dataset, ChosenFiles], reporter: Reporter
    ) -> Iterator[Staged]:
        with (
            open_reading(self.config, chosen, reporter) as incoming,
            warehouse.intake.stage(load_id, incoming) as staged,
        ):
            yield staged

    def still_holds(self, warehouse: Warehouse, planned: Plan) -> bool:
        return still_holds(warehouse, self.config, planned.looked_at, reread=self.reread, verify=self.verify)

    def finish(self) -> None:
        """Nothing is left to do."""


@dataclass(frozen=True)
class _Begun:
    """A load that is in the ledger: its id, its work and its reporter. `state` is the ledger's when it was planned."""

    warehouse: Warehouse
    config: Config
    work: Work
    planned: Plan
    state: LedgerState
    chosen: dict[Dataset, ChosenFiles]
    limit: RejectLimit | None
    reporter: Reporter
    entry: LoadEntry


@dataclass(frozen=True)
class _Outcome:
    """The result for the pending files: what came of each dataset, the contents that left, the errors, and warnings."""

    brought: list[Brought] = field(default_factory=list)
    replaced: list[Replaced] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    broken: list[CheckResult] = field(default_factory=list)

    @property
    def entries(self) -> list[FileEntry]:
        return [entry for brought in self.brought for entry in brought.entries]

    @property
    def unknown_keys(self) -> dict[str, list[str]]:
        return {brought.dataset: list(brought.unknown_keys) for brought in self.brought}

    @property
    def loaded(self) -> list[FileEntry]:
        return [entry for entry in self.entries if entry.status == "loaded"]

    @property
    def records(self) -> dict[str, int]:
        return ledger.add_up(brought.total for brought in self.brought)._asdict()

    @property
    def status(self) -> Literal["loaded", "partial", "failed"]:
        if not self.errors:
            return "loaded"
        return "partial" if self.loaded else "failed"

    def refused(self) -> "_Outcome":
        """The same result with every file failed: only the rejects are kept."""
        return _Outcome([replace(brought, entries=_all_failed(brought.entries)) for brought in self.brought])


_Done = tuple[_Outcome, StarChange, TooManyRejectsError | None]


def _all_failed(entries: list[FileEntry]) -> list[FileEntry]:
    return [entry._replace(status="failed", records=entry.records._replace(loaded=0, repaired=0)) for entry in entries]


def _load(warehouse: Warehouse, config: Config, find_work: Callable[[], Work], options: _Options) -> LoadResult:
    return options.attempts.run(lambda: _load_once(warehouse, config, find_work, options))


def _load_once(warehouse: Warehouse, config: Config, find_work: Callable[[], Work], options: _Options) -> LoadResult:
    started = time.monotonic()
    # In its own transaction: a load locks the ledger before it reads anything, so the ledger must exist.
    bring_up_to_date(warehouse)
    work = find_work()
    planned, begun = wait_while_locked(config, lambda: _plan(warehouse, config, work, options))
    if begun is None:
        planned.warnings = work.list_warnings(planned)
        return _result(warehouse, planned, started)
    try:
        planned.warnings = work.list_warnings(planned)
        with work.open_rows(warehouse, begun.entry.load_id, begun.chosen, begun.reporter) as staged:
            done = _bring_kept(begun, staged, options.attempts) if staged.are_kept else _bring(begun, staged)
            if done is None:
                raise ConflictError("another load changed the warehouse first; try again")
            outcome, change, refusal = done
    except BaseException as error:
        _note_failure(begun, error)
        raise
    if refusal is not None:
        begun.reporter.emit("failed", error=str(refusal))
        raise refusal
    work.finish()
    begun.reporter.emit("committed", records=outcome.records, seconds=seconds_since(started))
    return _result(warehouse, planned, started, (begun, outcome, change))


def _plan(warehouse: Warehouse, config: Config, work: Work, options: _Options) -> tuple[Plan, _Begun | None]:
    """Plan the load in a transaction of its own, and begin it if files are pending."""
    with warehouse.load_transaction():
        # Before anything else, so that a load which has to wait does so at once.
        at_work = warehouse.intake.claim()
        planned = work.plan(warehouse)
        begun = _begin(warehouse, config, work, planned, options, at_work) if planned.pending else None
        ledger.note_states(warehouse, list_settled(planned, "unchanged", "to_reread"))
        if begun is None:
            _move_files(warehouse, planned)
    return planned, begun


def _bring_kept(begun: _Begun, staged: Staged, attempts: Attempts) -> _Done | None:
    """Like `_bring`, again after a conflict, and once more where the session broke before the commit."""
    bring = partial(_bring, begun, staged)
    try:
        return attempts.run(bring)
    except LostSessionError:
        return attempts.run(bring)


def _bring(begun: _Begun, staged: Staged) -> _Done | None:
    """Do the load in its own transaction; None if what was planned does not hold any more."""
    with lock_again(begun.warehouse):
        return _run(begun, staged.take()) if _still_holds(begun) else None


def _still_holds(begun: _Begun) -> bool:
    now = ledger.read_state(begun.warehouse)
    if now == begun.state:
        return True
    # What was undone or replayed of other files does not matter.
    are_ids_free = now.next_source_id == begun.state.next_source_id
    return are_ids_free and begun.work.still_holds(begun.warehouse, begun.planned)


def _move_files(warehouse: Warehouse, planned: Plan) -> None:
    # A moved file that is read again counts as changed.
    pairs = [(file.loaded, file.url) for file in planned.looked_at if file.loaded is not None]
    ledger.move_files(warehouse, [(loaded, url) for loaded, url in pairs if loaded.url != url])
    ledger.note_states(warehouse, list_settled(planned, "moved"))


def _begin(warehouse: Warehouse, config: Config, work: Work, planned: Plan, options: _Options, at_work: str) -> _Begun:
    """Record that the load runs, in the transaction that planned it."""
    # Only a load needs it. What is wrong with the library is told before anything is recorded.
    from sparkify.validation import native

    native.find()
    started_at = utc_now()
    load_id = ledger.begin_load(warehouse, started_at, __version__, at_work)
    pending = planned.pending
    reporter = Reporter(
        options.on_progress, options.on_event, len(pending), sum(file.size for file in pending), load_id=load_id
    )
    reporter.emit("started", files=reporter.total_files, bytes=reporter.total_bytes)
    state = ledger.read_state(warehouse)
    chosen = choose_files(planned, state.next_source_id)
    entry = LoadEntry(load_id, started_at, None, "running", None, __version__)
    return _Begun(warehouse, config, work, planned, state, chosen, options.limit, reporter, entry)


def _run(begun: _Begun, staged: Iterator[tuple[Dataset, Appended]]) -> _Done:
    """Do the load in the caller's transaction. With too many rejects, only the rejects are left to commit."""
    warehouse, reporter, load_id = begun.warehouse, begun.reporter, begun.entry.load_id
    change = StarChange(warehouse)
    outcome = _Outcome()
    for dataset, taken in staged:
        _take(begun, change, dataset, taken, outcome)
    refusal = _refusal(begun, outcome)
    if refusal is not None:
        change.drop((entry.source_id for entry in outcome.entries), with_rejects=False)
        refused = outcome.refused()
        _record(begun, refused, "failed", None, error="too many rejects")
        return refused, change, refusal
    leaving = _supersede(begun.planned, outcome)
    left = sum(file.loaded for file in leaving)
    change.mode = choose_mode(changed=outcome.records["loaded"] + left, kept=ledger.count_loaded(warehouse) - left)
    reporter.report("computing the star")
    change.leave(file.source_id for file in leaving)
    if leaving:
        ledger.mark_superseded(warehouse, load_id)
    change.enter(entry.source_id for entry in outcome.loaded)
    change.refresh(partial(_refreshing, begun))
    _record(begun, outcome, outcome.status, change.mode)
    _move_files(warehouse, begun.planned)
    reporter.report("checking")
    with reporter.timed("checks"):
        change.check()
        outcome.broken.extend(change.list_warnings())
    ledger.note_detail(warehouse, load_id, _detail(reporter, broken=outcome.broken))
    reporter.report("committing")
    return outcome, change, None


# ---- staging ----


def _take(begun: _Begun, change: StarChange, dataset: Dataset, taken: Appended, outcome: _Outcome) -> None:
    """Add what came of each file of one dataset, whose rows are in staging now, to `outcome`."""
    chosen, reporter = begun.chosen[dataset], begun.reporter
    errors = {source_id: end.error for source_id, end in taken.files.items() if end.error is not None}
    change.drop(errors)
    notes = list_notes(taken, chosen.urls)
    counts = list_counts(begun.warehouse, dataset, chosen.source_ids.start)
    entered = list(list_entries(dataset, chosen, taken, counts))
    outcome.brought.append(Brought.of(dataset, entered, taken, notes))
    outcome.errors.extend(errors.values())
    # Without a listener, skip the loop: there may be thousands of files.
    for entry in entered if reporter.on_event is not None else ():
        reporter.emit("file", url=entry.file.url, status=entry.status, shape=entry.shape, **entry.records._asdict())


def _refusal(begun: _Begun, outcome: _Outcome) -> TooManyRejectsError | None:
    counts, load_id = outcome.records, begun.entry.load_id
    if begun.limit is None or not begun.limit.is_exceeded(counts["read"], counts["rejected"]):
        return None
    reasons = ledger.count_reasons(begun.warehouse, load_id)
    return refuse(begun.warehouse, load_id, begun.limit, records=counts, reasons=reasons)


def _supersede(planned: Plan, outcome: _Outcome) -> list[LoadedFile]:
    """The contents that this load's files replace. If the new content cannot be read, the old one stays."""
    before = {(file.dataset, file.url): file.loaded for file in planned.pending if file.loaded is not None}
    leaving = []
    for entry in outcome.loaded if before else ():
        if (left := before.get((entry.dataset, entry.file.url))) is not None:
            leaving.append(left)
            outcome.replaced.append(Replaced(entry.file.url, left.loaded, entry.records.loaded))
    return leaving


# ---- the ledger ----


def _record(begun: _Begun, outcome: _Outcome, status: str, mode: Mode | None, *, error: str | None = None) -> None:
    detail = _detail(begun.reporter, error)
    entry = begun.entry._replace(finished_at=utc_now(), status=status, mode=mode, detail=detail)
    ledger.record_load(begun.warehouse, entry, outcome.entries, rules_digest(begun.config))


def _note_failure(begun: _Begun, error: BaseException) -> None:
    """Record how a rolled-back load ended, if the warehouse still accepts statements."""
    with suppress(SparkifyError), begun.warehouse.transaction():
        if isinstance(error, ConflictError):
            ledger.forget_load(begun.warehouse, begun.entry.load_id)
        else:
            ledger.end_load(
                begun.warehouse,
                begun.entry.load_id,
                # If Ctrl-C came during a successful commit, this changes nothing.
                status="failed" if isinstance(error, Exception) else "interrupted",
                finished_at=utc_now(),
                detail=_detail(begun.reporter, str(error)),
            )
    # Last, because the receiver may be what failed.
    begun.reporter.emit("failed", error=str(error) or type(error).__name__)


def _detail(reporter: Reporter, error: str | None = None, broken: Sequence[CheckResult] | None = None) -> str:
    """What the history keeps of a load; with `broken`, also the rows that each of these checks found."""
    detail: dict[str, Any] = {"seconds": reporter.seconds}
    if broken is not None:
        detail["checks"] = {found.check.qualified_name: found.rows for found in broken}
    return json.dumps(detail | ({"error": error[:10_000]} if error else {}))


@contextmanager
def _refreshing(begun: _Begun, table: str) -> Iterator[None]:
    reporter = begun.reporter
    with reporter.timed(table):
        yield
    if reporter.on_event is not None:
        rows = count_rows(begun.warehouse, [table])[table]
        reporter.emit("refreshed", table=table, rows=rows, seconds=reporter.seconds[table])


# ---- the result ----


def _list_warnings(begun: _Begun, outcome: _Outcome) -> list[str]:
    load_id = begun.entry.load_id
    return list_warnings(Delivery(begun.warehouse, begun.config, load_id, outcome.brought, outcome.replaced))


def _result(
    warehouse: Warehouse,
    planned: Plan,
    started: float,
    done: tuple[_Begun, _Outcome, StarChange] | None = None,
) -> LoadResult:
    """What a load did, or that there was nothing to do."""
    # Only a load needs it.
    from sparkify.validation import native

    begun, outcome, change = done or (None, _Outcome(), None)
    warnings = _list_warnings(begun, outcome) if begun else []
    tables, match_rate = count_rows_and_matches(warehouse)
    return LoadResult(
        load_id=begun.entry.load_id if begun else None,
        status=outcome.status if begun else "nothing_to_do",
        files=planned.count_states() | {"failed": len(outcome.entries) - len(outcome.loaded)},
        records=outcome.records,
        reasons=ledger.count_reasons(warehouse, begun.entry.load_id) if begun and outcome.records["rejected"] else {},
        tables=tables,
        match_rate=match_rate,
        seconds=seconds_since(started),
        mode=change.mode if change else None,
        judged_by=native.way() if begun else None,
        unknown_keys=outcome.unknown_keys,
        taken_names={brought.dataset: brought.taken_names for brought in outcome.brought},
        shapes=dict(Counter(entry.shape for entry in outcome.loaded if entry.shape)),
        left_out=planned.left_out,
        replaced=outcome.replaced,
        errors=outcome.errors,
        warnings=warnings + planned.warnings,
        broken_checks=[f"{found.check.qualified_name}: {found.check.why}" for found in outcome.broken],
    )
