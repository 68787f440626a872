"""Values for the parameters of a user's SQL: each `$name` is replaced by a literal, so that the SQL is complete.

Text in quotes, in dollar quotes and in comments is left as it is.
"""

import datetime as dt
import difflib
import math
import re
from collections.abc import Mapping
from decimal import Decimal

from sparkify.errors import UsageError
from sparkify.sql import quote

Value = str | int | float | Decimal | bool | dt.date | dt.datetime | None

_PARTS = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | \$(\w*)\$.*?\$\1\$ | (?<![\w$])\$([A-Za-z_]\w*)""",
    re.VERBOSE | re.DOTALL,
)


def fill_parameters(sql: str, values: Mapping[str, Value], dialect: str) -> str:
    """The SQL with a literal for each parameter. Raises UsageError if a value is missing, or given for nothing."""
    used: set[str] = set()

    def fill(found: re.Match[str]) -> str:
        if (name := found[2]) is None:
            return found[0]
        if name not in values:
            raise UsageError(f"the SQL has ${name}, and no value is given for it; give one for the parameter {name}")
        used.add(name)
        return _literal(values[name], dialect)

    filled = _PARTS.sub(fill, sql)
    for name in values:
        if name not in used:
            close = difflib.get_close_matches(name, used, n=1)
            hint = f"did you mean {close[0]}?" if close else f"write ${name} where the value belongs"
            raise UsageError(f"a value is given for {name}, and the SQL has no ${name}; {hint}")
    return filled


def _literal(value: Value, dialect: str) -> str:
    """A value as a literal. A text takes the type that it is compared with."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | Decimal) or (isinstance(value, float) and math.isfinite(value)):
        # Without parentheses, a minus before it would begin a comment.
        return f"({value})" if value < 0 else str(value)
    if isinstance(value, dt.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(dt.UTC).replace(tzinfo=None)
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    if isinstance(value, dt.date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, str) and "\0" not in value:
        return quote(value, dialect)
    raise UsageError(f"{value!r} cannot be a parameter; give a text, a number, a date, a time, true, false or nothing")
