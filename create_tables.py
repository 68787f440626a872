"""Drop and recreate the tables of the configured warehouse: `python create_tables.py`. It does not ask."""

from sparkify.__main__ import main as run


def drop_tables(cur: object, conn: object) -> None:
    """Drop every table of the warehouse, in one transaction of the cursor's own."""
    from sparkify.loads.create import drop_all
    from sparkify.warehouses import wrap_cursor

    warehouse = wrap_cursor(cur, conn)
    with warehouse.transaction():
        drop_all(warehouse)


def create_tables(cur: object, conn: object) -> None:
    """Create the tables that are missing, in one transaction of the cursor's own."""
    from sparkify.loads.migrate import bring_up_to_date
    from sparkify.warehouses import wrap_cursor

    bring_up_to_date(wrap_cursor(cur, conn))


def main() -> None:
    """Drop and recreate everything; exits as the command does."""
    run(["create", "--drop", "--yes"])


if __name__ == "__main__":
    main()
