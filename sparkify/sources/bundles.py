"""Bundles: whole lines of one or more files in one buffer, read ahead in a thread. Lines are bytes here."""

import array
import contextlib
import io
import itertools
import queue
import threading
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sparkify.errors import SourceError
from sparkify.settings import S3Access
from sparkify.sources.content import READ_BYTES, StoredFile, open_blocks, open_content, unreadable
from sparkify.sources.file import SourceFile

_MOST_AHEAD = 8
_DEFAULT_ACCESS = S3Access()
# A bundle's offsets are 32-bit, and a line is held in memory as a whole.
_LONGEST_LINE = 256 << 20


class FileRead(NamedTuple):
    """How reading one file ended: its size and fingerprint, or the error that makes the file fail."""

    source_id: int
    size: int = 0
    fingerprint: str = ""
    error: str | None = None


@dataclass
class Bundle:
    """Whole lines of one or more files, in one buffer.

    Line i is `data[ends[i]:ends[i + 1]]` (with its terminator). It is physical line `lines[i]` (from 1) of file
    `source_ids[i]`. `finished` lists the files whose last line is in this bundle or an earlier one.
    """

    data: bytes | bytearray
    ends: "array.array[int]"
    source_ids: "array.array[int]"
    lines: "array.array[int]"
    finished: list[FileRead] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def any_source_id(self) -> int:
        """The id of one of its files."""
        return self.source_ids[0] if self.source_ids else self.finished[0].source_id


def read_bundles(
    *groups: Sequence[tuple[int, SourceFile]], bundle_bytes: int, access: S3Access = _DEFAULT_ACCESS
) -> Generator[Bundle, None, None]:
    """Read (source id, file) pairs in order and cut them into bundles of about `bundle_bytes`.

    The first bundle of a group is small, so that the consumer can begin early and learn from it. No bundle holds files
    of two groups. A thread reads a few bundles ahead, so memory does not grow with the data. Each file is in exactly
    one bundle's `finished`. If reading a file fails halfway, earlier bundles may hold lines of it, which the caller has
    to drop.
    """
    return _run_ahead(lambda: (bundle for files in groups for bundle in _bundle(files, bundle_bytes, access)))


class _Filling:
    """A bundle being filled; its last line may be incomplete."""

    def __init__(self, rest: bytes | bytearray = b"") -> None:
        self.data = bytearray(rest)
        self._ends = array.array("i", [0])
        self._source_ids = array.array("i")
        self._lines = array.array("i")
        self.finished: list[FileRead] = []

    def add(self, block: bytes, source_id: int, next_line: int) -> int:
        """Add a block of one file's content; returns the line number at which its next block begins or continues."""
        first_end = block.find(b"\n") + 1
        if 0 < first_end < len(block):
            return self._add_lines(block, source_id, next_line)
        # Most small files have one line.
        self.data += block
        if not first_end:
            return next_line
        self._end_line(source_id, next_line)
        return next_line + 1

    def _add_lines(self, block: bytes, source_id: int, next_line: int) -> int:
        # Reading lines from BytesIO is the fastest way to find their ends, and an array takes a list faster than an
        # iterator.
        ends = list(itertools.accumulate(map(len, io.BytesIO(block)), initial=len(self.data)))
        if not block.endswith(b"\n"):
            ends.pop()
        self.data += block
        if count := len(ends) - 1:
            self._ends.fromlist(ends[1:])
            self._source_ids.extend(array.array("i", [source_id]) * count)
            self._lines.fromlist(list(range(next_line, next_line + count)))
        return next_line + count

    def close(self, source_id: int, line: int) -> None:
        """End the last line of a file, if it has no line end."""
        if self.unended:
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

    def drop_unended(self) -> None:
        del self.data[self._ends[-1] :]

    def split(self) -> "tuple[Bundle, _Filling]":
        """The bundle of all complete lines, and the rest."""
        rest = _Filling(self.data[self._ends[-1] :])
        self.drop_unended()
        return Bundle(self.data, self._ends, self._source_ids, self._lines, self.finished), rest

    def __bool__(self) -> bool:
        return bool(self._lines or self.finished)


def _bundle(files: Sequence[tuple[int, SourceFile]], bundle_bytes: int, access: S3Access) -> Iterator[Bundle]:
    filling, wanted_bytes = _Filling(), min(READ_BYTES, bundle_bytes)
    with open_blocks(files, access) as blocks_of:
        for place, (source_id, file) in enumerate(files):
            stored = StoredFile(file, blocks_of(place))
            line = 1
            try:
                for block in open_content(file, stored):
                    line = filling.add(block, source_id, line)
                    if filling.unended > _LONGEST_LINE:
                        raise ValueError(
                            f"it holds a line of more than {_LONGEST_LINE >> 20} MiB; is it a file of JSON lines?"
                        )
                    if filling and len(filling.data) >= wanted_bytes:
                        bundle, filling = filling.split()
                        yield bundle
                        wanted_bytes = bundle_bytes
                filling.close(source_id, line)
                end = FileRead(source_id, stored.size, stored.fingerprint)
            except (OSError, EOFError, zlib.error, ValueError, SourceError) as error:
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
        thread.join()
