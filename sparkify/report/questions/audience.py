"""How many listen, and how often: lines of listeners by day."""

from collections.abc import Sequence

from sparkify.formats import format_day, format_number, format_share
from sparkify.report.marks import (
    MAIN,
    QUIET,
    SECOND,
    THIRD,
    Record,
    Spec,
    amount_axis,
    colors_of,
    data_of,
    days_axis,
    legend_of,
    tooltip_of,
)

_TREND_DAYS = 7
_SUNDAY = 6
# More days would be a thicket: the days with a week behind them say the same.
_MOST_DAYS = 100


_NAMES = {
    "dau": "on the day", "trend": f"{_TREND_DAYS}-day mean", "wau": "7 days (WAU)", "mau": "30 days (MAU)",
}  # fmt: skip
_COLORS = {"dau": QUIET, "trend": MAIN, "wau": SECOND, "mau": THIRD}
# From back to front, each with its width.
_WIDTHS = {"dau": 1, "mau": 2, "wau": 2, "trend": 3}


def draw(records: Sequence[Record]) -> Spec | None:
    if not any(record["dau"] for record in records):
        return None
    days = [record["dau"] for record in records]
    rows = [
        record
        | {
            "trend": _mean(days[: number + 1]),
            "label": format_day(record["day"]),
            "of_week": _so_far(record["wau"], 7),
            "of_month": _so_far(record["mau"], 30),
        }
        for number, record in enumerate(records)
    ]
    many = len(rows) > _MOST_DAYS
    if many:
        rows = [row for row in rows if row["day"].weekday() == _SUNDAY or row is rows[-1]]
    # A line of less than two values, such as that of 30 days in a log of a month, is neither drawn nor in the legend:
    # the sentence has it. Of a single day all are points.
    drawn = [
        field
        for field in _NAMES
        if not (many and field == "dau") and sum(row[field] is not None for row in rows) >= min(2, len(rows))
    ]
    colors = {_NAMES[field]: _COLORS[field] for field in drawn}

    def line(field: str) -> Spec:
        color = {"datum": _NAMES[field], "type": "nominal", "scale": colors_of(colors), "title": None}
        mark = {"type": "line", "invalid": "break-paths-show-domains", "strokeWidth": _WIDTHS[field]}
        point = {"point": {"size": 30, "color": _COLORS[field]}} if len(rows) == 1 else {}
        return {"mark": mark | point, "encoding": {"y": amount_axis(field, "listeners"), "color": color}}

    front = "trend" if many else "dau"
    tooltip = tooltip_of(label="day", dau="listeners on the day", of_week="in 7 days", of_month="in 30 days")
    return {
        "description": "Listeners by day, with the mean of seven days, and listeners in 7 and 30 days"
        + ("; of each week, its Sunday is drawn" if many else ""),
        "usermeta": legend_of(colors),
        "height": 260,
        "data": data_of(rows),
        "encoding": {"x": days_axis("%b %Y" if many else "%-d %b")},
        "layer": [
            *(line(field) for field in _WIDTHS if field in drawn),
            {
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 0.001, "color": MAIN},
                "encoding": {"y": amount_axis(front, "listeners"), "tooltip": tooltip},
            },
        ],
    }


def describe(records: Sequence[Record]) -> str | None:
    days = [record["dau"] for record in records]
    if not any(days):
        return None
    busiest = max(records, key=lambda record: record["dau"])
    text = (
        f"{format_number(sum(days) / len(days))} people listened on an average day, "
        f"{format_number(busiest['dau'])} on the busiest, {format_day(busiest['day'])}."
    )
    last = records[-1]
    if last["mau"] is None:
        return text + " The log is shorter than 30 days, so MAU and stickiness are undefined."
    if last["mau"] == 0:
        return text + " Nobody listened in the last 30 days."
    return (
        text + f" {format_number(last['mau'])} listened in the last 30 days. Stickiness is "
        f"{format_share(last['stickiness'])}: on an average day so many of them listened."
    )


def _mean(days: Sequence[int]) -> float | None:
    """The mean of the last days; None if there are too few."""
    return sum(days[-_TREND_DAYS:]) / _TREND_DAYS if len(days) >= _TREND_DAYS else None


def _so_far(listeners: int | None, days: int) -> str:
    return f"until {days} days of log, undefined" if listeners is None else format_number(listeners)
