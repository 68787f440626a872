"""Source files: which keys are data, in what order they come, and how their bytes become bundles of lines.

Owns contract section 1, for local folders and S3 alike. Opens no database and judges no record: a line is bytes here.
"""

import array
import contextlib
import datetime as dt
import hashlib
import io
import itertools
import os
import queue
import re
import threading
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from sparkify import s3
from sparkify.errors import SourceError
from sparkify.files import CHANGED, SourceFile
from sparkify.s3 import S3Access

_DATA_ENDINGS = tuple(
    f".{form}{compression}" for form in ("json", "jsonl", "ndjson") for compression in ("", ".gz", ".zst")
)
_HIDDEN = re.compile(r"(?:\A|/)[._]")
_EPOCH = dt.datetime(1970, 1, 1)
_BOM = b"\xef\xbb\xbf"
_READ_BYTES = 1 << 20
_MOST_AHEAD = 8
_DEFAULT_ACCESS = S3Access()
_SMALL_READ_BYTES = 64 << 10
# A bundle's offsets are 32-bit, and a line is held whole in memory.
_LONGEST_LINE = 256 << 20


class FileRead(NamedTuple):
    """How reading one file ended: its size and content identity, or the error that makes it fail as a whole."""

    source_id: int
    size: int = 0
    etag: str = ""
    error: str | None = None


@dataclass
class Bundle:
    """Whole lines of one or many files in one buffer.

    Line i is `data[ends[i]:ends[i + 1]]` (terminator included), physical line `lines[i]` (from 1) of file
    `source_ids[i]`. `finished` names the files whose last line is in this bundle or an earlier one.
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


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def is_data_key(key: str) -> bool:
    """Whether a key, relative to its root and with `/` between its parts, is data (contract section 1)."""
    return key.endswith(_DATA_ENDINGS) and _HIDDEN.search(key) is None


def list_files(root: str, access: S3Access = _DEFAULT_ACCESS) -> list[SourceFile]:
    """The data files of a root: a folder (with all below it) or one file, local or s3://. Sorted by URL as text.

    Raises SourceError where the root does not exist or cannot be listed; an existing folder without data is empty.
    """
    if root.startswith(s3.SCHEME):
        return _list_s3(root, access)
    path = Path(resolve_root(root))
    try:
        if path.is_file():
            return [_local_file(str(path), path.stat)]
        if not path.is_dir():
            raise SourceError(f"there is no folder or file {root}; name the folder that holds the JSON files")
        files = list(_walk(path))
    except OSError as error:
        raise SourceError(f"cannot list {root}: {error.strerror} ({error.filename}); check its permissions") from error
    return sorted(files, key=lambda file: file.url)


def resolve_root(root: str) -> str:
    """The root as the URLs of its files begin with it."""
    if root.startswith(s3.SCHEME):
        return root.rstrip("/")
    return os.path.normpath(Path(root).absolute())


def hash_content(file: SourceFile) -> str:
    """The content identity that reading this file whole would record. Raises SourceError."""
    stored = _Stored(file, _read_local(file))
    try:
        for _ in stored:
            pass
    except (OSError, SourceError) as error:
        raise _unreadable(file, error) from error
    return stored.content_id


def read_bundles(
    *groups: Sequence[tuple[int, SourceFile]], bundle_bytes: int, access: S3Access = _DEFAULT_ACCESS
) -> Generator[Bundle, None, None]:
    """Read (source id, file) pairs in order and cut them into bundles of about `bundle_bytes`.

    The first bundle of a group is of a block, so that whoever takes the bundles can begin, and learn from it.
    No bundle holds files of two groups. Reading runs ahead in a thread of its own by a few bundles, so memory does not
    grow with the corpus. Every file given stands in exactly one bundle's `finished`; the lines of one that failed
    midway may stand in bundles before it, and the caller has to drop them.
    """
    return _run_ahead(lambda: (bundle for files in groups for bundle in _bundle(files, bundle_bytes, access)))


def _walk(root: Path) -> Iterator[SourceFile]:
    folders = [str(root)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if _is_folder(entry):
                    if entry.name[0] not in "._" and not _leads_up(entry):
                        folders.append(entry.path)
                elif is_data_key(entry.name):
                    yield _local_file(entry.path, entry.stat)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link in a circle is neither folder nor file, until it is read.
        return False


def _leads_up(entry: os.DirEntry[str]) -> bool:
    """Whether a folder is a link to one above it, which would lead round and round."""
    return entry.is_symlink() and Path(entry.path).parent.resolve().is_relative_to(Path(entry.path).resolve())


def _local_file(url: str, read_stat: Callable[[], os.stat_result]) -> SourceFile:
    try:
        stat = read_stat()
    except OSError:
        # A link that leads nowhere, or in a circle, is listed, so that it is reading it that fails, and fails alone.
        stat = os.lstat(url)
    shown = url if url.isascii() else os.fsencode(url).decode("utf-8", "backslashreplace")
    fault = None if shown == url else "its name is no UTF-8; rename it"
    return SourceFile(shown, stat.st_size, None, _modified(stat), fault)


def _modified(stat: os.stat_result) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=stat.st_mtime_ns // 1000)


def _list_s3(root: str, access: S3Access) -> list[SourceFile]:
    below = resolve_root(root) + "/"
    return sorted(
        (
            file
            for file in s3.list_objects(root, access)
            if not file.url.startswith(below) or is_data_key(file.url.removeprefix(below))
        ),
        key=lambda file: file.url,
    )


def _read_local(file: SourceFile) -> Iterator[bytes]:
    """The bytes that were listed. Raises SourceError, with the reason alone, where the file is no longer that."""
    if file.fault is not None:
        raise SourceError(file.fault)
    most = _READ_BYTES if file.size > _SMALL_READ_BYTES else _SMALL_READ_BYTES
    left = file.size
    with io.FileIO(file.url) as handle:
        while left >= 0 and (block := handle.read(most)):
            left -= len(block)
            yield block
        # Whatever was written since the listing, before or while it was read, shows in the very file that is open.
        if left or _modified(os.fstat(handle.fileno())) != file.modified:
            raise SourceError(CHANGED)


def _unreadable(file: SourceFile, error: Exception) -> SourceError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return SourceError(f"cannot read {file.url}: {reason}")


@contextlib.contextmanager
def _open_blocks(
    files: Sequence[tuple[int, SourceFile]], access: S3Access
) -> Iterator[Callable[[int], Iterator[bytes]]]:
    """What gives the stored bytes of file number i, in blocks; files have to be asked for in order."""
    if not any(file.url.startswith(s3.SCHEME) for _, file in files):
        yield lambda place: _read_local(files[place][1])
        return
    with contextlib.closing(s3.S3Reader([file for _, file in files], access)) as reader:
        yield reader.read


class _Stored:
    """The bytes of a file as they are stored, in blocks.

    Its content identity is the store's, else that of the very bytes handed out.
    """

    def __init__(self, file: SourceFile, blocks: Iterator[bytes]) -> None:
        self._etag = file.etag
        self._blocks = blocks
        self._digest = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            if self._etag is None:
                self._digest.update(block)
            self.size += len(block)
            yield block

    @property
    def content_id(self) -> str:
        return self._etag or f"sha256:{self._digest.hexdigest()}"


def _decompress(blocks: Iterable[bytes], new_decompressor: Callable[[], _Decompressor]) -> Iterator[bytes]:
    """The content of one or more compressed members or frames; an end inside one is an error, never a short file.

    A block may grow a thousandfold: the decompressor is fed small helpings.
    """
    member: _Decompressor | None = None
    for stored in blocks:
        for start in range(0, len(stored), _SMALL_READ_BYTES):
            block = stored[start : start + _SMALL_READ_BYTES]
            while block:
                member = member or new_decompressor()
                yield member.decompress(block)
                block = b""
                if member.eof:
                    block, member = member.unused_data, None
    if member is not None:
        raise EOFError("the compressed data end too early")


def _content(file: SourceFile, stored: _Stored) -> Iterator[bytes]:
    """What a file holds, decompressed and without its byte-order mark, in blocks."""
    if file.url.endswith(".gz"):
        return _without_bom(_decompress(stored, lambda: zlib.decompressobj(wbits=31)))
    if file.url.endswith(".zst"):
        return _without_bom(_unzstd(stored))
    return _without_bom(iter(stored))


def _unzstd(stored: _Stored) -> Iterator[bytes]:
    import zstandard

    try:
        yield from _decompress(stored, lambda: zstandard.ZstdDecompressor().decompressobj())
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error


def _without_bom(blocks: Iterator[bytes]) -> Iterator[bytes]:
    start = b""
    for block in blocks:
        start += block
        if len(start) >= len(_BOM):
            break
    yield start.removeprefix(_BOM)
    yield from blocks


class _Filling:
    """A bundle on its way: the lines of the file last begun may still lack their end."""

    def __init__(self, rest: bytes | bytearray = b"") -> None:
        self.data = bytearray(rest)
        self._ends = array.array("i", [0])
        self._source_ids = array.array("i")
        self._lines = array.array("i")
        self.finished: list[FileRead] = []

    def add(self, block: bytes, source_id: int, next_line: int) -> int:
        """Take a block of one file's content; returns the number of the line that its next block begins or goes on."""
        first_end = block.find(b"\n") + 1
        if 0 < first_end < len(block):
            return self._add_lines(block, source_id, next_line)
        # Most small files are one line.
        self.data += block
        if not first_end:
            return next_line
        self._end_line(source_id, next_line)
        return next_line + 1

    def _add_lines(self, block: bytes, source_id: int, next_line: int) -> int:
        # Reading lines from memory finds their ends faster than any search for them, and an array takes a list faster
        # than what only iterates.
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
        """Give the last line of a file the end that it may lack."""
        if self.unended:
            self.data += b"\n"
            self._end_line(source_id, line)

    def _end_line(self, source_id: int, line: int) -> None:
        self._ends.append(len(self.data))
        self._source_ids.append(source_id)
        self._lines.append(line)

    @property
    def unended(self) -> int:
        """The bytes of the last line, as long as it has no end."""
        return len(self.data) - self._ends[-1]

    def drop_unended(self) -> None:
        del self.data[self._ends[-1] :]

    def split(self) -> "tuple[Bundle, _Filling]":
        """The bundle of all lines that have an end, and the rest."""
        rest = _Filling(self.data[self._ends[-1] :])
        self.drop_unended()
        return Bundle(self.data, self._ends, self._source_ids, self._lines, self.finished), rest

    def __bool__(self) -> bool:
        return bool(self._lines or self.finished)


def _bundle(files: Sequence[tuple[int, SourceFile]], bundle_bytes: int, access: S3Access) -> Iterator[Bundle]:
    filling, wanted_bytes = _Filling(), min(_READ_BYTES, bundle_bytes)
    with _open_blocks(files, access) as blocks_of:
        for place, (source_id, file) in enumerate(files):
            stored = _Stored(file, blocks_of(place))
            line = 1
            try:
                for block in _content(file, stored):
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
                end = FileRead(source_id, stored.size, stored.content_id)
            except (OSError, EOFError, zlib.error, ValueError, SourceError) as error:
                end = FileRead(source_id, error=str(_unreadable(file, error)))
                filling.drop_unended()
            filling.finished.append(end)
    if filling:
        yield filling.split()[0]


_End = tuple[Bundle | None, BaseException | None]


def _run_ahead(produce: Callable[[], Iterator[Bundle]]) -> Generator[Bundle, None, None]:
    """The items of `produce()`, made in a thread that stays a few ahead and stops when the consumer does."""
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
