"""What a warehouse holds, and which files are pending. Changes nothing."""

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from sparkify.arguments import checked
from sparkify.formats import Shown
from sparkify.loads.plan import list_sources, plan_found
from sparkify.questions.answers import count_lag, find_newest_event
from sparkify.settings import Config
from sparkify.star.tables import TABLES, count_rows, match_rates
from sparkify.star.version import Version, open_to_read, require_version
from sparkify.warehouses import StoredFile, fetch_dicts


@dataclass(frozen=True, repr=False)
class Status(Shown):
    """What the warehouse holds. `pending` counts the files at the sources by state, None if no root is set.

    `loads` are the rows of load_history, each with `seconds`, `records_per_second` and `rejected_share` (0 to 1).
    `lag_seconds` is the age of the newest event when the last successful load ended. Times are UTC.
    `file` is None where the warehouse is not one file.
    """

    warehouse: str
    version: Version
    file: StoredFile | None
    tables: dict[str, int]
    loads: list[dict[str, Any]]
    files: dict[str, int]
    records: dict[str, int]
    match_rate: dict[str, float | None]
    newest_play: dt.datetime | None
    newest_event: dt.datetime | None
    lag_seconds: float | None
    pending: dict[str, int] | None


@checked
def status(config: Config) -> Status:
    """What the warehouse holds, and which files are pending. Read-only."""
    found = list_sources(config) if config.roots else None
    with open_to_read(config) as warehouse:
        version = require_version(warehouse)
        present = warehouse.list_tables()
        loads = [_with_rates(load) for load in fetch_dicts(warehouse, "SELECT * FROM load_history ORDER BY load_id")]
        files: dict[str, int] = dict(
            warehouse.fetch("SELECT status, count(*) FROM load_files GROUP BY status ORDER BY status")
        )
        records = fetch_dicts(
            warehouse,
            "SELECT coalesce(sum(read), 0) AS read, coalesce(sum(loaded), 0) AS loaded, "
            "coalesce(sum(rejected), 0) AS rejected FROM load_files WHERE status = 'loaded'",
        )[0]
        pending: dict[str, int] | None = None
        if found is not None:
            pending = plan_found(warehouse, config, found, layout=version.layout).count_states()
        newest_event = find_newest_event(warehouse)
        return Status(
            warehouse=warehouse.address,
            version=version,
            file=warehouse.measure_file(),
            # An older warehouse has fewer.
            tables=count_rows(warehouse, [table for table in TABLES if table in present]),
            loads=loads,
            files=files,
            records={name: int(count) for name, count in records.items()},
            match_rate=match_rates(warehouse, has_kinds=version.layout >= 3),
            newest_play=warehouse.fetch("SELECT max(start_time) FROM songplays")[0][0],
            newest_event=newest_event,
            lag_seconds=count_lag(loads, newest_event),
            pending=pending,
        )


def _with_rates(load: dict[str, Any]) -> dict[str, Any]:
    """A row of the history with the load's duration, its speed and the share of rejected records."""
    seconds = (load["finished_at"] - load["started_at"]).total_seconds() if load["finished_at"] else None
    return load | {
        "detail": json.loads(load["detail"]),
        "seconds": seconds,
        "records_per_second": round(load["read"] / seconds) if seconds else None,
        "rejected_share": round(load["rejected"] / load["read"], 6) if load["read"] else None,
    }
