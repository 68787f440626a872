"""sparkify export: what stands in the files is what stands in the warehouse, with types, and by month."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

import sparkify
from sparkify.exports.export import TABLES
from sparkify.settings import Config
from sparkify.sql import read_table
from tests.engines.conftest import Factory
from tests.support import TS, event, fetch, log_file, play, song, song_file, write_file

DAY = 86_400_000
TYPES = {"CHAR": "VARCHAR", "DOUBLE PRECISION": "DOUBLE"}
# What the views compute has these types on every engine.
TYPES_OF_VIEWS = {
    "events": {"happened_at": "TIMESTAMP", "day": "DATE", "week": "DATE", "hour": "INTEGER", "ts": "BIGINT"},
    "sessions": {"started_at": "TIMESTAMP", "events": "BIGINT", "plays": "BIGINT", "level": "VARCHAR"},
    "plays": {"day": "DATE", "week": "DATE", "weekday": "INTEGER", "song_duration": "DOUBLE"},
    "days": {"day": "DATE"},
}


def hostile_plays(count: int) -> list[dict[str, Any]]:
    """Plays of one month, with texts, times and numbers that are hard to write."""
    texts = [
        'a,"b"\r\n',
        "Żółw \x01",
        "=1+1",
        "\\N",
        "NULL",
        "",
        " ",
        "'",
        "''",
        "\r",
        "\n",
        "$$",
        "\\",
        "😀 \u2028",
        None,
    ]
    lengths = [218.5, 0.1, 1e-7, 123456.78901, 0.30000000000000004]
    return [
        play(
            ts=TS + number % 1_000, itemInSession=number, artist=texts[number % len(texts)] or "Muse",
            location=texts[number % 13], userAgent=texts[number % 11], length=lengths[number % len(lengths)],
        )
        for number in range(count)
    ]  # fmt: skip


def fill(config: Config) -> None:
    """Three months, with texts that are hard to write, a reject, and a key that is no column."""
    plays = [
        play(ts=TS + 20 * DAY * number, userId=number % 3, itemInSession=number, firstName="Ada", artist=artist)
        for number, artist in enumerate(['a,"b"\r\n', "Żółw \x01", "=1+1", "Muse", "\\N"])
    ]
    write_file(log_file(config), [*plays, event(itemInSession=9, email="ada@example.org"), '{"firstName": "Ada"}'])
    write_file(song_file(config), [song()])
    sparkify.load(config)


def read(folder: Path, file: str) -> list[tuple[Any, ...]]:
    """The rows of a file, with the types that it has."""
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT * FROM '{folder / file}' ORDER BY ALL").fetchall()


def manifest_of(folder: Path) -> dict[str, dict[str, Any]]:
    content = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert content["status"] == "complete"
    return {table["name"]: table for table in content["tables"]}


@pytest.mark.parametrize("with_people", [False, True])
def test_files_hold_what_the_warehouse_holds(config: Config, tmp_path: Path, with_people: bool) -> None:
    fill(config)
    folder = tmp_path / "new" / "out"
    result = sparkify.export(config, folder, sparkify.ExportOptions(with_people=with_people))
    tables = manifest_of(folder)
    assert list(tables) == list(TABLES) == list(result.tables)
    for name, table in tables.items():
        columns = [column["name"] for column in table["columns"]]
        people = read_table(name).list_people()
        assert columns == [one.name for one in read_table(name).columns if with_people or one.name not in people]
        assert table.get("left_out", []) == ([] if with_people else people)
        expected = fetch(config, f"SELECT {', '.join(map(json.dumps, columns))} FROM {name}")
        files = [entry["file"] for entry in table["files"]]
        assert sorted(map(repr, (row for file in files for row in read(folder, file)))) == sorted(map(repr, expected))
        assert (table["rows"], result.tables[name]) == (len(expected), len(expected))
    written = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    entries = [entry for table in tables.values() for entry in table["files"]]
    assert {entry["file"] for entry in entries} == written.keys() - {"manifest.json"}
    for entry in entries:
        content = written[entry["file"]].read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert [file["file"] for file in tables["songplays"]["files"]] == [
        f"songplays/2018-{month}.parquet" for month in (11, 12)
    ] + ["songplays/2019-01.parquet"]
    everything = b"".join(path.read_bytes() for path in written.values())
    assert (b"ada@example.org" in everything) is with_people


def test_types_are_the_same_on_every_engine(config: Config, tmp_path: Path) -> None:
    fill(config)
    sparkify.export(config, tmp_path / "out")
    for name, table in manifest_of(tmp_path / "out").items():
        types = {column["name"]: column["type"] for column in table["columns"]}
        for column in read_table(name).columns:
            kind = column.type.partition("(")[0]
            expected = TYPES.get(kind, kind) or TYPES_OF_VIEWS[name].get(column.name)
            if expected and column.name in types:
                assert types[column.name] == expected, (name, column.name)
        with duckdb.connect() as connection:
            file = tmp_path / "out" / table["files"][0]["file"]
            described = connection.execute(f"DESCRIBE SELECT * FROM '{file}'").fetchall()
            assert {column: kind for column, kind, *_ in described} == types
            notes = connection.execute(f"SELECT decode(key), decode(value) FROM parquet_kv_metadata('{file}')")
            found = dict(notes.fetchall())
        assert found["description"] == read_table(name).describe() == table["description"]
        assert json.loads(found["columns"]) == {one.name: one.meaning for one in read_table(name).columns}


def test_days_choose_rows(config: Config, tmp_path: Path) -> None:
    fill(config)
    cut = sparkify.Cut(dt.date(2018, 11, 1), dt.date(2018, 11, 21))
    sparkify.export(config, tmp_path / "out", sparkify.ExportOptions("csv", cut=cut))
    rows = {name: table["rows"] for name, table in manifest_of(tmp_path / "out").items()}
    assert {name: rows[name] for name in ("songplays", "plays", "time", "events", "sessions", "days", "users")} == {
        "songplays": 2, "plays": 2, "time": 2, "events": 3, "sessions": 2, "days": 21, "users": 3,
    }  # fmt: skip
    assert rows["staging_events"] == 3
    table = manifest_of(tmp_path / "out")["songplays"]
    assert (table["from"], table["to"], table["last_load"]) == ("2018-11-01", "2018-11-21", 1)
    assert [entry["file"] for entry in table["files"]] == ["songplays/2018-11.csv"]
    assert "from" not in manifest_of(tmp_path / "out")["users"]
    none = sparkify.ExportOptions(tables=("songplays",), cut=sparkify.Cut(last_day=dt.date(2018, 1, 1)))
    sparkify.export(config, tmp_path / "none", none)
    assert read(tmp_path / "none", "songplays/none.parquet") == []


def test_many_rows_come_whole(make_warehouse: Factory, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """More rows than are fetched at a time: from Redshift they come through the stage."""
    config = make_warehouse()
    write_file(log_file(config), hostile_plays(8_001))
    sparkify.load(config)
    sparkify.export(config, tmp_path / "out", sparkify.ExportOptions(tables=("songplays", "time")))
    # A cluster whose role may not write to the stage has another way.
    assert "through the stage" not in caplog.text
    rows = read(tmp_path / "out", "songplays/2018-11.parquet")
    assert sorted(map(repr, rows)) == sorted(map(repr, fetch(config, "SELECT * FROM songplays")))
    assert len(rows) == manifest_of(tmp_path / "out")["songplays"]["rows"] == 8_001
