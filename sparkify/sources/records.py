"""Where the records of a file begin and end, if they are not one a line: objects one after another, and arrays.

Only the structure is looked at: brackets, texts, commas and colons. Whatever stands for a number or a literal is taken
as it is, so that a record with NaN or with bytes that are no UTF-8 ends where its writer meant it to. Whether a record
is valid JSON is for the validator to say.
"""

import itertools
import re
from array import array
from bisect import bisect_left
from collections.abc import Generator, Iterator
from typing import Final

# Of a record and of a line. It is held in memory as a whole.
LONGEST_RECORD = 16 << 20
# Judging a longer one than this takes much memory for its bytes.
LONG_RECORD = 1 << 20
# Judging a record takes some 70 times its bytes, and more where it is nothing but short values or keys.
TIMES = 70
MOST_TIMES = 150
_BYTES_PER_VALUE = 260
IN_WORDS = f"{LONGEST_RECORD >> 20} MiB"

# Each is an object of its own in memory until it is in a bundle.
_MOST_RECORDS = 1 << 16

# What `find_end` returns in place of an end.
NEED_MORE: Final = -1
BROKEN: Final = -2

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_OPEN_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = b"{[]"

# Possessive repeats throughout: no pattern goes back over what it has taken.
_SPACE = rb"[ \t\r\n]*+"
_SEPARATORS = rb"(?:[ \t\r\n,]|\xef\xbb\xbf)*+"
# A text that reaches its end of line is broken: so one missing quote does not swallow the rest of the file.
_PLAIN = rb'[^"\\\n]*+'
_ESCAPED = rb"\\[^\n]" + _PLAIN
_TEXT = rb'"' + _PLAIN + rb'(?:"|(?:' + _ESCAPED + rb')++")'
_WHOLE_TEXT = re.compile(_TEXT)
_BARE = rb'[^ \t\r\n"{}\[\],:]++'
_KEY = _TEXT + _SPACE + rb":" + _SPACE
_SIMPLE = rb"(?:" + _TEXT + rb"|" + _BARE + rb")"
_CUT_TEXT = rb'"' + _PLAIN + rb"(?:" + _ESCAPED + rb")*+\\?\Z"


def _members(value: bytes) -> bytes:
    """Members of an object, each with its comma, or before the closing bracket."""
    return _SPACE + rb"(?:" + _KEY + value + _SPACE + rb"(?:," + _SPACE + rb"|(?=\})))*+"


def _elements(value: bytes) -> bytes:
    return _SPACE + rb"(?:" + value + _SPACE + rb"(?:," + _SPACE + rb"|(?=\])))*+"


def _nest(value: bytes) -> bytes:
    """A value that may be an object or an array of such values."""
    return rb"(?:" + _TEXT + rb"|" + _BARE + rb"|\{" + _members(value) + rb"\}|\[" + _elements(value) + rb"\])"


# One pattern takes what is nested so deep. What is deeper is taken bracket by bracket.
_SHALLOW = _nest(_nest(_SIMPLE))
_OBJECT = re.compile(rb"\{" + _members(_SHALLOW) + rb"\}")
_MEMBERS = re.compile(_members(_SHALLOW))
_ELEMENTS = re.compile(_elements(_SHALLOW))
# What stops the members: the object's end (group 1), a value that begins with a bracket (group 2), or the end of the
# data within a member.
_STOP_OF_MEMBERS = re.compile(
    rb"(\})|" + _KEY + rb"([{\[])|"
    rb"(?:" + _CUT_TEXT + rb"|" + _KEY + rb"(?:" + _CUT_TEXT + rb"|" + _SIMPLE + _SPACE + rb")?+\Z|"
    rb"(?:" + _TEXT + _SPACE + rb")?+\Z)"
)
_STOP_OF_ELEMENTS = re.compile(
    rb"(\])|([{\[])|(?:" + _CUT_TEXT + rb"|(?:" + _SIMPLE + _SPACE + rb")?+\Z)",
)
_NEXT = re.compile(_SPACE + rb"(?:," + _SPACE + rb"|(?=[}\]])|\Z)")

# Values that are no objects are records, too. A text before a colon is a piece of a broken object.
_SCALAR = (
    rb"(?:-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][-+]?[0-9]++)?+|true|false|null|NaN|-?Infinity)"
    rb"(?=[ \t\r\n,\[\]{}]|\Z)|" + _TEXT + rb"(?=" + _SPACE + rb"(?:[^ \t\r\n:]|\Z))"
)
_FIRST_SCALAR = re.compile(_SCALAR)
_SEPARATED = re.compile(_SEPARATORS)
# It matches everywhere, so that a search never goes on after the first place where no whole record stands.
_RECORD = re.compile(_SEPARATORS + rb"(?:(" + _OBJECT.pattern + rb")|)")


def find_end(data: bytes | bytearray, start: int, opened: "array[int] | None" = None) -> int:
    """Where the object or array that begins at `start` ends: the offset after its last bracket.

    NEED_MORE if the data end within it, BROKEN if it cannot become whole whatever follows. Brackets that are open where
    it stopped are added to `opened`. Takes linear time, and no recursion.
    """
    if whole := _OBJECT.match(data, start):
        return whole.end()
    opened = array("i") if opened is None else opened
    opened.append(start)
    position = start + 1
    while opened:
        is_object = data[opened[-1]] == _OPEN_OBJECT
        taken = (_MEMBERS if is_object else _ELEMENTS).match(data, position)
        position = taken.end() if taken else position
        stop = (_STOP_OF_MEMBERS if is_object else _STOP_OF_ELEMENTS).match(data, position)
        if stop is None:
            return BROKEN
        position = stop.end()
        if stop.lastindex == 2:
            opened.append(position - 1)
        elif stop.lastindex is None:
            return NEED_MORE
        else:
            opened.pop()
            following = _NEXT.match(data, position) if opened else None
            if opened and following is None:
                return BROKEN
            position = following.end() if following else position
    return position


def find_objects(line: bytes) -> "array[int]":
    """Start and end of each object of a line that holds nothing but whole objects, with separators around them.

    Empty for another line. Separators are white space, commas and byte-order marks.
    """
    places = array("i")
    position = skip_separators(line, 0)
    while position < len(line):
        end = find_end(line, position) if line[position] == _OPEN_OBJECT else BROKEN
        if end < 0:
            return array("i")
        places.extend((position, end))
        position = skip_separators(line, end)
    return places


def estimate_cost(data: bytes | bytearray) -> int:
    """About the bytes of memory that judging records takes if they are judged at the same time."""
    values = data.count(b",") + data.count(b"[") + data.count(b"{") + 2 * data.count(b":")
    return max(TIMES * len(data), 20 * len(data) + _BYTES_PER_VALUE * values)


def without_texts(data: bytes) -> bytes:
    """The data with their texts left empty, so that what stands in one does not count as a value."""
    return _WHOLE_TEXT.sub(b'""', data)


class Splitter:
    """Cuts the content of one file of objects or arrays into records, block by block.

    The brackets of outermost arrays are skipped. Broken text is one record: it ends before the next line that begins
    with `{`, indented no deeper than the first record. Every other record ends where its value ends. A record that
    spans blocks is looked at again each time that its bytes have doubled, so the time is linear.
    """

    def __init__(self) -> None:
        # Records so far, and whether an outermost array is open.
        self.count = 0
        self.in_array = False
        self._rest = b""
        self._coming: list[bytes] = []
        self._waiting = 0
        # The bytes of the current line before `_rest`.
        self._column = 0
        self._line_of_record: re.Pattern[bytes] | None = None

    def split(self, block: bytes, *, last: bool = False) -> Iterator[list[bytes]]:
        """The records that end in this block, in lists of bounded length. With `last`, nothing follows it.

        Raises ValueError for a record that is longer than 16 MiB.
        """
        self._coming.append(block)
        self._waiting += len(block)
        if not last and self._waiting < len(self._rest):
            return
        data = b"".join([self._rest, *self._coming])
        # Half of a byte-order mark is no text yet.
        cut = 0 if last else next((size for size in (2, 1) if data.endswith(BYTE_ORDER_MARK[:size])), 0)
        self._coming, self._waiting = [data[len(data) - cut :]], cut
        data = data[: len(data) - cut]
        position = yield from self._take_all(data, last)
        if self._line_of_record is None:
            self._column = self._column_of(data, position)
        self._rest = data[position:]

    def _take_all(self, data: bytes, last: bool) -> Generator[list[bytes], None, int]:
        """Yield the records of the data, up to the returned offset."""
        position = 0
        records: list[bytes] = []
        # Brackets that are known to have no end, in order.
        unended = array("i")
        while True:
            start = self._find_first(data, position) if self._line_of_record is None else position
            start = _take_objects(data, start, records)
            position = self._take_other(data, start, records, unended, last)
            is_end = position == start
            if is_end or len(records) >= _MOST_RECORDS:
                if len(data) > LONGEST_RECORD:
                    self._check(records, len(data) - position if is_end else 0)
                self.count += len(records)
                yield records
                records = []
            if is_end:
                return position

    def _find_first(self, data: bytes, position: int) -> int:
        """Skip separators and, before the first record, learn how deep that is indented."""
        start = skip_separators(data, position)
        if start < len(data) and data[start] != (_CLOSE_ARRAY if self.in_array else _OPEN_ARRAY):
            indent = b"%d" % self._column_of(data, start)
            self._line_of_record = re.compile(rb"\n(?:\xef\xbb\xbf)?[ \t]{0," + indent + rb"}\{")
        return start

    def _column_of(self, data: bytes, position: int) -> int:
        line_start = data.rfind(b"\n", 0, position) + 1
        return position - line_start if line_start else self._column + position

    def _take_other(self, data: bytes, start: int, records: list[bytes], unended: "array[int]", last: bool) -> int:
        """Take one thing that is no shallow object, and return where the next begins. `start` says: wait for more."""
        if start == len(data):
            return start
        if data[start] == (_CLOSE_ARRAY if self.in_array else _OPEN_ARRAY):
            self.in_array = not self.in_array
            return start + 1
        end = BROKEN if _holds(unended, start) else _find_value(data, start, unended, last)
        if end == NEED_MORE and not last:
            return start
        if end >= 0:
            records.append(data[start:end])
            return end
        following = self._line_of_record.search(data, start) if self._line_of_record else None
        if following is None and not last:
            return start
        end = following.start() + 1 if following else len(data)
        records.append(data[start:end].rstrip(b" \t\r\n,"))
        return end

    def _check(self, records: list[bytes], waiting: int) -> None:
        for number, size in enumerate([*map(len, records), waiting], self.count + 1):
            if size > LONGEST_RECORD:
                raise ValueError(f"record {number:,} is longer than {IN_WORDS}")


def _holds(ordered: "array[int]", value: int) -> bool:
    place = bisect_left(ordered, value)
    return place < len(ordered) and ordered[place] == value


def skip_separators(data: bytes | bytearray, position: int) -> int:
    """The offset of the first byte from `position` on that is no white space, comma or byte-order mark."""
    found = _SEPARATED.match(data, position)
    return found.end() if found else position


def _take_objects(data: bytes, start: int, records: list[bytes]) -> int:
    """Append shallow objects from `start` on; returns the first offset after them and their separators."""
    matches: Iterator[re.Match[bytes]] = _RECORD.finditer(data, start)
    for found in itertools.islice(matches, _MOST_RECORDS):
        start = found.end()
        record = found[1]
        if record is None:
            return start
        records.append(record)
    return skip_separators(data, start)


def _find_value(data: bytes, start: int, unended: "array[int]", last: bool) -> int:
    if data[start] in (_OPEN_OBJECT, _OPEN_ARRAY):
        opened = array("i")
        end = find_end(data, start, opened)
        if end == BROKEN or (end == NEED_MORE and last):
            # None of them ends either, so none has to be looked at again.
            unended.extend(opened)
        return end
    found = _FIRST_SCALAR.match(data, start)
    # What stands at the end of the data may go on.
    if found is None or (not last and skip_separators(data, found.end()) == len(data)):
        return BROKEN
    return found.end()
