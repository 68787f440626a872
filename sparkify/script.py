"""What the verbs that change a warehouse, and a check, send to Redshift, statement by statement, without one at hand.

It is made of the very texts that the verbs send; a test holds it against what a server receives. What only a run knows
stands in angle brackets, and values are bound: $1, $2 …
"""

from collections.abc import Iterable

from sparkify import checks, ledger, model
from sparkify.engines.copy import copy_parts_sql
from sparkify.engines.direct import copy_object_sql, doubtful_sql, jsonpaths_url, landing_sql, stage_landed_sql
from sparkify.engines.redshift import (
    COUNT_ERRORS,
    COUNT_SLICES,
    CREATE_LOCK,
    CURRENT_SCHEMA,
    FETCH_REPLAYED,
    LIST_TABLES,
    LOCK,
    LOCK_TABLE,
    NO_TIMEOUT,
    insert_sql,
    timeout_sql,
)
from sparkify.settings import Config
from sparkify.sql import create_sql
from sparkify.validation.fields import Dataset

_OF_LOAD = "<stage>/.sparkify/<warehouse>/<load>"
_DATASETS: tuple[Dataset, ...] = ("events", "songs")
_RECORD_LOAD = (ledger.FORGET_LOAD, insert_sql("load_history", ledger.LOAD_COLUMNS, 1))
_NAME_FILES = (model.FORGET_FILES, insert_sql("changed_files", ["source_id"], 1))


def create_statements(*, drop: bool = False) -> list[str]:
    """What creating all tables sends; with `drop`, into a warehouse that has them all."""
    tables = model.CREATION_ORDER
    dropped = [LIST_TABLES, *(model.drop_sql(table) for table in (LOCK_TABLE, *reversed(tables)))] if drop else []
    return ["BEGIN", *dropped, LIST_TABLES, *(create_sql(table, "redshift") for table in tables), "COMMIT"]


def load_statements(config: Config, *, rebuild: bool, replaces: bool = False, direct: bool = False) -> list[str]:
    """What the first load sends into tables that exist; a later one finds the table that it locks.

    With `rebuild` the whole star is computed, else what changed; `replaces` where a file's older content leaves.
    """
    return [
        "BEGIN",
        LIST_TABLES,
        "COMMIT",
        *_prepared(CREATE_LOCK),
        *_locked(config),
        ledger.LIST_LOADED,
        ledger.MARK_INTERRUPTED,
        ledger.NEXT_LOAD_ID,
        *_RECORD_LOAD,
        "COMMIT",
        *_locked(config),
        ledger.LIST_LOADED,
        *model.begin_changes_sql(),
        ledger.NEXT_SOURCE_ID,
        CURRENT_SCHEMA,
        *(sql for dataset in _DATASETS for sql in _staging(config, dataset, direct)),
        *_replacement(rebuild, replaces),
        *_star(rebuild),
        _RECORD_LOAD[0],
        insert_sql("load_files", ledger.FILE_COLUMNS, 1),
        _RECORD_LOAD[1],
        *_checks("fail", touched=not rebuild),
        ledger.NOTE_DETAIL,
        "COMMIT",
        *_checks("warn", touched=not rebuild),
    ]


def undo_statements(config: Config, *, rebuild: bool) -> list[str]:
    """What undoing a load sends. With `rebuild` the whole star is computed, else what changed."""
    return [
        LIST_TABLES,
        *_prepared(),
        *_locked(config),
        ledger.LOAD_STATUS,
        ledger.LIST_LOADED,
        ledger.LIST_REPLACED,
        *model.begin_changes_sql(),
        *([] if rebuild else [*_NAME_FILES, *model.COLLECT_TOUCHED]),
        *_NAME_FILES,
        *model.DELETE_FILES,
        *ledger.MARK_UNDONE,
        *_star(rebuild),
        *_checks("fail", touched=not rebuild),
        "COMMIT",
    ]


def replay_statements(config: Config, *, rebuild: bool) -> list[str]:
    """What a replay of rejects of both datasets sends, as long as they are few: many are fetched some at a time.

    With `rebuild` the whole star is computed, else what changed.
    """
    return [
        LIST_TABLES,
        *_prepared(),
        *_locked(config),
        ledger.COUNT_REPLAYABLE,
        ledger.LIST_LOADED,
        model.count_sql("rejected_records"),
        *model.begin_changes_sql(),
        *_NAME_FILES,
        *ledger.COLLECT_REPLAYED,
        CURRENT_SCHEMA,
        FETCH_REPLAYED,
        *_parts(config, "events"),
        FETCH_REPLAYED,
        *_parts(config, "songs"),
        *ledger.RECOUNT,
        *([] if rebuild else [*_NAME_FILES, *model.COLLECT_TOUCHED]),
        *_star(rebuild),
        *_checks("fail", touched=not rebuild),
        model.count_sql("rejected_records"),
        "COMMIT",
    ]


def check_statements() -> list[str]:
    """What checking the whole warehouse sends."""
    return [LIST_TABLES, *(checks.count_sql(check, touched=False) for check in checks.list_checks())]


def render(statements: Iterable[str]) -> str:
    """Statements as a script. One that ends in a comment ends on a line of its own."""
    ended = (sql + ("\n;" if "--" in sql.splitlines()[-1] else ";") for sql in statements)
    return "\n\n".join(ended) + "\n"


def _prepared(*missing: str) -> list[str]:
    """What a session asks before its first transaction that loads, and what it makes where that is missing."""
    return [LIST_TABLES, *missing, COUNT_SLICES, COUNT_ERRORS]


def _locked(config: Config) -> list[str]:
    return ["BEGIN", timeout_sql(config.wait), LOCK, NO_TIMEOUT]


def _staging(config: Config, dataset: Dataset, direct: bool) -> list[str]:
    counted = model.count_records_sql(dataset)
    if not direct:
        return [*_parts(config, dataset), counted]
    paths = jsonpaths_url(config, dataset) or f"{_OF_LOAD}/{dataset}.jsonpaths"
    return [
        landing_sql(dataset),
        copy_object_sql(config, dataset, "", f"{_OF_LOAD}/<source_id>.manifest", paths),
        COUNT_ERRORS,
        doubtful_sql(dataset),
        stage_landed_sql(dataset),
        f"DELETE FROM landing_{dataset}",
        f"DROP TABLE landing_{dataset}",
        counted,
    ]


def _parts(config: Config, dataset: Dataset) -> list[str]:
    tables = (f"staging_{dataset}", "rejected_records")
    copies = [copy_parts_sql(config, table, f"{_OF_LOAD}/{table}.manifest") for table in tables]
    return [sql for copy in copies for sql in (copy, "SELECT pg_last_copy_count()")]


def _star(rebuild: bool) -> list[str]:
    return [sql for table in model.STAR for sql in model.refresh_sql(table, rebuild=rebuild)]


def _replacement(rebuild: bool, replaces: bool) -> list[str]:
    leaving = _NAME_FILES if replaces else (model.FORGET_FILES,)
    collected = [] if rebuild else list(model.COLLECT_TOUCHED)
    return [
        *([*leaving, *collected] if collected else []),
        *([*_NAME_FILES, *model.DELETE_FILES, ledger.MARK_SUPERSEDED] if replaces else []),
        *([*_NAME_FILES, *collected] if collected else []),
    ]


def _checks(severity: checks.Severity, *, touched: bool) -> list[str]:
    chosen = [check for check in checks.list_checks() if check.severity == severity]
    return [checks.count_sql(check, touched=touched) for check in chosen]
