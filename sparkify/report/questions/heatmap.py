"""When they listen: plays by weekday and hour."""

from collections.abc import Sequence

from sparkify.formats import format_number, format_value
from sparkify.report.marks import MAIN, ROOM, Record, Spec, data_of, tooltip_of

_ROW_HEIGHT = 32


def draw(records: Sequence[Record], timezone: str) -> Spec | None:
    if not any(record["plays"] for record in records):
        return None
    rows = [
        record
        | {
            "label": f"{record['weekday_name']}, {record['hour']:02}:00 to {record['hour']:02}:59 {timezone}",
            "each": format_value(record["plays_per_occurrence"]),
        }
        # Weeks begin on Monday, as everywhere on the page.
        for record in sorted(records, key=lambda record: (record["weekday"] - 1) % 7)
    ]
    most = max(record["plays_per_occurrence"] for record in rows)
    # On a phone the whole name would be cut off.
    city = timezone.rpartition("/")[2].replace("_", " ")
    return {
        "description": f"Plays by weekday and hour of the day in {timezone}",
        "usermeta": {"ramp": ["0", format_number(most)], "of": "mean plays in the hour"},
        "height": _ROW_HEIGHT * len({record["weekday"] for record in rows}),
        "data": data_of(rows),
        "mark": {"type": "rect", "color": MAIN, "cornerRadius": 2, "stroke": "var(--line)", "strokeWidth": 0.5},
        "encoding": {
            "x": {
                "field": "hour", "type": "ordinal", "title": f"hour of the day ({city})",
                "axis": {**ROOM, "labelSeparation": 6, "domain": False, "ticks": False},
            },
            "y": {
                "field": "weekday_name", "type": "ordinal", "sort": None, "title": None,
                "axis": {"domain": False, "ticks": False},
            },
            "opacity": {
                "field": "plays_per_occurrence", "type": "quantitative",
                "scale": {"domain": [0, most], "range": [0.03, 1]},
            },
            "tooltip": tooltip_of(label="when", each="plays each such hour", plays="plays in all", occurrences="days"),
        },
    }  # fmt: skip


def describe(records: Sequence[Record], timezone: str) -> str | None:
    busiest = max(records, key=lambda record: (record["plays_per_occurrence"], record["plays"]))
    if not busiest["plays"]:
        return None
    return (
        f"Busiest is {busiest['weekday_name']} from {busiest['hour']:02}:00 {timezone}, with "
        f"{format_number(busiest['plays_per_occurrence'])} plays on an average {busiest['weekday_name']}."
    )
