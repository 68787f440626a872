"""Objects in S3: listing a root, and reading their bytes, with many requests at a time."""

import datetime as dt
import itertools
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparkify.errors import SourceError
from sparkify.settings import S3Access
from sparkify.sources.bucket import SCHEME, explain_error, is_passing, open_bucket, split_url
from sparkify.sources.file import SourceFile

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import S3Store

# A larger object is fetched in parts, so that requests are short and memory is bounded.
_PART_BYTES = 8 << 20
_MOST_BYTES_AHEAD = 64 << 20
_MOST_TASKS_AHEAD = 4
# A task fetches several small objects: the overhead of one task is about that of fetching one.
_SMALL_BYTES = 16 << 10
_MOST_PER_TASK = 8
# The store's client repeats requests without an answer; a truncated body is requested again here.
_ATTEMPTS = 4


def list_objects(root: str, access: S3Access) -> list[SourceFile]:
    """Every object below a root, or the one object that the root names, in the store's order.

    A root is a folder, not a key prefix. Etags are without their quotes. Raises SourceError if there is nothing or if
    it cannot be listed.
    """
    from obstore.exceptions import BaseError

    bucket, key = split_url(root)
    store = open_bucket(bucket, access)
    try:
        # S3's console creates an object with the name of the folder.
        found = [meta for meta in _list_below(store, key, access) if meta["path"] != key]
        if not found and key:
            found = _find_object(store, key)
    except (BaseError, OSError) as error:
        raise SourceError(f"cannot list {root}: {explain_error(error, access, 's3:ListBucket')}") from None
    if not found:
        raise SourceError(f"there is no object below {root}; give the bucket and the folder of the JSON files")
    return [
        SourceFile(
            f"{SCHEME}{bucket}/{meta['path']}",
            meta["size"],
            (meta["e_tag"] or "").strip('"') or None,
            meta["last_modified"].astimezone(dt.UTC).replace(tzinfo=None),
        )
        for meta in found
    ]


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


class S3Reader:
    """Reads objects in the given order, with many requests at a time and a limited number of bytes ahead.

    Reads are conditional: an object that has changed since the listing is not read.
    """

    def __init__(self, objects: Sequence[SourceFile], access: S3Access) -> None:
        self._access = access
        # Every thread gets a few tasks, so that all finish at about the same time.
        per_task = len(objects) // (_MOST_TASKS_AHEAD * access.concurrency)
        self._tasks = _group(_cut(objects), max(1, min(per_task, _MOST_PER_TASK)))
        self._ahead: deque[tuple[list[_Part], Future[list[bytes | SourceError]]]] = deque()
        self._bytes_ahead = 0
        self._arrived: deque[tuple[_Part, bytes | SourceError]] = deque()
        self._stores: dict[str, S3Store] = {}
        self._executor = ThreadPoolExecutor(access.concurrency, thread_name_prefix="sparkify-s3")
        self._closed = threading.Event()
        # Failures in a row.
        self._failures = 0
        self._lock = threading.Lock()

    def read(self, place: int) -> Iterator[bytes]:
        """The bytes of object number `place`, in parts. Call it for the objects in order.

        Raises SourceError, with the reason only, if it cannot be read completely.
        """
        while (part := self._next_part()) is not None and part.place <= place:
            _, data = self._arrived.popleft()
            # Left over from an earlier object whose reading failed.
            if part.place < place:
                continue
            if isinstance(data, SourceError):
                raise data
            yield data

    def close(self) -> None:
        """Start no more requests; running ones end by themselves."""
        self._closed.set()
        self._executor.shutdown(wait=False, cancel_futures=True)

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
            self._ahead.append((parts, self._executor.submit(self._fetch_all, parts)))
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
        from obstore.exceptions import BaseError

        bucket, key = split_url(part.item.url)
        reason = ""
        for attempt in range(_ATTEMPTS):
            # Stop after many failures in a row: the store is down.
            if self._closed.is_set() or self._failures > 2 * self._access.concurrency:
                break
            if attempt:
                time.sleep(0.2 * 2**attempt)
            try:
                data = self._get(bucket, key, part)
            except (BaseError, OSError) as error:
                reason = explain_error(error, self._access, "s3:GetObject")
                if not is_passing(error):
                    raise SourceError(reason) from None
            else:
                if len(data) == part.size:
                    self._failures = 0
                    return data
                reason = f"only {len(data):,} of {part.size:,} bytes arrived"
        with self._lock:
            self._failures += 1
        raise SourceError(reason or "the store failed too many requests; try later")

    def _get(self, bucket: str, key: str, part: _Part) -> bytes:
        import obstore

        with self._lock:
            if bucket not in self._stores:
                self._stores[bucket] = open_bucket(bucket, self._access)
        options: GetOptions = {} if part.size == part.item.size else {"range": (part.start, part.end)}
        # A weak etag never matches, by RFC 9110.
        if part.item.etag is not None and not part.item.etag.startswith("W/"):
            options["if_match"] = f'"{part.item.etag}"'
        return bytes(obstore.get(self._stores[bucket], key, options=options).bytes())


def _cut(objects: Sequence[SourceFile]) -> Iterator[_Part]:
    """The parts of each object in turn; an empty object has none."""
    for place, item in enumerate(objects):
        for start in range(0, item.size, _PART_BYTES):
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


def _list_below(store: "S3Store", prefix: str, access: S3Access) -> list[Any]:
    """What is below a prefix, unordered. The pages of a listing come in turn, but folders can be listed at once."""
    import obstore

    def list_flat(folder: str) -> list[Any]:
        return [meta for page in obstore.list(store, prefix=folder or None, chunk_size=1000) for meta in page]

    top = obstore.list_with_delimiter(store, prefix=prefix or None)
    folders = top["common_prefixes"]
    if not 1 < len(folders) <= access.concurrency:
        # If there are very many folders, most hold little, and one page covers many of them.
        return list_flat(prefix)
    with ThreadPoolExecutor(len(folders)) as executor:
        return [*top["objects"], *itertools.chain.from_iterable(executor.map(list_flat, folders))]


def _find_object(store: "S3Store", key: str) -> list[Any]:
    import obstore

    try:
        return [obstore.head(store, key)]
    except FileNotFoundError:
        return []
