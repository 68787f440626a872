"""Hostile calls of every command end with a sentence and an exit code, and change nothing that is not theirs."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from click import Context

from sparkify.cli import cli
from tests.engines.commands import ROOT, run_python, variables_of
from tests.fuzz import DRAWING, QUICK, Bench, Call, draw, list_single
from tests.support import TIMES, log_file, new_warehouse, play, write_file

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Bench.made(tmp_path_factory.mktemp("fuzz")) as made:
        yield made


def run_all(bench: Bench, calls: list[Call]) -> None:
    wrong = [f"{call} {found}" for call in calls if (found := bench.run(call))]
    assert wrong == []


def test_values_that_no_user_means(bench: Bench) -> None:
    calls = list_single()
    run_all(bench, random.Random(1).sample(calls, min(len(calls), 50 * TIMES)))


def test_values_that_no_user_means_together(bench: Bench) -> None:
    run_all(bench, [draw(seed) for seed in range(50 * TIMES)])


def test_processes(bench: Bench) -> None:
    """As users run them: descriptors, signals and the start of the interpreter are their own."""
    calls = [draw(seed) for seed in range(1_000_000, 1_000_000 + 3 * TIMES)]
    assert [f"{call} {found}" for call in calls if (found := bench.run(call, as_process=True))] == []


def test_every_command_is_called() -> None:
    assert {*QUICK, *DRAWING} == set(cli.list_commands(Context(cli)))


def test_commands_that_draw(bench: Bench) -> None:
    made, wrong = bench.made_by(Call(["report", "--with-people", "-q", "-o", "page.html"]))
    assert (wrong, "page.html" in made) == ([], True)
    # Most of these are refused before they draw.
    deep = [Call([command, "d/" * 2_000]) for command in ("demo", "export", "simulate")]
    run_all(bench, [*deep, *(draw(seed, DRAWING) for seed in range(2 * TIMES))])


_FAULTY = "raise ValueError('29 is not a\\nvalid kind')"


def test_error_that_nobody_expects_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "duckdb.py").write_text(_FAULTY)
    ended = run_python("-m", "sparkify", "status", PYTHONPATH=f"{tmp_path}:{ROOT}", TMPDIR=str(tmp_path))
    assert (ended.code, ended.out) == (1, "")
    (place,) = tmp_path.glob("sparkify-fault-*.txt")
    assert ended.err == (
        "sparkify: it did not expect this error (ValueError: 29 is not a valid kind); what was committed before stays. "
        f"Please report it as a fault, with the command and {place}, which says where it happened\n"
    )
    assert "duckdb.py" in place.read_text()
    assert place.stat().st_mode & 0o077 == 0


def test_log_says_where_an_error_that_nobody_expects_happened(tmp_path: Path) -> None:
    config = new_warehouse(tmp_path)
    write_file(log_file(config), [play()])
    (tmp_path / "nanoarrow.py").write_text(_FAULTY)
    log = tmp_path / "load.log"
    variables = variables_of(config) | {"PYTHONPATH": f"{tmp_path}:{ROOT}", "TMPDIR": str(tmp_path)}
    ended = run_python("-m", "sparkify", "load", "-q", "--log-json", log, **variables)
    assert (ended.code, "did not expect" in ended.err) == (1, True)
    (fault,) = [event for event in map(json.loads, log.read_text().splitlines()) if event["event"] == "fault"]
    assert fault["traceback"].startswith("Traceback")
    assert "nanoarrow.py" in fault["traceback"]
