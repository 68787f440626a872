"""Redshift's types of columns and casts, and their types in PostgreSQL."""

from dataclasses import dataclass

from sqlglot import exp
from sqlglot.expressions import DType

from tests.redshift.grammar import unknown
from tests.redshift.wire import WireError

_PLAIN = {
    DType.SMALLINT: "smallint", DType.INT: "integer", DType.BIGINT: "bigint", DType.FLOAT: "real",
    DType.DOUBLE: "double precision", DType.BOOLEAN: "boolean", DType.DATE: "date", DType.TIMESTAMP: "timestamp",
    DType.TIMESTAMPTZ: "timestamptz", DType.TIME: "time", DType.TIMETZ: "timetz",
}  # fmt: skip
# DG r_Character_types: PostgreSQL's name, the default length in bytes, the maximum length. TEXT has no length.
_TEXTS = {
    DType.VARCHAR: ("varchar", 256, 65535), DType.NVARCHAR: ("varchar", 256, 65535), DType.TEXT: ("varchar", 256, 256),
    DType.CHAR: ("char", 1, 4096), DType.NCHAR: ("char", 1, 4096), DType.BPCHAR: ("char", 256, 4096),
}  # fmt: skip


@dataclass(frozen=True)
class ColumnType:
    """`text` is PostgreSQL's, `bytes` the most that a text may have, `kind` what COPY and encodings go by."""

    text: str
    kind: str
    bytes: int | None = None


def read_type(type_: exp.DataType) -> ColumnType:
    arguments = [argument.name.lower() for argument in type_.expressions]
    if type_.this in _TEXTS:
        return _read_text(*_TEXTS[type_.this], arguments)
    if type_.this == DType.DECIMAL:
        return _read_decimal(arguments)
    if type_.this not in _PLAIN or arguments or type_.args.get("nested"):
        raise unknown(f"the type {type_.sql('redshift')}")
    return ColumnType(_PLAIN[type_.this], _PLAIN[type_.this])


def _read_text(kind: str, default: int, longest: int, arguments: list[str]) -> ColumnType:
    size = default
    if arguments:
        size = longest if arguments[0] == "max" else int(arguments[0]) if arguments[0].isdigit() else 0
    if size > longest:
        raise WireError("22023", f"length for type {kind} cannot exceed {longest}")
    if size < 1 or len(arguments) > 1:
        raise WireError("22023", f"length for type {kind} must be at least 1")
    return ColumnType(f"{kind}({size})", kind, size)


def _read_decimal(arguments: list[str]) -> ColumnType:
    # DG r_Numeric_types201: (18,0) by default, 38 digits at most.
    precision = int(arguments[0]) if arguments else 18
    scale = int(arguments[1]) if len(arguments) > 1 else 0
    if not 1 <= precision <= 38 or not 0 <= scale <= min(precision, 37):
        raise WireError("22023", f"DECIMAL precision {precision} and scale {scale} are out of range")
    return ColumnType(f"numeric({precision},{scale})", "numeric")
