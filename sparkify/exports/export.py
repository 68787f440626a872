"""Exports: each table and view into files of a folder."""

import datetime as dt
import difflib
import fcntl
import json
import logging
import os
import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from msgspec import structs

from sparkify.arguments import check_fields, checked
from sparkify.errors import LockedError, UsageError
from sparkify.exports.manifest import (
    NAME,
    ColumnEntry,
    FileEntry,
    Manifest,
    TableEntry,
    digest_file,
    is_there,
    read_manifest,
    write_manifest,
)
from sparkify.formats import Shown
from sparkify.outputs import Kind, check_output, clear_unfinished, make_folder, open_output, read_folder
from sparkify.questions.cut import WHOLE_LOG, Cut, where_sql
from sparkify.settings import Config
from sparkify.sql import Table, read_table
from sparkify.star.tables import LEDGER, STAGING, STAR, TEXTS
from sparkify.star.version import open_to_read
from sparkify.warehouses import FileFormat, StageError, Target, Warehouse

_logger = logging.getLogger("sparkify")
# The views that only other views read are left out.
TABLES = (*STAR, "events", "sessions", "plays", "days", *STAGING, *TEXTS, *LEDGER)
_BY_MONTH = "songplays"
# What is chosen by day, and the moment or day of a row. Other tables are always whole.
_MOMENTS = {
    "songplays": "start_time",
    "time": "start_time",
    "events": "day",
    "sessions": "started_at",
    "plays": "start_time",
    "days": "day",
    "staging_events": "DATE '1970-01-01' + cast(floor(cast(ts AS DOUBLE PRECISION) / 86400000) AS INTEGER)",
}
# The manifest tells which files are of an earlier export.
_OWN = Kind("a file", re.compile(b""))
_TELL_EVERY_SECONDS = 0.5


@dataclass(frozen=True)
class ExportOptions:
    """What to export: all tables unless some are named; columns that may name a person only `with_people`.

    `cut` chooses by day; a table whose rows have no day is whole. Raises UsageError for values that make no sense.
    """

    format: FileFormat = "parquet"
    tables: Collection[str] = ()
    cut: Cut = WHOLE_LOG
    with_people: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        if others := self.cut.values.keys() - {"from", "to"}:
            raise UsageError(f"an export does not take {' and '.join(sorted(others))}; it takes from and to")
        if isinstance(self.tables, str):
            # The class is frozen.
            object.__setattr__(self, "tables", (self.tables,))
        for name in self.tables:
            if name not in TABLES:
                close = difflib.get_close_matches(name.lower(), TABLES, n=1)
                hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(TABLES)}"
                raise UsageError(f"there is no table {name!r} to export; {hint}")


@dataclass(frozen=True)
class ExportProgress:
    """The file that is being written, the bytes it has so far, the files that are complete, and all."""

    file: str
    bytes: int
    files: int
    total_files: int


@dataclass(frozen=True, repr=False)
class ExportResult(Shown):
    """What an export wrote: rows by table, the number of files, and their bytes.

    `left_out` has the columns left out of each table. `removed` are files of an earlier export of the same tables, in
    whose place there is none now.
    """

    folder: str
    manifest: str
    tables: dict[str, int]
    files: int
    bytes: int
    left_out: dict[str, list[str]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Planned:
    """A table, its columns, the days by which it is cut, and the SELECT of each of its files."""

    table: Table
    columns: list[str]
    cut: Cut
    files: dict[str, str]


@checked
def export(
    config: Config,
    folder: str | os.PathLike[str],
    options: ExportOptions | None = None,
    *,
    on_progress: Callable[[ExportProgress], None] | None = None,
) -> ExportResult:
    """Write tables and views into files of a folder, with a manifest. All are of one moment of the warehouse.

    The folder is made if it is missing. A file appears when it is complete, and then the next one is written. Files of
    an earlier export are replaced, others never. Memory does not grow with the rows. Raises UsageError where a file may
    not be written, LockedError while another export writes into the folder.
    """
    options = options or ExportOptions()
    place = read_folder(folder)
    tell = on_progress or (lambda _: None)
    try:
        return _export(config, place, options, tell)
    except StageError as error:
        _logger.warning("%s; so they come through the connection to the warehouse, which takes longer", error)
        # All files are of one moment, and that transaction has ended.
        return _export(structs.replace(config, stage=None), place, options, tell)


def _export(
    config: Config, place: Path, options: ExportOptions, on_progress: Callable[[ExportProgress], None]
) -> ExportResult:
    with open_to_read(config) as warehouse, warehouse.transaction():
        tables = [name for name in TABLES if name in (options.tables or TABLES)]
        planned = [_plan(warehouse, read_table(name), options) for name in tables]
        _make_folders(place, planned)
        with _locked(place):
            writer = _Writer(warehouse, config, place, planned)
            return writer.write(options.format, on_progress)


# ---- what is to be written ----


def _plan(warehouse: Warehouse, table: Table, options: ExportOptions) -> _Planned:
    people = [] if options.with_people else table.list_people()
    columns = [column for column in table.columns if column.name not in people]
    select = f"SELECT {', '.join(column.identifier for column in columns)}\nFROM {table.name}"
    cut = options.cut if table.name in _MOMENTS else WHOLE_LOG
    cuts = {table.name: cut}
    if table.name == _BY_MONTH:
        months = {f"{table.name}/{one.first_day:%Y-%m}": one for one in _list_months(warehouse, cut)}
        # A reader of all months needs a file, and its columns.
        cuts = months or {f"{table.name}/none": cut}
    files = {f"{file}.{options.format}": select + _where_sql(table.name, one) for file, one in cuts.items()}
    return _Planned(table, [column.name for column in columns], cut, files)


def _where_sql(table: str, cut: Cut) -> str:
    return where_sql(_MOMENTS.get(table), cut.values)


def _list_months(warehouse: Warehouse, cut: Cut) -> Iterator[Cut]:
    """Of each month that has plays, the part that is within the cut."""
    months = warehouse.fetch(
        f"SELECT DISTINCT cast(date_trunc('month', start_time) AS DATE) AS first_day\nFROM {_BY_MONTH}"
        f"{_where_sql(_BY_MONTH, cut)}\nORDER BY first_day"
    )
    for (first,) in months:
        last = (first + dt.timedelta(31)).replace(day=1) - dt.timedelta(1)
        yield Cut(max(first, cut.first_day or first), min(last, cut.last_day or last))


# ---- the folder ----


def _make_folders(place: Path, planned: Iterable[_Planned]) -> None:
    try:
        for folder in sorted(_folders_of(place, (file for one in planned for file in one.files))):
            make_folder(folder)
    except OSError as error:
        where = error.filename or place
        raise UsageError(f"cannot make the folder {where}: {error.strerror}; choose another folder") from None


def _folders_of(place: Path, files: Iterable[str]) -> set[Path]:
    return {place, *((place / file).parent for file in files)}


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Only one export at a time writes into a folder. Raises LockedError."""
    try:
        folder = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"cannot read the folder {place}: {error.strerror}; choose another folder") from None
    try:
        # Not every file system has locks.
        with suppress(OSError):
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LockedError(f"another export writes into {place}; wait until it ends") from None
        yield
    finally:
        os.close(folder)


# ---- writing ----


class _Writer:
    """Writes the planned files into a folder that nobody else writes into."""

    def __init__(self, warehouse: Warehouse, config: Config, place: Path, planned: list[_Planned]) -> None:
        self._warehouse = warehouse
        self._config = config
        self._place = place
        self._planned = {one.table.name: one for one in planned}
        self._new = [file for one in planned for file in one.files]
        self._entries = {table.name: table for table in read_manifest(place).tables}
        # By file, the table that it is of.
        self._own = {
            entry.file: name
            for name in self._planned.keys() & self._entries.keys()
            for entry in self._entries[name].files
            if is_there(place, entry)
        }
        for file in self._new:
            check_output(place / file, config, self._kind_of(file))

    def write(self, form: FileFormat, on_progress: Callable[[ExportProgress], None]) -> ExportResult:
        """Write every file; then remove those of the earlier export that have no successor."""
        stale = sorted(self._own.keys() - set(self._new))
        for name, one in self._planned.items():
            files = [*one.files, *(file for file in stale if self._own[file] == name)]
            self._entries[name] = TableEntry(name, form, [FileEntry(file) for file in files])
        self._write_manifest()
        for folder in _folders_of(self._place, self._new):
            clear_unfinished(folder)
        last_load: int | None = self._warehouse.fetch("SELECT max(load_id) FROM load_history")[0][0]
        done = 0
        for name, one in self._planned.items():
            entries: list[FileEntry] = []
            types: dict[str, str] = {}
            for file in one.files:
                state = ExportProgress(file, 0, done, len(self._new))
                entry, types = self._write_file(one, state, form, on_progress)
                entries.append(entry)
                done += 1
            self._entries[name] = _entry_of(one, form, entries, types, last_load)
        for file in stale:
            (self._place / file).unlink(missing_ok=True)
        self._write_manifest()
        return self._result(stale)

    def _write_file(
        self, one: _Planned, state: ExportProgress, form: FileFormat, on_progress: Callable[[ExportProgress], None]
    ) -> tuple[FileEntry, dict[str, str]]:
        """Write one file; returns its entry, and the types of its columns."""
        with open_output(self._place / state.file, self._config, self._kind_of(state.file)) as stream:
            unfinished = Path(stream.name)
            target = Target(stream.name, form, tuple(one.columns), _notes_of(one.table))
            with _repeated(lambda: on_progress(replace(state, bytes=unfinished.stat().st_size))):
                written = self._warehouse.write_file(one.files[state.file], target, in_order=False)
                entry = FileEntry(state.file, written.rows, unfinished.stat().st_size, digest_file(unfinished))
        return entry, written.types

    def _kind_of(self, file: str) -> Kind | None:
        return _OWN if file in self._own else None

    def _write_manifest(self) -> None:
        tables = [self._entries[name] for name in TABLES if name in self._entries]
        write_manifest(self._place, Manifest.of(tables), self._config)

    def _result(self, removed: list[str]) -> ExportResult:
        written = [self._entries[name] for name in self._planned]
        files = [entry for table in written for entry in table.files]
        return ExportResult(
            folder=str(self._place),
            manifest=str(self._place / NAME),
            tables={table.name: table.rows for table in written},
            files=len(files),
            bytes=sum(entry.bytes for entry in files),
            left_out={table.name: table.left_out for table in written if table.left_out},
            removed=removed,
        )


def _notes_of(table: Table) -> dict[str, str]:
    """What a Parquet file says of itself: what a row is, and what each column means."""
    meanings = {column.name: column.meaning for column in table.columns}
    return {"description": table.describe(), "columns": json.dumps(meanings, ensure_ascii=False)}


def _entry_of(
    one: _Planned, form: FileFormat, files: list[FileEntry], types: dict[str, str], last_load: int | None
) -> TableEntry:
    meanings = {column.name: column.meaning for column in one.table.columns}
    days = {name: day.isoformat() for name, day in one.cut.values.items()}
    return TableEntry(
        one.table.name,
        form,
        files,
        rows=sum(entry.rows for entry in files),
        description=one.table.describe(),
        columns=[ColumnEntry(name, types[name], meanings[name]) for name in one.columns],
        left_out=[name for name in meanings if name not in one.columns],
        first_day=days.get("from"),
        last_day=days.get("to"),
        last_load=last_load,
    )


@contextmanager
def _repeated(do: Callable[[], None]) -> Iterator[None]:
    """Do it now, and again and again in a thread while the block runs."""
    do()
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(_TELL_EVERY_SECONDS):
            # The last moment of a file has no size to tell.
            with suppress(OSError):
                do()

    thread = threading.Thread(target=repeat, name="export-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
