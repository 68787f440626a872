"""One Vega-Lite specification for each question, made of its answer alone.

Colours are the page's CSS variables, so one drawing serves light, dark and print. A scale of amounts begins at zero.
Days are UTC: tooltips carry them as text, for a browser would show them in its own zone. What a person reads exactly
stands in the tooltip; what does not fit on an axis is shortened there and whole in the tooltip.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any

from sparkify.report.words import format_day, format_number, format_share, isolate, list_places

Spec = dict[str, Any]
Record = dict[str, Any]

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"
_MAIN, _SECOND, _THIRD, _QUIET, _INK = "var(--main)", "var(--second)", "var(--third)", "var(--quiet)", "var(--ink)"
# What all drawings share.
CONFIG: Spec = {
    "background": None,
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)", "titleColor": "var(--muted)", "gridColor": "var(--line)",
        "domainColor": "var(--line)", "tickColor": "var(--line)", "labelFontSize": 12, "titleFontSize": 12,
        "titleFontWeight": "normal", "labelFont": _FONT, "titleFont": _FONT,
    },
    "legend": {
        "labelColor": "var(--muted)", "titleColor": "var(--muted)", "labelFontSize": 12, "titleFontSize": 12,
        "titleFontWeight": "normal", "orient": "top", "offset": 8, "labelLimit": 240,
        "columns": {"expr": "isFinite(containerSize()[0]) && containerSize()[0] < 520 ? 2 : 4"},
    },
    "text": {"font": _FONT, "fontSize": 12},
    "bar": {"color": _MAIN},
}  # fmt: skip
# The names of a ranking take at most this part of the width, on a phone as on a desktop.
_NAMES_WIDTH = "isFinite(containerSize()[0]) ? max(90, containerSize()[0] * 0.45) : 280"
_NAMES_AXIS: Spec = {"labelLimit": {"expr": _NAMES_WIDTH}, "domain": False, "ticks": False, "labelPadding": 6}
_ROW_HEIGHT, _BAR_HEIGHT = 22, 32
_TREND_DAYS = 7
_LEVELS = {"paid": _MAIN, "free": _SECOND, "unknown": _QUIET}


def draw(name: str, records: Sequence[Record]) -> Spec | None:
    """The drawing of a question's answer; None where there is nothing to draw."""
    spec = _DRAWINGS[name](records)
    if spec is None:
        return None
    return {"$schema": _SCHEMA, "width": "container", "autosize": {"type": "fit-x", "contains": "padding"}, **spec}


def _data(records: Sequence[Record]) -> Spec:
    return {"values": [{key: _plain(value) for key, value in record.items()} for record in records]}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date | dt.datetime) else value


def _tooltip(**titles: str) -> list[Spec]:
    """The fields that a mark's tooltip shows, in order, each with its title."""
    return [{"field": field, "title": title} for field, title in titles.items()]


def _days_axis(field: str = "day") -> Spec:
    return {
        "timeUnit": "utcyearmonthdate",
        "field": field,
        "type": "temporal",
        "title": None,
        "axis": {"format": "%-d %b", "grid": False, "labelOverlap": True, "tickCount": 8},
    }


def _amount_axis(field: str, title: str, **more: Any) -> Spec:
    axis = {"format": ",~r", "tickMinStep": 1, "tickCount": 5}
    return {"field": field, "type": "quantitative", "title": title, "axis": axis, **more}


def _with_room(amounts: Iterable[float]) -> Spec:
    """A scale from zero that leaves room for a number beside the longest bar."""
    return {"domain": [0, 1.2 * max(amounts)], "nice": False}


def _share_axis(field: str, title: str, **more: Any) -> Spec:
    axis = {"format": "~%", "tickCount": 5}
    return {"field": field, "type": "quantitative", "title": title, "axis": axis, **more}


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
        "dau": {"strokeWidth": 1} | ({"point": point | {"color": _QUIET}} if len(rows) == 1 else {}),
        "mau": {"strokeWidth": 2, "point": point | {"color": _THIRD}},
        "wau": {"strokeWidth": 2},
        "trend": {"strokeWidth": 3},
    }
    # What is not defined on any day has neither line nor legend.
    drawn = {field: any(record.get(field) is not None for record in rows) for field in ("dau", "wau", "mau")}
    drawn["trend"] = len(rows) >= _TREND_DAYS
    colors = {"dau": _QUIET, "trend": _MAIN, "wau": _SECOND, "mau": _THIRD}
    scale = {
        "domain": [name for field, name in names.items() if drawn[field]],
        "range": [color for field, color in colors.items() if drawn[field]],
    }

    def line(field: str) -> Spec:
        color = {"datum": names[field], "type": "nominal", "scale": scale, "title": None}
        mark = {"type": "line", "invalid": "break-paths-show-domains", **lines[field]}
        return {"mark": mark, "encoding": {"y": _amount_axis(field, "listeners"), "color": color}}

    tooltip = _tooltip(label="day", dau="listeners on the day", of_week="in 7 days", of_month="in 30 days")
    return {
        "description": "Listeners by day, with the mean of seven days, and listeners in 7 and 30 days",
        "height": 260,
        "data": _data(rows),
        "transform": [
            {
                "window": [{"op": "mean", "field": "dau", "as": "trend"}, {"op": "row_number", "as": "number"}],
                "sort": [{"field": "day"}],
                "frame": [1 - _TREND_DAYS, 0],
            },
            {"calculate": f"datum.number < {_TREND_DAYS} ? null : datum.trend", "as": "trend"},
        ],
        "encoding": {"x": _days_axis()},
        "layer": [
            *(line(field) for field in lines if drawn[field]),
            {
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 0.001, "color": _MAIN},
                "encoding": {"y": _amount_axis("dau", "listeners"), "tooltip": tooltip},
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
            "each": format_number(record["plays_per_occurrence"]),
        }
        for record in records
    ]
    return {
        "description": "Plays by weekday and hour of the day in UTC",
        "height": _BAR_HEIGHT * len({record["weekday"] for record in rows}),
        "data": _data(rows),
        "mark": {"type": "rect", "color": _MAIN, "cornerRadius": 2, "stroke": "var(--paper)", "strokeWidth": 1},
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
                "legend": {"symbolFillColor": _MAIN, "tickCount": 4, "columns": 6},
            },
            "tooltip": _tooltip(label="when", each="plays each such hour", plays="plays in all", occurrences="days"),
        },
    }  # fmt: skip


def _sessions(records: Sequence[Record]) -> Spec | None:
    answer = records[0]
    if not answer["sessions"]:
        return None
    named = {"median": "median_minutes", "mean": "mean_minutes", "90th percentile": "p90_minutes"}
    rows = [
        {"name": name, "minutes": answer[field], "text": format_number(answer[field])} for name, field in named.items()
    ]
    return {
        "description": "Minutes from the first event of a session to its last",
        "height": _BAR_HEIGHT * len(rows),
        "data": _data(rows),
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": _NAMES_AXIS},
            "x": _amount_axis("minutes", "minutes", scale=_with_room(row["minutes"] for row in rows)),
            "tooltip": _tooltip(name="sessions'", text="minutes"),
        },
        "layer": [
            {"mark": {"type": "bar", "color": _MAIN, "cornerRadiusEnd": 2}},
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
            "share_text": format_share(record["session_share"]),
            "part": marks.get(place, "other"),
            "mark": marks.get(place, ""),
        }
        for place, record in enumerate(records)
    ]
    colors = {"domain": ["median", "p90", "other"], "range": [_SECOND, _THIRD, _MAIN]}
    bars: Spec = {
        "mark": {"type": "bar"},
        "encoding": {
            "color": {"field": "part", "type": "nominal", "scale": colors, "legend": None},
            "tooltip": _tooltip(minutes="up to minutes", sessions="sessions", share_text="share of sessions"),
        },
    }
    texts: Spec = {
        "mark": {"type": "text", "dy": -8, "color": _INK, "fontWeight": "bold"},
        "encoding": {"text": {"field": "mark"}},
    }
    return {
        "description": "Sessions by their length, with the bins that hold the median and the 90th percentile",
        "height": 220,
        "data": _data(rows),
        "encoding": {
            "x": {
                "field": "minutes", "type": "ordinal", "sort": None,
                "title": "from first to last event, up to so many minutes",
                "axis": {"labelAngle": 0, "labelOverlap": False, "ticks": False, "grid": False},
            },
            "y": _amount_axis("sessions", "sessions"),
        },
        "layer": [bars, texts],
    }  # fmt: skip


def _level_bars(records: Sequence[Record], field: str, title: str, tooltip: list[Spec]) -> Spec:
    levels = [level for level in _LEVELS if any(record["level"] == level for record in records)]
    return {
        "height": 220,
        "data": _data(records),
        "mark": {"type": "bar"},
        "encoding": {
            "x": _days_axis(),
            "y": _amount_axis(field, title),
            "color": {
                "field": "level",
                "type": "nominal",
                "title": None,
                "scale": {"domain": levels, "range": [_LEVELS[level] for level in levels]},
            },
            "order": {"field": "level", "sort": "descending"},
            "tooltip": tooltip,
        },
    }


def _by_day(records: Sequence[Record]) -> list[Record]:
    """The rows of days, without those of the whole log."""
    return [record | {"label": format_day(record["day"])} for record in records if record["day"] is not None]


def _hours(records: Sequence[Record]) -> Spec | None:
    rows = [record | {"hours_text": format_number(record["hours"])} for record in _by_day(records)]
    if not rows:
        return None
    tooltip = _tooltip(label="day", level="level", hours_text="hours", plays="plays")
    return {
        "description": "Hours of music that began to play, by day and level",
        **_level_bars(rows, "hours", "hours of music", tooltip),
    }


def _levels(records: Sequence[Record]) -> Spec | None:
    rows = _by_day(records)
    if not rows:
        return None
    tooltip = _tooltip(label="day", level="level", users_at_end="users at the end of the day", plays="plays")
    return {
        "description": "Users by their level at the end of each day",
        **_level_bars(rows, "users_at_end", "users, by their last event of the day", tooltip),
    }


def _ranking(rows: Sequence[Record], description: str, color: str, tooltip: list[Spec]) -> Spec | None:
    """Horizontal bars of plays in the order given; a row has a `name` that no other row has."""
    if not rows:
        return None
    return {
        "description": description,
        "height": _ROW_HEIGHT * len(rows),
        "data": _data(rows),
        "encoding": {
            "y": {
                "field": "name",
                "type": "nominal",
                "sort": None,
                "title": None,
                "axis": _NAMES_AXIS,
            },
            "x": _amount_axis("plays", "plays", scale=_with_room(record["plays"] for record in rows)),
            "tooltip": tooltip,
        },
        "layer": [
            {"mark": {"type": "bar", "color": color, "cornerRadiusEnd": 2}},
            {
                "mark": {"type": "text", "align": "left", "dx": 4, "color": "var(--muted)"},
                "encoding": {"text": {"field": "plays", "format": ","}},
            },
        ],
    }


def _top_songs(records: Sequence[Record]) -> Spec | None:
    rows = [
        record | {"name": f"{record['place']}. {isolate(record['song_title'])} · {record['artist_name']}"}
        for record in list_places(records)
    ]
    tooltip = _tooltip(
        place="place", song_title="song", artist_name="artist", plays="plays", listeners="distinct listeners"
    )
    return _ranking(rows, "Songs with the most plays", _MAIN, tooltip)


def _top_artists(records: Sequence[Record]) -> Spec | None:
    rows = [record | {"name": f"{record['place']}. {record['artist_name']}"} for record in list_places(records)]
    tooltip = _tooltip(
        place="place", artist_name="artist", plays="plays", listeners="distinct listeners", songs="distinct songs"
    )
    return _ranking(rows, "Artists with the most plays", _MAIN, tooltip)


def _places(records: Sequence[Record]) -> Spec | None:
    rows = [
        record | {"name": record["location"] or "not logged", "state": record["state"] or "–"}
        for record in list_places(records)
    ]
    tooltip = _tooltip(name="place", state="state", plays="plays", users="listeners")
    return _ranking(rows, "Places with the most plays", _MAIN, tooltip)


def _shares(rows: Sequence[Record], description: str, title: str) -> Spec:
    """Horizontal bars of shares, each with its text; a row has `name`, `share`, `text` and `color`."""
    return {
        "description": description,
        "height": _BAR_HEIGHT * len(rows),
        "data": _data(rows),
        "encoding": {
            "y": {
                "field": "name",
                "type": "nominal",
                "sort": None,
                "title": None,
                "axis": _NAMES_AXIS,
            },
            "x": _share_axis("share", title, scale={"domain": [0, 1]}),
            "tooltip": _tooltip(name="what", text="share"),
        },
        "layer": [
            {
                # So pale that text can stand before it.
                "mark": {"type": "bar", "cornerRadiusEnd": 2, "opacity": 0.5},
                "encoding": {"color": {"field": "color", "type": "nominal", "scale": None}},
            },
            {
                "mark": {
                    "type": "text",
                    "color": _INK,
                    # Beside the bar where there is room.
                    "align": {"expr": "datum.share > 0.55 ? 'right' : 'left'"},
                    "dx": {"expr": "datum.share > 0.55 ? -8 : 8"},
                },
                "encoding": {"text": {"field": "text"}},
            },
        ],
    }


def _of(count: int, total: int) -> str:
    return f"{format_share(count / total if total else None)} ({format_number(count)} of {format_number(total)})"


def _conversion(records: Sequence[Record]) -> Spec | None:
    answer = records[0]
    if not (answer["first_free_users"] or answer["active_free_users"]):
        return None
    pairs = [
        ("A: first seen free, then upgraded", answer["first_free_converters"], answer["first_free_users"]),
        ("B: upgrades over free players", answer["conversions"], answer["active_free_users"]),
    ]
    rows = [
        {"name": name, "share": count / total, "text": _of(count, total), "color": color}
        for (name, count, total), color in zip(pairs, (_MAIN, _SECOND), strict=True)
        if total
    ]
    return _shares(rows, "Shares of free users who upgrade", "share of users")


def _funnel(records: Sequence[Record]) -> Spec | None:
    first = records[0]["users"]
    if not first:
        return None
    rows = [
        {"name": f"{r['step']}. {r['reached']}", "share": r["users"] / first, "text": _of(r["users"], first),
         "color": _MAIN}
        for r in records
    ]  # fmt: skip
    return _shares(rows, "Users who reach each step on the way to paying", "share of users first seen free")


def _churn(records: Sequence[Record]) -> Spec | None:
    rows = [
        {"name": _CHURN[r["outcome"]][0], "share": r["share"], "text": _of(r["users"], r["of_users"]),
         "color": _CHURN[r["outcome"]][1]}
        for r in records
        if r["of_users"]
    ]  # fmt: skip
    return _shares(rows, "Users who left, and those of whom it cannot be told", "share of users") if rows else None


_CHURN = {
    "cancelled": ("cancelled, of all users", _SECOND),
    "downgraded": ("downgraded, of paid users", _SECOND),
    "silent": ("silent, of players", _MAIN),
    "censored": ("cannot be told yet, of players", _QUIET),
}


def _retention(records: Sequence[Record]) -> Spec | None:
    rows = [
        record
        | {
            "cohort": f"{record['cohort_week']:%-d %b %Y}{' *' if record['is_cut_off_on_left'] else ''}",
            "share_text": format_share(record["active_share"]),
            "of": _of(record["active_users"], record["cohort_users"]),
            "whole": "only in part" if record["is_week_in_part"] else "whole",
        }
        for record in records
        if record["active_share"] is not None
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
        "mark": {"type": "rect", "color": _MAIN, "cornerRadius": 2, "stroke": "var(--paper)", "strokeWidth": 2},
        "encoding": {
            "opacity": {
                "field": "active_share", "type": "quantitative", "legend": None,
                "scale": {"domain": [0, 1], "range": [0.04, 0.55]},
            },
            "tooltip": _tooltip(cohort="first play in the week of", cohort_users="users", week_number="weeks after",
                                of="active", whole="the log has the week"),
        },
    }  # fmt: skip
    texts: Spec = {
        "mark": {"type": "text", "color": _INK},
        "encoding": {
            "text": {"field": "share_text"},
            "opacity": {"condition": {"test": "datum.is_week_in_part", "value": 0.75}, "value": 1},
        },
    }
    return {
        "description": "Share of each week's new listeners who listen in later weeks; "
        "* the log begins less than a week before, so not all of them may be new",
        "height": _BAR_HEIGHT * len({row["cohort"] for row in rows}),
        "data": _data(rows),
        "encoding": {"x": weeks, "y": cohorts},
        "layer": [cells, texts],
    }


def _discovery(records: Sequence[Record]) -> Spec | None:
    rows = [
        record
        | {"label": f"week of {format_day(record['week'])}", "share_text": format_share(record["first_play_share"])}
        for record in records
        if record["week"] is not None
    ]
    if not rows:
        return None
    return {
        "description": "Share of plays that are a listener's first of the artist, by week",
        "height": 200,
        "data": _data(rows),
        "encoding": {
            "x": {
                "field": "week", "type": "ordinal", "title": "week, by its Monday",
                "axis": {
                    "labelAngle": 0, "labelOverlap": True,
                    "labelExpr": "utcFormat(utcParse(datum.value, '%Y-%m-%d'), '%-d %b')",
                },
            },
            "y": _share_axis("first_play_share", "share of plays", scale={"domain": [0, 1]}),
            "tooltip": _tooltip(label="week", share_text="first plays of an artist", first_plays="first plays",
                                plays="plays", listeners="listeners"),
        },
        "layer": [
            {"mark": {"type": "bar", "color": _MAIN}},
            {
                "mark": {"type": "text", "dy": -7, "color": "var(--muted)"},
                "encoding": {"text": {"field": "share_text"}},
            },
        ],
    }  # fmt: skip


def _health(records: Sequence[Record]) -> Spec | None:
    answer = records[0]
    named = {
        "plays found in the catalogue": ("match_rate", _MAIN),
        "events while logged out": ("logged_out_share", _SECOND),
        "records rejected": ("rejected_share", _SECOND),
    }
    rows = [
        {"name": name, "share": answer[field], "text": format_share(answer[field]), "color": color}
        for name, (field, color) in named.items()
        if answer[field] is not None
    ]
    return _shares(rows, "Match rate, logged-out share and rejected share", "share") if rows else None


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
