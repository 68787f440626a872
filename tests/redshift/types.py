"""Types of columns and casts as Redshift knows them, and what PostgreSQL gets for them."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.redshift.tokens import Token, closing, tokenize, unknown, unsupported
from tests.redshift.wire import WireError

# DG r_Character_types.
LONGEST_VARCHAR, DEFAULT_VARCHAR, LONGEST_CHAR = 65535, 256, 4096

_PLAIN = {
    "smallint": "smallint", "int2": "smallint", "integer": "integer", "int": "integer", "int4": "integer",
    "bigint": "bigint", "int8": "bigint", "real": "real", "float4": "real", "float8": "double precision",
    "boolean": "boolean", "bool": "boolean", "date": "date", "timestamptz": "timestamptz", "timetz": "timetz",
    "regclass": "regclass",
}  # fmt: skip
_VARCHARS, _CHARS = {"varchar", "nvarchar", "text"}, {"char", "character", "nchar", "bpchar"}
# DG c_unsupported-postgresql-datatypes.
_ABSENT = {
    "serial", "bigserial", "smallserial", "uuid", "json", "jsonb", "bytea", "xml", "money", "inet", "cidr", "macaddr",
    "bit", "point", "line", "lseg", "box", "path", "polygon", "circle", "tsvector", "tsquery", "int4range", "hstore",
}  # fmt: skip


@dataclass(frozen=True)
class ColumnType:
    """`text` is PostgreSQL's, `bytes` the most that a text may have, `kind` what COPY and encodings go by."""

    text: str
    kind: str
    bytes: int | None = None


def read_type(tokens: list[Token], place: int) -> tuple[ColumnType, int]:
    """The type at `place` and the place behind it."""
    if place >= len(tokens) or not tokens[place].is_name:
        raise WireError("42601", "syntax error at end of input" if place >= len(tokens) else "a type is missing")
    name, place = tokens[place].value, place + 1
    if name in _ABSENT:
        raise WireError("0A000", f'type "{name}" is not supported on Redshift')
    reader = _READERS.get(name)
    if name in _PLAIN:
        found = ColumnType(_PLAIN[name], _PLAIN[name])
    elif reader is not None:
        found, place = reader(tokens, place)
    else:
        raise unknown(f"the type {name}")
    if place < len(tokens) and (tokens[place].is_operator("[") or tokens[place].is_word("array")):
        raise unsupported("an array")
    return found, place


def rewrite_type(tokens: list[Token], place: int) -> tuple[list[Token], int]:
    found, place = read_type(tokens, place)
    return tokenize(found.text), place


def _arguments(tokens: list[Token], place: int) -> tuple[list[str], int]:
    """What stands in brackets at `place`, if anything does."""
    if place >= len(tokens) or not tokens[place].is_operator("("):
        return [], place
    end = closing(tokens, place)
    return [token.value for token in tokens[place + 1 : end] if not token.is_operator(",")], end + 1


def _varchar(tokens: list[Token], place: int) -> tuple[ColumnType, int]:
    arguments, place = _arguments(tokens, place)
    return text_type("varchar", arguments, DEFAULT_VARCHAR, LONGEST_VARCHAR), place


def _char(tokens: list[Token], place: int) -> tuple[ColumnType, int]:
    is_bpchar = tokens[place - 1].value == "bpchar"
    if place < len(tokens) and tokens[place].is_word("varying"):
        return _varchar(tokens, place + 1)
    arguments, place = _arguments(tokens, place)
    # DG r_Character_types: BPCHAR is CHAR(256), NVARCHAR and TEXT are VARCHAR.
    return text_type("char", arguments, 256 if is_bpchar else 1, LONGEST_CHAR), place


def text_type(kind: str, arguments: list[str], default: int, longest: int) -> ColumnType:
    size = default
    if arguments:
        size = longest if arguments[0] == "max" else int(arguments[0]) if arguments[0].isdigit() else 0
    if size > longest:
        raise WireError("22023", f"length for type {kind} cannot exceed {longest}")
    if size < 1 or len(arguments) > 1:
        raise WireError("22023", f"length for type {kind} must be at least 1")
    return ColumnType(f"{kind}({size})", kind, size)


def _decimal(tokens: list[Token], place: int) -> tuple[ColumnType, int]:
    arguments, place = _arguments(tokens, place)
    # DG r_Numeric_types201: (18,0) by default, 38 digits at most.
    precision = int(arguments[0]) if arguments else 18
    scale = int(arguments[1]) if len(arguments) > 1 else 0
    if not 1 <= precision <= 38 or not 0 <= scale <= min(precision, 37):
        raise WireError("22023", f"DECIMAL precision {precision} and scale {scale} are out of range")
    return ColumnType(f"numeric({precision},{scale})", "numeric"), place


def _float(tokens: list[Token], place: int) -> tuple[ColumnType, int]:
    arguments, place = _arguments(tokens, place)
    name = "real" if arguments and int(arguments[0]) < 25 else "double precision"
    return ColumnType(name, name), place


def _double(tokens: list[Token], place: int) -> tuple[ColumnType, int]:
    if place >= len(tokens) or not tokens[place].is_word("precision"):
        raise unknown("the type double")
    return ColumnType("double precision", "double precision"), place + 1


def _time(name: str) -> Callable[[list[Token], int], tuple[ColumnType, int]]:
    def read(tokens: list[Token], place: int) -> tuple[ColumnType, int]:
        if place < len(tokens) and tokens[place].is_operator("("):
            raise unknown(f"{name} with a precision")
        following = [token.value for token in tokens[place : place + 3]]
        if following[1:] == ["time", "zone"] and following[0] in ("with", "without"):
            zoned = name + "tz" if following[0] == "with" else name
            return ColumnType(zoned, zoned), place + 3
        return ColumnType(name, name), place

    return read


def _interval(tokens: list[Token], place: int) -> tuple[ColumnType, int]:
    raise unknown("columns and casts of type INTERVAL")


_READERS = (
    dict.fromkeys(_VARCHARS, _varchar)
    | dict.fromkeys(_CHARS, _char)
    | dict.fromkeys(("decimal", "numeric"), _decimal)
    | {"float": _float, "double": _double, "time": _time("time"), "timestamp": _time("timestamp")}
    | {"interval": _interval}
)
