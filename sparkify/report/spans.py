"""Days, weeks and months: a long log is drawn in longer spans, so that a bar is never thinner than a pixel."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sparkify.formats import format_day, format_value
from sparkify.report.marks import (
    MAIN,
    QUIET,
    ROOM,
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

# On a phone a drawing has some 250 pixels.
_MOST_BARS = 100
_MOST_DAYS_OF = {"day": _MOST_BARS, "week": 7 * _MOST_BARS, "month": 30 * _MOST_BARS}
# From so many weeks on, their labels name the month and the year only.
_MANY_WEEKS = 26
_LEVELS = {"paid": MAIN, "free": SECOND, "unknown": QUIET}


@dataclass(frozen=True)
class Spans:
    """Equal spans of days from the first to the last day: `unit` is day, week (from Monday), month or year."""

    unit: str
    first: dt.date
    last: dt.date

    def start_of(self, day: dt.date) -> dt.date:
        """The first day of a day's span, which may be before the first day drawn."""
        match self.unit:
            case "day":
                return day
            case "week":
                return day - dt.timedelta(day.weekday())
            case "month":
                return day.replace(day=1)
        return day.replace(month=1, day=1)

    def list_starts(self) -> list[dt.date]:
        """The first day of every span, without a gap."""
        starts = [self.start_of(self.first)]
        while (start := self._next(starts[-1])) <= self.last:
            starts.append(start)
        return starts

    def count_days(self, start: dt.date) -> int:
        """How many of a span's days are drawn: the first and the last span may be there only in part."""
        end = min(self._next(start) - dt.timedelta(1), self.last)
        return (end - max(start, self.first)).days + 1

    def is_whole(self, start: dt.date) -> bool:
        """Whether every day of a span is drawn."""
        return start >= self.first and self._next(start) <= self.last + dt.timedelta(1)

    def name(self, start: dt.date) -> str:
        """A span in a tooltip: Thu 1 Nov 2018, week of Mon 5 Nov 2018, Nov 2018, 2018."""
        match self.unit:
            case "day":
                return format_day(start)
            case "week":
                return f"week of {format_day(start)}"
            case "month":
                return f"{start:%b %Y}"
        return f"{start:%Y}"

    def _next(self, start: dt.date) -> dt.date:
        longest = {"day": 1, "week": 7, "month": 31, "year": 366}[self.unit]
        return self.start_of(start + dt.timedelta(longest))

    def axis(self) -> Spec:
        """The spans from left to right, each with room for a bar; rows have the span's first day as `start`."""
        starts = self.list_starts()
        many = self.unit == "week" and len(starts) > _MANY_WEEKS
        form = {"day": "%-d %b", "week": "%b %Y" if many else "%-d %b", "month": "%b %Y", "year": "%Y"}[self.unit]
        return {
            "field": "start",
            "type": "ordinal",
            "title": None if self.unit == "day" else f"{self.unit}{', from Monday' if self.unit == 'week' else ''}",
            "scale": {"domain": [start.isoformat() for start in starts], "padding": 0.1},
            "axis": {
                **ROOM,
                "ticks": False,
                "labelExpr": f"utcFormat(utcParse(datum.value, '%Y-%m-%d'), '{form}')",
            },
        }


def choose_spans(days: Iterable[dt.date]) -> Spans:
    """The shortest spans of which there are not too many. There has to be a day."""
    found = list(days)
    first, last = min(found), max(found)
    length = (last - first).days + 1
    unit = next((unit for unit, most in _MOST_DAYS_OF.items() if length <= most), "year")
    return Spans(unit, first, last)


def choose_weeks(weeks: Iterable[dt.date]) -> Spans:
    """Weeks, by their Mondays, or months if there are too many: a week belongs to the month of its Monday."""
    found = list(weeks)
    spans = choose_spans([min(found), max(found) + dt.timedelta(6)])
    return spans if spans.unit not in ("day",) else Spans("week", spans.first, spans.last)


def sum_spans(
    records: Sequence[Record], spans: Spans, fields: Sequence[str], *, place: str = "day", by: Sequence[str] = ()
) -> list[Record]:
    """The sums of fields over each span, for each value of the fields `by`; `start` is the span's first day."""
    sums: dict[tuple[object, ...], Record] = {}
    for record in records:
        start = spans.start_of(record[place])
        key = (start, *(record[field] for field in by))
        empty = {"start": start, "label": spans.name(start), **{field: record[field] for field in by}}
        row = sums.setdefault(key, empty | dict.fromkeys(fields))
        for field in fields:
            if record[field] is not None:
                row[field] = record[field] + (row[field] or 0)
    return list(sums.values())


def level_bars(
    records: Sequence[Record], field: str, description: str, *, title: str, tooltip: list[Spec]
) -> Spec | None:
    """Bars of a field's mean by day, stacked by level: of each day, or of the days of longer spans.

    The tooltip has the span as `label`, its `days`, the sums of the field and of `plays`, and `mean`, which is exact.
    """
    records = [record for record in records if record["day"] is not None]
    if not records:
        return None
    spans = choose_spans(record["day"] for record in records)
    rows = sum_spans(records, spans, [*dict.fromkeys([field, "plays"])], by=["level"])
    for row in rows:
        row["days"] = spans.count_days(row["start"])
        row["mean_value"] = None if row[field] is None else row[field] / row["days"]
        row["mean"] = format_value(row["mean_value"])
    found = {row["level"] for row in rows}
    colors = {level: color for level, color in _LEVELS.items() if level in found}
    colors |= dict.fromkeys(sorted(found - _LEVELS.keys()), THIRD)
    by = "" if spans.unit == "day" else f", mean of the days of each {spans.unit}"
    return {
        "description": description + by,
        "usermeta": legend_of(colors),
        "height": 220,
        "data": data_of(rows),
        "mark": {"type": "bar"},
        "encoding": {
            "x": spans.axis(),
            "y": amount_axis("mean_value", title),
            "color": {
                "field": "level",
                "type": "nominal",
                "title": None,
                "scale": colors_of(colors),
            },
            "order": {"field": "level", "sort": "descending"},
            "tooltip": tooltip_of(label=spans.unit) + tooltip,
        },
    }
