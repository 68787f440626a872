"""The undo of a load: one transaction that removes its rows and updates the star."""

import time
from dataclasses import dataclass, field, replace
from typing import Literal

from sparkify.arguments import checked
from sparkify.errors import UsageError
from sparkify.formats import Shown
from sparkify.loads import ledger
from sparkify.loads.migrate import bring_up_to_date
from sparkify.loads.retry import retry_conflicts
from sparkify.settings import Config
from sparkify.star.changes import Mode, StarChange, choose_mode
from sparkify.star.tables import count_rows
from sparkify.star.version import require_version
from sparkify.warehouses import Warehouse, open_warehouse


@dataclass(frozen=True, repr=False)
class UndoResult(Shown):
    """What undoing a load did, or would do. `records` counts the removed records.

    `pending` are the files that a load would take again. For those in `replaced`, the load had replaced an older
    version, whose rows cannot be restored. `mode` is how the star is updated.
    """

    load_id: int
    status: Literal["undone", "would_undo"]
    mode: Mode
    records: dict[str, int]
    pending: list[str]
    replaced: list[str]
    tables: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


@checked
def undo(config: Config, load_id: int, *, dry_run: bool = False) -> UndoResult:
    """Remove the rows and rejects of a load; its files are pending again.

    Raises UsageError for a load that does not exist, was undone already, or has no rows left.
    """
    started = time.monotonic()
    with open_warehouse(config, read_only=dry_run) as warehouse:
        require_version(warehouse)
        if not dry_run:
            bring_up_to_date(warehouse)
        if dry_run:
            return _plan_undo(warehouse, load_id)[0]
        result = retry_conflicts(lambda: _undo(warehouse, load_id))
        return replace(
            result, status="undone", tables=count_rows(warehouse), seconds=round(time.monotonic() - started, 3)
        )


def _undo(warehouse: Warehouse, load_id: int) -> UndoResult:
    with warehouse.load_transaction():
        planned, source_ids = _plan_undo(warehouse, load_id)
        change = StarChange(warehouse, planned.mode)
        change.leave(source_ids)
        ledger.mark_undone(warehouse, load_id)
        change.refresh()
        change.check()
    return planned


def _plan_undo(warehouse: Warehouse, load_id: int) -> tuple[UndoResult, list[int]]:
    """What undoing a load would do, and the source ids of its files."""
    status = ledger.load_status(warehouse, load_id)
    if status is None:
        raise UsageError(f"there is no load {load_id}; sparkify status lists them")
    if status == "undone":
        raise UsageError(f"load {load_id} is undone already")
    leaving = ledger.list_remaining(warehouse, load_id)
    if not leaving:
        later = ledger.list_superseding(warehouse, load_id)
        why = f"load {', '.join(map(str, later))} replaced its files" if later else "none of its files could be loaded"
        raise UsageError(f"nothing of load {load_id} is left to undo: {why}")
    records = {"loaded": sum(file.loaded for file in leaving), "rejected": sum(file.rejected for file in leaving)}
    mode = choose_mode(changed=records["loaded"], kept=ledger.count_loaded(warehouse) - records["loaded"])
    urls = [file.url for file in leaving]
    older = set(ledger.list_replaced(warehouse, load_id))
    replaced = [url for url in urls if url in older]
    result = UndoResult(load_id, "would_undo", mode, records, urls, replaced)
    return result, [file.source_id for file in leaving]
