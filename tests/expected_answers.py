"""The expected answer to each prepared question in plain Python, and small warehouses to ask.

The answers are computed from the files as `reference` reads them, by the definitions and not by the SQL.
"""

import itertools
import json
import math
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

import sparkify
from sparkify.questions.catalogue import list_questions
from sparkify.questions.cut import WHOLE_LOG, Cut
from sparkify.settings import Config, load_config
from tests import reference
from tests.support import read_sources

NAMES = [question.name for question in list_questions()]
MILLISECONDS_OF_DAY = 86_400_000

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
