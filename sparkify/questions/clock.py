"""The clock of a question: the time zone whose days, weeks, months and hours it counts.

A zone's offsets from UTC stand in the SQL as literals, computed by Python for the time of the log. So both engines give
the same answers, and skip blocks by the stored moments, which stay UTC.
"""

import datetime as dt
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from textwrap import indent

from sparkify.sql import literal_sql
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
# Where SQL computes the day, or the time of the day, of a moment in milliseconds.
_OF_DAY = re.compile(r"\b((?:\w+\.)?)(\w*ts)(?= AS DOUBLE PRECISION\) / 86400000| % 86400000)")
# The same of a play's, in the view.
_OF_PLAY = re.compile(r"(cast\(|'week', |FROM )songplays\.start_time")
_EVENTS = re.compile(r"^( *)FROM (staging_events|repeated_events)(?: AS (event))?$", re.MULTILINE)
_MEANINGS = re.compile(r"( -- (?:(?:the )?day|Monday|hour)\b[^\n]*, )UTC$", re.MULTILINE)


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
        if name == "plays":
            select = _OF_PLAY.sub(r"\1songplays.local_time", select)
            beside = self._beside("songplays", "start_time", "local_time", _shift_time)
            select = re.sub(r"^FROM songplays$", f"FROM {beside} AS songplays", select, flags=re.MULTILINE)
        elif name == "events":
            select = _OF_DAY.sub(r"\1local_ts", select).replace("event.ts,", "event.ts,\n        event.local_ts,")
            select = select.replace("item_in_session, ts, page", "item_in_session, ts, local_ts, page")
            # When it happened stays UTC.
            utc = "cast(millisecond_of_day + ts - local_ts AS INTEGER)"
            select = select.replace("+ millisecond_of_day *", f"+ {utc} *")
            select = _EVENTS.sub(self._replace_events, select)
        elif name == "days":
            missing = [f"log_bounds.first_day + numbers.number <> {literal_sql(day)}" for day in self.missing]
            select += "".join(f"\n{'    AND' if place else 'WHERE'} {one}" for place, one in enumerate(missing))
        return _MEANINGS.sub(rf"\g<1>{self.timezone}", select)

    def localize_moments(self, sql: str) -> str:
        """A question's SELECT with the moments that it shows on this clock."""
        return sql if self.is_utc else _OF_DAY.sub(lambda found: f"({self._by_period(found[0], _shift_ts)})", sql)

    def _replace_events(self, found: re.Match[str]) -> str:
        space, table, alias = found.groups()
        return indent(f"FROM {self._beside(table, 'ts', 'local_ts', _shift_ts)} AS {alias or table}", space)

    def _beside(self, table: str, moment: str, name: str, shift: Callable[[str, int], str]) -> str:
        """A table with the time of this clock beside each moment."""
        note = f"-- By the clock of {self.timezone}, right {self.right}."
        column = f"{self._by_period(moment, shift)} AS {name}"
        return f"(\n    SELECT\n        *,\n        {note}\n{indent(column, ' ' * 8)}\n    FROM {table}\n)"

    def _by_period(self, moment: str, shift: Callable[[str, int], str]) -> str:
        literal = str if shift is _shift_ts else _timestamp_sql
        *earlier, last = self.periods
        if not earlier:
            return shift(moment, last.offset)
        # The log's own periods come first, so that those after it cost nothing.
        cases = [f"    WHEN {moment} < {literal(one.end)} THEN {shift(moment, one.offset)}\n" for one in earlier]
        return f"CASE\n{''.join(cases)}    ELSE {shift(moment, last.offset)}\nEND"


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


def _shift_ts(moment: str, offset: int) -> str:
    return f"{moment} {'-' if offset < 0 else '+'} {abs(offset)}" if offset else moment


def _shift_time(moment: str, offset: int) -> str:
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
