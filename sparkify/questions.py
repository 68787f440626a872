"""The prepared questions: their names, their reading order, and what each asks, as its own file says.

A question is `sql/questions/NAME.sql`: one SELECT under a comment. The comment's first line is the question, the lines
after it the definition of every number in the answer, and what the answer does not say. Nothing here runs a question.
"""

import difflib
from dataclasses import dataclass

from sparkify.errors import SparkifyError, UsageError
from sparkify.sql import read_sql

# In the order in which a report reads.
_NAMES = (
    "audience",
    "heatmap",
    "sessions",
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


@dataclass(frozen=True)
class Question:
    """One prepared question: its sentence, its definition in prose, and the SELECT that answers it."""

    name: str
    question: str
    definition: str
    sql: str


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
    if len(header) < 2 or not sql:
        raise SparkifyError(f"sql/questions/{name}.sql needs a line -- question, lines -- definition, and a SELECT")
    return Question(name, header[0], " ".join(header[1:]), sql)
