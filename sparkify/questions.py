"""The prepared questions: their names, their reading order, and what each asks and takes, as its own file says.

A question is `sql/questions/NAME.sql`: one SELECT under a comment. The comment's first line is the question, the lines
after it the definition of every number in the answer, and what the answer does not say. Its last line may name the
parameters that the SELECT has as $1, $2 …, in order: `Parameters: from, to, level, top = 20.`

One rule says what a cut means, whatever the question: the answer is the one that a log of only those days' events at
that level would give. The catalogue stays whole. Nothing here runs a question.
"""

import datetime as dt
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sparkify.errors import SparkifyError, UsageError
from sparkify.sql import read_sql

# In the order in which a report reads.
_NAMES = (
    "audience",
    "heatmap",
    "sessions",
    "session_lengths",
    "hours",
    "top_songs",
    "top_artists",
    "levels",
    "conversion",
    "funnel",
    "churn",
    "retention",
    "discovery",
    "places",
    "health",
)
_COMMENT = "-- "
_PARAMETERS = "Parameters: "
_PARAMETER = re.compile(r"(from|to|level|top|days)(?: = (\d+))?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LEVELS = ("free", "paid")
# An INTEGER of the warehouse holds no more.
_MOST = 2**31 - 1


@dataclass(frozen=True)
class Parameter:
    """What a question takes: from, to, level, top or days. None as the default cuts nothing."""

    name: str
    default: int | None = None

    def __str__(self) -> str:
        return self.name if self.default is None else f"{self.name} = {self.default}"


@dataclass(frozen=True)
class Question:
    """One prepared question: its sentence, its definition in prose, and the SELECT that answers it.

    `parameters` are the SELECT's $1, $2 … in order.
    """

    name: str
    question: str
    definition: str
    sql: str
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True)
class Cut:
    """What to answer for: a part of the log, so many places, so many silent days. What is None is not cut.

    Both days are UTC days and inclusive; an event counts by its own level, `free` or `paid`. `top` keeps ties, `days`
    are those of silence after which a user counts as gone. Raises UsageError for values that make no sense.
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
        """What is given, by the name of the parameter, in the order in which parameters are named."""
        values = {
            "from": self.first_day, "to": self.last_day, "level": self.level, "top": self.top, "days": self.days,
        }  # fmt: skip
        return {name: value for name, value in values.items() if value is not None}


WHOLE_LOG = Cut()


def list_questions() -> list[Question]:
    """Every question, in reading order."""
    return [parse_question(name, read_sql(f"questions/{name}")) for name in _NAMES]


def get_question(name: str) -> Question:
    """The question of that name. Raises UsageError for an unknown one."""
    if name not in _NAMES:
        close = difflib.get_close_matches(name.lower(), _NAMES, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the questions are {', '.join(_NAMES)}"
        raise UsageError(f"there is no question {name!r}; {hint}")
    return parse_question(name, read_sql(f"questions/{name}"))


def parse_question(name: str, text: str) -> Question:
    """The question of one file. Raises SparkifyError where the comment that heads it lacks a part."""
    lines = text.splitlines()
    end = next((number for number, line in enumerate(lines) if not line.startswith(_COMMENT)), len(lines))
    header = [line.removeprefix(_COMMENT).strip() for line in lines[:end]]
    sql = "\n".join(lines[end:]).strip()
    parameters = _parse_parameters(name, header.pop()) if header and header[-1].startswith(_PARAMETERS) else ()
    if len(header) < 2 or not sql:
        raise SparkifyError(f"sql/questions/{name}.sql needs a line -- question, lines -- definition, and a SELECT")
    if set(re.findall(r"\$\d+", sql)) != {f"${place}" for place in range(1, len(parameters) + 1)}:
        raise SparkifyError(f"sql/questions/{name}.sql has other $n than its line -- {_PARAMETERS}… names")
    return Question(name, header[0], " ".join(header[1:]), sql, parameters)


def _parse_parameters(name: str, line: str) -> tuple[Parameter, ...]:
    found = [_PARAMETER.fullmatch(part) for part in line.removeprefix(_PARAMETERS).removesuffix(".").split(", ")]
    parameters = tuple(Parameter(one[1], int(one[2]) if one[2] else None) for one in found if one)
    if len({parameter.name for parameter in parameters}) < len(found):
        raise SparkifyError(f"sql/questions/{name}.sql names a parameter twice, or one that there is not: {line}")
    return parameters


def parse_day(text: str) -> dt.date:
    """A day written as 2018-11-30. Raises UsageError for anything else."""
    try:
        if _DAY.fullmatch(text):
            return dt.date.fromisoformat(text)
    except ValueError:
        pass
    raise UsageError(f"{text!r} is no day; write one as 2018-11-30")


def bind(question: Question, cut: Cut) -> list[Any]:
    """The values of the question's $1, $2 …, of the cut or by default. What the question does not take is left out."""
    values = cut.values
    return [values.get(parameter.name, parameter.default) for parameter in question.parameters]


def list_untaken(question: Question, cut: Cut) -> list[str]:
    """The names of what the cut gives and the question does not take: it is answered as if they were not given."""
    taken = {parameter.name for parameter in question.parameters}
    return [name for name in cut.values if name not in taken]


def require_taken(question: Question, cut: Cut) -> None:
    """Raises UsageError where the cut gives what the question does not take."""
    if untaken := list_untaken(question, cut):
        takes = _enumerate([parameter.name for parameter in question.parameters], "nothing")
        raise UsageError(f"{question.name} does not take {_enumerate(untaken)}; it takes {takes}")


def _enumerate(names: Sequence[str], none: str = "") -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part) if names else none
