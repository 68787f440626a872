"""The prepared questions."""

from dataclasses import dataclass

from sparkify.errors import UsageError


@dataclass(frozen=True)
class Question:
    name: str
    question: str
    definition: str
    sql: str


def list_questions() -> list[Question]:
    return []


def get_question(name: str) -> Question:
    raise UsageError(name)
