"""What a visit is like: median, mean and 90th percentile of its minutes."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_number, format_share, format_value
from sparkify.report.marks import (
    BAR_HEIGHT,
    MAIN,
    NAMES_AXIS,
    Record,
    Spec,
    amount_axis,
    data_of,
    tooltip_of,
    with_room,
)


def draw(records: Sequence[Record]) -> Spec | None:
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


def describe(records: Sequence[Record]) -> str | None:
    answer = records[0]
    if not answer["sessions"]:
        return None
    mean = format_number(answer["mean_minutes"])
    pulled = answer["mean_minutes"] > answer["median_minutes"]
    return (
        f"Half of the {count_of(answer['sessions'], 'session')} took at most "
        f"{format_number(answer['median_minutes'])} minutes, and nine of ten at most "
        f"{format_number(answer['p90_minutes'])}. {'Long ones pull the mean up to' if pulled else 'The mean is'} "
        f"{mean} minutes. A session has {format_number(answer['mean_plays'])} plays on average, and "
        f"{format_share(answer['one_event_share'])} of them are a single event."
    )
