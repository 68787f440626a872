"""Who is new, and who comes back: bars of listeners by week."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_number, format_value
from sparkify.report.marks import (
    MAIN,
    SECOND,
    THIRD,
    Record,
    Spec,
    amount_axis,
    colors_of,
    data_of,
    legend_of,
    tooltip_of,
)
from sparkify.report.spans import choose_weeks, sum_spans

_KINDS = {
    "staying_listeners": ("staying", MAIN),
    "returning_listeners": ("returning", THIRD),
    "new_listeners": ("new", SECOND),
}  # fmt: skip


def draw(records: Sequence[Record]) -> Spec | None:
    spans = choose_weeks(record["week"] for record in records)
    weeks = [record | {"weeks": 1} for record in records]
    rows = [
        {
            "start": row["start"],
            "label": row["label"],
            "kind": kind,
            "place": place,
            "number": row[field] / row["weeks"],
            "exact": format_value(row[field] / row["weeks"]),
        }
        for row in sum_spans(weeks, spans, [*_KINDS, "weeks"], place="week")
        for place, (field, (kind, _)) in enumerate(_KINDS.items())
        if row[field]
    ]
    mean = "" if spans.unit == "week" else f", mean of the weeks of each {spans.unit}"
    return {
        "description": f"Listeners by week: new, staying from the week before, and returning{mean}",
        "usermeta": legend_of(dict(_KINDS.values())),
        "height": 220,
        "data": data_of(rows),
        "mark": {"type": "bar"},
        "encoding": {
            "x": spans.axis(),
            "y": amount_axis("number", "listeners in the week"),
            "color": {"field": "kind", "type": "nominal", "scale": colors_of(dict(_KINDS.values()))},
            "order": {"field": "place", "type": "quantitative"},
            "tooltip": tooltip_of(label=spans.unit, kind="who", exact="listeners"),
        },
    }


def describe(records: Sequence[Record]) -> str | None:
    last = records[-1]
    if len(records) < 2:
        return f"{count_of(last['listeners'], 'listener')} in the only week of the log."
    before = records[-2]
    stayed = f"{format_number(last['staying_listeners'])} of {format_number(before['listeners'])}"
    return (
        f"In the last week, which may be there only in part, {count_of(last['listeners'], 'user')} listened: "
        f"{stayed} of the week before it, {format_number(last['returning_listeners'])} of earlier weeks, and "
        f"{format_number(last['new_listeners'])} for the first time in the log."
    )
