"""The statements of the warehouse, one a file, and the definitions of its tables.

`tables/<table>/` has the tables of the warehouse, `changes/<table>/` the temporary tables of a load, and `questions/`
one question a file. The text is the same for all engines, in the subset that they share.

A `create.sql` is the only definition of its table. Its head names the grain and the source, and what only some engines
understand: `Keys` and `Redshift` are clauses that Redshift's statement adds, `Uncompressed` lists columns that no
engine shall compress, and `Why` has the reasons. The comment after a column is its meaning.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_LABEL = re.compile(r"(Grain|Source|Keys|Redshift|Uncompressed|Why): (.+)")
_FRAME = re.compile(r"CREATE (?:TEMP TABLE|TABLE IF NOT EXISTS) \w+ \($|\)$")
_COLUMN = re.compile(r'    ("?\w+"?) ([A-Z][A-Z ]*?(?:\(\d+\))?)( NOT NULL)?,? -- (.+)')
_MARK = "-- touched"


@dataclass(frozen=True)
class Column:
    """One column: `identifier` is its name as SQL has it, `meaning` the comment that trails it."""

    identifier: str
    type: str
    required: bool
    meaning: str

    @property
    def name(self) -> str:
        return self.identifier.strip('"')


@dataclass(frozen=True)
class Table:
    """One table, with the labelled lines of the comment that heads its create.sql."""

    name: str
    header: dict[str, str]
    columns: tuple[Column, ...]

    def list_uncompressed(self) -> list[str]:
        return self.header.get("Uncompressed", "").split(", ")


@cache
def read_sql(name: str) -> str:
    """The text of `NAME.sql`, such as `tables/songplays/load`."""
    return (files("sparkify.sql") / f"{name}.sql").read_text(encoding="utf-8").strip()


def has_sql(name: str) -> bool:
    """Whether there is a file `NAME.sql`."""
    return (files("sparkify.sql") / f"{name}.sql").is_file()


@cache
def read_table(name: str, *, folder: str = "tables") -> Table:
    """The table as `FOLDER/NAME/create.sql` defines it."""
    return parse_table(name, read_sql(f"{folder}/{name}/create"))


def parse_table(name: str, text: str) -> Table:
    """Parse a create.sql. Raises ValueError for a line that is not a comment, the frame or a column with a comment."""
    header: dict[str, str] = {}
    columns = []
    label = ""
    for line in text.splitlines():
        if line.startswith("-- "):
            words = line.removeprefix("-- ").strip()
            if labelled := _LABEL.fullmatch(words):
                label, words = labelled.groups()
            header[label] = f"{header[label]} {words}" if label in header else words
        elif column := _COLUMN.fullmatch(line):
            columns.append(Column(column[1], column[2], bool(column[3]), column[4]))
        elif not _FRAME.fullmatch(line):
            raise ValueError(f"sql: the definition of {name} has a line that is not a column with a comment: {line}")
    return Table(name, header, tuple(columns))


def list_columns(table: str, *, folder: str = "tables") -> dict[str, str]:
    """The columns of a table in order, with their types without a length."""
    return {column.name: column.type.partition("(")[0] for column in read_table(table, folder=folder).columns}


def create_sql(name: str, dialect: str) -> str:
    """The statement that creates a table where it is missing, in one engine's dialect."""
    table = read_table(name)
    return _redshift_sql(table) if dialect == "redshift" else _duckdb_sql(table)


def rebuild_sql(sql: str) -> str:
    """A statement for every key: the text without its `-- touched` lines."""
    return "\n".join(line for line in sql.splitlines() if not line.endswith(_MARK))


def quote(text: str) -> str:
    """A text as a literal of DuckDB's, in which a backslash is a backslash."""
    return "'" + text.replace("'", "''") + "'"


def _duckdb_sql(table: Table) -> str:
    uncompressed = table.list_uncompressed()
    return _frame(
        table,
        [
            _column_sql(column) + (" USING COMPRESSION uncompressed" if column.name in uncompressed else "")
            for column in table.columns
        ],
    )


def _redshift_sql(table: Table) -> str:
    """All encodings are named, for COPY of Parquet chooses none: what is sorted by is not compressed."""
    clauses = table.header["Redshift"]
    raw = [*table.list_uncompressed(), *re.findall(r"\w+", clauses.partition("SORTKEY")[2])]
    lines = [_column_sql(column) + f" ENCODE {_encoding(column, raw)}" for column in table.columns]
    lines += table.header.get("Keys", "").replace("), FOREIGN KEY", ")\nFOREIGN KEY").splitlines()
    return _frame(table, lines) + "\n" + clauses.replace(" SORTKEY", "\nSORTKEY")


def _frame(table: Table, lines: list[str]) -> str:
    body = ",\n    ".join(lines)
    return f"CREATE TABLE IF NOT EXISTS {table.name} (\n    {body}\n)"


def _column_sql(column: Column) -> str:
    return f"{column.identifier} {column.type}{' NOT NULL' if column.required else ''}"


def _encoding(column: Column, raw: list[str]) -> str:
    if column.name in raw:
        return "RAW"
    return "AZ64" if column.type in ("INTEGER", "BIGINT", "TIMESTAMP") else "ZSTD"
