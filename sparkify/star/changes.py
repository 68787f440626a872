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
from sparkify.star.tables import COLLECT, COLLECT_OF_SONGS, OF_SONGS, STAGING, STAR
from sparkify.star.touched import Touched
from sparkify.warehouses import Warehouse

Mode = Literal["rebuild", "refresh"]

_FILES = "sparkify_changed_files"
_COUNT_SONGS = f"SELECT count(*) FROM staging_songs WHERE source_id IN (SELECT source_id FROM {_FILES})"


def choose_mode(*, changed: int, kept: int) -> Mode:
    """How to update the star, given the records that leave or enter staging and those that stay.

    If at least as many change as stay, a rebuild is cheaper than finding the touched keys.
    """
    return "rebuild" if changed >= kept else "refresh"


class StarChange:
    """One change in the caller's transaction: leave, enter, refresh, check, in this order.

    Its temporary tables stay until the next change or the end of the session. After `leave`, `drop` and `name`, the
    temporary table sparkify_changed_files holds their files.
    """

    def __init__(self, warehouse: Warehouse, mode: Mode = "refresh") -> None:
        self.mode = mode
        self._warehouse = warehouse
        self._touched = Touched(tables=())
        self._collected: set[str] = set()
        self._is_named = False
        warehouse.make_temporary(_FILES)

    def name(self, source_ids: Iterable[int]) -> None:
        """Put these files into sparkify_changed_files."""
        if self._is_named:
            self._warehouse.make_temporary(_FILES)
        self._is_named = True
        named = list(source_ids)
        self._touched.note(_FILES, "source_id", min(named, default=None), max(named, default=None))
        self._warehouse.insert_rows(_FILES, ["source_id"], [(source_id,) for source_id in named])

    def drop(self, source_ids: Iterable[int], *, with_rejects: bool = True) -> None:
        """Delete the rows and rejects of files that are not in the star yet."""
        dropped = list(source_ids)
        if not dropped:
            return
        self.name(dropped)
        for table in (*STAGING, "rejected_records") if with_rejects else STAGING:
            self._execute(f"DELETE FROM {table} WHERE source_id IN (SELECT source_id FROM sparkify_changed_files)")

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
            self._collect()

    def _collect(self) -> None:
        ((songs,),) = self._warehouse.fetch(self._touched.write(_COUNT_SONGS))
        for step in (*COLLECT, *(COLLECT_OF_SONGS if songs else ())):
            table = step.partition("/")[0]
            if table not in self._collected:
                self._warehouse.make_temporary(table)
                self._collected.add(table)
            self._execute(read_sql(f"changes/{step}"))
        has_songs = songs or self._touched.tables == STAR
        self._touched.tables = STAR if has_songs else [table for table in STAR if table not in OF_SONGS]

    def _execute(self, sql: str) -> None:
        self._warehouse.execute(self._touched.write(sql))

    def refresh(self, around: Callable[[str], AbstractContextManager[object]] = nullcontext) -> None:
        """Update the star from staging; `around` is entered for each table, also if nothing of it is touched."""
        if self.mode == "refresh" and self._touched.tables:
            for table in ("sparkify_touched_plays", "sparkify_touched_users"):
                self._warehouse.analyze(table)
            self._touched.read_moments(self._warehouse)
        refresh_star(self._warehouse, touched=self._narrowed(), around=around)

    def check(self) -> None:
        """Raise CheckError if a check of severity fail finds rows, so that the transaction is rolled back."""
        checks.require(self._warehouse, touched=self._narrowed())

    def list_warnings(self) -> list[checks.CheckResult]:
        """The checks of severity warn that find rows among the touched keys."""
        return checks.list_broken(self._warehouse, "warn", touched=self._narrowed())

    def _narrowed(self) -> Touched | None:
        return self._touched if self.mode == "refresh" else None


def refresh_star(
    warehouse: Warehouse,
    *,
    touched: Touched | None = None,
    around: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> None:
    """Recompute the touched keys, or all keys, of the star from staging; `around` is entered for each table."""
    for table in STAR:
        with around(table):
            for step in ("delete", "load") if touched is None or table in touched.tables else ():
                sql = read_sql(f"tables/{table}/{step}")
                warehouse.execute(rebuild_sql(sql) if touched is None else touched.write(sql))
