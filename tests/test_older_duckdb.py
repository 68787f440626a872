"""An older DuckDB opens a new warehouse, reads every table and view, and gives the same answers."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sparkify
from sparkify.questions.answers import answer_all
from sparkify.settings import Config
from sparkify.simulator import SimulateOptions
from sparkify.star.tables import TABLES, VIEWS
from tests.support import new_warehouse

OLDER = Path(__file__).parents[1] / ".venv-older" / "bin" / "python"
# Reads queries by name, one JSON object, and writes the version of DuckDB and the rows of each.
CLIENT = """
import duckdb, json, sys
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    rows = {name: connection.execute(sql).fetchall() for name, sql in json.load(sys.stdin).items()}
json.dump([duckdb.__version__, rows], sys.stdout, default=str)
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A warehouse of the default format, with rows in every table and view."""
    folder = tmp_path_factory.mktemp("older")
    data = sparkify.simulate(folder / "data", SimulateOptions(events=5_000, users=50, songs=200, dirty=0.01))
    config = new_warehouse(folder, log_data=str(data.log_data), song_data=str(data.song_data))
    sparkify.load(config)
    return config


def ask(python: Path | str, warehouse: str, queries: dict[str, str]) -> tuple[str, dict[str, list[Any]]]:
    """The answers of the DuckDB of another Python: its version, and the rows of each query."""
    command = [str(python), "-c", CLIENT, warehouse]
    ran = subprocess.run(command, input=json.dumps(queries), capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    version, rows = json.loads(ran.stdout)
    return version, rows


def approximately(rows: list[list[Any]]) -> list[list[Any]]:
    return [[pytest.approx(value) if isinstance(value, float) else value for value in row] for row in rows]


@pytest.mark.slow
def test_older_duckdb_reads_everything_and_answers_alike(loaded: Config) -> None:
    assert OLDER.exists(), "there is no environment with an older DuckDB; run make older"
    queries = {name: f"SELECT * FROM {name} ORDER BY ALL" for name in (*TABLES, *VIEWS)}
    queries["comments"] = "SELECT table_name, comment FROM duckdb_tables() WHERE comment <> '' ORDER BY ALL"
    version, older = ask(OLDER, loaded.warehouse_address, queries)
    assert version == "1.4.4"
    assert older == ask(sys.executable, loaded.warehouse_address, queries)[1]
    assert all(older.values())

    answers = {answer.question.name: answer for answer in answer_all(loaded).answers}
    _, older = ask(OLDER, loaded.warehouse_address, {name: answer.sql for name, answer in answers.items()})
    for name, answer in answers.items():
        # The versions add floating-point numbers in another order.
        assert older[name] == approximately(json.loads(json.dumps(answer.rows, default=str))), name
