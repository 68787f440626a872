"""The file of a warehouse written again, without free space."""

import time
from dataclasses import dataclass
from typing import Literal

from sparkify.arguments import checked
from sparkify.formats import Shown
from sparkify.loads.progress import seconds_since
from sparkify.settings import Config
from sparkify.star.version import require_version
from sparkify.warehouses import StoredFile, compact_file, open_warehouse


@dataclass(frozen=True, repr=False)
class CompactResult(Shown):
    """What compacting did, or would do. `before` and `after` describe the file; None if there is no such file."""

    warehouse: str
    status: Literal["compacted", "would_compact", "nothing_to_do"]
    before: StoredFile | None
    after: StoredFile | None = None
    seconds: float = 0.0


@checked
def compact(config: Config, *, dry_run: bool = False) -> CompactResult:
    """Write the warehouse's file again: without free space, in the format of `config.storage_version`.

    What it holds does not change. A warehouse that is not a file is left as it is: Redshift frees space by itself.
    Raises LockedError while another process has the file open, and EngineError where the copy cannot be made.
    """
    started = time.monotonic()
    with open_warehouse(config, read_only=True) as warehouse:
        require_version(warehouse)
        address, before = warehouse.address, warehouse.measure_file()
    if before is None:
        return CompactResult(address, "nothing_to_do", None)
    if dry_run:
        return CompactResult(address, "would_compact", before)
    after = compact_file(config)
    return CompactResult(address, "compacted", before, after, seconds_since(started))
