"""Load the configured sources into the configured warehouse: `python etl.py`."""

from sparkify.__main__ import main as run


def load_staging_tables(cur: object, conn: object) -> None:
    """Load what is new or changed at the configured sources, exactly once.

    Staging, rejects, ledger and star change in one transaction of the cursor's own: were the star left for later, a
    kill in between would leave it behind a ledger that says all is done.
    """
    from sparkify.loads.load import load_into
    from sparkify.settings import load_config
    from sparkify.warehouses import wrap_cursor

    config = load_config()
    load_into(wrap_cursor(cur, conn, config), config)


def insert_tables(cur: object, conn: object) -> None:
    """Compute the whole star anew from staging, in one transaction of the cursor's own."""
    from sparkify.star.changes import refresh_star
    from sparkify.star.version import require_version
    from sparkify.warehouses import wrap_cursor

    warehouse = wrap_cursor(cur, conn)
    require_version(warehouse)
    with warehouse.transaction():
        refresh_star(warehouse)


def main() -> None:
    """Load once; exits as the command does."""
    run(["load"])


if __name__ == "__main__":
    main()
