"""What the command writes: harmless characters, closed pipes, and every encoding."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from sparkify.settings import Config
from tests.engines.commands import COMMAND, assert_harmless, at, environment, options, run_command, run_here
from tests.support import EVIL, log_file, play, song, song_file, write_file


def test_control_characters_in_tables(warehouse: Config) -> None:
    clean = EVIL.replace("\0", "")
    write_file(
        log_file(warehouse), [play(artist=clean, location=clean, userId=1), play(song=EVIL), f"no JSON {clean!s}"]
    )
    write_file(song_file(warehouse), [song(artist_name=clean)])
    assert run_here("load", *options(warehouse)).code == 0
    commands = [
        ["rejects"],
        ["query", "top_artists"],
        ["query", "--sql", "SELECT artist_name, chr(0) AS nul, chr(27) AS esc FROM songplays"],
        ["status"],
    ]
    for command in commands:
        shown = run_here(*command, *at(warehouse))
        assert shown.code == 0
        assert_harmless(shown.out)
    assert "\\x1b[2J\\r\\n\\u202e" in run_here("query", "top_artists", *at(warehouse)).out
    shown = run_here("query", "--sql", "SELECT chr(0) AS nul", *at(warehouse))
    assert shown.out.splitlines() == ["nul", "----", "\\x00"]


def test_control_characters_in_names_of_columns(settled: Config) -> None:
    # A pivot makes names of columns from the data.
    shown = run_here("query", *at(settled), "--sql", 'SELECT 1 AS "a\x1b[2J"')
    assert shown.code == 0
    assert_harmless(shown.out)


def test_control_characters_in_names_of_files(warehouse: Config) -> None:
    broken = log_file(warehouse, "bro\x1b[2Jken\r.json.gz")
    broken.write_bytes(b"no gzip")
    ended = run_here("load", *options(warehouse))
    assert ended.code == 3
    assert_harmless(ended.err)
    assert_harmless(run_here("plan", *options(warehouse)).out)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["query"],
        ["query", "--sql", "SELECT range FROM range(50_000)"],
        ["query", "--json", "--sql", "SELECT range FROM range(50_000)"],
        ["status"],
        ["--help"],
    ],
    ids=["short", "long", "json", "status", "help"],
)
def test_closed_pipe_is_not_an_error(settled: Config, arguments: list[str]) -> None:
    place = [] if arguments == ["--help"] else at(settled)
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [*COMMAND, *arguments, *place],
            env=environment(), stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert "Error" not in ended.stderr
    assert "Exception" not in ended.stderr
    assert ended.returncode == 0


def test_head_of_a_long_table(settled: Config) -> None:
    command = shlex.join([*COMMAND, "query", *at(settled), "-q", "--sql", "SELECT range FROM range(50_000)"])
    ended = subprocess.run(
        f"{command} | head -1", shell=True, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert (ended.stdout, ended.stderr) == ("range\n", "")


def test_output_in_a_narrow_encoding(settled: Config) -> None:
    sql = "SELECT 'Żółw' AS name"
    ended = run_command("query", *at(settled), "--sql", sql, "-q", PYTHONIOENCODING="ascii")
    assert ended.code == 0
    assert ended.out.splitlines()[-1].endswith("w")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_json_is_json_in_every_encoding(settled: Config, tmp_path: Path, encoding: str) -> None:
    r"""An escape of JSON has four digits: \xe9 and \U0001f422 are none. Read as UTF-8, as JSON is."""
    sql = """SELECT 'é ż 🐢' AS "é🐢" """
    answer = run_command("query", *at(settled), "--sql", sql, "--json", PYTHONIOENCODING=encoding)
    assert (answer.code, answer.json()) == (0, {"columns": ["é🐢"], "rows": [["é ż 🐢"]]})
    path = str(tmp_path / "é🐢.duckdb")
    made = run_command("create", "-q", "--warehouse", path, "--json", PYTHONIOENCODING=encoding)
    assert (made.code, made.json()["warehouse"]) == (0, path)
