"""The statements of the warehouse under the names of the original project; their text lives in the package.

`copy_table_queries` and its statements are Redshift's. They name the configured sources, so `dwh.cfg` is read when
they are first asked for, never on import.
"""

from typing import Any

from sparkify.model import STAR, TABLES, read_sql, rebuild_sql


def _drop(table: str) -> str:
    return f"DROP TABLE IF EXISTS {table}"


def _insert(table: str) -> str:
    return rebuild_sql(read_sql(f"{table}/load"))


staging_events_table_drop = _drop("staging_events")
staging_songs_table_drop = _drop("staging_songs")
songplay_table_drop = _drop("songplays")
user_table_drop = _drop("users")
song_table_drop = _drop("songs")
artist_table_drop = _drop("artists")
time_table_drop = _drop("time")

staging_events_table_create = read_sql("staging_events/create")
staging_songs_table_create = read_sql("staging_songs/create")
songplay_table_create = read_sql("songplays/create")
user_table_create = read_sql("users/create")
song_table_create = read_sql("songs/create")
artist_table_create = read_sql("artists/create")
time_table_create = read_sql("time/create")

songplay_table_insert = _insert("songplays")
user_table_insert = _insert("users")
song_table_insert = _insert("songs")
artist_table_insert = _insert("artists")
time_table_insert = _insert("time")

drop_table_queries = [_drop(table) for table in TABLES]
create_table_queries = [read_sql(f"{table}/create") for table in TABLES]
insert_table_queries = [_insert(table) for table in STAR]


def __getattr__(name: str) -> Any:
    if name not in ("copy_table_queries", "staging_events_copy", "staging_songs_copy"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sparkify.config import load_config
    from sparkify.engines.redshift import copy_sql

    config = load_config()
    if name == "copy_table_queries":
        return [copy_sql(config, "events"), copy_sql(config, "songs")]
    return copy_sql(config, "events" if name == "staging_events_copy" else "songs")
