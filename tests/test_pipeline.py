"""The verbs with real files and a real DuckDB warehouse: what they report, leave behind and refuse."""

import gzip
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

import sparkify
from sparkify.errors import (
    EngineError,
    LockedError,
    NoWarehouseError,
    SourceError,
    TooManyRejectsError,
    UsageError,
)
from sparkify.loads.progress import Progress
from sparkify.settings import Config, load_config
from sparkify.star.tables import TABLES, VERSION, VIEWS
from sparkify.validation import native
from tests.support import (
    TS,
    event,
    execute,
    expected_star,
    failing_checks,
    fetch,
    log_file,
    new_warehouse,
    play,
    read_star,
    settle,
    snapshot,
    song,
    song_file,
    to_lines,
    truncated_gzip,
    write_ballast,
    write_file,
)

NO_FILES = {"new": 0, "changed": 0, "moved": 0, "unchanged": 0, "to_reread": 0, "vanished": 0, "failed": 0}
BAD_PLAY = play(song=None)


def source_ids(config: Config, table: str) -> set[int]:
    return {source_id for (source_id,) in fetch(config, f"SELECT DISTINCT source_id FROM {table}")}


def load_files(config: Config, path: Path) -> list[tuple[Any, ...]]:
    """The ledger's rows of one file, oldest content first: status, read, loaded, rejected."""
    sql = "SELECT status, read, loaded, rejected FROM load_files WHERE url = $1 ORDER BY source_id"
    return fetch(config, sql, [str(path)])


# ---- loaded, nothing to do ----


def test_load_reports_what_it_did(warehouse: Config) -> None:
    write_file(log_file(warehouse, "a/1.json"), [play(), play(itemInSession=1, song="Starlight"), event(), BAD_PLAY])
    write_file(log_file(warehouse, "2.json"), [event(userId=2), "", "no JSON"])
    write_file(song_file(warehouse), [song()])
    result = sparkify.load(warehouse)
    found = asdict(result)
    assert 0 < found.pop("seconds") < 60
    tables = found.pop("tables")
    assert list(tables) == list(TABLES)
    assert (tables["staging_events"], tables["songplays"], tables["users"], tables["load_files"]) == (4, 2, 2, 3)
    assert found == {
        "load_id": 1,
        "status": "loaded",
        "files": NO_FILES | {"new": 3},
        "records": {"read": 7, "loaded": 5, "rejected": 2, "repaired": 0},
        "reasons": {"missing:song": 1, "not_json": 1},
        "match_rate": {"song": 0.5, "artist": 1.0},
        "mode": "rebuild",
        "judged_by": native.way(),
        "unknown_keys": {"events": [], "songs": []},
        "errors": [],
        "taken_names": {"events": [], "songs": []},
        "shapes": {"lines": 3},
        "left_out": {"count": 0, "kinds": {}, "examples": []},
        "replaced": [],
        "warnings": [
            "NULL in every play (2): location, userAgent; if other keys hold this, name them in "
            "[EVENT_KEYS] of dwh.cfg"
        ],
        "broken_checks": [
            "rejected_records.rejected_share_is_small: More than 5% of the records were rejected: look at the reasons "
            "before you trust the numbers."
        ],
    }  # fmt: skip
    assert read_star(warehouse) == expected_star(warehouse)


def test_load_writes_the_ledger(warehouse: Config) -> None:
    path = write_file(log_file(warehouse), [play(), BAD_PLAY])
    sparkify.load(warehouse)
    columns = "source_id, load_id, dataset, url, size, read, loaded, rejected, status"
    assert fetch(warehouse, f"SELECT {columns} FROM load_files") == [
        (1, 1, "events", str(path), path.stat().st_size, 2, 1, 1, "loaded")
    ]
    columns = "load_id, status, mode, files, read, loaded, rejected, finished_at >= started_at"
    assert fetch(warehouse, f"SELECT {columns} FROM load_history") == [(1, "loaded", "rebuild", 1, 2, 1, 1, True)]


def test_loading_again_does_nothing(warehouse: Config) -> None:
    path = write_file(log_file(warehouse), [play(), BAD_PLAY])
    sparkify.load(warehouse)
    before = snapshot(warehouse)
    # The time of change is not part of a content's identity.
    os.utime(path, (1, 1))
    result = sparkify.load(warehouse)
    assert (result.load_id, result.status, result.mode) == (None, "nothing_to_do", None)
    assert result.files == NO_FILES | {"unchanged": 1}
    assert (result.records, result.reasons) == ({"read": 0, "loaded": 0, "rejected": 0, "repaired": 0}, {})
    assert result.tables["songplays"] == 1
    assert snapshot(warehouse) == before


def test_only_new_files_are_read(warehouse: Config) -> None:
    write_file(log_file(warehouse), [play(), BAD_PLAY])
    sparkify.load(warehouse)
    write_file(log_file(warehouse, "more.json"), [play(itemInSession=1), "[]"])
    result = sparkify.load(warehouse)
    assert (result.load_id, result.status) == (2, "loaded")
    assert result.files == NO_FILES | {"new": 1, "unchanged": 1}
    assert (result.records["read"], result.reasons) == (2, {"not_object": 1})


def test_empty_file_is_loaded_once(warehouse: Config) -> None:
    path = write_file(log_file(warehouse), [])
    assert sparkify.load(warehouse).status == "loaded"
    assert sparkify.load(warehouse).status == "nothing_to_do"
    assert load_files(warehouse, path) == [("loaded", 0, 0, 0)]


def test_same_records_compressed_or_not(warehouse: Config) -> None:
    import zstandard

    lines = to_lines([play(), event(userId=2)])
    for number, data in enumerate([lines, gzip.compress(lines), zstandard.compress(lines)]):
        log_file(warehouse, f"{number}.json{['', '.gz', '.zst'][number]}").write_bytes(data)
    result = sparkify.load(warehouse)
    assert result.records == {"read": 6, "loaded": 6, "rejected": 0, "repaired": 0}
    assert (result.tables["staging_events"], result.tables["songplays"], result.tables["users"]) == (6, 1, 2)


def test_unknown_keys_are_named_once_a_load(warehouse: Config) -> None:
    write_file(log_file(warehouse, "1.json"), [event(device={"type": "phone"}), event(device=None, itemInSession=1)])
    write_file(log_file(warehouse, "2.json"), [event(Page="x", device=1)])
    write_file(song_file(warehouse), [song(genre="rock")])
    result = sparkify.load(warehouse)
    assert result.unknown_keys == {"events": ["Page", "device"], "songs": ["genre"]}
    assert result.records["rejected"] == 0


def test_progress_rises_to_all_there_is(warehouse: Config) -> None:
    paths = [write_file(log_file(warehouse, f"{n}.json"), [event(itemInSession=n)]) for n in range(3)]
    paths.append(write_file(song_file(warehouse), [song()]))
    heard: list[Progress] = []
    sparkify.load(warehouse, on_progress=heard.append)
    for before, after in pairwise(heard):
        assert before.files <= after.files
        assert before.bytes <= after.bytes
        assert before.records <= after.records
    last = heard[-1]
    size = sum(path.stat().st_size for path in paths)
    assert (last.files, last.total_files, last.bytes, last.total_bytes, last.records) == (4, 4, size, size, 4)


def test_second_load_reads_no_unchanged_file(warehouse: Config) -> None:
    for number in range(4):
        plays = [play(itemInSession=item, userAgent="x" * 900) for item in range(2_000)]
        write_file(log_file(warehouse, f"{number}.json"), plays)
    settle(log_file(warehouse, "3.json"))
    sparkify.load(warehouse)
    stored = sum(path.stat().st_size for path in Path(str(warehouse.log_data)).iterdir())
    before = read_characters()
    assert sparkify.load(warehouse).files == NO_FILES | {"unchanged": 4}
    assert read_characters() - before < stored / 5
    before = read_characters()
    assert sparkify.load(warehouse, verify=True).files == NO_FILES | {"unchanged": 4}
    assert read_characters() - before > stored


def read_characters() -> int:
    """The bytes that this process has read so far."""
    return int(Path("/proc/self/io").read_text().split()[1])


# ---- changed, vanished ----


@pytest.mark.parametrize("ballast", [False, True], ids=["rebuild", "refresh"])
def test_changed_file_is_replaced(warehouse: Config, ballast: bool) -> None:
    if ballast:
        write_ballast(warehouse)
    events = write_file(log_file(warehouse), [play(), play(userId=2), event(userId=3), "no JSON", "nor this"])
    songs = write_file(song_file(warehouse), [song(), song(song_id="SO2", artist_id="AR2", title="Starlight")])
    sparkify.load(warehouse)
    write_file(events, [play(userId=2, level="paid", song="Starlight"), "[]"])
    write_file(songs, [song(song_id="SO3", artist_id="AR3", title="Starlight")])
    result = sparkify.load(warehouse)
    assert (result.status, result.mode) == ("loaded", "refresh" if ballast else "rebuild")
    assert result.files == NO_FILES | {"changed": 2, "moved": 0, "unchanged": int(ballast)}
    assert result.records == {"read": 3, "loaded": 2, "rejected": 1, "repaired": 0}
    assert result.reasons == {"not_object": 1}
    assert load_files(warehouse, events) == [("superseded", 5, 3, 2), ("loaded", 2, 1, 1)]
    assert load_files(warehouse, songs) == [("superseded", 2, 2, 0), ("loaded", 1, 1, 0)]
    assert [(reject["reason"], reject["load_id"]) for reject in sparkify.list_rejects(warehouse)] == [("not_object", 2)]
    assert fetch(warehouse, "SELECT user_id, level FROM users") == [(2, "paid")]
    assert fetch(warehouse, "SELECT song_id FROM songs") == [("SO3",)]
    assert read_star(warehouse) == expected_star(warehouse)
    assert failing_checks(warehouse) == []


def test_other_content_of_the_same_size_is_a_change(warehouse: Config) -> None:
    path = write_file(log_file(warehouse), [play(level="free")])
    sparkify.load(warehouse)
    stat = path.stat()
    write_file(path, [play(level="paid")])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    assert sparkify.load(warehouse).files == NO_FILES | {"changed": 1}
    assert fetch(warehouse, "SELECT level FROM songplays") == [("paid",)]


def test_file_that_changes_back_is_loaded_again(warehouse: Config) -> None:
    path = log_file(warehouse)
    for level in ("free", "paid", "free"):
        write_file(path, [play(level=level)])
        assert sparkify.load(warehouse).status == "loaded"
        assert fetch(warehouse, "SELECT level FROM songplays") == [(level,)]
    assert [row[0] for row in load_files(warehouse, path)] == ["superseded", "superseded", "loaded"]


def test_file_changed_to_nothing_leaves_nothing(warehouse: Config) -> None:
    path = write_file(log_file(warehouse), [play(), BAD_PLAY])
    sparkify.load(warehouse)
    write_file(path, [])
    result = sparkify.load(warehouse)
    assert (result.status, result.tables["staging_events"], result.tables["rejected_records"]) == ("loaded", 0, 0)
    assert not any(read_star(warehouse).values())
    assert result.match_rate == {"song": None, "artist": None}


def test_vanished_file_is_only_reported(warehouse: Config) -> None:
    path = write_file(log_file(warehouse), [play(), BAD_PLAY])
    write_file(log_file(warehouse, "stays.json"), [event()])
    sparkify.load(warehouse)
    before = snapshot(warehouse)
    path.unlink()
    result = sparkify.load(warehouse)
    assert (result.status, result.files) == (
        "nothing_to_do",
        NO_FILES | {"unchanged": 1, "vanished": 1},
    )
    assert snapshot(warehouse) == before
    assert [(file.url, file.state) for file in sparkify.plan(warehouse)][-1] == (str(path), "vanished")


def test_file_below_another_root_is_not_vanished(warehouse: Config, tmp_path: Path) -> None:
    write_file(log_file(warehouse), [play()])
    sparkify.load(warehouse)
    other = write_file(tmp_path / "log_data_2" / "1.json", [play(userId=2)])
    result = sparkify.load(structs.replace(warehouse, log_data=str(other.parent)))
    assert result.files == NO_FILES | {"new": 1}
    assert result.tables["songplays"] == 2


# ---- files that cannot be read ----


def test_broken_file_fails_as_a_whole(warehouse: Config) -> None:
    write_file(log_file(warehouse, "a.json"), [play()])
    broken = log_file(warehouse, "b.json.gz")
    broken.write_bytes(truncated_gzip([play(userId=2), BAD_PLAY]))
    write_file(song_file(warehouse), [song()])
    result = sparkify.load(warehouse)
    assert result.status == "partial"
    assert result.files == NO_FILES | {"new": 3, "failed": 1}
    assert len(result.errors) == 1
    assert str(broken) in result.errors[0]
    assert (result.records, result.reasons) == ({"read": 2, "loaded": 2, "rejected": 0, "repaired": 0}, {})
    assert load_files(warehouse, broken) == [("failed", 0, 0, 0)]
    failed = fetch(warehouse, "SELECT source_id FROM load_files WHERE status = 'failed'")[0][0]
    assert failed not in source_ids(warehouse, "staging_events") | source_ids(warehouse, "rejected_records")
    assert fetch(warehouse, "SELECT user_id FROM users") == [(1,)]
    assert fetch(warehouse, "SELECT status FROM load_history") == [("partial",)]
    assert failing_checks(warehouse) == []


@pytest.mark.slow
def test_broken_file_stays_pending_until_it_is_repaired(warehouse: Config) -> None:
    write_file(log_file(warehouse, "a.json"), [play()])
    broken = log_file(warehouse, "b.json.gz")
    broken.write_bytes(truncated_gzip([play(userId=2), BAD_PLAY]))
    sparkify.load(warehouse)
    assert [file.url for file in sparkify.plan(warehouse) if file.is_pending] == [str(broken)]
    again = sparkify.load(warehouse)
    assert (again.status, again.files) == ("failed", NO_FILES | {"new": 1, "unchanged": 1, "failed": 1})
    write_file(broken, [play(userId=2), BAD_PLAY])
    result = sparkify.load(warehouse)
    assert (result.status, result.records) == ("loaded", {"read": 2, "loaded": 1, "rejected": 1, "repaired": 0})
    assert load_files(warehouse, broken)[-1] == ("loaded", 2, 1, 1)
    assert read_star(warehouse) == expected_star(warehouse)
    assert failing_checks(warehouse) == []
    assert sparkify.load(warehouse).status == "nothing_to_do"


def test_load_of_only_a_broken_file_failed(warehouse: Config) -> None:
    broken = log_file(warehouse, "b.json.gz")
    broken.write_bytes(truncated_gzip([play()]))
    result = sparkify.load(warehouse)
    assert (result.status, result.files) == ("failed", NO_FILES | {"new": 1, "failed": 1})
    assert str(broken) in result.errors[0]
    assert result.records == {"read": 0, "loaded": 0, "rejected": 0, "repaired": 0}
    assert not any(read_star(warehouse).values())
    assert failing_checks(warehouse) == []


@pytest.mark.slow
def test_content_is_kept_while_its_successor_cannot_be_read(warehouse: Config) -> None:
    path = write_file(log_file(warehouse, "a.json.gz"), [play(), BAD_PLAY])
    sparkify.load(warehouse)
    star = read_star(warehouse)
    path.write_bytes(truncated_gzip([play(userId=2), play(userId=3)]))
    result = sparkify.load(warehouse)
    assert (result.status, result.files) == ("failed", NO_FILES | {"changed": 1, "failed": 1})
    assert read_star(warehouse) == star
    assert load_files(warehouse, path) == [("loaded", 2, 1, 1), ("failed", 0, 0, 0)]
    assert len(sparkify.list_rejects(warehouse)) == 1
    assert failing_checks(warehouse) == []
    write_file(path, [play(userId=3)])
    assert sparkify.load(warehouse).status == "loaded"
    assert [row[0] for row in load_files(warehouse, path)] == ["superseded", "failed", "loaded"]
    assert read_star(warehouse) == expected_star(warehouse)


def test_dangling_link_is_left_out(warehouse: Config) -> None:
    write_file(log_file(warehouse, "a.json"), [play()])
    log_file(warehouse, "b.json").symlink_to("nowhere.json")
    result = sparkify.load(warehouse)
    assert (result.status, result.tables["songplays"]) == ("loaded", 1)
    assert any("1 dangling link" in warning for warning in result.warnings)


def test_file_whose_name_is_not_utf8_fails_alone(warehouse: Config) -> None:
    good = write_file(log_file(warehouse, "a.json"), [play()])
    Path(os.fsdecode(os.fsencode(good.parent) + b"/b\xff.json")).write_bytes(b"{}\n")
    result = sparkify.load(warehouse)
    assert (result.status, result.tables["songplays"]) == ("partial", 1)
    assert "b\\xff.json" in result.errors[0]


@pytest.mark.slow
def test_long_lines_load_within_the_memory_limit_or_fail_their_file_alone(warehouse: Config) -> None:
    """Each takes many times its bytes while it is judged."""
    tight = structs.replace(warehouse, memory_limit="256MB")
    write_file(
        log_file(warehouse, "a.json"), [play(), *[play(itemInSession=n, tag="x" * 2_000_000) for n in (1, 2, 3)]]
    )
    write_file(log_file(warehouse, "b.json"), [play(itemInSession=4, tag="x" * 9_000_000)])
    write_file(log_file(warehouse, "c.json"), [play(itemInSession=5)])
    result = sparkify.load(tight)
    assert (result.files["failed"], result.records["read"]) == (1, 5)
    (error,) = result.errors
    assert "b.json: line 1 is longer than 2 MiB, the most with this memory limit; raise --memory-limit" in error
    assert sparkify.load(warehouse).files["failed"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("size", [10_000, 900_000])
def test_memory_is_bounded_whatever_the_lines(warehouse: Config, size: int) -> None:
    tight = structs.replace(warehouse, memory_limit="256MB")
    count = 60_000_000 // size
    write_file(log_file(warehouse), [play(itemInSession=number, tag="x" * size) for number in range(count)])
    assert sparkify.load(tight).records["read"] == count


# ---- roots ----


def test_missing_root_is_an_error(warehouse: Config, tmp_path: Path) -> None:
    write_file(log_file(warehouse), [play()])
    missing = tmp_path / "no_songs"
    with pytest.raises(SourceError, match=f"there is no folder or file {missing}"):
        sparkify.load(structs.replace(warehouse, song_data=str(missing)))
    assert not Path(warehouse.warehouse_address).exists()


def test_empty_root_is_a_warning(warehouse: Config) -> None:
    write_file(log_file(warehouse), [play()])
    result = sparkify.load(warehouse)
    assert result.status == "loaded"
    assert result.warnings[-1].startswith(f"there is no data file below {warehouse.song_data}: data are files whose ")


def test_what_is_left_out_is_told(warehouse: Config) -> None:
    write_file(log_file(warehouse), [play()])
    other = write_file(log_file(warehouse, "b.txt"), [play()])
    result = sparkify.load(warehouse)
    assert f"below {warehouse.log_data}, 1 left out (1 .txt): {other}" in result.warnings
    with_pattern = structs.replace(warehouse, log_pattern=("*.txt",))
    assert sparkify.load(with_pattern).files["new"] == 1


def test_only_empty_roots(warehouse: Config) -> None:
    result = sparkify.load(warehouse)
    assert (result.status, len(result.warnings)) == ("nothing_to_do", 2)
    assert result.tables == dict.fromkeys(TABLES, 0)


def test_root_that_is_not_given_is_not_loaded(warehouse: Config) -> None:
    write_file(log_file(warehouse), [play()])
    write_file(song_file(warehouse), [song()])
    without = load_config(warehouse=warehouse.warehouse_address, song_data=warehouse.song_data)
    result = sparkify.load(without)
    assert (result.files["new"], result.tables["staging_events"], result.warnings) == (1, 0, [])
    # A root that is not given does not make its files vanish.
    assert sparkify.load(warehouse).files == NO_FILES | {"new": 1, "unchanged": 1}
    assert sparkify.load(without).files == NO_FILES | {"unchanged": 1}


def test_no_root_at_all_is_refused(tmp_path: Path) -> None:
    config = load_config(warehouse=str(tmp_path / "warehouse.duckdb"))
    for verb in (sparkify.load, sparkify.plan):
        with pytest.raises(UsageError, match="no source is set"):
            verb(config)
    assert not list(tmp_path.iterdir())


def test_root_that_is_one_file(warehouse: Config) -> None:
    path = write_file(log_file(warehouse), [play()])
    write_file(log_file(warehouse, "other.json"), [play(userId=2)])
    config = structs.replace(warehouse, log_data=str(path))
    assert sparkify.load(config).files == NO_FILES | {"new": 1}
    path.unlink()
    write_file(log_file(warehouse), [play(), play(userId=3)])
    assert sparkify.load(config).files == NO_FILES | {"changed": 1}


# ---- limits of rejects ----


def with_two_of_four_rejected(config: Config) -> None:
    write_file(log_file(config, "new.json"), [play(userId=5), BAD_PLAY, "no JSON", event()])


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["1", "0", "39.9%", "0%"])
def test_too_many_rejects_roll_everything_back(warehouse: Config, limit: str) -> None:
    path = write_file(log_file(warehouse), [play(), BAD_PLAY, event()])
    sparkify.load(warehouse)
    before = snapshot(warehouse)
    with_two_of_four_rejected(warehouse)
    write_file(path, [play(level="paid")])
    with pytest.raises(TooManyRejectsError, match=r"2 of 5 records were rejected \(missing:song 1, not_json 1\)"):
        sparkify.load(warehouse, max_rejects=limit)
    after = snapshot(warehouse)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"load_files", "rejected_records"}
    assert fetch(warehouse, "SELECT status, read, loaded, rejected FROM load_files WHERE load_id = 2 ORDER BY url") == [
        ("failed", 1, 0, 0), ("failed", 4, 0, 2),
    ]  # fmt: skip
    assert len(sparkify.list_rejects(warehouse, load_id=2)) == 2
    assert failing_checks(warehouse) == []
    assert sparkify.load(warehouse, max_rejects="2").files == NO_FILES | {"new": 1, "changed": 1}


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["2", "3", "50%", "100%", "50.0%"])
def test_as_many_rejects_as_allowed(warehouse: Config, limit: str) -> None:
    with_two_of_four_rejected(warehouse)
    result = sparkify.load(warehouse, max_rejects=limit)
    assert (result.status, result.records["rejected"]) == ("loaded", 2)


def test_too_many_rejects_in_the_first_load_leave_those_alone(warehouse: Config) -> None:
    with_two_of_four_rejected(warehouse)
    with pytest.raises(TooManyRejectsError):
        sparkify.load(warehouse, max_rejects="0")
    kept = {table for table, rows in snapshot(warehouse).items() if rows}
    assert kept == {"load_files", "rejected_records"}


def test_rejects_of_earlier_loads_do_not_count(warehouse: Config) -> None:
    with_two_of_four_rejected(warehouse)
    sparkify.load(warehouse)
    assert sparkify.load(warehouse, max_rejects="0").status == "nothing_to_do"
    write_file(log_file(warehouse, "good.json"), [play()])
    assert sparkify.load(warehouse, max_rejects="0").status == "loaded"


@pytest.mark.parametrize("text", ["", "%", "-1", "-1%", "1.5", "few", "nan", "nan%", "inf%", "1e3"])
def test_senseless_limit_is_refused(warehouse: Config, text: str) -> None:
    with_two_of_four_rejected(warehouse)
    with pytest.raises(UsageError, match="is not a limit of rejects"):
        sparkify.load(warehouse, max_rejects=text)
    assert not Path(warehouse.warehouse_address).exists()


# ---- interruptions ----


def prepare_interruption(config: Config) -> None:
    """A warehouse whose next load has all kinds of work: a new file, a replaced file, rejects, songs for old plays."""
    path = write_file(log_file(config), [play(), play(userId=2), BAD_PLAY])
    sparkify.load(config)
    write_file(path, [play(level="paid"), "no JSON"])
    write_file(log_file(config, "new.json"), [play(userId=3)])
    write_file(song_file(config), [song()])


class Interrupted(Exception):
    pass


@pytest.mark.slow
def test_load_interrupted_at_any_step_changes_nothing(warehouse: Config) -> None:
    prepare_interruption(warehouse)
    before = snapshot(warehouse)
    steps = 0
    done = False
    while not done:
        left = steps

        def interrupt(progress: Progress) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Interrupted

        try:
            sparkify.load(warehouse, on_progress=interrupt)
            done = True
        except Interrupted:
            assert snapshot(warehouse) == before
            steps += 1
    assert steps >= 5
    assert read_star(warehouse) == expected_star(warehouse)


_KILLED = """
import os, signal, sys
import sparkify
from sparkify.settings import load_config

left = int(sys.argv[4])

def kill(progress):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

config = load_config(warehouse=sys.argv[1], log_data=sys.argv[2], song_data=sys.argv[3])
sparkify.load(config, on_progress=kill)
"""


@pytest.mark.slow
@pytest.mark.parametrize("step", [0, 2, 4, 6])
def test_killed_load_leaves_the_state_before(warehouse: Config, step: int) -> None:
    prepare_interruption(warehouse)
    before = snapshot(warehouse)
    arguments = [warehouse.warehouse_address, warehouse.log_data, warehouse.song_data, str(step)]
    ended = subprocess.run([sys.executable, "-c", _KILLED, *map(str, arguments)], env=environment(), timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert snapshot(warehouse) == before
    assert sparkify.load(warehouse).status == "loaded"
    assert read_star(warehouse) == expected_star(warehouse)
    assert failing_checks(warehouse) == []


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}


# ---- plan ----


def test_plan_says_what_a_load_would_do(warehouse: Config) -> None:
    same = write_file(log_file(warehouse, "same.json"), [event()])
    longer = write_file(log_file(warehouse, "longer.json"), [event()])
    other = write_file(log_file(warehouse, "other.json"), [event(itemInSession=1)])
    gone = write_file(song_file(warehouse, "gone.json"), [song()])
    sparkify.load(warehouse)
    before = longer.stat().st_size
    write_file(longer, [event(), event()])
    write_file(other, [event(itemInSession=2)])
    gone.unlink()
    new = write_file(song_file(warehouse, "new.json"), [song(song_id="SO2")])
    planned = {file.url: (file.dataset, file.state, file.reason) for file in sparkify.plan(warehouse)}
    assert planned == {
        str(same): ("events", "unchanged", "loaded already"),
        str(longer): ("events", "changed", f"{before} bytes when loaded, {2 * before} now"),
        str(other): ("events", "changed", "same size, other content"),
        str(new): ("songs", "new", "not loaded yet"),
        str(gone): ("songs", "vanished", "loaded, but no longer at the source"),
    }
    pending = {file.url: file.size for file in sparkify.plan(warehouse) if file.is_pending}
    assert pending == {str(path): path.stat().st_size for path in (longer, other, new)}


def test_plan_makes_no_warehouse(warehouse: Config) -> None:
    write_file(log_file(warehouse), [play()])
    assert [file.state for file in sparkify.plan(warehouse)] == ["new"]
    assert sorted(path.name for path in Path(warehouse.warehouse_address).parent.iterdir()) == ["log_data", "song_data"]


def test_reading_verbs_change_no_byte(warehouse: Config) -> None:
    path = write_file(log_file(warehouse), [play(), BAD_PLAY])
    sparkify.load(warehouse)
    write_file(path, [play(level="paid")])
    address = Path(warehouse.warehouse_address)
    before, files = address.read_bytes(), sorted(address.parent.iterdir())
    sparkify.plan(warehouse)
    sparkify.status(warehouse)
    sparkify.check(warehouse)
    sparkify.undo(warehouse, 1, dry_run=True)
    sparkify.replay(warehouse, dry_run=True)
    sparkify.list_rejects(warehouse)
    sparkify.query_sql(warehouse, "SELECT * FROM songplays")
    assert address.read_bytes() == before
    assert sorted(address.parent.iterdir()) == files


# ---- rejects, status, create ----


def test_rejects_by_reason_and_load(warehouse: Config) -> None:
    first = write_file(log_file(warehouse, "b.json"), ["no JSON", play(), "", play(song=None), play(artist="")])
    sparkify.load(warehouse)
    second = write_file(song_file(warehouse, "a.json"), [song(title=None), b'\xff{"a": 1}'])
    sparkify.load(warehouse)
    every = sparkify.list_rejects(warehouse)
    assert [(row["url"], row["line"], row["reason"], row["load_id"], row["dataset"]) for row in every] == [
        (str(first), 1, "not_json", 1, "events"),
        (str(first), 4, "missing:song", 1, "events"),
        (str(first), 5, "missing:artist", 1, "events"),
        (str(second), 1, "missing:title", 2, "songs"),
        (str(second), 2, "bad_encoding", 2, "songs"),
    ]
    assert every[0]["raw"] == "no JSON"
    assert every[4]["raw"] == '\\xff{"a": 1}'
    assert sparkify.list_rejects(warehouse, reason="missing") == every[1:4]
    assert sparkify.list_rejects(warehouse, reason="missing:song") == every[1:2]
    assert sparkify.list_rejects(warehouse, load_id=2) == every[3:]
    assert sparkify.list_rejects(warehouse, reason="missing", load_id=2) == every[3:4]
    with pytest.raises(UsageError, match="there is no reason 'miss'"):
        sparkify.list_rejects(warehouse, reason="miss")
    with pytest.raises(UsageError, match="there is no load 3; the last is 2"):
        sparkify.list_rejects(warehouse, load_id=3)


def test_status_of_a_warehouse(warehouse: Config) -> None:
    path = write_file(log_file(warehouse), [play(), BAD_PLAY, event(ts=TS + 5)])
    write_file(song_file(warehouse), [song()])
    sparkify.load(warehouse)
    write_file(path, [play(ts=TS + 1), BAD_PLAY])
    sparkify.load(warehouse)
    write_file(log_file(warehouse, "new.json"), [play()])
    path.unlink()
    status = sparkify.status(warehouse)
    assert status.warehouse == warehouse.warehouse_address
    assert [(load["load_id"], load["status"], load["files"]) for load in status.loads] == [
        (1, "loaded", 2), (2, "loaded", 1),
    ]  # fmt: skip
    assert status.files == {"loaded": 2, "superseded": 1}
    assert status.records == {"read": 3, "loaded": 2, "rejected": 1}
    assert (status.tables["songplays"], status.match_rate) == (1, {"song": 1.0, "artist": 1.0})
    assert str(status.newest_play) == str(status.newest_event) == "2018-11-01 20:57:10.797000"
    last_end = status.loads[-1]["finished_at"]
    assert status.lag_seconds == (last_end - status.newest_event).total_seconds()
    assert status.pending == {"new": 1, "changed": 0, "moved": 0, "unchanged": 1, "to_reread": 0, "vanished": 1}
    without_roots = load_config(warehouse=warehouse.warehouse_address)
    assert sparkify.status(without_roots).pending is None


def test_reading_verbs_need_a_warehouse(warehouse: Config) -> None:
    for verb in (sparkify.status, sparkify.check, sparkify.list_rejects):
        with pytest.raises(NoWarehouseError, match="there is no warehouse"):
            verb(warehouse)
    assert not Path(warehouse.warehouse_address).exists()


def test_create_makes_what_is_missing(warehouse: Config) -> None:
    assert sparkify.create(warehouse) == [*TABLES, *VERSION, *VIEWS]
    assert sparkify.create(warehouse) == []
    execute(warehouse, "DROP TABLE time")
    assert sparkify.create(warehouse) == ["time"]


def test_create_with_drop_empties_the_warehouse(warehouse: Config) -> None:
    write_file(log_file(warehouse), [play(), BAD_PLAY])
    sparkify.load(warehouse)
    assert sparkify.create(warehouse, drop=True) == [*TABLES, *VERSION, *VIEWS]
    assert not any(snapshot(warehouse).values())
    assert sparkify.load(warehouse).files == NO_FILES | {"new": 1}
    assert read_star(warehouse) == expected_star(warehouse)


# ---- warehouses that cannot be opened ----


def test_warehouse_in_a_missing_folder(tmp_path: Path) -> None:
    config = new_warehouse(tmp_path, warehouse=str(tmp_path / "missing" / "warehouse.duckdb"))
    write_file(log_file(config), [play()])
    with pytest.raises(UsageError, match=f"there is no folder {tmp_path / 'missing'}"):
        sparkify.load(config)
    assert not (tmp_path / "missing").exists()


def test_warehouse_that_is_a_folder(tmp_path: Path) -> None:
    config = new_warehouse(tmp_path, warehouse=str(tmp_path))
    with pytest.raises(UsageError, match="is a folder; give a file"):
        sparkify.load(config)


def test_warehouse_that_is_not_database(warehouse: Config) -> None:
    write_file(log_file(warehouse), [play()])
    address = Path(warehouse.warehouse_address)
    address.write_text("these are notes, and they must stay\n" * 500, encoding="utf-8")
    before = address.read_bytes()
    for verb in (sparkify.load, sparkify.status, sparkify.plan):
        with pytest.raises(EngineError, match=f"{address} is not a DuckDB database; give another --warehouse"):
            verb(warehouse)
    assert address.read_bytes() == before


def test_warehouse_by_scheme(warehouse: Config) -> None:
    write_file(log_file(warehouse), [play()])
    config = structs.replace(warehouse, warehouse=f"duckdb:{warehouse.warehouse_address}")
    assert sparkify.load(config).status == "loaded"
    assert sparkify.load(warehouse).status == "nothing_to_do"


_HOLDER = """
import sys
import duckdb

connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
connection.close()
"""


@contextmanager
def held_by_another_process(config: Config) -> Iterator[int]:
    """Another process writes the warehouse; yields its id."""
    command = [sys.executable, "-c", _HOLDER, config.warehouse_address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process.pid
        finally:
            process.stdin.close()
            process.wait(timeout=30)


@pytest.mark.slow
def test_warehouse_held_by_another_process(warehouse: Config) -> None:
    write_file(log_file(warehouse), [play()])
    sparkify.load(warehouse)
    before = snapshot(warehouse)
    write_file(log_file(warehouse, "more.json"), [play(userId=2)])
    with held_by_another_process(warehouse) as pid:
        for verb in (sparkify.load, sparkify.plan, sparkify.status, sparkify.check):
            with pytest.raises(LockedError, match=rf"is in use by process {pid}\b"):
                verb(warehouse)
    assert snapshot(warehouse) == before
    assert sparkify.load(warehouse).status == "loaded"


def test_copied_warehouse_goes_on(warehouse: Config, tmp_path: Path) -> None:
    write_file(log_file(warehouse), [play()])
    sparkify.load(warehouse)
    copy = tmp_path / "copy.duckdb"
    shutil.copyfile(warehouse.warehouse_address, copy)
    assert sparkify.load(structs.replace(warehouse, warehouse=str(copy))).status == "nothing_to_do"


# ---- a user's own SQL ----


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A warehouse that no query may change."""
    config = new_warehouse(tmp_path_factory.mktemp("loaded"))
    write_file(log_file(config), [play(), play(userId=2)])
    sparkify.load(config)
    return config


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT user_id, level FROM users ORDER BY user_id",
        "SELECT user_id, level FROM users ORDER BY user_id;",
        "WITH chosen AS (SELECT user_id, level FROM users) SELECT * FROM chosen ORDER BY user_id",
        "-- which users there are; all of them\nFROM users SELECT user_id, level ORDER BY user_id",
    ],
)
def test_one_select_is_run(loaded: Config, sql: str) -> None:
    assert sparkify.query_sql(loaded, sql) == (["user_id", "level"], [(1, "free"), (2, "free")])


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "-- nothing",
        "SELECT",
        "SELECT $1",
        "SELECT cast(level AS INTEGER) FROM users",
        "SELECT no_such_column FROM users",
        "SELECT * FROM no_such_table",
        "SELECT 1; SELECT 2",
        "SELECT 1; DELETE FROM users",
        "INSERT INTO users (user_id) VALUES (9)",
        "UPDATE users SET level = 'paid'",
        "DELETE FROM users",
        "DROP TABLE users",
        "CREATE TABLE mine AS SELECT 1 AS one",
        "CREATE TEMP TABLE mine AS SELECT 1 AS one",
        "COPY users TO 'stolen.csv'",
        "COPY (SELECT 1) TO 'stolen.csv'",
        "EXPORT DATABASE 'stolen'",
        "ATTACH 'other.duckdb' AS other",
        "PRAGMA database_list",
        "PRAGMA table_info('users')",
        "SET enable_external_access = true",
        "CHECKPOINT",
        "VACUUM",
        "LOAD httpfs",
        "BEGIN",
        "CALL pragma_version()",
        "INSTALL httpfs",
        "EXPLAIN ANALYZE DELETE FROM users",
        "SELECT * FROM read_csv('secret.csv')",
        "SELECT * FROM read_text('secret.csv')",
        "SELECT * FROM 'secret.csv'",
        "SELECT * FROM glob('*')",
        "SELECT count(*) FROM users WHERE level IN (SELECT content FROM read_text('secret.csv'))",
    ],
)
def test_anything_else_is_refused(loaded: Config, sql: str) -> None:
    Path("secret.csv").write_text("secret\nvalue\n", encoding="utf-8")
    path = Path(loaded.warehouse_address)
    before, files = path.read_bytes(), sorted(Path().iterdir())
    with pytest.raises(UsageError) as refused:
        sparkify.query_sql(loaded, sql)
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == before
    assert sorted(Path().iterdir()) == files


def test_own_sql_needs_a_warehouse(warehouse: Config) -> None:
    with pytest.raises(NoWarehouseError):
        sparkify.query_sql(warehouse, "SELECT 1")
