"""Time zones: their names, and how far the clock of one is from UTC at any moment of a log.

Both come from Python's `zoneinfo`, which reads the data of the system, or else that of the package tzdata. The time
zones of the engines are not used: their data differs in age, and DuckDB has none without an extension.
"""

import datetime as dt
from typing import NamedTuple

UTC = "UTC"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# In seconds. No clock was changed twice within a day.
_STEP = 86_400


class Period(NamedTuple):
    """A span of time in which a clock is one offset ahead of UTC: from the moment `start` until before `end`.

    All three are in milliseconds, the moments since 1970-01-01 UTC.
    """

    start: int
    end: int
    offset: int


def list_timezones() -> list[str]:
    """The names of the time zones that this system knows, in order."""
    # It would slow down every start of the command.
    from zoneinfo import available_timezones

    # The first of these is whatever the machine is set to, and the other no zone.
    return sorted(available_timezones() - {"localtime", "Factory"})


def read_timezone(text: str) -> str:
    """The name of a time zone as it is spelt. Raises ValueError with a sentence that does not repeat the text."""
    if text.lower() == UTC.lower():
        return UTC
    names = list_timezones()
    if not names:
        raise ValueError(
            "this system knows no time zones; install the package tzdata of the system or of Python, or leave the time "
            "zone out for UTC"
        )
    spelt = {name.lower(): name for name in names}
    wanted = text.lower().replace(" ", "_")
    if wanted not in spelt:
        close = _find_close(wanted, names)
        hint = f"did you mean {' or '.join(close)}?" if close else "give a name such as America/Chicago"
        raise ValueError(f"there is no time zone of this name; {hint}")
    return spelt[wanted]


def _find_close(wanted: str, names: list[str]) -> list[str]:
    """The names that are most like a text, or whose last part is: that of a city alone."""
    from difflib import get_close_matches

    parts: dict[str, list[str]] = {}
    for name in names:
        for part in {name.lower(), name.lower().rpartition("/")[2]}:
            parts.setdefault(part, []).append(name)
    close = get_close_matches(wanted, parts, cutoff=0.75) or get_close_matches(wanted.split("/")[-1], parts, cutoff=0.7)
    return list(dict.fromkeys(name for part in close for name in parts[part]))[:3]


def to_local(moment: dt.datetime, timezone: str) -> dt.datetime:
    """A moment in UTC, without a zone, by the clock of a time zone, with it."""
    from zoneinfo import ZoneInfo

    return moment.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(timezone))


def find_periods(timezone: str, first: int, last: int) -> list[Period]:
    """The periods of a zone's clock from the moment `first` to `last`, both inclusive, one after another."""
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(timezone)
    periods: list[Period] = []
    start, end = first // 1000, last // 1000 + 1
    while start < end:
        offset = _offset_at(zone, start)
        change = _find_change(zone, start, end, offset)
        periods.append(Period(1000 * start, 1000 * change, 1000 * offset))
        start = change
    return periods


def _find_change(zone: dt.tzinfo, start: int, end: int, offset: int) -> int:
    """The first second after `start` and before `end` at which the offset is another; `end` if there is none."""
    before = start
    while before < end:
        after = min(before + _STEP, end)
        if after < end and _offset_at(zone, after) == offset:
            before = after
            continue
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if _offset_at(zone, middle) == offset else (before, middle)
        return after
    return end


def _offset_at(zone: dt.tzinfo, second: int) -> int:
    """How many seconds the clock is ahead of UTC."""
    offset = (_EPOCH + dt.timedelta(seconds=second)).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
