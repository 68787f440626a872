"""The bytes of a file: as stored, their fingerprint, and decompressed."""

import contextlib
import hashlib
import io
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from sparkify.errors import SourceError
from sparkify.settings import S3Access
from sparkify.sources.bucket import SCHEME
from sparkify.sources.file import CHANGED, LOCAL_FINGERPRINT, SourceFile, modified_time
from sparkify.sources.s3 import S3Reader

READ_BYTES = 1 << 20
_SMALL_READ_BYTES = 64 << 10
_BOM = b"\xef\xbb\xbf"


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def read_fingerprint(file: SourceFile) -> str:
    """The fingerprint that a load of this local file would store. Raises SourceError."""
    stored = StoredFile(file, _read_local(file))
    try:
        for _ in stored:
            pass
    except (OSError, SourceError) as error:
        raise unreadable(file, error) from error
    return stored.fingerprint


@contextlib.contextmanager
def open_blocks(
    files: Sequence[tuple[int, SourceFile]], access: S3Access
) -> Iterator[Callable[[int], Iterator[bytes]]]:
    """A function that returns the stored bytes of file number i, in blocks. Call it for the files in order."""
    if not any(file.url.startswith(SCHEME) for _, file in files):
        yield lambda place: _read_local(files[place][1])
        return
    with contextlib.closing(S3Reader([file for _, file in files], access)) as reader:
        yield reader.read


class StoredFile:
    """The stored bytes of a file, in blocks.

    Its fingerprint is the store's etag, else the SHA-256 of the bytes that were read.
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
    def fingerprint(self) -> str:
        return self._etag or f"{LOCAL_FINGERPRINT}{self._digest.hexdigest()}"


def open_content(file: SourceFile, stored: StoredFile) -> Iterator[bytes]:
    """The content of a file, decompressed and without a byte-order mark, in blocks."""
    if file.url.endswith(".gz"):
        return _without_bom(_decompress(stored, lambda: zlib.decompressobj(wbits=31)))
    if file.url.endswith(".zst"):
        return _without_bom(_unzstd(stored))
    return _without_bom(iter(stored))


def unreadable(file: SourceFile, error: Exception) -> SourceError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return SourceError(f"cannot read {file.url}: {reason}")


def _read_local(file: SourceFile) -> Iterator[bytes]:
    """The bytes of a listed file. Raises SourceError, with the reason only, if the file has changed since."""
    if file.fault is not None:
        raise SourceError(file.fault)
    most = READ_BYTES if file.size > _SMALL_READ_BYTES else _SMALL_READ_BYTES
    left = file.size
    with io.FileIO(file.url) as handle:
        while left >= 0 and (block := handle.read(most)):
            left -= len(block)
            yield block
        # A change since the listing shows in the size or the time of the open file.
        if left or modified_time(os.fstat(handle.fileno())) != file.modified:
            raise SourceError(CHANGED)


def _decompress(blocks: Iterable[bytes], new_decompressor: Callable[[], _Decompressor]) -> Iterator[bytes]:
    """The content of one or more compressed members or frames. An end inside one is an error.

    A block may become a thousand times larger, so the decompressor gets small pieces.
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


def _unzstd(stored: StoredFile) -> Iterator[bytes]:
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
