"""The tables and views of the warehouse: their order, creating and dropping them, and counting rows."""

from collections.abc import Iterable, Iterator
from functools import cache

from sparkify.datasets import Dataset
from sparkify.sql import comment_sql, create_sql, list_changes
from sparkify.warehouses import Warehouse

STAGING = ("staging_events", "staging_songs")
TEXTS = ("normalized_texts",)
# In the order in which they are computed: time reads songplays. A table comes before those that its foreign keys name.
STAR = ("songplays", "user_levels", "users", "songs", "artists", "time")
LEDGER = ("load_history", "load_files", "rejected_records")
TABLES = (*STAGING, *TEXTS, *STAR, *LEDGER)
VERSION = ("warehouse_version",)
# In the order in which they are created: a view reads those before it.
VIEWS = ("repeated_moments", "repeated_events", "events", "sessions", "plays", "days")
# The temporary tables of touched keys, in the order in which they are collected: touched_plays reads touched_names.
TOUCHED = ("touched_names", "touched_plays", "touched_users", "touched_songs", "touched_artists")

# In the order in which they are created: a foreign key names a table that exists.
CREATION_ORDER = (*STAGING, *TEXTS, *reversed(STAR), *LEDGER, *VERSION)
_LIST_VIEWS = "SELECT viewname FROM pg_views WHERE schemaname = current_schema()"


def create_tables(warehouse: Warehouse) -> list[str]:
    """Create the tables and views that are missing; returns their names."""
    existing = warehouse.list_tables() | list_views(warehouse)
    missing = [name for name in (*CREATION_ORDER, *VIEWS) if name not in existing]
    for name in missing:
        warehouse.execute(create_sql(name, warehouse.dialect))
        write_comments(warehouse, name)
    return [name for name in (*TABLES, *VERSION, *VIEWS) if name in missing]


def write_comments(warehouse: Warehouse, name: str) -> None:
    """Write the meanings of a table or view and of its columns into the database."""
    for sql in comment_sql(name, warehouse.dialect):
        warehouse.execute(sql)


def drop_views(warehouse: Warehouse) -> None:
    """Drop the views that there are."""
    views = list_views(warehouse)
    for view in reversed([view for view in VIEWS if view in views]):
        warehouse.execute(f"DROP VIEW {view}")


def list_views(warehouse: Warehouse) -> set[str]:
    """The names of the existing views."""
    return {name.lower() for (name,) in warehouse.fetch(_LIST_VIEWS)}


@cache
def list_temporary() -> frozenset[str]:
    """The names of all temporary tables of a session."""
    return frozenset({*list_changes(), "judged", *(f"before_{table}" for table in STAR)})


def drop_tables(warehouse: Warehouse) -> list[str]:
    """Drop every table and its data, the engine's own tables too; returns their names."""
    # Redshift does not drop a table that a view reads.
    drop_views(warehouse)
    existing = warehouse.list_tables()
    # The engine's own first: if a running load locks one of them, this waits until the load ends.
    present = [table for table in (*warehouse.own_tables, *reversed(CREATION_ORDER)) if table in existing]
    for table in present:
        warehouse.execute(f"DROP TABLE {table}")
    return present


def count_rows(warehouse: Warehouse, tables: Iterable[str] = TABLES) -> dict[str, int]:
    """Rows of each table, in the order given."""
    return {table: warehouse.fetch(f"SELECT count(*) FROM {table}")[0][0] for table in tables}


def list_counts(warehouse: Warehouse, dataset: Dataset, first_source_id: int) -> Iterator[tuple[int, int, int]]:
    """Source id, loaded and rejected records of each file of a dataset, from one source id on, in their order.

    They are counted in the tables. A file without a record is absent. Take them before another statement is run.
    """
    sql = f"""SELECT source_id, cast(sum(loaded) AS BIGINT), cast(sum(rejected) AS BIGINT)
    FROM (
        SELECT source_id, count(*) AS loaded, 0 AS rejected FROM staging_{dataset}
        WHERE source_id >= $1 GROUP BY source_id
        UNION ALL
        SELECT source_id, 0 AS loaded, count(*) AS rejected FROM rejected_records
        WHERE source_id >= $1 AND dataset = $2 GROUP BY source_id
    ) AS counts
    GROUP BY source_id
    ORDER BY source_id"""
    _, rows = warehouse.stream(sql, [first_source_id, dataset])
    return ((source_id, loaded, rejected) for source_id, loaded, rejected in rows)


def match_rates(warehouse: Warehouse, *, has_kinds: bool = True) -> dict[str, float | None]:
    """Shares of plays, 0 to 1, whose song and whose artist is in the catalogue; None without plays.

    `has_kinds` says that songplays has the column `match`; layouts before 3 have not.
    """
    # The few kinds of a match are read in a third of the time of the ids.
    song, artist = ("CASE WHEN match <> 'artist' THEN 1 END", "match") if has_kinds else ("song_id", "artist_id")
    plays, songs, artists = warehouse.fetch(f"SELECT count(*), count({song}), count({artist}) FROM songplays")[0]
    return {"song": songs / plays if plays else None, "artist": artists / plays if plays else None}
