"""The load as a user of pandas would write it, no row by hand: read_json of lines, merge, drop_duplicates, Parquet.

Usage: python bench/contenders/with_pandas.py FOLDER LOG_DATA SONG_DATA [array|gzip]
"""

import gzip
import sys
from io import BytesIO
from pathlib import Path

import pandas as pd


def read_records(root: str, form: str = "lines") -> pd.DataFrame:
    """The records of a folder; its files as one, for read_json costs milliseconds a call and there are thousands."""
    files = (path.read_bytes() for path in sorted(Path(root).rglob("*.json*")))
    if form == "array":
        return pd.concat((pd.read_json(BytesIO(file)) for file in files), ignore_index=True)
    contents = (line.rstrip(b"\n") for line in (map(gzip.decompress, files) if form == "gzip" else files))
    return pd.read_json(BytesIO(b"\n".join(contents)), lines=True, engine="pyarrow")


def build_songplays(events: pd.DataFrame, songs: pd.DataFrame) -> pd.DataFrame:
    """Each play, with the song of its title, artist and length."""
    plays = events[events["page"] == "NextSong"].reset_index(drop=True).rename_axis("songplay_id").reset_index()
    matches = plays[["songplay_id", "song", "artist", "length"]].merge(
        songs[["title", "artist_name", "duration", "song_id", "artist_id"]],
        left_on=["song", "artist"],
        right_on=["title", "artist_name"],
    )
    matches = matches[(matches["length"] - matches["duration"]).abs() < 1][["songplay_id", "song_id", "artist_id"]]
    plays = plays.merge(matches, on="songplay_id", how="left")
    plays["start_time"] = pd.to_datetime(plays["ts"], unit="ms")
    plays["user_id"] = pd.to_numeric(plays["userId"]).astype("Int32")
    plays = plays.rename(columns={"sessionId": "session_id", "userAgent": "user_agent"})
    columns = ["songplay_id", "start_time", "user_id", "level", "song_id", "artist_id", "session_id", "location"]
    return plays[[*columns, "user_agent"]]


def build_users(events: pd.DataFrame) -> pd.DataFrame:
    """Each user as of the latest event."""
    known = events.loc[events["userId"] != "", ["userId", "firstName", "lastName", "gender", "level", "ts"]]
    latest = known.dropna(subset="userId").sort_values("ts", kind="stable").drop_duplicates("userId", keep="last")
    latest["userId"] = latest["userId"].astype("int32")
    names = {"userId": "user_id", "firstName": "first_name", "lastName": "last_name"}
    return latest.drop(columns="ts").rename(columns=names)


def build_time(songplays: pd.DataFrame) -> pd.DataFrame:
    """Each start time in its parts."""
    time = songplays[["start_time"]].drop_duplicates(ignore_index=True)
    start = time["start_time"].dt
    return time.assign(
        hour=start.hour, day=start.day, week=start.isocalendar().week, month=start.month, year=start.year,
        weekday=(start.day_of_week + 1) % 7,
    )  # fmt: skip


def main() -> None:
    """Staging first, then the star."""
    target, log_data, song_data, *form = sys.argv[1:]
    folder = Path(target)
    folder.mkdir()
    events, songs = read_records(log_data, *form), read_records(song_data)
    songplays = build_songplays(events, songs)
    names = {"artist_name": "name", "artist_location": "location"}
    names |= {"artist_latitude": "latitude", "artist_longitude": "longitude"}
    tables = {
        "staging_events": events,
        "staging_songs": songs,
        "songplays": songplays,
        "users": build_users(events),
        "songs": songs.drop_duplicates("song_id")[["song_id", "title", "artist_id", "year", "duration"]],
        "artists": songs.drop_duplicates("artist_id")[["artist_id", *names]].rename(columns=names),
        "time": build_time(songplays),
    }
    for name, frame in tables.items():
        frame.to_parquet(folder / f"{name}.parquet", index=False)


if __name__ == "__main__":
    main()
