"""What may be a warehouse's file, and what its opening says and leaves."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

import sparkify
from sparkify.errors import EngineError, LockedError, NoWarehouseError, SourceError, SparkifyError, UsageError
from sparkify.settings import Config
from sparkify.warehouses import open_warehouse
from sparkify.warehouses.duckdb.opening import opening_error
from tests.support import as_somebody, fetch, folder_of_somebody, log_file, play, write_file


@pytest.fixture
def delivered(warehouse: Config) -> Config:
    """A warehouse that does not exist yet, with a play to load."""
    write_file(log_file(warehouse), [play()])
    return warehouse


def test_what_may_not_be_written_is_told_with_what_to_do(delivered: Config) -> None:
    sparkify.load(delivered)
    with folder_of_somebody() as folder:
        old, new = (at(delivered, str(folder / name)) for name in ("old.duckdb", "new.duckdb"))
        shutil.copyfile(delivered.warehouse_address, old.warehouse_address)
        with as_somebody():
            for config in (old, new):
                with pytest.raises(EngineError) as refused:
                    sparkify.create(config)
                assert f"the folder {folder} cannot be written to: change its permissions" in str(refused.value)
            assert len(sparkify.query(old, "overview").rows) == 1
            details = [{one.name: one for one in sparkify.list_findings(config)} for config in (old, new)]
        assert not details[0]["disk"].passed
        assert f"free in {folder}, but it cannot be written to" in details[0]["disk"].detail
        assert not details[1]["warehouse"].passed
        assert f"its folder {folder} cannot be written to" in details[1]["warehouse"].detail
        folder.chmod(0o777)
        with as_somebody(), pytest.raises(EngineError, match="change the permissions of the file"):
            sparkify.create(old)


def test_root_of_a_folder_that_is_gone(delivered: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SourceError, match="no folder or file data: the working folder is gone; change to another"):
        sparkify.plan(structs.replace(delivered, log_data="data"))


def at(config: Config, address: str) -> Config:
    return structs.replace(config, warehouse=address)


# ---- what is no file of a warehouse ----


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (":memory:", "would keep nothing"),
        (":MEMORY:x", "would keep nothing"),
        ("duckdb::memory:", "would keep nothing"),
        ("duckdb:", "has no path"),
        ("new/", "is a folder; give a file, such as new/sparkify.duckdb"),
        ("sqlite.db", "sqlite.db is not a DuckDB database"),
        ("md:warehouse", "md: is not a warehouse"),
        ("postgres:host=localhost", "postgres: is not a warehouse"),
        ("duckdb:sqlite:x.db", "sqlite: is not a warehouse"),
        ("pipe", "is a pipe or a device"),
        ("/dev/null", "is a pipe or a device"),
        ("data.csv", "data.csv is not a DuckDB database"),
        ("data.json", "data.json is not a DuckDB database"),
        ("data.parquet", "data.parquet is not a DuckDB database"),
        ("to_data", "to_data is not a DuckDB database"),
        ("short", "short is not a DuckDB database"),
    ],
)
def test_what_would_keep_nothing_is_refused(delivered: Config, address: str, words: str) -> None:
    os.mkfifo("pipe")
    Path("data.csv").write_text("a,b\n1,2\n")
    with closing(sqlite3.connect("sqlite.db")) as other:
        other.execute("CREATE TABLE users (user_id)")
    Path("data.json").write_text('{"a": 1}\n')
    Path("short").write_bytes(b"x" * 20)
    duckdb.sql("COPY (SELECT 1 AS a) TO 'data.parquet'")
    Path("to_data").symlink_to("data.csv")
    before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    for verb in (sparkify.load, sparkify.status, sparkify.create):
        with pytest.raises((UsageError, EngineError)) as refused:
            verb(at(delivered, address))
        assert words in str(refused.value), verb
    assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before


def test_paths_are_those_of_the_system(delivered: Config, tmp_path: Path) -> None:
    """Not those that DuckDB would make of them."""
    (tmp_path / "real" / "sub").mkdir(parents=True)
    Path("link").symlink_to("real/sub")
    for address, place in (("./:memory:", ":memory:"), ("./a:b", "a:b"), ("link/../w.duckdb", "real/w.duckdb")):
        assert sparkify.load(at(delivered, address)).status == "loaded"
        assert sparkify.load(at(delivered, str(tmp_path / place))).status == "nothing_to_do"
    sparkify.compact(at(delivered, "link/../w.duckdb"))
    assert not (tmp_path / "w.duckdb").exists()


# ---- what a failed start has left ----


def headers() -> bytes:
    """A new database: its headers, and nothing in it."""
    duckdb.connect("new.duckdb").close()
    content = Path("new.duckdb").read_bytes()
    assert len(content) == 12_288
    return content


@pytest.mark.parametrize("size", [0, 4_096, 12_287])
def test_file_left_at_its_creation_is_completed(delivered: Config, size: int) -> None:
    file = Path(delivered.warehouse_address)
    file.write_bytes(headers()[:size])
    file.chmod(0o600)
    with pytest.raises(NoWarehouseError, match="holds nothing yet; run sparkify load"):
        sparkify.status(delivered)
    assert file.stat().st_size == size
    assert sparkify.load(delivered).status == "loaded"
    assert fetch(delivered, "SELECT count(*) FROM songplays") == [(1,)]
    assert file.stat().st_mode & 0o777 == 0o600


def test_file_with_a_log_beside_it_is_not_taken_for_empty(delivered: Config) -> None:
    file = Path(delivered.warehouse_address)
    file.touch()
    Path(f"{file}.wal").write_bytes(b"changes")
    with pytest.raises(EngineError):
        sparkify.load(delivered)
    assert (file.read_bytes(), Path(f"{file}.wal").read_bytes()) == (b"", b"changes")


def test_file_that_another_process_begins_is_left_to_it(delivered: Config) -> None:
    file = Path(delivered.warehouse_address)
    file.touch()
    program = "import fcntl, sys; file = open(sys.argv[1], 'r+b'); fcntl.lockf(file, fcntl.LOCK_EX); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(LockedError, match=f"in use by process {holder.pid};"):
            sparkify.load(delivered)
        assert file.read_bytes() == b""
        holder.communicate(b"\n")
    assert sparkify.load(delivered).status == "loaded"


@settings(max_examples=40, deadline=None)
@given(content=st.binary(min_size=1, max_size=200))
def test_foreign_bytes_are_never_completed(content: bytes) -> None:
    file = Path("any")
    file.write_bytes(content)
    if content[8:12] != b"DUCK":
        with pytest.raises(EngineError, match="is not a DuckDB database"), open_warehouse(Config(warehouse="any")):
            pass
        assert file.read_bytes() == content


def run_limited(most: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process that can make no file longer than so many bytes."""
    code = f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most})); "
    code += "from sparkify.cli import main; main(sys.argv[1:])"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("most", [100, 8_192])
def test_disk_that_is_full_at_creation_leaves_no_file(delivered: Config, most: int) -> None:
    """A limit of the size of files stands for the disk."""
    ended = run_limited(most, "create", "--warehouse", delivered.warehouse_address)
    assert (ended.returncode, ended.stdout) == (4, "")
    assert ended.stderr.startswith("sparkify: cannot open the warehouse")
    assert not Path(delivered.warehouse_address).exists()
    assert sparkify.load(delivered).status == "loaded"


@pytest.mark.slow
def test_load_that_finds_no_space_says_so(delivered: Config) -> None:
    write_file(log_file(delivered, "more.json"), [play(userId=user, song=f"song {user}") for user in range(2_000)])
    options = ["--warehouse", delivered.warehouse_address, "--log-data", str(delivered.log_data)]
    ended = run_limited(200_000, "load", *options)
    assert (ended.returncode, ended.stdout) == (4, "")
    assert "sparkify: there is no space for a file: " in ended.stderr
    assert ended.stderr.endswith("; free some, and run the command again\n")
    assert sparkify.load(delivered).records["loaded"] == 2_001


@pytest.mark.slow
def test_file_that_cannot_be_completed_is_told(delivered: Config) -> None:
    """The changes are in the log, and a limit of the size of files keeps them from getting into the file."""
    write_file(log_file(delivered, "more.json"), [play(userId=user, song=f"song {user}") for user in range(2_000)])
    sparkify.create(delivered)
    size = Path(delivered.warehouse_address).stat().st_size
    options = ["--warehouse", delivered.warehouse_address, "--log-data", str(delivered.log_data)]
    ended = run_limited(size + 600_000, "load", *options)
    assert ended.returncode == 0
    assert f"keep {delivered.warehouse_address}.wal with the file" in ended.stderr
    assert sparkify.load(delivered).status == "nothing_to_do"
    assert not Path(f"{delivered.warehouse_address}.wal").exists()


# ---- locked, or not ----


def test_locked_is_what_the_engine_says(delivered: Config, tmp_path: Path) -> None:
    """Not what stands in a path."""
    place = tmp_path / "Conflicting lock is held in memory (PID 7)"
    place.mkdir()
    file = place / "lock.duckdb"
    file.mkdir()
    path = file / "w.duckdb"
    path.write_bytes(b"\0" * 8 + b"DUCK" + b"\0" * 20_000)
    with pytest.raises(EngineError) as refused:
        sparkify.status(structs.replace(delivered, warehouse=str(path), memory_limit="1GB"))
    assert type(refused.value) is EngineError
    assert "in use" not in str(refused.value)
    assert "memory limit" not in str(refused.value)


@pytest.mark.parametrize(
    ("reason", "kind", "words"),
    [
        ("Conflicting lock is held in /usr/bin/python (PID 12)", LockedError, "is in use by process 12;"),
        ("Conflicting lock is held in /usr/bin/python (PID 12) by user ann", LockedError, "is in use by process 12;"),
        ("Conflicting lock is held", LockedError, "is in use by another process;"),
        (
            "File locks are not supported for this file system, cannot open the file in read-write mode. Try opening "
            "the file in read-only mode",
            EngineError,
            "its file system, such as a network share, has no locks",
        ),
        ("No locks available", EngineError, "cannot be locked (No locks available)"),
    ],
)
def test_file_system_without_locks_is_no_other_process(
    tmp_path: Path, reason: str, kind: type[SparkifyError], words: str
) -> None:
    """As DuckDB 2.0 says it."""
    path = tmp_path / "w.duckdb"
    text = f'IO Error: Could not set lock on file "{path}": {reason}. See also https://duckdb.org/docs'
    error = opening_error(path, duckdb.IOException(text), Config())
    assert type(error) is kind
    assert words in str(error)
