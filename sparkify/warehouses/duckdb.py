"""The embedded warehouse: one DuckDB file, one process that writes it."""

import itertools
import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from sparkify.datasets import Dataset
from sparkify.errors import EngineError, LockedError, NoWarehouseError, UsageError
from sparkify.settings import Config
from sparkify.sources.bundles import Bundle
from sparkify.statement_log import logged
from sparkify.validation import judge
from sparkify.warehouses import Finding, Row, Staged, examine

# Half of the machine and at most this: the loader streams, so more memory would not make it faster.
_MOST_MEMORY = 3 << 29
# Every statement that appends leaves a group of rows that is not full, for each thread, and DuckDB joins those at a
# price when it closes the file: so as few statements as memory allows, for a run is held in it.
_RUN_BYTES = 448 << 20
_SETTINGS = {
    # Redshift's order: NULLs are greatest in both directions.
    "default_null_order": "NULLS_LAST_ON_ASC_FIRST_ON_DESC",
    # A table is a set; keeping the order of insertion would serialize the threads that stage.
    "preserve_insertion_order": "false",
}
_NEW_PROCESS_SETTINGS = {
    # Nothing is fetched from the network behind the user's back.
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    # A thread writes each group of rows as soon as it is full. Five at a time, as DuckDB has it, gain nothing in a file
    # that is written once, and hold memory whose pages the next groups could use again.
    "write_buffer_row_group_count": "1",
}


class DuckDBWarehouse:
    """Warehouse over one DuckDB file; see `sparkify.warehouses.Warehouse`."""

    dialect = "duckdb"
    own_tables: tuple[str, ...] = ()

    def __init__(self, connection: duckdb.DuckDBPyConnection, address: str) -> None:
        self._connection = connection
        self.address = address

    @classmethod
    def open(cls, address: str, config: Config, *, read_only: bool) -> "DuckDBWarehouse":
        """Open a file. Raises UsageError for a path that cannot be one, EngineError where DuckDB refuses it."""
        path = Path(address.removeprefix("duckdb:"))
        _check_path(path, read_only)
        try:
            str(path).encode()
        except UnicodeEncodeError:
            raise UsageError(f"the warehouse {str(path)!a} cannot be opened: its name is no UTF-8; rename it") from None
        settings = _SETTINGS | _NEW_PROCESS_SETTINGS
        settings["memory_limit"] = config.memory_limit or f"{min(_machine_memory() // 2, _MOST_MEMORY) >> 20}MiB"
        if config.threads:
            settings["threads"] = str(config.threads)
        try:
            connection = duckdb.connect(str(path), read_only=read_only, config=dict(settings))
        except duckdb.Error as error:
            raise _opening_error(path, error, config) from error
        if not read_only:
            _clear_leftovers(connection, path)
        return cls(connection, str(path))

    @classmethod
    def wrap(cls, connection: duckdb.DuckDBPyConnection) -> "DuckDBWarehouse":
        """An engine over a connection or cursor of the caller's."""
        with _mapped_errors(connection):
            for name, value in _SETTINGS.items():
                connection.execute(f"SET {name} = '{value}'")
        return cls(connection, "the caller's connection")

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        with logged(sql) as sent, _mapped_errors(self._connection):
            self._connection.execute(sql, list(parameters))
            sent.rows = count if (count := self._connection.rowcount) >= 0 else None

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return self.fetch_table(sql, parameters)[1]

    def fetch_table(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[Row]]:
        with logged(sql) as sent, _mapped_errors(self._connection):
            result = self._connection.execute(sql, list(parameters))
            rows = result.fetchall()
            sent.rows = len(rows)
            return [column[0] for column in result.description or []], rows

    def fetch_user_query(self, sql: str) -> tuple[list[str], list[Row]]:
        try:
            statements = self._connection.extract_statements(sql)
        except duckdb.Error as error:
            raise UsageError(f"the SQL cannot be read: {_words(error)}") from error
        if len(statements) != 1:
            raise UsageError(f"the SQL holds {len(statements)} statements; give exactly one, a SELECT")
        if statements[0].type != duckdb.StatementType.SELECT:
            kind = statements[0].type.name.replace("_", " ")
            raise UsageError(f"the SQL is a statement of kind {kind}; only a SELECT is run, for it changes nothing")
        with _mapped_errors(self._connection):
            # A SELECT may still name files and other databases: only this warehouse is meant.
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
            _mapped_errors(self._connection),
            registered(self._connection, "inserted_rows", Table.of_rows(columns, rows)),
        ):
            self._connection.execute(sql)
            sent.rows = len(rows)

    def list_tables(self) -> set[str]:
        return {
            name
            for (name,) in self.fetch("SELECT table_name FROM duckdb_tables() WHERE NOT temporary AND NOT internal")
        }

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.execute("BEGIN TRANSACTION")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            # After some errors DuckDB has rolled back by itself.
            with suppress(EngineError):
                self.execute("ROLLBACK")
            raise

    # Whoever writes the file has it alone.
    load_transaction = transaction

    def stage(
        self,
        dataset: Dataset,
        load_id: int,
        urls: dict[int, str],
        bundles: Iterable[Bundle],
        on_bundle: Callable[[Bundle], None],
    ) -> Staged:
        staged = Staged()
        table = f"staging_{dataset}"
        coming = iter(bundles)
        # The first run is of one bundle, to learn early whether the lines are regular.
        run_bytes, expect_regular = 0, True
        while (first := next(coming, None)) is not None:
            run: list[Bundle] = []
            taking = _take_run(first, coming, run_bytes, run, on_bundle)
            with _mapped_errors(self._connection):
                judged = judge.append_rows(self._connection, dataset, taking, table, expect_regular=expect_regular)
            expect_regular = expect_regular and not judged.has_irregular
            staged.unknown_keys |= judged.unknown_keys
            self._keep_rejects(dataset, load_id, urls)
            staged.add(run, judged.read)
            run_bytes = _RUN_BYTES
        with _mapped_errors(self._connection):
            judge.drop_tables(self._connection)
        return staged

    def _keep_rejects(self, dataset: Dataset, load_id: int, urls: dict[int, str]) -> None:
        found = [row[0] for row in self.fetch("SELECT DISTINCT source_id FROM judged WHERE reason IS NOT NULL")]
        if not found:
            return
        self.execute(
            """INSERT INTO rejected_records (source_id, load_id, dataset, url, line, reason, raw)
            SELECT judged.source_id, $1, $2, files.url, judged.line, judged.reason, judged.raw
            FROM judged INNER JOIN (SELECT unnest($3) AS source_id, unnest($4) AS url) AS files USING (source_id)
            WHERE judged.reason IS NOT NULL""",
            [load_id, dataset, found, [urls[source_id] for source_id in found]],
        )

    def restage(self, dataset: Dataset) -> None:
        source = f"(SELECT encode(raw) AS bytes, source_id, line FROM replayed_records WHERE dataset = '{dataset}')"
        with _mapped_errors(self._connection):
            judge.append_again(self._connection, dataset, source, f"staging_{dataset}")
        self.execute(
            """INSERT INTO rejected_records (source_id, load_id, dataset, url, line, reason, raw)
            SELECT again.source_id, again.load_id, again.dataset, again.url, again.line, judged.reason, again.raw
            FROM judged INNER JOIN replayed_records AS again USING (source_id, line)
            WHERE judged.reason IS NOT NULL"""
        )
        judge.drop_tables(self._connection)

    def examine(self) -> Iterator[Finding]:
        yield examine("tables", lambda: f"{len(self.list_tables())} tables")
        folder = Path(self.address).absolute().parent
        free = shutil.disk_usage(folder).free
        yield Finding("disk", os.access(folder, os.W_OK), f"{free >> 30:,} GiB free in {folder}")

    def close(self) -> None:
        with suppress(duckdb.Error):
            self._connection.close()


def _take_run(
    first: Bundle, coming: Iterator[Bundle], most_bytes: int, run: list[Bundle], on_bundle: Callable[[Bundle], None]
) -> Iterator[Bundle]:
    """The next bundles, up to about so many bytes; they are in `run` afterwards."""
    size = 0
    for bundle in itertools.chain([first], coming):
        run.append(bundle)
        on_bundle(bundle)
        yield bundle
        size += len(bundle.data)
        if size >= most_bytes:
            return


def _check_path(path: Path, read_only: bool) -> None:
    if path.is_dir():
        raise UsageError(f"the warehouse {path} is a folder; name a file, such as {path / 'sparkify.duckdb'}")
    if not path.parent.is_dir():
        raise UsageError(f"the warehouse {path} cannot be made: there is no folder {path.parent}; create it first")
    if read_only and not path.exists():
        raise NoWarehouseError(f"there is no warehouse {path} yet; run sparkify load, or name another --warehouse")


def _clear_leftovers(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Remove what a killed process had swapped out: DuckDB itself does not. Whoever may write the file has it alone."""
    folder = Path(f"{path}.tmp")
    # Another connection of this very process may be at it.
    if not folder.is_dir() or connection.execute("SELECT 1 FROM duckdb_temporary_files()").fetchall():
        return
    with suppress(OSError):
        for file in folder.glob("duckdb_temp_*"):
            file.unlink()
        folder.rmdir()


def _machine_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _words(error: duckdb.Error) -> str:
    """DuckDB's own words in one line, without the excerpt of the statement, and its advice on settings."""
    return re.sub(r"\s+", " ", re.split(r"\n\nLINE |\s+Possible solutions:", str(error))[0]).strip()


@contextmanager
def _stopped_by_ctrl_c(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Ctrl-C stops the statement under way: by itself, DuckDB would first let its threads run to the end.

    It raises not before the statement has ended, for an exception must not fall into what DuckDB calls back; a second
    one raises at once.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield
        return
    is_pressed = False

    def interrupt(number: int, frame: object) -> None:
        nonlocal is_pressed
        if is_pressed:
            raise KeyboardInterrupt
        is_pressed = True
        connection.interrupt()

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if is_pressed:
            raise KeyboardInterrupt


@contextmanager
def _mapped_errors(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    try:
        with _stopped_by_ctrl_c(connection):
            yield
    except duckdb.OutOfMemoryException as error:
        raise EngineError(f"the engine ran out of memory: {_words(error)}; raise --memory-limit") from error
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except duckdb.Error as error:
        raise EngineError(f"the warehouse refused a statement: {_words(error)}") from error
    except RuntimeError as error:
        # What the binding makes of Ctrl-C during a statement.
        if "interrupted" in str(error):
            raise KeyboardInterrupt from error
        raise


def _opening_error(path: Path, error: duckdb.Error, config: Config) -> EngineError | UsageError:
    words = _words(error)
    if "lock" in words.lower() and isinstance(error, duckdb.IOException):
        holder = re.search(r"PID (\d+)", words)
        who = f"process {holder[1]}" if holder else "another process"
        return LockedError(f"the warehouse {path} is in use by {who}; wait until it ends, or give --wait SECONDS")
    if "not a valid DuckDB database" in words or "magic bytes" in words:
        return EngineError(f"{path} is no DuckDB database; name another --warehouse, or remove the file")
    if config.memory_limit and "memory" in words.lower():
        return UsageError(f"the memory limit {config.memory_limit} is not usable: {words}; write it as 2GB or 500MB")
    return EngineError(f"cannot open the warehouse {path}: {words}")
