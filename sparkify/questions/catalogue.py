"""The prepared questions: each is one file with the question, the meaning of its numbers, and its SELECT.

A question is `sql/questions/NAME.sql`: one SELECT after a comment. The comment's first line is the question, the next
lines define every number in the answer, and what the answer does not say. `Totals: day.` says that rows without a day
are totals of the others. Then `Chapter: music 10.` gives its chapter and its place in it. The last line, `Parameters:
from, to, level, top = 20.`, lists what it takes; `:top` and `:days` are replaced in the SELECT.

A cut means the same for every question: the answer is that of a log with only the events of these days and this level.
The catalogue is not cut. Nothing here runs a question.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from sparkify.errors import UsageError
from sparkify.questions.cut import CUTTING, NUMBERS, Cut
from sparkify.sql import read_sql

# In reading order.
CHAPTERS = {
    "glance": "At a glance",
    "listening": "Who listens, and when",
    "music": "What they listen to",
    "paying": "Who pays, and who stays",
    "soundness": "Service and data",
}
_COMMENT = "-- "
_CHAPTER = re.compile(r"Chapter: (\w+) (\d+)\.")
_TOTALS = re.compile(r"Totals: (\w+)\.")
_PARAMETERS = "Parameters: "
_PARAMETER = re.compile(rf"({'|'.join((*CUTTING, *NUMBERS))})(?: = ([0-9]{{1,9}}))?")


@dataclass(frozen=True)
class Parameter:
    """What a question takes: from, to, level, top or days. A default of None cuts nothing."""

    name: str
    default: int | None = None

    def __str__(self) -> str:
        return self.name if self.default is None else f"{self.name} = {self.default}"


@dataclass(frozen=True)
class Question:
    """One prepared question: the question, its definition in prose, and its SELECT, which `cut_sql` completes.

    `chapter` is one of CHAPTERS, and `place` orders the questions of a chapter. A row is a total of others if the
    column `totals` is NULL there.
    """

    name: str
    question: str
    definition: str
    sql: str
    chapter: str
    place: int
    parameters: tuple[Parameter, ...] = ()
    totals: str | None = None


def list_questions() -> list[Question]:
    """Every question, in reading order."""
    chapters = list(CHAPTERS)
    questions = [get_question(name) for name in _list_names()]
    return sorted(questions, key=lambda question: (chapters.index(question.chapter), question.place, question.name))


def get_question(name: str) -> Question:
    """The question with this name. Raises UsageError for an unknown one."""
    names = _list_names()
    if name not in names:
        close = difflib.get_close_matches(name.lower(), names, n=1)
        hint = (
            f"did you mean {close[0]}?"
            if close
            else f"the questions are {', '.join(one.name for one in list_questions())}"
        )
        raise UsageError(f"there is no question {name!r}; {hint}")
    return parse_question(name, read_sql(f"questions/{name}"))


def _list_names() -> list[str]:
    return sorted(file.name.removesuffix(".sql") for file in (files("sparkify.sql") / "questions").iterdir())


def parse_question(name: str, text: str) -> Question:
    """Parse the file of a question. Raises ValueError if its comment lacks a part."""
    lines = text.splitlines()
    end = next((number for number, line in enumerate(lines) if not line.startswith(_COMMENT)), len(lines))
    header = [line.removeprefix(_COMMENT).strip() for line in lines[:end]]
    sql = "\n".join(lines[end:]).strip()
    listed = header.pop() if header and header[-1].startswith(_PARAMETERS) else ""
    try:
        parameters = read_parameters(listed.removeprefix(_PARAMETERS).removesuffix(".")) if listed else ()
    except ValueError as error:
        raise ValueError(f"sql/questions/{name}.sql: {error}") from None
    chapter = _CHAPTER.fullmatch(header.pop()) if header else None
    totals = _TOTALS.fullmatch(header[-1]) if header else None
    if totals:
        header.pop()
    if chapter is None or chapter[1] not in CHAPTERS or len(header) < 2 or not sql:
        raise ValueError(
            f"sql/questions/{name}.sql needs a line -- question, lines -- definition, a line -- Chapter: … with one of "
            f"{', '.join(CHAPTERS)} and a number, and a SELECT"
        )
    if not set(re.findall(r"(?<!:):(\w+)", sql)) <= {parameter.name for parameter in parameters} & {*NUMBERS}:
        raise ValueError(f"sql/questions/{name}.sql uses a value that its line -- {_PARAMETERS}… does not list")
    return Question(
        name,
        header[0],
        " ".join(header[1:]),
        sql,
        chapter[1],
        int(chapter[2]),
        parameters,
        totals[1] if totals else None,
    )


def read_parameters(text: str) -> tuple[Parameter, ...]:
    """The parameters of a list such as `from, to, top = 20`. Raises ValueError if one is unknown, or named twice."""
    found = [_PARAMETER.fullmatch(part) for part in text.split(", ")]
    parameters = tuple(Parameter(one[1], int(one[2]) if one[2] else None) for one in found if one)
    if len({parameter.name for parameter in parameters}) < len(found):
        raise ValueError(f"it lists a parameter twice, or an unknown one: {text}")
    return parameters


def list_values(question: Question, cut: Cut) -> dict[str, Any]:
    """The values of the question's parameters: from the cut, else the default."""
    values = cut.values
    return {parameter.name: values.get(parameter.name, parameter.default) for parameter in question.parameters}


def list_untaken(question: Question, cut: Cut) -> list[str]:
    """The parameters of the cut that the question does not take. It is answered as if they were not given."""
    taken = {parameter.name for parameter in question.parameters}
    return [name for name in cut.values if name not in taken]


def require_taken(question: Question, cut: Cut) -> None:
    """Raises UsageError if the cut has a parameter that the question does not take."""
    if untaken := list_untaken(question, cut):
        takes = _enumerate([parameter.name for parameter in question.parameters], "nothing")
        raise UsageError(f"{question.name} does not take {_enumerate(untaken)}; it takes {takes}")


def _enumerate(names: Sequence[str], none: str = "") -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part) if names else none
