"""A command whose output is not read or cannot be written: it still runs to its end, with its own exit code."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sparkify
from sparkify.settings import Config
from tests.support import event, execute, fetch, log_file, new_warehouse, play, truncated_gzip, write_file

# Each test runs several commands as processes.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
Ended = subprocess.CompletedProcess[str]


@pytest.fixture
def gone() -> Iterator[int]:
    """A pipe whose reader has gone before anything is written."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.fixture
def full() -> Iterator[int]:
    """A device that fails every write, like a full disk."""
    device = os.open("/dev/full", os.O_WRONLY)
    yield device
    os.close(device)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A warehouse in which a check fails."""
    config = new_warehouse(tmp_path_factory.mktemp("broken"))
    write_file(log_file(config), [play(), "no JSON"])
    sparkify.load(config)
    execute(config, "DELETE FROM time")
    return config


def run(config: Config, *arguments: str, stdout: int, stderr: int = subprocess.PIPE) -> Ended:
    """Run the command as its own process, buffered: unbuffered output would hide faults in the flush at the end."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        [sys.executable, "-m", "sparkify", *arguments, "--warehouse", config.warehouse_address],
        env=inherited | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, text=True, timeout=120,
    )  # fmt: skip


def load(config: Config, *arguments: str, **streams: int) -> Ended:
    return run(
        config, "load", *arguments, "--log-data", str(config.log_data), "--song-data", str(config.song_data), **streams
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check"], 5),
        (["check", "--json"], 5),
        (["query", "top_song"], 2),
        (["query", "-q", "--sql", "SELECT range FROM range(50_000)"], 0),
        (["query", "-q", "--sql", "SELECT range FROM range(50_000)", "--format", "csv"], 0),
        (["laod"], 2),
        (["query", "--help"], 0),
    ],
    ids=["check", "json", "usage", "table", "csv", "verb", "help"],
)
def test_exit_code_is_the_commands_own_when_the_reader_has_gone(
    broken: Config, gone: int, arguments: list[str], code: int
) -> None:
    own = run(broken, *arguments, stdout=subprocess.DEVNULL)
    ended = run(broken, *arguments, stdout=gone)
    assert (own.returncode, ended.returncode) == (code, code)
    assert ended.stderr == own.stderr
    assert run(broken, *arguments, stdout=gone, stderr=gone).returncode == code


@pytest.mark.parametrize("form", ["table", "csv", "json", "ndjson"])
def test_an_answer_that_nobody_reads_is_not_read_to_its_end(broken: Config, gone: int, form: str) -> None:
    # To its end it would take days.
    ended = run(broken, "query", "--sql", "SELECT * FROM range(1_000_000_000_000)", "--format", form, stdout=gone)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("command", [["report", "-o"], ["rejects", "--export"]], ids=lambda command: command[0])
def test_a_file_that_nobody_reads_is_no_success(broken: Config, gone: int, command: list[str]) -> None:
    ended = run(broken, *command, "/dev/stdout", stdout=gone)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_export_is_done_even_if_its_output_is_lost(broken: Config, full: int, tmp_path: Path) -> None:
    ended = run(broken, "rejects", "--export", str(tmp_path / "made.json"), "--json", stdout=full)
    assert ended.returncode == 0
    assert (tmp_path / "made.json").exists()


def test_head_of_a_failed_check_ends_as_the_check(broken: Config) -> None:
    command = f"{sys.executable} -m sparkify check --warehouse {broken.warehouse_address}"
    script = f"set -o pipefail; {command} | head -1"
    ended = subprocess.run(
        ["bash", "-c", script], env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 5
    assert len(ended.stdout.splitlines()) == 1


@pytest.mark.parametrize("streams", ["stdout", "both"])
@pytest.mark.parametrize("kind", ["gone", "full"])
def test_load_is_done_even_if_nobody_reads_its_output(
    warehouse: Config, request: pytest.FixtureRequest, kind: str, streams: str
) -> None:
    output: int = request.getfixturevalue(kind)
    stderr = output if streams == "both" else subprocess.PIPE
    write_file(log_file(warehouse), [play(), event(sessionId=2)])
    # It fails after the other file was read.
    log_file(warehouse, "later.json.gz").write_bytes(truncated_gzip([play(userId=2)]))
    ended = load(warehouse, stdout=output, stderr=stderr)
    assert ended.returncode == 3
    assert fetch(warehouse, "SELECT status FROM load_history") == [("partial",)]
    assert fetch(warehouse, "SELECT count(*) FROM songplays") == [(1,)]
    if streams == "stdout":
        assert "later.json.gz" in ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["check", "--json"], ["query", "--sql", "SELECT range FROM range(50_000)", "--format", "csv", "-q"]],
    ids=["short", "failed", "long"],
)
def test_output_that_cannot_be_written_is_a_sentence(broken: Config, full: int, arguments: list[str]) -> None:
    own = run(broken, *arguments, stdout=subprocess.DEVNULL)
    ended = run(broken, *arguments, stdout=full)
    sentence = "sparkify: cannot write the output: No space left on device; send it elsewhere\n"
    assert ended.stderr == own.stderr + sentence
    assert ended.returncode == (own.returncode or 1)
    assert run(broken, *arguments, stdout=full, stderr=full).returncode == ended.returncode


def test_what_is_done_has_not_failed_if_its_output_is_lost(warehouse: Config, full: int) -> None:
    write_file(log_file(warehouse), [play()])
    sentence = "sparkify: cannot write the output: No space left on device; what the command was to do is done"
    for arguments in ([], ["--json"], ["-q", "--json"]):
        ended = load(warehouse, *arguments, stdout=full)
        assert (ended.returncode, ended.stderr.splitlines()[-1]) == (0, sentence)
        assert fetch(warehouse, "SELECT status FROM load_history") == [("loaded",)]
    for verb in ("rebuild", "compact"):
        ended = run(warehouse, verb, stdout=full)
        assert (ended.returncode, ended.stderr.splitlines()[-1]) == (0, sentence)
    # What is only shown is all that is done.
    ended = run(warehouse, "rebuild", "-n", stdout=full)
    assert (ended.returncode, "send it elsewhere" in ended.stderr) == (1, True)


def test_messages_that_cannot_be_written_change_nothing(broken: Config, full: int) -> None:
    quiet, loud = (
        run(broken, "query", "top_songs", stdout=subprocess.PIPE, stderr=stderr)
        for stderr in (subprocess.DEVNULL, full)
    )
    assert (loud.returncode, loud.stdout) == (quiet.returncode, quiet.stdout) == (0, quiet.stdout)
