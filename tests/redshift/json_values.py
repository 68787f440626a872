"""JSON values as the text of their columns, by the rules of COPY: DG copy-parameters-data-conversion."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from tests.redshift.copy_statement import CopyStatement
from tests.redshift.copy_target import Target
from tests.redshift.grammar import unknown
from tests.redshift.json_stream import render
from tests.redshift.load_errors import RowError

_INTEGERS = {"smallint": ("Short", 2**15), "integer": ("Integer", 2**31), "bigint": ("Long", 2**63)}
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?\d+")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?")
_BOOLEANS = {
    "t": "t",
    "true": "t",
    "1": "t",
    "y": "t",
    "yes": "t",
    "f": "f",
    "false": "f",
    "0": "f",
    "n": "f",
    "no": "f",
}
_BAD_CHARACTER = re.compile("[\ud800-\udfff]")
_BAD_TEXT = "String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def convert(value: object, target: Target, statement: CopyStatement) -> str | None:
    """The column's text, None for NULL. Raises RowError."""
    text = _column_text(value, target, statement)
    if text is None and target.not_null:
        raise RowError(1213, "Missing data for not-null field")
    return text


def text_of(value: object) -> str:
    """A value's own text: that of a string, or as it stands in the file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else render(value)


def _column_text(value: object, target: Target, statement: CopyStatement) -> str | None:
    if value is None:
        return None
    text = text_of(value)
    if target.kind in ("varchar", "char"):
        return _string(text, target, statement)
    # Empty or blank is NULL in every type but texts.
    stripped = text.strip()
    if not stripped:
        return None
    if (converter := _CONVERTERS.get(target.kind)) is None:
        raise unknown(f"COPY from JSON into {target.type}")
    if isinstance(value, bool) and target.kind != "boolean":
        raise RowError(1207, f"Invalid digit, Value '{stripped[0]}', Pos 0, Type: {_type_name(target)}")
    return converter(stripped, target, statement)


def _string(text: str, target: Target, statement: CopyStatement) -> str | None:
    if text == "" and statement.has("emptyasnull"):
        return None
    if text.strip() == "" and text != "" and statement.has("blanksasnull"):
        return None
    if (bad := _BAD_CHARACTER.search(text)) is not None:
        if not statement.has("acceptinvchars") or target.kind == "char":
            code = ord(bad[0]) & 0xFF
            raise RowError(1220, f"{_BAD_TEXT}: {code:x} (error 3)", bad.start())
        text = _BAD_CHARACTER.sub(statement.options["acceptinvchars"], text)
    if "\0" in text:
        raise RowError(1220, f"{_BAD_TEXT}: 0 (error 1)", text.index("\0"))
    data = text.encode()
    if target.kind == "char" and len(data) != len(text):
        raise RowError(1215, "CHAR string contains invalid ASCII char")
    if len(data) > target.bytes:
        if not statement.has("truncatecolumns"):
            raise RowError(1204, "String length exceeds DDL length")
        text = data[: target.bytes].decode("utf-8", "ignore")
    return text


def _integer(text: str, target: Target, statement: CopyStatement) -> str:
    name, limit = _INTEGERS[target.kind]
    if _WHOLE.fullmatch(text) is None:
        place = next((at for at, one in enumerate(text) if not one.isdigit() and not (at == 0 and one in "+-")), 0)
        raise RowError(1207, f"Invalid digit, Value '{text[place]}', Pos {place}, Type: {name}", place)
    if not -limit <= int(text) < limit:
        raise RowError(1222, f"Overflow, Value '{text[:64]}', Type: {name}")
    return str(int(text))


def _float(text: str, target: Target, statement: CopyStatement) -> str:
    if _FLOAT.fullmatch(text) is None:
        raise RowError(1208, f"Invalid floating point value '{text[:64]}'")
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise RowError(1208, f"Overflow, Value '{text[:64]}'")
    return repr(value)


def _decimal(text: str, target: Target, statement: CopyStatement) -> str:
    if _FLOAT.fullmatch(text) is None:
        raise RowError(1209, f"Invalid decimal value '{text[:64]}'")
    precision, scale = target.precision
    value = Decimal(text)
    if abs(value) >= Decimal(10) ** (precision - scale):
        raise RowError(1204, "Numeric data overflow (result precision)")
    rounding = ROUND_HALF_UP if statement.has("roundec") else ROUND_DOWN
    return str(value.quantize(Decimal(1).scaleb(-scale), rounding=rounding))


def _boolean(text: str, target: Target, statement: CopyStatement) -> str:
    if (found := _BOOLEANS.get(text.lower())) is None:
        raise RowError(1210, f"Invalid boolean value '{text[:64]}'")
    return found


def _date(text: str, target: Target, statement: CopyStatement) -> str:
    try:
        return date.fromisoformat(text[:10]).isoformat() if text[10:] in ("", " 00:00:00") else _bad_date(text)
    except ValueError:
        return _bad_date(text)


def _bad_date(text: str) -> str:
    raise RowError(1205, f"Invalid date format - value '{text[:64]}'")


def _timestamp(text: str, target: Target, statement: CopyStatement) -> str:
    format_ = statement.options.get("timeformat", "YYYY-MM-DD HH:MI:SS")
    if format_ in ("epochsecs", "epochmillisecs"):
        if _WHOLE.fullmatch(text) is None:
            if _FLOAT.fullmatch(text):
                raise unknown(f"TIMEFORMAT '{format_}' of a number with a fraction")
            raise RowError(1206, f"Invalid timestamp format or value [{format_}]")
        unit = timedelta(seconds=1) if format_ == "epochsecs" else timedelta(milliseconds=1)
        try:
            return (_EPOCH + int(text) * unit).strftime("%Y-%m-%d %H:%M:%S.%f")
        except OverflowError:
            raise RowError(1206, f"Invalid timestamp format or value [{format_}]") from None
    if format_ not in ("auto", "YYYY-MM-DD HH:MI:SS"):
        raise unknown(f"TIMEFORMAT '{format_}'")
    try:
        if _TIMESTAMP.fullmatch(text):
            return datetime.fromisoformat(text).isoformat(" ")
    except ValueError:
        pass
    # 'auto' knows no epochs: DG automatic-recognition.
    raise RowError(1206, f"Invalid timestamp format or value [{format_}]")


def _type_name(target: Target) -> str:
    return _INTEGERS.get(target.kind, (target.kind.title(), 0))[0]


_CONVERTERS: dict[str, Callable[[str, Target, CopyStatement], str]] = {
    "smallint": _integer, "integer": _integer, "bigint": _integer, "real": _float, "double precision": _float,
    "numeric": _decimal, "boolean": _boolean, "date": _date, "timestamp": _timestamp,
}  # fmt: skip
