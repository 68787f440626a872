"""A stand-in for stores that a real server cannot play: it lists and gets, checks no signature, and answers as told."""

import hashlib
import ssl
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import NamedTuple
from xml.sax.saxutils import escape

from tests.http_server import Handler, serve


class Request(NamedTuple):
    """A request: `key` is empty for a listing. Names of headers are in small letters."""

    host: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]


class Reply(NamedTuple):
    status: int
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})


def refusal(status: int, code: str, words: str = "", more: str = "") -> Reply:
    """An error as S3 documents it."""
    body = f"<Error><Code>{code}</Code><Message>{escape(words)}</Message>{more}</Error>"
    return Reply(status, body.encode())


class StandIn:
    """A running store with one bucket. `answer` may answer a request in its own way, or give None."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.objects: dict[str, bytes] = {}
        self.answer: Callable[[Request], Reply | None] = lambda request: None
        self.requests: list[Request] = []
        self.page_size = 1000

    def reply(self, request: Request) -> Reply:
        self.requests.append(request)
        if told := self.answer(request):
            return told
        if not request.key:
            return self._list(request.query)
        if request.key not in self.objects:
            return refusal(404, "NoSuchKey", "The specified key does not exist.")
        data = self.objects[request.key]
        headers = {"ETag": f'"{_etag(data)}"', "Last-Modified": "Thu, 01 Nov 2018 00:00:00 GMT"}
        if asked := request.headers.get("range"):
            start, end = map(int, asked.removeprefix("bytes=").split("-"))
            headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            return Reply(206, data[start : end + 1], headers)
        return Reply(200, data, headers)

    def _list(self, query: dict[str, str]) -> Reply:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        keys = sorted(key for key in self.objects if key.startswith(prefix))
        folders: list[str] = []
        if delimiter:
            below = [key for key in keys if delimiter in key.removeprefix(prefix)]
            folders = sorted({prefix + key.removeprefix(prefix).split(delimiter)[0] + delimiter for key in below})
            keys = [key for key in keys if key not in below]
        start = int(query.get("continuation-token", "0"))
        page = keys[start : start + self.page_size]
        more = start + self.page_size < len(keys)
        shown = urllib.parse.quote if query.get("encoding-type") == "url" else lambda key: escape(key, {"\t": "&#9;"})
        body = "".join(
            f"<Contents><Key>{shown(key)}</Key><LastModified>2018-11-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;{_etag(self.objects[key])}&quot;</ETag><Size>{len(self.objects[key])}</Size></Contents>"
            for key in page
        )
        body += "".join(f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders)
        body += f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        body += f"<NextContinuationToken>{start + self.page_size}</NextContinuationToken>" if more else ""
        body += "<EncodingType>url</EncodingType>" if query.get("encoding-type") == "url" else ""
        frame = '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%s</ListBucketResult>'
        return Reply(200, (frame % body).encode())


def _etag(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@contextmanager
def run_stand_in(encryption: ssl.SSLContext | None = None) -> Iterator[StandIn]:
    """Start a stand-in, and stop it."""

    class Answer(Handler):
        def do_GET(self) -> None:
            # A proxy gets the whole address.
            url = urllib.parse.urlsplit(self.path)
            host = url.netloc or self.headers["host"]
            path = urllib.parse.unquote(url.path)
            key = path.lstrip("/") if host.startswith("bucket.") else path.removeprefix("/bucket").removeprefix("/")
            query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._send(store.reply(Request(host, key, query, headers)))

        do_HEAD = do_GET

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if "Transfer-Encoding" not in reply.headers:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

    with serve(Answer, encryption) as port:
        store = StandIn(f"http{'s' if encryption else ''}://127.0.0.1:{port}")
        yield store
