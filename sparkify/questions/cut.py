"""The cut: the part of the log for which a question is answered, as CTEs before the question's own.

A question reads `events`, `plays` and `days`. Run by hand, it reads the views with these names, and so the whole log.
Run by sparkify, it reads CTEs with the same names, made from the text of the views with the cut in the WHERE. So only
the views define what an event, a play and a day are, and the SQL that is sent is complete: it runs as it is.

Values are literals, never bound: Redshift may refuse a bound value in a CTE, and skips blocks only by literals.
"""

import datetime as dt
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from textwrap import indent
from typing import Any

from sparkify.errors import UsageError
from sparkify.sql import quote, read_sql

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LEVELS = ("free", "paid")
# The largest INTEGER.
_MOST = 2**31 - 1
# Which records are copies does not depend on the cut. These CTEs have few rows, but take as long as a question. To
# answer several questions, keep them in temporary tables with their names and omit the CTEs.
COPIES = ("repeated_moments", "repeated_events")
# The CTEs in the order in which they read each other, each with the column by which it is cut. The days are cut with
# the events.
_CUT_BY = {**dict.fromkeys(COPIES), "events": "day", "plays": "start_time", "days": None}
_READ = re.compile(rf"\b(?:FROM|JOIN) ({'|'.join(_CUT_BY)})\b")
_PLACEHOLDER = re.compile(r"(?<!:):([a-z]+)\b")
# The view plays also has columns of users, songs and artists. No question reads them, and the joins would take longer
# than most questions.
_BESIDE_PLAYS = re.compile(r"\n(?:    (?:users|songs|artists)\.|LEFT JOIN ).*")


@dataclass(frozen=True)
class Cut:
    """The part of the log, the number of places and the days of silence to answer for. None means no limit.

    Both days are UTC days and inclusive; an event counts by its own level, `free` or `paid`. `top` keeps ties; after
    `days` without a play a user counts as gone. Raises UsageError for values that make no sense.
    """

    first_day: dt.date | None = None
    last_day: dt.date | None = None
    level: str | None = None
    top: int | None = None
    days: int | None = None

    def __post_init__(self) -> None:
        if self.first_day and self.last_day and self.first_day > self.last_day:
            raise UsageError(f"from {self.first_day} is after to {self.last_day}; exchange them")
        if self.level is not None and self.level not in _LEVELS:
            raise UsageError(f"there is no level {self.level!r}; give free or paid")
        for name, number in (("top", self.top), ("days", self.days)):
            if number is not None and not 1 <= number <= _MOST:
                raise UsageError(f"{name} cannot be {number:,}; give a number from 1 to {_MOST:,}")

    @property
    def values(self) -> dict[str, Any]:
        """The given values, by the name of the parameter, in the usual order."""
        values = {
            "from": self.first_day, "to": self.last_day, "level": self.level, "top": self.top, "days": self.days,
        }  # fmt: skip
        return {name: value for name, value in values.items() if value is not None}


WHOLE_LOG = Cut()


def parse_day(text: str) -> dt.date:
    """A day written as 2018-11-30. Raises UsageError for anything else."""
    try:
        if _DAY.fullmatch(text):
            return dt.date.fromisoformat(text)
    except ValueError:
        pass
    raise UsageError(f"{text!r} is not a day; write one as 2018-11-30")


def cut_sql(sql: str, values: Mapping[str, Any], *, without: Collection[str] = ()) -> str:
    """The SQL of a question to send: its SELECT with its values, after the CTEs that it reads.

    `values` are by the name of the parameter; from, to and level cut the CTEs unless they are None. The CTEs `without`
    are omitted, because there are tables with their names.
    """
    filled = fill_sql(sql, values)
    read = _list_read(filled)
    ctes = ",\n\n".join(_cte_sql(name, values) for name in _CUT_BY if name in read and name not in without)
    if not ctes:
        return filled
    if filled.startswith("WITH "):
        return f"WITH {ctes},\n\n{filled.removeprefix('WITH ')}"
    return f"WITH {ctes}\n\n{filled}"


def fill_sql(sql: str, values: Mapping[str, Any]) -> str:
    """A question's SELECT with literals for `:top` and `:days`. By itself it reads the views, the whole log."""
    return _PLACEHOLDER.sub(lambda found: literal_sql(values[found[1]]), sql)


def literal_sql(value: dt.date | int | str | None) -> str:
    """A value as a literal that means the same on every engine. Raises ValueError if there is none."""
    if value is None:
        return "NULL"
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    # A backslash is an escape in Redshift, but not in DuckDB.
    if isinstance(value, str) and "\\" not in value and "\0" not in value:
        return quote(value)
    raise ValueError(f"there is no literal for {value!r}")


def view_sql(name: str) -> str:
    """The SELECT of a view."""
    return read_sql(f"views/{name}/create").partition(f"CREATE OR REPLACE VIEW {name} AS\n")[2]


def _list_read(sql: str) -> set[str]:
    """The CTEs that an SQL text reads, directly or through others."""
    read = set(_READ.findall(sql))
    return read.union(*(_list_read(view_sql(name)) for name in read))


def _cte_sql(name: str, values: Mapping[str, Any]) -> str:
    body = view_sql(name)
    if name == "plays":
        body = _BESIDE_PLAYS.sub("", body)
    return f"{name} AS (\n{indent(body + where_sql(_CUT_BY[name], values), '    ')}\n)"


def where_sql(moment: str | None, values: Mapping[str, Any]) -> str:
    """The WHERE clause at the end of a SELECT that cuts by a moment or a day; empty where nothing is cut."""
    if moment is None:
        return ""
    conditions = {
        "from": f"{moment} >= {literal_sql(values.get('from'))}",
        "to": f"{moment} < {literal_sql(values.get('to'))} + 1",
        "level": f"level = {literal_sql(values.get('level'))}",
    }
    given = [condition for name, condition in conditions.items() if values.get(name) is not None]
    return "\nWHERE " + "\n    AND ".join(given) if given else ""
