"""Source files: which keys are data, in what order they come, and how their bytes become bundles of lines.

Owns contract section 1. Opens no database and judges no record: a line is bytes here.
"""

import array
import contextlib
import datetime as dt
import hashlib
import os
import queue
import re
import threading
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sparkify.errors import SourceError

DATA_FILE = re.compile(r"\.(json|jsonl|ndjson)(\.(gz|zst))?\Z")

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(b"\n")
_READ_BYTES = 4 << 20
# A compressed block may grow a thousandfold: it is fed to the decompressor in small helpings.
_COMPRESSED_READ_BYTES = 64 << 10
# A bundle's offsets are 32-bit, and a line is held whole in memory.
_LONGEST_LINE = 256 << 20


@dataclass(frozen=True)
class SourceFile:
    """One object of a dataset as its store lists it.

    `etag` is the store's own content identity, or None where the store has none (a local folder): the content hash
    that reading yields then takes its place. `size` is in bytes as stored, `modified` in UTC without a zone.
    """

    url: str
    size: int
    etag: str | None
    modified: dt.datetime


@dataclass(frozen=True)
class FileRead:
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

    data: bytes
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


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def is_data_key(key: str) -> bool:
    """Whether a key, relative to its root and with `/` between its parts, is data (contract section 1)."""
    return DATA_FILE.search(key) is not None and not any(part[:1] in (".", "_") for part in key.split("/"))


def list_files(root: str) -> list[SourceFile]:
    """The data files of a root: a folder (with all below it) or one file. Sorted by URL as text.

    Raises SourceError where the root does not exist or cannot be listed; an existing folder without data is empty.
    """
    if root.startswith("s3://"):
        raise SourceError(f"cannot read {root}: this version reads local folders only; copy the objects to a folder")
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
    return os.path.normpath(Path(root).absolute())


def hash_content(file: SourceFile) -> str:
    """The content identity that reading this file whole would record. Raises SourceError."""
    try:
        digest = hashlib.sha256()
        with Path(file.url).open("rb", buffering=0) as handle:
            while block := handle.read(_READ_BYTES):
                digest.update(block)
    except OSError as error:
        raise SourceError(f"cannot read {file.url}: {error.strerror}") from error
    return _content_id(digest)


def read_bundles(*groups: Sequence[tuple[int, SourceFile]], bundle_bytes: int) -> Generator[Bundle, None, None]:
    """Read (source id, file) pairs in order and cut them into bundles of about `bundle_bytes`.

    No bundle holds files of two groups. Reading runs ahead in a thread of its own by two bundles, so memory does not
    grow with the corpus. Every file given stands in exactly one bundle's `finished`; the lines of one that failed
    midway may stand in bundles before it, and the caller has to drop them.
    """
    return _run_ahead(lambda: (bundle for files in groups for bundle in _bundle(files, bundle_bytes)))


def _walk(folder: Path) -> Iterator[SourceFile]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is_folder(entry):
                if entry.name[0] not in "._" and not _leads_up(entry):
                    yield from _walk(Path(entry.path))
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
    modified = dt.datetime.fromtimestamp(stat.st_mtime, dt.UTC).replace(tzinfo=None)
    return SourceFile(url, stat.st_size, None, modified)


def _content_id(digest: "hashlib._Hash") -> str:
    return f"sha256:{digest.hexdigest()}"


class _HashingReader:
    """A file whose content identity is that of the very bytes handed out."""

    def __init__(self, handle: _Readable) -> None:
        self._handle = handle
        self._digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int) -> bytes:
        block = self._handle.read(size)
        self._digest.update(block)
        self.size += len(block)
        return block

    @property
    def content_id(self) -> str:
        return _content_id(self._digest)


def _decompress(reader: _HashingReader, new_decompressor: Callable[[], _Decompressor]) -> Iterator[bytes]:
    """The content of one or more compressed members or frames; an end inside one is an error, never a short file."""
    member: _Decompressor | None = None
    while block := reader.read(_COMPRESSED_READ_BYTES):
        while block:
            member = member or new_decompressor()
            yield member.decompress(block)
            block = b""
            if member.eof:
                block, member = member.unused_data, None
    if member is not None:
        raise EOFError("the compressed data end too early")


def _read_blocks(file: SourceFile, reader: _HashingReader) -> Iterator[bytes]:
    if file.url.endswith(".gz"):
        yield from _decompress(reader, lambda: zlib.decompressobj(wbits=31))
    elif file.url.endswith(".zst"):
        import zstandard

        try:
            yield from _decompress(reader, lambda: zstandard.ZstdDecompressor().decompressobj())
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error
    else:
        while block := reader.read(_READ_BYTES):
            yield block


class _Pieces:
    """The lines collected for the next bundle."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0
        self.source_ids = array.array("i")
        self.lines = array.array("i")
        self.finished: list[FileRead] = []

    def add(self, part: bytes, source_id: int, first_line: int) -> int:
        """Take whole lines of one file; returns the number of the line after them."""
        count = part.count(b"\n")
        self.parts.append(part)
        self.size += len(part)
        self.source_ids.extend(array.array("i", [source_id]) * count)
        self.lines.extend(range(first_line, first_line + count))
        return first_line + count

    def bundle(self) -> Bundle:
        data = b"".join(self.parts)
        ends = array.array("i", [0])
        ends.extend(map(re.Match.end, _LINE_END.finditer(data)))
        return Bundle(data, ends, self.source_ids, self.lines, self.finished)


def _bundle(files: Sequence[tuple[int, SourceFile]], bundle_bytes: int) -> Iterator[Bundle]:
    pieces = _Pieces()
    # The first is small, so that whoever waits for it soon has something to do.
    enough = bundle_bytes // 8
    for source_id, file in files:
        line = 1
        try:
            with Path(file.url).open("rb", buffering=0) as handle:
                reader = _HashingReader(handle)
                for part in _whole_lines(_read_blocks(file, reader)):
                    line = pieces.add(part, source_id, line)
                    if pieces.size >= enough:
                        yield pieces.bundle()
                        pieces, enough = _Pieces(), bundle_bytes
            end = FileRead(source_id, reader.size, reader.content_id)
        except (OSError, EOFError, zlib.error, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            end = FileRead(source_id, error=f"cannot read {file.url}: {reason}")
        pieces.finished.append(end)
    if pieces.parts or pieces.finished:
        yield pieces.bundle()


def _whole_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Blocks cut anew so that each ends with a line end; a byte-order mark at the start is dropped."""
    carry: list[bytes] = []
    carried = 0
    first = True
    for block in blocks:
        if first and (block or carry):
            block = b"".join([*carry, block])
            if len(block) < len(_BOM) and _BOM.startswith(block):
                carry, carried = [block], len(block)
                continue
            block, first, carry, carried = block.removeprefix(_BOM), False, [], 0
        cut = block.rfind(b"\n") + 1
        if cut:
            yield b"".join([*carry, block[:cut]])
            carry, carried = [], 0
        if cut < len(block):
            carry.append(block[cut:])
            carried += len(block) - cut
        if carried > _LONGEST_LINE:
            raise ValueError(f"it holds a line of more than {_LONGEST_LINE >> 20} MiB; is it a file of JSON lines?")
    if last := b"".join(carry).removeprefix(_BOM if first else b""):
        yield last + b"\n"


_End = tuple[Bundle | None, BaseException | None]


def _run_ahead(produce: Callable[[], Iterator[Bundle]]) -> Generator[Bundle, None, None]:
    """The items of `produce()`, made in a thread that stays two ahead and stops when the consumer does."""
    ready: queue.Queue[_End] = queue.Queue(maxsize=2)
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
