"""Shared by several test modules: small source files, and the warehouse read in the form of the reference."""

import gzip
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

import sparkify
from sparkify.settings import Config, load_config
from sparkify.sources.file import read_state
from sparkify.sources.records import find_objects
from sparkify.sql import list_columns
from sparkify.star.tables import STAR, TABLES, TEXTS
from sparkify.warehouses import Warehouse, open_warehouse
from tests import reference
from tests.reference import Dataset, FileResult, Row

Star = dict[str, list[tuple[Any, ...]]]

# The public sample: a folder with log_data and song_data. Empty: no sample.
SAMPLE = Path(os.environ["SPARKIFY_TEST_DATA"]).resolve() if os.environ.get("SPARKIFY_TEST_DATA") else None
needs_sample = pytest.mark.skipif(SAMPLE is None, reason="SPARKIFY_TEST_DATA does not name the folder of the sample")

TS = 1_541_105_830_796  # 2018-11-01 20:57:10.796 UTC, a Thursday

# Multiplies the random cases, kills and races of `make test`; `make test-long` sets it.
TIMES = int(os.environ.get("SPARKIFY_TEST_TIMES", "1"))

# A text that would harm a terminal.
EVIL = 'ev\u0000il\x1b[2J\r\n\u202e"'

# ---- records and files ----


def event(**changes: Any) -> Row:
    """A logged-out event, which does not appear in the star, with some keys changed or added."""
    keys = {"page": "Home", "ts": TS, "sessionId": 1, "itemInSession": 0}
    # All keys are there, as in real logs: without one, a record goes the validator's full way.
    return dict.fromkeys(reference.EVENT_FIELDS) | keys | changes


def play(**changes: Any) -> Row:
    """A play that matches `song()`, with some keys changed or added."""
    keys = {"page": "NextSong", "userId": 1, "song": "Uprising", "artist": "Muse", "length": 218.5, "level": "free"}
    return event(**keys) | changes


def song(**changes: Any) -> Row:
    """A song record with some keys changed or added."""
    keys = {"song_id": "SO1", "title": "Uprising", "artist_id": "AR1", "artist_name": "Muse", "duration": 218.5}
    return dict.fromkeys(reference.SONG_FIELDS) | keys | {"year": 2009} | changes


def to_lines(records: Iterable[Row | str | bytes]) -> bytes:
    """Records as JSON lines; text and bytes are taken as lines."""
    lines = []
    for record in records:
        text = record if isinstance(record, str | bytes) else json.dumps(record, ensure_ascii=False)
        lines.append(text.encode() if isinstance(text, str) else text)
    return b"".join(line + b"\n" for line in lines)


def write_file(path: Path, records: Iterable[Row | str | bytes]) -> Path:
    """Write or replace a source file, compressed according to its name."""
    data = to_lines(records)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def truncated_gzip(records: Iterable[Row | str | bytes]) -> bytes:
    """A gzip file that ends after the last line: all its lines can be read, but it must fail."""
    # Without compression, the decompressor holds nothing back; the last 8 bytes are the checksum and the size.
    return gzip.compress(to_lines(records), compresslevel=0)[:-8]


def deliver(config: Config) -> Config:
    """Write sources with something of everything."""
    plays = [play(), play(userId=2, song="Starlight"), event(userId=3), play(song=None)]
    write_file(log_file(config), [*plays, "no JSON"])
    write_file(song_file(config), [song()])
    return config


# ---- what a command says ----


def strip_progress(err: str) -> str:
    """What a command wrote to stderr, without progress lines, which only a slow machine prints."""
    return re.sub(
        r"(?m)^([\w.() ]+: ([\d,]+/[\d,]+ (files|records|checks|steps)\b|[\d,]+ s$)|listing .*: [\d,]+ seen, ).*\n",
        "",
        err,
    )


# ---- warehouses ----


def new_warehouse(folder: Path, **settings: Any) -> Config:
    """The configuration of a warehouse that does not exist yet, with empty roots beside it."""
    log_data, song_data = folder / "log_data", folder / "song_data"
    for root in (log_data, song_data):
        root.mkdir(parents=True, exist_ok=True)
    given = {"warehouse": str(folder / "warehouse.duckdb"), "log_data": str(log_data), "song_data": str(song_data)}
    return load_config(**given | settings)


def copy_warehouse(config: Config, folder: Path) -> Config:
    """A copy of a DuckDB warehouse with its sources, in its own folder. It is faster than a load."""
    old = Path(config.warehouse_address).parent
    shutil.copytree(old, folder, dirs_exist_ok=True)
    copy = new_warehouse(folder)
    for table in ("load_files", "rejected_records"):
        execute(copy, f"UPDATE {table} SET url = replace(url, '{old}/', '{folder}/')")
    return copy


def new_sample_warehouse(folder: Path) -> Config:
    """The configuration of a warehouse that does not exist yet, with the public sample as its sources."""
    assert SAMPLE is not None
    return new_warehouse(folder, log_data=str(SAMPLE / "log_data"), song_data=str(SAMPLE / "song_data"))


def settle(path: Path) -> None:
    """Wait until the state of a file can be noted: until a further change would get another time."""
    for _ in range(1_000):
        if read_state(str(path)) is not None:
            return
        time.sleep(0.01)
    raise AssertionError(f"the clock of the file system of {path} is ahead")


def log_file(config: Config, name: str = "events.json") -> Path:
    """The path of a log file."""
    assert config.log_data is not None
    return Path(config.log_data, name)


def song_file(config: Config, name: str = "songs.json") -> Path:
    """The path of a song file."""
    assert config.song_data is not None
    return Path(config.song_data, name)


def write_ballast(config: Config, events: int = 200) -> None:
    """Write a file of events that do not appear in the star; with them loaded, every small load is a refresh."""
    write_file(log_file(config, "ballast.json"), [event(itemInSession=item) for item in range(events)])


def fetch(config: Config, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of one query."""
    with open_warehouse(config, read_only=True) as engine:
        return engine.fetch(sql, parameters)


def execute(config: Config, *statements: str) -> None:
    """Change the warehouse without the loader."""
    connection = duckdb.connect(config.warehouse_address)
    try:
        for statement in statements:
            connection.execute(statement)
    finally:
        connection.close()


def snapshot(config: Config) -> Star:
    """Every row of every table, sorted. It must not change if nothing was loaded.

    Rows in the history of loads that did not end are left out, and so are the states of local files: a file that is
    hashed again gets one, or another. Normalized texts are left out too: they stay when their records leave.
    """
    with open_warehouse(config, read_only=True) as engine:
        present = [table for table in TABLES if table in engine.list_tables() and table not in TEXTS]
        rows = {table: engine.fetch(f"SELECT * FROM {table}") for table in present if table != "load_history"}
        if "load_history" in present:
            rows["load_history"] = engine.fetch(
                "SELECT * FROM load_history WHERE status NOT IN ('running', 'interrupted', 'failed') OR files > 0"
            )
        if "load_files" in present and "stat" in (columns := list(list_columns("load_files"))):
            place = columns.index("stat")
            rows["load_files"] = [row[:place] + row[place + 1 :] for row in rows["load_files"]]
        return {table: sort_rows(rows[table]) for table in present}


# ---- the star, loaded and expected ----


def sort_rows(rows: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Rows as tuples, ordered as in `reference.build_star`: by all columns, None last, text by its UTF-8 bytes."""

    def key(row: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(
            (1,) if value is None else (0, value.encode() if isinstance(value, str) else value) for value in row
        )

    return sorted(map(tuple, rows), key=key)


def read_star(config: Config) -> Star:
    """The star of the warehouse in the form of `reference.build_star`."""
    with open_warehouse(config, read_only=True) as engine:
        return fetch_star(engine)


def fetch_star(engine: Warehouse) -> Star:
    """Like `read_star`, for an open warehouse."""
    return {table: sort_rows(engine.fetch(f"SELECT * FROM {table}")) for table in STAR}


def unpack(data: bytes) -> bytes:
    """The content of a file that may be compressed with gzip, whatever its name."""
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def read_sources(root: str | Path, dataset: Dataset) -> FileResult:
    """The reference's result for all files of a root, which may be compressed with gzip."""
    total = FileResult()
    for path in sorted(path for path in Path(root).rglob("*.json*") if path.is_file()):
        data = path.read_bytes()
        result = reference.read_file(dataset, unpack(data))
        total.rows += result.rows
        total.rejects += result.rejects
        total.read += result.read
    return total


def expected_star(config: Config) -> Star:
    """The star that the reference builds from the files that are at the roots now."""
    assert config.log_data is not None
    assert config.song_data is not None
    return reference.build_star(
        read_sources(config.log_data, "events").rows, read_sources(config.song_data, "songs").rows
    )


def failing_checks(config: Config) -> list[str]:
    """The `fail` checks that find rows, as table.name."""
    return [
        f"{result.check.table}.{result.check.name}"
        for result in sparkify.check(config)
        if result.check.severity == "fail" and not result.passed
    ]


def objects_of(line: bytes) -> list[bytes]:
    """The objects of a line that holds nothing but whole objects; none of another line."""
    places = find_objects(line)
    return [line[start:end] for start, end in zip(places[::2], places[1::2], strict=True)]


# ---- rights ----


@contextmanager
def of_mode(folder: Path, mode: int) -> Iterator[None]:
    """Afterwards it can be removed, whatever happened."""
    folder.chmod(mode)
    try:
        yield
    finally:
        folder.chmod(0o700)


@contextmanager
def folder_of_somebody() -> Iterator[Path]:
    """A folder for a user without special rights: root may read everything."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def as_somebody() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
