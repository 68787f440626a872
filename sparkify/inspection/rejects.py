"""The rejected records. Changes nothing."""

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sparkify.arguments import checked
from sparkify.datasets import MOST_RAW_BYTES, Dataset
from sparkify.errors import UsageError
from sparkify.formats import name_some
from sparkify.loads import ledger
from sparkify.settings import Config
from sparkify.star.version import open_to_read, require_version
from sparkify.validation.rules import list_codes
from sparkify.warehouses import Warehouse, fetch_dicts

_CHOSEN = """(cast($1 AS VARCHAR) IS NULL OR reason = $1 OR split_part(reason, ':', 1) = $1)
AND (cast($2 AS INTEGER) IS NULL OR load_id = $2)
AND (cast($3 AS VARCHAR) IS NULL OR url = $3)
AND (cast($4 AS VARCHAR) IS NULL OR dataset = $4)"""

# A part has at most about so many records and bytes of their text. It begins and ends at a multiple of so many lines.
_MOST_RECORDS = 20_000
_MOST_BYTES = 32 << 20
_LINES = 1_000


@checked
def list_rejects(
    config: Config,
    *,
    reason: str | None = None,
    load_id: int | None = None,
    url: str | None = None,
    dataset: Dataset | None = None,
) -> list[dict[str, Any]]:
    """The rejected records, ordered by file and line. `reason` is a code, or the part of a code before its colon.

    `is_replayable` says whether a replay judges the record again: its text is kept whole, as it was. Raises UsageError
    like `count_rejects`.
    """
    with open_rejects(config, reason=reason, load_id=load_id, url=url, dataset=dataset) as found:
        rejects = list(found)
    if not rejects:
        count_rejects(config, reason=reason, load_id=load_id, url=url, dataset=dataset)
    return rejects


@contextmanager
def open_rejects(
    config: Config,
    *,
    reason: str | None = None,
    load_id: int | None = None,
    url: str | None = None,
    dataset: Dataset | None = None,
) -> Iterator[Iterator[dict[str, Any]]]:
    """Like `list_rejects`, with the records as they come: read in parts, so that memory does not grow with them."""
    with open_to_read(config) as warehouse:
        yield _read_parts(warehouse, [reason, load_id, url, dataset])


def _read_parts(warehouse: Warehouse, chosen: list[Any]) -> Iterator[dict[str, Any]]:
    size, replayable = _columns(warehouse)
    for (first_url, first), (last_url, last) in _list_parts(warehouse, chosen, size):
        columns, rows = warehouse.stream(
            f"""SELECT source_id, load_id, dataset, url, line, reason, "raw", {size} AS raw_size,
                {replayable} AS is_replayable
            FROM rejected_records
            WHERE {_CHOSEN} AND url >= $5 AND url <= $7 AND (url > $5 OR line >= $6) AND (url < $7 OR line < $8)
            ORDER BY url, line, source_id""",
            [*chosen, first_url, first * _LINES, last_url, (last + 1) * _LINES],
        )
        yield from (dict(zip(columns, row, strict=True)) for row in rows)


_Place = tuple[str, int]


def _list_parts(warehouse: Warehouse, chosen: list[Any], size: str) -> list[tuple[_Place, _Place]]:
    """The first and the last place of each part. A place is a file and the number of some of its lines."""
    _, places = warehouse.stream(
        f"""SELECT url, place, count(*) AS records, sum(size) AS bytes FROM (
            SELECT url, cast(floor(line / {_LINES}.0) AS INTEGER) AS place,
                least(coalesce({size}, {MOST_RAW_BYTES}), {MOST_RAW_BYTES}) AS size
            FROM rejected_records WHERE {_CHOSEN}
        ) AS places GROUP BY url, place ORDER BY url, place""",
        chosen,
    )
    parts: list[tuple[_Place, _Place]] = []
    all_records = all_bytes = 0
    for url, place, records, found_bytes in places:
        all_records, all_bytes = all_records + records, all_bytes + int(found_bytes)
        if not parts or all_records > _MOST_RECORDS or all_bytes > _MOST_BYTES:
            parts.append(((url, place), (url, place)))
            all_records, all_bytes = records, int(found_bytes)
        else:
            parts[-1] = parts[-1][0], (url, place)
    return parts


def count_rejects(
    config: Config,
    *,
    reason: str | None = None,
    load_id: int | None = None,
    url: str | None = None,
    dataset: Dataset | None = None,
) -> list[dict[str, Any]]:
    """The rejected records by dataset and reason, the most frequent first. A replay judges `replayable` of them.

    Raises UsageError for a reason, a load or a file that there cannot be, or that the warehouse does not know.
    """
    with open_to_read(config) as warehouse:
        _, replayable = _columns(warehouse)
        found = fetch_dicts(
            warehouse,
            f"""SELECT dataset, reason, count(*) AS records, count(CASE WHEN {replayable} THEN 1 END) AS replayable
            FROM rejected_records WHERE {_CHOSEN} GROUP BY dataset, reason ORDER BY 3 DESC, dataset, reason""",
            [reason, load_id, url, dataset],
        )
        if not found:
            _check_known(warehouse, reason, load_id, url)
        return found


def _check_known(warehouse: Warehouse, reason: str | None, load_id: int | None, url: str | None) -> None:
    """Raises UsageError for a reason, a load or a file that is unknown."""
    if reason is not None:
        _check_reason(warehouse, reason)
    if load_id is not None and not warehouse.fetch("SELECT 1 FROM load_history WHERE load_id = $1", [load_id]):
        last = warehouse.fetch("SELECT max(load_id) FROM load_history")[0][0]
        raise UsageError(f"there is no load {load_id}; {f'the last is {last}' if last else 'there are no loads yet'}")
    if url is not None and not warehouse.fetch("SELECT 1 FROM load_files WHERE url = $1 LIMIT 1", [url]):
        raise UsageError(f"no file {url} was loaded; {_find_url(warehouse, url)}")


def _check_reason(warehouse: Warehouse, reason: str) -> None:
    kept = [code for (code,) in warehouse.fetch("SELECT DISTINCT reason FROM rejected_records ORDER BY reason")]
    codes = list_codes()
    if reason not in (*kept, *codes):
        listed = f"the warehouse has {name_some(kept, 20)}" if kept else "the warehouse has no rejects"
        raise UsageError(f"there is no reason {reason!r}; {_near(reason, [*kept, *codes], listed)}")


def _find_url(warehouse: Warehouse, url: str) -> str:
    """What to give in place of the URL of a file that was not loaded: one with the same name, else a similar one."""
    rows = warehouse.fetch("SELECT DISTINCT url FROM load_files WHERE rejected > 0 ORDER BY url LIMIT 1000")
    urls = [found for (found,) in rows]
    same = [found for found in urls if found.rpartition("/")[2] == url.rpartition("/")[2]]
    return _near(url, same[:1] or urls, "give the whole path or URL, as rejects --list shows it", enough=not same)


def _near(given: str, known: Sequence[str], otherwise: str, *, enough: bool = True) -> str:
    """The known name that is like the one given; with `enough` false the only one, whatever it is like."""
    close = difflib.get_close_matches(given, known, n=1, cutoff=0.6 if enough else 0.0)
    return f"did you mean {close[0]}?" if close else otherwise


def _columns(warehouse: Warehouse) -> tuple[str, str]:
    """The size of a record and whether it can be replayed, also in an older layout."""
    layout = require_version(warehouse).layout
    return "raw_size" if layout >= 3 else "cast(NULL AS BIGINT)", ledger.is_replayable_sql(layout=layout)
