"""Records that are judged for a warehouse on another machine: the same rows come as parts, however many pieces."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest

from sparkify.errors import EngineError, SourceError
from sparkify.settings import Config
from sparkify.sources.bundles import read_bundles
from sparkify.sources.listing import list_files
from sparkify.warehouses import Incoming, Sent, Target, Written
from sparkify.warehouses.remote import send, write_parts
from tests.support import log_file, new_warehouse, play, settle, song, song_file, write_file


@dataclass
class Folder:
    """A stage that is a folder. It notes how much of the disk the parts and the scratch took, part by part."""

    path: Path
    slices: int = 2
    scratch_files: list[set[str]] = field(default_factory=list)

    def put(self, name: str, content: Path) -> str:
        self.scratch_files.append({file.name for file in content.parent.iterdir()})
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(content, target)
        return str(target)


class Full:
    slices = 1

    def put(self, name: str, content: Path) -> str:
        raise SourceError(f"cannot write {name}: there is no room")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = new_warehouse(tmp_path)
    # Bundles have at most 8 MiB, and the first has one.
    records = [play(itemInSession=item, userAgent="x" * 900, song=f"Song {item % 7}") for item in range(3_000)]
    settle(write_file(log_file(config, "a.json"), [*records, "no JSON"]))
    settle(write_file(log_file(config, "b.json"), [*records[:5], "nor this"]))
    settle(write_file(song_file(config), [song(), "[]"]))
    return config


def incoming(config: Config) -> Iterator[Incoming]:
    first = 1
    for dataset, root in config.roots.items():
        files = list(enumerate(list_files(root), first))
        first += len(files)
        with closing(read_bundles(files, bundle_bytes=1 << 18)) as bundles:
            yield Incoming(dataset, {source_id: file.url for source_id, file in files}, bundles)


def rows_of(sent: Sent) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect() as connection:
        return {
            table: sorted(
                connection.execute("FROM read_parquet($1)", [[part.url for part in parts]]).fetchall(), key=str
            )
            for table, parts in sent.parts.items()
        }


def test_pieces_bring_the_rows_of_one(config: Config, tmp_path: Path) -> None:
    whole, pieces = Folder(tmp_path / "whole"), Folder(tmp_path / "pieces")
    at_once = send(config, 7, whole, incoming(config))
    one_by_one = send(config, 7, pieces, incoming(config), piece_bytes=1)
    assert rows_of(one_by_one) == rows_of(at_once)
    assert one_by_one.taken == at_once.taken
    assert {source_id: end.error for source_id, end in at_once.taken["events"].files.items()} == {1: None, 2: None}
    assert at_once.taken["events"].read == {1: 3_001, 2: 6}
    assert {table: sum(part.rows for part in parts) for table, parts in at_once.parts.items()} == {
        "staging_events": 3_005, "rejected_records": 3, "staging_songs": 1, "sparkify_staged_texts": 9,
    }  # fmt: skip
    assert all(Path(part.url).stat().st_size == part.size for part in one_by_one.parts["staging_events"])
    assert len(one_by_one.parts["staging_events"]) == 5
    # However many there are, no more than those of two pieces are on the disk, beside the scratch and its log.
    assert max(len(files - {"scratch.duckdb", "scratch.duckdb.wal"}) for files in pieces.scratch_files) <= 4


def test_store_that_refuses_ends_the_sending(config: Config) -> None:
    with pytest.raises(SourceError, match="there is no room"):
        send(config, 7, Full(), incoming(config), piece_bytes=1)


def test_parts_of_any_kind_become_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a moment, a text and a number, whichever types of Parquet an engine writes for them."""
    monkeypatch.setenv("TZ", "America/New_York")
    folder = tmp_path / "word=of a folder"
    folder.mkdir()
    at = "2018-11-01 00:00:00.123456"
    moments = [f"TIMESTAMP '{at}'", f"TIMESTAMPTZ '{at}+00'", "NULL::TIMESTAMP_NS"]
    words = ["'a\r\n\"''\\'", "''::BLOB", "NULL::VARCHAR"]
    parts = [folder / f"{place}.parquet" for place in range(3)]
    for part, moment, word in zip(parts, moments, words, strict=True):
        select = f"SELECT {moment} AS moment, {word} AS word, 0.1 AS number FROM range(3_000)"
        duckdb.sql(f"COPY ({select}) TO '{part}' (FORMAT parquet)")
    types = {"moment": "TIMESTAMP", "Word": "VARCHAR", "number": "DOUBLE"}
    target = Target(str(tmp_path / "all.parquet"), "parquet", tuple(types), {"description": "all"})
    assert write_parts(types, parts, target, Config()) == Written(9_000, types)
    rows = duckdb.sql(f"SELECT moment::VARCHAR, Word, number, count(*) FROM '{target.path}' GROUP BY ALL ORDER BY ALL")
    assert rows is not None
    assert rows.columns[1] == "Word"
    assert rows.fetchall() == [(at, "", 0.1, 3_000), (at, "a\r\n\"'\\", 0.1, 3_000), (None, None, 0.1, 3_000)]
    assert write_parts(types, [], target, Config()).rows == 0
    content = bytearray(parts[0].read_bytes())
    for damaged in (b"no Parquet", content[:4] + bytes(200) + content[204:]):
        parts[0].write_bytes(damaged)
        with pytest.raises(EngineError):
            write_parts(types, parts, target, Config())
