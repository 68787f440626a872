"""A command whose output is not read or cannot be written: it still runs to its end, with its own exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import sparkify
from sparkify.cli import cli
from sparkify.settings import Config
from tests.engines.commands import at
from tests.support import (
    copy_warehouse,
    event,
    execute,
    fetch,
    log_file,
    new_warehouse,
    play,
    strip_progress,
    truncated_gzip,
    write_file,
)

# Each test runs several commands as processes.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]

# Each command is a process of its own, made by one that has imported what they need: that takes most of the time.
_SERVER = """
import json, os, resource, sys
import duckdb
from sparkify.__main__ import main
from sparkify.cli import cli
for name in cli.list_commands(None): cli.get_command(None, name)
def open_output(kind, number):
    if kind == "gone":
        reading, writing = os.pipe()
        os.close(reading)
    else:
        writing = os.open(kind, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(writing, number)
for line in sys.stdin:
    job = json.loads(line)
    reading, kept = os.pipe()
    if child := os.fork():
        os.close(kept)
        with open(reading, encoding="utf-8") as stream: told = stream.read()
        print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told]), flush=True)
        continue
    os.close(reading)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    open_output(job["stdout"], 1)
    os.dup2(kept, 2) if job["stderr"] is None else open_output(job["stderr"], 2)
    os.close(kept)
    os.chdir(job["folder"])
    if job["limit"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["limit"], job["limit"]))
    sys.argv = ["sparkify"]
    main(job["arguments"])
"""
FULL, GONE, NOWHERE = "/dev/full", "gone", os.devnull
DONE, SHOWN = "what the command was to do is done", "send it elsewhere"


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it wrote to stderr where that is kept."""

    code: int
    err: str


class Server:
    """Runs commands. Their output is buffered: unbuffered it would hide faults in the flush at the end."""

    def __init__(self) -> None:
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            env=inherited | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *arguments: str, stdout: str = NOWHERE, stderr: str | None = None, limit: int | None = None) -> Ended:
        """Run a command in the working folder; `limit` is the most bytes of a file that it may write."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {"arguments": arguments, "stdout": stdout, "stderr": stderr, "limit": limit}
        self._process.stdin.write(json.dumps(job | {"folder": str(Path.cwd())}) + "\n")
        self._process.stdin.flush()
        code, told = json.loads(self._process.stdout.readline())
        assert "Traceback" not in told
        assert "Exception" not in told
        return Ended(code, strip_progress(told))

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A warehouse in which a check fails. No test changes it."""
    config = new_warehouse(tmp_path_factory.mktemp("broken"))
    write_file(log_file(config), [play(), "no JSON"])
    sparkify.load(config)
    execute(config, "DELETE FROM time")
    return config


def _deliver(config: Config, folder: Path) -> Config:
    """A copy of a warehouse, with a file that it does not hold yet."""
    copy = copy_warehouse(config, folder)
    write_file(log_file(copy, "later.json"), [play(userId=3)])
    return copy


def sources(config: Config) -> list[str]:
    return [*at(config), "--log-data", str(config.log_data), "--song-data", str(config.song_data)]


# ---- every command ----

# What to give each command, how it ends, and what is told if its output is lost. -W stands for the option that names
# a warehouse, W for its address, and -S for those that name sources too.
COMMANDS: dict[str, tuple[str, int, str]] = {
    "check": ("check -W", 5, SHOWN),
    "compact": ("compact -W", 0, DONE),
    "compare": ("compare W W", 0, SHOWN),
    "config": ("config", 0, SHOWN),
    "create": ("create --json -W", 0, DONE),
    "demo": ("demo made", 0, DONE),
    "doctor": ("doctor -S", 0, SHOWN),
    "export": ("export out -W", 0, DONE),
    "help": ("help load", 0, SHOWN),
    "load": ("load -S", 0, DONE),
    "migrate": ("migrate -W", 0, DONE),
    "plan": ("plan -S", 0, SHOWN),
    "query": ("query hours -W", 0, SHOWN),
    "rebuild": ("rebuild -W", 0, DONE),
    "rejects": ("rejects --list -W", 0, SHOWN),
    "replay": ("replay -W", 0, DONE),
    "report": ("report --json -W", 0, DONE),
    "simulate": ("simulate made --events 10 --users 2 --songs 3 --days 2 --json", 0, DONE),
    "status": ("status -S", 0, SHOWN),
    "undo": ("undo 1 --yes -W", 0, DONE),
}
# They take seconds.
_SLOW = ("demo", "report")


def test_every_command_is_tried() -> None:
    # What `stage` does needs a stage in S3: engines/test_shares.py tries it.
    assert {*COMMANDS, "stage"} == set(cli.list_commands(None))  # type: ignore[arg-type]


@pytest.mark.parametrize("command", COMMANDS)
def test_lost_output_changes_neither_work_nor_exit_code(
    server: Server, broken: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    line, code, advice = COMMANDS[command]
    told: dict[str, Ended] = {}
    for stdout in (FULL,) if command in _SLOW else (NOWHERE, GONE, FULL):
        folder = tmp_path / stdout.strip("/").replace("/", "-")
        folder.mkdir()
        monkeypatch.chdir(folder)
        config = broken if advice == SHOWN else _deliver(broken, folder)
        words = [word for one in line.split() for word in {"-W": at(config), "-S": sources(config)}.get(one, [one])]
        ended = server.run(*[config.warehouse_address if word == "W" else word for word in words], stdout=stdout)
        told[stdout] = Ended(ended.code, ended.err.replace(str(folder), ""))
    sentence = f"sparkify: cannot write the output: No space left on device; {advice}"
    assert told[FULL].code == (code or (0 if advice == DONE else 1))
    assert told[FULL].err.splitlines()[-1] == sentence
    if command not in _SLOW:
        assert told[NOWHERE].code == told[GONE].code == code
        assert told[GONE] == told[NOWHERE]
        assert told[FULL].err == f"{told[NOWHERE].err}{sentence}\n"


# ---- failures, long answers and messages ----


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check", "--json"], 5),
        (["query", "top_song"], 2),
        (["query", "-q", "--sql", "SELECT range FROM range(50_000)"], 0),
        (["query", "-q", "--sql", "SELECT range FROM range(50_000)", "--format", "csv"], 0),
        (["laod"], 2),
        (["query", "--help"], 0),
        (["--help"], 0),
    ],
    ids=["json", "usage", "table", "csv", "verb", "help", "group"],
)
def test_exit_code_is_the_commands_own(server: Server, broken: Config, arguments: list[str], code: int) -> None:
    place = at(broken) if len(arguments) > 1 else []
    own, gone, full = (server.run(*arguments, *place, stdout=stdout) for stdout in (NOWHERE, GONE, FULL))
    assert own.code == code
    assert gone == own
    told = "" if own.code == 2 else f"sparkify: cannot write the output: No space left on device; {SHOWN}\n"
    assert full == Ended(code or 1, own.err + told)
    assert server.run(*arguments, *place, stdout=FULL, stderr=GONE).code == full.code


@pytest.mark.parametrize("form", ["table", "csv", "json", "ndjson"])
def test_an_answer_that_nobody_reads_is_not_read_to_its_end(server: Server, broken: Config, form: str) -> None:
    # To its end it would take days.
    sql = "SELECT * FROM range(1_000_000_000_000)"
    assert server.run("query", "--sql", sql, "--format", form, *at(broken), stdout=GONE) == Ended(0, "")


@pytest.mark.parametrize("command", [["report", "-o"], ["rejects", "--export"]], ids=lambda command: command[0])
def test_a_file_that_nobody_reads_is_no_failure(server: Server, broken: Config, command: list[str]) -> None:
    assert server.run(*command, "/dev/stdout", *at(broken), stdout=GONE) == Ended(0, "")


def test_an_export_is_done_even_if_its_output_is_lost(server: Server, broken: Config) -> None:
    assert server.run("rejects", "--export", "made.json", "--json", *at(broken), stdout=FULL).code == 0
    assert Path("made.json").exists()


def test_head_of_a_failed_check_ends_as_the_check(broken: Config) -> None:
    command = f"{sys.executable} -m sparkify check --warehouse {broken.warehouse_address}"
    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -1"],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 5
    assert len(ended.stdout.splitlines()) == 1


@pytest.mark.parametrize(("stdout", "stderr"), [(GONE, None), (GONE, GONE), (FULL, None), (FULL, FULL)])
def test_load_is_done_even_if_nobody_reads_its_output(
    server: Server, warehouse: Config, stdout: str, stderr: str | None
) -> None:
    write_file(log_file(warehouse), [play(), event(sessionId=2)])
    # It fails after the other file was read.
    log_file(warehouse, "later.json.gz").write_bytes(truncated_gzip([play(userId=2)]))
    ended = server.run("load", *sources(warehouse), stdout=stdout, stderr=stderr)
    assert ended.code == 3
    assert fetch(warehouse, "SELECT status FROM load_history") == [("partial",)]
    assert fetch(warehouse, "SELECT count(*) FROM songplays") == [(1,)]
    assert stderr is not None or "later.json.gz" in ended.err


def test_what_is_only_tried_is_not_done(server: Server, broken: Config) -> None:
    ended = server.run("rebuild", "-n", *at(broken), stdout=FULL)
    assert (ended.code, SHOWN in ended.err) == (1, True)


def test_messages_that_cannot_be_written_change_nothing(server: Server, broken: Config, tmp_path: Path) -> None:
    for stderr in (NOWHERE, FULL):
        ended = server.run("query", "top_songs", *at(broken), stdout=str(tmp_path / Path(stderr).name), stderr=stderr)
        assert ended.code == 0
    assert (tmp_path / "null").read_text(encoding="utf-8") == (tmp_path / "full").read_text(encoding="utf-8") != ""


# ---- full disks ----


@pytest.mark.parametrize(
    ("line", "limit", "code", "words"),
    [
        (
            "simulate made --events 3000 --songs 3 --users 2 --days 2",
            50_000,
            2,
            "cannot simulate into made: File too large",
        ),
        ("demo made", 50_000, 2, "cannot simulate into made: File too large"),
        ("report -W", 50_000, 2, "cannot write sparkify-report.html: File too large"),
        ("export out -W", 500, 2, "File too large"),
        ("export out --format csv -W", 10, 2, "File too large"),
        ("query hours -o out.csv -W", 10, 2, "cannot write out.csv: File too large"),
        ("query hours -o out.parquet -W", 10, 4, "there is no space for a file: "),
        ("rejects --export out.json -W", 3, 2, "cannot write out.json: File too large"),
        ("load -S", 500, 4, "there is no space for a file: "),
        ("create --warehouse new.duckdb", 500, 4, "File too large; free some space"),
        ("compact -W", 500, 4, "free some"),
        ("undo 1 --yes -W", 500, 4, "there is no space for a file: "),
    ],
)
def test_a_full_disk_is_a_sentence_and_leaves_no_file_half_written(
    server: Server, broken: Config, tmp_path: Path, line: str, limit: int, code: int, words: str
) -> None:
    config = _deliver(broken, tmp_path / "copy")
    given: dict[str, Any] = {"-W": at(config), "-S": sources(config)}
    ended = server.run(*[word for one in line.split() for word in given.get(one, [one])], limit=limit)
    assert ended.code == code
    assert words in ended.err
    left = {path.name for path in tmp_path.rglob("*") if path.is_file() and "copy" not in path.parts}
    assert not {name for name in left if name.startswith(("out", ".sparkify", "sparkify-report", "truth"))}
