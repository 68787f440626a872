"""Formats of values for people, and of rows for programs: CSV, JSON and newline-delimited JSON."""

import codecs
import csv
import dataclasses
import datetime as dt
import itertools
import json
import math
import pprint
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TextIO

from sparkify.errors import UsageError

FORMATS = ("table", "csv", "json", "ndjson", "markdown")


# Smaller fractions are written with an exponent.
_MOST_DECIMALS = 9
# A log that ends so long before it is loaded is one of the past, which is not waited for.
_LONG_AGO_SECONDS = 35 * 86_400
# Of a result in Python.
_WIDTH, _MOST_LINES = 110, 20


def format_value(value: object) -> str:
    """A value as a cell of a table: NULL is empty, a fraction has four decimals or digits, a moment no empty ones."""
    if value is None:
        return ""
    if isinstance(value, float):
        return _format_fraction(value)
    if isinstance(value, dt.datetime) and value.tzinfo is None:
        return value.isoformat(" ", "milliseconds" if value.microsecond % 1_000 == 0 else "microseconds").removesuffix(
            ".000"
        )
    return str(value)


def _format_fraction(value: float) -> str:
    if not math.isfinite(value) or value == 0:
        return str(value).removesuffix(".0")
    # The place of the first digit that is not zero, after the point.
    place = -math.floor(math.log10(abs(value)))
    if place > _MOST_DECIMALS:
        return f"{value:.4g}"
    return f"{value:,.{max(4, place + 3)}f}".rstrip("0").rstrip(".")


def format_number(value: float | int | None) -> str:
    """A number for people: whole numbers with thousands separators, others with three or more significant digits."""
    if value is None:
        return "–"
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{decimals}f}"


def count_of(number: int, one: str) -> str:
    """1 play, 2 plays."""
    return f"{format_number(number)} {one}{'' if number == 1 else 's'}"


def name_some(names: Sequence[str], most: int = 5) -> str:
    """The first names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def format_share(share: float | None) -> str:
    """A share as a percentage, more precise if small; a share just below 1 is not shown as 100%."""
    if share is None:
        return "–"
    percent = 100 * share
    if 99.95 <= percent < 100:
        return "over 99.9%"
    return f"{percent:.3g}%" if percent < 1 else f"{percent:.1f}".removesuffix(".0") + "%"


def exact_share(share: float) -> str:
    """A share from 0 to 1 as a percentage with the precision of the tables."""
    return f"{format_value(100 * share)}%"


def format_change(later: float | None, earlier: float | None) -> str | None:
    """The change from an earlier to a later number, as +12% or -3%; None if one is missing or the earlier is 0."""
    if later is None or not earlier:
        return None
    change = 100 * (later / earlier - 1)
    digits = f"{abs(change):.0f}" if abs(change) >= 10 else f"{abs(change):.1f}"
    sign = "±" if digits == "0.0" else "+" if change > 0 else "−"
    return f"{sign}{digits}%"


def format_bytes(size: float) -> str:
    """A size for people: 474.5 MB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"


def format_age(seconds: float) -> str:
    """A duration in the largest unit of which it has two or more: 36 hours."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.0f} seconds"


def describe_lag(seconds: float | None) -> str:
    """How old the newest event was when the last load ended, in words; empty for events of long ago."""
    if seconds is None or seconds > _LONG_AGO_SECONDS:
        return ""
    if seconds < 0:
        return f"{format_age(-seconds)} after the end of the last load"
    return f"{format_age(seconds)} old when the last load ended"


def format_day(day: dt.date) -> str:
    """Thu 1 Nov 2018."""
    return f"{day:%a} {day.day} {day:%b %Y}"


def format_period(first: dt.date, last: dt.date) -> str:
    """1 Nov to 30 Nov 2018; both years if they differ."""
    end = f"{last.day} {last:%b %Y}"
    if first == last:
        return end
    return f"{first.day} {first:%b}{'' if first.year == last.year else f' {first:%Y}'} to {end}"


def printable(text: str) -> str:
    """A text from the data, a path or an error, with characters that could disturb a terminal escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Counted:
    """Rows as they come, and how many have come."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Any]:
        for row in self._rows:
            self.count += 1
            yield row


def write_object(stream: TextIO, beginning: dict[str, Any], name: str, items: Iterable[Any]) -> None:
    """Write one line with a JSON object: what it begins with, and last a list, item by item."""
    escaped = needs_escapes(stream)
    stream.write(f"{to_json(beginning, escaped=escaped)[:-1]}, {to_json(name, escaped=escaped)}: [")
    separator = ""
    for item in items:
        stream.write(separator + to_json(item, escaped=escaped))
        separator = ", "
    stream.write("]}\n")


def write_rows(stream: TextIO, form: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write an answer as `csv` (RFC 4180), `json` (a list of objects), `ndjson` (an object a line) or `markdown`.

    Raises UsageError if two columns share a name and the format has objects.
    """
    _WRITERS[form](stream, columns, rows)


def needs_escapes(stream: TextIO) -> bool:
    """Whether JSON in this stream has to be ASCII: JSON is UTF-8, and the stream has another encoding."""
    return codecs.lookup(stream.encoding or "utf-8").name != "utf-8"


def to_json(value: object, *, escaped: bool = False) -> str:
    r"""A value as one line of JSON; `escaped` writes what is not ASCII as \uXXXX.

    Raises UsageError for a value that is nested too deeply.
    """
    try:
        return json.dumps(_jsonable(value), ensure_ascii=escaped, allow_nan=False)
    except RecursionError:
        raise UsageError("a value is nested too deeply to be written as JSON; ask for a part of it") from None


def _jsonable(value: object) -> object:
    """A value that JSON can express: NaN and Infinity become null; keys and unknown types become text."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(_jsonable(key)): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return value.isoformat() if isinstance(value, dt.datetime | dt.date) else str(value)


def _write_csv(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    # Text is not changed, even if a spreadsheet would read it as a formula.
    writer = csv.writer(stream)
    writer.writerow(columns)
    writer.writerows([_csv_field(value) for value in row] for row in rows)


def _csv_field(value: object) -> object:
    return to_json(value) if isinstance(value, bool | dict | list | tuple) else _jsonable(value)


def _write_json(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    separator = "[\n"
    for text in _objects(columns, rows):
        stream.write(separator + text)
        separator = ",\n"
    stream.write("[]\n" if separator == "[\n" else "\n]\n")


def _write_ndjson(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    stream.writelines(f"{text}\n" for text in _objects(columns, rows))


def _write_markdown(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    coming = iter(rows)
    first = list(itertools.islice(coming, 1))
    numeric = [bool(first) and isinstance(first[0][place], int | float) for place in range(len(columns))]
    stream.write(_markdown_line(columns) + _markdown_line(["---:" if right else "---" for right in numeric]))
    for row in itertools.chain(first, coming):
        stream.write(_markdown_line([format_value(value) for value in row]))


def _markdown_line(cells: Sequence[str]) -> str:
    escaped = [re.sub(r"\r\n?|\n", "<br>", re.sub(r"([\\|`*<])", r"\\\1", cell)) for cell in cells]
    return f"| {' | '.join(map(printable, escaped))} |\n"


def require_distinct(columns: Sequence[str]) -> None:
    """Raises UsageError if two columns share a name."""
    shared = [name for name, count in Counter(columns).items() if count > 1]
    if shared:
        raise UsageError(f"several columns are named {shared[0]}; give each its own name with AS")


def _objects(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    require_distinct(columns)
    for row in rows:
        yield to_json(dict(zip(columns, row, strict=True)))


class Shown:
    """A dataclass that is printed one field a line, without what is empty, and long values shortened."""

    def __repr__(self) -> str:
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        shown = (_lay_out(f"    {name}=", value) for name, value in fields.items() if value not in (None, [], {}))
        return "\n".join([f"{type(self).__name__}(", *shown, ")"])


def _lay_out(before: str, value: object) -> str:
    lines = pprint.pformat(value, width=_WIDTH, compact=True, sort_dicts=False).splitlines()
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"… {count_of(len(lines) - _MOST_LINES, 'more line')}"]
    return before + f"\n{' ' * len(before)}".join(lines) + ","


_Writer = Callable[[TextIO, Sequence[str], Iterable[Sequence[Any]]], None]
_WRITERS: dict[str, _Writer] = {
    "csv": _write_csv,
    "json": _write_json,
    "ndjson": _write_ndjson,
    "markdown": _write_markdown,
}
