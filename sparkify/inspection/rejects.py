"""The rejected records. Changes nothing."""

from typing import Any

from sparkify.datasets import Dataset
from sparkify.settings import Config
from sparkify.star.version import open_to_read
from sparkify.warehouses import fetch_dicts


def list_rejects(
    config: Config,
    *,
    reason: str | None = None,
    load_id: int | None = None,
    url: str | None = None,
    dataset: Dataset | None = None,
) -> list[dict[str, Any]]:
    """The rejected records, ordered by file and line. `reason` is a code, or the part of a code before its colon."""
    with open_to_read(config) as warehouse:
        return fetch_dicts(
            warehouse,
            'SELECT source_id, load_id, dataset, url, line, reason, "raw" FROM rejected_records '
            "WHERE (cast($1 AS VARCHAR) IS NULL OR reason = $1 OR split_part(reason, ':', 1) = $1) "
            "AND (cast($2 AS INTEGER) IS NULL OR load_id = $2) "
            "AND (cast($3 AS VARCHAR) IS NULL OR url = $3) "
            "AND (cast($4 AS VARCHAR) IS NULL OR dataset = $4) ORDER BY url, line, source_id",
            [reason, load_id, url, dataset],
        )
