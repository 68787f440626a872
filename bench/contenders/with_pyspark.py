"""The load as a user of PySpark would write it: JSON read by schema, SQL, and seven folders of Parquet.

Usage: python bench/contenders/with_pyspark.py FOLDER LOG_DATA SONG_DATA
"""

import sys

from pyspark.sql import SparkSession

EVENTS = """artist STRING, auth STRING, firstName STRING, gender STRING, itemInSession INT, lastName STRING,
    length DOUBLE, level STRING, location STRING, method STRING, page STRING, registration DOUBLE, sessionId INT,
    song STRING, status INT, ts BIGINT, userAgent STRING, userId STRING"""
SONGS = """num_songs INT, artist_id STRING, artist_latitude DOUBLE, artist_longitude DOUBLE, artist_location STRING,
    artist_name STRING, song_id STRING, title STRING, duration DOUBLE, year INT"""
STAR = {
    "songplays": """SELECT monotonically_increasing_id() AS songplay_id, timestamp_millis(e.ts) AS start_time,
            CAST(e.userId AS INT) AS user_id, e.level, s.song_id, s.artist_id, e.sessionId AS session_id, e.location,
            e.userAgent AS user_agent
        FROM staging_events AS e
        LEFT JOIN staging_songs AS s
            ON e.song = s.title AND e.artist = s.artist_name AND abs(e.length - s.duration) < 1
        WHERE e.page = 'NextSong'""",
    "users": """SELECT CAST(userId AS INT) AS user_id, max_by(firstName, ts) AS first_name,
            max_by(lastName, ts) AS last_name, max_by(gender, ts) AS gender, max_by(level, ts) AS level
        FROM staging_events WHERE userId <> '' GROUP BY userId""",
    "songs": """SELECT song_id, any_value(title) AS title, any_value(artist_id) AS artist_id, any_value(year) AS year,
            any_value(duration) AS duration
        FROM staging_songs GROUP BY song_id""",
    "artists": """SELECT artist_id, any_value(artist_name) AS name, any_value(artist_location) AS location,
            any_value(artist_latitude) AS latitude, any_value(artist_longitude) AS longitude
        FROM staging_songs GROUP BY artist_id""",
    "time": """SELECT DISTINCT start_time, hour(start_time) AS hour, day(start_time) AS day,
            weekofyear(start_time) AS week, month(start_time) AS month, year(start_time) AS year,
            dayofweek(start_time) - 1 AS weekday
        FROM songplays""",
}


def main() -> None:
    """Staging first; the star from what was staged."""
    folder, log_data, song_data = sys.argv[1:]
    spark = (
        SparkSession.builder.master("local[*]")
        .config("spark.driver.memory", "4g")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.driver.host", "localhost")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    for table, schema, root in (("staging_events", EVENTS, log_data), ("staging_songs", SONGS, song_data)):
        read = spark.read.schema(schema).option("recursiveFileLookup", "true").json(root)
        read.write.parquet(f"{folder}/{table}")
        spark.read.parquet(f"{folder}/{table}").createOrReplaceTempView(table)
    for table, query in STAR.items():
        spark.sql(query).write.parquet(f"{folder}/{table}")
        spark.read.parquet(f"{folder}/{table}").createOrReplaceTempView(table)
    spark.stop()


if __name__ == "__main__":
    main()
