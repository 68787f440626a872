"""The script that a good engineer would write by hand: DuckDB's own JSON reader and five CREATE TABLE AS.

It is what `bench/load.py` measures `sparkify load` against. No ledger, no rejects, no order-free winners: it trusts its
input and starts anew every time. Usage: python bench/handwritten.py WAREHOUSE LOG_DATA SONG_DATA [array|gzip]
"""

import sys

import duckdb

STATEMENTS = [
    """CREATE TABLE staging_events AS SELECT * FROM read_json($log_data, format = $form, columns = {
        artist: 'VARCHAR', auth: 'VARCHAR', firstName: 'VARCHAR', gender: 'VARCHAR', itemInSession: 'INTEGER',
        lastName: 'VARCHAR', length: 'DOUBLE', level: 'VARCHAR', location: 'VARCHAR', method: 'VARCHAR',
        page: 'VARCHAR', registration: 'DOUBLE', sessionId: 'INTEGER', song: 'VARCHAR', status: 'INTEGER',
        ts: 'BIGINT', userAgent: 'VARCHAR', userId: 'VARCHAR'})""",
    """CREATE TABLE staging_songs AS SELECT * FROM read_json($song_data, columns = {
        num_songs: 'INTEGER', artist_id: 'VARCHAR', artist_latitude: 'DOUBLE', artist_longitude: 'DOUBLE',
        artist_location: 'VARCHAR', artist_name: 'VARCHAR', song_id: 'VARCHAR', title: 'VARCHAR',
        duration: 'DOUBLE', year: 'INTEGER'})""",
    """CREATE TABLE songplays AS
    SELECT row_number() OVER () AS songplay_id, make_timestamp(e.ts * 1000) AS start_time,
        try_cast(e.userId AS INTEGER) AS user_id, e.level, s.song_id, s.artist_id, e.sessionId AS session_id,
        e.location, e.userAgent AS user_agent
    FROM staging_events AS e
    LEFT JOIN staging_songs AS s
        ON e.song = s.title AND e.artist = s.artist_name AND abs(e.length - s.duration) < 1
    WHERE e.page = 'NextSong'""",
    """CREATE TABLE users AS
    SELECT try_cast(userId AS INTEGER) AS user_id, arg_max(firstName, ts) AS first_name,
        arg_max(lastName, ts) AS last_name, arg_max(gender, ts) AS gender, arg_max(level, ts) AS level
    FROM staging_events WHERE userId <> '' GROUP BY userId""",
    """CREATE TABLE songs AS
    SELECT DISTINCT ON (song_id) song_id, title, artist_id, year, duration FROM staging_songs""",
    """CREATE TABLE artists AS
    SELECT DISTINCT ON (artist_id) artist_id, artist_name AS name, artist_location AS location,
        artist_latitude AS latitude, artist_longitude AS longitude FROM staging_songs""",
    """CREATE TABLE time AS
    SELECT DISTINCT start_time, hour(start_time) AS hour, day(start_time) AS day, week(start_time) AS week,
        month(start_time) AS month, year(start_time) AS year, dayofweek(start_time) AS weekday FROM songplays""",
]


def build(connection: duckdb.DuckDBPyConnection, log_data: str, song_data: str, form: str = "lines") -> None:
    """Build the five tables from what two patterns match."""
    read_as = "array" if form == "array" else "newline_delimited"
    for statement in STATEMENTS:
        given = {"log_data": log_data, "song_data": song_data, "form": read_as}
        used = {name: value for name, value in given.items() if f"${name}" in statement}
        connection.execute(statement, used)


def main() -> None:
    """Build the five tables from two folders."""
    warehouse, log_data, song_data, *form = sys.argv[1:]
    with duckdb.connect(warehouse) as connection:
        build(connection, f"{log_data}/**/*.json*", f"{song_data}/**/*.json", *form)


if __name__ == "__main__":
    main()
