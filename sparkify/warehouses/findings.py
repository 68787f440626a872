"""What an examination of one thing found: the doctor's words, which each engine speaks for itself."""

from collections.abc import Callable
from dataclasses import dataclass

from sparkify.errors import SparkifyError


@dataclass(frozen=True)
class Finding:
    """What became of examining one thing: in order or not, and a sentence that says what was seen or what to do."""

    name: str
    passed: bool
    detail: str


def examine(name: str, look: Callable[[], str]) -> Finding:
    """Examine one thing: `look` returns what it saw, or raises a SparkifyError that says what is wrong."""
    try:
        return Finding(name, True, look())
    except SparkifyError as error:
        return Finding(name, False, str(error))
