"""The command as users run it, in this process or as its own, and a fake Secrets Manager."""

import contextlib
import http.server
import io
import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from sparkify.cli import main
from sparkify.settings import Config
from tests.support import strip_progress

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "sparkify"]


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The one object on stdout, which must be strict JSON."""

        def refuse(constant: str) -> None:
            raise ValueError(f"{constant} is no JSON")

        return json.loads(self.out, parse_constant=refuse)


def run_here(*arguments: str | Path) -> Ran:
    """Run it in this process: fast, and an unhandled exception fails the test."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    code = ended.value.code
    assert code is None or isinstance(code, int)
    texts = [stream.detach().getvalue().decode() for stream in (out, err)]
    return Ran(code or 0, texts[0], strip_progress(texts[1]))


def environment(**variables: str) -> dict[str, str]:
    """The variables of a process as users have them."""
    # Unbuffered output would hide faults when the rest is flushed at the end.
    left_out = ("PYTHONDEVMODE", "PYTHONUNBUFFERED", "PYTHONWARNINGS")
    inherited = {name: value for name, value in os.environ.items() if name not in left_out}
    return inherited | {"PYTHONPATH": str(ROOT)} | variables


def run_python(*arguments: str | Path, **variables: str) -> Ran:
    """Run a Python process, in the working folder and with this process's environment."""
    ended = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=environment(**variables), stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=120,
    )  # fmt: skip
    assert "Traceback" not in ended.stderr, ended.stderr
    return Ran(ended.returncode, ended.stdout, strip_progress(ended.stderr))


def run_command(*arguments: str | Path, **variables: str) -> Ran:
    """Run the command as its own process."""
    return run_python("-m", "sparkify", *arguments, **variables)


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, int, list[bytes]]]:
    """A pseudo-terminal: our end, the command's end, and what the command wrote."""
    ours, theirs = pty.openpty()
    written: list[bytes] = []

    def read() -> None:
        # Some systems end with an error, some with nothing.
        with contextlib.suppress(OSError):
            while block := os.read(ours, 4096):
                written.append(block)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield ours, theirs, written
    finally:
        os.close(theirs)
        reader.join(timeout=30)
        os.close(ours)


def at(config: Config) -> list[str]:
    """The option that names the warehouse."""
    return ["--warehouse", config.warehouse_address]


def options(config: Config) -> list[str]:
    """The options that name the warehouse and both sources."""
    assert config.log_data is not None
    assert config.song_data is not None
    return [*at(config), "--log-data", config.log_data, "--song-data", config.song_data]


def assert_harmless(text: str) -> None:
    """Apart from line ends, no character moves the cursor, rings the bell or changes the writing direction."""
    assert all(c.isprintable() for c in text.replace("\n", ""))


def variables_of(config: Config) -> dict[str, str]:
    """The environment variables of a configuration."""
    # A setting that is not set has no variable: neither None nor an empty tuple of patterns or keys.
    settings = {name: value for name, value in structs.asdict(config).items() if value not in (None, (), {})}
    if config.db_password is not None:
        settings["db_password"] = config.db_password.reveal()
    if config.db_secret_arn is not None:
        settings["db_secret_arn"] = config.db_secret_arn.reveal()
    return {f"SPARKIFY_{name.upper()}": str(value) for name, value in settings.items()}


@dataclass
class SecretsManager:
    """It has one secret. `signatures` are the Authorization headers that it received."""

    port: int
    arn: str
    content: str
    signatures: list[str] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL_SECRETS_MANAGER": f"http://127.0.0.1:{self.port}"}


@contextlib.contextmanager
def run_secrets_manager(arn: str, content: str) -> Iterator[SecretsManager]:
    """A real server, for processes in which moto is not active."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            manager.signatures.append(self.headers["Authorization"])
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["SecretId"]
            known = asked == manager.arn
            answer = {"SecretString": manager.content} if known else {"__type": "ResourceNotFoundException"}
            body = json.dumps(answer).encode()
            self.send_response(200 if known else 400)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        manager = SecretsManager(server.server_address[1], arn, content)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield manager
        server.shutdown()
        thread.join()
