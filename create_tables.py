"""Drop and recreate the tables of the configured warehouse: `python create_tables.py`. It does not ask."""

from typing import Any

from sparkify.cli import main as run
from sparkify.star import tables
from sparkify.warehouses import wrap_cursor


def drop_tables(cur: Any, conn: Any) -> None:
    """Drop every table of the warehouse, in one transaction."""
    warehouse = wrap_cursor(cur, conn)
    with warehouse.transaction():
        tables.drop_tables(warehouse)


def create_tables(cur: Any, conn: Any) -> None:
    """Create the missing tables, in one transaction."""
    warehouse = wrap_cursor(cur, conn)
    with warehouse.transaction():
        tables.create_tables(warehouse)


def main() -> None:
    """Drop and recreate everything; exits like `sparkify create`."""
    run(["create", "--drop", "--yes"])


if __name__ == "__main__":
    main()
