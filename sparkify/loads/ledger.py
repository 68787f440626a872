"""The ledger: which content of which file is loaded, by which load.

A file is its dataset, its URL and its content, never its time. The column `etag` holds the content's fingerprint: the
store's etag, or the SHA-256 of the bytes.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sparkify.datasets import Dataset
from sparkify.sources.file import SourceFile
from sparkify.sql import read_sql
from sparkify.warehouses import Warehouse

FILE_COLUMNS = (
    "source_id", "load_id", "dataset", "url", "etag", "size", "modified", "read", "loaded", "rejected", "status",
)  # fmt: skip
LOAD_COLUMNS = (
    "load_id", "started_at", "finished_at", "status", "mode", "files", "read", "loaded", "rejected", "version",
    "detail",
)  # fmt: skip
LIST_LOADED = (
    "SELECT source_id, load_id, dataset, url, etag, size, loaded, rejected FROM load_files WHERE status = 'loaded' "
    "ORDER BY source_id"
)
NEXT_LOAD_ID = "SELECT coalesce(max(load_id), 0) + 1 FROM load_history"
NEXT_SOURCE_ID = "SELECT coalesce(max(source_id), 0) + 1 FROM load_files"
MARK_INTERRUPTED = "UPDATE load_history SET status = 'interrupted' WHERE status = 'running'"
# Another load that began meanwhile may have taken this one, before it had the lock again, for one that was killed.
_HAS_NOT_ENDED = "status IN ('running', 'interrupted')"
FORGET_LOAD = f"DELETE FROM load_history WHERE load_id = $1 AND {_HAS_NOT_ENDED}"
END_LOAD = f"UPDATE load_history SET status = $1, finished_at = $2, detail = $3 WHERE load_id = $4 AND {_HAS_NOT_ENDED}"
NOTE_DETAIL = "UPDATE load_history SET detail = $1 WHERE load_id = $2"
MARK_SUPERSEDED = (
    "UPDATE load_files SET status = 'superseded', superseded_by = $1 "
    "WHERE source_id IN (SELECT source_id FROM changed_files)"
)
LOAD_STATUS = "SELECT status FROM load_history WHERE load_id = $1"
LIST_REPLACED = "SELECT url FROM load_files WHERE superseded_by = $1"
MARK_UNDONE = (
    "UPDATE load_files SET status = 'undone' WHERE source_id IN (SELECT source_id FROM changed_files)",
    "UPDATE load_history SET status = 'undone' WHERE load_id = $1",
)
COUNT_REPLAYABLE = """SELECT source_id, dataset, reason, count(*) FROM rejected_records
WHERE reason <> 'bad_encoding' AND source_id IN (SELECT source_id FROM load_files WHERE status = 'loaded')
GROUP BY source_id, dataset, reason"""
COLLECT_REPLAYED = (
    "DROP TABLE IF EXISTS replayed_records",
    *(read_sql(f"changes/replayed_records/{step}") for step in ("create", "collect", "leave")),
)
RECOUNT = (read_sql("tables/load_files/recount"), read_sql("tables/load_history/recount"))


class LoadedFile(NamedTuple):
    """One file as the ledger holds it."""

    source_id: int
    load_id: int
    dataset: Dataset
    url: str
    fingerprint: str
    size: int
    loaded: int
    rejected: int


class Replayable(NamedTuple):
    """The rejects of one file for one reason that can be judged again."""

    source_id: int
    dataset: Dataset
    reason: str
    rejects: int


class FileCount(NamedTuple):
    """Records of one file: read (blank lines apart), loaded and rejected."""

    read: int = 0
    loaded: int = 0
    rejected: int = 0


def add_up(counts: Iterable[FileCount]) -> FileCount:
    """The records of all files together."""
    return FileCount(*map(sum, zip(*counts, strict=True)))


class FileEntry(NamedTuple):
    """One row of load_files to be written."""

    source_id: int
    dataset: Dataset
    file: SourceFile
    fingerprint: str
    size: int
    records: FileCount
    status: Literal["loaded", "failed"]


@dataclass(frozen=True)
class LoadEntry:
    """One row of load_history to be written. Times are UTC without a zone."""

    load_id: int
    started_at: dt.datetime
    finished_at: dt.datetime | None
    status: str
    mode: str | None
    version: str
    detail: str = "{}"


def list_loaded(warehouse: Warehouse) -> list[LoadedFile]:
    """The files whose rows stand in staging."""
    return [LoadedFile(*row) for row in warehouse.fetch(LIST_LOADED)]


def begin_load(warehouse: Warehouse, started_at: dt.datetime, version: str) -> int:
    """Note that a load runs, and that whatever is noted as running no longer does; returns the load's id.

    To be committed before the load's own transaction, so that one which is killed can be seen.
    """
    warehouse.execute(MARK_INTERRUPTED)
    load_id: int = warehouse.fetch(NEXT_LOAD_ID)[0][0]
    record_load(warehouse, LoadEntry(load_id, started_at, None, "running", None, version), [])
    return load_id


def forget_load(warehouse: Warehouse, load_id: int) -> None:
    """Take back that a load runs: it is tried again from the start."""
    warehouse.execute(FORGET_LOAD, [load_id])


def end_load(warehouse: Warehouse, load_id: int, *, status: str, finished_at: dt.datetime, detail: str) -> None:
    """Note how a load ended that was rolled back. One that is committed after all is left alone."""
    warehouse.execute(END_LOAD, [status, finished_at, detail, load_id])


def next_source_id(warehouse: Warehouse) -> int:
    """The first source id that is free."""
    source_id: int = warehouse.fetch(NEXT_SOURCE_ID)[0][0]
    return source_id


def list_unfinished(warehouse: Warehouse) -> dict[tuple[str, str], str]:
    """Why files that a load took, or tried, are pending again: a sentence by dataset and URL."""
    sql = """SELECT ended.dataset, ended.url, ended.status, ended.load_id
    FROM load_files AS ended
    WHERE ended.status IN ('failed', 'undone')
        AND NOT EXISTS (
            SELECT 1 FROM load_files AS later
            WHERE later.dataset = ended.dataset AND later.url = ended.url AND later.source_id > ended.source_id
        )"""
    words = {"failed": "load {} failed on it", "undone": "load {} was undone"}
    return {(dataset, url): words[status].format(load_id) for dataset, url, status, load_id in warehouse.fetch(sql)}


def mark_superseded(warehouse: Warehouse, load_id: int) -> None:
    """End the contents in changed_files, whose rows have just left staging: this load's took their place."""
    warehouse.execute(MARK_SUPERSEDED, [load_id])


def mark_undone(warehouse: Warehouse, load_id: int) -> None:
    """End the contents in changed_files, whose rows have just left staging, and the load that brought them."""
    files, load = MARK_UNDONE
    warehouse.execute(files)
    warehouse.execute(load, [load_id])


def load_status(warehouse: Warehouse, load_id: int) -> str | None:
    """How a load stands in the history, or None where there is none."""
    rows = warehouse.fetch(LOAD_STATUS, [load_id])
    return rows[0][0] if rows else None


def list_superseding(warehouse: Warehouse, load_id: int) -> list[int]:
    """The loads that replaced files of a load."""
    sql = "SELECT DISTINCT superseded_by FROM load_files WHERE load_id = $1 AND superseded_by IS NOT NULL ORDER BY 1"
    return [later for (later,) in warehouse.fetch(sql, [load_id])]


def list_replaced(warehouse: Warehouse, load_id: int) -> list[str]:
    """The URLs of which a load replaced an older content."""
    return [url for (url,) in warehouse.fetch(LIST_REPLACED, [load_id])]


def count_replayable(warehouse: Warehouse) -> list[Replayable]:
    """The rejects of files whose rows stand in staging, but for those whose bytes are not kept."""
    return [Replayable(*row) for row in warehouse.fetch(COUNT_REPLAYABLE)]


def collect_replayed(warehouse: Warehouse) -> None:
    """Move the rejects that can be judged again, of the files in changed_files, to replayed_records."""
    for sql in COLLECT_REPLAYED:
        warehouse.execute(sql)


def recount(warehouse: Warehouse) -> None:
    """Count the records of the files in changed_files anew, and sum up the loads'."""
    for sql in RECOUNT:
        warehouse.execute(sql)


def record_load(warehouse: Warehouse, load: LoadEntry, entries: Sequence[FileEntry]) -> None:
    """Write what a load did: a row for it, in place of that of the running load, and one for each file it met."""
    warehouse.execute(FORGET_LOAD, [load.load_id])
    warehouse.insert_rows(
        "load_files",
        FILE_COLUMNS,
        [
            (
                entry.source_id, load.load_id, entry.dataset, entry.file.url, entry.fingerprint, entry.size,
                entry.file.modified, entry.records.read, entry.records.loaded, entry.records.rejected, entry.status,
            )
            for entry in entries
        ],
    )  # fmt: skip
    done = sum(entry.status == "loaded" for entry in entries)
    total = add_up(entry.records for entry in entries)
    warehouse.insert_rows(
        "load_history",
        LOAD_COLUMNS,
        [
            (
                load.load_id, load.started_at, load.finished_at, load.status, load.mode, done,
                total.read, total.loaded, total.rejected, load.version, load.detail,
            )
        ],
    )  # fmt: skip
