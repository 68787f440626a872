"""What a load reports while it runs and afterwards, on every engine."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

import sparkify
from sparkify import cli
from sparkify.errors import LockedError, TooManyRejectsError
from sparkify.loads import ledger
from sparkify.questions.answers import answer_all
from sparkify.report.trust import list_check_history
from sparkify.settings import Config
from sparkify.star.tables import STAGING, STAR
from sparkify.warehouses import open_warehouse
from tests.support import failing_checks, fetch, log_file, new_warehouse, play, song, song_file, write_file

HOLD = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"


def write_all(config: Config) -> None:
    write_file(log_file(config, "a.json"), [play(), "no JSON"])
    write_file(song_file(config), [song()])


def test_events_report_each_step(config: Config) -> None:
    write_all(config)
    events: list[dict[str, Any]] = []
    sparkify.load(config, on_event=events.append)
    assert [event["event"] for event in events] == ["started", "file", "file", *["refreshed"] * len(STAR), "committed"]
    assert {event["load_id"] for event in events} == {1}
    assert (events[0]["files"], events[0]["bytes"]) == (2, sum(file.size for file in sparkify.plan(config)))
    told = {name: events[1][name] for name in ("url", "status", "read", "loaded", "rejected")}
    assert told == {"url": str(log_file(config, "a.json")), "status": "loaded", "read": 2, "loaded": 1, "rejected": 1}
    assert [(event["table"], event["rows"]) for event in events[3:-1]] == [(table, 1) for table in STAR]
    assert events[-1]["records"] == {"read": 3, "loaded": 2, "rejected": 1, "repaired": 0}


def test_events_report_a_refusal(config: Config) -> None:
    write_all(config)
    events: list[dict[str, Any]] = []
    with pytest.raises(TooManyRejectsError):
        sparkify.load(config, max_rejects="0", on_event=events.append)
    assert [event["event"] for event in events] == ["started", "file", "file", "failed"]
    assert "1 of 3 records were rejected" in events[-1]["error"]
    assert json.loads(fetch(config, "SELECT detail FROM load_history")[0][0])["error"] == "too many rejects"


def test_history_has_the_seconds_of_each_step(config: Config) -> None:
    write_all(config)
    sparkify.load(config)
    ((detail,),) = fetch(config, "SELECT detail FROM load_history")
    steps = json.loads(detail)["seconds"]
    assert set(steps) == {*STAGING, *STAR, "checks"}
    assert all(0 <= seconds < 60 for seconds in steps.values())


def test_history_has_the_checks_that_warned(config: Config) -> None:
    # Nothing of the catalogue is played.
    write_all(config)
    result = sparkify.load(config)
    ((detail,),) = fetch(config, "SELECT detail FROM load_history")
    found = json.loads(detail)["checks"]
    assert sorted(found) == sorted(told.partition(": ")[0] for told in result.broken_checks) != []
    assert all(rows > 0 for rows in found.values())
    page = list_check_history(answer_all(config))
    assert [one["name"] for one in page] == list(found)
    assert all(one["loads"].startswith("load 1: ") for one in page)


def test_load_that_is_committed_is_not_noted_as_interrupted(config: Config) -> None:
    """Like Ctrl-C at the moment of the commit."""
    write_all(config)
    sparkify.load(config)
    with open_warehouse(config) as engine, engine.transaction():
        ledger.end_load(engine, 1, status="interrupted", finished_at=dt.datetime(2026, 1, 1), detail="{}")
    assert fetch(config, "SELECT load_id, status FROM load_history") == [(1, "loaded")]
    assert failing_checks(config) == []


def test_log_gets_a_line_an_event(tmp_path: Path) -> None:
    config = new_warehouse(tmp_path)
    write_all(config)
    log = tmp_path / "load.log"
    arguments = ["load", "-q", "--log-json", str(log), "--warehouse", config.warehouse_address]
    arguments += ["--log-data", str(config.log_data), "--song-data", str(config.song_data)]
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert not ended.value.code
    lines = log.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["event"] for line in lines][-1] == "committed"
    assert len(lines) == 4 + len(STAR)


def test_log_that_cannot_be_written_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = new_warehouse(tmp_path)
    with pytest.raises(SystemExit) as ended:
        cli.main(["load", "--log-json", str(tmp_path), "--log-data", str(config.log_data)])
    assert ended.value.code == 2
    assert f"cannot write {tmp_path}: it is a folder; choose another file" in capsys.readouterr().err


def test_second_process_waits_as_long_as_configured(tmp_path: Path) -> None:
    config = new_warehouse(tmp_path)
    write_all(config)
    sparkify.create(config)
    command = [sys.executable, "-c", HOLD, config.warehouse_address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=rf"in use by process {holder.pid}; wait until it ends, or give --wait"):
            sparkify.load(structs.replace(config, wait=0.3))
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert sparkify.load(structs.replace(config, wait=30)).status == "loaded"


def test_load_that_another_took_for_killed_ends_as_one(config: Config) -> None:
    """Two loads may begin before either has the lock for the load itself: the second marks the first as interrupted."""
    sparkify.create(config)
    with open_warehouse(config) as engine:
        with engine.load_transaction():
            first = ledger.begin_load(engine, dt.datetime(2026, 1, 1), "1")
        with engine.load_transaction():
            second = ledger.begin_load(engine, dt.datetime(2026, 1, 2), "1")
        entry = ledger.LoadEntry(first, dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 3), "loaded", "refresh", "1")
        with engine.load_transaction():
            ledger.record_load(engine, entry, [])
        with engine.transaction():
            ledger.forget_load(engine, second)
    assert fetch(config, "SELECT load_id, status FROM load_history") == [(first, "loaded")]
    assert failing_checks(config) == []
