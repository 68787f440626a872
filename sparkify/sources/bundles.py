"""Bundles: whole records of one or more files in one buffer, read ahead in a thread. Records are bytes here."""

import array
import contextlib
import io
import itertools
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sparkify.errors import SourceError
from sparkify.settings import S3Access
from sparkify.sources.content import READ_BYTES, StoredFile, open_content, open_files, unreadable
from sparkify.sources.file import SourceFile
from sparkify.sources.records import (
    BYTE_ORDER_MARK,
    LONG_RECORD,
    LONGEST_RECORD,
    TIMES,
    Splitter,
    estimate_cost,
    without_texts,
)
from sparkify.sources.shape import Shape, read_head

_MOST_AHEAD = 4
_MOST_SECONDS_TO_STOP = 2
# Each record costs 12 bytes beside its own: so a bundle of short ones is bounded by their number, too.
_MOST_RECORDS = 1 << 17
_SPACE = b" \t\r\n"
_DEFAULT_ACCESS = S3Access()


class FileRead(NamedTuple):
    """How reading one file ended: its size and fingerprint, or the error that makes the file fail.

    `shape` says how its records stand in it: `lines`, `objects`, `array`, or `empty` where there are none. `notes` are
    sentences about what a user may not expect of it, for a warning. `state` is that of a local file, if it is still the
    listed one.
    """

    source_id: int
    size: int = 0
    fingerprint: str = ""
    error: str | None = None
    shape: Shape = "lines"
    notes: tuple[str, ...] = ()
    state: str | None = None


@dataclass
class Bundle:
    """Whole records of one or more files, in one buffer.

    Record i is `data[ends[i]:ends[i + 1]]`, ended by a line end. It belongs to file `source_ids[i]`. In a file of lines
    it is the physical line `lines[i]` (from 1), whatever that holds; most blank lines are left out. In a file of
    objects or arrays it is the record of that number (from 1), and its text may hold line ends. `finished` lists the
    files whose last record is in this bundle or an earlier one. `has_long` says that a record is longer than 1 MiB.
    """

    data: bytes | bytearray
    ends: "array.array[int]"
    source_ids: "array.array[int]"
    lines: "array.array[int]"
    finished: list[FileRead] = field(default_factory=list)
    has_long: bool = False

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def any_source_id(self) -> int:
        """The id of one of its files."""
        return self.source_ids[0] if self.source_ids else self.finished[0].source_id


def read_bundles(
    *groups: Sequence[tuple[int, SourceFile]],
    bundle_bytes: int,
    access: S3Access = _DEFAULT_ACCESS,
    longest: int = LONGEST_RECORD,
) -> Generator[Bundle, None, None]:
    """Read (source id, file) pairs in order and cut them into bundles of about `bundle_bytes`.

    The first bundle of a group is small, so that the consumer can begin early and learn from it. No bundle holds files
    of two groups. A thread reads a few bundles ahead, so memory does not grow with the data. Each file is in exactly
    one bundle's `finished`. A line or record of more than `longest` bytes (1 to 16 MiB) makes its file fail. If reading
    a file fails halfway, earlier bundles may hold records of it, which the caller has to drop.
    """
    return _run_ahead(lambda: (bundle for files in groups for bundle in _bundle(files, bundle_bytes, access, longest)))


class _Filling:
    """A bundle being filled; its last line may be incomplete."""

    def __init__(self, rest: bytes | bytearray = b"") -> None:
        self.data = bytearray(rest)
        self._ends = array.array("i", [0])
        self._source_ids = array.array("i")
        self._lines = array.array("i")
        self.finished: list[FileRead] = []
        self.has_long = False

    def add(self, block: bytes, source_id: int, next_line: int) -> int:
        """Add a block of one file's lines; returns the line number at which its next block begins or continues."""
        first_end = block.find(b"\n") + 1
        # A block has at most 1 MiB, so only its first line can be longer.
        self.has_long = self.has_long or (first_end > 0 and self.unended + first_end > LONG_RECORD)
        if 0 < first_end < len(block):
            return self._add_lines(block, source_id, next_line)
        # Most small files have one line.
        if first_end and not self.unended and block.isspace() and not block.strip(_SPACE):
            return next_line + 1
        self.data += block
        if not first_end:
            return next_line
        self._end_line(source_id, next_line)
        return next_line + 1

    def _add_lines(self, block: bytes, source_id: int, next_line: int) -> int:
        # Reading lines from BytesIO is the fastest way to find their ends, and an array takes a list faster than an
        # iterator.
        lines = io.BytesIO(block).readlines()
        rest = b"" if block.endswith(b"\n") else lines.pop()
        numbers = list(range(next_line, next_line + len(lines)))
        following = next_line + len(lines)
        if min(lines) < b"!" or max(lines) >= BYTE_ORDER_MARK:
            has_text = _tell_text(lines)
            # It may only end a line.
            has_text[0] = has_text[0] or self.unended > 0
            lines, numbers = list(itertools.compress(lines, has_text)), list(itertools.compress(numbers, has_text))
            block = b"".join([*lines, rest])
        ends = list(itertools.accumulate(map(len, lines), initial=len(self.data)))
        self.data += block
        self._ends.fromlist(ends[1:])
        self._source_ids.extend(array.array("i", [source_id]) * len(lines))
        self._lines.fromlist(numbers)
        return following

    def add_records(self, records: list[bytes], source_id: int, first: int) -> int:
        """Add records of one file, the first of them of this number; returns the number of the next one."""
        if not records:
            return first
        ends = itertools.accumulate((len(record) + 1 for record in records), initial=len(self.data))
        self._ends.fromlist(list(ends)[1:])
        self.has_long = self.has_long or max(map(len, records)) > LONG_RECORD
        self.data += b"\n".join([*records, b""])
        self._source_ids.extend(array.array("i", [source_id]) * len(records))
        self._lines.fromlist(list(range(first, first + len(records))))
        return first + len(records)

    def close(self, source_id: int, line: int) -> None:
        """End the last line of a file, if it has no line end."""
        if self.unended:
            self.has_long = self.has_long or self.unended > LONG_RECORD
            self.data += b"\n"
            self._end_line(source_id, line)

    def _end_line(self, source_id: int, line: int) -> None:
        self._ends.append(len(self.data))
        self._source_ids.append(source_id)
        self._lines.append(line)

    @property
    def unended(self) -> int:
        """The number of bytes of an incomplete last line."""
        return len(self.data) - self._ends[-1]

    @property
    def unended_data(self) -> bytes:
        return bytes(self.data[self._ends[-1] :])

    def drop_unended(self) -> None:
        del self.data[self._ends[-1] :]

    def split(self) -> "tuple[Bundle, _Filling]":
        """The bundle of all complete lines, and the rest."""
        rest = _Filling(self.data[self._ends[-1] :])
        self.drop_unended()
        return Bundle(self.data, self._ends, self._source_ids, self._lines, self.finished, self.has_long), rest

    def is_full(self, wanted_bytes: int) -> bool:
        return len(self.data) >= wanted_bytes or len(self._lines) >= _MOST_RECORDS

    def __bool__(self) -> bool:
        return bool(self._lines or self.finished)


def _tell_text(lines: list[bytes]) -> list[bool]:
    """Whether each line holds more than white space and byte-order marks. These cost the engine more than a record."""
    texts: Iterable[bytes] = lines
    if max(lines) >= BYTE_ORDER_MARK:
        texts = map(bytes.replace, lines, itertools.repeat(BYTE_ORDER_MARK), itertools.repeat(b""))
    return list(map(bool, map(bytes.strip, texts, itertools.repeat(_SPACE))))


class _Reading:
    """One file being read, piece by piece. `next` is the number of its next line or record."""

    def __init__(self, source_id: int, file: SourceFile, stored: StoredFile, longest: int) -> None:
        self._longest = longest
        self._source_id = source_id
        self._file = file
        self._stored = stored
        self._shape: Shape = "empty"
        self._notes: list[str] = []
        self._next = 1

    def pieces(self) -> Iterator[bytes | list[bytes]]:
        """Blocks of lines, or lists of records."""
        content = open_content(self._stored, self._notes)
        self._shape, data, self._next = read_head(content)
        blocks = itertools.chain((data[at : at + READ_BYTES] for at in range(0, len(data), READ_BYTES)), content)
        if self._shape == "lines":
            yield from blocks
            return
        splitter = Splitter()
        for block in itertools.chain(blocks, [None]):
            yield from splitter.split(block or b"", last=block is None)
        if splitter.in_array:
            self._notes.append("its array is not closed at the end; was the file cut off?")

    def add(self, piece: bytes | list[bytes], filling: _Filling) -> None:
        """Raises ValueError for a line or record that is too long."""
        if isinstance(piece, list):
            if max(map(len, piece), default=0) > LONG_RECORD:
                for number, record in enumerate(piece, self._next):
                    self._check("record", number, len(record))
                    self._check_cost("record", number, record)
            self._next = filling.add_records(piece, self._source_id, self._next)
        else:
            if filling.unended + len(piece) > LONG_RECORD and (end := piece.find(b"\n")) >= 0:
                self._check_cost("line", self._next, filling.unended_data + piece[:end])
            if filling.unended + len(piece) > self._longest:
                end = piece.find(b"\n")
                self._check("line", self._next, filling.unended + (len(piece) if end < 0 else end))
            self._next = filling.add(piece, self._source_id, self._next)

    def _check(self, unit: str, number: int, size: int) -> None:
        if size > self._longest:
            reason = (
                "" if self._longest == LONGEST_RECORD else ", the most with this memory limit; raise --memory-limit"
            )
            raise ValueError(f"{unit} {number:,} is longer than {self._longest >> 20} MiB{reason}")

    def _check_cost(self, unit: str, number: int, record: bytes) -> None:
        """Judging takes memory for each value, too, however short it is."""
        if len(record) > LONG_RECORD and estimate_cost(without_texts(record)) > self._longest * TIMES:
            raise ValueError(
                f"{unit} {number:,} has {len(record) >> 20} MiB of so many values that judging it takes more than the "
                "memory limit; is it a record? Raise --memory-limit, or take it out"
            )

    def close(self, filling: _Filling) -> FileRead:
        """End the last line; call it when there are no more pieces. Raises ValueError like `add`."""
        if filling.unended > LONG_RECORD:
            self._check_cost("line", self._next, filling.unended_data)
        filling.close(self._source_id, self._next)
        stored = self._stored
        notes = tuple([f"{self._file.url}: {note}" for note in self._notes])
        return FileRead(self._source_id, stored.size, stored.fingerprint, None, self._shape, notes, stored.state)


def _bundle(
    files: Sequence[tuple[int, SourceFile]], bundle_bytes: int, access: S3Access, longest: int
) -> Iterator[Bundle]:
    filling, wanted_bytes = _Filling(), min(READ_BYTES, bundle_bytes)
    with open_files(files, access) as stored_of:
        for place, (source_id, file) in enumerate(files):
            reading = _Reading(source_id, file, stored_of(place), longest)
            try:
                for piece in reading.pieces():
                    reading.add(piece, filling)
                    if filling and filling.is_full(wanted_bytes):
                        bundle, filling = filling.split()
                        yield bundle
                        wanted_bytes = bundle_bytes
                end = reading.close(filling)
            except (OSError, EOFError, ValueError, SourceError) as error:
                end = FileRead(source_id, error=str(unreadable(file, error)))
                filling.drop_unended()
            filling.finished.append(end)
    if filling:
        yield filling.split()[0]


_End = tuple[Bundle | None, BaseException | None]


def _run_ahead(produce: Callable[[], Iterator[Bundle]]) -> Generator[Bundle, None, None]:
    """The items of `produce()`, made in a thread that runs a few items ahead and stops with the consumer."""
    ready: queue.Queue[_End] = queue.Queue(maxsize=_MOST_AHEAD)
    stopped = threading.Event()

    def put(item: _End) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                return ready.put(item, timeout=0.1)

    def work() -> None:
        error: BaseException | None = None
        try:
            for bundle in produce():
                put((bundle, None))
                if stopped.is_set():
                    return
        except BaseException as caught:
            error = caught
        put((None, error))

    thread = threading.Thread(target=work, name="sparkify-reader", daemon=True)
    thread.start()
    try:
        while True:
            bundle, error = ready.get()
            if error is not None:
                raise error
            if bundle is None:
                return
            yield bundle
    finally:
        stopped.set()
        # A request without an answer is left to itself.
        thread.join(_MOST_SECONDS_TO_STOP)
