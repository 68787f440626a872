"""COPY as a statement: its grammar, and the options of Parquet. It reads no object."""

from dataclasses import dataclass, field

from tests.redshift.grammar import Reader, quote_name, syntax_error, unknown
from tests.redshift.wire import WireError


@dataclass
class CopyStatement:
    """`table` and `columns` in lower case; `options` are the given ones."""

    table: list[str]
    columns: list[str] | None
    source: str
    role: str = ""
    options: set[str] = field(default_factory=set)

    @property
    def path(self) -> str:
        return ".".join(quote_name(name) for name in self.table)


def read(reader: Reader) -> CopyStatement:
    """Parse the statement after the word COPY."""
    table, columns = reader.path(), None
    if reader.take("("):
        columns = reader.list_of(reader.name)
        reader.expect(")")
    reader.expect("from")
    statement = CopyStatement(table, columns, reader.string())
    if not statement.source.startswith("s3://"):
        raise unknown("COPY from anything but S3")
    while not reader.at_end:
        _read_option(statement, reader)
    if not statement.role:
        raise WireError("42601", "COPY needs credentials: IAM_ROLE is missing")
    if "parquet" not in statement.options:
        raise unknown("COPY of a format other than PARQUET")
    if columns is not None and len(set(columns)) != len(columns):
        raise WireError("42701", "column specified more than once")
    return statement


def _read_option(statement: CopyStatement, reader: Reader) -> None:
    """DG copy-usage_notes-copy-from-columnar lists the options for Parquet; some of them are not played."""
    name = reader.option(statement.options)
    if name == "iam_role":
        statement.role = "default" if reader.take("default") else reader.string()
    elif name == "statupdate":
        if (switch := reader.word()) not in ("on", "off", "true", "false"):
            raise syntax_error(switch)
    elif name not in ("parquet", "manifest"):
        # Keys do not belong in a statement; DG copy-parameters-authorization.
        raise unknown(f"COPY with {name.upper()}")
