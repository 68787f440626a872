"""Plays UNLOAD: runs the query in the session's transaction, and writes its rows as Parquet parts to S3."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import duckdb
from psycopg import pq
from psycopg.pq.abc import PGconn

from tests.redshift.copy import assume
from tests.redshift.grammar import quote, quote_name
from tests.redshift.records import LoadRecords
from tests.redshift.roles import Role
from tests.redshift.s3_objects import Objects
from tests.redshift.unload_statement import UnloadStatement
from tests.redshift.wire import WireError

# By PostgreSQL's number of a type, its type in Parquet. No page of the DG tells them, except that a time with a zone
# loses it.
_TYPES = {
    16: "BOOLEAN", 20: "BIGINT", 21: "SMALLINT", 23: "INTEGER", 25: "VARCHAR", 700: "FLOAT", 701: "DOUBLE",
    1042: "VARCHAR", 1043: "VARCHAR", 1082: "DATE", 1114: "TIMESTAMP", 1184: "TIMESTAMP",
}  # fmt: skip
_NUMERIC, _TIME = 1700, 1083
# A text is always in quotes, so that NULL can have none.
_CSV = r"FORMAT csv, FORCE_QUOTE *, NULL '\N'"
_READ_CSV = (
    "header = false, auto_detect = false, new_line = '\\n', delim = ',', quote = '\"', escape = '\"', nullstr = '\\N', "
    "allow_quoted_nulls = false, parallel = false, max_line_size = 16777216"
)


def run(
    statement: UnloadStatement, select: str, backend: PGconn, *, roles: Mapping[str, Role], records: LoadRecords,
    slices: int,
) -> list[dict[str, str]]:  # fmt: skip
    """Write the rows of a query of PostgreSQL, and return the notices to the client."""
    _check_may_write(backend)
    types = _types_of(backend, select)
    query = records.next_query()
    objects = Objects(assume(statement.role, roles, backend.user.decode()), query)
    if "allowoverwrite" not in statement.options and objects.list_below(statement.target):
        raise WireError(
            "XX000", "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, "
            "manually removing the target files in S3, or using the ALLOWOVERWRITE option."
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="unload-") as name:
        rows = _copy_out(backend, select, Path(name, "rows.csv"))
        parts = _write_parts(Path(name), types, slices if statement.is_parallel else 1)
        for place, part in parts.items():
            file = f"{place:04}_part_00.parquet" if statement.is_parallel else "000.parquet"
            # It goes on without a client, until somebody ends the session: DG PG_TERMINATE_BACKEND.
            _check(backend.exec_(b"SELECT 1"))
            objects.write(f"{statement.target}{file}", part)
    records.write_last_unload(backend.backend_pid, rows)
    return [{"S": "INFO", "C": "00000", "M": f"UNLOAD completed, {rows} record(s) unloaded successfully."}]


def _check_may_write(backend: PGconn) -> None:
    # github.com/trinodb/trino pull 24117: an UNLOAD is none of a read-only transaction.
    shown = backend.exec_(b"SHOW transaction_read_only")
    if shown.status == pq.ExecStatus.TUPLES_OK and shown.get_value(0, 0) == b"on":
        raise WireError("25006", "transaction is read-only")


def _types_of(backend: PGconn, select: str) -> dict[str, str]:
    """The columns of the query."""
    _check(backend.prepare(b"unloaded", select.encode()))
    described = backend.describe_prepared(b"unloaded")
    backend.close_prepared(b"unloaded")
    types: dict[str, str] = {}
    for place in range(described.nfields):
        name, kind = (described.fname(place) or b"").decode(), described.ftype(place)
        if kind == _TIME:
            # github.com/trinodb/trino pull 24117.
            raise WireError("0A000", f'UNLOAD time without time zone column "{name}" is only supported for TEXT/CSV.')
        if name in types or (kind not in _TYPES and kind != _NUMERIC):
            raise WireError("0A000", f"the stand-in does not know how to unload the column {name}")
        types[name] = _TYPES.get(kind) or _decimal(described.fmod(place))
    return types


def _decimal(modifier: int) -> str:
    # Redshift computes with 38 digits at most; PostgreSQL does not tell how many of a result are after the point.
    precision, scale = ((modifier - 4) >> 16, (modifier - 4) & 0xFFFF) if modifier >= 0 else (38, 10)
    return f"DECIMAL({precision},{scale})"


def _copy_out(backend: PGconn, select: str, place: Path) -> int:
    """Write the rows of the query as CSV; returns their number."""
    _check(backend.exec_(f"COPY (\n{select}\n) TO STDOUT ({_CSV})".encode()))
    with place.open("wb") as file:
        while (got := backend.get_copy_data(0))[0] > 0:
            file.write(got[1])
    rows = 0
    while (result := backend.get_result()) is not None:
        _check(result)
        rows = result.command_tuples or 0
    return rows


def _write_parts(folder: Path, types: dict[str, str], slices: int) -> dict[int, bytes]:
    """The part of each slice that has rows."""
    columns = ", ".join(f"{quote(name)}: {quote(kind)}" for name, kind in types.items())
    parts: dict[int, bytes] = {}
    with duckdb.connect(config={"threads": 1}) as connection:
        source = f"read_csv({quote(str(folder / 'rows.csv'))}, columns = {{{columns}}}, {_READ_CSV})"
        connection.execute(f"CREATE TABLE parted AS SELECT row_number() OVER () AS number, * FROM {source}")
        names = ", ".join(map(quote_name, types))
        for place in range(slices):
            part = folder / f"{place}.parquet"
            rows = f"SELECT {names} FROM parted WHERE number % {slices} = {place}"
            if connection.execute(f"COPY ({rows}) TO {quote(str(part))} (FORMAT parquet)").fetchall() != [(0,)]:
                parts[place] = part.read_bytes()
    return parts


def _check(result: "pq.abc.PGresult") -> None:
    if result.status in (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE):
        code = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"XX000").decode()
        raise WireError(code, (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"").decode())
