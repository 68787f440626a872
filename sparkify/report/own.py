"""Drawings and sentences for the questions of a user's own, of the kinds that their files declare."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_number, format_value
from sparkify.questions.own import Chart
from sparkify.questions.points import Point
from sparkify.report.marks import (
    MAIN,
    QUIET,
    SECOND,
    THIRD,
    Spec,
    amount_axis,
    bar,
    bars_of,
    colors_of,
    data_of,
    days_axis,
    legend_of,
    tooltip_of,
)
from sparkify.report.words import isolate

_MOST_BARS = 40
# From so many days on, their labels are months.
_MANY_DAYS = 100
_COLORS = (MAIN, SECOND, THIRD, QUIET)


def draw(chart: Chart, points: Sequence[Point]) -> Spec | None:
    """The drawing; None if no point has a number."""
    if all(value is None for point in points for value in point.values):
        return None
    return _draw_line(chart, points) if chart.kind == "line" else _draw_bars(chart, points)


def describe(chart: Chart, points: Sequence[Point]) -> str | None:
    """The highest of the first numbers."""
    found = [(point.values[0], point.name) for point in points if point.values[0] is not None]
    if not found:
        return None
    value, name = max(found, key=lambda one: one[0])
    return f"{isolate(chart.columns[1])}: highest {format_number(value)}, {isolate(name)}."


def _show(value: float | None) -> str:
    """A number as exact as in the table, with separators of thousands."""
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else format_value(value)


def _draw_bars(chart: Chart, points: Sequence[Point]) -> Spec | None:
    name, number = chart.columns
    shown = points[:_MOST_BARS]
    most = max((point.values[0] or 0 for point in shown), default=0)
    bars = [
        bar(
            point.name,
            (point.values[0] or 0) / most if most > 0 else 0,
            _show(point.values[0]),
        )
        for point in shown
    ]
    rest = f": the first {len(shown)} of {count_of(len(points), 'row')}" if len(points) > len(shown) else ""
    return bars_of(bars, f"{number} by {name}{rest}")


def _draw_line(chart: Chart, points: Sequence[Point]) -> Spec:
    numbers = chart.columns[1:]
    colors = dict(zip(numbers, _COLORS, strict=False))
    rows = [
        {
            "day": point.day,
            "label": point.name,
            "series": number,
            "value": value,
            "text": _show(value),
        }
        for point in points
        if point.day is not None
        for number, value in zip(numbers, point.values, strict=True)
    ]
    color = {"field": "series", "type": "nominal", "title": None, "scale": colors_of(colors)}
    days = days_axis("%b %Y" if len(points) > _MANY_DAYS else "%-d %b")
    tooltip = tooltip_of(label="day", series="what", text="value")
    return {
        "description": f"{', '.join(numbers)} by {chart.columns[0]}",
        "usermeta": legend_of(colors),
        "height": 240,
        "data": data_of(rows),
        "encoding": {"x": days, "y": amount_axis("value", None), "color": color},
        "layer": [
            {"mark": {"type": "line", "invalid": "break-paths-show-domains", "strokeWidth": 2}},
            {
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1 if len(points) == 1 else 0.001},
                "encoding": {"tooltip": tooltip},
            },
        ],
    }
