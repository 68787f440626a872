"""How many listen, and how often: lines of listeners by day."""

from collections.abc import Sequence

from sparkify.formats import format_day, format_number, format_share
from sparkify.report.marks import MAIN, QUIET, SECOND, THIRD, Record, Spec, amount_axis, data_of, days_axis, tooltip_of

_TREND_DAYS = 7


def draw(records: Sequence[Record]) -> Spec | None:
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
    # From back to front. A line of one day would not be visible.
    point = {"size": 30}
    lines: dict[str, Spec] = {
        "dau": {"strokeWidth": 1} | ({"point": point | {"color": QUIET}} if len(rows) == 1 else {}),
        "mau": {"strokeWidth": 2, "point": point | {"color": THIRD}},
        "wau": {"strokeWidth": 2},
        "trend": {"strokeWidth": 3},
    }
    # A line without any value is not drawn and not in the legend.
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


def _so_far(listeners: int | None, days: int) -> str:
    return f"until {days} days of log, undefined" if listeners is None else format_number(listeners)
