"""Requests to a store in our own hand, for what its client cannot do or does not tell.

These are listings, whose pages have to be examined one by one, keys that the client cannot name, answers that it cannot
read, and objects that have to come in one piece. No redirect is followed: it would carry credentials to another place.
Slower than the client: each request has a connection of its own. Errors are StoreErrors, which report the store's
answer as the client's errors do. Every request has an end: see `MOST_SECONDS`.
"""

import datetime as dt
import hashlib
import hmac
import http.client
import itertools
import random
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

from sparkify.sources.bucket import AS_STORED, Place, is_requester, read_authorities
from sparkify.sources.pages import Listed, Page, StoreError, parse_page, parse_size
from sparkify.sources.refusals import (
    CONNECT_SECONDS,
    MOST_ANSWER_SECONDS,
    MOST_REQUEST_SECONDS,
    MOST_SECONDS,
    is_passing,
)
from sparkify.sources.threads import run_within

_EMPTY = hashlib.sha256(b"").hexdigest()
# Between tries. The first ones come soon: most refusals are over at once.
_LEAST_PAUSE, _MOST_PAUSE = 0.25, 8
# What has never answered is perhaps no store.
_FIRST_SECONDS = 2
_ODD = re.compile(r"(?:\A|/)(?:\.{0,2})(?:/|\Z)|[\x00-\x1f\x7f]")
# A page holds at most 1,000 keys of 1,024 bytes.
_MOST_PAGE_BYTES, _MOST_ERROR_BYTES = 32 << 20, 1 << 20
_READ_BYTES = 1 << 20
_LEAST_BYTES_PER_SECOND = 64 << 10

T = TypeVar("T")


class NoPartsError(StoreError):
    """The store sends whole objects only."""


class Piece(NamedTuple):
    """Bytes of an object, the etag that came with them, and the size of the whole object where the answer tells it."""

    data: bytes
    etag: str | None
    size: int | None


class _Connection(http.client.HTTPConnection):
    """One that is made quickly or not at all."""

    def connect(self) -> None:
        patience, self.timeout = self.timeout, CONNECT_SECONDS
        super().connect()
        self.sock.settimeout(patience)


class _SecureConnection(_Connection, http.client.HTTPSConnection):
    pass


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self) -> None:
        self._trust = ssl.create_default_context(cadata=read_authorities())
        super().__init__(context=self._trust)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureConnection, req, context=self._trust)


def is_odd(key: str) -> bool:
    """Whether the store's client cannot name a key: with a part that is empty, `.` or `..`, or a control character."""
    return bool(key) and _ODD.search(key) is not None


class SignedRequests:
    """Lists a bucket and reads its objects, whatever their keys.

    What may pass is asked again for `patience` seconds. The store has `most_seconds` to send an object in one answer,
    and more for a large one.
    """

    def __init__(
        self, place: Place, *, patience: float = MOST_SECONDS, most_seconds: float = MOST_REQUEST_SECONDS
    ) -> None:
        self._place = place
        self._patience = patience
        self._most_seconds = most_seconds
        self._has_answered = False
        # The usual opener follows redirects, which would carry a signature of another address.
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            _Https() if place.endpoint.startswith("https") else _Http(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPDefaultErrorHandler(),
        ):
            self._opener.add_handler(handler)

    def list_page(self, prefix: str, *, token: str | None = None, delimiter: str = "") -> Page:
        """One page of the objects whose keys begin with a prefix, from a token on."""
        query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
        query |= {"delimiter": delimiter} if delimiter else {}
        query |= {"continuation-token": token} if token is not None else {}
        return self._repeat(lambda: parse_page(self._request("", query, {}, _MOST_PAGE_BYTES)[1]))

    def head(self, key: str) -> Listed | None:
        """What the store says of the object of this name, if there is one."""
        try:
            headers, _ = self._repeat(lambda: self._request(key, {}, {}, 0, method="HEAD"))
        except StoreError as error:
            if "status code: 404" in str(error):
                return None
            raise
        return Listed(key, headers.get("Content-Length", ""), headers.get("ETag"), headers.get("Last-Modified", ""))

    def get(
        self, key: str, most: int, *, start: int | None = None, etag: str | None = None, takes_gzip: bool = True
    ) -> Piece:
        """An object, or `most` bytes of it from `start` on; only while it has this etag. Of one with more than `most`
        bytes, one more than these.

        A store that unpacks objects sends them as they are stored to whom `takes_gzip`, one that packs them to others.
        """
        headers = _reading(etag, takes_gzip)
        headers |= {} if start is None else {"range": f"bytes={start}-{start + most - 1}"}
        told, data = self._request(key, {}, headers, most + 1)
        whole = told.get("Content-Length", "") if start is None else told.get("Content-Range", "").rpartition("/")[2]
        if start is not None and "Content-Range" not in told:
            raise NoPartsError("the store sends the whole object where a part was asked for")
        return Piece(data, told.get("ETag"), parse_size(whole))

    def stream(self, key: str, *, etag: str | None = None) -> Iterator[Piece]:
        """An object in one answer, in pieces of at most 1 MiB."""
        answer = self._repeat(
            lambda: _tell(
                lambda: run_within(
                    MOST_ANSWER_SECONDS,
                    lambda: self._open("GET", key, {}, _reading(etag, True)),
                    drop=lambda late: late.close(),
                )
            )
        )
        told, received, waited = answer.headers, 0, 0.0
        size = parse_size(told.get("Content-Length", ""))
        with answer:
            while True:
                # The reader's own time is not the store's.
                asked = time.monotonic()
                data = _tell(lambda: answer.read1(_READ_BYTES))
                waited += time.monotonic() - asked
                if not data:
                    return
                received += len(data)
                if waited > self._most_seconds + received / _LEAST_BYTES_PER_SECOND:
                    raise StoreError("timed out")
                yield Piece(data, told.get("ETag"), size)

    def _repeat(self, request: Callable[[], T]) -> T:
        """What a request returns, sent again where that may help, while there is time."""
        began = time.monotonic()
        for attempt in itertools.count():
            try:
                return request()
            except StoreError as error:
                # Many who wait for the same store shall not come back at the same moment.
                pause = min(_LEAST_PAUSE * 2**attempt, _MOST_PAUSE) * random.uniform(0.5, 1)
                most = self._patience if self._has_answered else min(self._patience, _FIRST_SECONDS)
                if not is_passing(error) or time.monotonic() + pause - began > most:
                    raise
            time.sleep(pause)
        raise AssertionError

    def _request(
        self, key: str, query: dict[str, str], headers: dict[str, str], most_bytes: int, *, method: str = "GET"
    ) -> tuple[http.client.HTTPMessage, bytes]:
        """The headers and the body of an answer, whose body may have so many bytes."""

        def ask() -> tuple[http.client.HTTPMessage, bytes]:
            with self._open(method, key, query, headers) as answer:
                return answer.headers, _tell(lambda: _read(answer, most_bytes))

        try:
            return run_within(_seconds_for(most_bytes) if key else MOST_ANSWER_SECONDS, ask)
        except TimeoutError:
            raise StoreError("timed out") from None

    def _open(self, method: str, key: str, query: dict[str, str], headers: dict[str, str]) -> Any:
        url, signed = _sign(self._place, method, key, query, headers)
        request = urllib.request.Request(url, headers=signed, method=method)
        try:
            answer = _tell(lambda: self._opener.open(request, timeout=MOST_SECONDS))
        except urllib.error.HTTPError as error:
            self._has_answered = True
            with error:
                raise StoreError(f"status code: {error.code} {error.reason}: {_read_refusal(error)}") from None
        self._has_answered = True
        return answer


def _read_refusal(error: urllib.error.HTTPError) -> str:
    """The body of a refusal, with what its headers say as elements more."""
    told = {"Region": error.headers.get("x-amz-bucket-region"), "Location": error.headers.get("location")}
    body = _tell(lambda: _read(error, _MOST_ERROR_BYTES)).decode("utf-8", "replace")
    return body + "".join(f"<{name}>{value}</{name}>" for name, value in told.items() if value)


def _seconds_for(size: int) -> float:
    """The time in which so many bytes have to come."""
    return min(MOST_SECONDS + size / _LEAST_BYTES_PER_SECOND, MOST_REQUEST_SECONDS)


def _reading(etag: str | None, takes_gzip: bool) -> dict[str, str]:
    headers = AS_STORED if takes_gzip else {"accept-encoding": "identity"}
    return headers | ({"if-match": f'"{etag}"'} if etag else {})


def _read(answer: Any, most_bytes: int) -> bytes:
    """The body, but no more than so many bytes of it."""
    blocks, left = [], most_bytes
    while left > 0 and (block := answer.read(min(left, _READ_BYTES))):
        blocks.append(block)
        left -= len(block)
    if left > 0 and answer.length:
        raise StoreError("body error: the answer ends too early")
    return b"".join(blocks)


def _tell(call: Callable[[], T]) -> T:
    """What a call returns; what it raises is told as the client tells it."""
    try:
        return call()
    except (urllib.error.HTTPError, StoreError):
        raise
    except http.client.IncompleteRead:
        raise StoreError("body error: the answer ends too early") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise StoreError(f"error sending request: {_name(reason)}") from None


def _name(reason: object) -> str:
    """Why there is no answer, in the client's words where it has some."""
    if isinstance(reason, TimeoutError):
        return "timed out"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"InvalidCertificate ({reason.verify_message})"
    if isinstance(reason, ssl.SSLError):
        return f"TlsFailure ({reason.reason or reason})"
    if isinstance(reason, ConnectionRefusedError):
        return "ConnectionRefused"
    if isinstance(reason, socket.gaierror | UnicodeError):
        return "dns error"
    if isinstance(reason, ConnectionError | http.client.RemoteDisconnected):
        return "body error: the connection was closed"
    return f"NoHttp ({reason})" if isinstance(reason, http.client.HTTPException) else str(reason)


def _sign(
    place: Place, method: str, key: str, query: dict[str, str], headers: dict[str, str]
) -> tuple[str, dict[str, str]]:
    """The address of a request and its headers, signed with AWS Signature Version 4.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    """
    url = urlsplit(place.endpoint)
    base = url.path.rstrip("/") + ("" if place.is_virtual else f"/{place.bucket}")
    path = quote(f"{base}/{key}" if key or not base else base)
    asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))
    address = f"{url.scheme}://{url.netloc}{path}{'?' if asked else ''}{asked}"
    headers = headers | ({"x-amz-request-payer": "requester"} if is_requester() else {})
    if place.find_credentials is None:
        return address, headers
    keys = place.find_credentials()
    now = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    headers |= {"host": url.netloc, "x-amz-date": now, "x-amz-content-sha256": _EMPTY}
    if token := keys.get("token"):
        headers["x-amz-security-token"] = token
    # What stands between may change how it is packed.
    signed = sorted(headers.keys() - AS_STORED)
    names = ";".join(signed)
    canonical = [path, asked, *(f"{name}:{headers[name]}" for name in signed), "", names, _EMPTY]
    scope = f"{now[:8]}/{place.region}/s3/aws4_request"
    digest = hashlib.sha256("\n".join([method, *canonical]).encode()).hexdigest()
    secret = f"AWS4{keys['secret_access_key']}".encode()
    for part in scope.split("/"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    signature = hmac.digest(secret, f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}".encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys['access_key_id']}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return address, headers
