"""The replay: judge rejected records again by the current rules, and bring what passes in one transaction.

As with a load, an engine on another machine judges before that transaction.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from sparkify.arguments import checked
from sparkify.errors import ConflictError
from sparkify.formats import Shown
from sparkify.loads import ledger
from sparkify.loads.judging import bring_judged, collect_rejects, list_files
from sparkify.loads.ledger import Replayable
from sparkify.loads.migrate import bring_up_to_date
from sparkify.loads.retry import lock_again, retry_conflicts
from sparkify.settings import Config
from sparkify.star.changes import Mode, StarChange, choose_mode
from sparkify.star.tables import count_rows
from sparkify.star.version import require_version
from sparkify.warehouses import Warehouse, open_warehouse


@dataclass(frozen=True, repr=False)
class ReplayResult(Shown):
    """What a replay did: the records judged again, those now loaded, and the reasons of all rejects that remain.

    With `dry_run`, the records that would be judged, and their reasons. `mode` is how the star is updated.
    """

    status: Literal["replayed", "would_replay", "nothing_to_do"]
    mode: Mode | None
    records: dict[str, int]
    reasons: dict[str, int]
    tables: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


@checked
def replay(config: Config, *, dry_run: bool = False) -> ReplayResult:
    """Judge the rejects of loaded files again by the current rules. Records that pass are loaded.

    Records that are not valid UTF-8, hold a zero byte or are longer than 65,535 bytes are skipped: not all of their
    bytes are kept. Fix the file instead.
    """
    started = time.monotonic()
    with open_warehouse(config, read_only=dry_run) as warehouse:
        require_version(warehouse)
        if not dry_run:
            bring_up_to_date(warehouse)
        if dry_run:
            return _plan_replay(warehouse)[0]
        result = retry_conflicts(lambda: _replay(warehouse))
        return replace(
            result,
            reasons=ledger.count_reasons(warehouse),
            tables=count_rows(warehouse),
            seconds=round(time.monotonic() - started, 3),
        )


def _replay(warehouse: Warehouse) -> ReplayResult:
    with warehouse.load_transaction():
        planned, found = _plan_replay(warehouse)
        state = ledger.read_state(warehouse)
        datasets = collect_rejects(warehouse, StarChange(warehouse), found) if found else []
    loaded = 0
    if planned.mode is not None:
        with warehouse.intake.judge_again(datasets) as take, lock_again(warehouse):
            if ledger.read_state(warehouse) != state:
                raise ConflictError("another command changed the warehouse first; try again")
            loaded = _bring(warehouse, found, planned.mode, take)
    judged = planned.records["replayed"]
    counts = {"replayed": judged, "loaded": loaded, "rejected": judged - loaded}
    return replace(planned, status="replayed" if judged else "nothing_to_do", records=counts)


def _plan_replay(warehouse: Warehouse) -> tuple[ReplayResult, list[Replayable]]:
    """What a replay would judge, in total and file by file."""
    found = ledger.count_replayable(warehouse)
    if not found:
        return ReplayResult("nothing_to_do", None, {"replayed": 0}, {}), []
    reasons: Counter[str] = Counter()
    for some in found:
        reasons[some.reason] += some.rejects
    changed = ledger.count_beside_replayable(warehouse)
    mode = choose_mode(changed=changed, kept=ledger.count_loaded(warehouse) - changed)
    counts = {"replayed": reasons.total()}
    often_first = dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
    return ReplayResult("would_replay", mode, counts, often_first), found


def _bring(warehouse: Warehouse, found: list[Replayable], mode: Mode, take: Callable[[], Counter[int]]) -> int:
    change = StarChange(warehouse, mode)
    change.name(list_files(found))
    loaded = bring_judged(warehouse, take)
    change.enter(list_files(found))
    change.refresh()
    change.check()
    return loaded
