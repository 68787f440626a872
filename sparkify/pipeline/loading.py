"""The load: the one place that orders its steps and opens its transactions."""

import datetime as dt
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal

from sparkify import __version__, checks, ledger, model, sources
from sparkify.config import Config
from sparkify.engines import Engine, Staged, open_engine
from sparkify.errors import ConflictError, TooManyRejectsError, UsageError
from sparkify.files import SourceFile
from sparkify.ledger import FileCount, FileEntry, LoadedFile, LoadEntry, PlannedFile
from sparkify.pipeline.listing import access_of, list_empty_roots, list_sources, plan_found
from sparkify.records import Dataset
from sparkify.s3 import S3Access
from sparkify.sources import Bundle

# What one thread of an engine takes at a time: some 16,000 lines of a log.
_BUNDLE_BYTES = 8 << 20
# How often a load is tried that other sessions interfere with.
_ATTEMPTS = 4
_DATASETS: tuple[Dataset, ...] = ("events", "songs")


@dataclass(frozen=True)
class Progress:
    """How far a load is. Bytes are as stored for whole files, and of their lines where files are compressed."""

    step: str
    files: int = 0
    total_files: int = 0
    bytes: int = 0
    total_bytes: int = 0
    records: int = 0


OnProgress = Callable[[Progress], None]


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


def create(config: Config, *, drop: bool = False) -> list[str]:
    """Create the tables that are missing; with `drop`, drop everything first. Returns the tables created."""
    with open_engine(config) as engine, engine.transaction():
        if drop:
            model.drop(engine)
        return model.create(engine)


def load(
    config: Config,
    *,
    on_progress: OnProgress = lambda progress: None,
    max_rejects: str | None = None,
    direct: bool = False,
) -> LoadResult:
    """Load what is new or changed at the sources, exactly once.

    With `direct`, Redshift reads by itself the objects in S3 whose records are all surely good; only the others pass
    through this machine.
    `max_rejects` is a number of records (`"100"`) or a share of those read (`"1%"`); more make the load fail. Raises
    SourceError, EngineError, CheckError or TooManyRejectsError; then nothing of the load is in the warehouse. A file
    that cannot be read does not raise: the others load, the status is `partial` and `errors` names it.
    """
    limit = _RejectLimit.parse(max_rejects)
    found = list_sources(config)
    with open_engine(config) as engine:
        return _load_found(engine, config, found, on_progress, limit, direct)


def load_into(engine: Engine, config: Config) -> LoadResult:
    """As `load`, into a warehouse that is open already."""
    return _load_found(engine, config, list_sources(config), lambda progress: None, None, False)


def _load_found(
    engine: Engine,
    config: Config,
    found: dict[Dataset, list[SourceFile]],
    on_progress: OnProgress,
    limit: "_RejectLimit | None",
    direct: bool,
) -> LoadResult:
    """Load what is pending; once more from the start where another session got ahead."""
    for attempt in range(1, _ATTEMPTS):
        try:
            return _load_once(engine, config, found, on_progress, limit, direct)
        except ConflictError:
            # Two that met once should not meet again.
            time.sleep(random.uniform(0, attempt))
    return _load_once(engine, config, found, on_progress, limit, direct)


def _load_once(
    engine: Engine,
    config: Config,
    found: dict[Dataset, list[SourceFile]],
    on_progress: OnProgress,
    limit: "_RejectLimit | None",
    direct: bool,
) -> LoadResult:
    started = time.monotonic()
    # Apart from the load: a load locks the ledger before it reads anything, so it has to be there.
    with engine.transaction():
        model.create(engine)
    with engine.load_transaction():
        loaded = ledger.list_loaded(engine)
        load = _Load(engine, loaded, plan_found(config, found, loaded), access_of(config), on_progress, direct)
        if load.pending:
            load.run(limit)
    return load.result(started, list_empty_roots(config, found))


@dataclass(frozen=True)
class _RejectLimit:
    """The most rejects that a load may have: a number of records, or a percentage of those read."""

    number: float
    is_percentage: bool

    @classmethod
    def parse(cls, text: str | None) -> "_RejectLimit | None":
        if text is None:
            return None
        try:
            number = float(text.removesuffix("%")) if text.endswith("%") else int(text)
        except ValueError:
            number = -1
        if not 0 <= number < float("inf"):
            raise UsageError(f"{text!r} is no limit of rejects; give a number of records or a percentage, such as 1%")
        return cls(number, text.endswith("%"))

    def check(self, read: int, reasons: dict[str, int]) -> None:
        rejected = sum(reasons.values())
        if rejected > (self.number * read / 100 if self.is_percentage else self.number):
            named = ", ".join(f"{reason} {count:,}" for reason, count in list(reasons.items())[:5])
            limit = f"{self.number:g}{'%' if self.is_percentage else ''}"
            raise TooManyRejectsError(
                f"{rejected:,} of {read:,} records were rejected ({named}), the limit is {limit}: nothing was loaded; "
                "mend the files, or raise --max-rejects"
            )


class _Load:
    """One load of the pending files, inside the caller's transaction."""

    def __init__(
        self,
        engine: Engine,
        loaded: list[LoadedFile],
        planned: Sequence[PlannedFile],
        access: S3Access,
        on_progress: OnProgress,
        direct: bool,
    ) -> None:
        self._direct = direct
        self.engine = engine
        self._access = access
        self._loaded_before = loaded
        self.planned = planned
        self.pending = [file for file in planned if file.is_pending]
        self.started_at = utc_now()
        self.entries: list[FileEntry] = []
        self.unknown_keys: dict[str, list[str]] = {}
        self.errors: list[str] = []
        self.load_id: int | None = None
        self.mode: Literal["rebuild", "refresh"] | None = None
        self._on_progress = on_progress
        self._files = self._bytes = self._records = 0

    def run(self, limit: _RejectLimit | None) -> None:
        engine = self.engine
        self.load_id, first_source_id = ledger.next_ids(engine)
        model.begin_changes(engine)
        self._stage(first_source_id)
        if limit is not None:
            limit.check(self.records()["read"], self.reasons())
        leaving = [file.source_id for file in self._superseded()]
        entering = [entry.source_id for entry in self.entries if entry.status == "loaded"]
        self.mode = "rebuild" if self._changes_most() else "refresh"
        self._tell("computing the star")
        self._replace_rows(leaving, entering)
        model.refresh(engine, rebuild=self.mode == "rebuild")
        entry = LoadEntry(self.load_id, self.started_at, utc_now(), self._status(), self.mode, __version__)
        ledger.record_load(engine, entry, self.entries)
        self._check()
        self._tell("committing")

    def _stage(self, first_source_id: int) -> None:
        files = dict(enumerate(self.pending, first_source_id))
        of_dataset = {
            dataset: {source_id: file for source_id, file in files.items() if file.dataset == dataset}
            for dataset in _DATASETS
        }
        if self._direct:
            for dataset, planned in of_dataset.items():
                if planned:
                    self._stage_directly(dataset, planned)
        # One reader for all, so that it is at the second dataset while the first is being staged.
        bundles = sources.read_bundles(
            *map(_files_to_read, of_dataset.values()), bundle_bytes=_BUNDLE_BYTES, access=self._access
        )
        with closing(bundles):
            for dataset, chosen in itertools.groupby(bundles, lambda bundle: files[bundle.any_source_id].dataset):
                self._stage_dataset(dataset, of_dataset[dataset], chosen)

    def _stage_directly(self, dataset: Dataset, chosen: dict[int, PlannedFile]) -> None:
        """Let the engine take in what it can by itself; the files left in `chosen` are read here."""
        self._tell(f"staging {dataset}")
        staged = self.engine.stage_directly(dataset, _files_to_read(chosen))
        taken = {source_id: chosen.pop(source_id) for source_id in staged.files}
        self._files += len(taken)
        self._records += sum(staged.read.values())
        self._enter(dataset, taken, staged)

    def _enter(self, dataset: Dataset, chosen: dict[int, PlannedFile], staged: Staged) -> None:
        """Note what became of some files, with their records counted where they stand."""
        if not chosen:
            return
        counts = model.count_records(self.engine, dataset, min(chosen))
        self.entries += [_entry(dataset, source_id, file, staged, counts) for source_id, file in _files_to_read(chosen)]

    def _stage_dataset(self, dataset: Dataset, chosen: dict[int, PlannedFile], bundles: Iterable[Bundle]) -> None:
        assert self.load_id is not None
        self._tell(f"staging {dataset}")
        staged = self.engine.stage(
            dataset,
            self.load_id,
            {source_id: file.url for source_id, file in chosen.items()},
            bundles,
            lambda bundle: self._tell_bundle(dataset, bundle),
        )
        self.unknown_keys[dataset] = sorted(staged.unknown_keys)
        failed = [source_id for source_id, end in staged.files.items() if end.error is not None]
        self.errors += [staged.files[source_id].error or "" for source_id in failed]
        model.delete_files(self.engine, failed)
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
            model.collect_touched(self.engine, leaving)
        if leaving:
            model.delete_files(self.engine, leaving)
            assert self.load_id is not None
            ledger.mark_superseded(self.engine, self.load_id)
        if self.mode == "refresh":
            model.collect_touched(self.engine, entering)

    def _check(self) -> None:
        """Roll the load back, by raising, if a fail check finds rows."""
        self._tell("checking")
        checks.require(self.engine, touched=self.mode == "refresh")

    def _tell(self, step: str) -> None:
        self._on_progress(
            Progress(
                step,
                files=self._files,
                total_files=len(self.pending),
                bytes=self._bytes,
                total_bytes=sum(file.size for file in self.pending),
                records=self._records,
            )
        )

    def _tell_bundle(self, dataset: Dataset, bundle: Bundle) -> None:
        self._files += len(bundle.finished)
        self._bytes += len(bundle.data)
        self._records += len(bundle)
        self._tell(f"staging {dataset}")

    def records(self) -> dict[str, int]:
        done = [entry.records for entry in self.entries if entry.status == "loaded"]
        return {name: sum(getattr(count, name) for count in done) for name in ("read", "loaded", "rejected")}

    def reasons(self) -> dict[str, int]:
        if self.load_id is None:
            return {}
        sql = "SELECT reason, count(*) FROM rejected_records WHERE load_id = $1 GROUP BY reason ORDER BY 2 DESC, 1"
        return dict(self.engine.fetch(sql, [self.load_id]))

    def _status(self) -> Literal["loaded", "nothing_to_do", "partial", "failed"]:
        if not self.pending:
            return "nothing_to_do"
        if not self.errors:
            return "loaded"
        return "partial" if any(entry.status == "loaded" for entry in self.entries) else "failed"

    def result(self, started: float, warnings: list[str]) -> LoadResult:
        broken = checks.list_broken(self.engine, "warn", touched=self.mode == "refresh") if self.pending else []
        states = Counter(file.state for file in self.planned)
        files: dict[str, int] = {state: states[state] for state in ("new", "changed", "unchanged", "vanished")}
        files["failed"] = sum(entry.status == "failed" for entry in self.entries)
        return LoadResult(
            load_id=self.load_id,
            status=self._status(),
            files=files,
            records=self.records(),
            reasons=self.reasons(),
            tables=model.count_rows(self.engine),
            match_rate=model.match_rate(self.engine),
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
    return FileEntry(source_id, dataset, file, file.etag or end.etag, end.size, count, "loaded")


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)
