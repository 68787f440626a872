"""The prepared questions: each is answered, with the known numbers of the public sample, and as plain Python would.

The expected answers are computed from the files themselves as `reference` reads them, from the definitions and not from
the SQL. The simulated files hold faults and records delivered twice.
"""

import json
import re
import shutil
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sparkify import pipeline
from sparkify.config import Config, load_config
from sparkify.errors import SparkifyError, UsageError
from sparkify.questions import WHOLE_LOG, Cut, get_question, list_questions, parse_question
from sparkify.simulator import SimulateOptions, simulate
from tests import reference

SAMPLE = Path(__file__).resolve().parents[2] / "shared" / "data"
NAMES = [question.name for question in list_questions()]
OPTIONS = SimulateOptions(events=3_000, users=60, days=45, songs=60, dirty=0.1, seed=25)
MILLISECONDS_OF_DAY = 86_400_000
PLAY_COLUMNS = (
    "songplay_id", "start_time", "user_id", "level", "song_id", "artist_id", "session_id", "location", "user_agent",
    "item_in_session", "song_title", "artist_name", "song_length",
)  # fmt: skip

Row = dict[str, Any]


@dataclass(frozen=True)
class Data:
    """A loaded warehouse, and the same events and plays as plain Python has them; every event once."""

    config: Config
    events: list[Row]
    plays: list[Row]

    @property
    def user_events(self) -> list[Row]:
        return [event for event in self.events if event["userId"] is not None]

    def days(self) -> list[date]:
        first, last = (day_of(pick(event["ts"] for event in self.events)) for pick in (min, max))
        return [first + timedelta(days=number) for number in range((last - first).days + 1)]

    def first_free(self) -> set[int]:
        firsts = {user: min(own, key=moment) for user, own in group(self.user_events, "userId").items()}
        return {user for user, first in firsts.items() if first["level"] == "free"}


# ---- warehouses ----


def ask(config: Config, name: str, cut: Cut = WHOLE_LOG) -> list[Row]:
    columns, rows = pipeline.query(config, name, cut=cut)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def load(folder: Path, **roots: Path) -> Config:
    settings = {name: str(root) for name, root in roots.items()}
    config = load_config(warehouse=str(folder / "test.duckdb"), **settings)
    pipeline.load(config)
    return config


def load_events(folder: Path, events: Iterable[Row]) -> Config:
    """A warehouse of these events; what an event leaves out is filled in."""
    defaults = {"auth": "Logged In", "level": "free", "song": "S", "artist": "A", "length": 60.0, "status": 200}
    lines = [
        json.dumps({**defaults, "userId": 1, "sessionId": 1, "itemInSession": number, "page": "NextSong", **event})
        for number, event in enumerate(events)
    ]
    (folder / "log").mkdir()
    (folder / "log" / "events.json").write_text("\n".join(lines), encoding="utf-8")
    return load(folder, log_data=folder / "log")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Config:
    config = load_config(warehouse=str(tmp_path_factory.mktemp("empty") / "test.duckdb"))
    pipeline.create(config)
    return config


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Config:
    if not SAMPLE.is_dir():
        pytest.skip("the public sample is not here")
    return load(tmp_path_factory.mktemp("sample"), log_data=SAMPLE / "log_data", song_data=SAMPLE / "song_data")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    folder = tmp_path_factory.mktemp("simulated")
    result = simulate(folder / "data", OPTIONS)
    config = load(folder, log_data=result.log_data, song_data=result.song_data)
    songs = [row for path in sorted(result.song_data.rglob("*.json")) for row in read_rows("songs", path)]
    delivered = [row for path in sorted(result.log_data.rglob("*.json")) for row in read_rows("events", path)]
    events = list({tuple(row[name] for name in reference.EVENT_FIELDS): row for row in delivered}.values())
    assert len(events) < len(delivered), "the simulated data holds no copies"
    plays = reference.build_star(events, songs)["songplays"]
    return Data(config, events, [dict(zip(PLAY_COLUMNS, play, strict=True)) for play in plays])


def read_rows(dataset: reference.Dataset, path: Path) -> list[Row]:
    return reference.read_file(dataset, path.read_bytes()).rows


# ---- plain Python ----


def group(rows: Iterable[Row], *names: str) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[names[0]] if len(names) == 1 else tuple(row[name] for name in names)].append(row)
    return groups


def day_of(ts: int) -> date:
    return date(1970, 1, 1) + timedelta(days=ts // MILLISECONDS_OF_DAY)


def week_of(moment: date) -> date:
    return moment - timedelta(days=moment.weekday())


def moment(event: Row) -> tuple[int, int, int]:
    return event["ts"], event["sessionId"], event["itemInSession"]


def users_of(plays: Iterable[Row]) -> set[int]:
    return {play["user_id"] for play in plays}


def rank(rows: list[Row], most: int) -> list[Row]:
    """The rows up to a place, by plays; equal ones share a place. The order of equals is the rows' own."""
    placed = [{"place": 1 + sum(other["plays"] > row["plays"] for other in rows), **row} for row in rows]
    return sorted((row for row in placed if row["place"] <= most), key=lambda row: row["place"])


def match_rate(plays: Sequence[Row]) -> float:
    return sum(play["song_id"] is not None for play in plays) / len(plays)


def rounded(rows: list[Row]) -> list[Row]:
    return [
        {name: round(value, 6) if isinstance(value, float) else value for name, value in row.items()} for row in rows
    ]


def expect_audience(data: Data) -> list[Row]:
    players = {day: users_of(plays) for day, plays in group_by_day(data.plays).items()}
    rows = []
    for number, day in enumerate(data.days()):
        window = [players.get(day - timedelta(days=back), set()) for back in range(30)]
        month, mean = len(set().union(*window)), sum(map(len, window)) / 30
        full = number >= 29
        rows.append(
            {
                "day": day,
                "dau": len(window[0]),
                "wau": len(set().union(*window[:7])) if number >= 6 else None,
                "mau": month if full else None,
                "mean_dau": mean if full else None,
                "stickiness": mean / month if full else None,
            }
        )
    return rows


def group_by_day(plays: Iterable[Row]) -> dict[date, list[Row]]:
    groups: dict[date, list[Row]] = defaultdict(list)
    for play in plays:
        groups[play["start_time"].date()].append(play)
    return groups


def expect_heatmap(data: Data) -> list[Row]:
    names = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
    occurrences = Counter(day.isoweekday() % 7 for day in data.days())
    plays = Counter((play["start_time"].isoweekday() % 7, play["start_time"].hour) for play in data.plays)
    return [
        {
            "weekday": weekday,
            "weekday_name": names[weekday],
            "hour": hour,
            "plays": plays[weekday, hour],
            "occurrences": occurrences[weekday],
            "plays_per_occurrence": plays[weekday, hour] / occurrences[weekday],
        }
        for weekday in sorted(occurrences)
        for hour in range(24)
    ]


def expect_sessions(data: Data) -> list[Row]:
    sessions = group(data.user_events, "userId", "sessionId").values()
    minutes = [(max(e["ts"] for e in own) - min(e["ts"] for e in own)) / 60_000 for own in sessions]
    alone = sum(len(own) == 1 for own in sessions)
    return [
        {
            "sessions": len(sessions),
            "median_minutes": statistics.median(minutes),
            "p90_minutes": statistics.quantiles(minutes, n=10, method="inclusive")[-1],
            "mean_minutes": statistics.fmean(minutes),
            "mean_plays": len(data.plays) / len(sessions),
            "one_event_sessions": alone,
            "one_event_share": alone / len(sessions),
        }
    ]


def expect_hours(data: Data) -> list[Row]:
    counts = Counter(play["user_id"] for play in data.plays)
    heavy = {user for user in counts if sum(other > counts[user] for other in counts.values()) < 10}
    cells = {(day, level): own for day, plays in group_by_day(data.plays).items() for level, own in by_level(plays)}
    return [
        {
            "day": day,
            "level": level,
            "plays": len(plays),
            "hours": sum(play["song_length"] or 0 for play in plays) / 3600,
            "heaviest_users_plays": sum(play["user_id"] in heavy for play in plays),
            "heaviest_users_share": sum(play["user_id"] in heavy for play in plays) / len(plays),
        }
        for (day, level), plays in [*sorted(cells.items()), ((None, "all"), data.plays)]
    ]


def by_level(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    return sorted(group(rows, "level").items())


def expect_top_songs(data: Data) -> list[Row]:
    rows = [
        {
            "song_title": title,
            "artist_name": artist,
            "plays": len(plays),
            "listeners": len(users_of(plays)),
            "match_rate": match_rate(plays),
        }
        for (title, artist), plays in sorted(group(data.plays, "song_title", "artist_name").items())
    ]
    return rank(rows, 20)


def expect_top_artists(data: Data) -> list[Row]:
    rows = [
        {
            "artist_name": artist,
            "plays": len(plays),
            "listeners": len(users_of(plays)),
            "songs": len({play["song_title"] for play in plays}),
            "match_rate": match_rate(plays),
        }
        for artist, plays in sorted(group(data.plays, "artist_name").items())
    ]
    return rank(rows, 20)


def expect_levels(data: Data) -> list[Row]:
    days = defaultdict(list)
    for event in data.user_events:
        days[day_of(event["ts"])].append(event)
    plays = group_by_day(data.plays)
    periods = [(day, events, plays.get(day, [])) for day, events in sorted(days.items())]
    rows: list[Row] = []
    for day, events, played in [*periods, (None, data.user_events, data.plays)]:
        lasts = [max(own, key=moment)["level"] for own in group(events, "userId").values()]
        rows += [
            {
                "day": day,
                "level": level,
                "plays": sum(play["level"] == level for play in played),
                "users": len({event["userId"] for event in own}),
                "sessions": len({(event["userId"], event["sessionId"]) for event in own}),
                "users_at_end": lasts.count(level),
            }
            for level, own in by_level(events)
        ]
    return rows


def expect_conversion(data: Data) -> list[Row]:
    first_free = data.first_free()
    upgrades = [event for event in data.user_events if (event["page"], event["level"]) == ("Submit Upgrade", "free")]
    converted = {user: min(own, key=moment) for user, own in group(upgrades, "userId").items()}
    active = users_of(play for play in data.plays if play["level"] == "free")
    days = [(event["ts"] - event["registration"]) / MILLISECONDS_OF_DAY for event in converted.values()]
    return [
        {
            "conversions": len(converted),
            "first_free_converters": len(first_free & converted.keys()),
            "first_free_users": len(first_free),
            "share_a": len(first_free & converted.keys()) / len(first_free),
            "active_free_users": len(active),
            "share_b": len(converted) / len(active),
            "median_days_since_registration": statistics.median(days),
        }
    ]


def expect_funnel(data: Data) -> list[Row]:
    pages = ("NextSong", "Upgrade", "Submit Upgrade")
    reached = [len(data.first_free()), 0, 0, 0]
    for user, own in group(data.user_events, "userId").items():
        if user in data.first_free():
            step = 0
            for event in sorted(own, key=moment):
                if step < 3 and event["page"] == pages[step]:
                    step += 1
                    reached[step] += 1
    names = ("first seen free", "played", "opened Upgrade", "Submit Upgrade")
    return [
        {
            "step": number + 1,
            "reached": names[number],
            "users": users,
            "share_of_first_step": users / reached[0],
            "share_of_step_before": users / reached[number - 1] if number else None,
        }
        for number, users in enumerate(reached)
    ]


def expect_churn(data: Data) -> list[Row]:
    end = max(event["ts"] for event in data.events)
    users = group(data.user_events, "userId")
    having = {
        page: {event["userId"] for event in data.user_events if event["page"] == page}
        for page in ("Cancellation Confirmation", "Submit Downgrade", "NextSong")
    }
    paid = {event["userId"] for event in data.user_events if event["level"] == "paid"}
    last_plays = [max(e["ts"] for e in users[user] if e["page"] == "NextSong") for user in having["NextSong"]]
    silent = sum(last <= end - 14 * MILLISECONDS_OF_DAY for last in last_plays)
    outcomes = [
        ("cancelled", len(having["Cancellation Confirmation"]), len(users), None),
        ("downgraded", len(having["Submit Downgrade"]), len(paid), None),
        ("silent", silent, len(last_plays), 14),
        ("censored", len(last_plays) - silent, len(last_plays), 14),
    ]
    return [
        {"outcome": outcome, "users": count, "of_users": of, "share": count / of, "silent_days": days}
        for outcome, count, of, days in outcomes
    ]


def expect_retention(data: Data) -> list[Row]:
    weeks = {user: {week_of(play["start_time"].date()) for play in own} for user, own in group_users(data.plays)}
    cohorts = {cohort: [user for user in weeks if min(weeks[user]) == cohort] for cohort in map(min, weeks.values())}
    days = data.days()
    rows = []
    for cohort, users in sorted(cohorts.items()):
        for number in range((days[-1] - min(cohorts)).days // 7 + 1):
            week = cohort + timedelta(weeks=number)
            active = sum(week in weeks[user] for user in users)
            inside = week <= days[-1]
            rows.append(
                {
                    "cohort_week": cohort,
                    "is_cut_off_on_left": (cohort - days[0]).days < 7,
                    "cohort_users": len(users),
                    "week_number": number,
                    "active_users": active if inside else None,
                    "active_share": active / len(users) if inside else None,
                    "is_week_in_part": not {week, week + timedelta(days=6)} <= set(days) if inside else None,
                }
            )
    return rows


def group_users(plays: Iterable[Row]) -> Iterable[tuple[int, list[Row]]]:
    return group(plays, "user_id").items()


def expect_discovery(data: Data) -> list[Row]:
    order = ("start_time", "session_id", "item_in_session")
    heard: set[tuple[int, str]] = set()
    weeks: dict[date, list[tuple[int, bool]]] = defaultdict(list)
    for play in sorted(data.plays, key=lambda play: tuple(play[name] for name in order)):
        pair = (play["user_id"], play["artist_name"])
        weeks[week_of(play["start_time"].date())].append((play["user_id"], pair not in heard))
        heard.add(pair)
    every = [play for plays in weeks.values() for play in plays]
    return [
        {
            "week": week,
            "plays": len(plays),
            "listeners": len({user for user, _ in plays}),
            "first_plays": sum(is_first for _, is_first in plays),
            "first_play_share": sum(is_first for _, is_first in plays) / len(plays),
        }
        for week, plays in [*sorted(weeks.items()), (None, every)]
    ]


def expect_places(data: Data) -> list[Row]:
    rows = []
    for location, plays in group(data.plays, "location").items():
        suffix = location.rsplit(", ", 1)[1]
        rows.append(
            {
                "location": location,
                "state": suffix if re.fullmatch("..", suffix) else "several",
                "plays": len(plays),
                "users": len(users_of(plays)),
                "play_share": len(plays) / len(data.plays),
            }
        )
    return sorted(rows, key=lambda row: (-row["plays"], row["location"]))


EXPECTATIONS: dict[str, Callable[[Data], list[Row]]] = {
    "audience": expect_audience,
    "heatmap": expect_heatmap,
    "sessions": expect_sessions,
    "hours": expect_hours,
    "top_songs": expect_top_songs,
    "top_artists": expect_top_artists,
    "levels": expect_levels,
    "conversion": expect_conversion,
    "funnel": expect_funnel,
    "churn": expect_churn,
    "retention": expect_retention,
    "discovery": expect_discovery,
    "places": expect_places,
}


# ---- the list of questions ----


def test_questions_stand_in_reading_order() -> None:
    assert NAMES == [
        "audience", "heatmap", "sessions", "session_lengths", "hours", "top_songs", "top_artists", "levels",
        "conversion", "funnel", "churn", "retention", "discovery", "places", "health",
    ]  # fmt: skip


def test_every_file_is_listed() -> None:
    folder = Path(pipeline.__file__).parents[1] / "sql" / "questions"
    assert sorted(path.stem for path in folder.glob("*.sql")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_question_has_a_header_and_one_portable_select(name: str) -> None:
    question = get_question(name)
    assert question.question.endswith("?")
    assert "It does not say" in question.definition
    assert re.match(r"(WITH|SELECT)\b", question.sql)
    # What only one of the engines knows, or knows otherwise.
    unshared = (
        r";|::|\[|\bFILTER\b|\bQUALIFY\b|\bNULLS\b|\bgenerate_series\b|\blist\w*\(|\bunnest\b|\bavg\(|\bdatediff\b"
    )
    assert not re.findall(unshared, question.sql, re.IGNORECASE)
    # An aggregate over an order needs a frame that Redshift takes; ranking needs none.
    assert question.sql.count("OVER (") == len(re.findall(r"\b(?:rank|row_number)\(\) OVER \(", question.sql))


def test_unknown_question_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'top_song'; did you mean top_songs\?"):
        get_question("top_song")
    with pytest.raises(UsageError, match="'xyz'; the questions are audience, heatmap"):
        get_question("xyz")


def test_path_is_no_question() -> None:
    with pytest.raises(UsageError, match="there is no question"):
        get_question("../songplays/load")


@pytest.mark.parametrize("text", ["SELECT 1", "-- Why?\nSELECT 1", "-- Why?\n-- Because.", ""])
def test_file_without_a_part_is_refused(text: str) -> None:
    with pytest.raises(SparkifyError, match="sql/questions/why"):
        parse_question("why", text)


# ---- the answers ----


@pytest.mark.parametrize("name", NAMES)
def test_empty_warehouse_is_no_error(empty: Config, name: str) -> None:
    columns, rows = pipeline.query(empty, name)
    assert 0 < len(columns) <= 8
    assert len(set(columns)) == len(columns)
    assert len(rows) <= 4


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_answer_is_that_of_plain_python(data: Data, name: str) -> None:
    answer = ask(data.config, name)
    assert answer
    assert rounded(answer) == rounded(EXPECTATIONS[name](data))


def test_health_is_that_of_plain_python(data: Data) -> None:
    errors = [event for event in data.events if event["page"] == "Error" or (event["status"] or 0) >= 400]
    truth = json.loads((Path(str(data.config.log_data)).parent / "truth.json").read_bytes())["datasets"].values()
    newest = max(event["ts"] for event in data.events)
    expected = {
        "events": len(data.events),
        "errors": len(errors),
        "errors_per_1000_events": 1000 * len(errors) / len(data.events),
        "sessions_hit": len({(event["userId"], event["sessionId"]) for event in errors if event["userId"]}),
        "rejected_share": sum(counts["rejected"] for counts in truth) / sum(counts["read"] for counts in truth),
        "match_rate": match_rate(data.plays),
        "logged_out_share": sum(event["auth"] == "Logged Out" for event in data.events) / len(data.events),
        "newest_event": datetime(1970, 1, 1) + timedelta(milliseconds=newest),
    }
    assert rounded(ask(data.config, "health")) == rounded([expected])
    assert errors


def test_simulated_answers_are_worth_comparing(data: Data) -> None:
    (conversion,) = ask(data.config, "conversion")
    assert 0 < conversion["first_free_converters"] < conversion["first_free_users"]
    assert all(row["users"] for row in ask(data.config, "churn"))
    assert len(ask(data.config, "top_songs")) > 20, "no tie at the last place"
    assert {row["state"] for row in ask(data.config, "places")} > {"several"}


def test_delivering_everything_twice_changes_no_answer(data: Data, tmp_path: Path) -> None:
    source = Path(str(data.config.log_data)).parent
    for root in ("log_data", "song_data"):
        for copy in ("first", "second"):
            shutil.copytree(source / root, tmp_path / root / copy)
    twice = load(tmp_path, log_data=tmp_path / "log_data", song_data=tmp_path / "song_data")
    for name in NAMES:
        assert rounded(ask(twice, name)) == rounded(ask(data.config, name)), name


# ---- the public sample ----


def test_sample_audience(sample: Config) -> None:
    rows = ask(sample, "audience")
    assert len(rows) == 30
    assert max(row["dau"] for row in rows) == 34
    assert [row["mau"] for row in rows] == [None] * 29 + [96]
    assert (round(rows[-1]["mean_dau"], 2), round(rows[-1]["stickiness"], 3)) == (20.93, 0.218)


def test_sample_heatmap(sample: Config) -> None:
    rows = ask(sample, "heatmap")
    busiest = max(rows, key=lambda row: row["plays"])
    assert (busiest["weekday_name"], busiest["hour"], busiest["plays"]) == ("Friday", 16, 140)
    assert busiest["occurrences"] == 5
    assert sum(row["plays"] for row in rows) == 6820


def test_sample_sessions(sample: Config) -> None:
    (row,) = ask(sample, "sessions")
    assert row["sessions"] == 911
    assert (round(row["median_minutes"], 2), round(row["mean_minutes"], 1)) == (3.87, 29.6)
    assert round(row["mean_plays"], 2) == 7.49


def test_sample_hours(sample: Config) -> None:
    total = ask(sample, "hours")[-1]
    assert (total["day"], total["level"]) == (None, "all")
    assert (round(total["hours"], 1), round(total["heaviest_users_share"], 3)) == (468.0, 0.622)


def test_sample_winners(sample: Config) -> None:
    song, artist = ask(sample, "top_songs")[0], ask(sample, "top_artists")[0]
    assert (song["song_title"], song["artist_name"], song["plays"]) == ("You're The One", "Dwight Yoakam", 37)
    assert (artist["artist_name"], artist["plays"]) == ("Coldplay", 58)


def test_sample_levels(sample: Config) -> None:
    totals = {row["level"]: row for row in ask(sample, "levels") if row["day"] is None}
    assert {level: row["plays"] for level, row in totals.items()} == {"paid": 5591, "free": 1229}
    assert sum(row["users_at_end"] for row in totals.values()) == 97


def test_sample_conversion(sample: Config) -> None:
    (row,) = ask(sample, "conversion")
    assert (row["conversions"], row["first_free_converters"], row["first_free_users"]) == (8, 7, 82)


def test_sample_churn(sample: Config) -> None:
    silent = next(row for row in ask(sample, "churn") if row["outcome"] == "silent")
    assert (silent["silent_days"], silent["users"], silent["of_users"]) == (14, 8, 96)


def test_sample_discovery(sample: Config) -> None:
    assert round(ask(sample, "discovery")[-1]["first_play_share"], 3) == 0.889


def test_sample_health(sample: Config) -> None:
    (row,) = ask(sample, "health")
    assert (row["errors"], row["sessions_hit"], row["rejected_share"]) == (9, 9, 0)


# ---- edges that neither has ----

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
        "cancelled": (0, 3), "downgraded": (0, 0), "silent": (1, 2), "censored": (1, 2),
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
    pipeline.load(config)
    (row,) = ask(config, "health")
    assert (row["events"], row["rejected_share"]) == (1, 0.5)
