"""The ledger: which content of which file is loaded, and by which load.

A file is identified by dataset, URL and content, never by its time. A `source_id` numbers one content of one file. The
column `etag` holds the content's fingerprint: the store's etag, or the SHA-256 of the bytes. Nothing here reads a file.

The mark_ functions work on the files in the temporary table sparkify_changed_files.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from sparkify.datasets import MOST_RAW_BYTES, Dataset
from sparkify.sources.file import SourceFile
from sparkify.sql import list_columns, read_sql
from sparkify.star.version import LAYOUT
from sparkify.warehouses import Warehouse

# Layout 1 did not name the rules that a file was read by; they never changed.
RULES_OF_LAYOUT_1 = "720582fb9960e7de02f0455be20a36f6"
_NEXT = "SELECT coalesce(max(source_id), 0) + 1 FROM load_files"
# Of each loaded file, a number: the sum of nine million of them is a BIGINT still.
_DIGESTS = {
    "duckdb": "hash(source_id, loaded, rejected, url) % 1000000000000",
    # Of MD5, twelve hexadecimal digits as decimal ones.
    "redshift": """cast(translate(substring(md5(
        cast(source_id AS VARCHAR) || '|' || cast(loaded AS VARCHAR) || '|' || cast(rejected AS VARCHAR) || '|' || url
    ), 1, 12), 'abcdef', '012345') AS BIGINT)""",
}
# A load is unlocked between its two transactions. Another load that begins then marks it as interrupted.
_HAS_NOT_ENDED = "status IN ('running', 'interrupted')"


class LoadedFile(NamedTuple):
    """One loaded file, as in the ledger."""

    source_id: int
    load_id: int
    dataset: Dataset
    url: str
    fingerprint: str
    size: int
    loaded: int
    # None also where its bytes were hashed too shortly after its last change.
    stat: str | None = None
    # Read by other rules than today's.
    is_outdated: bool = False


class Remaining(NamedTuple):
    """A file of a load whose records are still in staging."""

    source_id: int
    url: str
    loaded: int
    rejected: int


class Replayable(NamedTuple):
    """The number of rejects of one file with one reason that can be judged again."""

    source_id: int
    dataset: Dataset
    reason: str
    rejects: int


class FileCount(NamedTuple):
    """Records of one file: read (without blank lines), loaded and rejected, and those loaded with a repaired text."""

    read: int = 0
    loaded: int = 0
    rejected: int = 0
    repaired: int = 0


class FileEntry(NamedTuple):
    """What a load did with one file: its row of load_files."""

    source_id: int
    dataset: Dataset
    file: SourceFile
    fingerprint: str
    size: int
    records: FileCount
    status: Literal["loaded", "failed"]
    shape: str | None = None
    stat: str | None = None


class LoadEntry(NamedTuple):
    """The state of a load: its row of load_history. Times are UTC without a time zone."""

    load_id: int
    started_at: dt.datetime
    finished_at: dt.datetime | None
    status: str
    mode: str | None
    version: str
    detail: str = "{}"


class LedgerState(NamedTuple):
    """What the ledger says of all files: two that are equal say the same of each, and where it is.

    Loads, undos, replays and moves change it, also a load of which every file failed. `digest` is of what is loaded.
    """

    next_source_id: int
    files: int
    digest: int | None


def add_up(counts: Iterable[FileCount]) -> FileCount:
    """The sum over all files."""
    return FileCount(*map(sum, zip(*counts, strict=True)))


# ---- what is loaded ----


def known_files_sql(layout: int, rules: str) -> str:
    """The query for sparkify_known_files: the files whose rows are in staging, also of an older layout.

    `rules` is the digest of today's rules.
    """
    read_by = "rules" if layout >= 2 else f"'{RULES_OF_LAYOUT_1}'"
    stat = "stat" if layout >= 3 else "NULL AS stat"
    return f"""SELECT
    source_id, load_id, dataset, url, etag AS fingerprint, size, loaded, {stat},
    coalesce({read_by} <> '{rules}', FALSE) AS is_outdated
FROM load_files
WHERE status = 'loaded'"""


def count_loaded(warehouse: Warehouse) -> int:
    """The records in staging."""
    return _fetch_number(warehouse, "SELECT coalesce(sum(loaded), 0) FROM load_files WHERE status = 'loaded'")


def list_unfinished(warehouse: Warehouse) -> dict[tuple[str, str], str]:
    """Why files of earlier loads are pending again: a sentence by dataset and URL."""
    sql = """SELECT ended.dataset, ended.url, ended.status, ended.load_id
    FROM load_files AS ended
    INNER JOIN (
        SELECT max(source_id) AS source_id FROM load_files GROUP BY dataset, url
    ) AS latest ON ended.source_id = latest.source_id
    WHERE ended.status IN ('failed', 'undone')"""
    words = {"failed": "load {} failed on it", "undone": "load {} was undone"}
    return {(dataset, url): words[status].format(load_id) for dataset, url, status, load_id in warehouse.fetch(sql)}


def next_source_id(warehouse: Warehouse) -> int:
    """The first free source id."""
    return _fetch_number(warehouse, _NEXT)


def next_load_id(warehouse: Warehouse) -> int:
    """The first free id of a load."""
    return _fetch_number(warehouse, "SELECT coalesce(max(load_id), 0) + 1 FROM load_history")


def adopt_rejects(warehouse: Warehouse, first_source_id: int, load_id: int) -> None:
    """Make the rejects from one source id on those of a load."""
    warehouse.execute(
        "UPDATE rejected_records SET load_id = $1 WHERE source_id >= $2 AND load_id <> $1", [load_id, first_source_id]
    )


def count_reasons(warehouse: Warehouse, load_id: int | None = None) -> dict[str, int]:
    """The rejects by reason, the most frequent first: all of them, or those of one load."""
    of_load = "" if load_id is None else "WHERE load_id = $1 "
    sql = f"SELECT reason, count(*) FROM rejected_records {of_load}GROUP BY reason ORDER BY 2 DESC, 1"
    return dict(warehouse.fetch(sql, [] if load_id is None else [load_id]))


# ---- a load ----


def begin_load(warehouse: Warehouse, started_at: dt.datetime, version: str, detail: str = "{}") -> int:
    """Record a running load, and any other running load as interrupted; returns the load's id.

    `detail` tells who does it, where others could. Commit this before the load's own transaction, so that a killed load
    can be seen.
    """
    sql = "SELECT coalesce(max(load_id), 0) + 1, count(CASE WHEN status = 'running' THEN 1 END) FROM load_history"
    ((load_id, running),) = warehouse.fetch(sql)
    if running:
        warehouse.execute("UPDATE load_history SET status = 'interrupted' WHERE status = 'running'")
    row = _row_of(LoadEntry(load_id, started_at, None, "running", None, version, detail), [])
    warehouse.insert_rows("load_history", list(row), [tuple(row.values())])
    return int(load_id)


def forget_load(warehouse: Warehouse, load_id: int) -> None:
    """Remove the row of a running load, which is tried again from the start."""
    warehouse.execute(f"DELETE FROM load_history WHERE load_id = $1 AND {_HAS_NOT_ENDED}", [load_id])


def end_load(warehouse: Warehouse, load_id: int, *, status: str, finished_at: dt.datetime, detail: str) -> None:
    """Record how a rolled-back load ended. A load that did commit is not changed."""
    sql = f"UPDATE load_history SET status = $1, finished_at = $2, detail = $3 WHERE load_id = $4 AND {_HAS_NOT_ENDED}"
    warehouse.execute(sql, [status, finished_at, detail, load_id])


def record_load(warehouse: Warehouse, load: LoadEntry, entries: Sequence[FileEntry], rules: str = "") -> None:
    """Write what a load did: into its row, which `begin_load` made, and a row for each file.

    `rules` is the digest of the rules by which the files were read.
    """
    record_files(warehouse, load.load_id, entries, rules)
    row = {name: value for name, value in _row_of(load, entries).items() if name not in ("load_id", "started_at")}
    changes = ", ".join(f"{name} = ${place}" for place, name in enumerate(row, 1))
    sql = f"UPDATE load_history SET {changes} WHERE load_id = ${len(row) + 1} AND {_HAS_NOT_ENDED}"
    warehouse.execute(sql, [*row.values(), load.load_id])


def _row_of(load: LoadEntry, entries: Sequence[FileEntry]) -> dict[str, Any]:
    """The row of a load in load_history, with the sums of its files."""
    done = sum(entry.status == "loaded" for entry in entries)
    row = load._asdict() | add_up(entry.records for entry in entries)._asdict() | {"files": done}
    return {name: row[name] for name in list_columns("load_history") if name in row}


def record_files(warehouse: Warehouse, load_id: int, entries: Iterable[FileEntry], rules: str | None = None) -> None:
    """Write a row for each file of a load; `rules` as in `record_load`."""
    columns = (
        "source_id", "load_id", "dataset", "url", "etag", "size", "modified", *FileCount._fields, "status", "rules",
        "shape", "stat",
    )  # fmt: skip
    rows = (
        (
            entry.source_id, load_id, entry.dataset, entry.file.url, entry.fingerprint, entry.size, entry.file.modified,
            *entry.records, entry.status, rules, entry.shape, entry.stat,
        )
        for entry in entries
    )  # fmt: skip
    warehouse.insert_rows("load_files", columns, rows)


def note_detail(warehouse: Warehouse, load_id: int, detail: str) -> None:
    """Store the details of a load, a JSON object."""
    warehouse.execute("UPDATE load_history SET detail = $1 WHERE load_id = $2", [detail, load_id])


def read_state(warehouse: Warehouse) -> LedgerState:
    """What the ledger says now, in one statement, however many files there are."""
    sql = f"""SELECT
    coalesce(max(source_id), 0) + 1 AS next_source_id,
    count(CASE WHEN status = 'loaded' THEN 1 END) AS files,
    sum(CASE WHEN status = 'loaded' THEN {_DIGESTS[warehouse.dialect]} END) AS digest
FROM load_files"""
    ((next_source_id, files, digest),) = warehouse.fetch(sql)
    return LedgerState(int(next_source_id), int(files), None if digest is None else int(digest))


def mark_superseded(warehouse: Warehouse, load_id: int) -> None:
    """Mark the files whose rows have just left staging as replaced by this load's."""
    warehouse.execute(
        "UPDATE load_files SET status = 'superseded', superseded_by = $1 "
        "WHERE source_id IN (SELECT source_id FROM sparkify_changed_files)",
        [load_id],
    )


# ---- files that were not read for this load ----


def note_states(warehouse: Warehouse, states: Mapping[int, str]) -> None:
    """Store the states in which the bytes of loaded files were found to be the same, by source id."""
    if not states:
        return
    _fill(warehouse, "sparkify_hashed_files", list(states.items()))
    warehouse.execute(
        "UPDATE load_files SET stat = sparkify_hashed_files.stat FROM sparkify_hashed_files "
        "WHERE load_files.source_id = sparkify_hashed_files.source_id"
    )


def move_files(warehouse: Warehouse, moved: Sequence[tuple[LoadedFile, str]]) -> None:
    """Store where loaded files stand now: each with its new URL. Its older contents and its rejects follow it."""
    if not moved:
        return
    _fill(warehouse, "sparkify_moved_files", [(file.dataset, file.url, url) for file, url in moved])
    for table in ("load_files", "rejected_records"):
        warehouse.execute(
            f"UPDATE {table} SET url = sparkify_moved_files.moved_to FROM sparkify_moved_files "
            f"WHERE {table}.dataset = sparkify_moved_files.dataset AND {table}.url = sparkify_moved_files.url"
        )


def _fill(warehouse: Warehouse, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Make a temporary table of these rows."""
    warehouse.make_temporary(table)
    warehouse.insert_rows(table, list(list_columns(table)), rows)


# ---- undo and replay ----


def mark_undone(warehouse: Warehouse, load_id: int) -> None:
    """Mark the files whose rows have just left staging, and their load, as undone."""
    warehouse.execute(
        "UPDATE load_files SET status = 'undone' WHERE source_id IN (SELECT source_id FROM sparkify_changed_files)"
    )
    warehouse.execute("UPDATE load_history SET status = 'undone' WHERE load_id = $1", [load_id])


def load_status(warehouse: Warehouse, load_id: int) -> str | None:
    """The status of a load, or None if it does not exist."""
    rows = warehouse.fetch("SELECT status FROM load_history WHERE load_id = $1", [load_id])
    return rows[0][0] if rows else None


def list_remaining(warehouse: Warehouse, load_id: int) -> list[Remaining]:
    """The files of a load whose records are still in staging, in the order of their source ids."""
    sql = """SELECT source_id, url, loaded, rejected FROM load_files
    WHERE status = 'loaded' AND load_id = $1 ORDER BY source_id"""
    return [Remaining(*row) for row in warehouse.fetch(sql, [load_id])]


def list_superseding(warehouse: Warehouse, load_id: int) -> list[int]:
    """The loads that replaced files of a load."""
    sql = "SELECT DISTINCT superseded_by FROM load_files WHERE load_id = $1 AND superseded_by IS NOT NULL ORDER BY 1"
    return [later for (later,) in warehouse.fetch(sql, [load_id])]


def list_replaced(warehouse: Warehouse, load_id: int) -> list[str]:
    """The URLs whose older content a load replaced."""
    return [url for (url,) in warehouse.fetch("SELECT url FROM load_files WHERE superseded_by = $1", [load_id])]


def is_replayable_sql(*, layout: int = LAYOUT) -> str:
    """The condition that the text of a reject is kept whole, as it was, also in an older layout.

    Bytes that are zero or not UTF-8 are escaped, and long texts are cut. A record that really has the escape is no JSON
    by any rules.
    """
    as_it_was = "reason <> 'bad_encoding' AND strpos(\"raw\", chr(92) || 'x00') = 0"
    return as_it_was if layout < 3 else f"{as_it_was} AND coalesce(raw_size, 0) <= {MOST_RAW_BYTES}"


def count_replayable(warehouse: Warehouse) -> list[Replayable]:
    """The rejects of loaded files, except those whose exact bytes are not kept."""
    sql = f"""SELECT source_id, dataset, reason, count(*) FROM rejected_records
    WHERE {is_replayable_sql()} AND source_id IN (SELECT source_id FROM load_files WHERE status = 'loaded')
    GROUP BY source_id, dataset, reason"""
    return [Replayable(*row) for row in warehouse.fetch(sql)]


def count_beside_replayable(warehouse: Warehouse) -> int:
    """The records in staging of the files whose rejects can be judged again."""
    sql = f"""SELECT coalesce(sum(loaded), 0) FROM load_files
    WHERE status = 'loaded' AND source_id IN (SELECT source_id FROM rejected_records WHERE {is_replayable_sql()})"""
    return _fetch_number(warehouse, sql)


def collect_replayed(warehouse: Warehouse) -> None:
    """Copy the rejects of the files in sparkify_changed_files that can be judged again to sparkify_replayed_records."""
    warehouse.make_temporary("sparkify_replayed_records")
    warehouse.execute(read_sql("changes/sparkify_replayed_records/collect"))


def remove_replayed(warehouse: Warehouse) -> None:
    """Remove the same rejects from rejected_records."""
    warehouse.execute(read_sql("changes/sparkify_replayed_records/leave"))


def recount(warehouse: Warehouse) -> None:
    """Recount the records of the files in sparkify_changed_files, and the sums of all loads."""
    for table in ("load_files", "load_history"):
        warehouse.execute(read_sql(f"tables/{table}/recount"))


def add_repaired(warehouse: Warehouse, repaired: Mapping[int, int]) -> None:
    """Add loaded records whose texts were repaired, by source id."""
    if not repaired:
        return
    _fill(warehouse, "sparkify_repaired_files", list(repaired.items()))
    warehouse.execute(
        "UPDATE load_files SET repaired = coalesce(load_files.repaired, 0) + sparkify_repaired_files.records "
        "FROM sparkify_repaired_files WHERE load_files.source_id = sparkify_repaired_files.source_id"
    )


# ---- rows ----


def _fetch_number(warehouse: Warehouse, sql: str) -> int:
    ((number,),) = warehouse.fetch(sql)
    return int(number)
