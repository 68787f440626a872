"""The star's SQL against given and expected rows, one rule a folder.

`sql/<table>/<case>/` holds `given_events.jsonl` and `given_songs.jsonl` (source records; either may be absent) and
`expect.jsonl`: the rows of that table, in any order, by the columns that the case is about. Every case is loaded as
one rebuild in two file orders, and as refreshes, where the star follows by touched keys.
"""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from sparkify import model, pipeline
from sparkify.settings import Config
from tests.reference import build_star, read_file
from tests.support import log_file, read_star, song_file, sort_rows, write_file

FOLDER = Path(__file__).parent / "sql"
TABLE_COLUMNS = {
    "songplays": [
        "songplay_id", "start_time", "user_id", "level", "song_id", "artist_id", "session_id", "location", "user_agent",
        "item_in_session", "song_title", "artist_name", "song_length",
    ],
    "users": ["user_id", "first_name", "last_name", "gender", "level"],
    "songs": ["song_id", "title", "artist_id", "year", "duration"],
    "artists": ["artist_id", "name", "location", "latitude", "longitude"],
    "time": ["start_time", "hour", "day", "week", "month", "year", "weekday"],
}  # fmt: skip
CASES = sorted(path.parent for path in FOLDER.glob("*/*/expect.jsonl"))


def read_lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def to_json(value: Any) -> Any:
    """A value as expect.jsonl writes it: times as text with their milliseconds, for JSON has no type for them."""
    return value.isoformat(" ", "milliseconds") if isinstance(value, dt.datetime) else value


class Case:
    """One folder, and its records as files of one line each: every order of records is then an order of files."""

    def __init__(self, folder: Path) -> None:
        self.table = folder.parent.name
        self.events = read_lines(folder / "given_events.jsonl")
        self.songs = read_lines(folder / "given_songs.jsonl")
        self.expected: list[dict[str, Any]] = [json.loads(line) for line in read_lines(folder / "expect.jsonl")]

    def write_events(self, config: Config, *, backwards: bool = False) -> None:
        for number, line in enumerate(reversed(self.events) if backwards else self.events):
            write_file(log_file(config, f"{number:03}.json"), [line])

    def write_songs(self, config: Config, *, backwards: bool = False) -> None:
        for number, line in enumerate(reversed(self.songs) if backwards else self.songs):
            write_file(song_file(config, f"{number:03}.json"), [line])

    def hold(self, config: Config) -> None:
        """The table holds what the case expects, and the whole star what the reference builds."""
        columns = list(self.expected[0])
        assert all(list(row) == columns for row in self.expected)
        places = [TABLE_COLUMNS[self.table].index(name) for name in columns]
        star = read_star(config)
        rows = [[to_json(row[place]) for place in places] for row in star[self.table]]
        assert sort_rows(rows) == sort_rows([list(row.values()) for row in self.expected])
        events = read_file("events", "\n".join(self.events).encode())
        songs = read_file("songs", "\n".join(self.songs).encode())
        assert not events.rejects
        assert not songs.rejects
        assert star == build_star(events.rows, songs.rows)


@pytest.fixture(params=CASES, ids=lambda path: "/".join(path.parts[-2:]))
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


def load(config: Config, mode: str) -> None:
    result = pipeline.load(config)
    assert (result.status, result.mode) == ("loaded", mode)


@pytest.mark.parametrize("backwards", [False, True], ids=["in_order", "backwards"])
def test_one_load(case: Case, warehouse: Config, backwards: bool) -> None:
    case.write_events(warehouse, backwards=backwards)
    case.write_songs(warehouse, backwards=backwards)
    load(warehouse, "rebuild")
    case.hold(warehouse)


@pytest.mark.parametrize("events_first", [True, False], ids=["events_first", "songs_first"])
def test_two_refreshes(case: Case, ballasted: Config, events_first: bool) -> None:
    for write, lines in [(case.write_events, case.events), (case.write_songs, case.songs)][
        :: 1 if events_first else -1
    ]:
        if lines:
            write(ballasted)
            load(ballasted, "refresh")
    case.hold(ballasted)


def test_every_table_of_the_star_has_cases() -> None:
    assert {path.parent.name for path in CASES} == set(model.STAR)
    # A case whose expect.jsonl is misspelt would vanish without a word.
    assert set(CASES) == {path for path in FOLDER.glob("*/*") if path.is_dir()}
