"""Ctrl-C, SIGTERM and SIGHUP in the command: one word, an exit code of its own, the state before or after."""

import os
import pty
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

import sparkify
from sparkify.settings import Config
from sparkify.warehouses import open_warehouse
from tests.support import TIMES, expected_star, log_file, play, read_star, song, song_file, write_file

ROOT = Path(__file__).parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("interruptible")]

# Ctrl-C in the first call of each of these functions, one after the other, or in a call by its number. One with a dot
# before it is only waited for.
PRESS = """
import signal, sys
from sparkify import interrupts
from sparkify.__main__ import main

def press(frame, event, argument):
    global calls
    if event != "call" or not interrupts._heeded:
        return
    calls += 1
    code, wanted = frame.f_code, names[0].removeprefix(".")
    if wanted != str(calls) and not f"{code.co_filename}:{code.co_name}".endswith(wanted):
        return
    is_press = names.pop(0) == wanted
    if not names:
        sys.setprofile(None)
    if is_press and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        print("too late", file=sys.stderr)
    if is_press:
        signal.raise_signal(signal.SIGINT)

first, *arguments = sys.argv[1:]
names, calls = first.split(","), 0
sys.setprofile(press)
try:
    main(arguments)
finally:
    print(f"{calls} calls, {len(names)} not pressed")
"""


def environment(**variables: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)} | variables


def press(where: str, *arguments: str) -> tuple[int, str, str]:
    """Run a command with Ctrl-C at these functions; returns exit code, stdout and stderr."""
    Path("press.py").write_text(PRESS, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "press", where, *arguments],
        env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return ended.returncode, ended.stdout, ended.stderr.strip()


@pytest.fixture
def delivered(warehouse: Config) -> Config:
    write_file(log_file(warehouse), [play(), play(userId=2, song="Starlight"), play(song=None)])
    write_file(song_file(warehouse), [song()])
    return warehouse


def load_arguments(config: Config) -> list[str]:
    assert config.log_data is not None
    assert config.song_data is not None
    return [
        "load", "-q", "--warehouse", config.warehouse_address,
        "--log-data", config.log_data, "--song-data", config.song_data,
    ]  # fmt: skip


# DuckDB makes an enumeration; a dataclass gets a field; its methods are made.
@pytest.mark.parametrize("function", ["enum.py:_create_", "dataclasses.py:__set_name__", "<string>:<module>"])
@pytest.mark.parametrize("arguments", [["status"], ["report"]], ids=lambda arguments: arguments[0])
def test_ctrl_c_during_an_import(function: str, arguments: list[str]) -> None:
    assert press(function, *arguments) == (130, "", "interrupted")


def test_ctrl_c_in_any_call(delivered: Config) -> None:
    code, out, _ = press("999999999", *load_arguments(delivered))
    assert code == 0
    calls = int(out.partition(" calls")[0].split()[-1])
    sparkify.create(delivered)
    draw = random.Random(TIMES)
    for _ in range(6 * TIMES):
        at = draw.randrange(1, calls)
        code, out, err = press(str(at), *load_arguments(delivered))
        late = err.startswith("too late") or out.strip().endswith("1 not pressed")
        assert (code, err) == (130, "interrupted") or (late and code == 0), (at, calls, code, out, err)
    sparkify.load(delivered)
    assert read_star(delivered) == expected_star(delivered)


@pytest.mark.parametrize(
    "functions",
    [
        # A second time while the first is told, or while files are cleared away, and while an error is told.
        "loads/load.py:load,cli/__init__.py:_tell",
        "bundles.py:_run_ahead,interrupts.py:leave",
        "judge.py:append_rows,duckdb/session.py:close",
        # An exception in a callback is lost.
        ".interrupts.py:raise_from_now,importlib._bootstrap>:cb",
    ],
)
def test_ctrl_c_is_heard_once_wherever_it_comes(delivered: Config, functions: str) -> None:
    assert press(functions, *load_arguments(delivered)) == (130, "", "interrupted")
    assert sparkify.load(delivered).load_id is not None or sparkify.status(delivered).files["loaded"] == 2
    assert read_star(delivered) == expected_star(delivered)


def test_ctrl_c_while_an_error_is_told() -> None:
    code, _, err = press("cli/__init__.py:_say_error", "status", "--warehouse", "nowhere.duckdb")
    assert (code, err) == (130, "interrupted")


# ---- real processes and real signals ----


@contextmanager
def running(
    *arguments: str, options: Sequence[str] = (), folder: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A command as its own process; whatever happens, it is gone afterwards."""
    with subprocess.Popen(
        [sys.executable, *options, "-m", "sparkify", *arguments], env=environment(), cwd=folder,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def end(process: "subprocess.Popen[str]", number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
    """Send a signal; returns the exit code and what stderr still said."""
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    return process.returncode, err.strip()


# Each with how it ends by itself: Ctrl-C may come too late.
EARLY = [(["--help"], 0, ""), (["load"], 0, ""), (["report"], 2, "sparkify: there is no warehouse ")]


@pytest.mark.parametrize(("arguments", "own_code", "says"), EARLY, ids=["help", "load", "report"])
def test_ctrl_c_in_the_first_second(
    delivered: Config, tmp_path: Path, arguments: list[str], own_code: int, says: str
) -> None:
    if arguments == ["load"]:
        arguments = load_arguments(delivered)
    interrupted = 0
    for place in range(3 * TIMES):
        folder = tmp_path / str(place)
        folder.mkdir()
        with running(*arguments, options=["-X", "importtime"], folder=folder) as process:
            assert process.stderr is not None
            # What comes before is Python's own.
            while not re.search(r"\| +(click|sparkify\.cli)", line := process.stderr.readline()):
                assert line
            time.sleep(place / (3 * TIMES))
            code, err = end(process)
        told = "\n".join(line for line in err.splitlines() if not line.startswith("import time:")).strip()
        if (code, told) == (130, "interrupted"):
            interrupted += 1
        else:
            assert code == own_code, (place, code, told)
            assert told.startswith(says) if says else told == says, (place, code, told)
    # A load takes longer than a second: whoever sends nothing, or is not heard, is seen.
    assert interrupted or arguments[0] != "load"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_simulation_ends_at_once(number: signal.Signals, tmp_path: Path) -> None:
    with running("simulate", "made", "--events", "10000000", "-q") as process:
        while not (tmp_path / "made/song_data").is_dir():
            assert process.poll() is None
            time.sleep(0.01)
        assert end(process, number) == (128 + number, "interrupted")


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with running("simulate", "made", "--events", "5000", "-q") as process:
            while not (tmp_path / "made/song_data").is_dir():
                assert process.poll() is None
                time.sleep(0.01)
            assert end(process, signal.SIGHUP) == (0, "")
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_prompt_ends_at_once(delivered: Config) -> None:
    sparkify.load(delivered)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "sparkify", "create", "--drop", "--warehouse", delivered.warehouse_address],
        env=environment(), stdin=theirs, stdout=theirs, stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(ours, 1024)
        process.send_signal(signal.SIGINT)
        while b"interrupted" not in said:
            said += os.read(ours, 1024)
        assert process.wait(60) == 130
    os.close(ours)
    assert b"Traceback" not in said
    assert sparkify.status(delivered).files["loaded"] == 2


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def test_a_store_that_is_silent_ends_at_once(silent: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with running("plan", "--log-data", "s3://bucket/log", "--anonymous", "-q") as process:
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(1)
            assert end(process) == (130, "interrupted")


@pytest.mark.parametrize("answer", [b"", b"S"], ids=["to nothing", "after its S"])
def test_a_server_that_is_silent_ends_at_once(
    silent: socket.socket, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKIFY_DB_PASSWORD", "x")
    address = f"redshift://loader@127.0.0.1:{silent.getsockname()[1]}/dev"
    with running("status", "--warehouse", address) as process:
        silent.accept()[0].close()
        with silent.accept()[0] as client:
            assert client.recv(8)
            client.sendall(answer)
            assert end(process) == (130, "interrupted")


# Says so when it is about to sleep.
SLEEPER = """
import sys, time
from sparkify.__main__ import main

def watch(frame, event, argument):
    if event == "c_call" and argument is time.sleep:
        sys.setprofile(None)
        print("it sleeps", file=sys.stderr, flush=True)

sys.setprofile(watch)
main()
"""


def test_waiting_for_another_load_ends_at_once(delivered: Config) -> None:
    command = [sys.executable, "-c", SLEEPER, *load_arguments(delivered), "--wait", "86400"]
    with (
        open_warehouse(delivered),
        subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) as process,
    ):
        assert process.stderr is not None
        assert process.stderr.readline() == "it sleeps\n"
        code, err = end(process)
    assert (code, err.removeprefix("it sleeps\n").strip()) == (130, "interrupted")
