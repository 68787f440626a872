"""The tables: their order, their SQL, and how the star is brought up to date.

Every statement is a file below `sql/`; nothing here knows an engine. The star is a pure function of staging. When rows
enter or leave staging, the keys they touch are collected, and only those are deleted from the star and computed anew.

A line of SQL that ends in `-- touched` narrows a statement to the touched keys. A rebuild is the same statement
without those lines, so that there is one text for both.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from sparkify.datasets import Dataset
from sparkify.errors import NoWarehouseError
from sparkify.settings import Config
from sparkify.sql import comment_sql, create_sql, read_sql, rebuild_sql
from sparkify.warehouses import Warehouse, open_warehouse

STAGING = ("staging_events", "staging_songs")
# In the order in which they are computed: time reads songplays.
STAR = ("songplays", "users", "songs", "artists", "time")
LEDGER = ("load_history", "load_files", "rejected_records")
TABLES = (*STAGING, *STAR, *LEDGER)
# In the order in which they are created: sessions and days read events.
VIEWS = ("events", "sessions", "plays", "days")

# In the order in which they are collected: touched_plays reads touched_tracks.
_TOUCHED = ("touched_tracks", "touched_plays", "touched_users", "touched_songs", "touched_artists")
COLLECT_TOUCHED = tuple(read_sql(f"changes/{table}/collect") for table in _TOUCHED)
# The files that the next statements are about stand in changed_files.
FORGET_FILES = "DELETE FROM changed_files"
DELETE_STAGED = tuple(
    f"DELETE FROM {table} WHERE source_id IN (SELECT source_id FROM changed_files)" for table in STAGING
)
DELETE_FILES = (
    *DELETE_STAGED,
    "DELETE FROM rejected_records WHERE source_id IN (SELECT source_id FROM changed_files)",
)
MATCHES = "SELECT count(*), count(song_id) FROM songplays"
# In the order in which they are created: a foreign key names a table that exists.
CREATION_ORDER = (*STAGING, *reversed(STAR), *LEDGER)
_LIST_VIEWS = "SELECT viewname FROM pg_views WHERE schemaname = current_schema()"


def create_tables(warehouse: Warehouse) -> list[str]:
    """Create the tables and views that are missing; returns their names."""
    existing = warehouse.list_tables() | _list_views(warehouse)
    missing = [name for name in (*CREATION_ORDER, *VIEWS) if name not in existing]
    for name in missing:
        for sql in (create_sql(name, warehouse.dialect), *comment_sql(name, warehouse.dialect)):
            warehouse.execute(sql)
    return [name for name in (*TABLES, *VIEWS) if name in missing]


def _list_views(warehouse: Warehouse) -> set[str]:
    return {name for (name,) in warehouse.fetch(_LIST_VIEWS)}


def drop_tables(warehouse: Warehouse) -> list[str]:
    """Drop every table of the warehouse with all that it holds, and the engine's own; returns their names."""
    existing = warehouse.list_tables()
    views = _list_views(warehouse)
    # Redshift drops no table that a view reads.
    for view in reversed([view for view in VIEWS if view in views]):
        warehouse.execute(f"DROP VIEW {view}")
    # The engine's own first: where a load holds one, this waits until that has ended.
    present = [table for table in (*warehouse.own_tables, *reversed(CREATION_ORDER)) if table in existing]
    for table in present:
        warehouse.execute(drop_sql(table))
    return present


def drop_sql(table: str) -> str:
    """The statement that drops a table which is there."""
    return f"DROP TABLE {table}"


def begin_changes(warehouse: Warehouse) -> None:
    """Make ready to collect the keys that a load touches. Temporary tables hold them until the engine is closed."""
    for sql in begin_changes_sql():
        warehouse.execute(sql)


def begin_changes_sql() -> list[str]:
    """The statements of `begin_changes`."""
    tables = ("changed_files", *_TOUCHED)
    return [sql for table in tables for sql in (f"DROP TABLE IF EXISTS {table}", read_sql(f"changes/{table}/create"))]


def collect_touched(warehouse: Warehouse, source_ids: Iterable[int]) -> None:
    """Add the keys that staging holds of these files: before their rows leave, or after they entered."""
    name_files(warehouse, source_ids)
    for sql in COLLECT_TOUCHED:
        warehouse.execute(sql)


def delete_files(warehouse: Warehouse, source_ids: Iterable[int]) -> None:
    """Take the rows and rejects of these files out of staging; the star follows with `refresh`."""
    leaving = list(source_ids)
    if not leaving:
        return
    name_files(warehouse, leaving)
    for sql in DELETE_FILES:
        warehouse.execute(sql)


def name_files(warehouse: Warehouse, source_ids: Iterable[int]) -> None:
    """Say which files the next statements are about: they stand in changed_files."""
    warehouse.execute(FORGET_FILES)
    warehouse.insert_rows("changed_files", ["source_id"], [(source_id,) for source_id in source_ids])


def refresh_star(
    warehouse: Warehouse, *, rebuild: bool, around: Callable[[str], AbstractContextManager[object]] = nullcontext
) -> None:
    """Compute the touched keys of the star anew from staging, or every key; `around` is entered for each table."""
    for table in STAR:
        with around(table):
            for sql in refresh_sql(table, rebuild=rebuild):
                warehouse.execute(sql)


def refresh_sql(table: str, *, rebuild: bool) -> list[str]:
    """The statements that bring a table of the star up to date."""
    statements = [read_sql(f"tables/{table}/{step}") for step in ("delete", "load")]
    return [rebuild_sql(sql) for sql in statements] if rebuild else statements


def count_rows(warehouse: Warehouse, tables: Iterable[str] = TABLES) -> dict[str, int]:
    """Rows of each table, in the order given."""
    return {table: warehouse.fetch(count_sql(table))[0][0] for table in tables}


def count_sql(table: str) -> str:
    """The query that counts a table's rows."""
    return f"SELECT count(*) FROM {table}"


def count_records(warehouse: Warehouse, dataset: Dataset, first_source_id: int) -> dict[int, tuple[int, int]]:
    """Records loaded and rejected of each file of a dataset from one source id on, counted where they stand."""
    rows = warehouse.fetch(count_records_sql(dataset), [first_source_id, dataset])
    return {source_id: (int(loaded), int(rejected)) for source_id, loaded, rejected in rows}


def count_records_sql(dataset: Dataset) -> str:
    """The query of `count_records`, from source id $1 on, for dataset $2."""
    return f"""SELECT source_id, sum(loaded), sum(rejected)
FROM (
    SELECT source_id, count(*) AS loaded, 0 AS rejected FROM staging_{dataset}
    WHERE source_id >= $1 GROUP BY source_id
    UNION ALL
    SELECT source_id, 0 AS loaded, count(*) AS rejected FROM rejected_records
    WHERE source_id >= $1 AND dataset = $2 GROUP BY source_id
) AS counts
GROUP BY source_id"""


def match_rate(warehouse: Warehouse) -> float | None:
    """Share of plays, 0 to 1, whose song the catalogue knows; None without plays."""
    plays, matched = warehouse.fetch(MATCHES)[0]
    return matched / plays if plays else None


@contextmanager
def open_existing(config: Config) -> Iterator[Warehouse | None]:
    """The warehouse read-only, or None where there is none with tables yet."""
    with ExitStack() as stack:
        try:
            warehouse = stack.enter_context(open_warehouse(config, read_only=True))
        except NoWarehouseError:
            yield None
        else:
            yield warehouse if "load_files" in warehouse.list_tables() else None


def require_tables(warehouse: Warehouse) -> None:
    """Raises NoWarehouseError where the warehouse has no tables yet."""
    if "load_files" not in warehouse.list_tables():
        raise NoWarehouseError(
            f"the warehouse {warehouse.address} holds no tables yet; run sparkify load or sparkify create"
        )
