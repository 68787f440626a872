"""The validator: judges the lines of bundles, and appends the valid ones to a staging table."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import duckdb

from sparkify.datasets import Dataset
from sparkify.sources.bundles import Bundle
from sparkify.validation import full, quick
from sparkify.validation.columns import HAS_TEXT, column_names


class Judged(NamedTuple):
    """The result of judging lines. `read` counts the records of each file, before they are judged.

    `unknown_keys` are keys that are not fields. `has_irregular` says whether some line was not regular, and so went the
    full way.
    """

    read: dict[int, int]
    unknown_keys: set[str]
    has_irregular: bool


def append_rows(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    bundles: Iterable[Bundle],
    table: str,
    *,
    expect_regular: bool = True,
) -> Judged:
    """Append the valid records of bundles to a table with the staging columns.

    Bundles are taken while earlier ones are being processed, maybe in another thread, and all are held until the end.
    Lines that went the full way are in the temporary table `judged` afterwards. Its rejects are the rows with a
    `reason`: source_id, line, reason and `raw`, the line's text. The caller's transaction stays open. An error while
    taking a bundle is raised.

    `expect_regular` affects only speed: trying the quick way with every line is cheap if nearly all are regular, and
    expensive otherwise. `has_irregular` of the last bundles is a good guess.
    """
    # Only a load needs it, and every command imports this module.
    from sparkify.validation.arrow import LineStream, Table, registered

    appended = 0
    if expect_regular:
        stream = LineStream(bundles)
        with registered(connection, "bundle", stream):
            appended = _count(connection, quick.append_sql(dataset, table, "bundle"))
            bundles = stream.taken
    with registered(connection, "bundle", Table.of_lines(bundles)):
        if not expect_regular:
            connection.execute(quick.find_irregular_sql(dataset))
            appended = _count(connection, quick.append_sql(dataset, table, _bundle_without("irregular")))
        read = dict(_fetch(connection, _READ_PER_FILE))
        connection.execute(full.create_judged_sql(dataset))
        if appended < sum(read.values()):
            # The table holds no other rows of these files: their source ids are new.
            _append_judged(connection, dataset, _bundle_without(table), table)
            _escape_bad_encoding(connection)
    keys = {key for (key,) in _fetch(connection, "SELECT DISTINCT unnest(unknown_keys) FROM judged")}
    return Judged(read, keys, bool(_count(connection, "SELECT count(*) FROM judged WHERE NOT has_known_keys")))


def append_again(connection: duckdb.DuckDBPyConnection, dataset: Dataset, source: str, table: str) -> None:
    """Append the valid records of `source`, like `append_rows`.

    `source` has source_id, line and `bytes`, the line's text.
    """
    connection.execute(full.create_judged_sql(dataset))
    _append_judged(connection, dataset, source, table)


def drop_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop the temporary tables, after the last call."""
    for name in ("judged", "irregular"):
        connection.execute(f"DROP TABLE IF EXISTS {name}")


def _append_judged(connection: duckdb.DuckDBPyConnection, dataset: Dataset, source: str, table: str) -> None:
    connection.execute(full.judge_sql(dataset, source))
    columns = column_names(dataset)
    connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM judged WHERE reason IS NULL")


def _bundle_without(table: str) -> str:
    """SQL: the lines of the bundle that are not in a table."""
    return f"""(SELECT * FROM bundle WHERE NOT EXISTS (
        SELECT 1 FROM {table} AS other WHERE other.source_id = bundle.source_id AND other.line = bundle.line
    ))"""


def _fetch(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql).fetchall()


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    ((count,),) = _fetch(connection, sql)
    return int(count)


def _escape_bad_encoding(connection: duckdb.DuckDBPyConnection) -> None:
    """Set `raw` of the lines that are not UTF-8: the line with `\\xNN` for each invalid byte."""
    row_ids, lines = connection.execute(
        "SELECT list(rowid ORDER BY rowid), list(raw_bytes ORDER BY rowid) FROM judged WHERE raw_bytes IS NOT NULL"
    ).fetchall()[0]
    if not row_ids:
        return
    texts = [line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "backslashreplace") for line in lines]
    connection.execute(
        "UPDATE judged SET raw = escaped.raw FROM (SELECT unnest($1) AS id, unnest($2) AS raw) AS escaped "
        "WHERE judged.rowid = escaped.id",
        [row_ids, texts],
    )


# Counted from the lines themselves, so that a record lost by the statements above would show.
_READ_PER_FILE = f"SELECT source_id, count(*) FROM bundle WHERE {HAS_TEXT} GROUP BY source_id"
