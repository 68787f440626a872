"""The tables and views of the warehouse: their order, creating and dropping them, and counting rows."""

from collections.abc import Iterator, Sequence
from functools import cache

from sparkify.datasets import Dataset
from sparkify.sql import comment_sql, create_sql, list_changes
from sparkify.warehouses import Relations, Warehouse

STAGING = ("staging_events", "staging_songs")
TEXTS = ("normalized_texts",)
# In the order in which they are computed: time reads songplays. A table comes before those that its foreign keys name.
STAR = ("songplays", "user_levels", "users", "songs", "artists", "time")
LEDGER = ("load_history", "load_files", "rejected_records")
TABLES = (*STAGING, *TEXTS, *STAR, *LEDGER)
VERSION = ("warehouse_version",)
# In the order in which they are created: a view reads those before it.
VIEWS = ("repeated_moments", "repeated_events", "events", "sessions", "plays", "days")
# What collects touched keys in temporary tables, in order: of each changed file, and of those that have songs.
COLLECT = ("sparkify_touched_plays/collect", "sparkify_touched_users/collect")
COLLECT_OF_SONGS = (
    "sparkify_touched_names/collect", "sparkify_touched_plays/collect_named",
    "sparkify_touched_songs/collect", "sparkify_touched_artists/collect",
)  # fmt: skip
# Plays with a song, and with an artist. The few kinds of a match are read in a third of the time of the ids.
_MATCHED = ("CASE WHEN match <> 'artist' THEN 1 END", "match")
# What changes only if a file with songs does.
OF_SONGS = ("songs", "artists")

# In the order in which they are created: a foreign key names a table that exists.
CREATION_ORDER = (*STAGING, *TEXTS, *reversed(STAR), *LEDGER, *VERSION)


def create_tables(warehouse: Warehouse) -> list[str]:
    """Create the tables and views that are missing; returns their names."""
    missing = list_missing(warehouse.list_relations())
    for name in missing:
        warehouse.execute(create_sql(name, warehouse.dialect))
        write_comments(warehouse, name)
    return [name for name in (*TABLES, *VERSION, *VIEWS) if name in missing]


def list_missing(relations: Relations) -> list[str]:
    """Our tables and views that are not among the existing ones, in the order in which they are created."""
    return [name for name in (*CREATION_ORDER, *VIEWS) if name not in relations.tables | relations.views]


def write_comments(warehouse: Warehouse, name: str) -> None:
    """Write the meanings of a table or view and of its columns into the database."""
    for sql in comment_sql(name, warehouse.dialect):
        warehouse.execute(sql)


def drop_views(warehouse: Warehouse) -> None:
    """Drop the views that there are."""
    views = warehouse.list_relations().views
    for view in reversed([view for view in VIEWS if view in views]):
        warehouse.execute(f"DROP VIEW {view}")


@cache
def list_temporary() -> frozenset[str]:
    """The names of all temporary tables of a session."""
    return frozenset({*list_changes(), "judged", *(f"sparkify_before_{table}" for table in STAR)})


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


def count_rows(warehouse: Warehouse, tables: Sequence[str] = TABLES) -> dict[str, int]:
    """Rows of each table, in the order given."""
    counted = [f"SELECT {place} AS place, count(*) AS found FROM {table}" for place, table in enumerate(tables)]
    if not counted:
        return {}
    found: dict[int, int] = dict(warehouse.fetch("\nUNION ALL\n".join(counted)))
    return {table: found[place] for place, table in enumerate(tables)}


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


def count_rows_and_matches(warehouse: Warehouse) -> tuple[dict[str, int], dict[str, float | None]]:
    """Rows of each table, and what `match_rates` returns, in one statement."""
    matches = {"songplays": ", ".join(f"count({what})" for what in _MATCHED)}
    rows = warehouse.fetch(
        "\nUNION ALL\n".join(
            f"SELECT {place} AS place, count(*) AS found, {matches.get(table, '0, 0')} FROM {table}"
            for place, table in enumerate(TABLES)
        )
    )
    found = {TABLES[place]: counts for place, *counts in rows}
    return {table: found[table][0] for table in TABLES}, _share(*found["songplays"])


def match_rates(warehouse: Warehouse, *, has_kinds: bool = True) -> dict[str, float | None]:
    """Shares of plays, 0 to 1, whose song and whose artist is in the catalogue; None without plays.

    `has_kinds` says that songplays has the column `match`; layouts before 3 have not.
    """
    song, artist = _MATCHED if has_kinds else ("song_id", "artist_id")
    return _share(*warehouse.fetch(f"SELECT count(*), count({song}), count({artist}) FROM songplays")[0])


def _share(plays: int, songs: int, artists: int) -> dict[str, float | None]:
    return {"song": songs / plays if plays else None, "artist": artists / plays if plays else None}
