"""What a page takes of the answer to a question of a user's own: its first rows, and the points of its drawing."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Any

from sparkify.formats import format_day, format_value
from sparkify.questions.own import Chart
from sparkify.warehouses import Row

# Of an answer, so that a page stays small: rows, letters of all of them, and letters of one text.
_MOST_ROWS = 5_000
_MOST_LETTERS = 100_000
LONGEST_TEXT = 1_000
# Of a value in a sentence.
_LONGEST_NAMED = 40


@dataclass(frozen=True)
class Point:
    """One row of a drawing: its name, the day of a line, and its numbers; None is no number."""

    name: str
    day: dt.date | None
    values: list[float | None]


def read_points(chart: Chart, columns: Sequence[str], rows: Sequence[Row]) -> list[Point]:
    """What a drawing shows of an answer. Raises ValueError, with a sentence, if the answer does not have it."""
    lower = [column.lower() for column in columns]
    if missing := [column for column in chart.columns if column.lower() not in lower]:
        raise ValueError(f"the answer has no column {missing[0]} to draw; it has {', '.join(columns)}")
    place, *places = (lower.index(column.lower()) for column in chart.columns)
    values = [[_read_number(columns[one], row[one]) for one in places] for row in rows]
    if chart.kind != "line":
        return [Point(format_value(row[place]) or "–", None, found) for row, found in zip(rows, values, strict=True)]
    days = [_read_day(columns[place], row[place]) for row in rows]
    if twice := [day for day, count in Counter(days).items() if count > 1]:
        raise ValueError(f"{columns[place]} is {min(twice)} in several rows; a line needs one row for each day")
    found = dict(zip(days, values, strict=True))
    return [Point(format_day(day), day, found[day]) for day in sorted(found)]


def is_number_or_null(value: Any) -> bool:
    """Whether a value of an answer can stand among numbers; True and False cannot."""
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))


def _read_number(column: str, value: Any) -> float | None:
    if is_number_or_null(value):
        number = value if value is None or isinstance(value, int) else float(value)
        return number if number is not None and isfinite(number) else None
    raise ValueError(f"{column} is not a number: {str(value)[:_LONGEST_NAMED]!r}; draw another column, or cast it")


def _read_day(column: str, value: Any) -> dt.date:
    if value is None:
        raise ValueError(f"{column} is NULL in a row, and a line needs a day for each; leave out such rows")
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date()
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    raise ValueError(f"{column} is not a day: {str(value)[:_LONGEST_NAMED]!r}; write cast({column} AS DATE)")


def take_rows(rows: Iterable[Row]) -> tuple[list[Row], bool]:
    """The first rows, as many as a page can hold, with long texts shortened, and whether anything is left out."""
    taken: list[Row] = []
    letters, is_shortened = 0, False
    for row in rows:
        short = tuple(map(_shorten, row))
        letters += sum(len(str(value)) for value in short)
        if len(taken) == _MOST_ROWS or letters > _MOST_LETTERS:
            return taken, True
        is_shortened |= any(one is not other for one, other in zip(short, row, strict=True))
        taken.append(short)
    return taken, is_shortened


def _shorten(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | Decimal | dt.date):
        return value
    text = str(value)
    return value if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
