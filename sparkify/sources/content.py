"""The bytes of a file: as stored, their fingerprint, and decompressed."""

import contextlib
import hashlib
import itertools
import os
import stat
from collections.abc import Callable, Iterator, Sequence

from sparkify.errors import SourceError
from sparkify.settings import S3Access
from sparkify.sources.compression import LONGEST_MARK, tell_format, unpack
from sparkify.sources.file import CHANGED, LOCAL_FINGERPRINT, SCHEME, SourceFile, describe_state, modified_time
from sparkify.sources.records import BYTE_ORDER_MARK

READ_BYTES = 1 << 20
_DEFAULT_ACCESS = S3Access()
# So many zero bytes are no UTF-16 or UTF-32.
_ZEROS = bytes(4)


def read_fingerprint(file: SourceFile, access: S3Access = _DEFAULT_ACCESS) -> str:
    """The fingerprint that a load of this file would store. Raises SourceError."""
    (found,) = read_fingerprints([file], access)
    if isinstance(found, SourceError):
        raise found
    return found


def read_fingerprints(files: Sequence[SourceFile], access: S3Access) -> Iterator[str | SourceError]:
    """For each file in turn the fingerprint that a load of it would store, or why it cannot be read."""
    with open_files(list(enumerate(files)), access) as stored_of:
        for place, file in enumerate(files):
            stored = stored_of(place)
            try:
                for _ in stored:
                    pass
            except (OSError, SourceError) as error:
                yield unreadable(file, error)
            else:
                yield stored.fingerprint


@contextlib.contextmanager
def open_files(files: Sequence[tuple[int, SourceFile]], access: S3Access) -> Iterator[Callable[[int], "StoredFile"]]:
    """A function that returns file number i. Call it for the files in order."""
    if not any(file.url.startswith(SCHEME) for _, file in files):
        yield lambda place: StoredFile(files[place][1])
        return
    # What speaks to a store is slow to import.
    from sparkify.sources.s3 import S3Reader

    with contextlib.closing(S3Reader([file for _, file in files], access)) as reader:
        yield lambda place: StoredFile(files[place][1], reader.read(place))


class StoredFile:
    """The stored bytes of a file, in blocks.

    Its fingerprint is the store's etag, else the SHA-256 of the bytes that were read. `state` is that of a local file
    of which all bytes were read, if it is still the listed one.
    """

    def __init__(self, file: SourceFile, blocks: Iterator[bytes] | None = None) -> None:
        """`blocks` are those of an object in a store, None of a local file."""
        self._file = file
        self._etag = file.etag
        self._blocks = self._read_local() if blocks is None else blocks
        self._digest = hashlib.sha256()
        self.size = 0
        self.state: str | None = None

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            if self._etag is None:
                self._digest.update(block)
            self.size += len(block)
            yield block

    @property
    def fingerprint(self) -> str:
        return self._etag or f"{LOCAL_FINGERPRINT}{self._digest.hexdigest()}"

    def _read_local(self) -> Iterator[bytes]:
        """Raises SourceError, with the reason only, if the file has changed since it was listed."""
        file = self._file
        if file.fault is not None:
            raise SourceError(file.fault)
        # One byte more than the file has, so that its growth shows.
        most = min(file.size + 1, READ_BYTES)
        # What has taken its place since may be a pipe: opening that would wait for a writer.
        handle = os.open(file.url, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise SourceError(CHANGED)
            left = file.size
            while block := os.read(handle, most):
                left -= len(block)
                yield block
                if left <= 0:
                    break
            # A change since the listing shows in the size or the time of the open file.
            found = os.fstat(handle)
        finally:
            os.close(handle)
        self.state = file.state if file.state == describe_state(found) else None
        if left or (self.state is None and (found.st_size, modified_time(found)) != (file.size, file.modified)):
            raise SourceError(CHANGED)


def open_content(stored: StoredFile, notes: list[str]) -> Iterator[bytes]:
    """The content of a file, unpacked and without a byte-order mark, in blocks.

    What was passed over at its beginning is added to `notes`, as sentences. Raises ValueError or EOFError, with the
    reason only, where a compressed file is damaged.
    """
    blocks = iter(stored)
    head = b""
    while len(head) < LONGEST_MARK and (block := next(blocks, b"")):
        head += block
    content = itertools.chain([head], blocks)
    if name := tell_format(head):
        return _without_beginning(unpack(name, content), notes)
    return _without_beginning(content, notes) if head.startswith((_ZEROS, BYTE_ORDER_MARK)) else content


def unreadable(file: SourceFile, error: Exception) -> SourceError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return SourceError(f"cannot read {file.url}: {reason}")


def _without_beginning(blocks: Iterator[bytes], notes: list[str]) -> Iterator[bytes]:
    """The content without a byte-order mark, and without a run of zero bytes before it."""
    start, zeros = b"", 0
    for block in blocks:
        start += block
        if start.startswith(_ZEROS) or zeros:
            size = len(start)
            start = start.lstrip(b"\0")
            zeros += size - len(start)
        if len(start) >= len(_ZEROS):
            break
    if zeros:
        notes.append(f"{zeros:,} zero bytes at its beginning were passed over; was it cut while its writer went on?")
    yield start.removeprefix(BYTE_ORDER_MARK)
    yield from blocks
