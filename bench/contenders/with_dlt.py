"""The load as a user of dlt would write it: its filesystem source into DuckDB, then SQL for the star.

Usage: python bench/contenders/with_dlt.py WAREHOUSE LOG_DATA SONG_DATA
"""

import sys
from pathlib import Path

import dlt
import duckdb
from dlt.sources.filesystem import filesystem, read_jsonl

STAR = [
    """CREATE TABLE songplays AS
    SELECT row_number() OVER () AS songplay_id, make_timestamp(e.ts * 1000) AS start_time,
        try_cast(e.user_id AS INTEGER) AS user_id, e.level, s.song_id, s.artist_id, e.session_id, e.location,
        e.user_agent
    FROM staging_events AS e
    LEFT JOIN staging_songs AS s
        ON e.song = s.title AND e.artist = s.artist_name AND abs(e.length - s.duration) < 1
    WHERE e.page = 'NextSong'""",
    """CREATE TABLE users AS
    SELECT try_cast(user_id AS INTEGER) AS user_id, arg_max(first_name, ts) AS first_name,
        arg_max(last_name, ts) AS last_name, arg_max(gender, ts) AS gender, arg_max(level, ts) AS level
    FROM staging_events WHERE user_id <> '' GROUP BY user_id""",
    """CREATE TABLE songs AS
    SELECT DISTINCT ON (song_id) song_id, title, artist_id, year, duration FROM staging_songs""",
    """CREATE TABLE artists AS
    SELECT DISTINCT ON (artist_id) artist_id, artist_name AS name, artist_location AS location,
        artist_latitude AS latitude, artist_longitude AS longitude FROM staging_songs""",
    """CREATE TABLE time AS
    SELECT DISTINCT start_time, hour(start_time) AS hour, day(start_time) AS day, week(start_time) AS week,
        month(start_time) AS month, year(start_time) AS year, dayofweek(start_time) AS weekday FROM songplays""",
]


def main() -> None:
    """Staging by dlt, the star by DuckDB."""
    warehouse, log_data, song_data = sys.argv[1:]
    pipeline = dlt.pipeline(
        "sparkify",
        pipelines_dir=str(Path(warehouse).with_suffix(".dlt")),
        destination=dlt.destinations.duckdb(warehouse),
        dataset_name="sparkify",
    )
    # A chunk costs dlt something of its own: the larger, the fewer.
    events = filesystem(Path(log_data).resolve().as_uri(), file_glob="**/*.json") | read_jsonl(chunksize=10_000)
    songs = filesystem(Path(song_data).resolve().as_uri(), file_glob="**/*.json") | read_jsonl(chunksize=10_000)
    resources = [events.with_name("staging_events"), songs.with_name("staging_songs")]
    pipeline.run(resources, loader_file_format="parquet", write_disposition="replace")
    with duckdb.connect(warehouse) as connection:
        connection.execute("USE sparkify")
        for statement in STAR:
            connection.execute(statement)


if __name__ == "__main__":
    main()
