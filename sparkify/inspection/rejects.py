"""The rejected records. Changes nothing."""

from typing import Any

from sparkify.datasets import Dataset
from sparkify.loads import ledger
from sparkify.settings import Config
from sparkify.star.version import open_to_read, require_version
from sparkify.warehouses import Warehouse, fetch_dicts

_CHOSEN = """(cast($1 AS VARCHAR) IS NULL OR reason = $1 OR split_part(reason, ':', 1) = $1)
AND (cast($2 AS INTEGER) IS NULL OR load_id = $2)
AND (cast($3 AS VARCHAR) IS NULL OR url = $3)
AND (cast($4 AS VARCHAR) IS NULL OR dataset = $4)"""


def list_rejects(
    config: Config,
    *,
    reason: str | None = None,
    load_id: int | None = None,
    url: str | None = None,
    dataset: Dataset | None = None,
) -> list[dict[str, Any]]:
    """The rejected records, ordered by file and line. `reason` is a code, or the part of a code before its colon.

    `is_replayable` says whether a replay judges the record again: its text is kept whole, as it was.
    """
    with open_to_read(config) as warehouse:
        size, replayable = _columns(warehouse)
        return fetch_dicts(
            warehouse,
            f"""SELECT source_id, load_id, dataset, url, line, reason, "raw", {size} AS raw_size,
                {replayable} AS is_replayable
            FROM rejected_records WHERE {_CHOSEN} ORDER BY url, line, source_id""",
            [reason, load_id, url, dataset],
        )


def count_rejects(
    config: Config,
    *,
    reason: str | None = None,
    load_id: int | None = None,
    url: str | None = None,
    dataset: Dataset | None = None,
) -> list[dict[str, Any]]:
    """The rejected records by dataset and reason, the most frequent first. A replay judges `replayable` of them."""
    with open_to_read(config) as warehouse:
        _, replayable = _columns(warehouse)
        return fetch_dicts(
            warehouse,
            f"""SELECT dataset, reason, count(*) AS records, count(CASE WHEN {replayable} THEN 1 END) AS replayable
            FROM rejected_records WHERE {_CHOSEN} GROUP BY dataset, reason ORDER BY 3 DESC, dataset, reason""",
            [reason, load_id, url, dataset],
        )


def _columns(warehouse: Warehouse) -> tuple[str, str]:
    """The size of a record and whether it can be replayed, also in an older layout."""
    layout = require_version(warehouse).layout
    return "raw_size" if layout >= 3 else "cast(NULL AS BIGINT)", ledger.is_replayable_sql(layout=layout)
