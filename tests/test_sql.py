"""The star's SQL with given and expected rows, one rule per folder.

`sql/<table>/<case>/` holds `given_events.jsonl` and `given_songs.jsonl` (source records; either may be absent) and
`expect.jsonl`: the rows of that table, in any order, with the columns of interest. The records of a case are written to
staging directly. The star is then computed by one rebuild, and by refreshes of the touched keys. One load of all
records of a table's cases shows that files and the loader give the same star.
"""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sparkify
from sparkify.settings import Config
from sparkify.sql import list_columns
from sparkify.star.changes import StarChange, refresh_star
from sparkify.star.tables import STAR, create_tables
from sparkify.warehouses import Warehouse, add_texts, open_warehouse
from tests import reference
from tests.reference import FIELDS, Dataset, Row
from tests.support import (
    TS,
    Star,
    event,
    expected_star,
    fetch_star,
    log_file,
    new_warehouse,
    read_star,
    song_file,
    sort_rows,
    to_lines,
    write_file,
)

FOLDER = Path(__file__).parent / "sql"
DATASETS: tuple[Dataset, ...] = ("events", "songs")
CASES = sorted(path.parent for path in FOLDER.glob("*/*/expect.jsonl"))


def read_lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def to_json(value: Any) -> Any:
    """A value as in expect.jsonl: times as text with milliseconds, because JSON has no type for them."""
    return value.isoformat(" ", "milliseconds") if isinstance(value, dt.datetime) else value


class Case:
    """One folder."""

    def __init__(self, folder: Path) -> None:
        self.table = folder.parent.name
        self.expected: list[dict[str, Any]] = [json.loads(line) for line in read_lines(folder / "expect.jsonl")]
        self.lines = {dataset: read_lines(folder / f"given_{dataset}.jsonl") for dataset in DATASETS}
        self.rows = {dataset: self._rows(dataset) for dataset in DATASETS}

    def _rows(self, dataset: Dataset) -> list[Row]:
        result = reference.read_file(dataset, "\n".join(self.lines[dataset]).encode())
        assert not result.rejects
        return result.rows

    def hold(self, star: Star) -> None:
        """The table has the expected rows, and the whole star is that of the reference."""
        columns = list(self.expected[0])
        assert all(list(row) == columns for row in self.expected)
        places = [list(list_columns(self.table)).index(name) for name in columns]
        rows = [[to_json(row[place]) for place in places] for row in star[self.table]]
        assert sort_rows(rows) == sort_rows([list(row.values()) for row in self.expected])
        assert star == reference.build_star(self.rows["events"], self.rows["songs"])


@pytest.fixture(params=CASES, ids=lambda path: "/".join(path.parts[-2:]))
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Tables without rows."""
    with open_warehouse(new_warehouse(tmp_path_factory.mktemp("cases"), threads=1)) as engine:
        create_tables(engine)
        yield engine


@pytest.fixture
def engine(opened: Warehouse) -> Iterator[Warehouse]:
    """In a transaction that is rolled back."""
    opened.execute("BEGIN TRANSACTION")
    yield opened
    opened.execute("ROLLBACK")


def stage(engine: Warehouse, dataset: Dataset, rows: list[Row], source_id: int) -> None:
    """All as records of one line: the star does not depend on which line a record came from."""
    columns = [*FIELDS[dataset], "line"]
    values = [(*(row[name] for name in columns[:-1]), 1, source_id) for row in rows]
    engine.insert_rows(f"staging_{dataset}", [*columns, "source_id"], values)
    add_texts(engine, dataset)


def test_rebuild(case: Case, engine: Warehouse) -> None:
    for source_id, dataset in enumerate(case.rows):
        stage(engine, dataset, case.rows[dataset], source_id)
    refresh_star(engine)
    case.hold(fetch_star(engine))


@pytest.mark.parametrize("order", [1, -1], ids=["events_first", "backwards"])
def test_two_refreshes(case: Case, engine: Warehouse, order: int) -> None:
    """In reverse order: songs first, and the last record of each file first."""
    for source_id, (dataset, rows) in enumerate(list(case.rows.items())[::order]):
        if rows:
            change = StarChange(engine)
            stage(engine, dataset, rows[::order], source_id)
            change.enter([source_id])
            change.refresh()
    case.hold(fetch_star(engine))


# Pieces of events: milliseconds after TS, user, level, gender.
_PIECES: list[list[tuple[int, int, str | None, str | None]]] = [
    [(0, 1, "free", None), (0, 2, "free", None), (0, 3, None, None), (0, 4, None, "F")],
    [(2, 2, "paid", None)],
    [(4, 1, "paid", None), (6, 1, "free", None)],
    [(5, 3, None, None), (7, 4, None, None)],
    [(9, 1, "paid", None)],
]


def test_refreshes_read_what_is_since_their_first_change(engine: Warehouse) -> None:
    """Earlier spans and attributes stay: also where an earlier event leaves, and where a user's last event does."""
    staged: dict[int, list[Row]] = {}
    for coming, leaving in [([0], []), ([1], []), ([2], []), ([3], []), ([4], [1]), ([], [3])]:
        change = StarChange(engine)
        for source_id in coming:
            lines = [
                event(ts=TS + after, userId=user, level=level, gender=gender)
                for after, user, level, gender in _PIECES[source_id]
            ]
            staged[source_id] = reference.read_file("events", to_lines(lines)).rows
            stage(engine, "events", staged[source_id], source_id)
        change.leave(leaving)
        change.enter(coming)
        change.refresh()
        for source_id in leaving:
            del staged[source_id]
        assert fetch_star(engine) == reference.build_star([row for rows in staged.values() for row in rows], [])


@pytest.mark.slow
@pytest.mark.parametrize("table", STAR)
def test_all_cases_of_a_table_through_the_loader(ballasted: Config, table: str) -> None:
    """The events first, then the catalogue."""
    cases = [Case(folder) for folder in CASES if folder.parent.name == table]
    for dataset, place in zip(DATASETS, (log_file, song_file), strict=True):
        lines = [line for case in cases for line in case.lines[dataset]]
        write_file(place(ballasted), lines)
        assert sparkify.load(ballasted).mode == "refresh"
    assert read_star(ballasted) == expected_star(ballasted)


def test_every_table_of_the_star_has_cases() -> None:
    assert {path.parent.name for path in CASES} == set(STAR)
    # A case with a misspelt expect.jsonl would silently be skipped.
    assert set(CASES) == {path for path in FOLDER.glob("*/*") if path.is_dir()}
