"""The load as a user of Polars would write it: lazy scans of JSON lines, sunk into seven Parquet files.

Usage: python bench/contenders/with_polars.py FOLDER LOG_DATA SONG_DATA [array|gzip]
"""

import sys
from pathlib import Path

import polars as pl

EVENTS = {
    "artist": pl.String, "auth": pl.String, "firstName": pl.String, "gender": pl.String, "itemInSession": pl.Int32,
    "lastName": pl.String, "length": pl.Float64, "level": pl.String, "location": pl.String, "method": pl.String,
    "page": pl.String, "registration": pl.Float64, "sessionId": pl.Int32, "song": pl.String, "status": pl.Int32,
    "ts": pl.Int64, "userAgent": pl.String, "userId": pl.String,
}  # fmt: skip
SONGS = {
    "num_songs": pl.Int32, "artist_id": pl.String, "artist_latitude": pl.Float64, "artist_longitude": pl.Float64,
    "artist_location": pl.String, "artist_name": pl.String, "song_id": pl.String, "title": pl.String,
    "duration": pl.Float64, "year": pl.Int32,
}  # fmt: skip


def build_songplays(events: pl.LazyFrame, songs: pl.LazyFrame) -> pl.LazyFrame:
    """Each play, with the song of its title, artist and length."""
    plays = events.filter(pl.col("page") == "NextSong").with_row_index("songplay_id")
    catalogue = songs.select("song_id", "artist_id", "duration", song="title", artist="artist_name")
    matches = (
        plays.select("songplay_id", "song", "artist", "length")
        .join(catalogue, on=["song", "artist"])
        .filter((pl.col("length") - pl.col("duration")).abs() < 1)
        .select("songplay_id", "song_id", "artist_id")
    )
    return plays.join(matches, on="songplay_id", how="left").select(
        "songplay_id",
        pl.from_epoch("ts", time_unit="ms").alias("start_time"),
        pl.col("userId").cast(pl.Int32, strict=False).alias("user_id"),
        "level", "song_id", "artist_id",
        pl.col("sessionId").alias("session_id"), "location", pl.col("userAgent").alias("user_agent"),
    )  # fmt: skip


def build_users(events: pl.LazyFrame) -> pl.LazyFrame:
    """Each user as of the latest event."""
    return (
        events.filter(pl.col("userId") != "")
        .select(
            pl.col("userId").cast(pl.Int32).alias("user_id"), "ts", "level", "gender",
            pl.col("firstName").alias("first_name"), pl.col("lastName").alias("last_name"),
        )
        .group_by("user_id")
        .agg(pl.col("first_name", "last_name", "gender", "level").sort_by("ts").last())
    )  # fmt: skip


def build_time(songplays: pl.LazyFrame) -> pl.LazyFrame:
    """Each start time in its parts."""
    start = pl.col("start_time").dt
    return songplays.select("start_time").unique().with_columns(
        hour=start.hour(), day=start.day(), week=start.week(), month=start.month(), year=start.year(),
        weekday=start.weekday() % 7,
    )  # fmt: skip


def scan_events(log_data: str, form: str = "lines") -> pl.LazyFrame:
    """The events of a folder. Arrays are no lines: each is read whole."""
    if form == "array":
        return pl.concat(pl.read_json(path, schema=EVENTS).lazy() for path in sorted(Path(log_data).rglob("*.json")))
    return pl.scan_ndjson(f"{log_data}/**/*.json{'.gz' if form == 'gzip' else ''}", schema=EVENTS)


def main() -> None:
    """Staging first; the star from what was staged."""
    target, log_data, song_data, *form = sys.argv[1:]
    folder = Path(target)
    folder.mkdir()

    def sink(table: str, frame: pl.LazyFrame) -> pl.LazyFrame:
        frame.sink_parquet(folder / f"{table}.parquet")
        return pl.scan_parquet(folder / f"{table}.parquet")

    events = sink("staging_events", scan_events(log_data, *form))
    songs = sink("staging_songs", pl.scan_ndjson(f"{song_data}/**/*.json", schema=SONGS))
    songplays = sink("songplays", build_songplays(events, songs))
    sink("users", build_users(events))
    sink("songs", songs.unique("song_id").select("song_id", "title", "artist_id", "year", "duration"))
    artists = songs.unique("artist_id")
    sink(
        "artists",
        artists.select(
            "artist_id", name="artist_name", location="artist_location", latitude="artist_latitude",
            longitude="artist_longitude",
        ),
    )  # fmt: skip
    sink("time", build_time(songplays))


if __name__ == "__main__":
    main()
