"""Files that hold the rows of a query. DuckDB writes them, whatever the engine of the warehouse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from sparkify.formats import require_distinct
from sparkify.sql import quote

FileFormat = Literal["parquet", "csv"]
FILE_FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)

# A row may have 65,535 bytes, so a number of rows alone would not bound a row group.
_PARQUET = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE_BYTES '64MB'"
_CSV = "FORMAT csv, HEADER true"
# Parquet has no whole numbers of 128 bits: without a cast, a sum would become a fraction.
_WRITTEN_AS = {"HUGEINT": "BIGINT", "UHUGEINT": "BIGINT"}


@dataclass(frozen=True)
class Target:
    """A file that is there already, empty, and gets its content in place.

    `columns` name the columns of the query in their order: an engine may fold their case. Parquet keeps the `notes`.
    """

    path: str
    format: FileFormat
    columns: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """The rows of a file, and the type of each column, in DuckDB's words."""

    rows: int
    types: dict[str, str]


def written_types(columns: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The types with which columns of these names and types are written. Raises UsageError if two share a name."""
    require_distinct([name for name, _ in columns])
    return {name: _WRITTEN_AS.get(kind, kind) for name, kind in columns}


def copy_sql(source: str, types: Mapping[str, str], target: Target) -> str:
    """The COPY of a query, or of a table, into a file, with these columns and types."""
    columns = ", ".join(f"cast({quote_name(name)} AS {kind}) AS {quote_name(name)}" for name, kind in types.items())
    options = _PARQUET if target.format == "parquet" else _CSV
    if target.format == "parquet" and target.notes:
        notes = ", ".join(f"{quote_name(name)}: {quote(text)}" for name, text in target.notes.items())
        options += f", KV_METADATA {{{notes}}}"
    return f"COPY (SELECT {columns} FROM {source}) TO {quote(target.path)} ({options}, USE_TMP_FILE false)"


def quote_name(name: str) -> str:
    """A name as SQL has it, whatever its characters."""
    return '"' + name.replace('"', '""') + '"'
