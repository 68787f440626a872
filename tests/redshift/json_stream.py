"""A file of JSON objects as COPY sees it: a stream of values between white space, numbers kept as they are written."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.redshift.grammar import unknown

# DG copy-parameters-data-format: of one object or array.
LONGEST_OBJECT = 4 * 1024 * 1024


class Number(str):
    """A number's text in the file."""


@dataclass(frozen=True)
class Item:
    """One value, or where `value` is None one occurrence of text that is none. `line` is its last line, from 1."""

    raw: str
    line: int
    value: dict[str, object] | list[object] | None


_SPACE = re.compile(r"[ \t\r\n]*")
_GARBAGE = re.compile(r"[^{\[\n]+")


def read_items(data: bytes) -> Iterator[Item]:
    """The values in order. A byte that is no UTF-8 is a surrogate from U+DC80 on in them."""
    text = data.decode("utf-8", "surrogateescape")
    decoder = json.JSONDecoder(
        object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=_constant
    )
    place, line, counted = 0, 1, 0
    while (place := _end_of_space(text, place)) < len(text):
        value, end = _read(decoder, text, place)
        line += text.count("\n", counted, end)
        counted = end
        yield Item(text[place:end], line, value)
        place = end


def is_too_large(raw: str) -> bool:
    return len(raw) * 4 > LONGEST_OBJECT and len(raw.encode("utf-8", "surrogateescape")) > LONGEST_OBJECT


def render(value: object) -> str:
    """JSON text of a value, as one that is loaded into a text column."""
    if isinstance(value, dict):
        return (
            "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{render(one)}" for key, one in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(render, value)) + "]"
    return str(value) if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)


def _end_of_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _read(decoder: json.JSONDecoder, text: str, place: int) -> tuple[dict[str, object] | list[object] | None, int]:
    """Text that is no JSON ends with its line, or before the next value if nothing but a comma stands between."""
    if text[place] not in "{[":
        found = _GARBAGE.match(text, place)
        return None, found.end() if found else place + 1
    try:
        value, end = decoder.raw_decode(text, place)
    except (json.JSONDecodeError, RecursionError):
        end = text.find("\n", place)
        return None, len(text) if end < 0 else end
    return value, end


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # Which of them wins is nowhere written.
        raise unknown("a JSON object with a key twice")
    return found


def _constant(text: str) -> object:
    raise json.JSONDecodeError("NaN and Infinity are no JSON", text, 0)
