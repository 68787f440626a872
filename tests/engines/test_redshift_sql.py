"""The SQL that Redshift gets: the statements on file are those that the stand-in receives today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sparkify import model, pipeline
from sparkify.settings import Config
from sparkify.sql import create_sql
from tests.engines.conftest import ROLE, redshift_config
from tests.engines.statements import FOLDER, record_files
from tests.redshift.server import Redshift


@pytest.fixture
def config(redshift: Redshift, tmp_path: Path) -> Config:
    return redshift_config(redshift, tmp_path)


def test_statements_on_file_are_those_of_today(redshift: Redshift, tmp_path: Path) -> None:
    received = record_files(redshift, tmp_path)
    on_file = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert on_file == received, "run `make docs`, and review the difference"


def test_role_is_named_and_no_key() -> None:
    copies = re.findall(r"(?m)^COPY .*", "".join(path.read_text(encoding="utf-8") for path in FOLDER.iterdir()))
    assert len(copies) > 4
    assert all(f" IAM_ROLE '{ROLE}' " in copy for copy in copies)
    assert not any(word in copy for copy in copies for word in ("CREDENTIALS", "ACCESS_KEY"))


# ---- the tables of both engines ----

_TYPES = r"DOUBLE PRECISION|VARCHAR\(\d+\)|CHAR\(\d+\)|[A-Z]+"


def columns_of(table: str, dialect: str) -> list[tuple[str, str, bool]]:
    found = re.findall(rf'(?m)^    "?(\w+)"? ({_TYPES})( NOT NULL)?', create_sql(table, dialect))
    return [(name, kind, bool(needed)) for name, kind, needed in found if kind not in ("KEY",)]


@pytest.mark.parametrize("table", model.TABLES)
def test_tables_of_both_engines_are_alike(table: str) -> None:
    ours = columns_of(table, "duckdb")
    assert [column for column in columns_of(table, "redshift") if column[0] not in ("PRIMARY", "FOREIGN")] == ours
    assert len(ours) > 4


@pytest.mark.parametrize("table", model.TABLES)
def test_table_as_redshift_made_it(redshift: Redshift, config: Config, table: str) -> None:
    """Names, order, types and lengths, as the server tells them."""
    pipeline.create(config)
    with redshift.connect_postgres(config.warehouse_address.rpartition("/")[2]) as connection:
        made = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND table_schema = 'public' "
            "ORDER BY ordinal_position",
            [table],
        ).fetchall()
    assert [str(name) for (name,) in made] == [name.lower() for name, _, _ in columns_of(table, "duckdb")]


@pytest.mark.parametrize("table", model.TABLES)
def test_no_trap_in_the_types(table: str) -> None:
    text = create_sql(table, "redshift")
    assert not re.search(r"\b(DECIMAL|NUMERIC|TEXT|REAL|FLOAT|IDENTITY)\b", text)
    assert all(re.fullmatch(r"VARCHAR\(\d+\)|CHAR\(32\)", kind) for kind in re.findall(r"V?A?R?CHAR\b\(?\d*\)?", text))
    # Once one column's encoding is named, the others' are no longer chosen.
    assert text.count(" ENCODE ") == len(columns_of(table, "duckdb"))
    assert "SORTKEY" in text
    assert "DISTSTYLE" in text
