"""The verbs that read a warehouse and change nothing."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from sparkify import checks, ledger, model, questions
from sparkify.comparison import TableComparison, compare_stars
from sparkify.engines import Engine, open_engine
from sparkify.errors import NoWarehouseError
from sparkify.ledger import PlannedFile
from sparkify.pipeline.listing import list_sources, plan_found
from sparkify.questions import WHOLE_LOG, Cut
from sparkify.settings import Config
from sparkify.validation.fields import Dataset


@dataclass(frozen=True)
class Status:
    """What the warehouse holds. `pending` counts the files that a load would take, None where no root is set.

    Each of `loads` is a row of load_history with `seconds`, `records_per_second` and `rejected_share`, from 0 to 1.
    `lag_seconds` is how old the newest event was when the last load that brought something ended. Times are UTC.
    """

    warehouse: str
    tables: dict[str, int]
    loads: list[dict[str, Any]]
    files: dict[str, int]
    records: dict[str, int]
    match_rate: float | None
    newest_play: dt.datetime | None
    newest_event: dt.datetime | None
    lag_seconds: float | None
    pending: dict[str, int] | None


def plan(config: Config) -> list[PlannedFile]:
    """What `load` would do, file by file. Writes nothing, and makes no warehouse."""
    found = list_sources(config)
    with open_existing(config) as engine:
        if engine is None:
            return plan_found(config, found, [])
        reasons = ledger.list_unfinished(engine)
        return [
            file._replace(reason=f"{file.reason}; {reason}" if file.state == "changed" else reason)
            if file.is_pending and (reason := reasons.get((file.dataset, file.url)))
            else file
            for file in plan_found(config, found, ledger.list_loaded(engine))
        ]


def status(config: Config) -> Status:
    """What the warehouse holds and what waits at the sources. Read-only."""
    found = list_sources(config) if config.roots else None
    with open_existing(config) as engine:
        if engine is None:
            raise NoWarehouseError(f"there is no warehouse {config.warehouse_address} yet; run sparkify load first")
        loads = [_with_rates(load) for load in fetch_dicts(engine, "SELECT * FROM load_history ORDER BY load_id")]
        files: dict[str, int] = dict(
            engine.fetch("SELECT status, count(*) FROM load_files GROUP BY status ORDER BY status")
        )
        records = fetch_dicts(
            engine,
            "SELECT coalesce(sum(read), 0) AS read, coalesce(sum(loaded), 0) AS loaded, "
            "coalesce(sum(rejected), 0) AS rejected FROM load_files WHERE status = 'loaded'",
        )[0]
        pending = None
        if found is not None:
            states = Counter(file.state for file in plan_found(config, found, ledger.list_loaded(engine)))
            pending = {state: states[state] for state in ("new", "changed", "unchanged", "vanished")}
        newest_event = find_newest_event(engine)
        return Status(
            warehouse=engine.address,
            tables=model.count_rows(engine),
            loads=loads,
            files=files,
            records={name: int(count) for name, count in records.items()},
            match_rate=model.match_rate(engine),
            newest_play=engine.fetch("SELECT max(start_time) FROM songplays")[0][0],
            newest_event=newest_event,
            lag_seconds=count_lag(loads, newest_event),
            pending=pending,
        )


def find_newest_event(engine: Engine) -> dt.datetime | None:
    """When the newest event of the whole warehouse happened, in UTC."""
    newest: int | None = engine.fetch("SELECT max(ts) FROM staging_events")[0][0]
    return None if newest is None else dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=newest)


def count_lag(loads: Sequence[dict[str, Any]], newest_event: dt.datetime | None) -> float | None:
    """Seconds from the newest event to the end of the last load that brought something."""
    ends: list[dt.datetime] = [load["finished_at"] for load in loads if load["status"] in ("loaded", "partial")]
    return None if newest_event is None or not ends else (max(ends) - newest_event).total_seconds()


def _with_rates(load: dict[str, Any]) -> dict[str, Any]:
    """A row of the history with how long the load took, how fast it was, and the share of its records rejected."""
    seconds = (load["finished_at"] - load["started_at"]).total_seconds() if load["finished_at"] else None
    return load | {
        "detail": json.loads(load["detail"]),
        "seconds": seconds,
        "records_per_second": round(load["read"] / seconds) if seconds else None,
        "rejected_share": round(load["rejected"] / load["read"], 6) if load["read"] else None,
    }


def list_rejects(
    config: Config,
    *,
    reason: str | None = None,
    load_id: int | None = None,
    url: str | None = None,
    dataset: Dataset | None = None,
) -> list[dict[str, Any]]:
    """The rejected records, by file and line. `reason` is a code, or the part of one before its colon."""
    with open_engine(config, read_only=True) as engine:
        require_tables(engine)
        return fetch_dicts(
            engine,
            'SELECT source_id, load_id, dataset, url, line, reason, "raw" FROM rejected_records '
            "WHERE (cast($1 AS VARCHAR) IS NULL OR reason = $1 OR split_part(reason, ':', 1) = $1) "
            "AND (cast($2 AS INTEGER) IS NULL OR load_id = $2) "
            "AND (cast($3 AS VARCHAR) IS NULL OR url = $3) "
            "AND (cast($4 AS VARCHAR) IS NULL OR dataset = $4) ORDER BY url, line, source_id",
            [reason, load_id, url, dataset],
        )


def check(config: Config) -> list[checks.CheckResult]:
    """Run every data-quality check over the whole warehouse. Read-only."""
    with open_engine(config, read_only=True) as engine:
        require_tables(engine)
        return checks.run_checks(engine, checks.list_checks())


def compare(first: Config, second: Config) -> list[TableComparison]:
    """Compare the stars of two warehouses, table by table. Read-only."""
    with open_engine(first, read_only=True) as one, open_engine(second, read_only=True) as other:
        for engine in (one, other):
            require_tables(engine)
        return compare_stars(one, other)


def query(
    config: Config, name: str, *, cut: Cut = WHOLE_LOG, on_note: Callable[[str], None] | None = None
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Answer a prepared question; returns column names and rows.

    `on_note` is told, in a sentence, where there is no event to answer from. Raises UsageError for an unknown name, and
    for a cut by what the question does not take.
    """
    question = questions.get_question(name)
    questions.require_taken(question, cut)
    with open_engine(config, read_only=True) as engine:
        require_tables(engine)
        answer = engine.fetch_table(question.sql, questions.bind(question, cut))
        if on_note is not None and (note := explain_nothing(engine, cut)):
            on_note(note)
        return answer


def explain_nothing(engine: Engine, cut: Cut = WHOLE_LOG) -> str | None:
    """A sentence where the warehouse holds no event, or none in the cut; None where there is one."""
    if _log_days(engine, cut)[0] is not None:
        return None
    first, last = _log_days(engine, WHOLE_LOG)
    if first is None:
        return f"the warehouse {engine.address} holds no events yet; run sparkify load --log-data ROOT"
    given = ", ".join(f"{name} {value}" for name, value in cut.values.items() if name in ("from", "to", "level"))
    return f"no event is in the cut ({given}); the log has events from {first} to {last}"


def _log_days(engine: Engine, cut: Cut) -> tuple[dt.date | None, dt.date | None]:
    """The days of the first and the last event in a cut; None for both where there is none."""
    overview = questions.get_question("overview")
    first, last, *_ = engine.fetch(overview.sql, questions.bind(overview, cut))[0]
    return first, last


def query_sql(config: Config, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Run one SELECT, read-only; returns column names and rows. Raises UsageError for anything else."""
    with open_engine(config, read_only=True) as engine:
        return engine.fetch_user_query(sql)


@contextmanager
def open_existing(config: Config) -> Iterator[Engine | None]:
    """The warehouse read-only, or None where there is none with tables yet."""
    with ExitStack() as stack:
        try:
            engine = stack.enter_context(open_engine(config, read_only=True))
        except NoWarehouseError:
            yield None
        else:
            yield engine if "load_files" in engine.list_tables() else None


def require_tables(engine: Engine) -> None:
    if "load_files" not in engine.list_tables():
        raise NoWarehouseError(
            f"the warehouse {engine.address} holds no tables yet; run sparkify load or sparkify create"
        )


def fetch_dicts(engine: Engine, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
    columns, rows = engine.fetch_table(sql, parameters)
    return [dict(zip(columns, row, strict=True)) for row in rows]
