"""COPY as a statement: its grammar, its options and which of them exclude each other. It reads no object."""

from dataclasses import dataclass, field

from tests.redshift.grammar import Reader, quote_name, syntax_error, unknown
from tests.redshift.wire import WireError

# DG copy-usage_notes-copy-from-columnar.
_COLUMNAR_OPTIONS = {"acceptinvchars", "fillrecord", "iam_role", "statupdate", "manifest", "format"}
# DG copy-parameters-data-format.
_NOT_WITH_JSON = {
    "csv", "delimiter", "escape", "fillrecord", "fixedwidth", "ignoreblanklines", "null", "readratio", "removequotes",
}  # fmt: skip
_FLAGS = {
    "manifest", "gzip", "zstd", "emptyasnull", "blanksasnull", "truncatecolumns", "roundec", "noload",
    "fillrecord", "ignoreallerrors",
}  # fmt: skip
_KNOWN_ELSEWHERE = {
    "lzop", "bzip2", "avro", "orc", "shapefile", "encrypted", "dateformat", "quote", "encoding", "ssh",
    "session_token", "comprows", "explicit_ids",
}  # fmt: skip
_MOST_ERRORS = 100_000


@dataclass
class CopyStatement:
    """`table` and `columns` as written, folded; `options` by name, a flag with the value ""."""

    table: list[str]
    columns: list[str] | None
    source: str
    role: str = ""
    format: str = ""
    json: str = ""
    options: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return ".".join(quote_name(name) for name in self.table)

    @property
    def most_errors(self) -> int:
        """How many errors fail the load: 0 and 1 mean the first does. DG copy-parameters-data-load."""
        return max(1, int(self.options.get("maxerror", "0")))

    def has(self, option: str) -> bool:
        return option in self.options


def read(reader: Reader) -> CopyStatement:
    """The statement behind the word COPY."""
    table, columns = reader.path(), None
    if reader.take("("):
        columns = reader.list_of(reader.name)
        reader.expect(")")
    reader.expect("from")
    source = reader.string()
    if not source.startswith("s3://"):
        raise unknown("COPY from anything but S3")
    statement = CopyStatement(table, columns, source)
    while not reader.at_end:
        _read_option(statement, reader)
    _check(statement)
    return statement


def _read_option(statement: CopyStatement, reader: Reader) -> None:
    name = reader.word()
    if name in ("credentials", "access_key_id", "secret_access_key"):
        raise unknown(f"COPY with {name.upper()}: keys never belong into a statement")
    if name in statement.options:
        raise WireError("42601", f"conflicting or redundant options: {name}")
    value = ""
    if name == "iam_role":
        statement.role = value = "default" if reader.take("default") else reader.string()
    elif name == "format":
        reader.take("as")
        _read_format(statement, reader, reader.word())
    elif name in ("json", "parquet"):
        _read_format(statement, reader, name)
        name = "format"
    elif name in _READERS:
        reader.take("as")
        value = _READERS[name](reader)
    elif name in _FLAGS or name in _NOT_WITH_JSON:
        pass
    elif name in _KNOWN_ELSEWHERE:
        raise unknown(f"COPY with {name.upper()}")
    else:
        raise syntax_error(name)
    statement.options[name] = value


def _read_format(statement: CopyStatement, reader: Reader, name: str) -> None:
    if statement.format or name not in ("json", "parquet"):
        raise unknown(f"COPY with FORMAT {name.upper()}") if not statement.format else syntax_error(name)
    statement.format = name
    if name == "json":
        reader.take("as")
        statement.json = reader.string() if reader.at_string else "auto"
        if statement.json == "noshred":
            raise unknown("COPY with JSON 'noshred'")
        if statement.json not in ("auto", "auto ignorecase") and not statement.json.startswith("s3://"):
            raise WireError("XX000", f"Invalid JSONPaths file: {statement.json}")


def _switch(reader: Reader) -> str:
    value = reader.word()
    if value not in ("on", "off", "true", "false", "preset"):
        raise syntax_error(value)
    return value


def _errors(reader: Reader) -> str:
    value = reader.word()
    if not value.isdigit() or int(value) > _MOST_ERRORS:
        # DG copy-parameters-data-load.
        raise WireError("42601", f"MAXERROR must be between 0 and {_MOST_ERRORS}")
    return value


def _replacement(reader: Reader) -> str:
    value = reader.string() if reader.at_string else "?"
    if len(value.encode()) != 1 or value == "\0":
        # DG copy-parameters-data-conversion.
        raise WireError("42601", "ACCEPTINVCHARS needs one ASCII character")
    return value


_READERS = {
    "region": Reader.string,
    "maxerror": _errors,
    "timeformat": Reader.string,
    "compupdate": _switch,
    "statupdate": _switch,
    "acceptinvchars": _replacement,
}


def _check(statement: CopyStatement) -> None:
    options = set(statement.options)
    if not statement.role:
        raise WireError("42601", "COPY needs credentials: IAM_ROLE is missing")
    if not statement.format:
        raise unknown("COPY of a format other than JSON and PARQUET")
    if statement.format == "parquet" and (wrong := options - _COLUMNAR_OPTIONS):
        raise WireError("0A000", f"COPY from PARQUET does not support {', '.join(sorted(wrong)).upper()}")
    if statement.format == "json" and (wrong := options & _NOT_WITH_JSON):
        raise WireError("0A000", f"COPY from JSON does not support {', '.join(sorted(wrong)).upper()}")
    if {"gzip", "zstd"} <= options:
        raise WireError("42601", "conflicting or redundant options: gzip, zstd")
    if {"maxerror", "ignoreallerrors"} <= options:
        raise WireError("42601", "conflicting or redundant options: maxerror, ignoreallerrors")
    if statement.columns is not None and len(set(statement.columns)) != len(statement.columns):
        raise WireError("42701", "column specified more than once")
