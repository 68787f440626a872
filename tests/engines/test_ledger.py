"""Moved files and unchanged files on every engine: what the ledger knows of them without a new load."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from msgspec import structs

import sparkify
from sparkify.loads.ledger import LedgerState, read_state
from sparkify.settings import Config
from sparkify.warehouses import open_warehouse
from tests.engines.conftest import Factory
from tests.engines.crash import EVERY, was_killed
from tests.support import (
    expected_star,
    failing_checks,
    fetch,
    log_file,
    play,
    read_star,
    settle,
    snapshot,
    song,
    song_file,
    write_file,
)


def write_day(path: Path, day: int) -> Path:
    return write_file(path, [play(itemInSession=day, userId=day), f"no JSON on day {day}"])


def read_ledger(config: Config) -> LedgerState:
    with open_warehouse(config) as warehouse:
        return read_state(warehouse)


@pytest.fixture
def moved(config: Config) -> Config:
    """Three days and a song are loaded, then the folder of the days has another name."""
    for day in (1, 2, 3):
        write_day(log_file(config, f"day{day}.json"), day)
    write_file(song_file(config), [song()])
    sparkify.load(config)
    old = Path(str(config.log_data))
    old.rename(old.with_name("archive"))
    return structs.replace(config, log_data=str(old.with_name("archive")))


# ---- moved files ----


def test_moved_files_change_their_urls_only(moved: Config) -> None:
    star, before = read_star(moved), read_ledger(moved)
    planned = sparkify.plan(moved)
    assert [file.state for file in planned] == ["moved", "moved", "moved", "unchanged"]
    assert planned[0].reason.endswith("/log_data/day1.json, where nothing stands any more")
    assert (pending := sparkify.status(moved).pending) is not None
    assert (pending["moved"], pending["new"], pending["vanished"]) == (3, 0, 0)
    result = sparkify.load(moved)
    assert (result.status, result.files["moved"], result.files["new"]) == ("nothing_to_do", 3, 0)
    # A load that was planned before would see it.
    after = read_ledger(moved)
    assert (after[:2], after.digest == before.digest) == (before[:2], False)
    assert read_star(moved) == star
    urls = [url for (url,) in fetch(moved, "SELECT url FROM load_files WHERE dataset = 'events' ORDER BY source_id")]
    assert urls == [str(Path(str(moved.log_data), f"day{day}.json")) for day in (1, 2, 3)]
    assert [reject["url"] for reject in sparkify.list_rejects(moved)] == urls
    assert sparkify.load(moved).files["unchanged"] == 4
    assert failing_checks(moved) == []


def test_corrected_after_a_move_is_a_replacement(moved: Config) -> None:
    sparkify.load(moved)
    write_file(Path(str(moved.log_data), "day1.json"), [play(song="Zzz Right", itemInSession=1, userId=1)])
    result = sparkify.load(moved)
    assert (result.files["changed"], result.files["unchanged"]) == (1, 3)
    assert fetch(moved, "SELECT song_title FROM songplays WHERE user_id = 1") == [("Zzz Right",)]
    assert read_star(moved) == expected_star(moved)


def test_undo_and_replay_after_a_move(moved: Config) -> None:
    sparkify.load(moved)
    with open_warehouse(moved) as engine:
        engine.execute(
            'UPDATE rejected_records SET "raw" = \'{"page":"Home","ts":1541105830796,"sessionId":9,'
            '"itemInSession":0,"userId":7,"level":"paid"}\' WHERE source_id = 2'
        )
    assert sparkify.replay(moved).records["loaded"] == 1
    assert (7,) in fetch(moved, "SELECT user_id FROM users")
    assert failing_checks(moved) == []
    result = sparkify.undo(moved, 1)
    assert str(Path(str(moved.log_data), "day1.json")) in result.pending
    assert sparkify.load(moved).files["new"] == 4
    assert read_star(moved) == expected_star(moved)


def test_moved_and_new_in_one_load(moved: Config) -> None:
    write_day(Path(str(moved.log_data), "day4.json"), 4)
    result = sparkify.load(moved)
    assert (result.status, result.files["moved"], result.files["new"]) == ("loaded", 3, 1)
    assert (result.records["read"], result.tables["songplays"]) == (2, 4)
    assert read_star(moved) == expected_star(moved)
    assert sparkify.load(moved).status == "nothing_to_do"


def test_copy_is_no_move(config: Config) -> None:
    first = write_day(log_file(config, "day1.json"), 1)
    sparkify.load(config)
    write_day(log_file(config, "copy.json"), 1)
    elsewhere = structs.replace(config, log_data=str(Path(str(config.log_data), "copy.json")))
    assert sparkify.load(elsewhere).files["new"] == 1
    assert fetch(config, "SELECT url FROM load_files WHERE source_id = 1") == [(str(first),)]


def test_each_of_several_copies_moves_once(config: Config) -> None:
    for name in ("b.json", "a.json"):
        write_day(log_file(config, name), 1)
    sparkify.load(config)
    for name in ("a.json", "b.json"):
        log_file(config, name).unlink()
    write_day(log_file(config, "x.json"), 1)
    assert [(file.state, Path(file.url).name) for file in sparkify.plan(config)] == [
        ("moved", "x.json"), ("vanished", "b.json"),
    ]  # fmt: skip
    sparkify.load(config)
    for name in ("y.json", "z.json"):
        write_day(log_file(config, name), 1)
    result = sparkify.load(config)
    assert (result.files["moved"], result.files["new"]) == (1, 1)
    assert read_star(config) == expected_star(config)


def test_moved_file_of_older_rules_is_read_again_when_asked(moved: Config) -> None:
    with open_warehouse(moved) as engine:
        engine.execute("UPDATE load_files SET rules = 'another' WHERE source_id = 1")
    with open_warehouse(moved, read_only=True):
        assert sparkify.plan(moved)[0].state == "moved"
    result = sparkify.load(moved, reread=True)
    assert (result.files["changed"], result.files["moved"]) == (1, 2)
    statuses = fetch(moved, "SELECT status FROM load_files WHERE dataset = 'events' ORDER BY source_id")
    assert [status for (status,) in statuses].count("superseded") == 1
    # The older content is that of the file where it is now, so an undo can name it.
    assert fetch(moved, "SELECT count(DISTINCT url) FROM load_files WHERE dataset = 'events'") == [(len(statuses) - 1,)]
    assert sparkify.load(moved).warnings == []
    assert read_star(moved) == expected_star(moved)


@pytest.mark.slow
@pytest.mark.parametrize("more", [False, True], ids=["moves alone", "with a new file"])
def test_kill_at_any_statement_of_a_load_that_moves(make_warehouse: Factory, moved: Config, more: bool) -> None:
    if more:
        write_day(Path(str(moved.log_data), "day4.json"), 4)
    before = snapshot(moved)
    with make_warehouse.copy(moved) as control:
        sparkify.load(control)
        after = _without_loads(control)
    number, ended = 1, False
    while not ended:
        with make_warehouse.copy(moved) as killed:
            ended = not was_killed(killed, "load", number)
            make_warehouse.wait_until_left(killed)
            assert snapshot(killed) == before or _without_loads(killed) == after, number
            sparkify.load(killed)
            assert _without_loads(killed) == after
        number += 3 * EVERY


def _without_loads(config: Config) -> object:
    rows = snapshot(config)
    rows["load_history"] = []
    rows["load_files"] = [(row[0], *row[2:6], *row[7:11]) for row in rows["load_files"]]
    rows["rejected_records"] = [(row[0], *row[2:]) for row in rows["rejected_records"]]
    return rows


# ---- unchanged files ----


def states(config: Config) -> list[str | None]:
    return [stat for (stat,) in fetch(config, "SELECT stat FROM load_files ORDER BY source_id")]


def test_unchanged_file_is_not_read_again(config: Config) -> None:
    path = write_day(log_file(config), 1)
    settle(path)
    sparkify.load(config)
    (noted,) = states(config)
    assert noted is not None
    # What the ledger says is believed: other content in the same state would not be seen, and cannot come about.
    with open_warehouse(config) as engine:
        engine.execute("UPDATE load_files SET etag = 'sha256:another'")
    assert [file.state for file in sparkify.plan(config)] == ["unchanged"]
    assert sparkify.load(config).files["unchanged"] == 1
    assert [(file.state, file.reason) for file in sparkify.plan(config, verify=True)] == [
        ("changed", "same size, other content")
    ]
    result = sparkify.load(config, verify=True)
    assert (result.files["changed"], result.tables["songplays"]) == (1, 1)


def test_state_is_noted_where_the_bytes_are_hashed_again(config: Config) -> None:
    path = write_day(log_file(config), 1)
    settle(path)
    sparkify.load(config)
    (noted,) = states(config)
    # As in a warehouse of older code.
    with open_warehouse(config) as engine:
        engine.execute("UPDATE load_files SET stat = NULL")
    assert sparkify.load(config).status == "nothing_to_do"
    assert states(config) == [noted]
    # Another inode with the same bytes, size and time of change.
    copy = path.with_name("copy")
    shutil.copy2(path, copy)
    copy.replace(path)
    settle(path)
    assert sparkify.load(config).files["unchanged"] == 1
    assert states(config) not in ([None], [noted])


def test_file_that_changed_only_just_now_is_read_again(config: Config) -> None:
    path = write_day(log_file(config), 1)
    ahead = time.time_ns() + 3_600_000_000_000
    os.utime(path, ns=(ahead, ahead))
    sparkify.load(config)
    assert states(config) == [None]
    assert sparkify.load(config).files["unchanged"] == 1
    assert states(config) == [None]
