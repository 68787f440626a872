"""The tables: their order, their SQL, and how the star is brought up to date.

Every statement lies in `sql/<table>/`; nothing here knows an engine. The star is a pure function of staging. When rows
enter or leave staging, the keys they touch are collected, and only those are deleted from the star and computed anew.

A line of SQL that ends in `-- touched` narrows a statement to the touched keys. A rebuild is the same statement
without those lines, so that there is one text for both.
"""

from collections.abc import Iterable

from sparkify.engines import Engine
from sparkify.records import Dataset
from sparkify.sql import create_sql, read_sql, rebuild_sql

STAGING = ("staging_events", "staging_songs")
# In the order in which they are computed: time reads songplays.
STAR = ("songplays", "users", "songs", "artists", "time")
LEDGER = ("load_history", "load_files", "rejected_records")
TABLES = (*STAGING, *STAR, *LEDGER)

# In the order in which they are collected: touched_plays reads touched_tracks.
_TOUCHED = ("touched_tracks", "touched_plays", "touched_users", "touched_songs", "touched_artists")
# In the order in which they are created: a foreign key names a table that exists.
CREATION_ORDER = (*STAGING, *reversed(STAR), *LEDGER)


def create(engine: Engine) -> list[str]:
    """Create the tables that are missing; returns their names."""
    existing = engine.list_tables()
    missing = [table for table in CREATION_ORDER if table not in existing]
    for table in missing:
        engine.execute(create_sql(table, engine.dialect))
    return [table for table in TABLES if table in missing]


def drop(engine: Engine) -> list[str]:
    """Drop every table of the warehouse with all that it holds; returns their names."""
    existing = engine.list_tables()
    present = [table for table in reversed(CREATION_ORDER) if table in existing]
    for table in present:
        engine.execute(f"DROP TABLE {table}")
    return present


def begin_changes(engine: Engine) -> None:
    """Make ready to collect the keys that a load touches. Temporary tables hold them until the engine is closed."""
    for table in ("changed_files", *_TOUCHED):
        engine.execute(f"DROP TABLE IF EXISTS {table}")
        engine.execute(read_sql(f"{table}/create"))


def collect_touched(engine: Engine, source_ids: Iterable[int]) -> None:
    """Add the keys that staging holds of these files: before their rows leave, or after they entered."""
    engine.execute("DELETE FROM changed_files")
    engine.insert_rows("changed_files", ["source_id"], [(source_id,) for source_id in source_ids])
    for table in _TOUCHED:
        engine.execute(read_sql(f"{table}/collect"))


def delete_files(engine: Engine, source_ids: Iterable[int]) -> None:
    """Take the rows and rejects of these files out of staging; the star follows with `refresh`."""
    leaving = [(source_id,) for source_id in source_ids]
    if not leaving:
        return
    engine.execute("DELETE FROM changed_files")
    engine.insert_rows("changed_files", ["source_id"], leaving)
    for table in (*STAGING, "rejected_records"):
        engine.execute(f"DELETE FROM {table} WHERE source_id IN (SELECT source_id FROM changed_files)")


def refresh(engine: Engine, *, rebuild: bool) -> None:
    """Compute the touched keys of the star anew from staging, or every key."""
    for table in STAR:
        for step in ("delete", "load"):
            sql = read_sql(f"{table}/{step}")
            engine.execute(rebuild_sql(sql) if rebuild else sql)


def count_rows(engine: Engine, tables: Iterable[str] = TABLES) -> dict[str, int]:
    """Rows of each table, in the order given."""
    return {table: engine.fetch(f"SELECT count(*) FROM {table}")[0][0] for table in tables}


def count_records(engine: Engine, dataset: Dataset, first_source_id: int) -> dict[int, tuple[int, int]]:
    """Records loaded and rejected of each file of a dataset from one source id on, counted where they stand."""
    sql = f"""SELECT source_id, sum(loaded), sum(rejected) FROM (
        SELECT source_id, count(*) AS loaded, 0 AS rejected FROM staging_{dataset}
        WHERE source_id >= $1 GROUP BY source_id
        UNION ALL
        SELECT source_id, 0 AS loaded, count(*) AS rejected FROM rejected_records
        WHERE source_id >= $1 AND dataset = $2 GROUP BY source_id
    ) AS counts GROUP BY source_id"""
    rows = engine.fetch(sql, [first_source_id, dataset])
    return {source_id: (int(loaded), int(rejected)) for source_id, loaded, rejected in rows}


def match_rate(engine: Engine) -> float | None:
    """Share of plays, 0 to 1, whose song the catalogue knows; None without plays."""
    plays, matched = engine.fetch("SELECT count(*), count(song_id) FROM songplays")[0]
    return matched / plays if plays else None
