"""Objects in S3: what is below a root, and their bytes, many requests at a time."""

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

# A larger object is fetched in parts, so that no request is long and memory is bounded.
_PART_BYTES = 8 << 20
_MOST_BYTES_AHEAD = 64 << 20
_MOST_TASKS_AHEAD = 4
# A thread fetches small objects some at a time: handing over each alone would cost as much as fetching it.
_SMALL_BYTES = 16 << 10
_MOST_PER_TASK = 8
# The store's client repeats a request that got no answer; a body that was cut is asked for again here.
_ATTEMPTS = 4


def list_objects(root: str, access: S3Access) -> list[SourceFile]:
    """Every object below a root, or the one object that it names, in the store's order.

    A root is a folder, never the beginning of a key. An etag comes without its quotes. Raises SourceError where nothing
    is there or it cannot be listed.
    """
    from obstore.exceptions import BaseError

    bucket, key = split_url(root)
    store = open_bucket(bucket, access)
    try:
        # A store's console marks a folder with an object of the folder's own name.
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
    """Bytes `start` up to `end` of object number `place`."""

    place: int
    item: SourceFile
    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


class S3Reader:
    """Reads objects in the order given, with many requests under way and bounded bytes ahead.

    Reads are conditional: an object that is no longer what was listed is not read.
    """

    def __init__(self, objects: Sequence[SourceFile], access: S3Access) -> None:
        self._access = access
        # Every thread has a few tasks, or the last of them would be waited for alone.
        per_task = len(objects) // (_MOST_TASKS_AHEAD * access.concurrency)
        self._tasks = _group(_cut(objects), max(1, min(per_task, _MOST_PER_TASK)))
        self._ahead: deque[tuple[list[_Part], Future[list[bytes | SourceError]]]] = deque()
        self._bytes_ahead = 0
        self._arrived: deque[tuple[_Part, bytes | SourceError]] = deque()
        self._stores: dict[str, S3Store] = {}
        self._executor = ThreadPoolExecutor(access.concurrency, thread_name_prefix="sparkify-s3")
        self._closed = threading.Event()
        # Failures in a row that the store or the network is to blame for, and the last of them.
        self._failures = 0
        self._lock = threading.Lock()

    def read(self, place: int) -> Iterator[bytes]:
        """The bytes of object number `place`, in parts. Objects have to be asked for in order.

        Raises SourceError, with the reason alone, where it cannot be read whole.
        """
        while (part := self._next_part()) is not None and part.place <= place:
            _, data = self._arrived.popleft()
            # What is left of an object before it, whose reading failed, is dropped.
            if part.place < place:
                continue
            if isinstance(data, SourceError):
                raise data
            yield data

    def close(self) -> None:
        """Start no more requests; those under way end by themselves."""
        self._closed.set()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _next_part(self) -> _Part | None:
        """The first part not handed out yet, once it has arrived or failed."""
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
            # A store that fails every request is not asked thousands of times more.
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
        # A weak tag matches nothing, by RFC 9110.
        if part.item.etag is not None and not part.item.etag.startswith("W/"):
            options["if_match"] = f'"{part.item.etag}"'
        return bytes(obstore.get(self._stores[bucket], key, options=options).bytes())


def _cut(objects: Sequence[SourceFile]) -> Iterator[_Part]:
    """The parts of each object in turn; an empty one has none."""
    for place, item in enumerate(objects):
        for start in range(0, item.size, _PART_BYTES):
            yield _Part(place, item, start, min(start + _PART_BYTES, item.size))


def _group(parts: Iterator[_Part], most_small: int) -> Iterator[list[_Part]]:
    """What one task fetches: a part, or some small ones that follow each other."""
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
    """What is below a prefix, in no order. A page follows the page before it, but folders can be listed at a time."""
    import obstore

    def list_flat(folder: str) -> list[Any]:
        return [meta for page in obstore.list(store, prefix=folder or None, chunk_size=1000) for meta in page]

    top = obstore.list_with_delimiter(store, prefix=prefix or None)
    folders = top["common_prefixes"]
    if not 1 < len(folders) <= access.concurrency:
        # Of very many folders most hold little: a page holds the objects of many.
        return list_flat(prefix)
    with ThreadPoolExecutor(len(folders)) as executor:
        return [*top["objects"], *itertools.chain.from_iterable(executor.map(list_flat, folders))]


def _find_object(store: "S3Store", key: str) -> list[Any]:
    import obstore

    try:
        return [obstore.head(store, key)]
    except FileNotFoundError:
        return []
