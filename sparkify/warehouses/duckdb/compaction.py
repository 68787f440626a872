"""A warehouse's file written again: without free space, and in the format that is set.

The new file is written beside the old one, compared with it, and then renamed to its name, all while the old one is
locked. A process that is killed at any moment leaves the old file or the new one, and both hold the same.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import duckdb

from sparkify.addresses import path_of
from sparkify.errors import EngineError, LockedError
from sparkify.settings import Config
from sparkify.sql import quote
from sparkify.warehouses.base import StoredFile
from sparkify.warehouses.duckdb.opening import SCRATCH_PREFIX, check_path, identify, opening_error, place_of
from sparkify.warehouses.duckdb.session import DuckDBWarehouse, list_options, open_session
from sparkify.warehouses.scratch import open_scratch_folder

# Changes that are not in the file of the name before the suffix yet: DuckDB replays them when it opens that.
_WAL_SUFFIXES = (".wal", ".wal.checkpoint", ".wal.recovery")
_LIST_TABLES = """SELECT schema_name, table_name FROM duckdb_tables()
WHERE database_name = $1 AND NOT internal AND NOT temporary"""
# Without the text of views and macros, which each format writes in its own way.
_LIST_OBJECTS = """SELECT schema_name, table_name, 'table', comment FROM duckdb_tables() WHERE database_name = $1
UNION ALL SELECT schema_name, view_name, 'view', comment FROM duckdb_views() WHERE database_name = $1 AND NOT internal
UNION ALL SELECT schema_name, concat(table_name, '.', column_name), concat(data_type, ' ', is_nullable), comment
FROM duckdb_columns() WHERE database_name = $1 AND NOT internal
UNION ALL SELECT schema_name, table_name, concat(constraint_type, CAST(constraint_column_names AS VARCHAR)), NULL
FROM duckdb_constraints() WHERE database_name = $1
UNION ALL SELECT schema_name, index_name, 'index', comment FROM duckdb_indexes() WHERE database_name = $1
UNION ALL SELECT schema_name, sequence_name, 'sequence', comment FROM duckdb_sequences() WHERE database_name = $1
UNION ALL SELECT schema_name, function_name, concat('macro', CAST(parameters AS VARCHAR)), comment
FROM duckdb_functions() WHERE database_name = $1 AND NOT internal"""


def compact_file(address: str, config: Config) -> StoredFile:
    """Write the file of a warehouse again; returns what it is then.

    Raises LockedError while another process has it open, and EngineError where the copy cannot be made.
    """
    path = Path(path_of(address) or "")
    check_path(path, read_only=True)
    # A symbolic link stays: the file that it leads to is replaced.
    place = place_of(path)
    with (
        _locked(path, config) as warehouse,
        _mapped_os_errors(path),
        open_scratch_folder(place.parent, SCRATCH_PREFIX) as folder,
    ):
        copy = folder / "compacted.duckdb"
        warehouse.execute(f"SET temp_directory = {quote(str(folder / 'swapped'))}")
        _copy(warehouse, copy, config.storage_version)
        with closing(open_session(str(copy), config, read_only=True)) as compacted:
            file = compacted.measure_file()
        assert file is not None
        _replace(place, copy)
        return file


@contextmanager
def _locked(path: Path, config: Config) -> Iterator[DuckDBWarehouse]:
    """A database in memory to which the file is attached, as `original`: no other process can open it meanwhile.

    The lock belongs to the process and the file: where the process opens the file a second time and closes it, the lock
    is gone. So nothing here opens it by other means than DuckDB.
    """
    try:
        connection = duckdb.connect(config=dict(list_options(config, read_only=False)))
    except duckdb.Error as error:
        raise opening_error(path, error, config) from error
    place = place_of(path)
    before = identify(place)
    with closing(connection):
        try:
            connection.execute(f"ATTACH {quote(str(place))} AS original")
        except duckdb.Error as error:
            raise _replaced(path) if before != identify(place) else opening_error(path, error, config) from error
        # Another compaction may have replaced the file after it was opened, before it was locked.
        if before != identify(place):
            raise _replaced(path)
        yield DuckDBWarehouse(connection, str(path), config)


def _replaced(path: Path) -> LockedError:
    return LockedError(f"the warehouse {path} is being compacted by another process; wait until it ends")


@contextmanager
def _mapped_os_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EngineError(f"the warehouse {path} cannot be compacted: {error.strerror}; it is as it was") from error


def _copy(warehouse: DuckDBWarehouse, copy: Path, version: str) -> None:
    """Write everything that `original` holds into a new file, and compare the two."""
    warehouse.execute("CHECKPOINT original")
    warehouse.execute(f"ATTACH {quote(str(copy))} AS compacted (STORAGE_VERSION {quote(version)})")
    warehouse.execute("COPY FROM DATABASE original TO compacted")
    warehouse.execute("CHECKPOINT compacted")
    warehouse.execute("DETACH compacted")
    # Opened again, so that what is compared is what is in the file.
    warehouse.execute(f"ATTACH {quote(str(copy))} AS compacted (READ_ONLY)")
    if (different := find_difference(warehouse, "original", "compacted")) is not None:
        raise EngineError(f"the copy of {warehouse.address} has another {different}; the warehouse is as it was")
    warehouse.execute("DETACH compacted")


def find_difference(warehouse: DuckDBWarehouse, one: str, other: str) -> str | None:
    """The name of a table, view or the like that two attached databases do not have alike, in rows or definition."""
    objects = [set(warehouse.fetch(_LIST_OBJECTS, [database])) for database in (one, other)]
    if different := objects[0] ^ objects[1]:
        return ".".join(min((schema, name) for schema, name, _, _ in different))
    for schema, table in warehouse.fetch(_LIST_TABLES, [one]):
        name = f'"{_escape(schema)}"."{_escape(table)}"'
        if _digest(warehouse, f"{one}.{name}") != _digest(warehouse, f"{other}.{name}"):
            return f"{schema}.{table}"
    return None


def _digest(warehouse: DuckDBWarehouse, table: str) -> tuple[object, ...]:
    """A number of rows, and two sums of their hashes, which do not depend on the order of the rows."""
    sql = f"SELECT count(*), bit_xor(hash(digested)), sum(CAST(hash(digested) AS HUGEINT)) FROM {table} AS digested"
    return warehouse.fetch(sql)[0]


def _escape(identifier: str) -> str:
    return identifier.replace('"', '""')


def _replace(place: Path, copy: Path) -> None:
    """Put the copy in the place of the file, with its owner and mode, so that it stays there after a power failure."""
    for ahead in (f"{file}{suffix}" for file in (place, copy) for suffix in _WAL_SUFFIXES):
        if Path(ahead).exists():
            raise EngineError(f"the warehouse {place} cannot be compacted: {ahead} still exists; it is as it was")
    owner = place.stat()
    if owner.st_nlink > 1:
        raise EngineError(
            f"the warehouse {place} cannot be compacted: its file has a second name, a hard link, which would keep the "
            "old one; it is as it was"
        )
    # Only root may give a file away.
    with suppress(PermissionError):
        os.chown(copy, owner.st_uid, owner.st_gid)
    copy.chmod(stat.S_IMODE(owner.st_mode))
    _sync(copy)
    copy.replace(place)
    # Some file systems cannot do it. The file is in its place already.
    with suppress(OSError):
        _sync(place.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
