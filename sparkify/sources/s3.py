"""The bytes of objects in S3, with many requests at a time."""

import re
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparkify.errors import SourceError
from sparkify.settings import S3Access
from sparkify.sources.bucket import is_ours, locate, open_bucket, split_url
from sparkify.sources.file import CHANGED, SourceFile
from sparkify.sources.refusals import MOST_SECONDS, explain_error, is_passing, is_redirect, is_silence
from sparkify.sources.s3_listing import strong_etag
from sparkify.sources.signed import NoPartsError, Piece, SignedRequests, is_odd
from sparkify.sources.threads import Threads

if TYPE_CHECKING:
    from obstore import GetOptions

# A larger object is fetched in parts, so that requests are short and memory is bounded.
_PART_BYTES = 8 << 20
_MOST_BYTES_AHEAD = 64 << 20
_MOST_TASKS_AHEAD = 4
# A task fetches several small objects: the overhead of one task is about that of fetching one.
_SMALL_BYTES = 16 << 10
_MOST_PER_TASK = 8
# The store's client repeats requests without an answer; a truncated body is requested again here.
_ATTEMPTS = 4
# The client cannot read these answers: keys that it cannot name, a redirect, no length, a range that was ignored. It
# tells all of a connection's failures alike.
_NOT_READ = re.compile(
    "invalid path|without LOCATION|following redirect|Content-Length Header|Content-Range|non-partial|"
    r"Requested \d|HTTP error|Invalid last modified"
)


@dataclass(frozen=True)
class _Part:
    """Bytes `start` to `end` (exclusive) of object number `place`."""

    place: int
    item: SourceFile
    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start

    @property
    def is_whole(self) -> bool:
        return self.size == self.item.size


class _Untied(SourceError):
    """No etag says that a part is of the same content as the others, or there are no parts."""


class S3Reader:
    """Reads objects in the given order, with many requests at a time and a limited number of bytes ahead.

    Every answer must have the size and the etag of the listing, so that no object is a mixture of two contents. A large
    one without an etag is read in one answer.
    """

    def __init__(self, objects: Sequence[SourceFile], access: S3Access) -> None:
        self._objects = objects
        self._access = access
        # Every thread gets a few tasks, so that all finish at about the same time.
        per_task = len(objects) // (_MOST_TASKS_AHEAD * access.concurrency)
        self._tasks = _group(_cut(objects), max(1, min(per_task, _MOST_PER_TASK)))
        self._ahead: deque[tuple[list[_Part], Future[list[bytes | SourceError]]]] = deque()
        self._bytes_ahead = 0
        self._arrived: deque[tuple[_Part, bytes | SourceError]] = deque()
        self._buckets: dict[str, _Bucket] = {}
        self._threads = Threads(access.concurrency, "sparkify-s3")
        self._closed = threading.Event()
        # Failures in a row.
        self._failures = 0
        self._has_answered = False
        self._lock = threading.Lock()

    def read(self, place: int) -> Iterator[bytes]:
        """The bytes of object number `place`, in parts. Call it for the objects in order.

        Raises SourceError, with the reason only, if it cannot be read completely.
        """
        item = self._objects[place]
        if item.fault is not None:
            raise SourceError(item.fault)
        if _is_streamed(item):
            yield from self._stream(item)
            return
        while (part := self._next_part()) is not None and part.place <= place:
            _, data = self._arrived.popleft()
            # Left over from an earlier object whose reading failed.
            if part.place < place:
                continue
            if isinstance(data, _Untied) and part.start == 0:
                yield from self._stream(item)
                return
            if isinstance(data, SourceError):
                raise data
            yield data

    def close(self) -> None:
        """Start no more requests; running ones end by themselves."""
        self._closed.set()
        self._threads.close()

    def _next_part(self) -> _Part | None:
        """The next part, once it has arrived or failed."""
        if not self._arrived:
            self._fetch_ahead()
            if not self._ahead:
                return None
            parts, task = self._ahead.popleft()
            self._bytes_ahead -= sum(part.size for part in parts)
            self._arrived.extend(zip(parts, task.result(), strict=True))
        return self._arrived[0][0]

    def _fetch_ahead(self) -> None:
        most = _MOST_TASKS_AHEAD * self._access.concurrency
        while len(self._ahead) < most and (self._bytes_ahead < _MOST_BYTES_AHEAD or not self._ahead):
            parts = next(self._tasks, None)
            if parts is None:
                return
            self._ahead.append((parts, self._threads.submit(lambda parts=parts: self._fetch_all(parts))))  # type: ignore[misc]
            self._bytes_ahead += sum(part.size for part in parts)

    def _fetch_all(self, parts: list[_Part]) -> list[bytes | SourceError]:
        fetched: list[bytes | SourceError] = []
        for part in parts:
            try:
                fetched.append(self._fetch(part))
            except SourceError as error:
                fetched.append(error)
        return fetched

    def _fetch(self, part: _Part) -> bytes:
        reason, began = "", time.monotonic()
        for attempt in range(_ATTEMPTS):
            # Stop after many failures in a row: the store is down.
            if self._closed.is_set() or self._failures > 2 * self._access.concurrency:
                break
            if attempt:
                time.sleep(0.2 * 2**attempt)
            try:
                piece = self._get(part)
            except BaseException as error:
                if is_ours(error):
                    raise
                reason = explain_error(error, self._access, "s3:GetObject")
                if not is_passing(error):
                    raise SourceError(reason) from None
                if is_silence(error):
                    # One that never said a word is down; one that did may be slow.
                    self._count_failures(self._access.concurrency * (1 if self._has_answered else 3))
                    break
            else:
                if len(piece.data) == part.size:
                    self._failures, self._has_answered = 0, True
                    return piece.data
                reason = f"only {len(piece.data):,} of {part.size:,} bytes arrived"
            if time.monotonic() - began > MOST_SECONDS:
                break
        self._count_failures(1)
        raise SourceError(reason or "the store failed too many requests; try later")

    def _get(self, part: _Part) -> Piece:
        """The part, or less of it. Raises SourceError where the answer is of other content."""
        name, key = split_url(part.item.url)
        bucket = self._open(name)
        piece = bucket.get(key, part)
        if len(piece.data) != part.size:
            piece = bucket.get(key, part, takes_gzip=False)
        _check(piece, part)
        return piece

    def _stream(self, item: SourceFile) -> Iterator[bytes]:
        """The bytes of an object, in one answer."""
        name, key = split_url(item.url)
        received = 0
        try:
            for piece in self._open(name).stream(key, item):
                if _is_other(piece.etag, item.etag):
                    raise SourceError(CHANGED)
                received += len(piece.data)
                if received > item.size:
                    raise _other_size(piece.size or received, item.size)
                yield piece.data
        # For credentials boto is asked, whose errors are of many kinds.
        except Exception as error:
            if is_ours(error):
                raise
            raise SourceError(explain_error(error, self._access, "s3:GetObject")) from None
        if received != item.size:
            raise SourceError(f"only {received:,} of {item.size:,} bytes arrived")

    def _count_failures(self, number: int) -> None:
        with self._lock:
            self._failures += number

    def _open(self, name: str) -> "_Bucket":
        with self._lock:
            if name not in self._buckets:
                self._buckets[name] = _Bucket(name, self._access)
            return self._buckets[name]


class _Bucket:
    """Requests for objects: by the store's client where it can, else in our own hand."""

    def __init__(self, name: str, access: S3Access) -> None:
        place = locate(name, access)
        self._own = SignedRequests(place)
        self._store = open_bucket(place)
        self._first = threading.Lock()
        self._takes_client: bool | None = None

    def get(self, key: str, part: _Part, *, takes_gzip: bool = True) -> Piece:
        from obstore.exceptions import BaseError

        if takes_gzip and not is_odd(key):
            if self._takes_client is None:
                with self._first:
                    if self._takes_client is None:
                        return self._get_first(key, part)
            if self._takes_client:
                try:
                    return self._get_with_client(key, part)
                except BaseError as error:
                    if is_silence(error) or not _NOT_READ.search(str(error)):
                        raise
        return self._get_own(key, part, takes_gzip)

    def stream(self, key: str, item: SourceFile) -> Iterator[Piece]:
        return self._own.stream(key, etag=item.etag)

    def _get_first(self, key: str, part: _Part) -> Piece:
        """The part, in our own hand: the client would follow a redirect, and carry the credentials to its end."""
        try:
            piece = self._get_own(key, part, takes_gzip=True)
        except OSError as error:
            # Without an answer of the store, the next object is the first.
            if not is_passing(error):
                self._takes_client = not is_redirect(error)
            raise
        self._takes_client = True
        return piece

    def _get_own(self, key: str, part: _Part, takes_gzip: bool) -> Piece:
        start = None if part.is_whole else part.start
        try:
            return self._own.get(key, part.size, start=start, etag=part.item.etag, takes_gzip=takes_gzip)
        except NoPartsError as error:
            raise _Untied(str(error)) from None

    def _get_with_client(self, key: str, part: _Part) -> Piece:
        import obstore

        options: GetOptions = {} if part.is_whole else {"range": (part.start, part.end)}
        options |= {"if_match": f'"{part.item.etag}"'} if part.item.etag else {}
        found = obstore.get(self._store, key, options=options)
        return Piece(bytes(found.bytes()), found.meta["e_tag"], found.meta["size"])


def _check(piece: Piece, part: _Part) -> None:
    """Raise SourceError if the answer is of other content than what was listed, or does not say of which."""
    if _is_other(piece.etag, part.item.etag):
        raise SourceError(CHANGED)
    if len(piece.data) > part.size or piece.size not in (None, part.item.size):
        raise _other_size(piece.size or len(piece.data), part.item.size)
    if not part.is_whole and strong_etag(piece.etag) is None:
        raise _Untied("the store does not say of which content a part of it is")


def _is_other(etag: str | None, listed: str | None) -> bool:
    """Whether an etag says that content is other than what was listed."""
    found = strong_etag(etag)
    return found is not None and listed is not None and found != listed


def _other_size(size: int, listed: int) -> SourceError:
    return SourceError(
        f"the store sends {size:,} bytes where it lists {listed:,}: it has changed since, or the store changes objects "
        "on the way, perhaps by unpacking them; then copy the object without its Content-Encoding"
    )


def _is_streamed(item: SourceFile) -> bool:
    """Whether an object is read in one answer: its parts could be of two contents."""
    return item.size > _PART_BYTES and item.etag is None


def _cut(objects: Sequence[SourceFile]) -> Iterator[_Part]:
    """The parts of each object in turn; one that is streamed or not read has none."""
    for place, item in enumerate(objects):
        if item.fault is None and not _is_streamed(item):
            # An empty object has a part too: what is listed as empty may not be.
            for start in range(0, max(item.size, 1), _PART_BYTES):
                yield _Part(place, item, start, min(start + _PART_BYTES, item.size))


def _group(parts: Iterator[_Part], most_small: int) -> Iterator[list[_Part]]:
    """What one task fetches: one part, or several small ones in a row."""
    group: list[_Part] = []
    for part in parts:
        is_small = part.size <= _SMALL_BYTES
        if group and (not is_small or len(group) == most_small):
            yield group
            group = []
        group.append(part)
        if not is_small:
            yield group
            group = []
    if group:
        yield group
