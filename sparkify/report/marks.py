"""The parts of the drawings: colours, axes, tooltips, and shapes that several questions share.

Colours are the page's CSS variables, so one drawing works for light, dark and print. A scale of amounts starts at zero.
Days are UTC: tooltips have them as text, because a browser would show them in its own time zone.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from sparkify.formats import format_day, format_number, format_share

Spec = dict[str, Any]
Record = dict[str, Any]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"
MAIN, SECOND, THIRD, QUIET, INK = "var(--main)", "var(--second)", "var(--third)", "var(--quiet)", "var(--ink)"
# The names of a ranking take at most this part of the width, also on a phone.
_NAMES_WIDTH = "isFinite(containerSize()[0]) ? max(90, containerSize()[0] * 0.45) : 280"
NAMES_AXIS: Spec = {"labelLimit": {"expr": _NAMES_WIDTH}, "domain": False, "ticks": False, "labelPadding": 6}
_ROW_HEIGHT, BAR_HEIGHT = 22, 32
_LEVELS = {"paid": MAIN, "free": SECOND, "unknown": QUIET}


def config_of(font: str) -> Spec:
    """The configuration of all drawings, with text measured in a font."""
    return {
        "background": None,
        "font": font,
        "view": {"stroke": None},
        "axis": {
            "labelColor": "var(--muted)", "titleColor": "var(--muted)", "gridColor": "var(--line)",
            "domainColor": "var(--line)", "tickColor": "var(--line)", "labelFontSize": 12, "titleFontSize": 12,
            "titleFontWeight": "normal", "labelFont": font, "titleFont": font,
        },
        "legend": {
            "labelColor": "var(--muted)", "titleColor": "var(--muted)", "labelFontSize": 12, "titleFontSize": 12,
            "titleFontWeight": "normal", "orient": "top", "offset": 8, "labelLimit": 240,
            "columns": {"expr": "isFinite(containerSize()[0]) && containerSize()[0] < 520 ? 2 : 4"},
        },
        "text": {"font": font, "fontSize": 12},
        "bar": {"color": MAIN},
    }  # fmt: skip


# In a browser, text is measured in the font of the page.
CONFIG = config_of(_FONT)


def data_of(records: Sequence[Record]) -> Spec:
    """The rows, as data of a drawing."""
    return {"values": [{key: _plain(value) for key, value in record.items()} for record in records]}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date | dt.datetime) else value


def tooltip_of(**titles: str) -> list[Spec]:
    """The fields that a mark's tooltip shows, in order, each with its title."""
    return [{"field": field, "title": title} for field, title in titles.items()]


def days_axis() -> Spec:
    """UTC days from left to right."""
    return {
        "timeUnit": "utcyearmonthdate",
        "field": "day",
        "type": "temporal",
        "title": None,
        "axis": {"format": "%-d %b", "grid": False, "labelOverlap": True, "tickCount": 8},
    }


def amount_axis(field: str, title: str, **more: Any) -> Spec:
    """An axis of amounts, with thousands separators."""
    axis = {"format": ",~r", "tickMinStep": 1, "tickCount": 5}
    return {"field": field, "type": "quantitative", "title": title, "axis": axis, **more}


def with_room(amounts: Iterable[float]) -> Spec:
    """A scale from zero with room for a number beside the longest bar."""
    return {"domain": [0, 1.2 * max(amounts)], "nice": False}


def share_axis(field: str, title: str, **more: Any) -> Spec:
    """An axis of shares from 0 to 1, as percentages."""
    axis = {"format": "~%", "tickCount": 5}
    return {"field": field, "type": "quantitative", "title": title, "axis": axis, **more}


def level_bars(records: Sequence[Record], field: str, title: str, tooltip: list[Spec]) -> Spec:
    """Bars of each day, stacked by level."""
    found = {record["level"] for record in records}
    levels = [*(level for level in _LEVELS if level in found), *sorted(found - _LEVELS.keys())]
    return {
        "height": 220,
        "data": data_of(records),
        "mark": {"type": "bar"},
        "encoding": {
            "x": days_axis(),
            "y": amount_axis(field, title),
            "color": {
                "field": "level",
                "type": "nominal",
                "title": None,
                "scale": {"domain": levels, "range": [_LEVELS.get(level, THIRD) for level in levels]},
            },
            "order": {"field": "level", "sort": "descending"},
            "tooltip": tooltip,
        },
    }


def by_day(records: Sequence[Record]) -> list[Record]:
    """The rows of days, without those of the whole log."""
    return [record | {"label": format_day(record["day"])} for record in records if record["day"] is not None]


def ranking(rows: Sequence[Record], description: str, tooltip: list[Spec]) -> Spec | None:
    """Horizontal bars of plays in the given order; each row has a unique `name`."""
    if not rows:
        return None
    return {
        "description": description,
        "height": _ROW_HEIGHT * len(rows),
        "data": data_of(rows),
        "encoding": {
            "y": {
                "field": "name",
                "type": "nominal",
                "sort": None,
                "title": None,
                "axis": NAMES_AXIS,
            },
            "x": amount_axis("plays", "plays", scale=with_room(record["plays"] for record in rows)),
            "tooltip": tooltip,
        },
        "layer": [
            {"mark": {"type": "bar", "color": MAIN, "cornerRadiusEnd": 2}},
            {
                "mark": {"type": "text", "align": "left", "dx": 4, "color": "var(--muted)"},
                "encoding": {"text": {"field": "plays", "format": ","}},
            },
        ],
    }


def shares(rows: Sequence[Record], description: str, title: str) -> Spec:
    """Horizontal bars of shares, each with its text; a row has `name`, `share`, `text` and `color`.

    If the text is rounded, `exact` is the text of the tooltip.
    """
    return {
        "description": description,
        "height": BAR_HEIGHT * len(rows),
        "data": data_of([{"exact": row["text"]} | row for row in rows]),
        "encoding": {
            "y": {
                "field": "name",
                "type": "nominal",
                "sort": None,
                "title": None,
                "axis": NAMES_AXIS,
            },
            "x": share_axis("share", title, scale={"domain": [0, max(1.0, *(row["share"] for row in rows))]}),
            "tooltip": tooltip_of(name="what", exact="share"),
        },
        "layer": [
            {
                # Pale enough for text in front of it.
                "mark": {"type": "bar", "cornerRadiusEnd": 2, "opacity": 0.5},
                "encoding": {"color": {"field": "color", "type": "nominal", "scale": None}},
            },
            {
                "mark": {
                    "type": "text",
                    "color": INK,
                    # Beside the bar if there is room.
                    "align": {"expr": "datum.share > 0.55 ? 'right' : 'left'"},
                    "dx": {"expr": "datum.share > 0.55 ? -8 : 8"},
                },
                "encoding": {"text": {"field": "text"}},
            },
        ],
    }


def share_of(count: int, total: int) -> str:
    """A share with its two numbers: 25% (1 of 4)."""
    return f"{format_share(count / total if total else None)} ({format_number(count)} of {format_number(total)})"
