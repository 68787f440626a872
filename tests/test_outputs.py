"""Files that commands write beside the warehouse: what may be written, and that nothing else is touched."""

from __future__ import annotations

import io
import os
import socket
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sparkify
from sparkify.cli.load import _EVENT_LOG
from sparkify.cli.report import PAGE
from sparkify.cli.streams import Log
from sparkify.errors import UsageError
from sparkify.outputs import Kind, open_log, open_output, replace_file
from sparkify.settings import Config
from tests.engines.commands import run_here
from tests.support import fetch, log_file, new_warehouse, play, write_file

OWN = b'<!doctype html>\n<meta name="generator" content="sparkify 0.1.0">\n'
LINE = b'{"event": "started", "at": "2026-01-01T00:00:00Z", "load_id": 1}\n'


@pytest.fixture(scope="module")
def loaded_once(tmp_path_factory: pytest.TempPathFactory) -> Config:
    config = new_warehouse(tmp_path_factory.mktemp("loaded"))
    write_file(log_file(config), [play(), "no JSON"])
    sparkify.load(config)
    return config


def write(file: Path, config: Config, kind: Kind | None = PAGE, content: bytes = OWN) -> None:
    with open_output(file, config, kind) as stream:
        stream.write(content)


def append(file: Path, config: Config, content: bytes = LINE) -> None:
    with os.fdopen(open_log(file, config, _EVENT_LOG), "wb") as stream:
        stream.write(content)


def list_tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """The content and inode of every file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_ino) for path in files}


def list_names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# ---- what is kept ----

KEPT: dict[str, tuple[Callable[[Config], str], str]] = {
    "the warehouse": (lambda config: config.warehouse_address, "the warehouse"),
    "its log": (lambda config: f"{config.warehouse_address}.wal", "belongs to the warehouse"),
    "its later log": (lambda config: f"{config.warehouse_address}.wal.checkpoint", "belongs to the warehouse"),
    "its temporary folder": (lambda config: f"{config.warehouse_address}.tmp", "belongs to the warehouse"),
    "by other letters": (lambda config: f"{config.warehouse_address}.WAL", "belongs to the warehouse"),
    "a source": (lambda config: f"{config.log_data}/events.json", "below the root of the events"),
    "new below a root": (lambda config: f"{config.song_data}/new.html", "below the root of the songs"),
    "by two dots": (lambda config: f"{config.song_data}/../log_data/new.html", "below the root of the events"),
    "settings of the folder": (lambda config: "dwh.cfg", "a file of settings"),
    "settings that are given": (lambda config: "mine.cfg", "a file of settings"),
    "another one's log": (lambda config: "other.duckdb.wal", "belongs to"),
    "another one's later log": (lambda config: "other.duckdb.WAL.checkpoint", "belongs to"),
    "another database": (lambda config: "other.duckdb", "a DuckDB database"),
    "a text": (lambda config: "notes.txt", "not a"),
}


@pytest.fixture
def around(loaded_once: Config, tmp_path: Path) -> Config:
    """A warehouse, its sources, settings without content, another database and a text."""
    Path("mine.cfg").touch()
    config = new_warehouse(tmp_path, config_file="mine.cfg")
    write_file(log_file(config), [play()])
    for name in (config.warehouse_address, "other.duckdb"):
        Path(name).write_bytes(Path(loaded_once.warehouse_address).read_bytes())
    Path("notes.txt").write_text("mine")
    return config


def list_ways(target: Path) -> Iterator[Path]:
    """The file itself, and other ways to it."""
    yield target
    Path("to_folder").symlink_to(target.parent)
    yield Path("to_folder", target.name)
    if target.exists():
        Path("link").symlink_to(target)
        yield Path("link")
        Path("hard_link").hardlink_to(target)
        yield Path("hard_link")


@pytest.mark.parametrize("name", KEPT)
def test_nothing_but_its_own_is_written(around: Config, tmp_path: Path, name: str) -> None:
    find, words = KEPT[name]
    for file in list_ways(tmp_path / find(around)):
        before = list_tree(tmp_path)
        for attempt in (write, append):
            with pytest.raises(UsageError) as refused:
                attempt(file, around)
            # Of a hard link nothing says that it is a source too.
            assert words in str(refused.value) or (file.name, name) == ("hard_link", "a source")
        with pytest.raises(UsageError):
            write(file, around, None)
        assert list_tree(tmp_path) == before


def test_log_does_not_grow_below_another_name(around: Config, tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    (tmp_path / "second").hardlink_to(tmp_path / "log")
    with pytest.raises(UsageError, match="it has a second name, a hard link"):
        append(tmp_path / "log", around)


@pytest.mark.parametrize("kind", ["folder", "socket", "dangling", "loop", "missing folder", "long", "zero byte"])
def test_what_is_no_file_is_a_sentence(around: Config, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "file"
    if kind == "folder":
        file.mkdir()
    elif kind == "socket":
        # Its path must be short.
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("file")
    elif kind in ("dangling", "loop"):
        file.symlink_to("file" if kind == "loop" else "nothing")
    file = {"missing folder": tmp_path / "no" / "file", "long": tmp_path / ("a" * 300), "zero byte": Path("a\0b")}.get(
        kind, file
    )
    for attempt in (write, append):
        with pytest.raises(UsageError, match="cannot write "):
            attempt(file, around)
    assert not (tmp_path / "nothing").exists()


# ---- what is written ----


def test_new_file_follows_umask_and_an_own_one_keeps_its_mode(around: Config, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    before = os.umask(0o027)
    try:
        write(file, around)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    file.chmod(0o604)
    (tmp_path / "link.html").symlink_to("page.html")
    (tmp_path / "second.html").hardlink_to(file)
    write(tmp_path / "link.html", around, content=OWN + b"again")
    assert (tmp_path / "link.html").is_symlink()
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (OWN + b"again", 0o604)
    # Another name of the earlier file keeps what it had.
    assert (tmp_path / "second.html").read_bytes() == OWN


@pytest.mark.parametrize("content", [OWN, b"", None], ids=["own", "empty", "new"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
def test_nothing_is_left_of_what_fails(
    around: Config, tmp_path: Path, content: bytes | None, error: type[BaseException]
) -> None:
    file = tmp_path / "page.html"
    if content is not None:
        file.write_bytes(content)
    before = list_tree(tmp_path)

    def fail() -> None:
        with open_output(file, around, PAGE) as stream:
            stream.write(b"half")
            stream.flush()
            raise error

    with pytest.raises(UsageError if error is OSError else error):
        fail()
    assert list_tree(tmp_path) == before


def test_file_that_arrives_meanwhile_is_kept(around: Config, tmp_path: Path) -> None:
    file = tmp_path / "page.html"

    def be_late() -> None:
        with open_output(file, around, PAGE) as stream:
            stream.write(OWN)
            file.write_bytes(b"other")

    with pytest.raises(UsageError, match="File exists"):
        be_late()
    assert file.read_bytes() == b"other"
    assert not list(tmp_path.glob(".sparkify*"))


def test_names_that_can_be_guessed_are_not_used(around: Config, tmp_path: Path) -> None:
    (tmp_path / "page.html.unfinished").symlink_to("notes.txt")
    with open_output(tmp_path / "page.html", around, PAGE) as stream:
        (unfinished,) = tmp_path.glob(".sparkify-*")
        stream.write(OWN)
    assert len(unfinished.name) > 20
    assert not unfinished.exists()
    assert Path("notes.txt").read_text() == "mine"


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", OWN[:-40], LINE[:20], b"\n", b"\xef\xbb\xbf"]))
def test_foreign_bytes_are_never_changed(loaded_once: Config, data: bytes, beginning: bytes) -> None:
    """Of any content, only what begins as an own file, or is empty, is written."""
    file = Path(loaded_once.warehouse_address).parent / "any"
    content = beginning + data
    for attempt, kind in ((write, PAGE), (append, _EVENT_LOG)):
        file.write_bytes(content)
        try:
            attempt(file, loaded_once)
            assert not content or kind.beginning.match(content)
        except UsageError:
            assert file.read_bytes() == content


def test_engine_may_write_the_content(around: Config, tmp_path: Path) -> None:
    with open_output(tmp_path / "rows.csv", around) as stream:
        duckdb.sql(f"COPY (SELECT range FROM range(3)) TO '{stream.name}' (FORMAT csv, USE_TMP_FILE false)")
    assert (tmp_path / "rows.csv").read_bytes() == b"range\n0\n1\n2\n"
    assert not list(tmp_path.glob(".sparkify*"))


def test_log_is_appended_to_where_it_is_one(around: Config, tmp_path: Path) -> None:
    file = tmp_path / "load.log"
    file.touch()
    append(file, around)
    append(file, around)
    assert file.read_bytes() == LINE + LINE
    # A line that was cut does not run into the next.
    file.write_bytes(LINE + LINE[:30])
    append(file, around)
    assert file.read_bytes() == LINE + LINE[:30] + b"\n" + LINE


def test_pipe_without_a_reader_is_told_at_once(around: Config, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for attempt in (write, append):
        with pytest.raises(UsageError, match="nobody reads the pipe; start its reader first"):
            attempt(tmp_path / "pipe", around)


def test_pipe_and_device_get_the_bytes(around: Config, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write(tmp_path / "pipe", around)
    append(tmp_path / "pipe", around)
    assert os.read(reading, 1000) == OWN + LINE
    os.close(reading)
    write(Path("/dev/null"), around)
    assert not stat.S_ISREG(Path("/dev/null").stat().st_mode)
    with pytest.raises(UsageError, match="cannot write /dev/full: No space left on device"):
        write(Path("/dev/full"), around)


def test_cache_replaces_a_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("mine")
    (tmp_path / "kept").symlink_to("target")
    replace_file(tmp_path / "kept", b"new")
    assert ((tmp_path / "kept").read_bytes(), (tmp_path / "target").read_text()) == (b"new", "mine")
    assert not (tmp_path / "kept").is_symlink()
    with pytest.raises(OSError, match="File name too long"):
        replace_file(tmp_path / ("a" * 300), b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "target"]


# ---- the commands ----


def options(config: Config) -> list[str]:
    return ["--warehouse", config.warehouse_address, "--log-data", str(config.log_data)]


def test_every_command_refuses_alike(around: Config, tmp_path: Path) -> None:
    at = options(around)[:2]
    before = list_tree(tmp_path)
    for arguments in (
        ["report", *at, "-o", around.warehouse_address],
        ["rejects", *at, "--export", around.warehouse_address],
        ["status", *at, "--log-sql", around.warehouse_address],
        ["load", *options(around), "--log-json", around.warehouse_address],
        ["load", *options(around), "--log-json", log_file(around)],
        ["load", *options(around), "--log-json", log_file(around, "new.json")],
        ["load", *options(around), "--log-sql", "notes.txt"],
        ["report", *at, "-o", "notes.txt"],
        ["status", *at, "--config", "mine.cfg", "--log-sql", "mine.cfg"],
        ["export", *at, f"{around.warehouse_address}.wal"],
        ["export", *at, "other.duckdb.wal/deeper"],
        ["simulate", "other.duckdb.wal"],
        ["demo", "other.duckdb.WAL"],
        ["demo", "."],
        ["simulate", "."],
    ):
        if arguments[-1] == ".":
            for name in ("sparkify.duckdb", "truth.json"):
                Path(name).write_text("mine")
            before = list_tree(tmp_path)
        names = list_names(tmp_path)
        ran = run_here(*arguments)
        assert (ran.code, ran.out) == (2, ""), arguments
        assert list_names(tmp_path) == names, arguments
        assert ran.err.startswith("sparkify: "), arguments
        assert list_tree(tmp_path) == before, arguments


def test_log_that_cannot_be_written_does_not_undo_the_load(warehouse: Config) -> None:
    write_file(log_file(warehouse), [play()])
    for option in ("--log-json", "--log-sql"):
        ran = run_here("load", *options(warehouse), option, "/dev/full")
        assert ran.code == 0
        assert "the log /dev/full is incomplete: No space left on device; the command went on without it" in ran.err
        assert fetch(warehouse, "SELECT status FROM load_history") == [("loaded",)]


def test_log_needs_no_working_folder(around: Config, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    write(tmp_path / "page.html", around)
    append(tmp_path / "load.log", around)
    with pytest.raises(UsageError, match="No such file or directory"):
        append(Path("load.log"), around)


def test_two_logs_do_not_go_to_one_file(warehouse: Config) -> None:
    ran = run_here("load", *options(warehouse), "--log-sql", "log", "--log-json", "./log")
    assert (ran.code, ran.err) == (2, "sparkify: cannot write ./log: another log goes there; choose another file\n")
    assert not Path(warehouse.warehouse_address).exists()


def test_reader_that_takes_nothing_is_not_waited_for_without_end(around: Config) -> None:
    os.mkfifo("pipe")
    reading = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    with Log(open_log("pipe", around, _EVENT_LOG), patience=0.1) as log:
        taken = sum(log.write(b"x" * 1_000_000) for _ in range(10_000) if log.failure is None)
        # What is written later is dropped.
        assert log.write(LINE) == len(LINE)
        assert log.failure is not None
        assert log.failure.strerror == "its reader takes nothing"
    held = 0
    while part := os.read(reading, 1_000_000):
        held += len(part)
    os.close(reading)
    assert 0 < held <= taken


def test_reader_that_takes_its_time_gets_all(around: Config) -> None:
    os.mkfifo("pipe")
    reading = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reading, True)
    lines = LINE * 5_000
    with ThreadPoolExecutor() as pool, os.fdopen(reading, "rb") as reader:
        with Log(open_log("pipe", around, _EVENT_LOG)) as log, io.BufferedWriter(log) as stream:
            # Before a writer is there, reading would end at once.
            got = pool.submit(reader.read)
            stream.write(lines)
        assert got.result(timeout=60) == lines


def test_failure_is_in_the_ledger_before_the_caller_hears_of_it(warehouse: Config) -> None:
    """A receiver of events that fails, again and again, leaves no load that seems to run."""
    write_file(log_file(warehouse), [play()])

    def fail(event: dict[str, object]) -> None:
        if event["event"] != "started":
            raise RuntimeError(str(event["event"]))

    with pytest.raises(RuntimeError):
        sparkify.load(warehouse, on_event=fail)
    assert fetch(warehouse, "SELECT status FROM load_history") == [("failed",)]
