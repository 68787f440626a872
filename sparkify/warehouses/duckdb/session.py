"""DuckDB's session: one connection to one file."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from sparkify.addresses import is_unicode
from sparkify.errors import EngineError, LockedError, NoWarehouseError, UsageError
from sparkify.settings import Config
from sparkify.statement_log import logged
from sparkify.warehouses.base import Row, StoredFile
from sparkify.warehouses.duckdb import memory
from sparkify.warehouses.duckdb.errors import mapped_errors, words_of
from sparkify.warehouses.duckdb.intake import DuckDBIntake
from sparkify.warehouses.scratch import clear_scratch_folders

# At most this, and at most half of the machine: the loader streams, so more memory would not make it faster.
_MOST_MEMORY = 1_228 << 20
_SETTINGS = {
    # Redshift's order: NULLs are greater than all values.
    "default_null_order": "NULLS_LAST_ON_ASC_FIRST_ON_DESC",
    # Keeping the order of insertion would serialize the threads that append.
    "preserve_insertion_order": "false",
}
_NEW_PROCESS_SETTINGS = {
    # DuckDB must not download anything by itself.
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    # A thread writes each row group as soon as it is full. DuckDB's default of five holds more memory and gains nothing
    # for data that is written once.
    "write_buffer_row_group_count": "1",
}


# DuckDB takes a name in any case of letters for the same.
_LIST_TABLES = """SELECT lower(table_name) FROM duckdb_tables()
WHERE NOT temporary AND NOT internal AND database_name = current_database() AND schema_name = current_schema()"""
_MEASURE_FILE = """SELECT databases.path, databases.tags['storage_version'], size.block_size, size.used_blocks
FROM pragma_database_size() AS size
INNER JOIN duckdb_databases() AS databases USING (database_name)
WHERE databases.database_name = current_database() AND databases.path IS NOT NULL"""


# A folder beside the file, in which a compaction writes the new one.
COMPACTION_PREFIX = ".sparkify-compact-"


class DuckDBWarehouse:
    """A Warehouse over one connection; see `sparkify.warehouses.base`."""

    dialect = "duckdb"
    own_tables: tuple[str, ...] = ()

    def __init__(self, connection: duckdb.DuckDBPyConnection, address: str, config: Config) -> None:
        self.address = address
        self._connection = connection
        self.intake = DuckDBIntake(self, connection, config)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        with logged(sql) as sent, mapped_errors(self._connection):
            self._connection.execute(sql, list(parameters))
            sent.rows = count if (count := self._connection.rowcount) >= 0 else None

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return self.fetch_table(sql, parameters)[1]

    def fetch_table(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[Row]]:
        with logged(sql) as sent, mapped_errors(self._connection):
            result = self._connection.execute(sql, list(parameters))
            rows = result.fetchall()
            sent.rows = len(rows)
            return [column[0] for column in result.description or []], rows

    def fetch_user_query(self, sql: str) -> tuple[list[str], list[Row]]:
        try:
            statements = self._connection.extract_statements(sql)
        except duckdb.Error as error:
            raise UsageError(f"the SQL cannot be read: {words_of(error)}") from error
        if len(statements) != 1:
            raise UsageError(f"the SQL has {len(statements)} statements; give exactly one SELECT")
        if (kind := _kind_of(statements[0])) != "SELECT":
            raise UsageError(f"the SQL is a statement of kind {kind}; only a SELECT is allowed")
        with mapped_errors(self._connection):
            # A SELECT could still read files and other databases.
            self._connection.execute("SET enable_external_access = false")
        try:
            return self.fetch_table(sql)
        except EngineError as error:
            raise UsageError(f"the SQL cannot be run: {error}") from error

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        # Only a load needs it, and every command imports this module.
        from sparkify.validation.arrow import Table, registered

        if not rows:
            return
        sql = f"INSERT INTO {table} ({', '.join(columns)}) FROM inserted_rows"
        with (
            logged(sql) as sent,
            mapped_errors(self._connection),
            registered(self._connection, "inserted_rows", Table.of_rows(columns, rows)),
        ):
            self._connection.execute(sql)
            sent.rows = len(rows)

    def list_tables(self) -> set[str]:
        return {name for (name,) in self.fetch(_LIST_TABLES)}

    def measure_file(self) -> StoredFile | None:
        for path, version, block_size, used_blocks in self.fetch(_MEASURE_FILE):
            size = Path(path).stat().st_size
            # Before the blocks is a header, which is smaller than one.
            return StoredFile(version.rstrip("+"), size, max(0, size // block_size - used_blocks) * block_size)
        return None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.execute("BEGIN TRANSACTION")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            # After some errors DuckDB has already rolled back.
            with suppress(EngineError):
                self.execute("ROLLBACK")
            raise

    # Only one process can have the file open for writing.
    load_transaction = transaction

    def close(self) -> None:
        with suppress(duckdb.Error):
            self._connection.close()


def _kind_of(statement: duckdb.Statement) -> str:
    try:
        return statement.type.name.replace("_", " ")
    except ValueError:
        # The Python client has no name for some kinds, such as that of UPDATE EXTENSIONS.
        return "OTHER"


def open_session(address: str, config: Config, *, read_only: bool = False) -> DuckDBWarehouse:
    """Open a file. Raises UsageError for an impossible path, EngineError if DuckDB cannot open it."""
    path = Path(address.removeprefix("duckdb:"))
    if not is_unicode(str(path)):
        raise UsageError(f"the warehouse {str(path)!a} cannot be opened: its name is not UTF-8; rename it")
    try:
        check_path(path, read_only=read_only)
    except OSError as error:
        raise UsageError(f"the warehouse {path} cannot be opened: {error.strerror}; give another file") from None
    try:
        connection = _connect(path, list_options(config, read_only=read_only), read_only)
    except duckdb.Error as error:
        raise opening_error(path, error, config) from error
    if not read_only:
        _clear_leftovers(connection, path)
    return DuckDBWarehouse(connection, str(path), config)


def list_options(config: Config, *, read_only: bool) -> dict[str, str]:
    """DuckDB's own settings for a new process."""
    options = _SETTINGS | _NEW_PROCESS_SETTINGS
    options["memory_limit"] = config.memory_limit or f"{min(_machine_memory() // 2, _MOST_MEMORY) >> 20}MiB"
    if config.threads:
        options["threads"] = str(config.threads)
    if not read_only:
        # A file that exists keeps its format.
        options["storage_compatibility_version"] = config.storage_version
    return options


def longest_record(config: Config) -> int:
    """The bytes of the longest record that is judged: at most 16 MiB, less where the memory limit is low."""
    return memory.longest_record(memory.read_size(list_options(config, read_only=True)["memory_limit"]))


def _connect(path: Path, options: dict[str, str], read_only: bool) -> duckdb.DuckDBPyConnection:
    """Open and lock the file of that name. A compaction may replace it after it is opened, before it is locked."""
    while True:
        before = _identify(path)
        connection = duckdb.connect(str(path), read_only=read_only, config=dict(options))
        if before is None or before == _identify(path):
            return connection
        connection.close()


def _identify(path: Path) -> tuple[int, int] | None:
    with suppress(FileNotFoundError):
        found = path.stat()
        return found.st_dev, found.st_ino
    return None


def wrap_cursor(cursor: duckdb.DuckDBPyConnection, connection: Any, config: Config) -> DuckDBWarehouse:
    """A warehouse over the caller's connection or cursor."""
    with mapped_errors(cursor):
        for name, value in _SETTINGS.items():
            cursor.execute(f"SET {name} = '{value}'")
    return DuckDBWarehouse(cursor, "the caller's connection", config)


def check_path(path: Path, *, read_only: bool) -> None:
    """Raises UsageError for a path where no file can be, NoWarehouseError for a file to read that does not exist."""
    if path.is_dir():
        raise UsageError(f"the warehouse {path} is a folder; give a file, such as {path / 'sparkify.duckdb'}")
    if not path.parent.is_dir():
        raise UsageError(f"the warehouse {path} cannot be made: there is no folder {path.parent}; create it first")
    if read_only and not path.exists():
        raise NoWarehouseError(f"there is no warehouse {path} yet; run sparkify load, or give another --warehouse")


def _clear_leftovers(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Remove the temporary files of a killed process, which DuckDB does not. No other process has the file open."""
    clear_scratch_folders(path.resolve().parent, COMPACTION_PREFIX)
    folder = Path(f"{path}.tmp")
    # Another connection of this process may use them.
    if not folder.is_dir() or connection.execute("SELECT 1 FROM duckdb_temporary_files()").fetchall():
        return
    with suppress(OSError):
        for file in folder.glob("duckdb_temp_*"):
            file.unlink()
        folder.rmdir()


def _machine_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def opening_error(path: Path, error: duckdb.Error, config: Config) -> EngineError | UsageError:
    """An error of DuckDB's while it opens a file, as ours."""
    words = words_of(error)
    if "Unique file handle conflict" in words or "different configuration than existing connections" in words:
        return LockedError(f"the warehouse {path} is in use by this process; close it first")
    if isinstance(error, duckdb.InvalidInputException) and config.storage_version in words:
        return UsageError(
            f"the storage version {config.storage_version} is not usable, for DuckDB {duckdb.__version__} does not "
            "know it; name the version of the oldest client that opens the file, such as v1.4.0"
        )
    if "lock" in words.lower() and isinstance(error, duckdb.IOException):
        holder = re.search(r"PID (\d+)", words)
        who = f"process {holder[1]}" if holder else "another process"
        return LockedError(f"the warehouse {path} is in use by {who}; wait until it ends, or give --wait SECONDS")
    if "not a valid DuckDB database" in words or "magic bytes" in words:
        return EngineError(f"{path} is not a DuckDB database; give another --warehouse, or remove the file")
    if config.memory_limit and "memory" in words.lower():
        return UsageError(f"the memory limit {config.memory_limit} is not valid: {words}; write it as 2GB or 500MB")
    return EngineError(f"cannot open the warehouse {path}: {words}")
