"""The cut: the part of the log for which a question is answered, as CTEs before the question's own.

A question reads `events`, `plays` and `days`, and the summaries of them in `sql/summaries/`. Run by hand, it reads the
views with the first names, and so the whole log. Run by sparkify, it reads CTEs with the same names, made from the text
of the views with the cut in the WHERE. So only the views define what an event, a play and a day are, and the SQL that
is sent is complete: it runs as it is.

Each place that reads events or plays gets a CTE of its own: DuckDB stores what a CTE with several readers returns, and
that is every row of the log with its texts. A summary has few rows, and is computed once for all its readers. A report
keeps the summaries in temporary tables, and so computes them once for all its questions.

Values are literals, never bound: Redshift may refuse a bound value in a CTE, and skips blocks only by literals.
"""

import datetime as dt
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import count
from numbers import Integral
from textwrap import indent
from typing import Any

from sparkify.errors import UsageError
from sparkify.questions.clock import UTC_CLOCK, Clock
from sparkify.sql import literal_sql, read_sql

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LEVELS = ("free", "paid")
# The largest INTEGER.
_MOST = 2**31 - 1
# What has a row for each event or play, with the column by whose time it is cut. Each reader reads it anew.
_SCANNED = {"events": "ts", "plays": "start_time"}
# The summaries have a column `day`, and one `level`.
SUMMARIES = ("user_days", "visits")
# What takes about as long as a question and has few rows, in the order in which it can be made. To answer several
# questions, keep each in a temporary table.
COPIES = ("repeated_moments", "repeated_events")
KEPT = (*COPIES, "days", *SUMMARIES)
_READABLE = (*KEPT, *_SCANNED)
# What a question of a user's own may read and is cut.
OWN_VIEWS = ("events", "plays", "days", "sessions")
# The beginning of a SELECT with CTEs: comments, which are never looked at again, and whether they may be recursive.
_WITH = re.compile(r"((?:\s|--[^\n]*\n|/\*.*?\*/)*+)WITH\s+(RECURSIVE\s+)?", re.IGNORECASE | re.DOTALL)
_READ = re.compile(rf"\b(FROM|JOIN) ({'|'.join((*_READABLE, 'sessions'))})\b( AS \w+)?")
# The parameters of a question: those that cut the log, and those that are numbers in its SQL, as `:top`.
CUTTING = ("from", "to", "level")
NUMBERS = ("top", "days")
_PLACEHOLDER = re.compile(rf"(?<![:\w]):({'|'.join(NUMBERS)})\b")
# The view plays also has columns of users, songs and artists. No question reads them, and the joins would take longer
# than most questions.
_BESIDE_PLAYS = re.compile(r"\n(?:    (?:users|songs|artists)\.|LEFT JOIN ).*")


@dataclass(frozen=True, init=False)
class Cut:
    """The part of the log, the number of places and the days of silence to answer for. None means no limit.

    Both days are inclusive, as a date or a text such as 2018-11-30: those of the setting `timezone`, in an export UTC.
    An event counts by its own level, `free` or `paid`. `top` keeps ties; after `days` without a play a user counts as
    gone. Raises UsageError for values that make no sense.
    """

    first_day: dt.date | None
    last_day: dt.date | None
    level: str | None
    top: int | None
    days: int | None

    def __init__(
        self,
        first_day: dt.date | str | None = None,
        last_day: dt.date | str | None = None,
        level: str | None = None,
        top: int | None = None,
        days: int | None = None,
    ) -> None:
        first, last = (None if day is None else read_day(day) for day in (first_day, last_day))
        if first and last and first > last:
            raise UsageError(f"from {first} is after to {last}; exchange them")
        if level not in (None, *_LEVELS):
            raise UsageError(f"there is no level {level!r}; give free or paid")
        numbers = {
            name: None if number is None else _read_number(name, number)
            for name, number in (("top", top), ("days", days))
        }
        given = {"first_day": first, "last_day": last, "level": level, **numbers}
        for name, value in given.items():
            # The class is frozen.
            object.__setattr__(self, name, value)

    @property
    def values(self) -> dict[str, Any]:
        """The given values, by the name of the parameter, in the usual order."""
        values = {
            "from": self.first_day, "to": self.last_day, "level": self.level, "top": self.top, "days": self.days,
        }  # fmt: skip
        return {name: value for name, value in values.items() if value is not None}


WHOLE_LOG = Cut()


def _read_number(name: str, given: Any) -> int:
    # Also a number of numpy.
    if isinstance(given, bool) or not isinstance(given, Integral):
        raise UsageError(f"{name} cannot be {given!r}; give a whole number from 1 to {_MOST:,}")
    if not 1 <= (number := int(given)) <= _MOST:
        raise UsageError(f"{name} cannot be {number:,}; give a number from 1 to {_MOST:,}")
    return number


def read_day(day: dt.date | str) -> dt.date:
    """A day given as a date, a moment at midnight, or a text such as 2018-11-30. Raises UsageError for others."""
    if isinstance(day, dt.datetime):
        # pandas has no other days.
        if day.time() == dt.time() and day.tzinfo is None:
            return dt.date(day.year, day.month, day.day)
    elif isinstance(day, dt.date):
        return day
    return parse_day(str(day))


def parse_day(text: str) -> dt.date:
    """A day written as 2018-11-30. Raises UsageError for anything else."""
    try:
        if _DAY.fullmatch(text):
            return dt.date.fromisoformat(text)
    except ValueError:
        pass
    raise UsageError(f"{text!r} is not a day; write one as 2018-11-30")


def cut_sql(sql: str, values: Mapping[str, Any], *, kept: Collection[str] = (), clock: Clock = UTC_CLOCK) -> str:
    """The SQL of a question to send: its SELECT with its values, after the CTEs that it reads.

    `values` are by the name of the parameter; from, to and level cut the CTEs unless they are None. Those `kept` are
    read from the temporary tables that `kept_name` names. Days, weeks and hours are those of the clock.
    """
    clock = clock.within(values.get("from"), values.get("to"))
    bodies = {name: _body_sql(name, values, clock, is_kept=name in kept) for name in _READABLE}
    return _complete(clock.localize_moments(_fill(sql, values)), bodies, anew={*_SCANNED, *kept})


def cut_own_sql(
    sql: str, values: Mapping[str, Any], *, kept: Collection[str] = (), clock: Clock = UTC_CLOCK
) -> tuple[str, int]:
    """A user's SQL after CTEs with the names of the views that it may read, and how many lines stand before it.

    They hide the views wherever the SQL names them without a schema, however it is written. Without a cut, and in UTC,
    it needs none.
    """
    clock = clock.within(values.get("from"), values.get("to"))
    bodies = {name: _body_sql(name, values, clock, is_kept=name in kept) for name in _READABLE}
    # With all columns of the views; `level` is one of several tables of plays.
    plays = clock.localize("plays", _view_sql("plays").rstrip())
    bodies["plays"] = f"SELECT * FROM (\n{indent(plays, '    ')}\n) AS all_plays"
    bodies["plays"] += where_sql(_SCANNED["plays"], values, clock)
    bodies["sessions"] = _view_sql("sessions").rstrip()
    is_cut = any(values.get(name) is not None for name in CUTTING)
    # However it is written. A CTE more than the SQL reads costs nothing.
    found = [name for name in OWN_VIEWS if re.search(rf"\b{name}\b", sql, re.IGNORECASE)]
    found = found if is_cut or not clock.is_utc else []
    ctes = _name_ctes("\n".join(f"FROM {name}" for name in found), bodies)[1]
    filled = _fill(sql, values)
    if not ctes:
        return filled, 0
    begin = _WITH.match(filled)
    before = f"WITH {'RECURSIVE ' if begin and begin[2] else ''}{_join_ctes(ctes)}{',' if begin else ''}\n"
    rest = f"{begin[1]}{filled[begin.end() :]}" if begin else filled
    return before + rest, before.count("\n")


def fill_sql(sql: str, values: Mapping[str, Any]) -> str:
    """A question's SELECT with literals for `:top` and `:days`. By itself it reads the views, the whole log."""
    return _complete(_fill(sql, values), {name: _select_sql(name) for name in SUMMARIES})


def kept_name(name: str) -> str:
    """The temporary table in which a session keeps one of KEPT."""
    return f"sparkify_kept_{name}"


def where_sql(moment: str | None, values: Mapping[str, Any], clock: Clock = UTC_CLOCK) -> str:
    """The WHERE clause at the end of a SELECT that cuts by a moment or a day; empty where nothing is cut.

    The column is compared as it is stored, so that the engine skips blocks.
    """
    if moment is None:
        return ""
    first, last, level = (values.get(name) for name in CUTTING)
    if clock.is_utc or moment == "day":
        given = [f"{moment} >= {_midnight_sql(moment, first)}"] if first is not None else []
        given += [f"{moment} < {_midnight_sql(moment, last, days_later=1)}"] if last is not None else []
    else:
        given = clock.list_conditions(moment, first, last)
    given += [f"level = {literal_sql(level)}"] if level is not None else []
    return "\nWHERE " + "\n    AND ".join(given) if given else ""


def list_placeholders(sql: str) -> set[str]:
    """The numbers that the SQL is given: those of `:top` and `:days` that it has."""
    return set(_PLACEHOLDER.findall(sql))


def _fill(sql: str, values: Mapping[str, Any]) -> str:
    # What a user's file does not list is left to the engine to refuse.
    return _PLACEHOLDER.sub(lambda found: literal_sql(values[found[1]]) if found[1] in values else found[0], sql)


def _complete(sql: str, bodies: Mapping[str, str], *, anew: Collection[str] = ()) -> str:
    """The SELECT after the CTEs that it reads, directly or through others. Each reader of those `anew` has its own."""
    named, ctes = _name_ctes(sql, bodies, anew=anew)
    if not ctes:
        return named
    if named.startswith("WITH "):
        return f"WITH {_join_ctes(ctes)},\n\n{named.removeprefix('WITH ')}"
    return f"WITH {_join_ctes(ctes)}\n\n{named}"


def _join_ctes(ctes: Mapping[str, str]) -> str:
    return ",\n\n".join(f"{name} AS (\n{indent(body, '    ')}\n)" for name, body in ctes.items())


def _name_ctes(sql: str, bodies: Mapping[str, str], *, anew: Collection[str] = ()) -> tuple[str, dict[str, str]]:
    """The SQL with the names of the CTEs that it reads, and these, each after those that it reads itself."""
    ctes: dict[str, str] = {}

    def name_reader(found: re.Match[str]) -> str:
        word, name, alias = found.groups(default="")
        if name not in bodies:
            return found[0]
        cte = name
        if name in anew and name in ctes:
            cte = next(numbered for number in count(2) if (numbered := f"{name}_{number}") not in ctes)
        if cte not in ctes:
            body = name_readers(bodies[name])
            ctes[cte] = body
        return found[0] if cte == name else f"{word} {cte}{alias or f' AS {name}'}"

    def name_readers(text: str) -> str:
        return _READ.sub(name_reader, text)

    return name_readers(sql), ctes


def _select_sql(name: str) -> str:
    """The SELECT of a view or of a summary."""
    if name in SUMMARIES:
        return re.sub(r"\A(?:--.*\n)+", "", read_sql(f"summaries/{name}"))
    return _BESIDE_PLAYS.sub("", _view_sql(name)) if name == "plays" else _view_sql(name)


def _view_sql(name: str) -> str:
    return read_sql(f"views/{name}/create").partition(f"CREATE OR REPLACE VIEW {name} AS\n")[2]


def _body_sql(name: str, values: Mapping[str, Any], clock: Clock, *, is_kept: bool) -> str:
    if is_kept:
        # Those that are not cut here are kept as the cut has them.
        return f"SELECT * FROM {kept_name(name)}" + where_sql("day" if name in SUMMARIES else None, values)
    return clock.localize(name, _select_sql(name)) + where_sql(_SCANNED.get(name), values, clock)


def _midnight_sql(moment: str, day: dt.date, *, days_later: int = 0) -> str:
    """The beginning of a day, or of one some days later, as the column has it: `ts` counts milliseconds."""
    if moment == "ts":
        return str((day - dt.date(1970, 1, 1)).days * 86_400_000 + days_later * 86_400_000)
    return literal_sql(day) + (f" + {days_later}" if days_later else "")
