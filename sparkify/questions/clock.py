"""The clock of a question: the time zone whose days, weeks, months and hours it counts.

A zone's offsets from UTC stand in the SQL as literals, computed by Python for the time of the log. So both engines give
the same answers, and skip blocks by the stored moments, which stay UTC.
"""

import datetime as dt
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from textwrap import indent

from sparkify.sql import literal_sql, parse_table
from sparkify.timezones import UTC, Period, find_periods
from sparkify.warehouses import Warehouse

_EPOCH = dt.datetime(1970, 1, 1)
_DAY = 86_400_000
# Those of a log are from 2000-01-01 to 2100-01-01: by no clock is an event earlier or later.
_BEGIN, _END = 946_684_800_000 - 2 * _DAY, 4_102_444_800_000 + 2 * _DAY
# So that SQL that somebody keeps is right for the events of another year.
_AHEAD = 366 * _DAY
# From so long a log on, only the periods of the months with events are used.
_LONG = 3_660 * _DAY
_MONTH = 30 * _DAY
_MONTHS_SQL = """
SELECT DISTINCT cast(floor(cast(ts AS DOUBLE PRECISION) / 2592000000) AS BIGINT) AS number
FROM staging_events
ORDER BY number
"""
_UNITS = {"hours": 3_600_000, "minutes": 60_000, "seconds": 1_000}
# The views with columns by the clock, and the moments that these are of.
_MOMENTS = {"events": "happened_at", "plays": "start_time"}
# These columns, as the view plays has them in UTC.
_LOCAL = {
    "day": "cast(local_time AS DATE)",
    "week": "cast(date_trunc('week', local_time) AS DATE)",
    "weekday": "cast(extract(DOW FROM local_time) AS INTEGER)",
    "hour": "cast(extract(HOUR FROM local_time) AS INTEGER)",
}
# A column of a question that shows a moment.
_SHOWN = re.compile(r"([\w.]*\b(\w+)) -- by the clock$", re.MULTILINE)


@dataclass(frozen=True)
class Clock:
    """A time zone, and the periods of its clock, none for UTC.

    They are right for the events of a log: the first stands for all the time before it, the last for that after it, and
    each for the time before the next. `right` tells from when to when they are. `missing` are the days that the clock
    left out.
    """

    timezone: str = UTC
    periods: tuple[Period, ...] = ()
    right: str = ""
    missing: tuple[dt.date, ...] = ()

    @property
    def is_utc(self) -> bool:
        return self.timezone == UTC

    def within(self, first: dt.date | None, last: dt.date | None) -> "Clock":
        """The clock for the events of these of its days only, both inclusive: it has no more periods than they need."""
        spans = self.find_spans(first, last)
        start, end = (spans[0][0], spans[-1][1]) if spans else (_BEGIN, _BEGIN + 1)
        return replace(self, periods=tuple(one for one in self.periods if one.start < end and start < one.end))

    def find_spans(self, first: dt.date | None, last: dt.date | None) -> list[tuple[int, int]]:
        """The moments of days of this clock, both inclusive: spans from a moment until before another, in milliseconds.

        There are several where the clock was set back over a midnight, for then the day before goes on after it.
        """
        spans: list[tuple[int, int]] = []
        for start, end, offset in self.periods:
            if first is not None:
                start = max(start, _milliseconds(first) - offset)
            if last is not None:
                end = min(end, _milliseconds(last) + _DAY - offset)
            if spans and spans[-1][1] == start < end:
                spans[-1] = (spans[-1][0], end)
            elif start < end:
                spans.append((start, end))
        return spans

    def list_conditions(self, moment: str, first: dt.date | None, last: dt.date | None) -> list[str]:
        """Conditions that a moment, `ts` or a timestamp in UTC, is one of these days, both inclusive."""
        literal = str if moment == "ts" else _timestamp_sql
        spans = self.find_spans(first, last)
        if not spans:
            return [f"{moment} < {literal(_BEGIN)}"]
        start, end = spans[0][0], spans[-1][1]
        conditions = [f"{moment} >= {literal(start)}"] if start > _BEGIN else []
        conditions += [f"{moment} < {literal(end)}"] if end < _END else []
        return conditions + [
            f"NOT ({moment} >= {literal(gap)} AND {moment} < {literal(back)})"
            for (_, gap), (back, _) in itertools.pairwise(spans)
        ]

    def localize(self, name: str, select: str) -> str:
        """The SELECT of a view with the days, weeks and hours of this clock. Its moments stay UTC."""
        if self.is_utc:
            return select
        if name == "days":
            missing = [f"log_bounds.first_day + numbers.number <> {literal_sql(day)}" for day in self.missing]
            select += "".join(f"\n{'    AND' if place else 'WHERE'} {one}" for place, one in enumerate(missing))
            return select.replace(f", {UTC}", f", {self.timezone}")
        if name not in _MOMENTS:
            return select
        columns = [column.name for column in parse_table(name, f"CREATE VIEW {name} AS\n{select}").columns]
        selected = ",\n    ".join(f"{_LOCAL[one]} AS {one}" if one in _LOCAL else one for one in columns)
        return f"SELECT\n    {selected}\nFROM {self._beside(name, select)} AS local_{name}"

    def localize_moments(self, sql: str) -> str:
        """A question's SELECT with the moments that it shows on this clock."""
        return sql if self.is_utc else _SHOWN.sub(lambda found: f"{self._shift(found[1])} AS {found[2]}", sql)

    def _beside(self, name: str, select: str) -> str:
        """The rows of a view with the time of this clock beside each moment."""
        column = f"-- By the clock of {self.timezone}, right {self.right}.\n{self._shift(_MOMENTS[name])} AS local_time"
        utc = f"FROM (\n{indent(select.rstrip(), '    ')}\n) AS utc_{name}"
        return f"(\n    SELECT\n        *,\n{indent(column, ' ' * 8)}\n{indent(utc, '    ')}\n)"

    def _shift(self, moment: str) -> str:
        """The time of this clock at a moment, a timestamp in UTC."""
        *earlier, last = self.periods
        if not earlier:
            return _shift_by(moment, last.offset)
        # The log's own periods come first, so that those after it cost nothing.
        cases = [
            f"    WHEN {moment} < {_timestamp_sql(one.end)} THEN {_shift_by(moment, one.offset)}\n" for one in earlier
        ]
        return f"CASE\n{''.join(cases)}    ELSE {_shift_by(moment, last.offset)}\nEND"


UTC_CLOCK = Clock()


def find_clock(warehouse: Warehouse, timezone: str) -> Clock:
    """The clock of a time zone for a warehouse's log."""
    if timezone == UTC:
        return UTC_CLOCK
    first, last = warehouse.fetch("SELECT min(ts), max(ts) FROM staging_events")[0]
    if first is None:
        return make_clock(timezone, [(_BEGIN, _BEGIN)])
    if last - first < _LONG:
        return make_clock(timezone, [(first, last)])
    # One event of a wrong clock would add the changes of a century.
    months = [number for (number,) in warehouse.fetch(_MONTHS_SQL)]
    return make_clock(timezone, [(_MONTH * number, _MONTH * (number + 1)) for number in months])


def make_clock(timezone: str, spans: Sequence[tuple[int, int]]) -> Clock:
    """The clock of a time zone, right for spans of time in order, in milliseconds, and for a year after each."""
    right: list[tuple[int, int]] = []
    for first, last in spans:
        last = min(last + _AHEAD, _END)
        if right and first <= right[-1][1]:
            first, last = right[-1][0], max(right.pop()[1], last)
        right.append((first, last))
    every = find_periods(timezone, right[0][0], right[-1][1])
    kept = [one for one in every if any(one.start <= last and first < one.end for first, last in right)]
    ends = [one.start for one in kept[1:]] + [_END]
    periods = [one._replace(end=end) for one, end in zip(kept, ends, strict=True)]
    return Clock(
        timezone,
        (periods[0]._replace(start=_BEGIN), *periods[1:]),
        " and ".join(f"from {_moment(first):%Y-%m-%d} to {_moment(last):%Y-%m-%d}" for first, last in right),
        tuple(_list_missing(every)),
    )


def _list_missing(periods: Sequence[Period]) -> Iterator[dt.date]:
    for one, other in itertools.pairwise(periods):
        before, after = _moment(one.end - 1 + one.offset).date(), _moment(one.end + other.offset).date()
        yield from (before + dt.timedelta(number) for number in range(1, (after - before).days))


def _shift_by(moment: str, offset: int) -> str:
    if not offset:
        return moment
    unit, size = next((unit, size) for unit, size in _UNITS.items() if offset % size == 0)
    return f"{moment} {'-' if offset < 0 else '+'} INTERVAL '{abs(offset) // size} {unit}'"


def _timestamp_sql(at: int) -> str:
    return literal_sql(_moment(at))


def _moment(at: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(milliseconds=at)


def _milliseconds(day: dt.date) -> int:
    return (day - _EPOCH.date()).days * _DAY
