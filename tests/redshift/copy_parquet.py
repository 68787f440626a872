"""Parquet files as COPY reads them: by position, with strict types."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from tests.redshift.copy_target import Target
from tests.redshift.grammar import quote, quote_name
from tests.redshift.s3_objects import Found, Objects, load_error
from tests.redshift.wire import WireError

# A column's type, and the Parquet types (in DuckDB's names) that it accepts. That INTEGER does not accept int64 is well
# known, without a page of the DG; the other types are as strict.
_MATCHES = {
    "smallint": {"SMALLINT", "TINYINT"},
    "integer": {"INTEGER"},
    "bigint": {"BIGINT"},
    "real": {"FLOAT"},
    "double precision": {"DOUBLE"},
    "boolean": {"BOOLEAN"},
    "date": {"DATE"},
    "timestamp": {"TIMESTAMP", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"},
    "varchar": {"VARCHAR"},
    "char": {"VARCHAR"},
}
_CHUNK = 1 << 18
# Spectrum reads columnar files for COPY: DG copy-usage_notes-copy-from-columnar. Its errors are shown by
# github.com/aws/aws-sdk-pandas issue 280 and github.com/rudderlabs/rudder-server pull 3178.
_SPECTRUM_ERROR, _UNMATCHED_COLUMNS = 15001, 15007


def read_parquet(objects: Objects, files: Sequence[Found], targets: list[Target], query: int) -> Iterator[bytes]:
    """The rows of all files as CSV. Every file is checked before the first row comes out."""
    with tempfile.TemporaryDirectory(prefix="copy-") as name:
        folder = Path(name)
        for place, file in enumerate(files):
            _convert(objects, file, targets, folder / f"{place}.csv", query)
        for place in range(len(files)):
            with (folder / f"{place}.csv").open("rb") as rows:
                while chunk := rows.read(_CHUNK):
                    yield chunk


def _convert(objects: Objects, file: Found, targets: list[Target], output: Path, query: int) -> None:
    source = output.with_suffix(".parquet")
    source.write_bytes(objects.read(file.url))
    try:
        with duckdb.connect(config={"threads": 1}) as connection:
            relation = f"read_parquet({quote(str(source))}, file_row_number=false, hive_partitioning=false)"
            described = connection.execute(f"DESCRIBE FROM {relation}").fetchall()
            names = _check_schema([(str(row[0]), str(row[1])) for row in described], targets, file, query)
            _check_values(connection, relation, names, targets, file, query)
            columns = ", ".join(map(_output, names, targets))
            connection.execute(
                f"COPY (SELECT {columns} FROM {relation}) TO {quote(str(output))} "
                "(FORMAT csv, HEADER false, NULLSTR '\\N', FORCE_QUOTE *)"
            )
    except duckdb.Error as error:
        raise _failure(f"Invalid Parquet file, File name: {file.url} ({error})", query) from error
    finally:
        source.unlink()


def _output(name: str, target: Target) -> str:
    column = quote_name(name)
    # A timestamp is read as it is in the file, in UTC.
    return f"make_timestamp(epoch_us({column}))" if target.kind == "timestamp" else column


def _check_schema(columns: Sequence[tuple[str, str]], targets: list[Target], file: Found, query: int) -> list[str]:
    if len(columns) != len(targets):
        raise _failure(
            "Unmatched number of columns between table and file. "
            f"Table columns: {len(targets)}, Data columns: {len(columns)}, File name: {file.url}",
            query,
            _UNMATCHED_COLUMNS,
        )
    for (name, type_), target in zip(columns, targets, strict=True):
        expected = _MATCHES.get(target.kind, {"DECIMAL({},{})".format(*target.precision)})
        if type_ not in expected:
            raise _failure(
                f"File '{file.url}' has an incompatible Parquet schema for column '{file.url}.{name}'. "
                f"Column type: {target.type.upper()}, Parquet schema: {type_}",
                query,
            )
    return [name for name, _ in columns]


def _check_values(
    connection: duckdb.DuckDBPyConnection, relation: str, names: list[str], targets: list[Target], file: Found,
    query: int,
) -> None:  # fmt: skip
    facts = []
    for name, target in zip(names, targets, strict=True):
        column = quote_name(name)
        facts.append(f"count(*) - count({column})")
        facts.append(f"max(strlen({column}))" if target.bytes else "0")
    row = connection.execute(f"SELECT {', '.join(facts)} FROM {relation}").fetchone() or ()
    for place, target in enumerate(targets):
        nulls, longest = row[2 * place], row[2 * place + 1] or 0
        if nulls and target.not_null:
            raise _failure(f"NULL in the NOT NULL column {target.name}, File name: {file.url}", query)
        if target.bytes and longest > target.bytes:
            raise _failure(
                f"The length of the data column {target.name} is longer than the length defined in the table. "
                f"Table: {target.bytes}, Data: {longest}, File name: {file.url}",
                query,
            )


def _failure(context: str, query: int, code: int = _SPECTRUM_ERROR) -> WireError:
    return load_error("Spectrum Scan Error", context, query, code)
