"""Whether they find new music: bars by week."""

from collections.abc import Sequence

from sparkify.formats import exact_share, format_day, format_share
from sparkify.report.marks import MAIN, Record, Spec, data_of, share_axis, tooltip_of


def draw(records: Sequence[Record]) -> Spec | None:
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


def describe(records: Sequence[Record]) -> str | None:
    whole = records[-1]
    if whole["week"] is not None or not whole["plays"]:
        return None
    return f"{format_share(whole['first_play_share'])} of plays are a listener's first of that artist in the log."
