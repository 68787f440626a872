"""Drop and recreate the tables of the configured warehouse: `python create_tables.py`. It does not ask."""

from typing import Any

from sparkify.cli import main as run
from sparkify.engines import wrap_cursor
from sql_queries import create_table_queries, drop_table_queries


def drop_tables(cur: Any, conn: Any) -> None:
    """Drop every table of the warehouse, in one transaction of the cursor's own."""
    _run_all(cur, drop_table_queries)


def create_tables(cur: Any, conn: Any) -> None:
    """Create the tables that are missing, in one transaction of the cursor's own."""
    _run_all(cur, create_table_queries)


def _run_all(cur: Any, queries: list[str]) -> None:
    engine = wrap_cursor(cur)
    with engine.transaction():
        for query in queries:
            engine.execute(query)


def main() -> None:
    """Drop and recreate everything; exits as the command does."""
    run(["create", "--drop", "--yes"])


if __name__ == "__main__":
    main()
