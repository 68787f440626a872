"""A local proxy between the loader and the S3 server, which can be slow, overloaded or broken on demand."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from tests.http_server import Handler, serve

Fault = Literal["none", "busy", "cut", "hung_up", "expired", "other_region", "moved", "no_bucket", "folder_mark"]


def _listing(*keys: str) -> bytes:
    contents = "".join(
        f'<Contents><Key>{key}</Key><LastModified>2018-11-30T00:00:00.000Z</LastModified><ETag>"e"</ETag>'
        f"<Size>{0 if key.endswith('/') else 3}</Size></Contents>"
        for key in keys
    )
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>".encode()


# As AWS documents its error responses: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_ANSWERS: dict[Fault, tuple[int, bytes]] = {
    "busy": (503, b"<Error><Code>SlowDown</Code></Error>"),
    "expired": (400, b"<Error><Code>ExpiredToken</Code></Error>"),
    "other_region": (
        400,
        b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>",
    ),
    "moved": (301, b"<Error><Code>PermanentRedirect</Code></Error>"),
    "no_bucket": (404, b"<Error><Code>NoSuchBucket</Code></Error>"),
    "folder_mark": (200, _listing("log_data/", "log_data/a.json")),
}


class S3Proxy:
    """A running proxy. `fault` decides about each request, by its path and the number of earlier requests for it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.latency = 0.0
        self.fault: Callable[[str, int], Fault] = lambda path, times: "none"
        self.requests = Counter[str]()
        self.most_at_once = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def run_s3_proxy(server_port: int) -> Iterator[S3Proxy]:
    """Start a proxy for a server, and stop it."""
    lock = threading.Lock()
    at_once = 0

    class Answer(Handler):
        def do_GET(self) -> None:
            nonlocal at_once
            path = self.path.split("?")[0]
            with lock:
                times = proxy.requests[path]
                proxy.requests[path] += 1
                at_once += 1
                proxy.most_at_once = max(proxy.most_at_once, at_once)
            try:
                self._answer(proxy.fault(path, times))
            finally:
                with lock:
                    at_once -= 1

        do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

        def _answer(self, fault: Fault) -> None:
            time.sleep(proxy.latency)
            if fault == "hung_up":
                self.close_connection = True
                return
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers: dict[str, str] = {}
            if fault in _ANSWERS:
                status, body = _ANSWERS[fault]
            else:
                status, headers, body = self._forward(sent)
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault == "cut":
                body = body[: len(body) // 2]
                self.close_connection = True
            if self.command != "HEAD":
                self.wfile.write(body)

        def _forward(self, sent: bytes) -> tuple[int, dict[str, str], bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", server_port, timeout=30)
            try:
                # The signature includes the host name that the client used.
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    connection.putheader(name, value)
                connection.endheaders(sent)
                response = connection.getresponse()
                return response.status, dict(response.getheaders()), response.read()
            finally:
                connection.close()

    with serve(Answer) as port:
        proxy = S3Proxy(port)
        yield proxy
