"""When they listen: plays by weekday and hour."""

from collections.abc import Sequence

from sparkify.formats import format_number, format_value
from sparkify.report.marks import BAR_HEIGHT, MAIN, Record, Spec, data_of, tooltip_of


def draw(records: Sequence[Record]) -> Spec | None:
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


def describe(records: Sequence[Record]) -> str | None:
    busiest = max(records, key=lambda record: (record["plays_per_occurrence"], record["plays"]))
    most = max(records, key=lambda record: (record["plays"], record["plays_per_occurrence"]))
    if not most["plays"]:
        return None
    text = f"Busiest is {_hour(busiest)}, with {format_number(busiest['plays_per_occurrence'])} plays each time"
    if most == busiest:
        return f"{text} ({format_number(busiest['plays'])} in all)."
    return f"{text}. {_hour(most)} has the most in all: {format_number(most['plays'])} on {most['occurrences']} days."


def _hour(record: Record) -> str:
    return f"{record['weekday_name']} from {record['hour']:02}:00 UTC"
