"""UNLOAD as a statement: its grammar, and the options of Parquet. It writes no object. DG r_UNLOAD."""

from dataclasses import dataclass, field

from tests.redshift.grammar import Reader, syntax_error, unknown
from tests.redshift.wire import WireError

# In MB.
_LEAST_FILE, _MOST_FILE = 5.0, 6.2 * 1024
_UNITS = {"mb": 1, "gb": 1024}
# DG r_UNLOAD: not with PARQUET.
_NOT_OF_PARQUET = {
    "delimiter", "fixedwidth", "addquotes", "escape", "null", "header", "gzip", "bzip2", "zstd"
}  # fmt: skip


@dataclass
class UnloadStatement:
    """`select` is the text of the query, `target` a prefix of keys; `options` are the given ones."""

    select: str
    target: str
    role: str = ""
    is_parallel: bool = True
    options: set[str] = field(default_factory=set)


def read(reader: Reader) -> UnloadStatement:
    """Parse the statement after the word UNLOAD."""
    reader.expect("(")
    # github.com/aws/amazon-redshift-python-driver issue 31: no parameter here. Dollar quotes are in no page of the DG.
    select = reader.string()
    reader.expect(")")
    reader.expect("to")
    statement = UnloadStatement(select, reader.string())
    if not statement.target.startswith("s3://"):
        raise unknown("UNLOAD to anything but S3")
    while not reader.at_end:
        _read_option(statement, reader)
    if not statement.role:
        raise WireError("42601", "UNLOAD needs credentials: IAM_ROLE is missing")
    if "parquet" not in statement.options:
        raise unknown("UNLOAD in a format other than PARQUET")
    if found := sorted(statement.options & _NOT_OF_PARQUET):
        raise WireError("0A000", f"{found[0].upper()} is not supported for UNLOAD to PARQUET")
    if statement.target.rpartition("/")[2].startswith(("_", ".")):
        # Spectrum, and so COPY, would not see the files.
        raise unknown("UNLOAD to hidden files")
    return statement


def _read_option(statement: UnloadStatement, reader: Reader) -> None:
    name = reader.option(statement.options)
    if name == "iam_role":
        statement.role = "default" if reader.take("default") else reader.string()
    elif name == "maxfilesize":
        _read_size(reader)
    elif name == "parallel":
        statement.is_parallel = not (reader.take("off") or reader.take("false"))
        if statement.is_parallel and not reader.take("on"):
            reader.take("true")
    elif name in _NOT_OF_PARQUET:
        reader.take("as")
        if reader.at_string:
            reader.string()
    elif name not in ("parquet", "allowoverwrite"):
        raise unknown(f"UNLOAD with {name.upper()}")


def _read_size(reader: Reader) -> None:
    """The size itself has no effect: nothing here is so large."""
    reader.take("as")
    text = reader.next().text
    try:
        size = float(text)
    except ValueError:
        raise syntax_error(text) from None
    unit = next((factor for unit, factor in _UNITS.items() if reader.take(unit)), 1)
    if not _LEAST_FILE <= size * unit <= _MOST_FILE:
        raise WireError("22023", "MAXFILESIZE must be between 5 MB and 6.2 GB")
