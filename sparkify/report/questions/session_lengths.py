"""How long visits last: a histogram."""

from collections.abc import Sequence
from itertools import accumulate

from sparkify.formats import exact_share, format_share
from sparkify.report.marks import INK, MAIN, SECOND, THIRD, Record, Spec, amount_axis, data_of, tooltip_of


def draw(records: Sequence[Record]) -> Spec | None:
    so_far = list(accumulate(record["session_share"] for record in records))
    # The bins of the median and the 90th percentile.
    marks = {
        next(place for place, share in enumerate(so_far) if share >= part - 1e-9): name
        for name, part in (("p90", 0.9), ("median", 0.5))
    }
    rows = [
        record
        | {
            "minutes": _name_bin(record),
            "share_text": exact_share(record["session_share"]),
            "part": marks.get(place, "other"),
            "mark": marks.get(place, ""),
        }
        for place, record in enumerate(records)
    ]
    colors = {"domain": ["median", "p90", "other"], "range": [SECOND, THIRD, MAIN]}
    bars: Spec = {
        "mark": {"type": "bar"},
        "encoding": {
            "color": {"field": "part", "type": "nominal", "scale": colors, "legend": None},
            "tooltip": tooltip_of(minutes="up to minutes", sessions="sessions", share_text="share of sessions"),
        },
    }
    texts: Spec = {
        "mark": {"type": "text", "dy": -8, "color": INK, "fontWeight": "bold"},
        "encoding": {"text": {"field": "mark"}},
    }
    return {
        "description": "Sessions by their length, with the bins that hold the median and the 90th percentile",
        "height": 220,
        "data": data_of(rows),
        "encoding": {
            "x": {
                "field": "minutes", "type": "ordinal", "sort": None,
                "title": "from first to last event, up to so many minutes",
                "axis": {"labelAngle": 0, "labelOverlap": False, "ticks": False, "grid": False},
            },
            "y": amount_axis("sessions", "sessions"),
        },
        "layer": [bars, texts],
    }  # fmt: skip


def describe(records: Sequence[Record]) -> str | None:
    sessions = sum(record["sessions"] for record in records)
    moments = sum(record["sessions"] for record in records if record["to_minutes"] == 0)
    long = sum(record["sessions"] for record in records if (record["over_minutes"] or 0) >= 60)
    return (
        f"{format_share(moments / sessions)} of sessions are over in the moment they begin, and "
        f"{format_share(long / sessions)} last longer than an hour."
    )


def _name_bin(record: Record) -> str:
    """The upper bound of a bin in minutes: a name that fits below a bar on a phone."""
    return "more" if record["to_minutes"] is None else str(record["to_minutes"])
