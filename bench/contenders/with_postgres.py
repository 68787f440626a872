"""The original project's flow on PostgreSQL: COPY into staging, then INSERT … SELECT into the star.

It speaks to a server that runs. Usage: python bench/contenders/with_postgres.py CONNECTION LOG_DATA SONG_DATA
"""

import sys
from pathlib import Path

import psycopg

# No line of JSON holds these two bytes, so each is one field as it stands.
COPY = "COPY {table} (record) FROM STDIN (FORMAT csv, QUOTE e'\\x01', DELIMITER e'\\x02')"
TABLES = [
    "CREATE UNLOGGED TABLE copied_events (record json)",
    "CREATE UNLOGGED TABLE copied_songs (record json)",
    """CREATE TABLE staging_events (
        artist text, auth text, "firstName" text, gender text, "itemInSession" integer, "lastName" text,
        length double precision, level text, location text, method text, page text, registration double precision,
        "sessionId" integer, song text, status integer, ts bigint, "userAgent" text, "userId" text)""",
    """CREATE TABLE staging_songs (
        num_songs integer, artist_id text, artist_latitude double precision, artist_longitude double precision,
        artist_location text, artist_name text, song_id text, title text, duration double precision, year integer)""",
    """CREATE TABLE songplays (
        songplay_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, start_time timestamp NOT NULL,
        user_id integer NOT NULL, level text, song_id text, artist_id text, session_id integer, location text,
        user_agent text)""",
    "CREATE TABLE users (user_id integer PRIMARY KEY, first_name text, last_name text, gender text, level text)",
    """CREATE TABLE songs (
        song_id text PRIMARY KEY, title text, artist_id text, year integer, duration double precision)""",
    """CREATE TABLE artists (
        artist_id text PRIMARY KEY, name text, location text, latitude double precision,
        longitude double precision)""",
    """CREATE TABLE time (
        start_time timestamp PRIMARY KEY, hour integer, day integer, week integer, month integer, year integer,
        weekday integer)""",
]
INSERTS = [
    """INSERT INTO staging_events
    SELECT event.* FROM copied_events, json_populate_record(NULL::staging_events, record) AS event""",
    """INSERT INTO staging_songs
    SELECT song.* FROM copied_songs, json_populate_record(NULL::staging_songs, record) AS song""",
    "ANALYZE staging_events, staging_songs",
    """INSERT INTO songplays (start_time, user_id, level, song_id, artist_id, session_id, location, user_agent)
    SELECT to_timestamp(e.ts / 1000.0) AT TIME ZONE 'UTC', e."userId"::integer, e.level, s.song_id, s.artist_id,
        e."sessionId", e.location, e."userAgent"
    FROM staging_events AS e
    LEFT JOIN staging_songs AS s
        ON e.song = s.title AND e.artist = s.artist_name AND abs(e.length - s.duration) < 1
    WHERE e.page = 'NextSong'""",
    """INSERT INTO users
    SELECT DISTINCT ON ("userId") "userId"::integer, "firstName", "lastName", gender, level
    FROM staging_events WHERE "userId" <> '' ORDER BY "userId", ts DESC""",
    "INSERT INTO songs SELECT DISTINCT ON (song_id) song_id, title, artist_id, year, duration FROM staging_songs",
    """INSERT INTO artists
    SELECT DISTINCT ON (artist_id) artist_id, artist_name, artist_location, artist_latitude, artist_longitude
    FROM staging_songs""",
    """INSERT INTO time
    SELECT start_time, extract(hour FROM start_time), extract(day FROM start_time), extract(week FROM start_time),
        extract(month FROM start_time), extract(year FROM start_time), extract(dow FROM start_time)
    FROM (SELECT DISTINCT start_time FROM songplays) AS starts""",
    "DROP TABLE copied_events, copied_songs",
]


def copy_lines(connection: "psycopg.Connection[tuple[object, ...]]", table: str, root: str) -> None:
    """COPY every file of a folder into a table, each line as it stands."""
    with connection.cursor() as cursor, cursor.copy(COPY.format(table=table).encode()) as copy:
        for path in sorted(Path(root).rglob("*.json")):
            with path.open("rb") as file:
                end = b"\n"
                while block := file.read(1 << 20):
                    copy.write(block)
                    end = block[-1:]
            if end != b"\n":
                copy.write(b"\n")


def main() -> None:
    """All in one transaction."""
    address, log_data, song_data = sys.argv[1:]
    with psycopg.connect(address) as connection:
        connection.execute("SET work_mem = '256MB'")
        for statement in TABLES:
            connection.execute(statement.encode())
        copy_lines(connection, "copied_events", log_data)
        copy_lines(connection, "copied_songs", song_data)
        for statement in INSERTS:
            connection.execute(statement.encode())


if __name__ == "__main__":
    main()
