"""DuckDB's session: one connection to one file."""

import itertools
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from sparkify.addresses import is_unicode, path_of
from sparkify.errors import EngineError, UsageError
from sparkify.settings import Config
from sparkify.sql import quote, temporary_sql
from sparkify.statement_log import logged
from sparkify.warehouses.base import Relations, Row, StoredFile
from sparkify.warehouses.duckdb import memory
from sparkify.warehouses.duckdb.errors import mapped_errors, words_of
from sparkify.warehouses.duckdb.intake import DuckDBIntake
from sparkify.warehouses.duckdb.opening import SCRATCH_PREFIX, check_path, connect, opening_error, place_of
from sparkify.warehouses.files import Target, Written, copy_sql, written_types
from sparkify.warehouses.scratch import clear_scratch_folders

_logger = logging.getLogger("sparkify")

_NO_CHECKPOINT = "FATAL Error: Failed to create checkpoint because of error: "
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
_LIST_VIEWS = "SELECT lower(viewname) FROM pg_views WHERE schemaname = current_schema()"
_MEASURE_FILE = """SELECT databases.path, databases.tags['storage_version'], size.block_size, size.used_blocks
FROM pragma_database_size() AS size
INNER JOIN duckdb_databases() AS databases USING (database_name)
WHERE databases.database_name = current_database() AND databases.path IS NOT NULL"""


# The line and a mark below it.
_PLACE = re.compile(r"\n\nLINE (\d+): (.*)\n( *\^.*)")
_EXPLAIN = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*+EXPLAIN\b(?:\s+ANALYZE\b)?(?:\s*\([^)]*\))?", re.IGNORECASE | re.DOTALL
)
_PIVOT = re.compile(r"\bPIVOT", re.IGNORECASE)
# A row may have 65,535 bytes, and more in what a user asks.
_ROWS_AT_A_TIME = 256
# About 25 MB of the longest rows, those of the ledger.
_ROWS_INSERTED_AT_A_TIME = 50_000


class DuckDBWarehouse:
    """A Warehouse over one connection; see `sparkify.warehouses.base`."""

    dialect = "duckdb"
    own_tables: tuple[str, ...] = ()

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, address: str, config: Config, *, is_writing: bool = False
    ) -> None:
        self.address = address
        self._connection = connection
        self.column_types: list[str] = []
        self._is_writing = is_writing
        limit = memory.read_size(memory.limit_in_words(config)) if is_writing else None
        self.intake = DuckDBIntake(self, connection, config, limit=limit)

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
            return self._note_columns(result), rows

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], Iterator[Row]]:
        with logged(sql), mapped_errors(self._connection):
            result = self._connection.execute(sql, list(parameters))
            # An error of the statement comes now, as with all its rows.
            first = result.fetchmany(_ROWS_AT_A_TIME)
            return self._note_columns(result), self._take(result, first)

    def _note_columns(self, result: duckdb.DuckDBPyConnection) -> list[str]:
        columns = result.description or []
        self.column_types = [str(column[1]) for column in columns]
        return [column[0] for column in columns]

    def _take(self, result: duckdb.DuckDBPyConnection, rows: list[Row]) -> Iterator[Row]:
        while rows:
            yield from rows
            with mapped_errors(self._connection):
                rows = result.fetchmany(_ROWS_AT_A_TIME)

    def stream_user_query(self, sql: str) -> tuple[list[str], Iterator[Row]]:
        self._admit(sql)
        with _as_usage_errors():
            columns, rows = self.stream(sql)
        return columns, _told_as_usage_errors(rows)

    def write_user_query(self, sql: str, target: Target) -> Written:
        if self._admit(sql, target.path) == "EXPLAIN":
            raise UsageError("EXPLAIN has no rows to write as Parquet; leave out the file")
        # The SQL begins on the second line of each statement.
        with _as_usage_errors(lines_before=1):
            written = self.write_file(_body_of(sql), target)
        return written

    def _admit(self, sql: str, file: str | None = None) -> str:
        """The kind of a user's statement. From now on the connection reads and writes no files but this one."""
        kind = self._kind_of(sql)
        explained = _EXPLAIN.match(sql) if kind == "EXPLAIN" else None
        inner = self._kind_of(sql[explained.end() :]) if explained else kind
        # DuckDB makes several statements of a PIVOT.
        if inner != "SELECT" and not (inner == "MULTI" and _PIVOT.search(sql)):
            raise UsageError(f"the SQL is a statement of kind {inner}; only a SELECT, or EXPLAIN of one, is allowed")
        with mapped_errors(self._connection):
            # A SELECT could still read files and other databases.
            if file is not None:
                self._connection.execute(f"SET allowed_paths = [{quote(file)}]")
            self._connection.execute("SET enable_external_access = false")
        return kind

    def _kind_of(self, sql: str) -> str:
        try:
            statements = self._connection.extract_statements(sql)
        except duckdb.Error as error:
            raise _told_with_place(UsageError(f"the SQL cannot be read: {words_of(error)}"), error) from error
        if len(statements) != 1:
            raise UsageError(f"the SQL has {len(statements)} statements; give exactly one SELECT")
        return _kind_of(statements[0])

    def write_file(self, select: str, target: Target, *, in_order: bool = True) -> Written:
        types = written_types([(name, kind) for name, kind, *_ in self.fetch(f"DESCRIBE\n{select}")])
        copied = self.fetch(copy_sql(f"(\n{select}\n)", types, target))
        # The COPY of a PIVOT is several statements, of which the last does not tell.
        ((rows,),) = copied or self.fetch(f"SELECT count(*) FROM read_parquet({quote(target.path)})")
        return Written(rows, types)

    def insert_rows(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        # Only a load needs it, and every command imports this module.
        from sparkify.validation.arrow import Table, registered

        sql = f"INSERT INTO {table} ({', '.join(columns)}) FROM inserted_rows"
        coming = iter(rows)
        while some := list(itertools.islice(coming, _ROWS_INSERTED_AT_A_TIME)):
            with (
                logged(sql) as sent,
                mapped_errors(self._connection),
                registered(self._connection, "inserted_rows", Table.of_rows(columns, some)),
            ):
                self._connection.execute(sql)
                sent.rows = len(some)

    @contextmanager
    def bring_near(self, name: str, sql: str) -> Iterator["DuckDBWarehouse"]:
        self.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {sql}")
        yield self
        self.execute(f"DROP VIEW {name}")

    def list_tables(self) -> set[str]:
        return {name for (name,) in self.fetch(_LIST_TABLES)}

    def list_relations(self) -> Relations:
        # Views first: if another process creates everything in between, there are tables without views.
        views = {name for (name,) in self.fetch(_LIST_VIEWS)}
        return Relations(self.list_tables(), views)

    def make_temporary(self, name: str) -> None:
        self.execute(temporary_sql(name, self.dialect))

    def analyze(self, name: str) -> None:
        """The engine counts as rows come."""

    def update_design(self, names: tuple[str, ...]) -> list[str]:
        # A column is compressed as its table was made.
        return []

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
        try:
            if self._is_writing:
                self._checkpoint()
        finally:
            with suppress(duckdb.Error):
                self._connection.close()

    def _checkpoint(self) -> None:
        """Write what is committed into the file. Closing does so too, but says nothing if it cannot."""
        try:
            with mapped_errors(self._connection):
                self._connection.execute("CHECKPOINT")
        except EngineError as error:
            # Others, such as that a transaction is open, lose nothing.
            words = words_of(error.__cause__) if isinstance(error.__cause__, duckdb.Error) else ""
            if words.startswith(_NO_CHECKPOINT):
                _logger.warning(
                    "the file of the warehouse could not be completed: %s. What is committed is safe in the log beside "
                    "it: keep %s.wal with the file, and free some space; the next command that writes completes it",
                    words.removeprefix(_NO_CHECKPOINT),
                    self.address,
                )


def _kind_of(statement: duckdb.Statement) -> str:
    try:
        return statement.type.name.replace("_", " ")
    except ValueError:
        # The Python client has no name for some kinds, such as that of UPDATE EXTENSIONS.
        return "OTHER"


@contextmanager
def _as_usage_errors(*, lines_before: int = 0) -> Iterator[None]:
    try:
        yield
    except EngineError as error:
        words = str(error).removeprefix("the warehouse refused a statement: ")
        raise _told_with_place(UsageError(f"the SQL cannot be run: {words}"), error.__cause__, lines_before) from error


def _told_with_place(told: UsageError, error: BaseException | None, lines_before: int = 0) -> UsageError:
    """An error with a note that shows where in the SQL it is, if DuckDB tells."""
    if (found := _PLACE.search(str(error))) and (line := int(found[1]) - lines_before) > 0:
        # If the number of the line becomes shorter, so does what stands before the mark.
        text, mark = found[2], found[3][len(found[1]) - len(str(line)) :]
        told.add_note(f"LINE {line}: {text}\n{mark}")
    return told


def _body_of(sql: str) -> str:
    """A statement without the semicolons and comments at its end, so that it can stand within another."""
    content = sql.encode()
    end = len(content)
    for place, kind in reversed(duckdb.tokenize(sql)):
        if kind != duckdb.token_type.comment and content[place : place + 1] != b";":
            break
        end = place
    return content[:end].decode()


def _told_as_usage_errors(rows: Iterator[Row]) -> Iterator[Row]:
    with _as_usage_errors():
        yield from rows


def open_session(address: str, config: Config, *, read_only: bool = False) -> DuckDBWarehouse:
    """Open a file. Raises UsageError for an impossible path, EngineError if DuckDB cannot open it."""
    path = Path(path_of(address) or "")
    if not is_unicode(str(path)):
        raise UsageError(f"the warehouse {str(path)!a} cannot be opened: its name is not UTF-8; rename it")
    try:
        check_path(path, read_only=read_only)
        connection = connect(path, list_options(config, read_only=read_only), read_only=read_only)
    except OSError as error:
        raise UsageError(f"the warehouse {path} cannot be opened: {error.strerror}; give another file") from None
    except duckdb.Error as error:
        raise opening_error(path, error, config) from error
    if read_only:
        return DuckDBWarehouse(connection, str(path), config)
    place = place_of(path)
    _clear_leftovers(connection, place)
    return DuckDBWarehouse(connection, str(path), config, is_writing=True)


def list_options(config: Config, *, read_only: bool) -> dict[str, str]:
    """DuckDB's own settings for a new process."""
    options = _SETTINGS | _NEW_PROCESS_SETTINGS
    options["memory_limit"] = memory.limit_in_words(config)
    if config.threads:
        options["threads"] = str(config.threads)
    if not read_only:
        # A file that exists keeps its format.
        options["storage_compatibility_version"] = config.storage_version
    return options


def longest_record(config: Config) -> int:
    """The bytes of the longest record that is judged: at most 16 MiB, less where the memory limit is low."""
    return memory.longest_record(memory.read_size(memory.limit_in_words(config)))


def wrap_cursor(cursor: duckdb.DuckDBPyConnection, connection: Any, config: Config) -> DuckDBWarehouse:
    """A warehouse over the caller's connection or cursor."""
    with mapped_errors(cursor):
        for name, value in _SETTINGS.items():
            cursor.execute(f"SET {name} = '{value}'")
    return DuckDBWarehouse(cursor, "the caller's connection", config)


def _clear_leftovers(connection: duckdb.DuckDBPyConnection, place: Path) -> None:
    """Remove the temporary files of a killed process, which DuckDB does not. No other process has the file open."""
    clear_scratch_folders(place.parent, SCRATCH_PREFIX)
    folder = Path(f"{place}.tmp")
    # Another connection of this process may use them.
    if not folder.is_dir() or connection.execute("SELECT 1 FROM duckdb_temporary_files()").fetchall():
        return
    with suppress(OSError):
        for file in folder.glob("duckdb_temp_*"):
            file.unlink()
        folder.rmdir()
