"""What a change touches: tables of the star, and the bounds of its keys, as literals in what reads history.

An engine skips the blocks outside of a literal range. Whether Redshift skips any by a subquery is not known.
"""

import datetime as dt
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from sparkify.sql import Value, literal_sql
from sparkify.star.tables import STAR
from sparkify.warehouses import Warehouse

_KEYS = re.compile(r"((?:\w+\.)?(\w+)) IN \(SELECT \2 FROM (\w+)\)")
_ENDS = re.compile(r"\(SELECT (min|max)\((\w+)\) FROM (\w+)\)")


@dataclass
class Touched:
    """The tables of the star that a change touches.

    `known` are the least and the greatest value of columns of its temporary tables, by table and column.
    """

    tables: Collection[str] = STAR
    known: dict[tuple[str, str], tuple[Value, Value]] = field(default_factory=dict)

    def note(self, table: str, column: str, least: Value, greatest: Value) -> None:
        """Remember the bounds of a column; both are None where the table is empty."""
        self.known[table, column] = (least, greatest)

    def read_moments(self, warehouse: Warehouse) -> None:
        """Fetch those of the moments of touched plays and users."""
        moments = {"sparkify_touched_users": "moment", "sparkify_touched_plays": "start_time"}
        selects = [
            f"SELECT '{table}' AS name, min(ts), max(ts), min({moment}), max({moment}) FROM {table}"
            for table, moment in moments.items()
        ]
        for table, first_ts, last_ts, first, last in warehouse.fetch(" UNION ALL ".join(selects)):
            self.note(table, "ts", first_ts, last_ts)
            self.note(table, moments[table], first, last)

    def write(self, sql: str) -> str:
        """The statement with the bounds that are known: beside the lists of keys, and in place of subqueries."""

        def write_keys(found: re.Match[str]) -> str:
            ends = self.known.get((found[3], found[2]))
            if ends is None:
                return found[0]
            return f"({found[1]} BETWEEN {_literal(ends[0])} AND {_literal(ends[1])} AND {found[0]})"

        def write_end(found: re.Match[str]) -> str:
            ends = self.known.get((found[3], found[2]))
            return found[0] if ends is None else _literal(ends[0] if found[1] == "min" else ends[1])

        return _ENDS.sub(write_end, _KEYS.sub(write_keys, sql))


def _literal(value: Value) -> str:
    assert value is None or isinstance(value, int | dt.datetime)
    return literal_sql(value)
