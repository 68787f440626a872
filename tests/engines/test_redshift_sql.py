"""The SQL that Redshift gets: the statements on file are those that the stand-in receives now."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sparkify
from sparkify.errors import EngineError
from sparkify.settings import Config
from sparkify.sql import Value, create_sql, list_columns
from sparkify.star.tables import TABLES
from sparkify.warehouses import Warehouse, open_warehouse
from tests.engines.conftest import ROLE, redshift_config
from tests.engines.statements import FOLDER, record_files
from tests.redshift.server import Redshift
from tests.support import TIMES

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    # AWS's driver reads an earlier date in binary ten days too late.
    st.dates(min_value=dt.date(1612, 10, 14)),
    st.datetimes(),
    st.text(
        st.one_of(st.sampled_from("'\"\\$1-/*"), st.characters(exclude_characters="\0", codec="utf-8")), max_size=50
    ),
)


@pytest.fixture
def config(redshift: Redshift, tmp_path: Path) -> Config:
    return redshift_config(redshift, tmp_path)


@pytest.fixture
def asked(config: Config) -> Iterator[Warehouse]:
    with open_warehouse(config) as engine:
        yield engine


def test_statements_on_file_are_those_of_today(redshift: Redshift, tmp_path: Path) -> None:
    received = record_files(redshift, tmp_path)
    on_file = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert on_file == received, "run `make docs`, and review the difference"


def test_role_is_named_and_no_key() -> None:
    copies = re.findall(r"(?m)^COPY .*", "".join(path.read_text(encoding="utf-8") for path in FOLDER.iterdir()))
    assert len(copies) > 4
    assert all(f" IAM_ROLE '{ROLE}' " in copy for copy in copies)
    assert not any(word in copy for copy in copies for word in ("CREDENTIALS", "ACCESS_KEY"))


# ---- values ----


def test_values_are_bound_in_an_insert_only() -> None:
    """Redshift may refuse a bound value below a subquery, a CTE or a LIMIT."""
    statements = re.split(r";\n\n", "".join(path.read_text(encoding="utf-8") for path in FOLDER.iterdir()))
    bound = [sql for sql in statements if re.search(r"\$\d", sql)]
    assert bound
    assert [sql for sql in bound if not re.match(r"INSERT INTO \w+ \([^)]*\)\nVALUES \(", sql)] == []


@settings(deadline=None, max_examples=30 * TIMES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(VALUES, min_size=1, max_size=5))
def test_values_come_back_as_they_were_sent(asked: Warehouse, values: list[Value]) -> None:
    kinds = {str: "VARCHAR(4096)", int: "BIGINT", float: "DOUBLE PRECISION", dt.datetime: "TIMESTAMP", dt.date: "DATE"}
    chosen = ", ".join(
        f"cast(${place} AS {kinds.get(type(value), 'BOOLEAN')})" for place, value in enumerate(values, 1)
    )
    # Below a subquery, where nothing can be bound; what stands in quotes and comments is no parameter.
    sql = f"SELECT answered.* FROM (SELECT {chosen}, '$1' AS quoted /* $9 */) AS answered -- $9"
    assert asked.fetch(sql, values) == [(*values, "$1")]


def test_value_without_a_literal_is_told(config: Config) -> None:
    with open_warehouse(config) as engine, pytest.raises(EngineError, match=r"there is no literal for 'a\\x00b'"):
        engine.fetch("SELECT $1", ["a\0b"])


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
