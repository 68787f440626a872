"""The verbs that correct what loads did. Each is one transaction, in which the star follows staging."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from sparkify import checks, ledger, model
from sparkify.engines import Engine, open_engine
from sparkify.errors import UsageError
from sparkify.ledger import LoadedFile, Replayable
from sparkify.pipeline.reading import require_tables
from sparkify.pipeline.retrying import retry_conflicts
from sparkify.settings import Config

Mode = Literal["rebuild", "refresh"]


@dataclass(frozen=True)
class UndoResult:
    """What undoing a load did, or would do. `records` are those that leave.

    `pending` names the files that a load would take again; of those in `replaced` an older content was loaded before,
    whose rows are gone for good. `mode` is how the star follows.
    """

    load_id: int
    status: Literal["undone", "would_undo"]
    mode: Mode
    records: dict[str, int]
    pending: list[str]
    replaced: list[str]
    tables: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class ReplayResult:
    """What a replay did: the records that were judged anew, those that are loaded now, and what became of the rest.

    Of a replay that is only shown, the records that would be judged, and their reasons. `mode` is how the star follows.
    """

    status: Literal["replayed", "would_replay", "nothing_to_do"]
    mode: Mode | None
    records: dict[str, int]
    reasons: dict[str, int]
    tables: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def undo(config: Config, load_id: int, *, dry_run: bool = False) -> UndoResult:
    """Take the rows and rejects of a load out, as if it had never been; its files are pending again.

    Raises UsageError for a load that is not there, was undone, or of which nothing is left.
    """
    started = time.monotonic()
    with open_engine(config, read_only=dry_run) as engine:
        require_tables(engine)
        if dry_run:
            return _plan_undo(engine, load_id)[0]
        result = retry_conflicts(lambda: _undo(engine, load_id))
        return replace(result, status="undone", tables=model.count_rows(engine), seconds=_since(started))


def _undo(engine: Engine, load_id: int) -> UndoResult:
    with engine.load_transaction():
        planned, source_ids = _plan_undo(engine, load_id)
        model.begin_changes(engine)
        if planned.mode == "refresh":
            model.collect_touched(engine, source_ids)
        model.delete_files(engine, source_ids)
        ledger.mark_undone(engine, load_id)
        _follow(engine, planned.mode)
    return planned


def _plan_undo(engine: Engine, load_id: int) -> tuple[UndoResult, list[int]]:
    """What undoing a load would do, and the source ids of the files that leave."""
    status = ledger.load_status(engine, load_id)
    if status is None:
        raise UsageError(f"there is no load {load_id}; sparkify status lists them")
    if status == "undone":
        raise UsageError(f"load {load_id} is undone already")
    loaded = ledger.list_loaded(engine)
    leaving = [file for file in loaded if file.load_id == load_id]
    if not leaving:
        later = ledger.list_superseding(engine, load_id)
        why = f"load {', '.join(map(str, later))} replaced its files" if later else "none of its files could be loaded"
        raise UsageError(f"nothing of load {load_id} is left to undo: {why}")
    records = {
        "loaded": sum(file.loaded for file in leaving),
        "rejected": sum(file.rejected for file in leaving),
    }
    urls = [file.url for file in leaving]
    older = set(ledger.list_replaced(engine, load_id))
    replaced = [url for url in urls if url in older]
    result = UndoResult(load_id, "would_undo", _mode(loaded, leaving), records, urls, replaced)
    return result, [file.source_id for file in leaving]


def replay(config: Config, *, dry_run: bool = False) -> ReplayResult:
    """Put the rejects of loaded files through today's rules; one that passes leaves them and enters the star.

    A record that is not valid UTF-8 is kept escaped, so only its file can mend it: it is left alone.
    """
    started = time.monotonic()
    with open_engine(config, read_only=dry_run) as engine:
        require_tables(engine)
        if dry_run:
            return _plan_replay(engine)[0]
        result = retry_conflicts(lambda: _replay(engine))
        sql = "SELECT reason, count(*) FROM rejected_records GROUP BY reason ORDER BY 2 DESC, 1"
        reasons: dict[str, int] = dict(engine.fetch(sql))
        return replace(result, reasons=reasons, tables=model.count_rows(engine), seconds=_since(started))


def _replay(engine: Engine) -> ReplayResult:
    with engine.load_transaction():
        planned, found = _plan_replay(engine)
        before = _count_rejects(engine)
        if planned.mode is not None:
            _judge_again(engine, found, planned.mode)
        loaded = before - _count_rejects(engine)
    judged = planned.records["replayed"]
    counts = {"replayed": judged, "loaded": loaded, "rejected": judged - loaded}
    return replace(planned, status="replayed" if judged else "nothing_to_do", records=counts)


def _plan_replay(engine: Engine) -> tuple[ReplayResult, list[Replayable]]:
    """What a replay would judge, in sum and file by file."""
    found = ledger.count_replayable(engine)
    if not found:
        return ReplayResult("nothing_to_do", None, {"replayed": 0}, {}), []
    reasons: Counter[str] = Counter()
    for some in found:
        reasons[some.reason] += some.rejects
    source_ids = {some.source_id for some in found}
    loaded = ledger.list_loaded(engine)
    mode = _mode(loaded, [file for file in loaded if file.source_id in source_ids])
    counts = {"replayed": reasons.total()}
    often_first = dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
    return ReplayResult("would_replay", mode, counts, often_first), found


def _judge_again(engine: Engine, found: list[Replayable], mode: Mode) -> None:
    source_ids = sorted({some.source_id for some in found})
    model.begin_changes(engine)
    model.name_files(engine, source_ids)
    ledger.collect_replayed(engine)
    for dataset in sorted({some.dataset for some in found}):
        engine.restage(dataset)
    ledger.recount(engine)
    if mode == "refresh":
        model.collect_touched(engine, source_ids)
    _follow(engine, mode)


def _follow(engine: Engine, mode: Mode) -> None:
    """Bring the star up to date with staging. Raises CheckError, and so rolls back, where a rule is broken then."""
    model.refresh(engine, rebuild=mode == "rebuild")
    checks.require(engine, touched=mode == "refresh")


def _mode(loaded: Iterable[LoadedFile], changing: Iterable[LoadedFile]) -> Mode:
    """A rebuild where the files that change hold so many records that computing the whole star costs less."""
    total = sum(file.loaded for file in loaded)
    changed = sum(file.loaded for file in changing)
    return "rebuild" if changed >= total - changed else "refresh"


def _count_rejects(engine: Engine) -> int:
    return model.count_rows(engine, ["rejected_records"])["rejected_records"]


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
