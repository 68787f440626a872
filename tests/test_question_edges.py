"""Answers about a few events: edges of definitions that neither the simulated files nor the public sample reach."""

import itertools
import json
import random
from datetime import date
from pathlib import Path

import pytest

import sparkify
from sparkify.questions.cut import Cut
from tests import support
from tests.expected_answers import EXPECTATIONS, MILLISECONDS_OF_DAY, Row, ask, load, load_events, read_data, rounded
from tests.support import write_file

NOON = 1_541_073_600_000  # Thursday 2018-11-01, 12:00 UTC


def at(day: float) -> int:
    return NOON + int(day * MILLISECONDS_OF_DAY)


def test_days_without_plays_count_as_nobody(tmp_path: Path) -> None:
    rows = ask(load_events(tmp_path, [{"ts": at(0)}, {"ts": at(34)}]), "audience")
    assert [row["dau"] for row in rows] == [1] + [0] * 33 + [1]
    assert [row["wau"] for row in rows] == [None] * 6 + [1] + [0] * 27 + [1]
    assert [row["mau"] for row in rows] == [None] * 29 + [1, 0, 0, 0, 0, 1]
    assert [row["stickiness"] for row in rows[29:]] == [
        pytest.approx(1 / 30),
        None,
        None,
        None,
        None,
        pytest.approx(1 / 30),
    ]


def test_weekday_outside_the_log_is_blank(tmp_path: Path) -> None:
    rows = ask(load_events(tmp_path, [{"ts": at(0)}, {"ts": at(8), "page": "Home"}]), "heatmap")
    occurrences = {row["weekday_name"]: row["occurrences"] for row in rows}
    assert occurrences == dict.fromkeys(occurrences, 1) | {"Thursday": 2, "Friday": 2}
    other = tmp_path / "other"
    other.mkdir()
    rows = ask(load_events(other, [{"ts": at(2)}, {"ts": at(3)}]), "heatmap")
    assert {row["weekday_name"] for row in rows} == {"Saturday", "Sunday"}


def test_silence_begins_after_exactly_the_days(tmp_path: Path) -> None:
    events: list[Row] = [
        {"userId": 1, "ts": at(0)},
        {"userId": 2, "ts": at(0) + 1},
        {"userId": 3, "ts": at(1), "page": "Home"},
        {"userId": None, "ts": at(14), "page": "Home"},
    ]
    rows = {row["outcome"]: row for row in ask(load_events(tmp_path, events), "churn")}
    assert {name: (row["users"], row["of_users"]) for name, row in rows.items()} == {
        "cancelled": (0, 3), "downgraded": (0, 0), "silent": (1, 1), "active": (0, 1), "censored": (1, 2),
    }  # fmt: skip
    assert rows["downgraded"]["share"] is None


def test_funnel_steps_come_after_one_another(tmp_path: Path) -> None:
    orders = {
        1: ["NextSong", "Upgrade", "Submit Upgrade"],
        2: ["Upgrade", "NextSong", "Submit Upgrade"],
        3: ["Submit Upgrade", "Upgrade", "NextSong", "Upgrade"],
        4: ["NextSong", "Upgrade", "Upgrade", "Submit Upgrade", "Submit Upgrade"],
        5: ["Home"],
    }
    events: list[Row] = [
        {"userId": user, "ts": at(0), "itemInSession": item, "page": page}
        for user, pages in orders.items()
        for item, page in enumerate(pages)
    ]
    events.append({"userId": 6, "ts": at(0), "itemInSession": 0, "level": "paid"})
    rows = ask(load_events(tmp_path, events), "funnel")
    assert [row["users"] for row in rows] == [5, 4, 3, 2]


def test_only_an_upgrade_while_free_converts(tmp_path: Path) -> None:
    pages = ["Submit Upgrade", "Submit Downgrade", "Submit Upgrade", "Submit Upgrade"]
    levels = ["paid", "paid", "free", "free"]
    events = [
        {"ts": at(day), "page": page, "level": level, "registration": at(0)}
        for day, (page, level) in enumerate(zip(pages, levels, strict=True))
    ]
    (row,) = ask(load_events(tmp_path, events), "conversion")
    assert (row["conversions"], row["first_free_converters"], row["first_free_users"]) == (1, 0, 0)
    assert row["median_days_since_registration"] == 2
    assert (row["share_a"], row["share_b"]) == (None, None)


@pytest.mark.parametrize(
    ("location", "state"),
    [("Marinette, WI-MI", "several"), ("Rome, Italy, NY", "NY"), ("Guam", None), (None, None)],
)
def test_state_is_the_suffix_of_one_state(tmp_path: Path, location: str | None, state: str | None) -> None:
    (row,) = ask(load_events(tmp_path, [{"ts": at(0), "location": location}]), "places")
    assert (row["location"], row["state"]) == (location, state)


def test_level_change_counts_for_both_and_ends_as_one(tmp_path: Path) -> None:
    events = [{"ts": at(0), "level": "free"}, {"ts": at(0.1), "level": "paid"}, {"ts": at(1), "page": "Home"}]
    rows = ask(load_events(tmp_path, events), "levels")
    assert [(row["level"], row["users"], row["sessions"], row["users_at_end"]) for row in rows] == [
        ("free", 1, 1, 0), ("paid", 1, 1, 1), ("free", 1, 1, 1), ("free", 1, 1, 1), ("paid", 1, 1, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("seed", [3, 4])
def test_events_of_one_moment_are_in_the_order_of_sessions_and_items(tmp_path: Path, seed: int) -> None:
    """Visits of a user that overlap, and events of a moment at several levels, are as in plain Python."""
    chance = random.Random(seed)
    midnight = at(0.5)
    places = list(itertools.product((1, 2), (0, 1, 2), (-1, 0, 1, 2, MILLISECONDS_OF_DAY)))
    for root in ("log", "songs"):
        (tmp_path / root).mkdir()
    write_file(
        tmp_path / "log" / "events.json",
        [
            (support.play if page == "NextSong" else support.event)(
                userId=user,
                sessionId=session,
                itemInSession=item,
                ts=midnight + ts,
                page=page,
                level=chance.choice(["free", "paid"]),
                registration=0,
            )
            for user in range(1, 200)
            for session, item, ts in chance.sample(places, chance.randint(1, 8))
            for page in [chance.choice(["NextSong", "NextSong", "Home", "Upgrade", "Submit Upgrade"])]
        ],
    )
    data = read_data(load(tmp_path, log_data=tmp_path / "log", song_data=tmp_path / "songs"))
    for name in ("levels", "level_changes", "conversion", "funnel", "sessions", "session_lengths", "overview", "hours"):
        assert rounded(ask(data.config, name)) == rounded(EXPECTATIONS[name](data)), name


def test_song_of_one_play_is_not_cut_from_its_equals(tmp_path: Path) -> None:
    events = [{"ts": at(0) + number, "song": f"S{number:02}", "artist": f"A{number:02}"} for number in range(25)]
    config = load_events(tmp_path, [*events, {"ts": at(1), "song": "S07", "artist": "A07"}])
    for name in ("top_songs", "top_artists"):
        rows = ask(config, name)
        assert [row["place"] for row in rows] == [1] + [2] * 24
        assert [row["artist_name"] for row in rows] == ["A07", *(f"A{n:02}" for n in range(25) if n != 7)]


def test_cohort_with_a_week_of_log_before_it_is_not_cut_off(tmp_path: Path) -> None:
    events = [{"userId": user, "ts": at(day)} for user, day in enumerate([4, 10, 11, 13])]
    rows = ask(load_events(tmp_path, events), "retention")
    assert [(row["cohort_week"].day, row["is_cut_off_on_left"], row["active_users"]) for row in rows] == [
        (5, True, 2), (5, True, 0), (12, False, 2), (12, False, None),
    ]  # fmt: skip


def test_health_counts_what_is_held(tmp_path: Path) -> None:
    events: list[Row] = [
        {"ts": at(0), "page": "Error", "status": 404},
        {"ts": at(0), "page": "Home", "status": 400},
        {"ts": at(0), "page": "Home", "status": 399},
        {"ts": at(0), "page": "Error", "sessionId": 2},
        {"ts": at(0), "page": "Error", "sessionId": 3, "userId": None},
        {"ts": "late"},
    ]
    config = load_events(tmp_path, events)
    (row,) = ask(config, "health")
    assert (row["events"], row["errors"], row["sessions_hit"]) == (5, 4, 2)
    assert (row["errors_per_1000_events"], row["rejected_share"]) == (800, pytest.approx(1 / 6))
    kept = {**events[1], "sessionId": 1, "itemInSession": 0}
    (tmp_path / "log" / "events.json").write_text("{}\n" + json.dumps(kept), encoding="utf-8")
    sparkify.load(config)
    (row,) = ask(config, "health")
    assert (row["events"], row["rejected_share"]) == (1, 0.5)


def test_both_days_of_a_cut_are_in_it(tmp_path: Path) -> None:
    midnight = at(-0.5)
    moments = [midnight - 1, midnight, midnight + MILLISECONDS_OF_DAY - 1, midnight + MILLISECONDS_OF_DAY]
    config = load_events(tmp_path, [{"ts": ts, "userId": number} for number, ts in enumerate(moments, 1)])
    first, second = date(2018, 11, 1), date(2018, 11, 2)

    def count(cut: Cut) -> tuple[int, int]:
        return ask(config, "health", cut)[0]["events"], ask(config, "hours", cut)[-1]["plays"]

    assert count(Cut(first_day=first, last_day=first)) == (2, 2)
    assert count(Cut(first_day=first)) == (3, 3)
    assert count(Cut(last_day=first)) == (3, 3)
    assert count(Cut(last_day=second)) == (4, 4)
    assert count(Cut(first_day=date.min, last_day=date.max)) == (4, 4)


def test_event_without_a_level_is_of_none(tmp_path: Path) -> None:
    events = [{"ts": at(0), "level": level} for level in ("free", "paid", None)]
    config = load_events(tmp_path, events)
    assert [ask(config, "health", Cut(level=level))[0]["events"] for level in ("free", "paid", None)] == [1, 1, 3]


def test_first_of_all_is_the_first_of_the_cut(tmp_path: Path) -> None:
    events: list[Row] = [{"ts": at(day), "artist": "A"} for day in (0, 1, 8)]
    config = load_events(tmp_path, events)
    later = Cut(first_day=date(2018, 11, 2))
    assert ask(config, "discovery", later)[-1]["first_plays"] == 1
    assert [row["cohort_week"].day for row in ask(config, "retention", Cut(first_day=date(2018, 11, 5)))] == [5]
    assert [row["day"].day for row in ask(config, "audience", later)] == list(range(2, 10))


def test_places_that_tie_with_the_last_are_shown(tmp_path: Path) -> None:
    places = ["A, NY", "B, NY", "B, NY", "C, NY", "C, NY", "D, NY", "D, NY", "D, NY"]
    config = load_events(tmp_path, [{"ts": at(0) + n, "location": place} for n, place in enumerate(places)])
    shown = {top: [row["location"][0] for row in ask(config, "places", Cut(top=top))] for top in (1, 2, 3, 4, None)}
    assert shown == {
        1: ["D"],
        2: ["D", "B", "C"],
        3: ["D", "B", "C"],
        4: ["D", "B", "C", "A"],
        None: ["D", "B", "C", "A"],
    }


def test_upper_bound_is_in_the_bin(tmp_path: Path) -> None:
    lengths = [0, 1, 60_000, 60_001, 240 * 60_000, 240 * 60_000 + 1]
    events: list[Row] = [
        {"ts": at(0) + ts, "sessionId": session} for session, length in enumerate(lengths) for ts in {0, length}
    ]
    rows = ask(load_events(tmp_path, [*events, {"ts": at(1), "userId": None, "page": "Home"}]), "session_lengths")
    assert [row["sessions"] for row in rows] == [1, 2, 1, 0, 0, 0, 0, 0, 0, 1, 1]
    assert sum(row["session_share"] for row in rows) == pytest.approx(1)


def test_hours_are_exact(tmp_path: Path) -> None:
    # As floats, their sum is 2.7999999999999994 or 2.8000000000000003, depending on the order.
    lengths = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, None, 1e300, -1e300]
    (row, total) = ask(
        load_events(tmp_path, [{"ts": at(0) + n, "length": length} for n, length in enumerate(lengths)]), "hours"
    )
    assert row["hours"] == total["hours"] == 2.8 / 3600


def test_one_event_delivered_twice_is_a_session_of_one(tmp_path: Path) -> None:
    event = {"ts": at(0), "itemInSession": 0}
    other = [{"ts": at(0), "sessionId": 2, "itemInSession": item} for item in (0, 1)]
    page = [{"ts": at(0), "sessionId": 3, "itemInSession": 0, "page": page} for page in ("Home", "Help")]
    (row,) = ask(load_events(tmp_path, [event, event, *other, *page]), "sessions")
    assert (row["sessions"], row["one_event_sessions"]) == (3, 1)
