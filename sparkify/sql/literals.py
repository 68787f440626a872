"""Values as SQL literals, and parameters replaced by them: the one place where a value becomes part of a statement."""

import datetime as dt
import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal

Value = str | int | float | Decimal | bool | dt.date | dt.datetime | None

# A text in quotes by each engine: a backslash is an escape in Redshift.
_QUOTED = {"duckdb": r"'(?:[^']|'')*'", "redshift": r"'(?:[^'\\]|\\.|'')*'"}
_OTHER_PARTS = r""" "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | \$(\w*)\$.*?\$\1\$ | (?<![\w$])\$([A-Za-z_]\w*|\d+)"""
_PARTS = {
    dialect: re.compile(f"{quoted} | {_OTHER_PARTS}", re.VERBOSE | re.DOTALL) for dialect, quoted in _QUOTED.items()
}


def quote(text: str, dialect: str = "duckdb") -> str:
    """A text as a literal. Redshift takes a backslash for an escape, so there it is doubled as well."""
    if dialect == "redshift":
        text = text.replace("\\", "\\\\")
    return "'" + text.replace("'", "''") + "'"


def literal_sql(value: Value, dialect: str | None = None) -> str:
    """A value as a literal of one engine, or without a dialect as one that means the same on every engine.

    A time with a zone is written in UTC. Raises ValueError if there is no such literal.
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | Decimal | float) and math.isfinite(value):
        # Without parentheses, a minus before it would begin a comment.
        return f"({value})" if value < 0 else str(value)
    if isinstance(value, dt.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(dt.UTC).replace(tzinfo=None)
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    if isinstance(value, dt.date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, str) and _is_storable(value) and (dialect or "\\" not in value):
        return quote(value, dialect or "duckdb")
    raise ValueError(f"there is no literal for {value!r}")


def _is_storable(text: str) -> bool:
    """Whether an engine can hold it: it has neither U+0000 nor half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def replace_parameters(sql: str, replace: Callable[[str], str | None], dialect: str) -> str:
    """The SQL with each `$name` and `$1` replaced by what `replace` makes of the name; None leaves it as it is.

    Text in quotes, in dollar quotes and in comments is left as it is.
    """

    def fill(found: re.Match[str]) -> str:
        replaced = None if found[2] is None else replace(found[2])
        return found[0] if replaced is None else replaced

    return _PARTS[dialect].sub(fill, sql)


def write_values(sql: str, values: Sequence[Value], dialect: str) -> str:
    """The SQL with the literals of the values in place of `$1`, `$2` …. Raises ValueError like `literal_sql`."""
    return replace_parameters(sql, lambda place: literal_sql(values[int(place) - 1], dialect), dialect)
