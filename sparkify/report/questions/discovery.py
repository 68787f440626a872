"""Whether they find new music: a line of shares by week, which falls as the log becomes long."""

from collections.abc import Sequence

from sparkify.formats import exact_share, format_share
from sparkify.report.marks import INK, MAIN, QUIET, Record, Spec, data_of, share_axis, tooltip_of
from sparkify.report.spans import choose_weeks, sum_spans


def draw(records: Sequence[Record]) -> Spec | None:
    weeks = [record for record in records if record["week"] is not None]
    if not weeks:
        return None
    spans = choose_weeks(record["week"] for record in weeks)
    rows = sum_spans(weeks, spans, ["first_plays", "plays"], place="week")
    for row in rows:
        row["share"] = row["first_plays"] / row["plays"]
        row["exact"] = exact_share(row["share"])
        row["text"], row["align"] = "", "center"
    for row, align in ((rows[0], "left"), (rows[-1], "right")):
        row["text"], row["align"] = format_share(row["share"]), align
    return {
        "description": f"Share of plays that are a listener's first of the artist, by {spans.unit}; "
        "the dashed line is that of the whole log",
        "height": 220,
        "data": data_of(rows),
        "encoding": {"x": spans.axis()},
        "layer": [
            {
                "mark": {"type": "line", "color": MAIN, "strokeWidth": 2.5, "point": {"size": 40, "color": MAIN}},
                "encoding": {
                    "y": share_axis("share", "share of plays", scale={"zero": False, "nice": True}),
                    "tooltip": tooltip_of(label=spans.unit, exact="first plays of an artist",
                                          first_plays="first plays", plays="plays"),
                },
            },
            {
                "mark": {"type": "text", "dy": -12, "align": {"expr": "datum.align"}, "color": INK},
                "encoding": {"y": {"field": "share", "type": "quantitative"}, "text": {"field": "text"}},
            },
            {
                "mark": {"type": "rule", "aria": False, "color": QUIET, "strokeDash": [5, 4]},
                "data": {"values": [{}]},
                "encoding": {"y": {"datum": _whole(weeks)}, "x": None},
            },
        ],
    }  # fmt: skip


def describe(records: Sequence[Record]) -> str | None:
    whole = records[-1]
    if whole["week"] is not None or not whole["plays"]:
        return None
    text = f"{format_share(whole['first_play_share'])} of plays are a listener's first of that artist in the log"
    if len(records) < 3:
        return f"{text}."
    first, last = records[0], records[-2]
    return (
        f"{text}: {format_share(first['first_play_share'])} in the first week, in which all is new to it, and "
        f"{format_share(last['first_play_share'])} in the last."
    )


def _whole(weeks: Sequence[Record]) -> float:
    share: float = sum(week["first_plays"] for week in weeks) / sum(week["plays"] for week in weeks)
    return share
