"""simulate and demo."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.engines.commands import Ran, run_command, run_here


def test_simulate() -> None:
    written = run_here("simulate", "data", "--events", "100", "--songs", "5", "--days", "2", "--seed", "7")
    assert (written.code, written.out) == (0, "")
    assert written.err.splitlines()[0] == "log data:  100 events in 2 files, data/log_data"
    answer = run_here("simulate", "same", "--events", "100", "--songs", "5", "--days", "2", "--seed", "7", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert (answer.json()["events"], answer.json()["song_files"]) == (100, 5)
    files = sorted(path.relative_to("data") for path in Path("data").rglob("*") if path.is_file())
    assert len(files) == 8
    assert all(Path("same", file).read_bytes() == Path("data", file).read_bytes() for file in files)
    assert run_here("simulate", "quiet", "--events", "1", "--songs", "1", "-q") == Ran(0, "", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["data", "--start", "yesterday"],
        ["data", "--events", "-1"],
        ["data", "--dirty", "2"],
        ["file/data"],
        ["d" * 300],
        *(["data", option, "9" * 20] for option in ("--events", "--users", "--songs", "--days")),
    ],
)
def test_simulate_that_is_refused(arguments: list[str]) -> None:
    Path("file").touch()
    ended = run_here("simulate", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("sparkify: ")
    assert not Path("data").exists()


def printed_commands(shown: str) -> list[list[str]]:
    """The commands that a demo ends with, as a shell reads them."""
    _, _, after = shown.partition("Three things to try next:\n")
    return [shlex.split(line) for line in after.splitlines()]


@pytest.mark.slow
def test_demo() -> None:
    folder = "my first demo"
    # The user's settings do not affect the demo.
    Path("dwh.cfg").write_text("[SPARKIFY]\nWAREHOUSE=mine.duckdb\n[S3]\nLOG_DATA=mine\n", encoding="utf-8")
    shown = run_command("demo", folder)
    assert shown.code == 0
    # It loads planted faults, and says so as a load does.
    assert shown.err
    assert all(line.startswith("warning: ") for line in shown.err.splitlines())
    assert f"The report is {folder}/report.html" in shown.out
    assert Path(folder, "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert f"The warehouse is {folder}/sparkify.duckdb." in shown.out
    assert " 0 failed, 0 warnings" in shown.out
    assert "artist_name" in shown.out
    commands = printed_commands(shown.out)
    assert len(commands) == 3
    for program, *arguments in commands:
        assert program == "sparkify"
        tried = run_command(*arguments)
        assert tried.code == 0, tried.err
        assert len(tried.out.splitlines()) > 2
    assert {path.name for path in Path().iterdir()} == {"dwh.cfg", folder}


@pytest.mark.slow
def test_demo_as_json() -> None:
    # Not even a file that cannot be read.
    Path("dwh.cfg").write_text("no section", encoding="utf-8")
    answer = run_here("demo", "--json")
    assert (answer.code, answer.err) == (0, "")
    found = answer.json()
    assert found["warehouse"] == "sparkify-demo/sparkify.duckdb"
    assert found["load"]["status"] == "loaded"
    again = run_here("demo")
    assert (again.code, again.out) == (2, "")
    assert "sparkify-demo" in again.err
