"""The ledger: which content of which file is loaded, by which load.

A file is its dataset, its URL and its content (etag), never its time. Nothing here reads a file: what only its bytes
can tell is asked of a function that the caller passes.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sparkify.engines import Engine
from sparkify.files import SourceFile
from sparkify.records import Dataset
from sparkify.sql import read_sql

FILE_COLUMNS = (
    "source_id", "load_id", "dataset", "url", "etag", "size", "modified", "read", "loaded", "rejected", "status",
)  # fmt: skip
LOAD_COLUMNS = (
    "load_id", "started_at", "finished_at", "status", "mode", "files", "read", "loaded", "rejected", "version",
)  # fmt: skip
LIST_LOADED = (
    "SELECT source_id, load_id, dataset, url, etag, size, loaded, rejected FROM load_files WHERE status = 'loaded' "
    "ORDER BY source_id"
)
NEXT_IDS = (
    "SELECT coalesce(max(load_id), 0) + 1 FROM load_history",
    "SELECT coalesce(max(source_id), 0) + 1 FROM load_files",
)
MARK_SUPERSEDED = (
    "UPDATE load_files SET status = 'superseded', superseded_by = $1 "
    "WHERE source_id IN (SELECT source_id FROM changed_files)"
)
# The bytes of a record that is not UTF-8 are gone: it is kept escaped.
_IS_REPLAYABLE = "reason <> 'bad_encoding'"

State = Literal["new", "changed", "unchanged", "vanished"]


class LoadedFile(NamedTuple):
    """One file as the ledger holds it."""

    source_id: int
    load_id: int
    dataset: Dataset
    url: str
    etag: str
    size: int
    loaded: int
    rejected: int


class Reject(NamedTuple):
    """One rejected record, with what it takes to judge it again."""

    source_id: int
    load_id: int
    dataset: Dataset
    url: str
    line: int
    raw: str


class PlannedFile(NamedTuple):
    """What a load would do with one file, and why. `loaded` is the content that the warehouse holds now, if any."""

    dataset: Dataset
    url: str
    size: int
    state: State
    reason: str
    file: SourceFile | None = None
    loaded: LoadedFile | None = None

    @property
    def is_pending(self) -> bool:
        return self.state in ("new", "changed")


class FileCount(NamedTuple):
    """Records of one file: read (blank lines apart), loaded and rejected."""

    read: int = 0
    loaded: int = 0
    rejected: int = 0


class FileEntry(NamedTuple):
    """One row of load_files to be written."""

    source_id: int
    dataset: Dataset
    file: SourceFile
    etag: str
    size: int
    records: FileCount
    status: Literal["loaded", "failed"]


@dataclass(frozen=True)
class LoadEntry:
    """One row of load_history to be written. Times are UTC without a zone."""

    load_id: int
    started_at: dt.datetime
    finished_at: dt.datetime
    status: str
    mode: str
    version: str


def list_loaded(engine: Engine) -> list[LoadedFile]:
    """The files whose rows stand in staging."""
    return [LoadedFile(*row) for row in engine.fetch(LIST_LOADED)]


def plan_files(
    dataset: Dataset,
    root: str,
    found: Sequence[SourceFile],
    loaded: Iterable[LoadedFile],
    read_identity: Callable[[SourceFile], str],
) -> list[PlannedFile]:
    """What a load would do with each file of one root, in the order found, the vanished ones last.

    `read_identity` gives the content identity of a file whose store lists none; it is called only where the size
    alone cannot tell. A file below another root is no concern of this one's, and not vanished.
    """
    known = {file.url: file for file in loaded if file.dataset == dataset}
    planned = []
    for file in found:
        before = known.get(file.url)
        state, reason = _compare(file, before, read_identity)
        planned.append(PlannedFile(dataset, file.url, file.size, state, reason, file, before))
    present = {file.url for file in found}
    below = root.rstrip("/") + "/"
    planned += [
        PlannedFile(dataset, url, before.size, "vanished", "loaded, but no longer at the source", loaded=before)
        for url, before in known.items()
        if url not in present and (url.startswith(below) or url == root)
    ]
    return planned


def _compare(
    file: SourceFile, before: LoadedFile | None, read_identity: Callable[[SourceFile], str]
) -> tuple[State, str]:
    if before is None:
        return "new", "not loaded yet"
    if file.size != before.size:
        return "changed", f"{before.size:,} bytes when loaded, {file.size:,} now"
    if (file.etag or read_identity(file)) != before.etag:
        return "changed", "same size, other content"
    return "unchanged", "loaded already"


def next_ids(engine: Engine) -> tuple[int, int]:
    """The load id and the first source id that are free."""
    load_id, source_id = (engine.fetch(sql)[0][0] for sql in NEXT_IDS)
    return load_id, source_id


def mark_superseded(engine: Engine, load_id: int) -> None:
    """End the contents in changed_files, whose rows have just left staging: this load's took their place."""
    engine.execute(MARK_SUPERSEDED, [load_id])


def mark_undone(engine: Engine, load_id: int) -> None:
    """End the contents in changed_files, whose rows have just left staging, and the load that brought them."""
    engine.execute("UPDATE load_files SET status = 'undone' WHERE source_id IN (SELECT source_id FROM changed_files)")
    engine.execute("UPDATE load_history SET status = 'undone' WHERE load_id = $1", [load_id])


def load_status(engine: Engine, load_id: int) -> str | None:
    """How a load stands in the history, or None where there is none."""
    rows = engine.fetch("SELECT status FROM load_history WHERE load_id = $1", [load_id])
    return rows[0][0] if rows else None


def list_superseding(engine: Engine, load_id: int) -> list[int]:
    """The loads that replaced files of a load."""
    sql = "SELECT DISTINCT superseded_by FROM load_files WHERE load_id = $1 AND superseded_by IS NOT NULL ORDER BY 1"
    return [later for (later,) in engine.fetch(sql, [load_id])]


def list_replaced(engine: Engine, load_id: int) -> list[str]:
    """The URLs of which a load replaced an older content."""
    return [url for (url,) in engine.fetch("SELECT url FROM load_files WHERE superseded_by = $1", [load_id])]


def list_replayable(engine: Engine) -> list[Reject]:
    """The rejects of files whose rows stand in staging, but for those whose bytes are not kept."""
    sql = f"""SELECT source_id, load_id, dataset, url, line, "raw" FROM rejected_records
    WHERE {_IS_REPLAYABLE} AND source_id IN (SELECT source_id FROM load_files WHERE status = 'loaded')
    ORDER BY source_id, line"""
    return [Reject(*row) for row in engine.fetch(sql)]


def delete_replayable(engine: Engine) -> None:
    """Take out the rejects that `list_replayable` lists, of the files in changed_files."""
    engine.execute(
        f"DELETE FROM rejected_records WHERE {_IS_REPLAYABLE} AND source_id IN (SELECT source_id FROM changed_files)"
    )


def recount(engine: Engine) -> None:
    """Count the records of the files in changed_files anew, and sum up the loads'."""
    engine.execute(read_sql("load_files/recount"))
    engine.execute(read_sql("load_history/recount"))


def record_load(engine: Engine, load: LoadEntry, entries: Sequence[FileEntry]) -> None:
    """Write what a load did: a row for it and one for each file it met."""
    engine.insert_rows(
        "load_files",
        FILE_COLUMNS,
        [
            (
                entry.source_id, load.load_id, entry.dataset, entry.file.url, entry.etag, entry.size,
                entry.file.modified, entry.records.read, entry.records.loaded, entry.records.rejected, entry.status,
            )
            for entry in entries
        ],
    )  # fmt: skip
    done = [entry.records for entry in entries if entry.status == "loaded"]
    engine.insert_rows(
        "load_history",
        LOAD_COLUMNS,
        [
            (
                load.load_id, load.started_at, load.finished_at, load.status, load.mode, len(done),
                sum(count.read for count in done), sum(count.loaded for count in done),
                sum(count.rejected for count in done), load.version,
            )
        ],
    )  # fmt: skip
