"""Whether two warehouses hold the same star: counts and checksums that do not depend on the order of rows.

Each row is turned into a text, in SQL that every engine runs, and its MD5 into a number; a table's checksum is the sum.
Keys are grouped into buckets, and only the rows of differing buckets are fetched. Numbers with a fraction are compared
to six decimals, because engines format doubles differently.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from sparkify.sql import list_columns, read_table
from sparkify.star.tables import STAR
from sparkify.warehouses import Warehouse

# 60 bits of the digest: their sum over any table fits an exact number type of every engine.
_DIGITS = 15
_BUCKET_DIGITS = 3
_MOST_DIFFERENCES = 3


@dataclass(frozen=True)
class Difference:
    """One key whose rows differ: each differing column with both values, and which warehouse has the only row."""

    key: str
    columns: dict[str, tuple[str | None, str | None]]
    only_in: Literal["first", "second"] | None = None


@dataclass(frozen=True)
class TableComparison:
    """How one table compares: its rows in both warehouses, and the first differences."""

    table: str
    rows: tuple[int, int]
    equal: bool
    differences: list[Difference] = field(default_factory=list)


def compare_stars(first: Warehouse, second: Warehouse) -> list[TableComparison]:
    """Compare every table of the stars of two warehouses."""
    return [_compare(table, first, second) for table in STAR]


def _compare(table: str, first: Warehouse, second: Warehouse) -> TableComparison:
    sums = [_fetch_sums(warehouse, table) for warehouse in (first, second)]
    rows = (_count(sums[0]), _count(sums[1]))
    differing = sorted(bucket for bucket in {*sums[0], *sums[1]} if sums[0].get(bucket) != sums[1].get(bucket))
    found = (difference for bucket in differing for difference in _differences(table, bucket, first, second))
    return TableComparison(table, rows, not differing, list(islice(found, _MOST_DIFFERENCES)))


def _count(sums: dict[str, tuple[int, int]]) -> int:
    return sum(count for count, _ in sums.values())


def _fetch_sums(warehouse: Warehouse, table: str) -> dict[str, tuple[int, int]]:
    """The number of rows and their checksum, by bucket of keys."""
    sql = f"""SELECT bucket, count(*), sum({_number("digest")})
    FROM (SELECT {_bucket(table)} AS bucket, md5({_row_text(table)}) AS digest FROM {table}) AS digests
    GROUP BY bucket"""
    return {bucket: (int(count), int(checksum)) for bucket, count, checksum in warehouse.fetch(sql)}


def _differences(table: str, bucket: str, first: Warehouse, second: Warehouse) -> Iterator[Difference]:
    columns = list(list_columns(table))
    places = [columns.index(name) for name in _list_keys(table)]
    sides = []
    for warehouse in (first, second):
        fields = ", ".join(_text(name, kind) for name, kind in list_columns(table).items())
        rows = warehouse.fetch(f"SELECT {fields} FROM {table} WHERE {_bucket(table)} = $1", [bucket])
        sides.append({", ".join(row[place] or "NULL" for place in places): row for row in rows})
    for key in sorted({*sides[0], *sides[1]}):
        values = [side.get(key, (None,) * len(columns)) for side in sides]
        if values[0] != values[1]:
            pairs = zip(columns, zip(*values, strict=True), strict=True)
            only_in: Literal["first", "second"] | None = None
            if key not in sides[0] or key not in sides[1]:
                only_in = "first" if key in sides[0] else "second"
            yield Difference(key, {name: pair for name, pair in pairs if pair[0] != pair[1]}, only_in)


def _list_keys(table: str) -> list[str]:
    """The columns that name a row: all of them where there is no primary key."""
    return read_table(table).primary_key or list(list_columns(table))


def _bucket(table: str) -> str:
    columns = list_columns(table)
    key = " || ', ' || ".join(f"coalesce({_text(name, columns[name])}, 'NULL')" for name in _list_keys(table))
    return f"substring(md5({key}), 1, {_BUCKET_DIGITS})"


def _row_text(table: str) -> str:
    # The length before each value makes ('a', 'bc') differ from ('ab', 'c').
    texts = [_text(name, kind) for name, kind in list_columns(table).items()]
    return "\n    || ".join(f"coalesce(cast(length({text}) AS VARCHAR) || ':' || {text}, '-')" for text in texts)


def _text(name: str, kind: str) -> str:
    """SQL: a column's value as a text that is the same on every warehouse."""
    if kind in ("VARCHAR", "CHAR"):
        return name
    if kind == "TIMESTAMP":
        # Some engines omit trailing zeros of the fraction.
        text = f"cast({name} AS VARCHAR)"
        return f"rpad(CASE WHEN strpos({text}, '.') > 0 THEN {text} ELSE {text} || '.' END, 26, '0')"
    if kind == "DOUBLE PRECISION":
        return (
            f"CASE WHEN abs({name}) < 100000000000 THEN cast(cast({name} AS DECIMAL(18, 6)) AS VARCHAR) "
            f"WHEN {name} IS NOT NULL THEN CASE WHEN {name} > 0 THEN 'large' ELSE '-large' END END"
        )
    return f"cast({name} AS VARCHAR)"


def _number(digest: str) -> str:
    """SQL: the first digits of a hexadecimal text as a number. The engines share no function for this."""
    return " + ".join(
        f"cast(strpos('0123456789abcdef', substring({digest}, {place}, 1)) - 1 AS BIGINT) * {16 ** (_DIGITS - place)}"
        for place in range(1, _DIGITS + 1)
    )
