"""Rows of an answer as an Arrow stream, as other libraries take tables. DuckDB makes it, whatever the engine."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from sparkify.warehouses.base import Row
from sparkify.warehouses.files import quote_name

_LARGE = ("HUGEINT", "UHUGEINT")
_MOST = 2**63


def hold_rows(types: Mapping[str, str], rows: Sequence[Row]) -> duckdb.DuckDBPyConnection:
    """A database in memory whose table `answer` has these rows, with columns of these names and types."""
    kinds = [_kind_of(kind, [row[place] for row in rows]) for place, kind in enumerate(types.values())]
    columns = [f"{quote_name(name)} {kind}" for name, kind in zip(types, kinds, strict=True)]
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE answer ({', '.join(columns)})")
    if rows:
        values = ", ".join(f"unnest(cast(${place} AS {kind}[]))" for place, kind in enumerate(kinds, 1))
        connection.execute(f"INSERT INTO answer SELECT {values}", [list(column) for column in zip(*rows, strict=True)])
    return connection


def stream_rows(connection: duckdb.DuckDBPyConnection, requested_schema: object = None) -> object:
    """A capsule with the rows that are held, by the Arrow PyCapsule interface."""
    return connection.cursor().sql("FROM answer").__arrow_c_stream__(requested_schema)


def _kind_of(kind: str, values: Sequence[Any]) -> str:
    """The type of a column. Few libraries have whole numbers of 128 bits, and few sums need them."""
    if kind not in _LARGE:
        return kind
    return "BIGINT" if all(value is None or -_MOST <= value < _MOST for value in values) else "DOUBLE"
