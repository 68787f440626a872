"""The rejected records. Changes nothing."""

from typing import Any

from sparkify.datasets import Dataset
from sparkify.settings import Config
from sparkify.star.version import open_to_read, require_version
from sparkify.warehouses import Warehouse, fetch_dicts

_CHOSEN = """(cast($1 AS VARCHAR) IS NULL OR reason = $1 OR split_part(reason, ':', 1) = $1)
AND (cast($2 AS INTEGER) IS NULL OR load_id = $2)
AND (cast($3 AS VARCHAR) IS NULL OR url = $3)
AND (cast($4 AS VARCHAR) IS NULL OR dataset = $4)"""
# The text of a record that is not UTF-8 is escaped, and that of a long one is cut.
_REPLAYABLE = "reason <> 'bad_encoding' AND coalesce(raw_size, 0) <= 65535"
_REPLAYABLE_OF_LAYOUT_2 = "reason <> 'bad_encoding'"


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
    if require_version(warehouse).layout < 3:
        return "cast(NULL AS BIGINT)", _REPLAYABLE_OF_LAYOUT_2
    return "raw_size", _REPLAYABLE
