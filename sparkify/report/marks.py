"""The parts of the drawings: colours, axes, tooltips, and shapes that several questions share.

Colours are the page's CSS variables, so one drawing works for light, dark and print. A scale of amounts starts at zero.
Days have no clock here: tooltips have them as text, because a browser would show them in its own time zone.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sparkify.formats import format_number, format_share

Spec = dict[str, Any]
Record = dict[str, Any]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"
MAIN, SECOND, THIRD, QUIET, INK = "var(--main)", "var(--second)", "var(--third)", "var(--quiet)", "var(--ink)"

# Labels of an axis that neither touch each other nor leave the drawing, which has some room on the right.
ROOM: Spec = {"labelAngle": 0, "labelOverlap": "greedy", "labelSeparation": 8, "labelBound": 16, "labelPadding": 8}


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
        "legend": {"disable": True},
        "padding": {"left": 2, "top": 6, "right": 18, "bottom": 4},
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


def legend_of(colors: Mapping[str, str]) -> Spec:
    """What the colours of a drawing mean. The page writes it above the drawing, where it fits any width."""
    return {"legend": [{"name": name, "color": color} for name, color in colors.items()]}


def colors_of(colors: Mapping[str, str]) -> Spec:
    """A scale from names to colours."""
    return {"domain": list(colors), "range": list(colors.values())}


def tooltip_of(**titles: str) -> list[Spec]:
    """The fields that a mark's tooltip shows, in order, each with its title."""
    return [{"field": field, "title": title} for field, title in titles.items()]


def days_axis(form: str = "%-d %b") -> Spec:
    """Days from left to right, with labels of a form of d3."""
    return {
        "timeUnit": "utcyearmonthdate",
        "field": "day",
        "type": "temporal",
        "title": None,
        "axis": {"format": form, "grid": False, "tickCount": 8, **ROOM},
    }


def amount_axis(field: str, title: str | None, **more: Any) -> Spec:
    """An axis of amounts, with thousands separators."""
    axis = {"format": ",~r", "tickMinStep": 1, "tickCount": 5}
    return {"field": field, "type": "quantitative", "title": title, "axis": axis, **more}


def share_axis(field: str, title: str | None, **more: Any) -> Spec:
    """An axis of shares from 0 to 1, as percentages."""
    axis = {"format": "~%", "tickCount": 5}
    return {"field": field, "type": "quantitative", "title": title, "axis": axis, **more}


def bar(name: str, part: float, text: str, **more: Any) -> Record:
    """A bar with its name and its number as text; `part` is its length, from 0 to 1.

    It may have a `place` before the name, `details` below it, and a `color`, which is a class of the page.
    """
    return {
        "place": "",
        "details": [],
        "color": "main",
        "name": name,
        "part": min(1.0, max(0.0, part)),
        "text": text,
    } | more


def bars_of(bars: Sequence[Record], description: str) -> Spec | None:
    """Horizontal bars, which the page draws by itself: they fit any width, and need no script."""
    return {"description": description, "bars": list(bars)} if bars else None


def grid_of(
    rows: Sequence[Record], description: str, *, corner: str, columns: Sequence[str], notes: Sequence[str]
) -> Spec:
    """A table of shares, darker where they are larger: a row has `name`, `starred`, `size` and `cells`.

    A cell has its `share`, its `text`, the `exact` text of a tooltip, and whether the log has only a `part` of it; None
    is an empty cell.
    """
    return {
        "description": description, "grid": list(rows), "corner": corner, "columns": list(columns),
        "notes": [note for note in notes if note],
    }  # fmt: skip


def cohort_row(name: str, first: Record, later: Sequence[Record | None], part: str) -> Record:
    """A row of a grid: a cohort, and its shares in later spans. The field `part` says if the log has all of a span."""
    return {
        "name": name,
        "starred": first["is_cut_off_on_left"],
        "size": format_number(first["cohort_users"]),
        "cells": [
            None
            if one is None or one["active_share"] is None
            else {
                "share": one["active_share"],
                "text": f"{100 * one['active_share']:.0f}%",
                "part": one[part],
                "exact": share_of(one["active_users"], one["cohort_users"]),
            }
            for one in later
        ],
    }


def share_bar(name: str, count: int, total: int, *, color: str = "main", most: float = 1.0) -> Record:
    """The bar of a share, with its two numbers; `most` is the share of a whole bar."""
    details = [f"{format_number(count)} of {format_number(total)}"]
    return bar(name, count / total / most, format_share(count / total), details=details, color=color)


def share_of(count: int, total: int) -> str:
    """A share with its two numbers: 25% (1 of 4)."""
    return f"{format_share(count / total if total else None)} ({format_number(count)} of {format_number(total)})"
