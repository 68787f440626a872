"""Rejected records that are judged again by the current rules: the step that a replay and a migration share."""

from collections.abc import Iterable

from sparkify.loads import ledger
from sparkify.loads.ledger import Replayable
from sparkify.star.changes import StarChange
from sparkify.star.tables import count_rows
from sparkify.warehouses import Warehouse


def judge_again(warehouse: Warehouse, change: StarChange, found: Iterable[Replayable]) -> int:
    """Judge these rejects again, in the caller's transaction; returns the number of those that are loaded now.

    The star is not updated: `change` names their files.
    """
    several = list(found)
    before = _count_rejects(warehouse)
    change.name(sorted({some.source_id for some in several}))
    ledger.collect_replayed(warehouse)
    for dataset in sorted({some.dataset for some in several}):
        ledger.add_repaired(warehouse, warehouse.intake.append_again(dataset))
    ledger.recount(warehouse)
    return before - _count_rejects(warehouse)


def _count_rejects(warehouse: Warehouse) -> int:
    return count_rows(warehouse, ["rejected_records"])["rejected_records"]
