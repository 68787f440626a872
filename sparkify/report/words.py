"""How numbers and days read, and which rows of a ranking a drawing has room for."""

import datetime as dt
import unicodedata
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sparkify.formats import format_value

_MOST_DRAWN = 40
_MOST_PLACES = 20
# Classes of Unicode's bidirectional algorithm that make letters stand from right to left, or can.
_TURNING = {"R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI", "PDF", "PDI"}
_OPENING, _CLOSING = {"LRI", "RLI", "FSI"}, {"PDI"}


def format_number(value: float | int | None) -> str:
    """A number a person reads: whole ones with thousands set apart, others with three significant digits or more."""
    if value is None:
        return "–"
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{decimals}f}"


def exact_share(share: float) -> str:
    """A share from 0 to 1 as a percentage, as exact as the tables are."""
    return f"{format_value(100 * share)}%"


def format_change(later: float | None, earlier: float | None) -> str | None:
    """The change from an earlier to a later number, as +12% or -3%; None where there is nothing to compare with."""
    if later is None or not earlier:
        return None
    change = 100 * (later / earlier - 1)
    digits = f"{abs(change):.0f}" if abs(change) >= 10 else f"{abs(change):.1f}"
    sign = "±" if digits == "0.0" else "+" if change > 0 else "−"
    return f"{sign}{digits}%"


def format_day(day: dt.date) -> str:
    """Thu 1 Nov 2018."""
    return f"{day:%a} {day.day} {day:%b %Y}"


def format_period(first: dt.date, last: dt.date) -> str:
    """1 Nov to 30 Nov 2018, with each year where there are two."""
    end = f"{last.day} {last:%b %Y}"
    if first == last:
        return end
    return f"{first.day} {first:%b}{'' if first.year == last.year else f' {first:%Y}'} to {end}"


def count_of(number: int, one: str) -> str:
    """1 play, 2 plays."""
    return f"{format_number(number)} {one}{'' if number == 1 else 's'}"


def isolate(name: str) -> str:
    """A name from the data, fit to stand among other words: it does not turn them round, whatever it opens or closes.

    As many isolates are opened before it as it closes, and as many closed after it as it opens, and one more of each.
    What separates paragraphs would end them all, so it becomes a blank.
    """
    classes = [unicodedata.bidirectional(letter) for letter in name]
    if _TURNING.isdisjoint(classes):
        return name
    opened, closed = (sum(one in kind for one in classes) for kind in (_OPENING, _CLOSING))
    text = "".join(" " if one == "B" else letter for one, letter in zip(classes, name, strict=True))
    return "\u2068" * (closed + 1) + text + "\u2069" * (opened + 1)


def list_places(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that a drawing of a ranking shows: the first places by plays, each with all that share it.

    A place that does not fit as a whole is left out with all after it.
    """
    shown: list[dict[str, Any]] = []
    for _, group in groupby(records, lambda record: record["plays"]):
        rows = list(group)
        if len(shown) >= _MOST_PLACES or len(shown) + len(rows) > _MOST_DRAWN:
            break
        shown += rows
    return shown
