"""Rejected records that are judged again by the current rules: the steps that a replay and a migration share."""

from collections import Counter
from collections.abc import Callable, Sequence

from sparkify.datasets import Dataset
from sparkify.loads import ledger
from sparkify.loads.ledger import Replayable
from sparkify.star.changes import StarChange
from sparkify.star.tables import count_rows
from sparkify.warehouses import Warehouse


def collect_rejects(warehouse: Warehouse, change: StarChange, found: Sequence[Replayable]) -> list[Dataset]:
    """Copy these rejects to where `Intake.judge_again` takes them; returns their datasets."""
    change.name(list_files(found))
    ledger.collect_replayed(warehouse)
    return sorted({some.dataset for some in found})


def list_files(found: Sequence[Replayable]) -> list[int]:
    """The source ids of the files of rejects."""
    return sorted({some.source_id for some in found})


def bring_judged(warehouse: Warehouse, take: Callable[[], Counter[int]]) -> int:
    """Bring what `Intake.judge_again` gave, in the caller's transaction; returns the number of those loaded now.

    The star is not updated. The temporary table sparkify_changed_files has to hold their files.
    """
    before = _count_rejects(warehouse)
    ledger.remove_replayed(warehouse)
    ledger.add_repaired(warehouse, take())
    ledger.recount(warehouse)
    return before - _count_rejects(warehouse)


def _count_rejects(warehouse: Warehouse) -> int:
    return count_rows(warehouse, ["rejected_records"])["rejected_records"]
