"""How often levels change: bars of upgrades and downgrades by week."""

from collections.abc import Sequence

from sparkify.formats import count_of
from sparkify.report.marks import MAIN, SECOND, Record, Spec, amount_axis, colors_of, data_of, legend_of, tooltip_of
from sparkify.report.spans import choose_weeks, sum_spans

_KINDS = {"upgrades": MAIN, "downgrades": SECOND}


def draw(records: Sequence[Record]) -> Spec | None:
    spans = choose_weeks(record["week"] for record in records)
    rows = [
        {"start": row["start"], "label": row["label"], "kind": kind, "number": row[kind]}
        for row in sum_spans(records, spans, list(_KINDS), place="week")
        for kind in _KINDS
        if row[kind]
    ]
    if not rows:
        return None
    return {
        "description": f"Upgrades and downgrades by {spans.unit}",
        "usermeta": legend_of(_KINDS),
        "height": 200,
        "data": data_of(rows),
        "mark": {"type": "bar"},
        "encoding": {
            "x": spans.axis(),
            "y": amount_axis("number", "changes"),
            "color": {
                "field": "kind", "type": "nominal", "title": None,
                "scale": colors_of(_KINDS),
            },
            "tooltip": tooltip_of(label=spans.unit, kind="what", number="changes"),
        },
    }  # fmt: skip


def describe(records: Sequence[Record]) -> str | None:
    upgrades, downgrades = (sum(record[kind] for record in records) for kind in _KINDS)
    weeks = count_of(len(records), "week")
    return f"{count_of(upgrades, 'upgrade')} and {count_of(downgrades, 'downgrade')} in {weeks} with changes."
