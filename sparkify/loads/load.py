"""The load: the one place that orders its steps and opens its transactions."""

import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from sparkify._version import __version__
from sparkify.datasets import Dataset
from sparkify.errors import ConflictError, SparkifyError, TooManyRejectsError
from sparkify.loads import ledger
from sparkify.loads.ledger import FileCount, FileEntry, LoadedFile, LoadEntry
from sparkify.loads.limit import RejectLimit, refuse
from sparkify.loads.plan import PlannedFile, list_empty_roots, list_sources, plan_found
from sparkify.loads.progress import OnEvent, OnProgress, Teller, utc_now
from sparkify.loads.retry import retry_conflicts
from sparkify.settings import Config, S3Access
from sparkify.sources.bundles import Bundle, read_bundles
from sparkify.sources.file import SourceFile
from sparkify.star import checks
from sparkify.star.tables import (
    DELETE_STAGED,
    begin_changes,
    collect_touched,
    count_records,
    count_rows,
    create_tables,
    delete_files,
    match_rate,
    name_files,
    refresh_star,
)
from sparkify.warehouses import Staged, Warehouse, open_warehouse

# What one thread of an engine takes at a time: some 16,000 lines of a log.
_BUNDLE_BYTES = 8 << 20
_DATASETS: tuple[Dataset, ...] = ("events", "songs")


@dataclass(frozen=True)
class LoadResult:
    """What a load did. `reasons` counts this load's rejects by code, `tables` the rows of the warehouse after it.

    `broken_checks` are those of severity warn that found rows; one of severity fail would have failed the load.
    """

    load_id: int | None
    status: Literal["loaded", "nothing_to_do", "partial", "failed"]
    files: dict[str, int]
    records: dict[str, int]
    reasons: dict[str, int]
    tables: dict[str, int]
    match_rate: float | None
    seconds: float
    mode: Literal["rebuild", "refresh"] | None = None
    unknown_keys: dict[str, list[str]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    broken_checks: list[str] = field(default_factory=list)


def load(
    config: Config,
    *,
    on_progress: OnProgress = lambda progress: None,
    on_event: OnEvent | None = None,
    max_rejects: str | None = None,
) -> LoadResult:
    """Load what is new or changed at the sources, exactly once.

    `on_event` is told of each step with a dictionary: `event` is started, file, refreshed, committed or failed, and
    `load_id` names the load. `max_rejects` is a number of records (`"100"`) or a share of those read (`"1%"`); more
    make the load fail.

    Raises SourceError, EngineError, CheckError or TooManyRejectsError; then nothing of the load is in the warehouse but
    its row in load_history and, of too many rejects, the rejects. A file that cannot be read does not raise: the others
    load, the status is `partial` and `errors` names it.
    """
    options = _Options(on_progress, on_event, RejectLimit.parse(max_rejects))
    found = list_sources(config)
    with open_warehouse(config) as warehouse:
        return _load_found(warehouse, config, found, options)


def load_into(warehouse: Warehouse, config: Config) -> LoadResult:
    """As `load`, into a warehouse that is open already."""
    return _load_found(warehouse, config, list_sources(config), _Options())


def _load_found(
    warehouse: Warehouse,
    config: Config,
    found: dict[Dataset, list[SourceFile]],
    options: "_Options",
) -> LoadResult:
    return retry_conflicts(lambda: _load_once(warehouse, config, found, options))


def _load_once(
    warehouse: Warehouse,
    config: Config,
    found: dict[Dataset, list[SourceFile]],
    options: "_Options",
) -> LoadResult:
    started = time.monotonic()
    # Apart from the load: a load locks the ledger before it reads anything, so it has to be there.
    with warehouse.transaction():
        create_tables(warehouse)
    with warehouse.load_transaction():
        loaded = ledger.list_loaded(warehouse)
        load = _Load(warehouse, loaded, plan_found(config, found, loaded), config.s3_access, options)
        if load.pending:
            load.begin()
    if load.pending:
        try:
            with warehouse.load_transaction():
                if ledger.list_loaded(warehouse) != loaded:
                    raise ConflictError("another load was faster; try again")
                refusal = load.run()
        except BaseException as error:
            load.fail(error)
            raise
        load.tell_end(started, refusal)
        if refusal is not None:
            raise refusal
    return load.result(started, list_empty_roots(config, found))


@dataclass(frozen=True)
class _Options:
    """How a load is done, and who is told of it."""

    on_progress: OnProgress = lambda progress: None
    on_event: OnEvent | None = None
    limit: RejectLimit | None = None


class _Load:
    """One load of the pending files, inside the caller's transaction."""

    def __init__(
        self,
        warehouse: Warehouse,
        loaded: list[LoadedFile],
        planned: Sequence[PlannedFile],
        access: S3Access,
        options: _Options,
    ) -> None:
        self.warehouse = warehouse
        self._access = access
        self._loaded_before = loaded
        self.planned = planned
        self.pending = [file for file in planned if file.is_pending]
        self._teller = Teller(
            options.on_progress, options.on_event, len(self.pending), sum(file.size for file in self.pending)
        )
        self._limit = options.limit
        self.started_at = utc_now()
        self.entries: list[FileEntry] = []
        self.unknown_keys: dict[str, list[str]] = {}
        self.errors: list[str] = []
        self.load_id: int | None = None
        self.mode: Literal["rebuild", "refresh"] | None = None

    def begin(self) -> None:
        """Note that the load runs, in the transaction that planned it."""
        self.load_id = ledger.begin_load(self.warehouse, self.started_at, __version__)
        self._teller.load_id = self.load_id
        self._teller.emit("started", files=self._teller.total_files, bytes=self._teller.total_bytes)

    def run(self) -> TooManyRejectsError | None:
        """Do the load, in the caller's transaction. With too many rejects nothing but those is left to commit."""
        warehouse = self.warehouse
        begin_changes(warehouse)
        self._stage(ledger.next_source_id(warehouse))
        if (refusal := self._refusal()) is not None:
            self._keep_rejects_alone()
            return refusal
        leaving = [file.source_id for file in self._superseded()]
        entering = [entry.source_id for entry in self.entries if entry.status == "loaded"]
        self.mode = "rebuild" if self._changes_most() else "refresh"
        self._teller.tell("computing the star")
        self._replace_rows(leaving, entering)
        refresh_star(warehouse, rebuild=self.mode == "rebuild", around=self._refreshing)
        ledger.record_load(warehouse, self._ledger_entry(self._status()), self.entries)
        with self._teller.timed("checks"):
            self._check()
        warehouse.execute(ledger.NOTE_DETAIL, [self._detail(), self.load_id])
        self._teller.tell("committing")
        return None

    def fail(self, error: BaseException) -> None:
        """Note how a load ended that was rolled back, as far as the warehouse still takes it."""
        self._teller.emit("failed", error=str(error) or type(error).__name__)
        assert self.load_id is not None
        with suppress(SparkifyError), self.warehouse.transaction():
            if isinstance(error, ConflictError):
                ledger.forget_load(self.warehouse, self.load_id)
            else:
                ledger.end_load(
                    self.warehouse,
                    self.load_id,
                    # Ctrl-C may have come while the commit was being done: then this changes nothing.
                    status="failed" if isinstance(error, Exception) else "interrupted",
                    finished_at=utc_now(),
                    detail=self._detail(str(error)),
                )

    def tell_end(self, started: float, refusal: Exception | None) -> None:
        """Tell whoever listens that the load is committed, or refused."""
        if refusal is not None:
            self._teller.emit("failed", error=str(refusal))
        else:
            self._teller.emit("committed", records=self.records(), seconds=round(time.monotonic() - started, 3))

    def _refusal(self) -> TooManyRejectsError | None:
        counts = self.records()
        if self._limit is None or not self._limit.is_exceeded(counts["read"], counts["rejected"]):
            return None
        assert self.load_id is not None
        return refuse(self.warehouse, self.load_id, self._limit, records=counts, reasons=self.reasons())

    def _keep_rejects_alone(self) -> None:
        """Leave nothing of the load but its rejects, and its files as failed."""
        name_files(self.warehouse, [entry.source_id for entry in self.entries])
        for sql in DELETE_STAGED:
            self.warehouse.execute(sql)
        self.entries = [
            entry._replace(status="failed", records=entry.records._replace(loaded=0)) for entry in self.entries
        ]
        ledger.record_load(self.warehouse, self._ledger_entry("failed", error="too many rejects"), self.entries)

    def _ledger_entry(self, status: str, *, error: str | None = None) -> LoadEntry:
        assert self.load_id is not None
        detail = self._detail(error)
        return LoadEntry(self.load_id, self.started_at, utc_now(), status, self.mode, __version__, detail)

    def _detail(self, error: str | None = None) -> str:
        detail: dict[str, Any] = {"seconds": self._teller.seconds}
        return json.dumps(detail | ({"error": error[:10_000]} if error else {}))

    @contextmanager
    def _refreshing(self, table: str) -> Iterator[None]:
        with self._teller.timed(table):
            yield
        if self._teller.on_event is not None:
            rows = count_rows(self.warehouse, [table])[table]
            self._teller.emit("refreshed", table=table, rows=rows, seconds=self._teller.seconds[table])

    def _stage(self, first_source_id: int) -> None:
        files = dict(enumerate(self.pending, first_source_id))
        of_dataset = {
            dataset: {source_id: file for source_id, file in files.items() if file.dataset == dataset}
            for dataset in _DATASETS
        }
        # One reader for all, so that it is at the second dataset while the first is being staged.
        bundles = read_bundles(
            *map(_files_to_read, of_dataset.values()), bundle_bytes=_BUNDLE_BYTES, access=self._access
        )
        with closing(bundles):
            for dataset, chosen in itertools.groupby(bundles, lambda bundle: files[bundle.any_source_id].dataset):
                self._stage_dataset(dataset, of_dataset[dataset], chosen)

    def _enter(self, dataset: Dataset, chosen: dict[int, PlannedFile], staged: Staged) -> None:
        """Note what became of some files, with their records counted where they stand."""
        if not chosen:
            return
        counts = count_records(self.warehouse, dataset, min(chosen))
        entered = [_entry(dataset, source_id, file, staged, counts) for source_id, file in _files_to_read(chosen)]
        self.entries += entered
        # Thousands of files that nobody is told of.
        for entry in entered if self._teller.on_event is not None else ():
            self._teller.emit("file", url=entry.file.url, status=entry.status, **entry.records._asdict())

    def _stage_dataset(self, dataset: Dataset, chosen: dict[int, PlannedFile], bundles: Iterable[Bundle]) -> None:
        assert self.load_id is not None
        self._teller.tell(f"staging {dataset}")
        with self._teller.timed(f"staging_{dataset}"):
            staged = self.warehouse.intake.stage(
                dataset,
                self.load_id,
                {source_id: file.url for source_id, file in chosen.items()},
                bundles,
                lambda bundle: self._teller.tell_bundle(dataset, bundle),
            )
        self.unknown_keys[dataset] = sorted(staged.unknown_keys)
        failed = [source_id for source_id, end in staged.files.items() if end.error is not None]
        self.errors += [staged.files[source_id].error or "" for source_id in failed]
        delete_files(self.warehouse, failed)
        self._enter(dataset, chosen, staged)

    def _superseded(self) -> list[LoadedFile]:
        """The contents that this load's files replace. One whose new content cannot be read stays."""
        done = {(entry.dataset, entry.file.url) for entry in self.entries if entry.status == "loaded"}
        return [file.loaded for file in self.pending if file.loaded is not None and (file.dataset, file.url) in done]

    def _changes_most(self) -> bool:
        """Whether computing all of the star costs less than computing what changed."""
        leaving = sum(file.loaded for file in self._superseded())
        kept = sum(file.loaded for file in self._loaded_before) - leaving
        return self.records()["loaded"] + leaving >= kept

    def _replace_rows(self, leaving: list[int], entering: list[int]) -> None:
        """Take replaced contents out of staging; for a refresh, collect what they and the new ones touch."""
        if self.mode == "refresh":
            collect_touched(self.warehouse, leaving)
        if leaving:
            delete_files(self.warehouse, leaving)
            assert self.load_id is not None
            ledger.mark_superseded(self.warehouse, self.load_id)
        if self.mode == "refresh":
            collect_touched(self.warehouse, entering)

    def _check(self) -> None:
        """Roll the load back, by raising, if a fail check finds rows."""
        self._teller.tell("checking")
        checks.require(self.warehouse, touched=self.mode == "refresh")

    def records(self) -> dict[str, int]:
        return ledger.add_up(entry.records for entry in self.entries if entry.status == "loaded")._asdict()

    def reasons(self) -> dict[str, int]:
        if self.load_id is None:
            return {}
        sql = "SELECT reason, count(*) FROM rejected_records WHERE load_id = $1 GROUP BY reason ORDER BY 2 DESC, 1"
        return dict(self.warehouse.fetch(sql, [self.load_id]))

    def _status(self) -> Literal["loaded", "nothing_to_do", "partial", "failed"]:
        if not self.pending:
            return "nothing_to_do"
        if not self.errors:
            return "loaded"
        return "partial" if any(entry.status == "loaded" for entry in self.entries) else "failed"

    def result(self, started: float, warnings: list[str]) -> LoadResult:
        broken = checks.list_broken(self.warehouse, "warn", touched=self.mode == "refresh") if self.pending else []
        states = Counter(file.state for file in self.planned)
        files: dict[str, int] = {state: states[state] for state in ("new", "changed", "unchanged", "vanished")}
        files["failed"] = sum(entry.status == "failed" for entry in self.entries)
        return LoadResult(
            load_id=self.load_id,
            status=self._status(),
            files=files,
            records=self.records(),
            reasons=self.reasons(),
            tables=count_rows(self.warehouse),
            match_rate=match_rate(self.warehouse),
            seconds=round(time.monotonic() - started, 3),
            mode=self.mode,
            unknown_keys=self.unknown_keys,
            errors=self.errors,
            warnings=warnings,
            broken_checks=[f"{found.check.table}.{found.check.name}: {found.check.why}" for found in broken],
        )


def _files_to_read(chosen: dict[int, PlannedFile]) -> list[tuple[int, SourceFile]]:
    return [(source_id, file.file) for source_id, file in chosen.items() if file.file is not None]


def _entry(
    dataset: Dataset, source_id: int, file: SourceFile, staged: Staged, counts: dict[int, tuple[int, int]]
) -> FileEntry:
    end = staged.files[source_id]
    if end.error is not None:
        return FileEntry(source_id, dataset, file, file.etag or "", file.size, FileCount(), "failed")
    count = FileCount(staged.read[source_id], *counts.get(source_id, (0, 0)))
    return FileEntry(source_id, dataset, file, end.fingerprint, end.size, count, "loaded")
