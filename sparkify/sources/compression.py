"""Compressed files: told by their first bytes, and unpacked in helpings of bounded size."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

# One helping of unpacked bytes, whatever the file unfolds to.
_HELPING = 1 << 20
# An xz file of the highest preset needs 65 MiB.
_MOST_MEMORY = 256 << 20


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, most: int, /) -> bytes: ...


class Format(NamedTuple):
    """A compressed form. A file may hold several members (streams, frames), each of which begins with a mark."""

    marks: tuple[bytes, ...]
    new_unpacker: Callable[[], _Unpacker]

    def fits(self, head: bytes | bytearray) -> bool:
        """Whether a file or member that begins with these bytes is of this form."""
        return head.startswith(self.marks)


def tell_format(head: bytes) -> str | None:
    """The name in FORMATS of the form that a file with these first bytes (four or more) has, or None."""
    if not head.startswith(_MARKS):
        return None
    return next(name for name, form in FORMATS.items() if form.fits(head))


def unpack(name: str, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The content of a file of the form FORMATS[name], in blocks of at most 1 MiB.

    Raises EOFError if the file ends within a member, ValueError if it is damaged, or if other bytes than zeros follow
    its last member.
    """
    source = _Source(_cut_frames(blocks) if name == "zstd" else blocks)
    while source.skip_to_member(name):
        yield from _unpack_member(name, source)


def _unpack_member(name: str, source: "_Source") -> Iterator[bytes]:
    unpacker, data = FORMATS[name].new_unpacker(), source.rest
    while True:
        try:
            helping = unpacker.decompress(data, _HELPING)
        except (zlib.error, lzma.LZMAError, OSError, ValueError) as error:
            raise ValueError(f"its {name} data are damaged before byte {source.taken:,}: {error}") from error
        if helping:
            yield helping
        if unpacker.eof:
            source.rest = unpacker.unused_data
            return
        # zlib returns what it did not take, the others keep it.
        data = getattr(unpacker, "unconsumed_tail", b"")
        if not data and len(helping) < _HELPING:
            data = source.take()
            if not data:
                raise EOFError(f"its {name} data end too early")


class _Source:
    """The stored bytes. `taken` counts those that have been read, `rest` are those that belong to the next member."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self.taken = 0
        self.rest = b""

    def take(self) -> bytes:
        block = next(filter(None, self._blocks), b"")
        self.taken += len(block)
        return block

    def skip_to_member(self, name: str) -> bool:
        """Skip zero bytes after a member; False at the end of the file."""
        longest = max(map(len, FORMATS[name].marks))
        self.rest = self.rest.lstrip(b"\0")
        while len(self.rest) < longest and (block := self.take()):
            self.rest = (self.rest + block).lstrip(b"\0")
        if self.rest and not FORMATS[name].fits(self.rest):
            place = self.taken - len(self.rest)
            raise ValueError(f"after the end of its {name} data, at byte {place:,}, come other bytes; was it joined?")
        return bool(self.rest)


class _ZstdUnpacker:
    """zstandard's has no bound: it gets no more than one block at a time, which becomes at most 128 KiB."""

    def __init__(self) -> None:
        import zstandard

        self._unpacker = zstandard.ZstdDecompressor().decompressobj()
        self._error = zstandard.ZstdError

    @property
    def eof(self) -> bool:
        return self._unpacker.eof

    @property
    def unused_data(self) -> bytes:
        return self._unpacker.unused_data

    def decompress(self, data: bytes, most: int, /) -> bytes:
        try:
            return self._unpacker.decompress(data)
        except self._error as error:
            raise ValueError(str(error)) from error


_ZSTD_MARK = b"\x28\xb5\x2f\xfd"
_SKIPPABLE_MARKS = tuple(bytes([0x50 + number]) + b"\x2a\x4d\x18" for number in range(16))


def _cut_frames(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of a zstd file, cut where its blocks end (RFC 8878). What is no zstd is passed on as it is."""
    buffer = _Buffer(blocks)
    while buffer.fill(5):
        mark = bytes(buffer.data[:4])
        if mark == _ZSTD_MARK:
            yield from _cut_frame(buffer)
        elif mark in _SKIPPABLE_MARKS and buffer.fill(8):
            yield from buffer.take(8 + int.from_bytes(buffer.data[4:8], "little"))
        else:
            yield from buffer.take(1 if not buffer.data[0] else len(buffer.data))
    yield bytes(buffer.data)


def _cut_frame(buffer: "_Buffer") -> Iterator[bytes]:
    descriptor = buffer.data[4]
    is_single, has_checksum = descriptor & 0x20, descriptor & 4
    size_of_size = (1 if is_single else 0, 2, 4, 8)[descriptor >> 6]
    yield from buffer.take(5 + (not is_single) + (0, 1, 2, 4)[descriptor & 3] + size_of_size)
    is_last = False
    while not is_last and buffer.fill(3):
        header = int.from_bytes(buffer.data[:3], "little")
        is_last, is_run = bool(header & 1), (header >> 1) & 3 == 1
        yield from buffer.take(3 + (1 if is_run else header >> 3))
    if has_checksum:
        yield from buffer.take(4)


class _Buffer:
    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self.data = bytearray()

    def fill(self, size: int) -> bool:
        """Read until there are so many bytes; False if there are fewer."""
        while len(self.data) < size and (block := next(self._blocks, None)) is not None:
            self.data += block
        return len(self.data) >= size

    def take(self, size: int) -> Iterator[bytes]:
        """The next bytes, in pieces, as far as there are so many."""
        while size > 0 and (self.fill(min(size, _HELPING)) or self.data):
            piece = bytes(self.data[: min(size, _HELPING)])
            del self.data[: len(piece)]
            size -= len(piece)
            yield piece


# Told apart by the first bytes, never by the ending of the name.
FORMATS = {
    "gzip": Format((b"\x1f\x8b",), lambda: zlib.decompressobj(wbits=31)),
    "zstd": Format((_ZSTD_MARK, *_SKIPPABLE_MARKS), _ZstdUnpacker),
    "bzip2": Format(tuple(b"BZh%d" % level for level in range(1, 10)), bz2.BZ2Decompressor),
    "xz": Format((b"\xfd7zXZ\0",), lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _MOST_MEMORY)),
}
_MARKS = tuple(mark for form in FORMATS.values() for mark in form.marks)
LONGEST_MARK = max(map(len, _MARKS))
