"""How often levels change: bars of upgrades and downgrades by week."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_day
from sparkify.report.marks import MAIN, SECOND, Record, Spec, amount_axis, data_of, tooltip_of

_KINDS = {"upgrades": MAIN, "downgrades": SECOND}


def draw(records: Sequence[Record]) -> Spec | None:
    rows = [
        {"week": record["week"], "label": f"week of {format_day(record['week'])}", "kind": kind, "number": record[kind]}
        for record in records
        for kind in _KINDS
        if record[kind]
    ]
    if not rows:
        return None
    return {
        "description": "Upgrades and downgrades by week",
        "height": 200,
        "data": data_of(rows),
        "mark": {"type": "bar"},
        "encoding": {
            "x": {
                "field": "week", "type": "ordinal", "title": "week, by its Monday",
                "axis": {
                    "labelAngle": 0, "labelOverlap": True,
                    "labelExpr": "utcFormat(utcParse(datum.value, '%Y-%m-%d'), '%-d %b')",
                },
            },
            "y": amount_axis("number", "changes"),
            "color": {
                "field": "kind", "type": "nominal", "title": None,
                "scale": {"domain": list(_KINDS), "range": list(_KINDS.values())},
            },
            "tooltip": tooltip_of(label="week", kind="what", number="changes"),
        },
    }  # fmt: skip


def describe(records: Sequence[Record]) -> str | None:
    upgrades, downgrades = (sum(record[kind] for record in records) for kind in _KINDS)
    weeks = count_of(len(records), "week")
    return f"{count_of(upgrades, 'upgrade')} and {count_of(downgrades, 'downgrade')} in {weeks} with changes."
