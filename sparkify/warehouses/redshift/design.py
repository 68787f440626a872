"""Brings the keys and encodings of the tables of older code to those of a new warehouse.

DG r_ALTER_TABLE: rows stay, and the table can be read meanwhile. Of ALTER COLUMN … TYPE the page says that it cannot be
in a transaction, of these statements nothing; so each is sent by itself.
"""

from collections.abc import Callable, Iterator

from sparkify.errors import EngineError
from sparkify.sql import Design, read_design, read_table
from sparkify.warehouses.base import Warehouse

# DG r_PG_TABLE_DEF: of the schemas in the search path. A number below zero is of an interleaved key.
_READ = """SELECT tablename, "column", encoding, distkey, sortkey FROM pg_table_def
WHERE schemaname = current_schema()"""
_RAW = ("none", "", None)


def update_design(warehouse: Warehouse, names: tuple[str, ...]) -> list[str]:
    """Change what differs of the tables with these names; returns a sentence for each, also for a refusal."""
    try:
        # A new sort key may change encodings.
        return _change(warehouse, names, _list_keys_sql) + _change(warehouse, names, _list_encodings_sql)
    except EngineError as error:
        return [f"how the tables are stored cannot be read, until sparkify migrate tries again: {error}"]


def _change(
    warehouse: Warehouse, names: tuple[str, ...], list_sql: Callable[[str, Design, Design], Iterator[str]]
) -> list[str]:
    found, steps = _read_designs(warehouse), []
    for name in names:
        for sql in list_sql(name, found[name], read_design(name)) if name in found else ():
            try:
                warehouse.execute(sql)
                steps.append(f"changed the storage of {name}: {sql.partition(f' {name} ')[2]}")
            except EngineError as error:
                steps.append(f"{name} is stored as before, until sparkify migrate tries again: {error}")
    return steps


def _read_designs(warehouse: Warehouse) -> dict[str, Design]:
    designs: dict[str, Design] = {}
    rows = warehouse.fetch(_READ)
    for name in {row[0] for row in rows}:
        columns = [row[1:] for row in rows if row[0] == name]
        designs[name] = Design(
            next((column for column, _, is_distkey, _ in columns if is_distkey), None),
            tuple(column for place, column in sorted((place, column) for column, _, _, place in columns if place)),
            {column: "raw" if encoding in _RAW else encoding for column, encoding, *_ in columns},
        )
    return designs


def _list_keys_sql(name: str, found: Design, wanted: Design) -> Iterator[str]:
    if wanted.distkey is not None and found.distkey != wanted.distkey:
        yield f"ALTER TABLE {name} ALTER DISTSTYLE KEY DISTKEY {wanted.distkey}"
    if wanted.is_even and found.distkey is not None:
        yield f"ALTER TABLE {name} ALTER DISTSTYLE EVEN"
    if found.sortkey != wanted.sortkey:
        yield f"ALTER TABLE {name} ALTER SORTKEY ({', '.join(wanted.sortkey)})"


def _list_encodings_sql(name: str, found: Design, wanted: Design) -> Iterator[str]:
    for column in read_table(name).columns:
        encoding = wanted.encodings[column.name.lower()]
        if found.encodings.get(column.name.lower(), encoding) != encoding:
            yield f"ALTER TABLE {name} ALTER COLUMN {column.identifier} ENCODE {encoding.upper()}"
