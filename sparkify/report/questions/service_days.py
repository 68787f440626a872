"""How sound each day was: bars of events, of errors, and of events while logged out; days without events stand out."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_day, format_number, format_share, format_value, name_some
from sparkify.report.marks import QUIET, SECOND, Record, Spec, amount_axis, data_of, share_axis, tooltip_of
from sparkify.report.spans import choose_spans, sum_spans

_BAD = "var(--bad)"


def draw(records: Sequence[Record]) -> Spec | None:
    spans = choose_spans(record["day"] for record in records)
    days = [record | {"gaps": int(not record["events"])} for record in records]
    rows = sum_spans(days, spans, ["events", "errors", "logged_out_events", "gaps"])
    for row in rows:
        row["per_day"] = row["events"] / spans.count_days(row["start"])
        row["error_rate"] = 1000 * row["errors"] / row["events"] if row["events"] else None
        row["out"] = row["logged_out_events"] / row["events"] if row["events"] else None
        row["mean"], row["rate_text"] = format_value(row["per_day"]), format_number(row["error_rate"])
        row["out_text"] = format_share(row["out"])
    tooltip = tooltip_of(
        label=spans.unit, mean="events a day", errors="errors", rate_text="errors per 1,000", out_text="logged out",
        gaps="days without events",
    )  # fmt: skip
    mean = "" if spans.unit == "day" else f", mean of the days of each {spans.unit}"

    def bars(description: str, color: str, y: Spec) -> Spec:
        encoding = {"x": spans.axis(), "y": y, "tooltip": tooltip}
        return {
            "description": description, "height": 100, "data": data_of(rows), "mark": {"type": "bar", "color": color},
            "encoding": encoding,
        }  # fmt: skip

    return {
        "description": "Events, errors per 1,000 events, and the share of events while logged out",
        "drawings": [
            bars(f"Events a day{mean}", QUIET, amount_axis("per_day", None)),
            bars("Errors per 1,000 events", _BAD, amount_axis("error_rate", None)),
            bars("Share of events while logged out", SECOND, share_axis("out", None)),
        ],
    }


def describe(records: Sequence[Record]) -> str | None:
    gaps = [record["day"] for record in records if not record["events"]]
    worst = max(records, key=lambda record: (record["errors_per_1000_events"] or 0, record["errors"]))
    named = name_some([format_day(day) for day in gaps], 3)
    text = f"{count_of(len(gaps), 'day')} of {count_of(len(records), 'day')} without any event"
    text = f"{text}: {named}." if gaps else f"Every day of {count_of(len(records), 'day')} has events."
    if not worst["errors"]:
        return f"{text} No day has an error."
    return (
        f"{text} The most errors for its events has {format_day(worst['day'])}: {count_of(worst['errors'], 'error')}, "
        f"{format_number(worst['errors_per_1000_events'])} per 1,000."
    )
