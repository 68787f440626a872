"""The table that a COPY fills, and how its rows get into PostgreSQL."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from psycopg import pq
from psycopg.pq.abc import PGconn, PGresult

from tests.redshift.copy_statement import CopyStatement
from tests.redshift.grammar import quote_name
from tests.redshift.wire import WireError

_COLUMNS = b"""
SELECT attname, format_type(atttypid, atttypmod), attnotnull, attrelid
FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


@dataclass(frozen=True)
class Target:
    """One column. `kind` is its type's name as in CREATE TABLE, `bytes` the length of a text in bytes."""

    name: str
    type: str
    kind: str
    bytes: int
    precision: tuple[int, int]
    not_null: bool
    table: int


def find_targets(backend: PGconn, statement: CopyStatement) -> list[Target]:
    """The columns that the load fills, in its order."""
    result = backend.exec_params(_COLUMNS, [statement.path.encode()])
    if result.status != pq.ExecStatus.TUPLES_OK:
        raise WireError("XX000", result.get_error_message())
    rows = [[(result.get_value(row, place) or b"").decode() for place in range(4)] for row in range(result.ntuples)]
    if not rows:
        raise WireError("42P01", f"Cannot COPY into nonexistent table {statement.table[-1]}")
    targets = {row[0]: _target(row) for row in rows}
    if statement.columns is None:
        return list(targets.values())
    for name in statement.columns:
        if name not in targets:
            raise WireError("42703", f'column "{name}" of relation "{statement.table[-1]}" does not exist')
    return [targets[name] for name in statement.columns]


def _target(row: list[str]) -> Target:
    name, type_, not_null, table = row
    numbers = [int(number) for number in re.findall(r"\d+", type_)]
    base = re.sub(r"\(.*?\)", "", type_).strip()
    kinds = {"character varying": "varchar", "character": "char", "timestamp without time zone": "timestamp",
             "timestamp with time zone": "timestamptz"}  # fmt: skip
    kind = kinds.get(base, base)
    return Target(
        name, type_, kind, numbers[0] if numbers and kind in ("varchar", "char") else 0,
        (numbers[0], numbers[1]) if kind == "numeric" and len(numbers) == 2 else (0, 0),
        not_null == "t", int(table),
    )  # fmt: skip


def insert(backend: PGconn, statement: CopyStatement, targets: list[Target], chunks: Iterable[bytes]) -> int:
    """Send rows as CSV, where an unquoted \\N is NULL, in the session's transaction. Returns their number."""
    columns = ", ".join(quote_name(target.name) for target in targets)
    sql = f"COPY {statement.path} ({columns}) FROM STDIN (FORMAT csv, NULL '\\N')"
    rest = iter(chunks)
    # Bad files are found before anything is sent to PostgreSQL.
    first = next(rest, b"")
    started = backend.exec_(sql.encode())
    if started.status != pq.ExecStatus.COPY_IN:
        raise _error(started)
    try:
        for chunk in chain([first], rest):
            backend.put_copy_data(chunk)
    except BaseException:
        backend.put_copy_end(b"no more rows")
        while backend.get_result() is not None:
            pass
        raise
    backend.put_copy_end()
    rows, failure = 0, None
    while (result := backend.get_result()) is not None:
        if result.status == pq.ExecStatus.COMMAND_OK:
            rows = result.command_tuples or 0
        else:
            failure = _error(result)
    if failure is not None:
        raise failure
    return rows


def _error(result: PGresult) -> WireError:
    sqlstate = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"XX000").decode()
    message = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or result.error_message or b"").decode()
    return WireError(sqlstate, message)
