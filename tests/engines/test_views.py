"""The views, on every engine, compared with the reference: each event once, and what is made from it."""

import random
from typing import Any

import pytest

import sparkify
from sparkify.settings import Config
from sparkify.star.tables import VIEWS
from sparkify.warehouses import open_warehouse
from tests import reference
from tests.support import event, log_file, play, read_sources, song, song_file, write_file

# Fields in which a copy may differ, with values that some collations sort differently.
OTHER_FIELDS: dict[str, list[Any]] = {
    "song": ["É", "Z", "a"],
    "artist": ["A", "B"],
    "length": [1.5, 10.25, None],
    "level": ["free", "paid", None],
    "location": ["Łódź", "New York", None],
    "userAgent": ["x", "y", None],
    "auth": ["Logged In", "Guest", None],
    "firstName": ["Ada", "Zoë", None],
    "gender": ["F", "M", None],
    "lastName": ["B", "b", None],
    "method": ["GET", "PUT", None],
    "registration": [-1, 1_540_919_166_796, None],
    "status": [200, 1000, None],
}
SONGS = [
    song(song_id="SO1", title="Z", artist_name="A", artist_latitude=1.5, artist_longitude=-2.25, artist_location="Ł"),
    song(song_id="SO2", title="É", artist_name="B", artist_id="AR2", year=0),
]


def rows_of(config: Config) -> dict[str, list[str]]:
    """Every row of every view but those of repeated events, as text, sorted."""
    with open_warehouse(config, read_only=True) as engine:
        found = {view: engine.fetch_table(f"SELECT * FROM {view}") for view in VIEWS[2:]}
    return {
        view: as_texts(dict(zip(columns, row, strict=True)) for row in rows) for view, (columns, rows) in found.items()
    }


def as_texts(rows: Any) -> list[str]:
    return sorted(str(sorted(row.items())) for row in rows)


def expected(config: Config) -> dict[str, list[str]]:
    events, songs = read_sources(str(config.log_data), "events").rows, read_sources(str(config.song_data), "songs").rows
    return {view: as_texts(rows) for view, rows in reference.build_views(events, songs).items()}


def with_copies(records: list[dict[str, Any]], chance: random.Random) -> list[dict[str, Any]]:
    """Each record up to three times, each time with some other values in fields that are no part of the key."""
    copies = []
    for record in records:
        for _ in range(chance.randint(1, 3)):
            changed = chance.sample(sorted(OTHER_FIELDS), chance.randint(0, len(OTHER_FIELDS)))
            copies.append(record | {field: chance.choice(OTHER_FIELDS[field]) for field in changed})
    return copies


def draw_events(chance: random.Random) -> list[dict[str, Any]]:
    """Events that share users, sessions, positions and moments."""
    return [
        (play if page == "NextSong" else event)(
            userId=chance.choice([1, 2]) if page == "NextSong" else chance.choice([1, 2, None]),
            sessionId=chance.randint(1, 3),
            itemInSession=chance.randint(0, 2),
            ts=1_541_030_400_000 + chance.choice([-1, 0, 1, 1_000, 400_000_000]),
            page=page,
            **{field: chance.choice(values) for field, values in OTHER_FIELDS.items()},
        )
        for page in chance.choices(["NextSong", "Home", "Error"], k=60)
    ]


@pytest.mark.parametrize("copied", ["nothing", "plays", "others", "both"])
def test_views_are_those_of_the_reference(config: Config, copied: str) -> None:
    chance = random.Random(copied)
    key = ("userId", "sessionId", "itemInSession", "ts", "page")
    events = list({tuple(one[name] for name in key): one for one in draw_events(chance)}.values())
    plays = [one for one in events if one["page"] == "NextSong"]
    others = [one for one in events if one["page"] != "NextSong"]
    if copied in ("plays", "both"):
        plays = with_copies(plays, chance)
    if copied in ("others", "both"):
        others = with_copies(others, chance)
    write_file(log_file(config), plays + others)
    write_file(song_file(config), SONGS)
    sparkify.load(config)
    found = rows_of(config)
    assert found == expected(config)
    records, kept = len(plays + others), len(expected(config)["events"])
    assert (records > kept) == (copied != "nothing")


def test_records_of_one_line_are_told_apart(config: Config) -> None:
    """A line may hold several records: file and line do not name one."""
    chance = random.Random(9)
    write_file(log_file(config), with_copies(draw_events(chance), chance))
    sparkify.load(config)
    with open_warehouse(config) as engine:
        engine.execute("UPDATE staging_events SET line = 1")
    sparkify.rebuild(config)
    assert rows_of(config) == expected(config)


def test_a_play_is_the_same_copy_in_both(config: Config) -> None:
    chance = random.Random(5)
    write_file(
        log_file(config), with_copies([play(**{name: values[0] for name, values in OTHER_FIELDS.items()})], chance) * 3
    )
    sparkify.load(config)
    with open_warehouse(config, read_only=True) as engine:
        columns = "song_title, artist_name, song_length, level, location, user_agent"
        assert engine.fetch(f"SELECT {columns} FROM events") == engine.fetch(f"SELECT {columns} FROM plays")


def test_views_of_nothing_are_empty(config: Config) -> None:
    sparkify.create(config)
    assert not any(rows_of(config).values())


def test_views_that_are_missing_are_made_by_the_next_load(config: Config) -> None:
    write_file(log_file(config), [play()])
    sparkify.load(config)
    with open_warehouse(config) as engine, engine.transaction():
        for view in reversed(VIEWS):
            engine.execute(f"DROP VIEW {view}")
    sparkify.load(config)
    assert rows_of(config) == expected(config)
