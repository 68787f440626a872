"""Values for the parameters of a user's SQL: each `$name` is replaced by a literal, so that the SQL is complete."""

import difflib
from collections.abc import Mapping

from sparkify.errors import UsageError
from sparkify.sql import Value, literal_sql, replace_parameters

__all__ = ["Value", "fill_parameters"]


def fill_parameters(sql: str, values: Mapping[str, Value], dialect: str) -> str:
    """The SQL with a literal for each parameter. Raises UsageError if a value is missing, or given for nothing."""
    used: set[str] = set()

    def literal_of(name: str) -> str | None:
        if name.isdigit():
            return None
        if name not in values:
            close = difflib.get_close_matches(name, values, n=1)
            hint = f"; one is given for {close[0]}" if close else ""
            raise UsageError(
                f"the SQL has ${name}, and no value is given for it; give one for the parameter {name}{hint}"
            )
        used.add(name)
        return _literal(values[name], dialect)

    filled = replace_parameters(sql, literal_of, dialect)
    for name in values:
        if name not in used:
            close = difflib.get_close_matches(name, used, n=1)
            hint = f"did you mean {close[0]}?" if close else f"write ${name} where the value belongs"
            raise UsageError(f"a value is given for {name}, and the SQL has no ${name}; {hint}")
    return filled


def _literal(value: Value, dialect: str) -> str:
    """A value as a literal. A text takes the type that it is compared with."""
    try:
        return literal_sql(value, dialect)
    except ValueError:
        raise UsageError(
            f"{value!r} cannot be a parameter; give a text, a number, a date, a time, true, false or nothing"
        ) from None
