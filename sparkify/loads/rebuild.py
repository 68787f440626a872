"""Recomputes the star from staging, in one transaction."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from sparkify.arguments import checked
from sparkify.formats import Shown
from sparkify.loads.migrate import bring_up_to_date
from sparkify.loads.progress import seconds_since
from sparkify.loads.retry import retry_conflicts
from sparkify.settings import Config
from sparkify.star.changes import StarChange
from sparkify.star.tables import STAR, count_rows
from sparkify.star.version import require_version, write_version
from sparkify.warehouses import Warehouse, open_warehouse


@dataclass(frozen=True)
class TableChange:
    """Rows of a table before and after, and how many of the rows after are new or different."""

    before: int
    after: int
    changed: int


@dataclass(frozen=True, repr=False)
class RebuildResult(Shown):
    """What recomputing the star changed, or would change, by table."""

    status: Literal["rebuilt", "would_rebuild"]
    tables: dict[str, TableChange]
    seconds: float


class _OnlyTriedError(Exception):
    """Rolls back the transaction of a dry run."""


@checked
def rebuild(
    config: Config, *, dry_run: bool = False, on_step: Callable[[str], None] = lambda step: None
) -> RebuildResult:
    """Recompute the star from staging, all or nothing. With `dry_run` it is computed and rolled back.

    `on_step` is called with the name of each step. Raises NoWarehouseError without a warehouse, VersionError for a
    newer one, and CheckError if the star breaks a check; then nothing was changed.
    """
    started = time.monotonic()
    with open_warehouse(config) as warehouse:
        require_version(warehouse)
        if not dry_run:
            bring_up_to_date(warehouse)
        tables = retry_conflicts(lambda: _rebuild(warehouse, dry_run, on_step))
    return RebuildResult("would_rebuild" if dry_run else "rebuilt", tables, seconds_since(started))


def _rebuild(warehouse: Warehouse, dry_run: bool, on_step: Callable[[str], None]) -> dict[str, TableChange]:
    tables: dict[str, TableChange] = {}
    with suppress(_OnlyTriedError), warehouse.load_transaction():
        change = StarChange(warehouse, "rebuild")
        change.refresh(lambda table: _compared(warehouse, table, tables, on_step))
        on_step("checking")
        change.check()
        if dry_run:
            raise _OnlyTriedError
        write_version(warehouse)
    return tables


@contextmanager
def _compared(
    warehouse: Warehouse, table: str, tables: dict[str, TableChange], on_step: Callable[[str], None]
) -> Iterator[None]:
    """Keep a table's rows while it is recomputed, and count the differences."""
    on_step(f"computing {table} ({STAR.index(table) + 1} of {len(STAR)})")
    warehouse.execute(f"CREATE TEMP TABLE sparkify_before_{table} AS SELECT * FROM {table}")
    yield
    sql = f"SELECT count(*) FROM (SELECT * FROM {table} EXCEPT SELECT * FROM sparkify_before_{table}) AS changed"
    ((changed,),) = warehouse.fetch(sql)
    rows = count_rows(warehouse, [table, f"sparkify_before_{table}"])
    tables[table] = TableChange(rows[f"sparkify_before_{table}"], rows[table], changed)
    warehouse.execute(f"DROP TABLE sparkify_before_{table}")
