"""The SQL that Redshift gets: the statements on file are those that the stand-in receives now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sparkify
from sparkify.settings import Config
from sparkify.sql import create_sql, list_columns
from sparkify.star.tables import TABLES
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


# ---- the tables ----


def test_tables_as_redshift_made_them(redshift: Redshift, config: Config) -> None:
    """Names in order, as the server lists them; it folds them to lower case."""
    sparkify.create(config)
    with redshift.connect_postgres(config.warehouse_address.rpartition("/")[2]) as connection:
        made = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
            "ORDER BY table_name, ordinal_position"
        ).fetchall()
    expected = [(table, name.lower()) for table in sorted(TABLES) for name in list_columns(table)]
    assert [column for column in made if column[0] in TABLES] == expected


@pytest.mark.parametrize("table", TABLES)
def test_no_trap_in_the_types(table: str) -> None:
    text = create_sql(table, "redshift")
    assert not re.search(r"\b(DECIMAL|NUMERIC|TEXT|REAL|FLOAT|IDENTITY)\b", text)
    assert all(re.fullmatch(r"VARCHAR\(\d+\)|CHAR\(32\)", kind) for kind in re.findall(r"V?A?R?CHAR\b\(?\d*\)?", text))
    # If one column has an encoding, Redshift does not choose the others.
    assert text.count(" ENCODE ") == len(list_columns(table))
    assert "SORTKEY" in text
    assert "DISTSTYLE" in text
