"""The prepared questions: each answer is compared with plain Python and with known numbers of the public sample.

The expected answers are computed from the files as `reference` reads them, by the definitions and not by the SQL. The
simulated files contain faults and repeated records.
"""

import itertools
import json
import math
import random
import re
import shutil
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import msgspec
import pytest
import sqlglot

import sparkify
from sparkify.errors import UsageError
from sparkify.questions.catalogue import (
    CHAPTERS,
    get_question,
    list_questions,
    list_untaken,
    list_values,
    parse_question,
)
from sparkify.questions.clock import find_clock
from sparkify.questions.cut import COPIES, WHOLE_LOG, Cut, cut_sql, fill_sql, parse_day
from sparkify.settings import Config, load_config
from sparkify.simulator import SimulateOptions, simulate
from sparkify.sql import Value, literal_sql
from sparkify.warehouses import open_warehouse
from tests import reference, support
from tests.support import SAMPLE, read_sources, write_file

NAMES = [question.name for question in list_questions()]
OPTIONS = SimulateOptions(events=3_000, users=60, days=45, songs=60, dirty=0.1, seed=29)
MILLISECONDS_OF_DAY = 86_400_000
# How copies of events differ from the original event.
CHANGES: list[dict[str, Any]] = [
    {"level": "free"}, {"level": "paid"}, {"level": None}, {"status": 500}, {"auth": "Logged Out"}, {"registration": 0},
]  # fmt: skip

Row = dict[str, Any]


@dataclass(frozen=True)
class Data:
    """A loaded warehouse, and the same events and plays in plain Python, every event once.

    With a cut, only the events of the cut; the warehouse still holds all. `local` is when one was by the clock of the
    time zone.
    """

    config: Config
    events: list[Row]
    plays: list[Row]
    rejected_share: float
    cut: Cut = WHOLE_LOG
    zone: tzinfo = UTC

    def by_clock(self, timezone: str) -> "Data":
        zone = ZoneInfo(timezone)

        def local(at: datetime) -> datetime:
            return at.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)

        events = [event | {"local": local(moment_of(event["ts"]))} for event in self.events]
        plays = [play | {"local": local(play["start_time"])} for play in self.plays]
        config = msgspec.structs.replace(self.config, timezone=timezone)
        return replace(self, config=config, events=events, plays=plays, zone=zone)

    def within(self, cut: Cut) -> "Data":
        def is_in(day: date, level: str | None) -> bool:
            return (cut.first_day or day) <= day <= (cut.last_day or day) and cut.level in (None, level)

        events = [event for event in self.events if is_in(event["local"].date(), event["level"])]
        plays = [play for play in self.plays if is_in(play["local"].date(), play["level"])]
        return replace(self, events=events, plays=plays, cut=cut)

    @property
    def user_events(self) -> list[Row]:
        return [event for event in self.events if event["userId"] is not None]

    def days(self) -> list[date]:
        first, last = (pick(event["local"].date() for event in self.events) for pick in (min, max))
        return [day for number in range((last - first).days + 1) if self.exists(day := first + timedelta(days=number))]

    def exists(self, day: date) -> bool:
        """Whether the clock ever showed the day."""
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=self.zone)
        return noon.astimezone(UTC).astimezone(self.zone).date() == day

    def first_free(self) -> set[int]:
        firsts = {user: min(own, key=moment) for user, own in group(self.user_events, "userId").items()}
        return {user for user, first in firsts.items() if first["level"] == "free"}


# ---- warehouses ----


def ask(config: Config, name: str, cut: Cut = WHOLE_LOG) -> list[Row]:
    return as_rows(*sparkify.query(config, name, cut=cut))


def as_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[Row]:
    return [dict(zip(columns, row, strict=True)) for row in rows]


def load(folder: Path, **roots: Path) -> Config:
    settings: dict[str, Any] = {name: str(root) for name, root in roots.items()}
    config = load_config(warehouse=str(folder / "test.duckdb"), **settings)
    sparkify.load(config)
    return config


def load_events(folder: Path, events: Iterable[Row]) -> Config:
    """A warehouse with these events; missing fields are filled in."""
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
    sparkify.create(config)
    return config


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Config:
    if SAMPLE is None:
        pytest.skip("the public sample is not here")
    return load(tmp_path_factory.mktemp("sample"), log_data=SAMPLE / "log_data", song_data=SAMPLE / "song_data")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    folder = tmp_path_factory.mktemp("simulated")
    result = simulate(folder / "data", OPTIONS)
    delivered = read_sources(result.log_data, "events")
    copies = [event | changes for event, changes in zip(delivered.rows[::40], itertools.cycle(CHANGES))]
    write_file(
        result.log_data / "copies.json", [{name: row[name] for name in reference.EVENT_FIELDS} for row in copies]
    )
    config = load(folder, log_data=result.log_data, song_data=result.song_data)
    data = read_data(config)
    assert len(data.events) < len(delivered.rows), "the simulated data holds no copies"
    return data


def read_data(config: Config) -> Data:
    """What a loaded warehouse holds, read from its sources again."""
    delivered = read_sources(Path(str(config.log_data)), "events")
    songs = read_sources(Path(str(config.song_data)), "songs")
    star = reference.build_star(delivered.rows, songs.rows)
    locations = {artist[0]: artist[2] for artist in star["artists"]}
    plays = [play | {"artist_location": locations.get(play["artist_id"])} for play in reference.name_plays(star)]
    rejected = len(delivered.rejects) + len(songs.rejects)
    events = reference.single_events(delivered.rows)
    return Data(config, events, plays, rejected / (delivered.read + songs.read)).by_clock("UTC")


# ---- plain Python ----


def group(rows: Iterable[Row], *names: str) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[names[0]] if len(names) == 1 else tuple(row[name] for name in names)].append(row)
    return groups


def moment_of(ts: int) -> datetime:
    return datetime(1970, 1, 1) + timedelta(milliseconds=ts)


def week_of(moment: date) -> date:
    return moment - timedelta(days=moment.weekday())


def moment(event: Row) -> tuple[int, int, int]:
    return event["ts"], event["sessionId"], event["itemInSession"]


def users_of(plays: Iterable[Row]) -> set[int]:
    return {play["user_id"] for play in plays}


def rank(rows: list[Row], most: int) -> list[Row]:
    """The rows up to a place, by plays; equal rows share a place and keep their order."""
    placed = [{"place": 1 + sum(other["plays"] > row["plays"] for other in rows), **row} for row in rows]
    return sorted((row for row in placed if row["place"] <= most), key=lambda row: row["place"])


def match_rate(plays: Sequence[Row]) -> float:
    return sum(play["song_id"] is not None for play in plays) / len(plays)


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def rounded(rows: list[Row]) -> list[Row]:
    return [
        {name: round(value, 6) if isinstance(value, float) else value for name, value in row.items()} for row in rows
    ]


def expect_overview(data: Data) -> list[Row]:
    days = data.days()
    return [
        {
            "first_day": days[0],
            "last_day": days[-1],
            "plays": len(data.plays),
            "listeners": len({play["user_id"] for play in data.plays}),
            "sessions": len(group(data.user_events, "userId", "sessionId")),
            "hours": sum(round((play["song_length"] or 0) * 1_000_000) for play in data.plays) / 3_600_000_000,
            "paid_share": sum(play["level"] == "paid" for play in data.plays) / len(data.plays),
        }
    ]


def expect_audience(data: Data) -> list[Row]:
    players = {day: users_of(plays) for day, plays in group_by_day(data.plays).items()}
    rows = []
    days = data.days()
    for day in days:
        dates = [day - timedelta(days=back) for back in range(30)]
        window = [players.get(one, set()) for one in dates]
        month, mean = len(set().union(*window)), sum(map(len, window)) / sum(map(data.exists, dates))
        number = (day - days[0]).days
        full = number >= 29
        rows.append(
            {
                "day": day,
                "dau": len(window[0]),
                "wau": len(set().union(*window[:7])) if number >= 6 else None,
                "mau": month if full else None,
                "mean_dau": mean if full else None,
                "stickiness": mean / month if full and month else None,
            }
        )
    return rows


def group_by_day(plays: Iterable[Row]) -> dict[date, list[Row]]:
    groups: dict[date, list[Row]] = defaultdict(list)
    for play in plays:
        groups[play["local"].date()].append(play)
    return groups


def expect_heatmap(data: Data) -> list[Row]:
    names = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
    occurrences = Counter(day.isoweekday() % 7 for day in data.days())
    plays = Counter((play["local"].isoweekday() % 7, play["local"].hour) for play in data.plays)
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


def expect_session_lengths(data: Data) -> list[Row]:
    sessions = group(data.user_events, "userId", "sessionId").values()
    lengths = [max(e["ts"] for e in own) - min(e["ts"] for e in own) for own in sessions]
    bounds = [None, 0, 1, 2, 5, 10, 20, 30, 60, 120, 240, None]
    rows = []
    for number, (over, to) in enumerate(itertools.pairwise(bounds), 1):
        least, most = -1 if over is None else over * 60_000, math.inf if to is None else to * 60_000
        inside = sum(least < length <= most for length in lengths)
        rows.append(
            {
                "bin": number,
                "over_minutes": over,
                "to_minutes": to,
                "sessions": inside,
                "session_share": inside / len(lengths),
            }
        )
    return rows


def expect_hours(data: Data) -> list[Row]:
    counts = Counter(play["user_id"] for play in data.plays)
    heavy = {user for user in counts if sum(other > counts[user] for other in counts.values()) < 10}
    cells = {(day, level): own for day, plays in group_by_day(data.plays).items() for level, own in by_level(plays)}
    return [
        {
            "day": day,
            "level": level,
            "plays": len(plays),
            "hours": sum(round((play["song_length"] or 0) * 1_000_000) for play in plays) / 3_600_000_000,
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
    return rank(rows, data.cut.top or 20)


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
    return rank(rows, data.cut.top or 20)


def expect_levels(data: Data) -> list[Row]:
    days = defaultdict(list)
    for event in data.user_events:
        days[event["local"].date()].append(event)
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


def expect_level_changes(data: Data) -> list[Row]:
    changes = defaultdict(list)
    for user, own in group((event for event in data.user_events if event["level"] is not None), "userId").items():
        own.sort(key=lambda event: (*moment(event), event["level"]))
        for one, other in itertools.pairwise(own):
            if one["level"] != other["level"]:
                changes[week_of(other["local"].date())].append((user, one["level"], other["level"]))
    return [
        {
            "week": week,
            "upgrades": sum(level == "paid" for _, _, level in found),
            "downgrades": sum(before == "paid" for _, before, _ in found),
            "users": len({user for user, _, _ in found}),
        }
        for week, found in sorted(changes.items())
    ]


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
            "share_a": share(len(first_free & converted.keys()), len(first_free)),
            "active_free_users": len(active),
            "share_b": share(len(converted), len(active)),
            "median_days_since_registration": statistics.median(days) if days else None,
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
            "share_of_first_step": share(users, reached[0]),
            "share_of_step_before": share(users, reached[number - 1]) if number else None,
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
    paid = {event["userId"] for event in data.user_events if event["level"] == "paid"} | having["Submit Downgrade"]
    most = data.cut.days or 14
    moments = [[e["ts"] for e in users[user] if e["page"] == "NextSong"] for user in having["NextSong"]]
    since = end - most * MILLISECONDS_OF_DAY
    risk, silent = sum(min(own) <= since for own in moments), sum(max(own) <= since for own in moments)
    outcomes = [
        ("cancelled", len(having["Cancellation Confirmation"]), len(users), None),
        ("downgraded", len(having["Submit Downgrade"]), len(paid), None),
        ("silent", silent, risk, most),
        ("active", risk - silent, risk, most),
        ("censored", len(moments) - risk, len(moments), most),
    ]
    return [
        {"outcome": outcome, "users": count, "of_users": of, "share": share(count, of), "silent_days": days}
        for outcome, count, of, days in outcomes
    ]


def expect_retention(data: Data) -> list[Row]:
    weeks = {user: {week_of(play["local"].date()) for play in own} for user, own in group_users(data.plays)}
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


def expect_retention_months(data: Data) -> list[Row]:
    def index(day: date) -> int:
        return 12 * day.year + day.month - 1

    months = {user: {index(play["local"].date()) for play in own} for user, own in group_users(data.plays)}
    days = data.days()
    first, last = index(days[0]), index(days[-1])
    parts = {first} if days[0].day > 1 else set()
    parts |= {last} if index(days[-1] + timedelta(days=1)) == last else set()
    rows = []
    for cohort in sorted({min(own) for own in months.values()}):
        users = [own for own in months.values() if min(own) == cohort]
        for number in range(last - cohort + 1):
            active = sum(cohort + number in own for own in users)
            rows.append(
                {
                    "cohort_month": date(cohort // 12, cohort % 12 + 1, 1),
                    "is_cut_off_on_left": cohort == first,
                    "cohort_users": len(users),
                    "month_number": number,
                    "active_users": active,
                    "active_share": active / len(users),
                    "is_month_in_part": cohort + number in parts,
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
        weeks[week_of(play["local"].date())].append((play["user_id"], pair not in heard))
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
    rows = sorted(rows, key=lambda row: (-row["plays"], row["location"]))
    return [row for row in rows if sum(other["plays"] > row["plays"] for other in rows) < (data.cut.top or len(rows))]


def expect_states(data: Data) -> list[Row]:
    def state(play: Row) -> str | None:
        _, comma, suffix = (play["location"] or "").rpartition(", ")
        return suffix.split("-")[0] if comma else None

    rows = [
        {
            "state": name,
            "plays": len(plays),
            "listeners": len(users_of(plays)),
            "play_share": len(plays) / len(data.plays),
        }
        for name, plays in group([play | {"state": state(play)} for play in data.plays], "state").items()
    ]
    rows = sorted(rows, key=lambda row: (-row["plays"], row["state"]))
    return [row for row in rows if sum(other["plays"] > row["plays"] for other in rows) < (data.cut.top or len(rows))]


def expect_concentration(data: Data) -> list[Row]:
    plays = sorted(Counter(play["user_id"] for play in data.plays).values(), reverse=True)
    ends = {20 * place // len(plays): place + 1 for place in range(len(plays))}
    return [
        {
            "listeners": end,
            "listener_share": end / len(plays),
            "plays": sum(plays[:end]),
            "play_share": sum(plays[:end]) / sum(plays),
        }
        for end in ends.values()
    ]


def expect_new_listeners(data: Data) -> list[Row]:
    weeks = {
        week: users_of(plays)
        for week, plays in group([p | {"w": week_of(p["local"].date())} for p in data.plays], "w").items()
    }
    rows = []
    for week in sorted(weeks):
        before = set().union(*(users for other, users in weeks.items() if other < week))
        just_before = weeks.get(week - timedelta(weeks=1), set())
        rows.append(
            {
                "week": week,
                "listeners": len(weeks[week]),
                "new_listeners": len(weeks[week] - before),
                "staying_listeners": len(weeks[week] & just_before),
                "returning_listeners": len(weeks[week] & before - just_before),
            }
        )
    return rows


def expect_service_days(data: Data) -> list[Row]:
    days = group([event | {"day": event["local"].date()} for event in data.events], "day")
    rows = []
    for day in data.days():
        own = days.get(day, [])
        errors = sum(event["page"] == "Error" or (event["status"] or 0) >= 400 for event in own)
        out = sum(event["auth"] == "Logged Out" for event in own)
        rows.append(
            {
                "day": day,
                "events": len(own),
                "errors": errors,
                "errors_per_1000_events": 1000 * errors / len(own) if own else None,
                "logged_out_events": out,
                "logged_out_share": share(out, len(own)),
            }
        )
    return rows


def expect_health(data: Data) -> list[Row]:
    errors = [event for event in data.events if event["page"] == "Error" or (event["status"] or 0) >= 400]
    newest = max(data.events, key=lambda event: event["ts"])
    return [
        {
            "events": len(data.events),
            "errors": len(errors),
            "errors_per_1000_events": 1000 * len(errors) / len(data.events),
            "sessions_hit": len({(event["userId"], event["sessionId"]) for event in errors if event["userId"]}),
            "rejected_share": data.rejected_share,
            "match_rate": match_rate(data.plays),
            "logged_out_share": sum(event["auth"] == "Logged Out" for event in data.events) / len(data.events),
            "newest_event": newest["local"],
        }
    ]


def expect_artist_places(data: Data) -> list[Row]:
    found = group((play for play in data.plays if play["artist_location"] is not None), "artist_location")
    rows = [
        {
            "location": location,
            "plays": len(plays),
            "artists": len({play["artist_id"] for play in plays}),
            "listeners": len(users_of(plays)),
            "play_share": len(plays) / len(data.plays),
        }
        for location, plays in sorted(found.items(), key=lambda item: item[0].encode())
    ]
    return rank(sorted(rows, key=lambda row: -row["plays"]), data.cut.top or 20)


def expect_match_days(data: Data) -> list[Row]:
    counts = Counter((play["local"].date(), play["match"] or "none") for play in data.plays)
    return [{"day": day, "match": kind, "plays": plays} for (day, kind), plays in sorted(counts.items())]


def expect_matches(data: Data) -> list[Row]:
    kinds = {
        kind: [play for play in data.plays if play["match"] == kind] for kind in ("exact", "similar", "artist", None)
    }
    return [
        {
            "match": kind or "none",
            "plays": len(plays),
            "play_share": len(plays) / len(data.plays),
            "artists": len({play["artist_id"] for play in plays if play["artist_id"]}),
        }
        for kind, plays in kinds.items()
    ]


EXPECTATIONS: dict[str, Callable[[Data], list[Row]]] = {name: globals()[f"expect_{name}"] for name in NAMES}

# The log has 45 days from 2018-11-01 on; every cut leaves some events, and none leaves all.
CUTS = {
    "from": Cut(first_day=date(2018, 11, 14)),
    "to": Cut(last_day=date(2018, 12, 5)),
    "days": Cut(first_day=date(2018, 11, 10), last_day=date(2018, 11, 30)),
    "one day": Cut(first_day=date(2018, 11, 20), last_day=date(2018, 11, 20), top=2, days=1),
    "free": Cut(level="free", top=1),
    "paid": Cut(level="paid", days=3),
    "paid days": Cut(first_day=date(2018, 11, 5), last_day=date(2018, 12, 10), level="paid", top=3, days=7),
    "top": Cut(top=5),
    "silence": Cut(days=30),
}


# ---- the list of questions ----


def test_questions_are_in_reading_order() -> None:
    listed = list_questions()
    assert [chapter for chapter, _ in itertools.groupby(question.chapter for question in listed)] == list(CHAPTERS)
    places = [(question.chapter, question.place) for question in listed]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("name", NAMES)
def test_question_has_a_header_and_one_portable_select(name: str) -> None:
    question = get_question(name)
    assert question.question.endswith("?")
    assert "It does not say" in question.definition
    assert re.match(r"(WITH|SELECT)\b", question.sql)
    # What only one engine has, or what differs between them.
    unshared = (
        r";|::|\[|\bFILTER\b|\bQUALIFY\b|\bNULLS\b|\bgenerate_series\b|\blist\w*\(|\bunnest\b|\bavg\(|\bdatediff\b"
    )
    assert not re.findall(unshared, question.sql, re.IGNORECASE)
    # In Redshift, an aggregate with ORDER BY needs a frame; a ranking and the rows beside need none.
    framed = r"\b(?:(?:rank|row_number)\(\)|(?:lag|lead)\([\w.]+\)) OVER \(|OVER \([^()]*\bROWS [^()]*\)"
    assert question.sql.count("OVER (") == len(re.findall(framed, question.sql))
    # What a cut does not affect.
    assert not re.findall(r"\bstaging_\w+|\bsongplays\b", question.sql)


# Of one row, or of a row for each day, week or bin: all that may be joined without an equality.
SMALL = re.compile(r"\w+_counts|totals|steps|bins|kinds|weekdays|hours|days|cohorts|oldest_cohorts|log_days|numbers")


@pytest.mark.parametrize("name", NAMES)
def test_only_small_results_are_joined_by_nested_loops(name: str) -> None:
    """An engine that joins without an equality compares each row with each."""
    tree = sqlglot.parse_one(fill_sql(get_question(name).sql, {"top": 20, "days": 14}), read="redshift")
    assert not list(tree.find_all(sqlglot.exp.Exists))
    for select in tree.find_all(sqlglot.exp.Select):
        joins = select.args.get("joins") or []
        for join in joins:
            condition = join.args.get("on") or sqlglot.exp.true()
            parts = condition.flatten() if isinstance(condition, sqlglot.exp.And) else [condition]
            if not any(
                isinstance(part, sqlglot.exp.EQ) and len({c.table for c in part.find_all(sqlglot.exp.Column)}) > 1
                for part in parts
            ):
                assert all(SMALL.fullmatch(table.name) for table in [select.args["from_"].this, join.this])


def test_unknown_question_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'top_song'; did you mean top_songs\?"):
        get_question("top_song")
    with pytest.raises(UsageError, match="'xyz'; the questions are overview, audience, new_listeners"):
        get_question("xyz")


def test_path_is_not_a_question() -> None:
    with pytest.raises(UsageError, match="there is no question"):
        get_question("../songplays/load")


HEAD = "-- Why?\n-- Because.\n-- Chapter: music 1."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT 1",
        "-- Why?\n-- Chapter: music 1.\nSELECT 1",
        "-- Why?\n-- Because.\nSELECT 1",
        "-- Why?\n-- Because.\n-- Chapter: songs 1.\nSELECT 1",
        HEAD,
        f"{HEAD}\n-- Parameters: from, form.\nSELECT 1",
        f"{HEAD}\n-- Parameters: from, from.\nSELECT 1",
        f"{HEAD}\n-- Parameters: top = many.\nSELECT 1",
        f"{HEAD}\n-- Parameters: .\nSELECT 1",
        f"{HEAD}\n-- Parameters: top.\nSELECT :days",
        f"{HEAD}\n-- Parameters: from, to.\nSELECT :from",
    ],
)
def test_malformed_file_is_an_error_for_its_author(text: str) -> None:
    with pytest.raises(ValueError, match=r"sql/questions/why\.sql"):
        parse_question("why", text)


def test_parameters_are_those_of_the_cut_or_the_defaults() -> None:
    question = parse_question("why", f"{HEAD}\n-- Parameters: to, level, top = 20.\nSELECT :top")
    assert (question.definition, question.chapter, question.place) == ("Because.", "music", 1)
    assert list(map(str, question.parameters)) == ["to", "level", "top = 20"]
    assert list_values(question, WHOLE_LOG) == {"to": None, "level": None, "top": 20}
    cut = Cut(first_day=date(2018, 11, 1), last_day=date(2018, 11, 2), level="paid", top=3, days=4)
    assert list_values(question, cut) == {"to": date(2018, 11, 2), "level": "paid", "top": 3}
    assert list_untaken(question, cut) == ["from", "days"]
    assert parse_question("why", f"{HEAD}\nSELECT 1").parameters == ()


def test_what_each_question_takes() -> None:
    takes = {question.name: [str(parameter) for parameter in question.parameters] for question in list_questions()}
    days = ["from", "to"]
    assert takes == {name: [*days, "level"] for name in NAMES} | {
        "levels": days,
        "level_changes": days,
        "conversion": days,
        "funnel": days,
        "top_songs": [*days, "level", "top = 20"],
        "top_artists": [*days, "level", "top = 20"],
        "artist_places": [*days, "level", "top = 20"],
        "places": [*days, "level", "top"],
        "states": [*days, "level", "top"],
        "churn": [*days, "level", "days = 14"],
    }


# ---- cuts ----


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (date(2018, 11, 1), "DATE '2018-11-01'"),
        (date(1, 1, 1), "DATE '0001-01-01'"),
        (None, "NULL"),
        (20, "20"),
        (-1, "(-1)"),
        (True, "TRUE"),
        (datetime(2018, 11, 1, 0, 0, 0, 796000), "TIMESTAMP '2018-11-01 00:00:00.796000'"),
        ("paid", "'paid'"),
        ("it's ''", "'it''s '''''"),
        ("", "''"),
    ],
)
def test_literal_is_read_as_the_value(value: Value, literal: str) -> None:
    assert literal_sql(value) == literal
    assert duckdb.execute(f"SELECT {literal}").fetchall() == [(value,)]


@pytest.mark.parametrize("value", ["back\\slash", "nul\0", "half \ud800", math.nan, -math.inf, b"bytes", [1]])
def test_what_has_no_literal_is_an_error(value: Any) -> None:
    with pytest.raises(ValueError, match="there is no literal"):
        literal_sql(value)


def test_only_what_is_read_is_cut_and_comes_before() -> None:
    values = {"from": date(2018, 11, 1), "to": date(2018, 11, 2), "level": "paid", "top": 3}
    assert cut_sql("SELECT :top, '1'::text FROM songs", values) == "SELECT 3, '1'::text FROM songs"
    cut = cut_sql("WITH one AS (SELECT 1 FROM plays) SELECT * FROM one", values)
    assert cut.startswith("WITH plays AS (\n    SELECT")
    assert re.sub(r"\s+", " ", cut).endswith(
        "WHERE start_time >= DATE '2018-11-01' AND start_time < DATE '2018-11-02' + 1 AND level = 'paid' ), "
        "one AS (SELECT 1 FROM plays) SELECT * FROM one"
    )
    assert not re.search("JOIN|WHERE", cut_sql("SELECT 1 FROM plays", {}))
    found = re.findall(r"(?m)^(?:WITH )?(\w+) AS \(", cut_sql("SELECT 1 FROM days", dict.fromkeys(values)))
    assert found == ["repeated_moments", "repeated_events", "events", "days"]
    assert cut_sql("SELECT 1 FROM events", {}, kept=COPIES).startswith(
        "WITH repeated_moments AS (\n    SELECT * FROM sparkify_kept_repeated_moments\n),\n\n"
    )


def test_each_reader_of_the_log_has_its_own() -> None:
    """DuckDB would keep every row for the second reader."""
    sql = "SELECT 1 FROM plays INNER JOIN plays AS other ON plays.ts = other.ts LEFT JOIN plays ON true"
    cut = cut_sql(sql, {"level": "paid"})
    assert re.findall(r"(?m)^(?:WITH )?(\w+) AS \(", cut) == ["plays", "plays_2", "plays_3"]
    assert cut.count("WHERE level = 'paid'") == 3
    assert "FROM plays INNER JOIN plays_2 AS other ON plays.ts = other.ts LEFT JOIN plays_3 AS plays ON" in cut


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_on_the_views_a_question_is_asked_of_the_whole_log(data: Data, name: str) -> None:
    question = get_question(name)
    own = fill_sql(question.sql, list_values(question, WHOLE_LOG))
    assert rounded(ask(data.config, name)) == rounded(as_rows(*sparkify.query_sql(data.config, own)))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"first_day": date(2018, 11, 2), "last_day": date(2018, 11, 1)}, "from 2018-11-02 is after to 2018-11-01"),
        ({"level": "gold"}, "there is no level 'gold'"),
        ({"level": ""}, "there is no level ''"),
        ({"top": 0}, "top cannot be 0"),
        ({"days": -1}, "days cannot be -1"),
        ({"days": 2**31}, "days cannot be 2,147,483,648"),
    ],
)
def test_senseless_cut_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Cut(**values)


@pytest.mark.parametrize(
    "text", ["2018-13-01", "2018-02-30", "20181101", "2018-11-1", "2018-W44-4", "today", "", "٢٠١٨-١١-٠١"]
)
def test_text_that_is_not_a_day(text: str) -> None:
    with pytest.raises(UsageError, match="is not a day; write one as 2018-11-30"):
        parse_day(text)


def test_day_is_read() -> None:
    assert parse_day("2018-11-30") == date(2018, 11, 30)


@pytest.mark.parametrize(
    ("name", "cut", "words"),
    [
        ("funnel", Cut(level="paid"), "funnel does not take level; it takes from and to"),
        ("churn", Cut(top=3), "churn does not take top; it takes from, to, level and days"),
        ("levels", Cut(level="paid", top=3, days=2), "levels does not take level, top and days; it takes from and to"),
    ],
)
def test_cut_that_a_question_does_not_take_is_refused(empty: Config, name: str, cut: Cut, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        sparkify.query(empty, name, cut=cut)


# ---- the answers ----


@pytest.mark.parametrize("name", NAMES)
def test_empty_warehouse_is_not_an_error(empty: Config, name: str) -> None:
    columns, rows = sparkify.query(empty, name)
    assert 0 < len(columns) <= 8
    assert len(set(columns)) == len(columns)
    assert len(rows) <= 5


@pytest.mark.parametrize("name", NAMES)
def test_answer_is_that_of_plain_python(data: Data, name: str) -> None:
    answer = ask(data.config, name)
    assert answer
    assert rounded(answer) == rounded(EXPECTATIONS[name](data))


def ask_all(config: Config, cut: Cut) -> dict[str, list[Row]]:
    """The answers of all questions, each with the part of the cut that it takes."""
    answers = {}
    with open_warehouse(config, read_only=True) as engine:
        clock = find_clock(engine, config.timezone)
        for question in list_questions():
            columns, rows = engine.fetch_table(cut_sql(question.sql, list_values(question, cut), clock=clock))
            answers[question.name] = rounded([dict(zip(columns, row, strict=True)) for row in rows])
    return answers


def without_untaken(name: str, cut: Cut) -> Cut:
    """The part of a cut that a question takes. Every question takes days."""
    untaken = list_untaken(get_question(name), cut)
    return replace(cut, **{field: None for field in ("level", "top", "days") if field in untaken})


@pytest.mark.slow
@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_cut_answers_are_those_of_plain_python(data: Data, cut: Cut) -> None:
    for name, answer in ask_all(data.config, cut).items():
        within = data.within(without_untaken(name, cut))
        assert within.plays
        assert answer == rounded(EXPECTATIONS[name](within)), name


@pytest.mark.slow
@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_cut_answers_are_those_of_a_log_of_only_those_events(data: Data, cut: Cut, tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    lines = [json.dumps({name: event[name] for name in reference.EVENT_FIELDS}) for event in data.within(cut).events]
    (tmp_path / "log" / "events.json").write_text("\n".join(lines), encoding="utf-8")
    alone = load(tmp_path, log_data=tmp_path / "log", song_data=Path(str(data.config.song_data)))
    answers, others = ask_all(data.config, cut), ask_all(alone, Cut(top=cut.top, days=cut.days))
    for rows in (answers["health"], others["health"]):
        # Rejects have neither a day nor a level.
        del rows[0]["rejected_share"]
    for name in NAMES:
        if "level" not in list_untaken(get_question(name), cut):
            assert answers[name] == others[name], name


@pytest.mark.parametrize("name", NAMES)
def test_cut_without_events_is_an_empty_log(data: Data, empty: Config, name: str) -> None:
    answer = ask(data.config, name, Cut(first_day=date(2030, 1, 1)))
    nothing = ask(empty, name)
    for row in (*answer, *nothing):
        row.pop("rejected_share", None)
    assert answer == nothing


def test_simulated_answers_are_worth_comparing(data: Data) -> None:
    assert ask(data.config, "health")[0]["errors"]
    (conversion,) = ask(data.config, "conversion")
    assert 0 < conversion["first_free_converters"] < conversion["first_free_users"]
    assert all(row["users"] for row in ask(data.config, "churn"))
    assert len(ask(data.config, "top_songs")) > 20, "no tie at the last place"
    assert {row["state"] for row in ask(data.config, "places")} > {"several"}


@pytest.mark.slow
def test_delivering_everything_twice_changes_no_answer(data: Data, tmp_path: Path) -> None:
    source = Path(str(data.config.log_data)).parent
    for root in ("log_data", "song_data"):
        for copy in ("first", "second"):
            shutil.copytree(source / root, tmp_path / root / copy)
    twice = load(tmp_path, log_data=tmp_path / "log_data", song_data=tmp_path / "song_data")
    for name in NAMES:
        assert rounded(ask(twice, name)) == rounded(ask(data.config, name)), name


# ---- time zones ----

# Changes by an hour and by half of one, at midnight, back over a midnight, and by a whole day: Apia had no 2011-12-30.
CHANGES_OF_CLOCKS = {
    "America/Chicago": ("2011-11-06 07:00", "2012-03-11 08:00"),
    "Australia/Lord_Howe": ("2011-10-01 15:30", "2012-03-31 15:00"),
    "America/St_Johns": ("2010-11-07 02:31", "2012-03-11 05:30"),
    "America/Sao_Paulo": ("2011-10-16 03:00", "2012-02-26 02:00"),
    "Antarctica/Casey": ("2011-10-27 18:00", "2012-02-21 17:00"),
    "Pacific/Apia": ("2011-12-30 10:00", "2012-03-31 14:00"),
    "Asia/Kolkata": (),
    "Pacific/Kiritimati": (),
    "Etc/GMT+12": (),
}  # fmt: skip


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Events of half a year, and of a night a year before: most close to a change of a clock or a midnight by it."""
    folder = tmp_path_factory.mktemp("changes")
    chance = random.Random(11)
    begin, end = (int(datetime(*day, tzinfo=UTC).timestamp() * 1000) for day in ((2011, 9, 28), (2012, 4, 5)))
    moments = [chance.randrange(begin, end) for _ in range(400)]
    for change in itertools.chain(*CHANGES_OF_CLOCKS.values()):
        at = int(datetime.fromisoformat(change).replace(tzinfo=UTC).timestamp() * 1000)
        moments += [
            at - 1,
            at,
            *(at + chance.randrange(-26, 27) * 1_800_000 + chance.choice([-1, 0]) for _ in range(25)),
        ]
    pages = ["NextSong"] * 5 + ["Home", "Error", "Upgrade", "Submit Upgrade", "Submit Downgrade"]
    for root in ("log", "songs"):
        (folder / root).mkdir()
    write_file(
        folder / "log" / "events.json",
        [
            (support.play if page == "NextSong" else support.event)(
                userId=chance.randrange(1, 16),
                sessionId=number // 3,
                itemInSession=number,
                ts=ts,
                page=page,
                level=chance.choice(["free", "paid"]),
                registration=begin,
                location=chance.choice(["A, NY", "B, NY-NJ"]),
            )
            for number, ts in enumerate(sorted(moments))
            for page in [chance.choice(pages)]
        ],
    )
    return read_data(load(folder, log_data=folder / "log", song_data=folder / "songs"))


def expect_by_clock(data: Data, timezone: str, cut: Cut) -> None:
    data = data.by_clock(timezone)
    for name, answer in ask_all(data.config, cut).items():
        within = data.within(without_untaken(name, cut))
        assert within.plays
        assert answer == rounded(EXPECTATIONS[name](within)), (timezone, name)


def test_answers_are_by_the_clock_of_a_time_zone(changes: Data) -> None:
    expect_by_clock(changes, "America/Chicago", WHOLE_LOG)


@pytest.mark.slow
@pytest.mark.parametrize("timezone", CHANGES_OF_CLOCKS)
def test_answers_are_by_the_clock_of_any_time_zone(changes: Data, timezone: str) -> None:
    first, last = date(2010, 11, 7), date(2012, 3, 10)
    if timezone != "America/Chicago":
        expect_by_clock(changes, timezone, WHOLE_LOG)
    expect_by_clock(changes, timezone, Cut(first_day=first, last_day=last))


# ---- the public sample ----


def test_known_numbers_of_the_sample(sample: Config) -> None:
    answers = ask_all(sample, WHOLE_LOG)
    days = answers["audience"]
    assert (len(days), max(day["dau"] for day in days)) == (30, 34)
    assert [day["mau"] for day in days] == [None] * 29 + [96]
    assert (round(days[-1]["mean_dau"], 2), round(days[-1]["stickiness"], 3)) == (20.93, 0.218)
    busiest = max(answers["heatmap"], key=lambda row: row["plays"])
    assert [busiest[name] for name in ("weekday_name", "hour", "plays", "occurrences")] == ["Friday", 16, 140, 5]
    assert sum(row["plays"] for row in answers["heatmap"]) == 6820
    (sessions,) = answers["sessions"]
    assert [round(sessions[name], 2) for name in ("sessions", "median_minutes", "mean_plays")] == [911, 3.87, 7.49]
    assert round(sessions["mean_minutes"], 1) == 29.6
    hours = answers["hours"][-1]
    assert (hours["day"], hours["level"], round(hours["hours"], 1)) == (None, "all", 468.0)
    assert round(hours["heaviest_users_share"], 3) == 0.622
    song, artist = answers["top_songs"][0], answers["top_artists"][0]
    assert (song["song_title"], song["artist_name"], song["plays"]) == ("You're The One", "Dwight Yoakam", 37)
    assert (artist["artist_name"], artist["plays"]) == ("Coldplay", 58)
    totals = {row["level"]: row for row in answers["levels"] if row["day"] is None}
    assert {level: row["plays"] for level, row in totals.items()} == {"paid": 5591, "free": 1229}
    assert sum(row["users_at_end"] for row in totals.values()) == 97
    (conversion,) = answers["conversion"]
    converted = [conversion[name] for name in ("conversions", "first_free_converters", "first_free_users")]
    assert converted == [8, 7, 82]
    silent = next(row for row in answers["churn"] if row["outcome"] == "silent")
    assert (silent["silent_days"], silent["users"], silent["of_users"]) == (14, 8, 81)
    assert round(answers["discovery"][-1]["first_play_share"], 3) == 0.889
    (health,) = answers["health"]
    assert (health["errors"], health["sessions_hit"], health["rejected_share"]) == (9, 9, 0)


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
