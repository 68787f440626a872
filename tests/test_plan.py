"""What a plan says of listings and a ledger, held against the rule in plain Python, and what it fetches for that."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import sparkify
from sparkify.datasets import DATASETS, Dataset
from sparkify.loads import ledger
from sparkify.loads.chosen import ChosenFiles
from sparkify.loads.differences import Comparison, compare
from sparkify.loads.ledger import FileCount, FileEntry, known_files_sql
from sparkify.settings import Config
from sparkify.sources.file import SourceFile
from sparkify.star.tables import create_tables
from sparkify.star.version import LAYOUT
from sparkify.warehouses import Warehouse, open_warehouse
from tests.support import fetch, log_file, new_warehouse, play, settle, write_file

MOMENT = dt.datetime(2018, 11, 1)
RULES = "rules of today"
ROOTS: dict[Dataset, str] = {"events": "/data/logs", "songs": "/data/songs.json"}
# Below a root, the root itself, only nearly below one, and elsewhere.
PLACES = [
    "/data/logs/a.json", "/data/logs/b/a.json", "/data/logs/ż.json", "/data/songs.json", "/data/logs2/a.json",
    "/other/b.json", "/other/a.json", "s3://bucket/a.json",
]  # fmt: skip


class Known(NamedTuple):
    """A loaded file."""

    dataset: Dataset
    url: str
    size: int
    fingerprint: str
    stat: str | None
    rules: str | None


sizes = st.sampled_from([0, 1, 2**40])
stats = st.sampled_from([None, "1 2 3", "1 2 4"])
etags = st.sampled_from([None, "etag", "other"])
known_files = st.lists(
    st.builds(
        Known,
        st.sampled_from(DATASETS), st.sampled_from(PLACES), sizes, st.sampled_from(["etag", "other", "sha256:00"]),
        stats, st.sampled_from([None, RULES, "older rules"]),
    ),
    unique_by=lambda file: (file.dataset, file.url), max_size=12,
)  # fmt: skip
listings = st.fixed_dictionaries({
    dataset: st.lists(
        st.builds(SourceFile, st.sampled_from(PLACES), sizes, etags, st.just(MOMENT), st.none(), stats),
        unique_by=lambda file: file.url, max_size=8,
    )
    for dataset in DATASETS
})  # fmt: skip


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with open_warehouse(new_warehouse(tmp_path_factory.mktemp("plans"), threads=1)) as engine:
        create_tables(engine)
        yield engine


@contextmanager
def rolled_back(engine: Warehouse) -> Iterator[None]:
    engine.execute("BEGIN TRANSACTION")
    try:
        yield
    finally:
        engine.execute("ROLLBACK")


# Each way in which a listed file of the loaded one's size can stand to it.
SAME_SIZE: list[tuple[str, str | None, str | None, str | None, str | None]] = [
    # the loaded file's fingerprint, state and rules; the listed file's etag and state
    ("sha256:00", "1 2 3", RULES, None, "1 2 3"), ("sha256:00", "1 2 3", RULES, None, "1 2 4"),
    ("sha256:00", "1 2 3", RULES, None, None), ("sha256:00", None, RULES, None, "1 2 3"),
    ("sha256:00", "1 2 3", "older rules", None, "1 2 3"), ("sha256:00", "1 2 3", None, None, "1 2 3"),
    ("etag", None, RULES, "etag", None), ("etag", None, RULES, "other", None),
]  # fmt: skip
KNOWN = [
    Known("events", f"/data/logs/{n}", 1, fingerprint, stat, rules)
    for n, (fingerprint, stat, rules, _, _) in enumerate(SAME_SIZE)
]
LISTED = [
    SourceFile(f"/data/logs/{n}", 1, etag, MOMENT, None, stat) for n, (*_, etag, stat) in enumerate(SAME_SIZE)
]  # fmt: skip


def is_below(file: Known) -> bool:
    return file.url == ROOTS[file.dataset] or file.url.startswith(ROOTS[file.dataset] + "/")


def kind_of(file: SourceFile, before: Known | None, verify: bool) -> str:
    if before is None:
        return "new"
    if file.size != before.size:
        return "other_size"
    if file.etag is not None:
        return "same" if file.etag == before.fingerprint else "other_content"
    return "unsure" if verify or file.state is None or file.state != before.stat else "same"


def hold(said: Comparison, files: list[Known], found: dict[Dataset, list[SourceFile]], verify: bool) -> None:
    """The comparison says what the rule says."""
    loaded = {(file.dataset, file.url): file for file in files}
    is_outdated = {key: file.rules not in (None, RULES) for key, file in loaded.items()}
    listed = {(dataset, file.url): file for dataset, several in found.items() for file in several}
    new = {key: file for key, file in listed.items() if key not in loaded}
    for dataset, several in found.items():
        kinds = [(file, kind_of(file, loaded.get((dataset, file.url)), verify)) for file in several]
        assert [(one.file, one.kind) for one in said.list_different(dataset, verify)] == [
            (file, kind) for file, kind in kinds if kind != "same" or is_outdated[dataset, file.url]
        ]
        for one in said.list_different(dataset, verify):
            before = loaded.get((dataset, one.file.url))
            assert (one.loaded and one.loaded[2:6]) == (before and (dataset, *before[1:2], before[3], before[2]))
            assert one.loaded is None or one.loaded.is_outdated == is_outdated[dataset, one.file.url]
    absent = [file for key, file in loaded.items() if key not in listed]
    assert said.list_vanished() == [
        (file.dataset, file.url, file.size, is_outdated[file.dataset, file.url]) for file in absent if is_below(file)
    ]
    new_sizes = {(dataset, file.size) for (dataset, _), file in new.items()}
    assert [(file.dataset, file.url) for file in said.list_candidates()] == [
        (file.dataset, file.url) for file in absent if (file.dataset, file.size) in new_sizes
    ]
    names = {url.rpartition("/")[2] for _, url in new}
    assert said.list_namesakes() == [
        (file.dataset, file.url, 1)
        for file in absent
        if not is_below(file) and not file.url.startswith("s3://") and file.url.rpartition("/")[2] in names
    ]


@settings(max_examples=60, deadline=None)
@given(known_files, listings, st.booleans())
@example(KNOWN, {"events": LISTED}, False)
@example(KNOWN, {"events": LISTED}, True)
def test_comparison_is_the_rule(
    opened: Warehouse, files: list[Known], found: dict[Dataset, list[SourceFile]], verify: bool
) -> None:
    with rolled_back(opened):
        for source_id, file in enumerate(files, 1):
            listed = SourceFile(file.url, file.size, None, MOMENT)
            entry = FileEntry(
                source_id, file.dataset, listed, file.fingerprint, file.size, FileCount(), "loaded", stat=file.stat
            )
            ledger.record_files(opened, 1, [entry], file.rules)
        with compare(opened, known_files_sql(LAYOUT, RULES), found, ROOTS) as said:
            assert (said is None) == (not files)
            if said is not None:
                hold(said, files, found, verify)


def read_rows(caplog: pytest.LogCaptureFixture) -> dict[str, int]:
    """The rows that each SELECT has returned."""
    statements = [record for record in caplog.records if hasattr(record, "statement") or hasattr(record, "rows")]
    return {
        before.statement: after.rows  # type: ignore[attr-defined]
        for before, after in pairwise(statements)
        if getattr(before, "statement", "").startswith("SELECT") and getattr(after, "rows", None) is not None
    }


def test_no_unchanged_file_is_fetched(warehouse: Config, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(60):
        write_file(log_file(warehouse, f"{number:02}.json"), [play(itemInSession=number)])
    settle(log_file(warehouse, "59.json"))
    sparkify.load(warehouse)
    caplog.set_level(logging.DEBUG, "sparkify")
    assert sparkify.load(warehouse).files["unchanged"] == 60
    assert max(read_rows(caplog).values()) < 40
    caplog.clear()
    write_file(log_file(warehouse, "60.json"), [play(itemInSession=60)])
    log_file(warehouse, "00.json").unlink()
    planned = sparkify.plan(warehouse)
    assert max(read_rows(caplog).values()) < 40
    assert [(file.state, file.url[-7:]) for file in planned] == [
        *(("unchanged", f"{number:02}.json") for number in range(1, 60)), ("new", "60.json"), ("vanished", "00.json"),
    ]  # fmt: skip
    assert (len(planned), planned[0], planned[-2:]) == (61, next(iter(planned)), [*planned][-2:])


@pytest.mark.parametrize(("change", "is_the_same"), [
    ("UPDATE load_files SET stat = '1 2 3'", True),
    ("UPDATE load_files SET status = 'undone' WHERE source_id = 2", False),
    ("UPDATE load_files SET loaded = 0, rejected = 1 WHERE source_id = 1", False),
    ("UPDATE load_files SET url = '/elsewhere' WHERE source_id = 1", False),
    # Two files have changed places.
    ("UPDATE load_files SET url = CASE url WHEN '/1' THEN '/2' WHEN '/2' THEN '/1' ELSE url END", False),
    ("UPDATE load_files SET source_id = 3 WHERE source_id = 2", False),
    ("UPDATE load_files SET status = 'loaded'", False),
    # A load of which every file failed has taken source ids.
    ("UPDATE load_files SET source_id = 5 WHERE source_id = 4", False),
])  # fmt: skip
def test_another_change_of_the_ledger_is_seen(opened: Warehouse, change: str, is_the_same: bool) -> None:
    with rolled_back(opened):
        for source_id, status in ((1, "loaded"), (2, "loaded"), (4, "failed")):
            listed = SourceFile(f"/{source_id}", 1, None, MOMENT)
            entry = FileEntry(source_id, "events", listed, "sha256:00", 1, FileCount(1, 1), status)  # type: ignore[arg-type]
            ledger.record_files(opened, 1, [entry])
        state = ledger.read_state(opened)
        assert (state.next_source_id, state.files) == (5, 2)
        opened.execute(change)
        assert (ledger.read_state(opened) == state) == is_the_same


def test_chosen_files_are_pairs_and_urls() -> None:
    files = [SourceFile(f"/{number}", 1, None, MOMENT) for number in range(3)]
    chosen = ChosenFiles(7, files)
    pairs = list(zip((7, 8, 9), files, strict=True))
    assert (list(chosen), chosen[1], chosen[-1], chosen[1:]) == (pairs, pairs[1], pairs[2], pairs[1:])
    assert dict(chosen.urls) == {7: "/0", 8: "/1", 9: "/2"}
    for source_id in (6, 10):
        with pytest.raises(KeyError):
            chosen.urls[source_id]


def test_each_file_has_its_own_counts(warehouse: Config) -> None:
    contents: list[list[dict[str, Any] | str]] = [
        [],
        [play()],
        [],
        ["no JSON", play(itemInSession=1)],
        [play(song=None)],
        [],
    ]
    for number, records in enumerate(contents):
        write_file(log_file(warehouse, f"{number}.json"), records)
    sparkify.load(warehouse)
    counts = fetch(warehouse, "SELECT read, loaded, rejected FROM load_files ORDER BY source_id")
    assert counts == [(0, 0, 0), (1, 1, 0), (0, 0, 0), (2, 1, 1), (1, 0, 1), (0, 0, 0)]
