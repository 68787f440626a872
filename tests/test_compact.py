"""Compacting: the file is smaller, holds the same, and has the format that is set, whatever ends the process."""

from __future__ import annotations

import os
import random
import resource
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import pytest

import sparkify
from sparkify.errors import EngineError, LockedError, NoWarehouseError
from sparkify.settings import Config, load_config
from sparkify.warehouses import StoredFile, open_warehouse, wrap_cursor
from sparkify.warehouses.duckdb.compaction import find_difference
from sparkify.warehouses.duckdb.session import DuckDBWarehouse
from tests.engines.crash import kill_after, prepare, race, rows_of, run_verb, was_killed
from tests.support import TIMES, execute, failing_checks, fetch, new_warehouse, snapshot

pytestmark = pytest.mark.slow


@pytest.fixture
def loaded(warehouse: Config) -> Config:
    """A warehouse of two loads, with work for a third."""
    prepare(warehouse, "load")
    return warehouse


def path_of(config: Config) -> Path:
    return Path(config.warehouse_address)


def measure(config: Config) -> StoredFile:
    file = sparkify.status(config).file
    assert file is not None
    return file


def neighbours(config: Config) -> list[str]:
    """What is beside the file."""
    return sorted(path.name for path in path_of(config).parent.iterdir())


@contextmanager
def held(config: Config, *, read_only: bool) -> Iterator[int]:
    """The file is open in another process; gives its id."""
    script = "import duckdb, sys; opened = duckdb.connect(sys.argv[1], read_only=len(sys.argv) > 2); print(flush=True)"
    script += "; input()"
    command = [sys.executable, "-c", script, config.warehouse_address, *["read-only"] * read_only]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield holder.pid
        holder.kill()


# ---- what it does ----


def test_free_space_is_given_back_and_the_content_stays(loaded: Config) -> None:
    execute(loaded, "CREATE TABLE dropped AS SELECT random() AS n FROM range(400_000)", "CHECKPOINT")
    execute(loaded, "CREATE TABLE kept AS SELECT random() AS n FROM range(400_000)", "CHECKPOINT")
    execute(loaded, "DROP TABLE dropped", "CHECKPOINT")
    before, rows = measure(loaded), snapshot(loaded)
    result = sparkify.compact(loaded)
    assert (result.status, result.before, result.after) == ("compacted", before, measure(loaded))
    assert before.free_bytes > 2_500_000
    assert measure(loaded).free_bytes == 0
    assert path_of(loaded).stat().st_size == pytest.approx(before.bytes - before.free_bytes, abs=600_000)
    assert snapshot(loaded) == rows
    assert failing_checks(loaded) == []
    assert neighbours(loaded) == ["log_data", "song_data", "warehouse.duckdb"]


def test_next_load_undo_and_replay_work(loaded: Config, tmp_path: Path) -> None:
    control = loaded.at(str(tmp_path / "control.duckdb"))
    path_of(control).write_bytes(path_of(loaded).read_bytes())
    for config in (loaded, control):
        for verb in ("compact", "load", "compact", "replay", "compact", "undo", "compact"):
            if verb != "compact" or config is loaded:
                run_verb(config, verb)
    assert rows_of(loaded) == rows_of(control)
    assert failing_checks(loaded) == []


@pytest.mark.parametrize(("old", "new"), [("v2.0.0", "v1.4.0"), ("v1.0.0", "v2.0.0")])
def test_format_becomes_the_one_that_is_set(tmp_path: Path, old: str, new: str) -> None:
    config = new_warehouse(tmp_path, storage_version=old)
    prepare(config, "load")
    rows = snapshot(config)
    config = load_config(warehouse=config.warehouse_address, storage_version=new)
    sparkify.status(config)
    assert measure(config).version == old
    result = sparkify.compact(config)
    assert result.after is not None
    assert result.after.version == measure(config).version == new
    assert snapshot(config) == rows


def test_what_a_user_added_stays(loaded: Config) -> None:
    execute(
        loaded,
        'CREATE SCHEMA "my own"',
        'CREATE TABLE "my own"."odd ""name""" (n INTEGER PRIMARY KEY, text VARCHAR DEFAULT \'a\' NOT NULL)',
        'INSERT INTO "my own"."odd ""name""" (n) VALUES (1), (2)',
        'CREATE VIEW "my own".shown AS SELECT n FROM "my own"."odd ""name""" WHERE n > 1',
        "COMMENT ON VIEW \"my own\".shown IS 'it''s mine'",
        "CREATE TABLE gone (n INTEGER)",
        "CREATE VIEW of_what_is_gone AS SELECT n FROM gone",
        "DROP TABLE gone",
        "CREATE MACRO twice(n) AS n * 2",
        "CREATE INDEX by_user ON users (user_id)",
        "CREATE SEQUENCE numbers",
        "SELECT nextval('numbers')",
    )
    sql = """SELECT schema_name, table_name, sql, comment FROM duckdb_tables()
        UNION ALL SELECT schema_name, view_name, sql, comment FROM duckdb_views() WHERE NOT internal
        UNION ALL SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal
        UNION ALL SELECT schema_name, index_name, sql, comment FROM duckdb_indexes()"""
    before = fetch(loaded, sql)
    assert len({comment for *_, comment in before}) > 100
    sparkify.compact(loaded)
    assert sorted(fetch(loaded, sql), key=str) == sorted(before, key=str)
    assert fetch(loaded, 'SELECT twice(n), text FROM "my own"."odd ""name""" JOIN "my own".shown USING (n)') == [
        (4, "a")
    ]
    execute(loaded, 'INSERT INTO "my own"."odd ""name""" (n) SELECT nextval(\'numbers\') + 1')
    assert fetch(loaded, 'SELECT sum(n) FROM "my own"."odd ""name"""') == [(6,)]


def test_file_with_a_second_name_is_left_alone(loaded: Config, tmp_path: Path) -> None:
    second = tmp_path / "second.duckdb"
    second.hardlink_to(loaded.warehouse_address)
    before = second.read_bytes()
    with pytest.raises(EngineError, match="has a second name, a hard link, which would keep the old one"):
        sparkify.compact(loaded)
    assert Path(loaded.warehouse_address).read_bytes() == before
    assert second.samefile(loaded.warehouse_address)


def test_link_owner_and_mode_stay(loaded: Config, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.duckdb"
    link.symlink_to(path_of(loaded))
    path_of(loaded).chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path_of(loaded), 12_345, 23_456)
    before = path_of(loaded).stat()
    sparkify.compact(loaded.at(str(link)))
    after = path_of(loaded).stat()
    assert link.is_symlink()
    assert after.st_ino != before.st_ino
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert [path.name for path in link.parent.iterdir()] == ["link.duckdb"]


def test_dry_run_changes_no_byte(loaded: Config) -> None:
    before, file = path_of(loaded).read_bytes(), measure(loaded)
    result = sparkify.compact(loaded, dry_run=True)
    assert (result.status, result.before, result.after) == ("would_compact", file, None)
    assert path_of(loaded).read_bytes() == before


def test_what_a_killed_process_wrote_ahead_is_in_the_new_file(loaded: Config) -> None:
    script = "import duckdb, os, sys; opened = duckdb.connect(sys.argv[1])"
    script += "; opened.execute('CREATE TABLE ahead AS SELECT 7 AS n'); os._exit(9)"
    subprocess.run([sys.executable, "-c", script, loaded.warehouse_address], timeout=60)
    assert "warehouse.duckdb.wal" in neighbours(loaded)
    sparkify.compact(loaded)
    assert fetch(loaded, "SELECT n FROM ahead") == [(7,)]
    assert "warehouse.duckdb.wal" not in neighbours(loaded)


# ---- where it cannot ----


@pytest.mark.parametrize("read_only", [True, False], ids=["reader", "writer"])
def test_file_that_is_open_elsewhere_is_left_alone(loaded: Config, read_only: bool) -> None:
    inode = path_of(loaded).stat().st_ino
    with (
        held(loaded, read_only=read_only) as holder,
        pytest.raises(LockedError, match=rf"in use by process {holder}; wait until it ends, or give --wait"),
    ):
        sparkify.compact(loaded)
    assert path_of(loaded).stat().st_ino == inode
    assert neighbours(loaded) == ["log_data", "song_data", "warehouse.duckdb"]


def test_file_that_is_open_in_this_process_is_left_alone(loaded: Config) -> None:
    with closing(duckdb.connect(loaded.warehouse_address)) as connection:
        with pytest.raises(LockedError, match="in use by this process"):
            sparkify.compact(loaded)
        connection.execute("CREATE TABLE later AS SELECT 1 AS n")
    with open_warehouse(loaded, read_only=True), pytest.raises(LockedError, match="in use by this process"):
        sparkify.compact(loaded)
    assert fetch(loaded, "SELECT n FROM later") == [(1,)]


def test_there_has_to_be_a_warehouse(warehouse: Config) -> None:
    with pytest.raises(NoWarehouseError, match="there is no warehouse"):
        sparkify.compact(warehouse)
    execute(warehouse, "CREATE TABLE other AS SELECT 1 AS n")
    with pytest.raises(NoWarehouseError, match="holds other tables"):
        sparkify.compact(warehouse)
    assert fetch(warehouse, "SELECT n FROM other") == [(1,)]


def test_full_disk_leaves_the_file_as_it_was(loaded: Config) -> None:
    execute(loaded, "CREATE TABLE large AS SELECT random() AS n FROM range(400_000)", "CHECKPOINT")
    inode, rows = path_of(loaded).stat().st_ino, snapshot(loaded)
    command = [sys.executable, "-m", "sparkify", "compact", "--warehouse", loaded.warehouse_address]
    most = path_of(loaded).stat().st_size // 2
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # noqa: E731
    ended = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (4, "")
    assert ended.stderr.startswith("sparkify: ")
    assert "Traceback" not in ended.stderr
    assert path_of(loaded).stat().st_ino == inode
    assert snapshot(loaded) == rows
    assert neighbours(loaded) == ["log_data", "song_data", "warehouse.duckdb"]


@pytest.mark.parametrize(
    ("change", "different"),
    [
        ("UPDATE b.plays SET n = 3 WHERE n = 2", "main.plays"),
        ("DELETE FROM b.plays WHERE n = 2", "main.plays"),
        ("INSERT INTO b.plays VALUES (2, NULL)", "main.plays"),
        ("UPDATE b.plays SET n = CASE n WHEN 1 THEN 2 ELSE 1 END", "main.plays"),
        ("DROP VIEW b.shown", "main.shown"),
        ("ALTER TABLE b.plays ALTER COLUMN n SET NOT NULL", "main.plays"),
        ("ALTER TABLE b.plays ALTER COLUMN n TYPE INTEGER", "main.plays.n"),
        ("COMMENT ON COLUMN b.plays.n IS 'other'", "main.plays.n"),
        ("COMMENT ON TABLE b.plays IS 'other'", "main.plays"),
        ("CREATE TABLE b.more (n INTEGER)", "main.more"),
        ("CREATE MACRO b.twice(n) AS n * 2", "main.twice"),
    ],
)  # fmt: skip
def test_a_copy_that_differs_is_found(change: str, different: str) -> None:
    with closing(duckdb.connect()) as connection:
        for name in ("a", "b"):
            connection.execute(f"ATTACH '{name}.duckdb' AS {name}; USE {name}")
            connection.execute("CREATE TABLE plays AS SELECT range AS n, 'x' || range AS text FROM range(1, 3)")
            connection.execute("CREATE VIEW shown AS SELECT n FROM plays")
        wrapped = wrap_cursor(connection)
        assert isinstance(wrapped, DuckDBWarehouse)
        assert find_difference(wrapped, "a", "b") is None
        connection.execute(change)
        assert (find_difference(wrapped, "a", "b") or "").startswith(different)
        assert (find_difference(wrapped, "b", "a") or "").startswith(different)


# ---- killed, and at once with others ----


@pytest.mark.slow
def test_kill_at_every_step(loaded: Config, tmp_path: Path) -> None:
    before, original = rows_of(loaded), path_of(loaded).read_bytes()
    killed = loaded.at(str(tmp_path / "killed" / "warehouse.duckdb"))
    path_of(killed).parent.mkdir()
    number, seen, ended = 1, set(), False
    while not ended:
        path_of(killed).write_bytes(original)
        inode = path_of(killed).stat().st_ino
        ended = not was_killed(killed, "compact", number)
        seen.add(path_of(killed).stat().st_ino == inode)
        assert rows_of(killed) == before, number
        if number % 2:
            run_verb(killed, "compact")
        else:
            sparkify.create(killed)
        assert neighbours(killed) == ["warehouse.duckdb"], number
        assert rows_of(killed) == before, number
        path_of(killed).unlink()
        number += 3 if TIMES == 1 else 1
    assert number > 40
    assert seen == {False, True}


@pytest.mark.slow
def test_kill_from_outside_at_any_moment(loaded: Config) -> None:
    execute(loaded, "CREATE TABLE large AS SELECT random() AS n FROM range(2_000_000)", "CHECKPOINT")
    before, digest = rows_of(loaded), fetch(loaded, "SELECT count(*), bit_xor(hash(n)) FROM large")
    kill_after(loaded, "nothing", 60)
    started = time.monotonic()
    kill_after(loaded, "compact", 60)
    seconds = time.monotonic() - started
    chance = random.Random(0)
    for _ in range(8):
        kill_after(loaded, "compact", chance.uniform(0, seconds))
        assert rows_of(loaded) == before
        assert fetch(loaded, "SELECT count(*), bit_xor(hash(n)) FROM large") == digest
    sparkify.compact(loaded)
    assert neighbours(loaded) == ["log_data", "song_data", "warehouse.duckdb"]


@pytest.mark.slow
def test_compactions_and_loads_at_once_lose_nothing(loaded: Config, tmp_path: Path) -> None:
    original = path_of(loaded).read_bytes()
    run_verb(loaded, "load")
    expected = rows_of(loaded)
    raced = load_config(
        warehouse=str(tmp_path / "raced.duckdb"), wait=60, log_data=loaded.log_data, song_data=loaded.song_data
    )
    for _ in range(6):
        path_of(raced).write_bytes(original)
        race(raced, "compact", "load", "compact", "load")
        assert rows_of(raced) == expected
        assert failing_checks(raced) == []
