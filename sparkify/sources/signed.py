"""Requests to a store in our own hand, for what its client cannot do: keys that it cannot name, answers it cannot read.

Slower than the client: a connection for each request, and a listing page by page. Errors are StoreErrors, which report
the store's answer as the client's errors do.
"""

import datetime as dt
import hashlib
import hmac
import http.client
import re
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote_plus, urlsplit

from sparkify.settings import S3Access
from sparkify.sources.bucket import AS_STORED, Place, is_requester, locate
from sparkify.sources.refusals import MOST_SECONDS, is_passing

_EMPTY = hashlib.sha256(b"").hexdigest()
_ATTEMPTS = 4
_ODD = re.compile(r"(?:\A|/)(?:\.{0,2})(?:/|\Z)|[\x00-\x1f\x7f]")


class StoreError(OSError):
    """The store refuses a request, or answers with something else than what was asked for."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: followed, it would carry a signature of another address."""

    def redirect_request(self, *_: Any) -> None:
        return None


def is_odd(key: str) -> bool:
    """Whether the store's client cannot name a key: with a part that is empty, `.` or `..`, or a control character."""
    return bool(key) and _ODD.search(key) is not None


class SignedRequests:
    """Lists a bucket and reads its objects, whatever their keys."""

    def __init__(self, bucket: str, access: S3Access) -> None:
        self._place = locate(bucket, access)
        self._opener = urllib.request.build_opener(_NoRedirect)

    def list(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Every object whose key begins with a prefix: its path, size, e_tag and last_modified, as from the client."""
        query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
        while True:
            page = _parse_page(self._repeat(query))
            is_encoded = page.findtext("{*}EncodingType") == "url"
            for entry in page.iterfind("{*}Contents"):
                key = entry.findtext("{*}Key", "")
                yield {
                    "path": unquote_plus(key) if is_encoded else key,
                    "size": int(entry.findtext("{*}Size", "0")),
                    "e_tag": entry.findtext("{*}ETag"),
                    "last_modified": _parse_time(entry.findtext("{*}LastModified", "")),
                }
            token = page.findtext("{*}NextContinuationToken")
            if page.findtext("{*}IsTruncated") != "true" or not token:
                return
            query["continuation-token"] = token

    def get(
        self, key: str, *, span: tuple[int, int] | None = None, etag: str | None = None, takes_gzip: bool = True
    ) -> bytes:
        """The bytes of an object, or those from `span[0]` to `span[1]`, exclusive; only while it has this etag.

        A store that unpacks objects sends them as they are stored to whom `takes_gzip`, one that packs them to others.
        """
        headers = AS_STORED if takes_gzip else {"accept-encoding": "identity"}
        if etag:
            headers = headers | {"if-match": f'"{etag}"'}
        if span:
            headers = headers | {"range": f"bytes={span[0]}-{span[1] - 1}"}
        with self._open(key, {}, headers) as answer:
            if span and answer.status != http.HTTPStatus.PARTIAL_CONTENT:
                raise StoreError("the store sends the whole object where a part was asked for")
            return _read(answer)

    def _repeat(self, query: dict[str, str]) -> bytes:
        for attempt in range(_ATTEMPTS):
            try:
                with self._open("", query, {}) as answer:
                    return _read(answer)
            except OSError as error:
                if attempt == _ATTEMPTS - 1 or not is_passing(error):
                    raise
            time.sleep(0.2 * 2**attempt)
        raise AssertionError

    def _open(self, key: str, query: dict[str, str], headers: dict[str, str]) -> Any:
        url, signed = _sign(self._place, key, query, headers)
        request = urllib.request.Request(url, headers=signed)
        try:
            return self._opener.open(request, timeout=MOST_SECONDS)
        except urllib.error.HTTPError as error:
            region = error.headers.get("x-amz-bucket-region")
            body = error.read().decode("utf-8", "replace") + (f"<Region>{region}</Region>" if region else "")
            raise StoreError(f"status code: {error.code} {error.reason}: {body}") from None
        except urllib.error.URLError as error:
            raise StoreError(f"error sending request: {error.reason}") from None


def _read(answer: Any) -> bytes:
    try:
        return bytes(answer.read())
    except http.client.HTTPException:
        raise StoreError("body error: the answer ends too early") from None


def _parse_page(content: bytes) -> ET.Element:
    try:
        page = ET.fromstring(content)
    except ET.ParseError:
        page = ET.Element("")
    if page.tag.rpartition("}")[2] != "ListBucketResult":
        words = content.decode("utf-8", "replace")
        raise StoreError(f"status code: 200 OK, and no listing: {words}")
    return page


def _parse_time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text) if text else dt.datetime.fromtimestamp(0, dt.UTC)


def _sign(place: Place, key: str, query: dict[str, str], headers: dict[str, str]) -> tuple[str, dict[str, str]]:
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
    digest = hashlib.sha256("\n".join(["GET", *canonical]).encode()).hexdigest()
    secret = f"AWS4{keys['secret_access_key']}".encode()
    for part in scope.split("/"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    signature = hmac.digest(secret, f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}".encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys['access_key_id']}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return address, headers
