"""Objects in S3, and in stores that speak its protocol: what stands below a root, and their bytes, many at a time.

Credentials are found as AWS tools find them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), else,
where boto3 is installed, AWS_PROFILE, the shared files and the roles that boto3 knows. AWS_REGION, AWS_ENDPOINT_URL
name another region or store. Messages are made of the store's error code: its own words may repeat a key.
"""

import datetime as dt
import importlib.util
import itertools
import os
import re
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkify.errors import SourceError
from sparkify.files import CHANGED, SourceFile

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import S3Config, S3Store

SCHEME = "s3://"

# A larger object is fetched in parts, so that no request is long and memory is bounded.
_PART_BYTES = 8 << 20
_MOST_BYTES_AHEAD = 64 << 20
_MOST_TASKS_AHEAD = 4
# A thread fetches small objects some at a time: handing over each alone would cost as much as fetching it.
_SMALL_BYTES = 16 << 10
_MOST_PER_TASK = 8
# The store's client tries a request again that got no answer, or one of 500 and above; we do when a body was cut.
_MOST_SECONDS = 30
_ATTEMPTS = 4

_CODE = re.compile(r"<Code>(\w+)</Code>")
_REGION = re.compile(r"<Region>([\w-]+)</Region>")
_STATUS = re.compile(r"status code: (\d{3})")
_SENTENCES = {
    "NoSuchBucket": "there is no such bucket; check its name",
    "NoSuchKey": "it is no longer there",
    "SignatureDoesNotMatch": "the secret access key does not belong to the access key; check AWS_SECRET_ACCESS_KEY",
    "InvalidAccessKeyId": "the store does not know the access key; check AWS_ACCESS_KEY_ID",
    "ExpiredToken": "the session token has expired; sign in again",
    "TokenRefreshRequired": "the session token has expired; sign in again",
    "InvalidToken": "the session token is not valid; sign in again",
    "RequestTimeTooSkewed": "the clock of this machine is wrong; set it",
    "PreconditionFailed": CHANGED,
}
_OTHER_REGION = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")


@dataclass(frozen=True)
class S3Access:
    """How to reach the store: without credentials or with, and the requests that may be under way at a time."""

    anonymous: bool = False
    concurrency: int = 64


def list_objects(root: str, access: S3Access) -> list[SourceFile]:
    """Every object below a root, or the one object that it names, in the store's order.

    A root is a folder, never the beginning of a key. An etag comes without its quotes. Raises SourceError where nothing
    is there or it cannot be listed.
    """
    from obstore.exceptions import BaseError

    bucket, key = _split(root)
    store = _open_store(bucket, access)
    try:
        # A store's console marks a folder with an object of the folder's own name.
        found = [meta for meta in _list_below(store, key, access) if meta["path"] != key]
        if not found and key:
            found = _find_object(store, key)
    except (BaseError, OSError) as error:
        raise SourceError(f"cannot list {root}: {_reason(error, access, 's3:ListBucket')}") from None
    if not found:
        raise SourceError(f"there is no object below {root}; name the bucket and the folder that hold the JSON files")
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

        bucket, key = _split(part.item.url)
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
                reason = _reason(error, self._access, "s3:GetObject")
                if not _is_passing(error):
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
                self._stores[bucket] = _open_store(bucket, self._access)
        options: GetOptions = {} if part.size == part.item.size else {"range": (part.start, part.end)}
        # A weak tag matches nothing, by RFC 9110.
        if part.item.etag is not None and not part.item.etag.startswith("W/"):
            options["if_match"] = f'"{part.item.etag}"'
        return bytes(obstore.get(self._stores[bucket], key, options=options).bytes())


class S3Folder:
    """A folder in S3 to write to. Its methods raise SourceError where the store refuses."""

    def __init__(self, root: str, access: S3Access) -> None:
        self.root = root.rstrip("/")
        self._access = access
        bucket, self._prefix = _split(root)
        self._store = _open_store(bucket, access)

    def put(self, name: str, content: bytes | Path) -> str:
        """Write an object, in parts where it is large; returns its URL."""
        import obstore
        from obstore.exceptions import BaseError

        url = f"{self.root}/{name}"
        try:
            obstore.put(self._store, f"{self._prefix}/{name}", content)
        except (BaseError, OSError) as error:
            raise SourceError(f"cannot write {url}: {_reason(error, self._access, 's3:PutObject')}") from None
        return url

    def clear(self, folder: str = "") -> None:
        """Delete every object below this folder, or below one in it."""
        import obstore
        from obstore.exceptions import BaseError

        prefix = f"{self._prefix}/{folder}".rstrip("/")
        try:
            for page in obstore.list(self._store, prefix=prefix, chunk_size=1000):
                obstore.delete(self._store, [meta["path"] for meta in page])
        except FileNotFoundError:
            # Somebody else deleted it.
            return
        except (BaseError, OSError) as error:
            reason = _reason(error, self._access, "s3:DeleteObject")
            raise SourceError(f"cannot delete below {self.root}/{folder}: {reason}") from None


def has_changed(file: SourceFile, access: S3Access) -> bool:
    """Whether an object is no longer what was listed. Raises SourceError where that cannot be found out."""
    from obstore.exceptions import BaseError

    bucket, key = _split(file.url)
    try:
        found = _find_object(_open_store(bucket, access), key)
    except (BaseError, OSError) as error:
        raise SourceError(f"cannot read {file.url}: {_reason(error, access, 's3:GetObject')}") from None
    return not found or (found[0]["e_tag"] or "").strip('"') != (file.etag or "")


def _split(url: str) -> tuple[str, str]:
    bucket, _, key = url.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise SourceError(f"{url} names no bucket; write it as s3://bucket/folder")
    return bucket, key.rstrip("/")


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


def _open_store(bucket: str, access: S3Access) -> "S3Store":
    from obstore.store import S3Store

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    settings: S3Config = {"endpoint": endpoint} if endpoint else {}
    provider = None
    if access.anonymous:
        settings["skip_signature"] = True
    elif not (os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY")):
        provider, of_profile = _find_credentials()
        region = region or of_profile
    return S3Store(
        bucket,
        config={**settings, "region": region or "us-east-1"},
        client_options={
            "timeout": f"{_MOST_SECONDS}s",
            "connect_timeout": "5s",
            "allow_http": bool(endpoint and endpoint.startswith("http://")),
        },
        retry_config={"max_retries": 5, "retry_timeout": dt.timedelta(seconds=_MOST_SECONDS)},
        credential_provider=provider,
    )


def _find_credentials() -> tuple[Any, str | None]:
    """boto3's credentials and region. Raises SourceError where there are none."""
    if importlib.util.find_spec("boto3") is None:
        raise SourceError(
            "no AWS credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set; set them, install "
            "sparkify[aws] for profiles and roles, or give --anonymous for a public bucket"
        )
    import boto3
    from botocore.exceptions import BotoCoreError
    from obstore.auth.boto3 import Boto3CredentialProvider

    try:
        session = boto3.Session()
        if session.get_credentials() is None:
            raise SourceError(
                "no AWS credentials: looked at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, at the profile "
                f"{session.profile_name}, and for a role of this machine; set one of them, or give --anonymous for a "
                "public bucket"
            )
        return Boto3CredentialProvider(session), session.region_name
    except BotoCoreError as error:
        raise SourceError(f"no AWS credentials: {error}; mend the profile, or set AWS_PROFILE to another") from None


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


def _is_passing(error: Exception) -> bool:
    """Whether asking again may help: the store is overloaded, or the connection broke."""
    text = str(error)
    status = _STATUS.search(text)
    return not isinstance(error, FileNotFoundError) and (status is None or status[1] >= "500")


def _reason(error: Exception, access: S3Access, permission: str) -> str:
    """What an error of the store's client means, without the client's words."""
    text = str(error)
    found, status = _CODE.search(text), _STATUS.search(text)
    code = found[1] if found else ""
    if isinstance(error, FileNotFoundError):
        return _SENTENCES[code if code == "NoSuchBucket" else "NoSuchKey"]
    if code in _OTHER_REGION or "without LOCATION" in text:
        region = _REGION.search(text)
        return f"the bucket is in {f'the region {region[1]}' if region else 'another region'}; set AWS_REGION to it"
    if code in _SENTENCES:
        return _SENTENCES[code]
    if status is not None and status[1] == "412":
        return _SENTENCES["PreconditionFailed"]
    if status is not None and status[1] == "403":
        if access.anonymous:
            return "access is denied without credentials; leave --anonymous out"
        return f"access is denied; the credentials lack the permission {permission}"
    if status is not None:
        return f"the store answers {status[1]}{f' ({code})' if code else ''}; try later"
    if "invalid path" in text:
        return "it holds a key with a part that is empty, . or .., which cannot be read; rename that object"
    if "timed out" in text:
        return f"the store does not answer within {_MOST_SECONDS} s; try later"
    if "error sending request" in text or "connect" in text:
        return "the store cannot be reached; check AWS_ENDPOINT_URL and the network"
    return "the connection broke; try later"
