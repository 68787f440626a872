"""How evenly the listening is spread: a curve from those who listen most to all listeners."""

from collections.abc import Sequence

from sparkify.formats import count_of, exact_share, format_number, format_share
from sparkify.report.marks import MAIN, QUIET, Record, Spec, data_of, share_axis, tooltip_of

_FEW, _HALF = 0.1, 0.5


def draw(records: Sequence[Record]) -> Spec | None:
    none = {"listeners": 0, "listener_share": 0.0, "plays": 0, "play_share": 0.0}
    rows = [
        record
        | {
            "of_listeners": exact_share(record["listener_share"]),
            "of_plays": exact_share(record["play_share"]),
            "even": record["listener_share"],
        }
        for record in (none, *records)
    ]
    listeners = share_axis("listener_share", "listeners, those who listen most first", scale={"domain": [0, 1]})
    return {
        "description": "Share of plays by the listeners who listen most; dashed: if all listened the same",
        "height": 240,
        "data": data_of(rows),
        "encoding": {"x": listeners},
        "layer": [
            {
                "mark": {"type": "line", "color": QUIET, "strokeDash": [5, 4], "aria": False},
                "encoding": {"y": share_axis("even", "share of plays", scale={"domain": [0, 1]})},
            },
            {
                "mark": {"type": "area", "color": MAIN, "opacity": 0.15, "aria": False},
                "encoding": {"y": {"field": "play_share", "type": "quantitative"}},
            },
            {
                "mark": {"type": "line", "color": MAIN, "strokeWidth": 2.5, "point": {"size": 40, "color": MAIN}},
                "encoding": {
                    "y": {"field": "play_share", "type": "quantitative"},
                    "tooltip": tooltip_of(listeners="listeners", of_listeners="share of listeners", plays="their plays",
                                          of_plays="share of plays"),
                },
            },
        ],
    }  # fmt: skip


def describe(records: Sequence[Record]) -> str | None:
    few, half = (next(one for one in records if one["listener_share"] >= part) for part in (_FEW, _HALF))
    total = records[-1]["listeners"]
    return (
        f"The {format_number(few['listeners'])} of {count_of(total, 'listener')} who listen most make "
        f"{format_share(few['play_share'])} of the plays, and {format_number(half['listeners'])} of them make "
        f"{format_share(half['play_share'])}."
    )
