"""The validator: judges the lines of bundles, and appends those that may be loaded to a staging table."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import duckdb

from sparkify.datasets import Dataset
from sparkify.sources.bundles import Bundle
from sparkify.validation import full, quick
from sparkify.validation.columns import HAS_TEXT, column_names


class Judged(NamedTuple):
    """What became of some lines: the records read of each file, counted before any is judged, and what they are like.

    `unknown_keys` are those that no field is named after; `has_irregular` says whether some line went the full way
    because of its form.
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
    """Append the records of some bundles that may be loaded to a table that has the staging columns.

    The bundles are taken while the first of them are worked on, in whatever thread, and all held until the end.
    What went the full way is in the temporary table `judged` afterwards. Its rejects are the rows with a `reason`:
    source_id, line, reason and `raw`, the line's text. A transaction of the caller's is left open. Raises what taking a
    bundle raises.

    `expect_regular` only decides what is faster: to try the quick way with every line costs little where nearly all are
    regular, and much where they are not, as `has_irregular` says of these bundles.
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
            # Only rows of these bundles' files are met: no earlier load has their source ids.
            _append_judged(connection, dataset, _bundle_without(table), table)
            _escape_bad_encoding(connection)
    keys = {key for (key,) in _fetch(connection, "SELECT DISTINCT unnest(unknown_keys) FROM judged")}
    return Judged(read, keys, bool(_count(connection, "SELECT count(*) FROM judged WHERE NOT has_known_keys")))


def append_again(connection: duckdb.DuckDBPyConnection, dataset: Dataset, source: str, table: str) -> None:
    """Append the records that may be loaded of those that are in a table already, as `append_rows` does.

    `source` has source_id, line and `bytes`, the line's text.
    """
    connection.execute(full.create_judged_sql(dataset))
    _append_judged(connection, dataset, source, table)


def drop_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop the temporary tables, which nobody needs after the last call."""
    for name in ("judged", "irregular"):
        connection.execute(f"DROP TABLE IF EXISTS {name}")


def _append_judged(connection: duckdb.DuckDBPyConnection, dataset: Dataset, source: str, table: str) -> None:
    connection.execute(full.judge_sql(dataset, source))
    columns = column_names(dataset)
    connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM judged WHERE reason IS NULL")


def _bundle_without(table: str) -> str:
    """SQL: the lines of the bundle that a table does not have."""
    return f"""(SELECT * FROM bundle WHERE NOT EXISTS (
        SELECT 1 FROM {table} AS other WHERE other.source_id = bundle.source_id AND other.line = bundle.line
    ))"""


def _fetch(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql).fetchall()


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    ((count,),) = _fetch(connection, sql)
    return int(count)


def _escape_bad_encoding(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the lines that are not UTF-8 their `raw`: as they are, with `\\xNN` for each byte that is not valid."""
    row_ids, lines = connection.execute(
        "SELECT list(rowid ORDER BY rowid), list(raw_bytes ORDER BY rowid) FROM judged WHERE raw_bytes IS NOT NULL"
    ).fetchall()[0]
    if not row_ids:
        return
    # All at once: a line keeps its end, and no invalid sequence can run over one.
    raws = b"".join(line.removesuffix(b"\n").removesuffix(b"\r") + b"\n" for line in lines)
    texts = raws.decode("utf-8", "backslashreplace").split("\n")[:-1]
    connection.execute(
        "UPDATE judged SET raw = escaped.raw FROM (SELECT unnest($1) AS id, unnest($2) AS raw) AS escaped "
        "WHERE judged.rowid = escaped.id",
        [row_ids, texts],
    )


# Counted from the lines themselves: a record that the statements above lost would show.
_READ_PER_FILE = f"SELECT source_id, count(*) FROM bundle WHERE {HAS_TEXT} GROUP BY source_id"
