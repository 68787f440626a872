"""The verbs that correct what loads did. Each is one transaction, in which the star follows staging."""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from sparkify import checks, ledger, model
from sparkify.config import Config
from sparkify.engines import Engine, open_engine
from sparkify.errors import UsageError
from sparkify.pipeline.reading import require_tables
from sparkify.pipeline.retrying import retry_conflicts
from sparkify.records import Dataset
from sparkify.sources import make_bundle


@dataclass(frozen=True)
class UndoResult:
    """What undoing a load did, or would do. `records` are those that leave.

    `pending` names the files that a load would take again; of those in `replaced` an older content was loaded before,
    whose rows are gone for good.
    """

    load_id: int
    status: Literal["undone", "would_undo"]
    records: dict[str, int]
    pending: list[str]
    replaced: list[str]
    tables: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class ReplayResult:
    """What a replay did: the records that were judged anew, those that are loaded now, and what became of the rest."""

    status: Literal["replayed", "nothing_to_do"]
    records: dict[str, int]
    reasons: dict[str, int]
    tables: dict[str, int]
    seconds: float


def undo(config: Config, load_id: int, *, dry_run: bool = False) -> UndoResult:
    """Take the rows and rejects of a load out, as if it had never been; its files are pending again.

    Raises UsageError for a load that is not there, was undone, or of which nothing is left.
    """
    started = time.monotonic()
    with open_engine(config, read_only=dry_run) as engine:
        require_tables(engine)
        if dry_run:
            return _undo_result(engine, _files_to_undo(engine, load_id), load_id, "would_undo")
        result = retry_conflicts(lambda: _undo(engine, load_id))
        tables = model.count_rows(engine)
    return UndoResult(load_id, "undone", result.records, result.pending, result.replaced, tables, _since(started))


def _undo(engine: Engine, load_id: int) -> UndoResult:
    with engine.load_transaction():
        leaving = _files_to_undo(engine, load_id)
        result = _undo_result(engine, leaving, load_id, "undone")
        rebuild = _are_most(engine, leaving)
        source_ids = [file.source_id for file in leaving]
        model.begin_changes(engine)
        if not rebuild:
            model.collect_touched(engine, source_ids)
        model.delete_files(engine, source_ids)
        ledger.mark_undone(engine, load_id)
        _follow(engine, rebuild=rebuild)
    return result


def _files_to_undo(engine: Engine, load_id: int) -> list[ledger.LoadedFile]:
    status = ledger.load_status(engine, load_id)
    if status is None:
        raise UsageError(f"there is no load {load_id}; sparkify status lists them")
    if status == "undone":
        raise UsageError(f"load {load_id} is undone already")
    files = [file for file in ledger.list_loaded(engine) if file.load_id == load_id]
    if not files:
        later = ledger.list_superseding(engine, load_id)
        why = f"load {', '.join(map(str, later))} replaced its files" if later else "none of its files could be loaded"
        raise UsageError(f"nothing of load {load_id} is left to undo: {why}")
    return files


def _undo_result(
    engine: Engine, leaving: list[ledger.LoadedFile], load_id: int, status: Literal["undone", "would_undo"]
) -> UndoResult:
    records = {
        "loaded": sum(file.loaded for file in leaving),
        "rejected": sum(file.rejected for file in leaving),
    }
    replaced = set(ledger.list_replaced(engine, load_id))
    urls = [file.url for file in leaving]
    return UndoResult(load_id, status, records, urls, [url for url in urls if url in replaced])


def replay(config: Config) -> ReplayResult:
    """Put the rejects of loaded files through today's rules; one that passes leaves them and enters the star.

    A record that is not valid UTF-8 is kept escaped, so only its file can mend it: it is left alone.
    """
    started = time.monotonic()
    with open_engine(config) as engine:
        require_tables(engine)
        replayed, loaded = retry_conflicts(lambda: _replay(engine))
        sql = "SELECT reason, count(*) FROM rejected_records GROUP BY reason ORDER BY 2 DESC, 1"
        reasons: dict[str, int] = dict(engine.fetch(sql))
        counts = {"replayed": replayed, "loaded": loaded, "rejected": replayed - loaded}
        tables = model.count_rows(engine)
    return ReplayResult("replayed" if replayed else "nothing_to_do", counts, reasons, tables, _since(started))


def _replay(engine: Engine) -> tuple[int, int]:
    """The rejects judged again, and those of them that are loaded now."""
    with engine.load_transaction():
        rejects = ledger.list_replayable(engine)
        before = _count_rejects(engine)
        if rejects:
            _judge_again(engine, rejects)
        return len(rejects), before - _count_rejects(engine)


def _judge_again(engine: Engine, rejects: list[ledger.Reject]) -> None:
    source_ids = sorted({reject.source_id for reject in rejects})
    files = [file for file in ledger.list_loaded(engine) if file.source_id in set(source_ids)]
    rebuild = _are_most(engine, files)
    model.begin_changes(engine)
    model.name_files(engine, source_ids)
    ledger.delete_replayable(engine)
    groups: dict[tuple[int, Dataset], list[ledger.Reject]] = defaultdict(list)
    for reject in rejects:
        groups[reject.load_id, reject.dataset].append(reject)
    for (load_id, dataset), some in groups.items():
        bundle = make_bundle((reject.source_id, reject.line, reject.raw.encode()) for reject in some)
        urls = {reject.source_id: reject.url for reject in some}
        engine.stage(dataset, load_id, urls, [bundle], lambda bundle: None)
    ledger.recount(engine)
    if not rebuild:
        model.collect_touched(engine, source_ids)
    _follow(engine, rebuild=rebuild)


def _follow(engine: Engine, *, rebuild: bool) -> None:
    """Bring the star up to date with staging. Raises CheckError, and so rolls back, where a rule is broken then."""
    model.refresh(engine, rebuild=rebuild)
    checks.require(engine, touched=not rebuild)


def _are_most(engine: Engine, files: Iterable[ledger.LoadedFile]) -> bool:
    """Whether these files hold so many records that computing the whole star costs less."""
    total = sum(file.loaded for file in ledger.list_loaded(engine))
    changed = sum(file.loaded for file in files)
    return changed >= total - changed


def _count_rejects(engine: Engine) -> int:
    return model.count_rows(engine, ["rejected_records"])["rejected_records"]


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
