"""Run the data-quality checks, and compare two warehouses. Changes nothing."""

from collections.abc import Callable

from sparkify.arguments import checked
from sparkify.settings import Config
from sparkify.star import checks
from sparkify.star.comparison import TableComparison, compare_stars
from sparkify.star.version import Version, open_to_read, require_version
from sparkify.warehouses import open_warehouse


@checked
def check(
    config: Config,
    *,
    on_statement: Callable[[str, int, int], None] = lambda name, done, total: None,
    on_result: Callable[[checks.CheckResult], None] = lambda result: None,
) -> list[checks.CheckResult]:
    """Run every data-quality check on the whole warehouse. Read-only.

    `on_statement` is called with what is looked at next, the number of checks that are done, and that of all, and
    `on_result` with each result as it is known.
    """
    with open_to_read(config) as warehouse:
        every = checks.list_checks()
        return checks.run_checks(warehouse, every, on_statement=on_statement, on_result=on_result)


@checked
def compare(first: Config, second: Config) -> list[TableComparison]:
    """Compare the stars of two warehouses, table by table. Read-only."""
    with open_to_read(first) as one, open_to_read(second) as other:
        return compare_stars(one, other)


def version_of(config: Config) -> Version:
    """The version of a warehouse, an older one without a warning. Read-only. Raises VersionError for a newer one."""
    with open_warehouse(config, read_only=True) as warehouse:
        return require_version(warehouse)
