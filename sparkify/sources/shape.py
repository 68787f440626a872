"""The shape of a file, told by its content: records in lines, objects one after another, or arrays.

The first line that is not blank tells, where it is broken also those that follow: docs/sources.md has the rule.
"""

import io
import itertools
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from sparkify.sources.kinds import FIRST_BYTES, describe_other_kind, has_other_beginning
from sparkify.sources.records import IN_WORDS, LONGEST_RECORD, NEED_MORE, find_end, skip_separators

Shape = Literal["lines", "objects", "array", "empty"]
_MOST_LINES = 1_000
_SPACE = b" \t\r\n"
_LEADING = re.compile(rb"(?:[ \t\r\n]|\xef\xbb\xbf)*+")
_NEW_LINE = b"\n"
_ENOUGH = 64 << 10


class Head(NamedTuple):
    """The beginning of a file: as much as it takes to tell its shape. Its first byte is on physical line `line`."""

    shape: Shape
    data: bytes
    line: int = 1


def read_head(blocks: Iterator[bytes]) -> Head:
    """Read blocks until the shape of the file is known.

    Raises ValueError if it is no JSON, or if its first line or record is longer than 16 MiB.
    """
    data, line, wanted, has_line_end = bytearray(), 1, FIRST_BYTES, False
    for block in blocks:
        data += block
        has_line_end = has_line_end or b"\n" in block
        # Most small files are one line without an end: these are looked at once, when they are whole.
        if len(data) >= wanted and (has_line_end or len(data) >= _ENOUGH):
            if shape := _tell(data, line, is_whole=False):
                return Head(shape, bytes(data), line)
            line += _drop_blank_lines(data)
            # Each look takes a time that follows the size: looking when it has doubled keeps that linear.
            wanted = min(2 * len(data), LONGEST_RECORD + 1)
    return Head(_tell(data, line, is_whole=True) or "lines", bytes(data), line)


def _drop_blank_lines(data: bytearray) -> int:
    """Drop a long run of blank lines, so that memory is bounded; returns how many lines went."""
    if len(data) < _ENOUGH or data.strip(_SPACE):
        return 0
    dropped = data.count(b"\n")
    del data[: data.rfind(b"\n") + 1]
    return dropped


def _tell(data: bytearray, line: int, *, is_whole: bool) -> Shape | None:
    """The shape of a file that begins with these data, or None if more of them are needed to tell.

    `is_whole` says that the file ends with the data.
    """
    if has_other_beginning(data):
        raise ValueError(describe_other_kind(data))
    start = _skip_space(data, 0)
    if start == len(data):
        shape: Shape | None = "empty" if is_whole else None
    elif data[start] == ord("["):
        shape = _tell_array(data, start, is_whole=is_whole)
    elif data[start] == ord("{"):
        shape = _tell_objects(data, start, is_whole=is_whole)
    else:
        shape = _tell_by_lines(data, is_whole=is_whole)
        if shape is None and (is_whole or _holds_all_lines(data)):
            raise ValueError(describe_other_kind(data))
    if shape is None and len(data) > LONGEST_RECORD:
        place = f"line {line + data.count(_NEW_LINE, 0, start):,}" if _NEW_LINE not in data[start:] else "record 1"
        raise ValueError(f"{place} is longer than {IN_WORDS}")
    return shape


def _tell_array(data: bytearray, start: int, *, is_whole: bool) -> Shape | None:
    """It is an array unless its first line is a whole value, and another value than an array follows."""
    end = data.find(_NEW_LINE, start)
    is_all = is_whole or len(data) > LONGEST_RECORD
    if end < 0:
        return "array" if is_all else None
    first = bytes(data[start:end]).rstrip(_SPACE)
    following = _skip_space(data, end)
    if find_end(first, 0) != len(first) or data[following : following + 1] == b"[":
        return "array"
    if following == len(data):
        return "array" if is_all else None
    return "lines"


def _tell_objects(data: bytearray, start: int, *, is_whole: bool) -> Shape | None:
    end = find_end(data, start)
    if end == NEED_MORE and not is_whole:
        return None
    if end < 0:
        return _tell_by_lines(data, is_whole=is_whole, otherwise="objects")
    line_end = data.find(_NEW_LINE, start)
    if 0 <= line_end < end:
        return "objects"
    following = skip_separators(data, end)
    if data[following : following + 1] == b"{" and not 0 <= line_end < following:
        return "objects"
    if line_end < 0 and not is_whole:
        return None
    line_end = len(data) if line_end < 0 else line_end
    if not data[end:line_end].strip(_SPACE):
        return "lines"
    if following >= line_end:
        return "objects"
    return _tell_by_lines(data, is_whole=is_whole, otherwise="objects")


def _tell_by_lines(data: bytearray, *, is_whole: bool, otherwise: Shape | None = None) -> Shape | None:
    """Lines, if one of the first 1,000 is an object by itself. Else `otherwise`, once they are all there."""
    lines = io.BytesIO(data).readlines(LONGEST_RECORD)
    if not is_whole and not lines[-1].endswith(_NEW_LINE):
        lines.pop()
    if any(map(_is_object, itertools.islice(lines, _MOST_LINES))):
        return "lines"
    return otherwise if is_whole or _holds_all_lines(data) else None


def _holds_all_lines(data: bytearray) -> bool:
    """Whether no more data are read to look for an object in the first 1,000 lines."""
    return len(data) > LONGEST_RECORD or data.count(_NEW_LINE) >= _MOST_LINES


def _is_object(line: bytes) -> bool:
    text = line[_skip_space(line, 0) :].rstrip(_SPACE)
    return text.startswith(b"{") and find_end(text, 0) == len(text)


def _skip_space(data: bytes | bytearray, position: int) -> int:
    found = _LEADING.match(data, position)
    return found.end() if found else position
