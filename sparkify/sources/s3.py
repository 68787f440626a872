"""Objects in S3: listing a root, and reading their bytes, with many requests at a time."""

import contextlib
import datetime as dt
import itertools
import re
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparkify.errors import SourceError
from sparkify.settings import S3Access
from sparkify.sources.bucket import SCHEME, client_errors, is_ours, open_bucket, split_url
from sparkify.sources.file import SourceFile
from sparkify.sources.refusals import explain_error, is_passing
from sparkify.sources.signed import SignedRequests, StoreError, is_odd

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
# The client cannot read these answers: keys that it cannot name, a redirect, no length, a range that was ignored.
_NOT_READ = re.compile(
    "invalid path|invalid list response|without LOCATION|following redirect|"
    "Content-Length Header|Content-Range|non-partial"
)


def list_objects(root: str, access: S3Access) -> list[SourceFile]:
    """Every object below a root, or the one object that the root names, in the store's order.

    A root is a folder, not a key prefix. Etags are without their quotes. Raises SourceError if there is nothing or if
    it cannot be listed.
    """
    bucket, key = split_url(root)
    doing = f"cannot list {root}"
    try:
        with client_errors(doing, access, "s3:ListBucket"):
            found = _list_objects(bucket, key, access)
    except SourceError as error:
        # Some reasons are found before a request is made.
        raise error if str(error).startswith(doing) else SourceError(f"{doing}: {error}") from None
    if not found:
        hint = "; a root is a folder, no pattern" if "*" in key else ""
        raise SourceError(f"there is no object below {root}; give the bucket and the folder of the JSON files{hint}")
    return [
        SourceFile(
            f"{SCHEME}{bucket}/{meta['path']}",
            meta["size"],
            (meta["e_tag"] or "").strip('"') or None,
            meta["last_modified"].astimezone(dt.UTC).replace(tzinfo=None),
        )
        for meta in found
    ]


def _list_objects(bucket: str, key: str, access: S3Access) -> list[Any]:
    """What is below a key, else the object of that name."""
    store = open_bucket(bucket, access)
    found = None if is_odd(key) else _list_with_client(store, key, access)
    # Where the client finds nothing, what it was told may be no listing; it gives `/a` and `a` one name.
    if not found or len({meta["path"] for meta in found}) < len(found):
        found = list(SignedRequests(bucket, access).list(f"{key}/" if key else ""))
    # S3's console creates an object with the name of the folder.
    found = [meta for meta in found if meta["path"] not in (key, f"{key}/")]
    return found or (_find_object(store, key) if key and not is_odd(key) else [])


def _list_with_client(store: "S3Store", key: str, access: S3Access) -> list[Any] | None:
    """What is below a key, or None where the client cannot read the listing."""
    try:
        return _list_below(store, key, access)
    except BaseException as error:
        if is_ours(error) or not _NOT_READ.search(str(error)):
            raise
        return None


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
        self._own: dict[str, SignedRequests] = {}
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
                if len(data) != part.size:
                    data = self._get(bucket, key, part, takes_gzip=False)
            except BaseException as error:
                if is_ours(error):
                    raise
                reason = explain_error(error, self._access, "s3:GetObject")
                if not is_passing(error):
                    raise SourceError(reason) from None
            else:
                if len(data) == part.size:
                    self._failures = 0
                    return data
                if len(data) > part.size:
                    raise SourceError(
                        f"the store sends {len(data):,} bytes where it lists {part.size:,}: it changes objects on the "
                        "way, perhaps by unpacking them; copy the object without its Content-Encoding"
                    )
                reason = f"only {len(data):,} of {part.size:,} bytes arrived"
        with self._lock:
            self._failures += 1
        raise SourceError(reason or "the store failed too many requests; try later")

    def _get(self, bucket: str, key: str, part: _Part, *, takes_gzip: bool = True) -> bytes:
        import obstore

        span = None if part.size == part.item.size else (part.start, part.end)
        # A weak etag never matches, by RFC 9110.
        etag = None if part.item.etag is None or part.item.etag.startswith("W/") else part.item.etag
        if takes_gzip and not is_odd(key):
            options: GetOptions = {"range": span} if span else {}
            options |= {"if_match": f'"{etag}"'} if etag else {}
            try:
                return bytes(obstore.get(self._open(bucket), key, options=options).bytes())
            except FileNotFoundError:
                # The client lists a key that begins with a slash without it.
                with contextlib.suppress(StoreError):
                    return self._open_own(bucket).get(f"/{key}", span=span, etag=etag)
                raise
            except Exception as error:
                if not _NOT_READ.search(str(error)):
                    raise
        return self._open_own(bucket).get(key, span=span, etag=etag, takes_gzip=takes_gzip)

    def _open(self, bucket: str) -> "S3Store":
        with self._lock:
            if bucket not in self._stores:
                self._stores[bucket] = open_bucket(bucket, self._access)
            return self._stores[bucket]

    def _open_own(self, bucket: str) -> SignedRequests:
        with self._lock:
            if bucket not in self._own:
                self._own[bucket] = SignedRequests(bucket, self._access)
            return self._own[bucket]


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
