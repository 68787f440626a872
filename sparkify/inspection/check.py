"""Run the data-quality checks, and compare two warehouses. Changes nothing."""

from sparkify.settings import Config
from sparkify.star import checks
from sparkify.star.comparison import TableComparison, compare_stars
from sparkify.star.tables import require_tables
from sparkify.warehouses import open_warehouse


def check(config: Config) -> list[checks.CheckResult]:
    """Run every data-quality check on the whole warehouse. Read-only."""
    with open_warehouse(config, read_only=True) as warehouse:
        require_tables(warehouse)
        return checks.run_checks(warehouse, checks.list_checks())


def compare(first: Config, second: Config) -> list[TableComparison]:
    """Compare the stars of two warehouses, table by table. Read-only."""
    with open_warehouse(first, read_only=True) as one, open_warehouse(second, read_only=True) as other:
        for warehouse in (one, other):
            require_tables(warehouse)
        return compare_stars(one, other)
