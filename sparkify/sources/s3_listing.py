"""Which objects are below a root in S3. A listing has an end, whatever the store answers."""

import datetime as dt
import email.utils
import time
from collections.abc import Iterable
from typing import NamedTuple

from sparkify.errors import SourceError
from sparkify.formats import count_of, printable
from sparkify.settings import S3Access
from sparkify.sources.bucket import client_errors, locate, open_bucket, split_url
from sparkify.sources.file import LOCAL_FINGERPRINT, SCHEME, SourceFile
from sparkify.sources.pages import Listed, Page, parse_size
from sparkify.sources.signed import SignedRequests
from sparkify.sources.threads import run_all

# A page without a new key may come where many objects were deleted.
_MOST_BARREN_PAGES = 100
_MOST_SECONDS = 3600
# About 1.5 GB of memory.
_MOST_OBJECTS = 3_000_000
_MOST_KEY_BYTES, _MOST_ETAG = 1024, 256
_EPOCH = dt.datetime(1970, 1, 1)


class Objects(NamedTuple):
    """Objects in no order, and sentences about what is odd in the store's listing of them."""

    files: list[SourceFile]
    notes: list[str]


def list_objects(root: str, access: S3Access) -> Objects:
    """Every object below a root, or the one object that the root names.

    A root is a folder, not a key prefix. Etags are without their quotes; a weak one is none. Raises SourceError if
    there is nothing or if it cannot be listed.
    """
    bucket, key = split_url(root)
    doing = f"cannot list {root}"
    try:
        with client_errors(doing, access, "s3:ListBucket"):
            found = _Search(bucket, key, access).run()
    except SourceError as error:
        # Some reasons are found before a request is made.
        raise error if str(error).startswith(doing) else SourceError(f"{doing}: {error}") from None
    if not found.files:
        hint = "; a root is a folder, no pattern" if "*" in key else ""
        raise SourceError(f"there is no object below {root}; give the bucket and the folder of the JSON files{hint}")
    return found


class _Search:
    """A search in a bucket for what is below a key, else for the object of that name."""

    def __init__(self, bucket: str, key: str, access: S3Access) -> None:
        place = locate(bucket, access)
        self._requests = SignedRequests(place)
        # The client that reads the objects does not take every setting: that is told before anything is done.
        open_bucket(place)
        self._most_at_once = access.concurrency
        self._base = f"{SCHEME}{bucket}/"
        self._key = key
        self._prefix = f"{key}/" if key else ""
        # By URL: keys beside it would take a quarter more memory.
        self._found: dict[str, SourceFile] = {}
        self._twice: set[str] = set()
        self._began = time.monotonic()
        self._is_over = False

    def run(self) -> Objects:
        try:
            self._list()
        finally:
            # What still runs in a thread stops at its next page.
            self._is_over = True
        # S3's console creates an object with the name of the folder.
        self._found.pop(self._base + self._prefix, None)
        if not self._found and self._key and (one := self._requests.head(self._key)):
            self._add([one])
        return Objects(list(self._found.values()), list(self._list_notes()))

    def _list(self) -> None:
        top = self._requests.list_page(self._prefix, delimiter="/")
        if top.token is None and len(top.folders) <= self._most_at_once:
            # The pages of a listing come in turn, but folders can be listed at once.
            self._take(top, self._prefix)
            run_all(self._list_below, top.folders, self._most_at_once)
        else:
            # If there are very many folders, most hold little, and one page covers many of them.
            self._list_below(self._prefix)

    def _list_below(self, prefix: str) -> None:
        token, barren = None, 0
        while not self._is_over:
            page = self._requests.list_page(prefix, token=token)
            barren = 0 if self._take(page, prefix) else barren + 1
            if page.token is None:
                return
            if page.token == token or barren == _MOST_BARREN_PAGES:
                raise SourceError("the store's listing does not go on: its pages bring no new objects; check the store")
            if time.monotonic() - self._began > _MOST_SECONDS:
                raise SourceError(f"the listing takes more than {_MOST_SECONDS // 60} minutes; give a folder below it")
            token = page.token

    def _take(self, page: Page, prefix: str) -> bool:
        """Note the objects of a page; returns whether one of them is new."""
        for name in [*(one.key for one in page.objects), *page.folders]:
            if not name.startswith(prefix) or not name:
                shown = printable(name[:_MOST_KEY_BYTES])
                raise SourceError(f"the store lists `{shown}`, which is not below this folder; check the store")
        before = len(self._found)
        self._add(page.objects)
        if len(self._found) > _MOST_OBJECTS:
            raise SourceError(f"there are more than {_MOST_OBJECTS:,} objects; give a folder below it")
        return len(self._found) > before

    def _add(self, objects: Iterable[Listed]) -> None:
        for one in objects:
            url = self._base + one.key
            if url in self._found:
                self._twice.add(url)
            self._found[url] = _source_file(url, one)

    def _list_notes(self) -> Iterable[str]:
        if self._twice:
            yield (
                f"the store lists {count_of(len(self._twice), 'object')} twice, such as {min(self._twice)}; "
                "each is read once"
            )


def _source_file(url: str, listed: Listed) -> SourceFile:
    size, fault = parse_size(listed.size), None
    if size is None:
        fault = f"the store lists no size of it, but `{listed.size[:40]}`"
    elif len(listed.key.encode("utf-8", "surrogatepass")) > _MOST_KEY_BYTES:
        fault = f"its key is longer than {_MOST_KEY_BYTES:,} bytes"
    return SourceFile(url, size or 0, strong_etag(listed.etag), _parse_time(listed.modified), fault)


def strong_etag(etag: str | None) -> str | None:
    """An etag without its quotes. None for a weak one, which two contents may share, and for what is none."""
    text = (etag or "").strip()
    if text.startswith(("W/", LOCAL_FINGERPRINT)) or not text.isascii() or len(text) > _MOST_ETAG:
        return None
    text = text.strip('"')
    return text if text and text.isprintable() and '"' not in text else None


def _parse_time(text: str) -> dt.datetime:
    """A time as listings or headers have it, in UTC. One that cannot be read is the epoch: no content is told by it."""
    try:
        found = dt.datetime.fromisoformat(text) if text[:1].isdigit() else email.utils.parsedate_to_datetime(text)
        return (found.astimezone(dt.UTC) if found.tzinfo else found).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return _EPOCH
