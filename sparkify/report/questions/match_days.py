"""How plays are matched with the catalogue over time: stacked shares of the kinds of match."""

from collections.abc import Sequence

from sparkify.formats import format_share
from sparkify.report.marks import (
    MAIN,
    QUIET,
    SECOND,
    THIRD,
    Record,
    Spec,
    colors_of,
    data_of,
    legend_of,
    share_axis,
    tooltip_of,
)
from sparkify.report.spans import choose_spans, sum_spans

# From the bottom to the top.
_KINDS = {
    "exact": ("exact: title and artist", MAIN),
    "similar": ("similar title and artist", THIRD),
    "artist": ("the artist alone", SECOND),
    "none": ("not in the catalogue", QUIET),
}


def draw(records: Sequence[Record]) -> Spec | None:
    spans = choose_spans(record["day"] for record in records)
    rows = sum_spans(records, spans, ["plays"], by=["match"])
    whole = {row["start"]: row["plays"] for row in sum_spans(records, spans, ["plays"])}
    for row in rows:
        row["share"] = row["plays"] / whole[row["start"]]
        row["share_text"] = format_share(row["share"])
        row["kind"], row["place"] = _KINDS[row["match"]][0], list(_KINDS).index(row["match"])
    colors = {name: color for kind, (name, color) in _KINDS.items() if any(row["match"] == kind for row in rows)}
    return {
        "description": "Shares of plays by the kind of match with the catalogue"
        + ("" if spans.unit == "day" else f", by {spans.unit}"),
        "usermeta": legend_of(colors),
        "height": 160,
        "data": data_of(rows),
        "mark": {"type": "bar"},
        "encoding": {
            "x": spans.axis(),
            "y": share_axis("share", None, scale={"domain": [0, 1]}),
            "color": {"field": "kind", "type": "nominal", "title": None, "scale": colors_of(colors)},
            "order": {"field": "place"},
            # The choice of days finds the kind by it.
            "detail": {"field": "match"},
            "tooltip": tooltip_of(label=spans.unit, kind="match", share_text="share", plays="plays"),
        },
    }


def describe(records: Sequence[Record]) -> str | None:
    # The card has the sentence of `matches`.
    return None
