"""One change of the warehouse: rows leave and enter staging, then the star is updated and checked.

The star is a pure function of staging. When rows leave or enter, their keys ("touched") are collected, and only these
keys are deleted from the star and computed again. An SQL line that ends in `-- touched` limits a statement to these
keys; a rebuild is the same statement without these lines.

A load, an undo and a replay are each one StarChange in one transaction of the caller.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

from sparkify.sql import read_sql, rebuild_sql
from sparkify.star import checks
from sparkify.star.tables import STAGING, STAR, TOUCHED
from sparkify.warehouses import Warehouse

Mode = Literal["rebuild", "refresh"]


def choose_mode(*, changed: int, kept: int) -> Mode:
    """How to update the star, given the records that leave or enter staging and those that stay.

    If at least as many change as stay, a rebuild is cheaper than finding the touched keys.
    """
    return "rebuild" if changed >= kept else "refresh"


class StarChange:
    """One change in the caller's transaction: leave, enter, refresh, check, in this order.

    Its temporary tables stay until the next change or the end of the session. After `leave`, `drop` and `name`, the
    temporary table changed_files holds their files.
    """

    def __init__(self, warehouse: Warehouse, mode: Mode = "refresh") -> None:
        self.mode = mode
        self._warehouse = warehouse
        for table in ("changed_files", *TOUCHED):
            warehouse.execute(f"DROP TABLE IF EXISTS {table}")
            warehouse.execute(read_sql(f"changes/{table}/create"))

    def name(self, source_ids: Iterable[int]) -> None:
        """Put these files into changed_files."""
        self._warehouse.execute("DELETE FROM changed_files")
        self._warehouse.insert_rows("changed_files", ["source_id"], [(source_id,) for source_id in source_ids])

    def drop(self, source_ids: Iterable[int], *, with_rejects: bool = True) -> None:
        """Delete the rows and rejects of files that are not in the star yet."""
        dropped = list(source_ids)
        if not dropped:
            return
        self.name(dropped)
        for table in (*STAGING, "rejected_records") if with_rejects else STAGING:
            self._warehouse.execute(f"DELETE FROM {table} WHERE source_id IN (SELECT source_id FROM changed_files)")

    def leave(self, source_ids: Iterable[int]) -> None:
        """Delete the rows and rejects of files; `refresh` then updates the star."""
        leaving = list(source_ids)
        self.enter(leaving)
        self.drop(leaving)

    def enter(self, source_ids: Iterable[int]) -> None:
        """Collect the keys of these files' rows in staging: rows that have just come or are about to leave."""
        entered = list(source_ids)
        if entered and self.mode == "refresh":
            self.name(entered)
            for table in TOUCHED:
                self._warehouse.execute(read_sql(f"changes/{table}/collect"))

    def refresh(self, around: Callable[[str], AbstractContextManager[object]] = nullcontext) -> None:
        """Update the star from staging; `around` is entered for each table."""
        refresh_star(self._warehouse, rebuild=self.mode == "rebuild", around=around)

    def check(self) -> None:
        """Raise CheckError if a check of severity fail finds rows, so that the transaction is rolled back."""
        checks.require(self._warehouse, touched=self.mode == "refresh")

    def list_warnings(self) -> list[checks.CheckResult]:
        """The checks of severity warn that find rows among the touched keys."""
        return checks.list_broken(self._warehouse, "warn", touched=self.mode == "refresh")


def refresh_star(
    warehouse: Warehouse, *, rebuild: bool, around: Callable[[str], AbstractContextManager[object]] = nullcontext
) -> None:
    """Recompute the touched keys, or all keys, of the star from staging; `around` is entered for each table."""
    for table in STAR:
        with around(table):
            for step in ("delete", "load"):
                sql = read_sql(f"tables/{table}/{step}")
                warehouse.execute(rebuild_sql(sql) if rebuild else sql)
