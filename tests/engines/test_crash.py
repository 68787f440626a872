"""A process killed at any statement leaves the state before or after, and the next run does the work."""

from __future__ import annotations

import json
import random
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import sparkify
from sparkify.settings import Config
from tests.engines.commands import run_command, variables_of
from tests.engines.conftest import Factory
from tests.engines.crash import EVERY, VERBS, kill_after, prepare, race, rows_of, run_verb, was_killed
from tests.support import (
    expected_star,
    failing_checks,
    fetch,
    log_file,
    new_warehouse,
    play,
    read_star,
    write_file,
)


@pytest.mark.parametrize("verb", VERBS)
def test_kill_at_any_statement(make_warehouse: Factory, config: Config, verb: str) -> None:
    prepare(config, verb)
    before = rows_of(config)
    with make_warehouse.copy(config) as control:
        run_verb(control, verb)
        after = rows_of(control)
    assert after != before
    number, seen, ended = 1, set(), False
    while not ended:
        with make_warehouse.copy(config) as killed:
            ended = not was_killed(killed, verb, number)
            left = rows_of(killed)
            assert left in (before, after), number
            seen.add(left == after)
            if left == before:
                run_verb(killed, verb)
                assert rows_of(killed) == after
            assert failing_checks(killed) == []
        number += EVERY
    assert number > 40
    assert seen == {False, True}


@pytest.mark.parametrize("verb", VERBS)
def test_kill_from_outside_at_any_moment(make_warehouse: Factory, config: Config, verb: str) -> None:
    prepare(config, verb)
    before = rows_of(config)
    with make_warehouse.copy(config) as control:
        # The first process of all takes longer to start.
        kill_after(control, "nothing", 60)
        started = time.monotonic()
        kill_after(control, verb, 60)
        seconds = time.monotonic() - started
        after = rows_of(control)
    assert after != before
    chance = random.Random(verb)
    for _ in range(2 if EVERY > 1 else 120):
        moment = chance.uniform(0, seconds)
        with make_warehouse.copy(config) as killed:
            kill_after(killed, verb, moment)
            make_warehouse.wait_until_left(killed)
            left = rows_of(killed)
            assert left in (before, after), moment
            if left == before:
                run_verb(killed, verb)
                assert rows_of(killed) == after
            assert failing_checks(killed) == []


def test_two_processes_race(make_warehouse: Factory) -> None:
    config = make_warehouse(wait=60)
    prepare(config, "load")
    with make_warehouse.copy(config) as control:
        run_verb(control, "load")
        expected = rows_of(control)
    for _ in range(4 if EVERY > 1 else 20):
        with make_warehouse.copy(config) as raced:
            race(raced, "load", "load")
            assert rows_of(raced) == expected
    run_verb(config, "load")
    assert failing_checks(config) == []


SPILL = """
import os, signal, sys, threading, time
import duckdb

def kill():
    while not any(name.endswith(".tmp") for _, _, names in os.walk(sys.argv[1] + ".tmp") for name in names):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)

threading.Thread(target=kill, daemon=True).start()
connection = duckdb.connect(sys.argv[1], config={"memory_limit": "60MB", "threads": "2"})
connection.execute("BEGIN")
connection.execute("CREATE TABLE numbers AS SELECT range AS n, md5(range::VARCHAR) AS text FROM range(100000)")
connection.execute("CREATE TABLE pairs AS SELECT a.n, b.text FROM numbers a, numbers b WHERE a.n < 300 ORDER BY 2, 1")
"""


def test_next_run_clears_what_a_killed_one_swapped_out(tmp_path: Path) -> None:
    config = new_warehouse(tmp_path)
    prepare(config, "load")
    command = [sys.executable, "-c", SPILL, config.warehouse_address]
    assert subprocess.run(command, timeout=120).returncode == -signal.SIGKILL
    left = [path.name for path in tmp_path.rglob("*") if "duckdb_temp_" in path.name]
    assert len(left) > 1
    run_verb(config, "load")
    # Nothing is left of temporary files either.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log_data", "song_data", "warehouse.duckdb"]
    assert failing_checks(config) == []


def test_too_little_memory_leaves_the_state_before(tmp_path: Path) -> None:
    config = new_warehouse(tmp_path)
    prepare(config, "load")
    write_file(log_file(config, "large.json"), [play(itemInSession=item, userId=item) for item in range(12_000)])
    before = rows_of(config)
    ended = run_command("load", "-q", "--memory-limit", "10MB", **variables_of(config))
    assert (ended.code, ended.out) == (4, "")
    assert re.fullmatch(
        r"sparkify: the engine ran out of memory: Out of Memory Error: [^\n:]+; raise --memory-limit\n", ended.err
    )
    assert rows_of(config) == before
    ((status, files, detail),) = fetch(config, "SELECT status, files, detail FROM load_history WHERE load_id = 3")
    assert (status, files) == ("failed", 0)
    assert "ran out of memory" in json.loads(detail)["error"]
    assert sparkify.load(config).status == "loaded"
    assert read_star(config) == expected_star(config)
    assert failing_checks(config) == []


def test_full_disk_leaves_the_state_before(tmp_path: Path) -> None:
    config = new_warehouse(tmp_path)
    prepare(config, "load")
    before = rows_of(config)
    large = write_file(
        log_file(config, "large.json"), [play(itemInSession=item, userId=item) for item in range(60_000)]
    )
    most = Path(config.warehouse_address).stat().st_size + (256 << 10)
    command = [sys.executable, "-m", "sparkify", "load", "-q", "--warehouse", config.warehouse_address]
    command += ["--log-data", str(config.log_data), "--song-data", str(config.song_data)]
    ended = subprocess.run(
        command,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ended.returncode, ended.stdout) == (4, "")
    assert ended.stderr.startswith("sparkify: ")
    assert "Traceback" not in ended.stderr
    assert rows_of(config) == before
    large.unlink()
    run_verb(config, "load")
    assert failing_checks(config) == []
