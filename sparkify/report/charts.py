"""One Vega-Lite specification for each question, made of its answer alone.

What a person reads exactly stands in the tooltip; what does not fit on an axis is shortened there and whole in the
tooltip.
"""

import json
import re
from collections.abc import Callable, Sequence
from itertools import accumulate

from sparkify.formats import exact_share, format_day, format_number, format_share, format_value
from sparkify.report.marks import (
    BAR_HEIGHT,
    INK,
    MAIN,
    NAMES_AXIS,
    QUIET,
    SCHEMA,
    SECOND,
    THIRD,
    Record,
    Spec,
    amount_axis,
    by_day,
    data_of,
    days_axis,
    level_bars,
    ranking,
    share_axis,
    share_of,
    shares,
    tooltip_of,
    with_room,
)
from sparkify.report.words import isolate, list_places

_TREND_DAYS = 7
# Half a year; the numbers have all.
_MOST_COHORTS = 26


def draw(name: str, records: Sequence[Record]) -> Spec | None:
    """The drawing of a question's answer; None where there is nothing to draw."""
    spec = _DRAWINGS[name](records)
    if spec is None:
        return None
    used = json.dumps({key: part for key, part in spec.items() if key != "data"})
    # What no mark, axis or tooltip shows would only make the page larger.
    fields = [field for field in spec["data"]["values"][0] if re.search(rf"\b{field}\b", used)]
    spec["data"] = {"values": [{field: row[field] for field in fields} for row in spec["data"]["values"]]}
    return {"$schema": SCHEMA, "width": "container", "autosize": {"type": "fit-x", "contains": "padding"}, **spec}


def _audience(records: Sequence[Record]) -> Spec | None:
    rows = [
        record
        | {
            "label": format_day(record["day"]),
            "of_week": _so_far(record["wau"], 7),
            "of_month": _so_far(record["mau"], 30),
        }
        for record in records
    ]
    if not any(record["dau"] for record in rows):
        return None
    names = {
        "dau": "on the day", "trend": f"mean of {_TREND_DAYS} days", "wau": "in 7 days (WAU)",
        "mau": "in 30 days (MAU)",
    }  # fmt: skip
    # From the back to the front. A line of one day would not show.
    point = {"size": 30}
    lines: dict[str, Spec] = {
        "dau": {"strokeWidth": 1} | ({"point": point | {"color": QUIET}} if len(rows) == 1 else {}),
        "mau": {"strokeWidth": 2, "point": point | {"color": THIRD}},
        "wau": {"strokeWidth": 2},
        "trend": {"strokeWidth": 3},
    }
    # What is not defined on any day has neither line nor legend.
    drawn = {field: any(record.get(field) is not None for record in rows) for field in ("dau", "wau", "mau")}
    drawn["trend"] = len(rows) >= _TREND_DAYS
    colors = {"dau": QUIET, "trend": MAIN, "wau": SECOND, "mau": THIRD}
    scale = {
        "domain": [name for field, name in names.items() if drawn[field]],
        "range": [color for field, color in colors.items() if drawn[field]],
    }

    def line(field: str) -> Spec:
        color = {"datum": names[field], "type": "nominal", "scale": scale, "title": None}
        mark = {"type": "line", "invalid": "break-paths-show-domains", **lines[field]}
        return {"mark": mark, "encoding": {"y": amount_axis(field, "listeners"), "color": color}}

    tooltip = tooltip_of(label="day", dau="listeners on the day", of_week="in 7 days", of_month="in 30 days")
    return {
        "description": "Listeners by day, with the mean of seven days, and listeners in 7 and 30 days",
        "height": 260,
        "data": data_of(rows),
        "transform": [
            {
                "window": [{"op": "mean", "field": "dau", "as": "trend"}, {"op": "row_number", "as": "number"}],
                "sort": [{"field": "day"}],
                "frame": [1 - _TREND_DAYS, 0],
            },
            {"calculate": f"datum.number < {_TREND_DAYS} ? null : datum.trend", "as": "trend"},
        ],
        "encoding": {"x": days_axis()},
        "layer": [
            *(line(field) for field in lines if drawn[field]),
            {
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 0.001, "color": MAIN},
                "encoding": {"y": amount_axis("dau", "listeners"), "tooltip": tooltip},
            },
        ],
    }


def _so_far(listeners: int | None, days: int) -> str:
    return f"until {days} days of log, undefined" if listeners is None else format_number(listeners)


def _heatmap(records: Sequence[Record]) -> Spec | None:
    if not any(record["plays"] for record in records):
        return None
    rows = [
        record
        | {
            "label": f"{record['weekday_name']}, {record['hour']:02}:00 to {record['hour']:02}:59 UTC",
            "each": format_value(record["plays_per_occurrence"]),
        }
        for record in records
    ]
    return {
        "description": "Plays by weekday and hour of the day in UTC",
        "height": BAR_HEIGHT * len({record["weekday"] for record in rows}),
        "data": data_of(rows),
        "mark": {"type": "rect", "color": MAIN, "cornerRadius": 2, "stroke": "var(--paper)", "strokeWidth": 1},
        "encoding": {
            "x": {
                "field": "hour", "type": "ordinal", "title": "hour of the day (UTC)",
                "axis": {"labelAngle": 0, "labelOverlap": True, "domain": False, "ticks": False},
            },
            "y": {
                "field": "weekday_name", "type": "ordinal", "sort": None, "title": None,
                "axis": {"domain": False, "ticks": False},
            },
            "opacity": {
                "field": "plays_per_occurrence", "type": "quantitative", "title": "plays in the hour",
                "scale": {"zero": True, "range": [0.04, 1]},
                "legend": {"symbolFillColor": MAIN, "tickCount": 4, "columns": 6},
            },
            "tooltip": tooltip_of(label="when", each="plays each such hour", plays="plays in all", occurrences="days"),
        },
    }  # fmt: skip


def _sessions(records: Sequence[Record]) -> Spec | None:
    answer = records[0]
    if not answer["sessions"]:
        return None
    named = {"median": "median_minutes", "mean": "mean_minutes", "90th percentile": "p90_minutes"}
    rows = [
        {
            "name": name,
            "minutes": answer[field],
            "text": format_number(answer[field]),
            "exact": format_value(answer[field]),
        }
        for name, field in named.items()
    ]
    return {
        "description": "Minutes from the first event of a session to its last",
        "height": BAR_HEIGHT * len(rows),
        "data": data_of(rows),
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": NAMES_AXIS},
            "x": amount_axis("minutes", "minutes", scale=with_room(row["minutes"] for row in rows)),
            "tooltip": tooltip_of(name="sessions'", exact="minutes"),
        },
        "layer": [
            {"mark": {"type": "bar", "color": MAIN, "cornerRadiusEnd": 2}},
            {
                "mark": {"type": "text", "align": "left", "dx": 4, "color": "var(--muted)"},
                "encoding": {"text": {"field": "text"}},
            },
        ],
    }


def _name_bin(record: Record) -> str:
    """The longest session that a bin of session_lengths holds, in minutes: a name that fits below a bar on a phone."""
    return "more" if record["to_minutes"] is None else str(record["to_minutes"])


def _session_lengths(records: Sequence[Record]) -> Spec | None:
    so_far = list(accumulate(record["session_share"] for record in records))
    # The bins in which the half and the nine tenths of all sessions are reached.
    marks = {
        next(place for place, share in enumerate(so_far) if share >= part - 1e-9): name
        for name, part in (("p90", 0.9), ("median", 0.5))
    }
    rows = [
        record
        | {
            "minutes": _name_bin(record),
            "share_text": exact_share(record["session_share"]),
            "part": marks.get(place, "other"),
            "mark": marks.get(place, ""),
        }
        for place, record in enumerate(records)
    ]
    colors = {"domain": ["median", "p90", "other"], "range": [SECOND, THIRD, MAIN]}
    bars: Spec = {
        "mark": {"type": "bar"},
        "encoding": {
            "color": {"field": "part", "type": "nominal", "scale": colors, "legend": None},
            "tooltip": tooltip_of(minutes="up to minutes", sessions="sessions", share_text="share of sessions"),
        },
    }
    texts: Spec = {
        "mark": {"type": "text", "dy": -8, "color": INK, "fontWeight": "bold"},
        "encoding": {"text": {"field": "mark"}},
    }
    return {
        "description": "Sessions by their length, with the bins that hold the median and the 90th percentile",
        "height": 220,
        "data": data_of(rows),
        "encoding": {
            "x": {
                "field": "minutes", "type": "ordinal", "sort": None,
                "title": "from first to last event, up to so many minutes",
                "axis": {"labelAngle": 0, "labelOverlap": False, "ticks": False, "grid": False},
            },
            "y": amount_axis("sessions", "sessions"),
        },
        "layer": [bars, texts],
    }  # fmt: skip


def _hours(records: Sequence[Record]) -> Spec | None:
    rows = [record | {"hours_text": format_value(record["hours"])} for record in by_day(records)]
    if not rows:
        return None
    tooltip = tooltip_of(label="day", level="level", hours_text="hours", plays="plays")
    return {
        "description": "Hours of music that began to play, by day and level",
        **level_bars(rows, "hours", "hours of music", tooltip),
    }


def _levels(records: Sequence[Record]) -> Spec | None:
    rows = by_day(records)
    if not rows:
        return None
    tooltip = tooltip_of(label="day", level="level", users_at_end="users at the end of the day", plays="plays")
    return {
        "description": "Users by their level at the end of each day",
        **level_bars(rows, "users_at_end", "users, by their last event of the day", tooltip),
    }


def _top_songs(records: Sequence[Record]) -> Spec | None:
    rows = [
        record | {"name": f"{record['place']}. {isolate(record['song_title'])} · {record['artist_name']}"}
        for record in list_places(records)
    ]
    tooltip = tooltip_of(
        place="place", song_title="song", artist_name="artist", plays="plays", listeners="distinct listeners"
    )
    return ranking(rows, "Songs with the most plays", tooltip)


def _top_artists(records: Sequence[Record]) -> Spec | None:
    rows = [record | {"name": f"{record['place']}. {record['artist_name']}"} for record in list_places(records)]
    tooltip = tooltip_of(
        place="place", artist_name="artist", plays="plays", listeners="distinct listeners", songs="distinct songs"
    )
    return ranking(rows, "Artists with the most plays", tooltip)


def _places(records: Sequence[Record]) -> Spec | None:
    rows = [
        record | {"name": record["location"] or "not logged", "state": record["state"] or "–"}
        for record in list_places(records)
    ]
    tooltip = tooltip_of(name="place", state="state", plays="plays", users="listeners")
    return ranking(rows, "Places with the most plays", tooltip)


def _conversion(records: Sequence[Record]) -> Spec | None:
    answer = records[0]
    if not (answer["first_free_users"] or answer["active_free_users"]):
        return None
    pairs = [
        ("A: first seen free, then upgraded", answer["first_free_converters"], answer["first_free_users"]),
        ("B: upgrades over free players", answer["conversions"], answer["active_free_users"]),
    ]
    rows = [
        {"name": name, "share": count / total, "text": share_of(count, total), "color": color}
        for (name, count, total), color in zip(pairs, (MAIN, SECOND), strict=True)
        if total
    ]
    return shares(rows, "Shares of free users who upgrade", "share of users")


def _funnel(records: Sequence[Record]) -> Spec | None:
    first = records[0]["users"]
    if not first:
        return None
    rows = [
        {"name": f"{r['step']}. {r['reached']}", "share": r["users"] / first, "text": share_of(r["users"], first),
         "color": MAIN}
        for r in records
    ]  # fmt: skip
    return shares(rows, "Users who reach each step on the way to paying", "share of users first seen free")


def _churn(records: Sequence[Record]) -> Spec | None:
    rows = [
        {"name": _CHURN[r["outcome"]][0], "share": r["share"], "text": share_of(r["users"], r["of_users"]),
         "color": _CHURN[r["outcome"]][1]}
        for r in records
        if r["of_users"]
    ]  # fmt: skip
    return shares(rows, "Users who left, and those of whom it cannot be told", "share of users") if rows else None


_CHURN = {
    "cancelled": ("cancelled, of all users", SECOND),
    "downgraded": ("downgraded, of paid users", SECOND),
    "silent": ("silent, of players", MAIN),
    "censored": ("cannot be told yet, of players", QUIET),
}


def _retention(records: Sequence[Record]) -> Spec | None:
    cohorts_found = sorted({record["cohort_week"] for record in records})
    drawn = cohorts_found[-_MOST_COHORTS:]
    rows = [
        record
        | {
            "cohort": _name_cohort(record),
            "share_text": format_share(record["active_share"]),
            "of": share_of(record["active_users"], record["cohort_users"]),
            "whole": "only in part" if record["is_week_in_part"] else "whole",
        }
        for record in records
        if record["active_share"] is not None and record["cohort_week"] in drawn
    ]
    if not rows:
        return None
    weeks: Spec = {
        "field": "week_number", "type": "ordinal", "title": "weeks after the first play",
        "axis": {"labelAngle": 0, "orient": "top", "domain": False, "ticks": False, "labelOverlap": True},
    }  # fmt: skip
    cohorts: Spec = {
        "field": "cohort", "type": "ordinal", "sort": None, "title": "week of the first play",
        "axis": {"domain": False, "ticks": False},
    }  # fmt: skip
    cells: Spec = {
        "mark": {"type": "rect", "color": MAIN, "cornerRadius": 2, "stroke": "var(--paper)", "strokeWidth": 2},
        "encoding": {
            "opacity": {
                "field": "active_share", "type": "quantitative", "legend": None,
                "scale": {"domain": [0, 1], "range": [0.04, 0.55]},
            },
            "tooltip": tooltip_of(cohort="first play in the week of", cohort_users="users", week_number="weeks after",
                                of="active", whole="the log has the week"),
        },
    }  # fmt: skip
    texts: Spec = {
        "mark": {"type": "text", "color": INK},
        "encoding": {
            "text": {"field": "share_text"},
            "opacity": {"condition": {"test": "datum.is_week_in_part", "value": 0.75}, "value": 1},
        },
    }
    return {
        "description": "Share of each week's new listeners who listen in later weeks; "
        "* the log begins less than a week before, so not all of them may be new"
        f"{'' if drawn == cohorts_found else f'; the last {len(drawn)} of {len(cohorts_found)} weeks are drawn'}",
        "height": BAR_HEIGHT * len({row["cohort"] for row in rows}),
        "data": data_of(rows),
        "encoding": {"x": weeks, "y": cohorts},
        "layer": [cells, texts],
    }


def _name_cohort(record: Record) -> str:
    week = record["cohort_week"]
    return f"{week.day} {week:%b %Y}{' *' if record['is_cut_off_on_left'] else ''}"


def _discovery(records: Sequence[Record]) -> Spec | None:
    rows = [
        record
        | {
            "label": f"week of {format_day(record['week'])}",
            "share_text": format_share(record["first_play_share"]),
            "exact": exact_share(record["first_play_share"]),
        }
        for record in records
        if record["week"] is not None
    ]
    if not rows:
        return None
    return {
        "description": "Share of plays that are a listener's first of the artist, by week",
        "height": 200,
        "data": data_of(rows),
        "encoding": {
            "x": {
                "field": "week", "type": "ordinal", "title": "week, by its Monday",
                "axis": {
                    "labelAngle": 0, "labelOverlap": True,
                    "labelExpr": "utcFormat(utcParse(datum.value, '%Y-%m-%d'), '%-d %b')",
                },
            },
            "y": share_axis("first_play_share", "share of plays", scale={"domain": [0, 1]}),
            "tooltip": tooltip_of(label="week", exact="first plays of an artist", first_plays="first plays",
                                plays="plays", listeners="listeners"),
        },
        "layer": [
            {"mark": {"type": "bar", "color": MAIN}},
            {
                "mark": {"type": "text", "dy": -7, "color": "var(--muted)"},
                "encoding": {"text": {"field": "share_text"}},
            },
        ],
    }  # fmt: skip


def _health(records: Sequence[Record]) -> Spec | None:
    answer = records[0]
    named = {
        "plays found in the catalogue": ("match_rate", MAIN),
        "events while logged out": ("logged_out_share", SECOND),
        "records rejected": ("rejected_share", SECOND),
    }
    rows = [
        {
            "name": name,
            "share": answer[field],
            "text": format_share(answer[field]),
            "exact": exact_share(answer[field]),
            "color": color,
        }
        for name, (field, color) in named.items()
        if answer[field] is not None
    ]
    return shares(rows, "Match rate, logged-out share and rejected share", "share") if rows else None


_DRAWINGS: dict[str, Callable[[Sequence[Record]], Spec | None]] = {
    "audience": _audience,
    "heatmap": _heatmap,
    "sessions": _sessions,
    "session_lengths": _session_lengths,
    "hours": _hours,
    "top_songs": _top_songs,
    "top_artists": _top_artists,
    "levels": _levels,
    "conversion": _conversion,
    "funnel": _funnel,
    "churn": _churn,
    "retention": _retention,
    "discovery": _discovery,
    "places": _places,
    "health": _health,
}
