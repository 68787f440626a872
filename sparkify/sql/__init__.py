"""The statements of the warehouse, one a file, and the definitions of its tables and views.

`tables/<table>/` has the tables of the warehouse, `views/<view>/` its views, `changes/<table>/` the temporary tables of
a load, `questions/` one question a file, `summaries/` what several questions read, and `migrations/` what leads from
one layout to the next. The text is the same for all engines, in the subset that they share.

A `create.sql` is the only definition of its table or view. Its head names the grain and the source, and what only some
engines understand: `Keys` and `Redshift` are clauses that Redshift's statement adds, `Uncompressed` lists columns that
DuckDB shall not compress, `People` those that may name a person, and `Why` has the reasons. The comment after a column
is its meaning.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import md5
from importlib.resources import files

from sparkify.sql.literals import Value, literal_sql, quote, replace_parameters, write_values

__all__ = [
    "Column",
    "Design",
    "Table",
    "Value",
    "comment_sql",
    "create_sql",
    "digest_sql",
    "has_sql",
    "list_changes",
    "list_columns",
    "list_migrations",
    "literal_sql",
    "migration_sql",
    "parse_table",
    "quote",
    "read_design",
    "read_sql",
    "read_table",
    "rebuild_sql",
    "replace_parameters",
    "temporary_sql",
    "write_values",
]

_LABEL = re.compile(r"(Grain|Source|Keys|Redshift|Uncompressed|People|Why): (.+)")
_CREATE = re.compile(r"^CREATE (?:TEMP |OR REPLACE )?(TABLE|VIEW)\b.*$", re.MULTILINE)
_NAMED = re.compile(r'("?\w+"?),?$')
_COLUMN = re.compile(r'    ("?\w+"?) ([A-Z][A-Z ]*?(?:\(\d+\))?)( NOT NULL)?,? -- (.+)')
_ADDED = re.compile(r"ADD COLUMN \w+ ([A-Z][A-Z ]*?)(?:\(\d+\))?$", re.MULTILINE)
# A comment, unless it is inside a literal or an identifier.
_COMMENT = re.compile(r"""('(?:[^']|'')*'|"[^"]*")|--[^\n]*""")
_MARK = "-- touched"


@dataclass(frozen=True)
class Column:
    """One column: `identifier` is its name as SQL has it, `meaning` the comment after it. A view's have no type."""

    identifier: str
    meaning: str
    type: str = ""
    required: bool = False

    @property
    def name(self) -> str:
        return self.identifier.strip('"')


@dataclass(frozen=True)
class Table:
    """One table or view, with the labelled lines of the comment that heads its create.sql."""

    name: str
    kind: str
    header: dict[str, str]
    columns: tuple[Column, ...]

    @property
    def primary_key(self) -> list[str]:
        """The columns that `Keys` declares to be the primary key."""
        found = re.search(r"PRIMARY KEY \(([\w, ]+)\)", self.header.get("Keys", ""))
        return found[1].split(", ") if found else []

    def list_uncompressed(self) -> list[str]:
        return self.header.get("Uncompressed", "").split(", ")

    def list_people(self) -> list[str]:
        """The columns that may name a person: an export leaves them out unless it is asked for them."""
        found = self.header.get("People", "")
        return found.split(", ") if found else []

    def describe(self) -> str:
        """What the comment on the table says."""
        return f"One row per: {self.header['Grain']} Source: {self.header['Source']}"


@dataclass(frozen=True)
class Design:
    """How Redshift keeps a table: its keys, and the encoding of each column, all in lower case.

    `is_even` says that its rows are dealt out evenly. With neither this nor a `distkey`, Redshift decides.
    """

    distkey: str | None
    sortkey: tuple[str, ...]
    encodings: dict[str, str]
    is_even: bool = False


@cache
def read_sql(name: str) -> str:
    """The text of `NAME.sql`, such as `tables/songplays/load`."""
    return (files("sparkify.sql") / f"{name}.sql").read_text(encoding="utf-8").strip()


def has_sql(name: str) -> bool:
    """Whether there is a file `NAME.sql`."""
    return (files("sparkify.sql") / f"{name}.sql").is_file()


@cache
def read_table(name: str) -> Table:
    """The table or view as its create.sql defines it."""
    return parse_table(name, _read_definition(name))


def parse_table(name: str, text: str) -> Table:
    """Parse a create.sql. Raises ValueError for a line that is not a comment, the frame or a column with a comment."""
    create = _CREATE.search(text)
    if create is None:
        raise ValueError(f"the definition of {name} creates neither a table nor a view")
    body = text[create.end() :]
    columns = _view_columns(body) if create[1] == "VIEW" else _table_columns(name, body)
    return Table(name, create[1], _parse_header(text[: create.start()]), tuple(columns))


@cache
def read_design(name: str) -> Design:
    """How Redshift is to keep a table of the warehouse."""
    table = read_table(name)
    distribution, _, sorting = table.header["Redshift"].lower().partition(" sortkey ")
    distkey = re.search(r"distkey \((\w+)\)", distribution)
    sortkey = tuple(re.findall(r"\w+", sorting))
    # What is sorted by is not compressed.
    encodings = {
        column.name.lower(): "raw" if column.name.lower() in sortkey else _encoding_of(column.type)
        for column in table.columns
    }
    return Design(distkey[1] if distkey else None, sortkey, encodings, "even" in distribution)


def list_columns(table: str) -> dict[str, str]:
    """The columns of a table in order, with their types without a length."""
    return {column.name: column.type.partition("(")[0] for column in read_table(table).columns}


def create_sql(name: str, dialect: str) -> str:
    """The statement that creates a table or view where it is missing, in one engine's dialect."""
    if not has_sql(f"tables/{name}/create"):
        return _read_definition(name)
    return _redshift_sql(read_table(name)) if dialect == "redshift" else _duckdb_sql(read_table(name))


def temporary_sql(name: str, dialect: str) -> str:
    """The statement that creates a temporary table of `changes/`: a new one, or on Redshift one that is missing.

    A permanent table of the same name stays, and is hidden.
    """
    create = "CREATE TEMP TABLE IF NOT EXISTS" if dialect == "redshift" else "CREATE OR REPLACE TEMP TABLE"
    return read_sql(f"changes/{name}/create").replace("CREATE TEMP TABLE", create, 1)


def comment_sql(name: str, dialect: str) -> list[str]:
    """The statements that write the meanings of a table or view and of its columns into the database.

    DuckDB takes all of them at once, which is faster; Redshift takes one at a time.
    """
    table = read_table(name)
    meanings = {f"{table.kind} {name}": table.describe()}
    meanings |= {f"COLUMN {name}.{column.identifier}": column.meaning for column in table.columns}
    statements = [f"COMMENT ON {thing} IS {quote(text, dialect)}" for thing, text in meanings.items()]
    return statements if dialect == "redshift" else [";\n".join(statements)]


def digest_sql(texts: Iterable[str]) -> str:
    """A digest of statements in order, without comments and differences in white space."""
    normalized = []
    for text in texts:
        words = _COMMENT.sub(lambda found: found[1] or " ", text).split()
        normalized.append(" ".join(words))
    return md5("\n".join(normalized).encode(), usedforsecurity=False).hexdigest()


def list_changes() -> list[str]:
    """The names of the temporary tables in `changes/`."""
    return sorted(folder.name for folder in (files("sparkify.sql") / "changes").iterdir() if folder.is_dir())


def list_migrations() -> dict[int, str]:
    """The names of the migrations, by the layout that each creates."""
    folder = files("sparkify.sql") / "migrations"
    names = sorted(path.name.removesuffix(".sql") for path in folder.iterdir() if path.name.endswith(".sql"))
    return {int(name.partition("_")[0]): f"migrations/{name}" for name in names}


def migration_sql(name: str, dialect: str) -> list[str]:
    """The statements of a migration; each ends in a semicolon at the end of a line.

    On Redshift an added column gets the encoding that it has in a new table.
    """
    statements = [text.strip() for text in re.split(r";\n", read_sql(name) + "\n") if text.strip()]
    if dialect == "redshift":
        return [
            _ADDED.sub(lambda found: f"{found[0]} ENCODE {_encoding_of(found[1]).upper()}", sql) for sql in statements
        ]
    return statements


def rebuild_sql(sql: str) -> str:
    """A statement for every key: the text without its `-- touched` lines."""
    return "\n".join(line for line in sql.splitlines() if not line.endswith(_MARK))


def _read_definition(name: str) -> str:
    folder = next(folder for folder in ("tables", "views", "changes") if has_sql(f"{folder}/{name}/create"))
    return read_sql(f"{folder}/{name}/create")


def _parse_header(text: str) -> dict[str, str]:
    header: dict[str, str] = {}
    label = ""
    for line in text.splitlines():
        words = line.removeprefix("--").strip()
        if labelled := _LABEL.fullmatch(words):
            label, words = labelled.groups()
        header[label] = f"{header[label]} {words}" if label in header else words
    return header


def _table_columns(name: str, body: str) -> Iterator[Column]:
    for line in body.strip("\n").removesuffix("\n)").splitlines():
        column = _COLUMN.fullmatch(line)
        if column is None:
            raise ValueError(f"the definition of {name} has a line that is not a column with a comment: {line}")
        yield Column(column[1], column[4], column[2], bool(column[3]))


def _view_columns(body: str) -> Iterator[Column]:
    """The columns of the last SELECT that begins a line. Each has its name and its comment at the end of a line."""
    selected = re.split(r"^SELECT\n", body, flags=re.MULTILINE)[-1].partition("\nFROM ")[0]
    for line in selected.splitlines():
        expression, _, meaning = line.partition(" -- ")
        if meaning and (named := _NAMED.search(expression)):
            yield Column(named[1], meaning)


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
    """All encodings are named, for COPY of Parquet chooses none."""
    clauses, encodings = table.header["Redshift"], read_design(table.name).encodings
    lines = [_column_sql(column) + f" ENCODE {encodings[column.name.lower()].upper()}" for column in table.columns]
    lines += table.header.get("Keys", "").replace("), FOREIGN KEY", ")\nFOREIGN KEY").splitlines()
    return _frame(table, lines) + "\n" + clauses.replace(" SORTKEY", "\nSORTKEY")


def _frame(table: Table, lines: list[str]) -> str:
    body = ",\n    ".join(lines)
    return f"CREATE TABLE IF NOT EXISTS {table.name} (\n    {body}\n)"


def _column_sql(column: Column) -> str:
    return f"{column.identifier} {column.type}{' NOT NULL' if column.required else ''}"


def _encoding_of(kind: str) -> str:
    return "az64" if kind in ("INTEGER", "BIGINT", "TIMESTAMP") else "zstd"
