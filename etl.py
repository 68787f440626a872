"""Load the configured sources into the configured warehouse: `python etl.py`."""

from typing import Any

from sparkify.cli import main as run
from sparkify.loads.load import load_into
from sparkify.settings import load_config
from sparkify.star.changes import refresh_star
from sparkify.warehouses import wrap_cursor


def load_staging_tables(cur: Any, conn: Any) -> None:
    """Load new and changed files of the configured sources, each exactly once.

    Staging, rejects, ledger and star change in one transaction. If `insert_tables` had to update the star, a kill
    before it would leave an old star and a ledger that says that all is loaded.
    """
    config = load_config()
    load_into(wrap_cursor(cur, conn, config), config)


def insert_tables(cur: Any, conn: Any) -> None:
    """Recompute the whole star from staging, in one transaction."""
    warehouse = wrap_cursor(cur, conn)
    with warehouse.transaction():
        refresh_star(warehouse, rebuild=True)


def main() -> None:
    """Load once; exits like `sparkify load`."""
    run(["load"])


if __name__ == "__main__":
    main()
