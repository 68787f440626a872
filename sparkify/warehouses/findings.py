"""The results of the doctor."""

from collections.abc import Callable
from dataclasses import dataclass

from sparkify.errors import SparkifyError


@dataclass(frozen=True)
class Finding:
    """The result of examining one thing: passed or not, and a sentence that says what was found or what to do."""

    name: str
    passed: bool
    detail: str


def examine(name: str, look: Callable[[], str]) -> Finding:
    """Examine one thing: `look` returns what it found, or raises a SparkifyError that says what is wrong."""
    try:
        return Finding(name, True, look())
    except SparkifyError as error:
        return Finding(name, False, str(error))
