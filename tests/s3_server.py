"""A real S3 server for the tests: SeaweedFS from the development dependencies, with its own ports and folder."""

import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

READ_KEY, WRITE_KEY = "testreader", "testwriter"
# They may do all but write or all but read in the bucket.
NO_PUT_KEY, NO_GET_KEY = "testnoput", "testnoget"
SECRET = "never-to-be-seen"
BUCKET = "sparkify-test"

_PORTS = ("master.port", "volume.port", "filer.port", "s3.port")
_START_SECONDS = 60


@dataclass(frozen=True)
class S3Server:
    """The address of the server, and the environment in which AWS tools find it."""

    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self, *, key: str = WRITE_KEY, secret: str = SECRET) -> dict[str, str]:
        """Variables as a user would set them."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def open_store(self) -> S3Store:
        """The bucket, with the right to do everything."""
        return S3Store(
            BUCKET,
            config={
                "endpoint": self.endpoint,
                "access_key_id": WRITE_KEY,
                "secret_access_key": SECRET,
                "region": "us-east-1",
            },
            client_options={"allow_http": True},
        )


@contextmanager
def run_s3_server() -> Iterator[S3Server]:
    """Start the server and stop it by its process id."""
    with ExitStack() as stack:
        # A short name: the server creates sockets in it, and their paths have a maximum length.
        folder = Path(tempfile.mkdtemp(prefix="s3-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        identities = folder / "identities.json"
        identities.write_text(json.dumps({"identities": [
            _identity("writer", WRITE_KEY, ["Admin"]),
            _identity("reader", READ_KEY, ["Read:other-bucket", "List:other-bucket"]),
            _identity("no put", NO_PUT_KEY, [f"Read:{BUCKET}", f"List:{BUCKET}"]),
            _identity("no get", NO_GET_KEY, [f"Write:{BUCKET}", f"List:{BUCKET}"]),
        ]}))  # fmt: skip
        ports = _free_ports(2 * len(_PORTS))
        options = [f"-{name}={ports[2 * place]}" for place, name in enumerate(_PORTS)]
        options += [f"-{name}.grpc={ports[2 * place + 1]}" for place, name in enumerate(_PORTS)]
        command = [
            str(Path(sys.executable).parent / "weed"), "-logtostderr=true", "mini", f"-dir={folder}", "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1", f"-s3.config={identities}", f"-bucket={BUCKET}", "-master.telemetry=false",
            "-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0", *options,
        ]  # fmt: skip
        log = stack.enter_context((folder / "log").open("wb"))
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env={"TMPDIR": str(folder), "HOME": str(folder)}
        )
        stack.callback(_stop, process)
        server = S3Server(ports[_PORTS.index("s3.port") * 2])
        _wait_until_ready(process, server, folder / "log")
        yield server


def _identity(name: str, key: str, actions: list[str]) -> dict[str, object]:
    return {"name": name, "credentials": [{"accessKey": key, "secretKey": SECRET}], "actions": actions}


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]", server: S3Server, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if _knows_identities(server) and _has_bucket(server):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the S3 server did not start: {log.read_text(errors='replace')[-2000:]}")


def _knows_identities(server: S3Server) -> bool:
    """Whether it listens, and refuses requests without a signature."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.HTTPStatus.FORBIDDEN
    except OSError:
        return False
    finally:
        connection.close()


def _has_bucket(server: S3Server) -> bool:
    """Whether the bucket exists: on a busy machine it is made a second after the server listens."""
    try:
        obstore.list_with_delimiter(server.open_store())
    except BaseError:
        return False
    return True
