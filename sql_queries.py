"""The statements of the warehouse under the names of the original project; their text lives in the package.

The statements that make tables are those of the configured warehouse, and `copy_table_queries` and its statements,
which are Redshift's, name the configured sources: `dwh.cfg` is read when they are asked for, never on import.
"""

from typing import Any

from sparkify.datasets import Dataset
from sparkify.settings import load_config
from sparkify.sql import create_sql, read_sql, rebuild_sql
from sparkify.star.tables import CREATION_ORDER, STAR, VIEWS
from sparkify.warehouses import engine_of
from sparkify.warehouses.redshift.stage import copy_sql


def _drop(table: str) -> str:
    return f"DROP TABLE IF EXISTS {table}"


def _insert(table: str) -> str:
    return rebuild_sql(read_sql(f"tables/{table}/load"))


staging_events_table_drop = _drop("staging_events")
staging_songs_table_drop = _drop("staging_songs")
songplay_table_drop = _drop("songplays")
user_table_drop = _drop("users")
song_table_drop = _drop("songs")
artist_table_drop = _drop("artists")
time_table_drop = _drop("time")

songplay_table_insert = _insert("songplays")
user_table_insert = _insert("users")
song_table_insert = _insert("songs")
artist_table_insert = _insert("artists")
time_table_insert = _insert("time")

# What a view reads and what a foreign key names is dropped after it.
drop_table_queries = [
    *(f"DROP VIEW IF EXISTS {view}" for view in reversed(VIEWS)),
    *(_drop(table) for table in reversed(CREATION_ORDER)),
]
insert_table_queries = [_insert(table) for table in STAR]


_CREATES = {
    "staging_events_table_create": "staging_events",
    "staging_songs_table_create": "staging_songs",
    "songplay_table_create": "songplays",
    "user_table_create": "users",
    "song_table_create": "songs",
    "artist_table_create": "artists",
    "time_table_create": "time",
}
_COPIES: dict[str, Dataset] = {"staging_events_copy": "events", "staging_songs_copy": "songs"}


def __getattr__(name: str) -> Any:
    if name in _CREATES or name == "create_table_queries":
        dialect = engine_of(load_config().warehouse_address)
        if name in _CREATES:
            return create_sql(_CREATES[name], dialect)
        return [create_sql(name, dialect) for name in (*CREATION_ORDER, *VIEWS)]
    if name in _COPIES:
        return copy_sql(load_config(), _COPIES[name])
    if name == "copy_table_queries":
        return [copy_sql(load_config(), dataset) for dataset in _COPIES.values()]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
