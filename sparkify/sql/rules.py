"""The rules that many checks have in common: a check names one, such as `unique(user_id)`, instead of a SELECT.

A rule becomes a SELECT of the rows that break it. Its `-- touched` lines narrow it to the keys of a load.
"""

import re
from collections.abc import Callable

# The key of a table that a load collects, and the table that holds what it collected.
_TOUCHED = {
    "songplays": ("start_time", "sparkify_touched_plays"),
    "user_levels": ("user_id", "sparkify_touched_users"),
    "users": ("user_id", "sparkify_touched_users"),
    "songs": ("song_id", "sparkify_touched_songs"),
    "artists": ("artist_id", "sparkify_touched_artists"),
}


def expand_rule(table: str, rule: str) -> str:
    """The SELECT of a table's rows that break a rule. Raises ValueError for a rule that does not exist."""
    call = re.fullmatch(r"(\w+)\((\w+(?:, \w+)*)\)", rule)
    if call is None or call[1] not in _RULES:
        raise ValueError(f"{rule} is not a rule; the rules are: {', '.join(_RULES)}")
    names = call[2].split(", ")
    try:
        return "\n".join(line for line in _RULES[call[1]](table, *names).splitlines() if line.strip())
    except TypeError:
        raise ValueError(f"{rule} has too few or too many names") from None


def _unique(table: str, *columns: str) -> str:
    """No two rows agree in all these columns."""
    names = ", ".join(columns)
    return f"""SELECT {names}, count(*) AS copies
FROM {table}
{_touched(table, "WHERE")}
GROUP BY {names}
HAVING count(*) > 1"""


def _not_null(table: str, *columns: str) -> str:
    """None of these columns holds NULL."""
    return f"""SELECT {", ".join(columns)}
FROM {table}
WHERE ({" OR ".join(f"{column} IS NULL" for column in columns)})
    {_touched(table, "AND")}"""


def _found(table: str, column: str, other: str) -> str:
    """The column is NULL, or another table has its value in the column of the same name."""
    return f"""SELECT used.{column}, used.number
FROM (
    SELECT {column}, count(*) AS number
    FROM {table}
    WHERE {column} IS NOT NULL
        {_touched(table, "AND")}
    GROUP BY {column}
) AS used
LEFT JOIN {other} ON used.{column} = {other}.{column}
WHERE {other}.{column} IS NULL"""


def _those_staged(table: str, key: str, staging: str, staged: str) -> str:
    """The table's keys are the values of a column of staging.

    A touched key is staged if a changed file has it. Only where others were touched, as by rows that left, all of
    staging is looked through for them.
    """
    _, keys = _TOUCHED[table]
    return f"""SELECT staged.{key} AS staged_{key}, kept.{key} AS kept_{key}
FROM (
    SELECT DISTINCT {staged} AS {key}
    FROM {staging}
    WHERE {staged} IS NOT NULL
        AND source_id IN (SELECT source_id FROM sparkify_changed_files) -- touched
        {_touched(table, "AND", staged)}
    UNION -- touched
    SELECT DISTINCT {staged} AS {key} -- touched
    FROM {staging} -- touched
    WHERE {staged} IN ( -- touched
            SELECT {key} FROM {keys} -- touched
            EXCEPT -- touched
            SELECT {staged} FROM {staging} WHERE source_id IN (SELECT source_id FROM sparkify_changed_files) -- touched
        ) -- touched
) AS staged
FULL OUTER JOIN (
    SELECT {key}
    FROM {table}
    {_touched(table, "WHERE")}
) AS kept ON staged.{key} = kept.{key}
WHERE staged.{key} IS NULL OR kept.{key} IS NULL"""


def _touched(table: str, word: str, column: str = "") -> str:
    if table not in _TOUCHED:
        return ""
    key, keys = _TOUCHED[table]
    return f"{word} {column or key} IN (SELECT {key} FROM {keys}) -- touched"


_RULES: dict[str, Callable[..., str]] = {
    "unique": _unique,
    "not_null": _not_null,
    "found": _found,
    "those_staged": _those_staged,
}
