"""Redshift's session: AWS's driver, one statement per execute, explicit transactions, verified TLS.

docs/redshift.md names the source of each fact that this module relies on.
"""

import difflib
import itertools
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from sparkify.errors import ConflictError, EngineError, LockedError, LostSessionError, UsageError
from sparkify.settings import Config
from sparkify.sql import temporary_sql, write_values
from sparkify.statement_log import logged
from sparkify.warehouses.base import Relations, Row, StoredFile, Warehouse
from sparkify.warehouses.files import Target, Written, written_types
from sparkify.warehouses.redshift.design import update_design
from sparkify.warehouses.redshift.errors import CancelledError, mapped_errors, place_of
from sparkify.warehouses.redshift.login import (
    Address,
    answering_within,
    check_driver,
    close_connection,
    login,
    wait_for_answer,
)
from sparkify.warehouses.redshift.stage import StagedParts
from sparkify.warehouses.redshift.unload import write_unloaded
from sparkify.warehouses.remote import RemoteIntake, open_near, write_rows

# A row may have 65,535 bytes, and more in what a user asks.
_ROWS_AT_A_TIME = 4_000
# By the number of the type that the driver tells. NUMERIC has more digits than a file needs: a share, or a large sum.
_TYPES = {
    16: "BOOLEAN", 20: "BIGINT", 21: "SMALLINT", 23: "INTEGER", 700: "FLOAT", 701: "DOUBLE", 1082: "DATE",
    1114: "TIMESTAMP", 1184: "TIMESTAMP WITH TIME ZONE", 1700: "DOUBLE",
}  # fmt: skip
# The driver's maximum for one statement.
_MOST_PARAMETERS = 32_767
_LIST_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
_LIST_RELATIONS = """SELECT 'table' AS kind, tablename AS name FROM pg_tables WHERE schemaname = current_schema()
UNION ALL
SELECT 'view' AS kind, viewname AS name FROM pg_views WHERE schemaname = current_schema()"""
# Loads lock a table that nobody reads, so that readers of the ledger and the star never wait for a load.
_LOCK_TABLE = "load_lock"
_CREATE_LOCK = f"CREATE TABLE IF NOT EXISTS {_LOCK_TABLE} (holder INTEGER ENCODE AZ64) DISTSTYLE AUTO"
_LOCK = f"LOCK {_LOCK_TABLE}"
_NO_TIMEOUT = "RESET statement_timeout"
# Redshift's time counts planning and queueing too, and the first statement that an idle workgroup gets takes as long.
_FEWEST_LOCK_SECONDS = 10.0
# So much longer than its own limit the server may be silent.
_GRACE_SECONDS = 5.0
_HOLDER = "SELECT load_id, started_at FROM load_history WHERE status = 'running' ORDER BY load_id DESC LIMIT 1"
_SELECT = re.compile(r"(?is)\A(\s|--[^\n]*\n|/\*.*?\*/)*+(explain\s+(verbose\s+)?)?(select|with)\b")
_UNKNOWN_TABLE = re.compile(r'relation "(\w+)" does not exist')
_T = TypeVar("_T")


class RedshiftWarehouse:
    """A Warehouse over one session; see `sparkify.warehouses.base`.

    A session of its own that broke is opened anew by the next statement outside of a transaction.
    """

    dialect = "redshift"
    own_tables: tuple[str, ...] = (_LOCK_TABLE,)

    def __init__(
        self, connection: Any, config: Config, address: str, *, log_in: Callable[[], Any] | None = None
    ) -> None:
        """`log_in` opens another connection of this kind, None where the connection is the caller's."""
        self.address = address
        # A wait for the lock has this limit at least, and the server so much longer to answer.
        self.fewest_lock_seconds = _FEWEST_LOCK_SECONDS
        self.grace_seconds = _GRACE_SECONDS
        self._config = config
        self._is_own = log_in is not None
        self._log_in = log_in
        self._parts = StagedParts(self, config)
        self.column_types: list[str] = []
        self._numbers = itertools.count(1)
        self._process: int | None = None
        self._has_lock = False
        self._use(connection)
        self.intake = RemoteIntake(self, self._parts, config)

    def _use(self, connection: Any) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        # Keeps $1 as it is; the same parameter may be used several times.
        self._cursor.paramstyle = "numeric"
        self._temporary: set[str] = set()
        self._is_fresh = self._is_own
        self._is_in_transaction = self._is_dead = False
        self._loss: LostSessionError | None = None
        self._answered_at = time.monotonic()

    def choose_schema(self) -> None:
        """Make the configured schema, if there is one, the session's."""
        if self._config.db_schema is not None:
            self.execute(f'SET search_path TO "{self._config.db_schema.lower()}"')

    def _open_again(self, loss: LostSessionError) -> None:
        if self._log_in is None:
            raise EngineError(str(loss)) from loss.__cause__
        close_connection(self._connection)
        with mapped_errors():
            self._use(self._log_in())
        try:
            self.choose_schema()
        except BaseException:
            self._loss = loss
            raise

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        self._send(_with_literals(sql, parameters) if parameters else sql)

    def _send(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Run a statement with bound values, which stand in the VALUES of an INSERT only."""
        if self._loss is not None and not self._is_in_transaction:
            self._open_again(self._loss)
        # Without autocommit, the driver would open a transaction before the first statement.
        before, self._connection.autocommit = self._connection.autocommit, True
        idle_seconds = time.monotonic() - self._answered_at
        try:
            with logged(sql) as sent, mapped_errors(idle_seconds):
                self._cursor.execute(sql, tuple(values))
                sent.rows = count if (count := self._cursor.rowcount) >= 0 else None
        except EngineError as error:
            self._is_dead = True
            self._loss = error if isinstance(error, LostSessionError) else None
            raise
        finally:
            self._connection.autocommit = before
            self._answered_at = time.monotonic()

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return self.fetch_table(sql, parameters)[1]

    def fetch_table(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[Row]]:
        self.execute(sql, parameters)
        with mapped_errors():
            columns = self._cursor.description or []
            self.column_types = [_TYPES.get(column[1], "VARCHAR") for column in columns]
            names = [column[0] for column in columns]
            rows = [tuple(row) for row in self._cursor.fetchall()]
        return [name.decode() if isinstance(name, bytes) else name for name in names], rows

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], Iterator[Row]]:
        # The driver has all rows already.
        columns, rows = self.fetch_table(sql, parameters)
        return columns, iter(rows)

    def stream_user_query(self, sql: str) -> tuple[list[str], Iterator[Row]]:
        return self._run_user_query(sql, lambda select: self.stream(select))

    def write_user_query(self, sql: str, target: Target) -> Written:
        return self._run_user_query(sql, lambda select: self.write_file(select, target))

    def _run_user_query(self, sql: str, run: Callable[[str], _T]) -> _T:
        if not _SELECT.match(sql):
            raise UsageError("the SQL is not a SELECT; only one SELECT, or EXPLAIN of one, is allowed")
        self.execute("BEGIN READ ONLY")
        self._is_in_transaction = True
        try:
            return run(sql.rstrip().rstrip(";"))
        except EngineError as error:
            told = UsageError(f"the SQL cannot be run: {error}{self._near_table(error)}")
            if place := place_of(error, sql):
                told.add_note(place)
            raise told from error
        finally:
            self.roll_back()

    def _near_table(self, error: EngineError) -> str:
        """What Redshift does not say: the table that was meant."""
        if (found := _UNKNOWN_TABLE.search(str(error))) is None:
            return ""
        self.roll_back()
        names = self.fetch(f"{_LIST_TABLES} UNION SELECT viewname FROM pg_views WHERE schemaname = current_schema()")
        close = difflib.get_close_matches(found[1], [name for (name,) in names], n=1)
        return f"; did you mean {close[0]}?" if close else ""

    def write_file(self, select: str, target: Target, *, in_order: bool = True) -> Written:
        if in_order or self._config.stage is None:
            return self._write_by_cursor(select, target)
        names, rows = self.fetch_table(f"SELECT * FROM (\n{select}\n) AS selected\nLIMIT {_ROWS_AT_A_TIME}")
        types = self._types_of(names, target)
        if len(rows) < _ROWS_AT_A_TIME:
            return write_rows(types, [rows] if rows else [], target, self._config)
        ((self._process,),) = self.fetch("SELECT pg_backend_pid()")
        return write_unloaded(self, self._config, select, types=types, target=target)

    def _types_of(self, names: Sequence[str], target: Target) -> dict[str, str]:
        return written_types(list(zip(target.columns or names, self.column_types, strict=True)))

    def _write_by_cursor(self, select: str, target: Target) -> Written:
        # The driver holds all rows of a statement, so they are fetched in parts. The session has one cursor at a time;
        # the driver keeps the columns of a statement, so each cursor has its own name.
        name = f"rows_{next(self._numbers)}"
        self.execute(f"DECLARE {name} CURSOR FOR\n{select}")
        names, rows = self._fetch_more(name)
        types = self._types_of(names, target)

        def chunks() -> Iterator[list[Row]]:
            some = rows
            while some:
                yield some
                some = self._fetch_more(name)[1] if len(some) == _ROWS_AT_A_TIME else []

        written = write_rows(types, chunks(), target, self._config)
        self.execute(f"CLOSE {name}")
        return written

    def _fetch_more(self, name: str) -> tuple[list[str], list[Row]]:
        """The columns of a cursor, and its next rows."""
        return self.fetch_table(f"FETCH FORWARD {_ROWS_AT_A_TIME} FROM {name}")

    def insert_rows(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        coming = iter(rows)
        while some := list(itertools.islice(coming, _MOST_PARAMETERS // len(columns))):
            self._send(_insert_sql(table, columns, len(some)), [value for row in some for value in row])

    @contextmanager
    def bring_near(self, name: str, sql: str) -> Iterator[Warehouse]:
        columns, rows = self.fetch_table(sql)
        with open_near(self._config, name, columns, rows) as near:
            yield near

    def list_tables(self) -> set[str]:
        rows = self.fetch(_LIST_TABLES)
        return {name for (name,) in rows}

    def list_relations(self) -> Relations:
        found = self.fetch(_LIST_RELATIONS)
        tables, views = ({name for one, name in found if one == kind} for kind in ("table", "view"))
        self._has_lock = _LOCK_TABLE in tables
        return Relations(tables, views)

    def make_temporary(self, name: str) -> None:
        is_made = name in self._temporary
        if not is_made:
            self.execute(temporary_sql(name, self.dialect))
            self._temporary.add(name)
        # What a rollback removed is made again; what it left, or the caller's session had, has rows.
        if is_made or not self._is_fresh:
            self.execute(f"DELETE FROM {name}")

    def analyze(self, name: str) -> None:
        # DG r_ANALYZE: also of a temporary table. It has no statistics after an INSERT.
        self.execute(f"ANALYZE {name}")

    def update_design(self, names: tuple[str, ...]) -> list[str]:
        return update_design(self, names)

    def measure_file(self) -> StoredFile | None:
        return None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if not self._is_own and self._connection.in_transaction:
            self.execute("COMMIT")
        self.execute("BEGIN")
        self._is_in_transaction, self._is_dead = True, False
        try:
            yield
            # The server answers the COMMIT of a failed transaction with ROLLBACK, and the driver ignores that.
            if self._is_dead:
                raise EngineError("a statement in the transaction failed; nothing was committed")
            self._commit()
        except Exception:
            self.roll_back()
            raise
        except BaseException:
            # The running statement has not answered yet: only closing the session ends it.
            self.close()
            raise
        finally:
            self._is_in_transaction = False

    @contextmanager
    def load_transaction(self) -> Iterator[None]:
        self._prepare()
        is_locked = False
        try:
            with self.transaction():
                # The first statement that reads takes the snapshot. A lock after it would protect a stale plan.
                self._lock()
                is_locked = True
                yield
        except LockedError:
            if is_locked:
                raise
            if self._loss is None:
                with suppress(EngineError):
                    self.execute(_NO_TIMEOUT)
            raise LockedError(self._describe_lock()) from None

    def _prepare(self) -> None:
        """Do outside of any transaction what could make one fail."""
        if not self._has_lock and _LOCK_TABLE not in self.list_tables():
            self.execute(_CREATE_LOCK)
        self._has_lock = True

    @property
    def _lock_seconds(self) -> float:
        return max(self.fewest_lock_seconds, self._config.wait)

    def _lock(self) -> None:
        self.execute(f"SET statement_timeout TO {round(self._lock_seconds * 1_000)}")
        try:
            # That the limit ends a wait for a lock is said nowhere for Redshift.
            with answering_within(self._connection, self._lock_seconds + self.grace_seconds):
                self.execute(_LOCK)
            # Under the limit still.
            self.execute(_NO_TIMEOUT)
        except CancelledError as error:
            raise LockedError(_LOCK_TABLE) from error
        except LostSessionError as error:
            if isinstance(error.__cause__, TimeoutError):
                # The server lets go of the session when it notices, and what waits in it has no effect.
                close_connection(self._connection)
                raise LockedError(_LOCK_TABLE) from error
            raise

    def _describe_lock(self) -> str:
        """Who holds the lock, as far as the ledger tells, and what to do."""
        told = ""
        with suppress(EngineError):
            for load_id, started_at in self.fetch(_HOLDER):
                since = f"{started_at:%Y-%m-%d %H:%M:%S}"
                return (
                    f"load {load_id}, running since {since} UTC, holds the warehouse; wait until it ends, or give "
                    "--wait SECONDS"
                )
            told = ", and the ledger has no running load"
        return (
            f"the warehouse's lock, the table {_LOCK_TABLE}, was not given within {self._lock_seconds:,.0f} seconds"
            f"{told}: another command may be changing the warehouse, or the cluster is busy; try again, or give "
            "--wait SECONDS"
        )

    def _commit(self) -> None:
        try:
            self.execute("COMMIT")
        except ConflictError:
            raise
        except EngineError as error:
            raise EngineError(
                f"{error}; it is not known whether the transaction was committed. Run the command again: a load never "
                "loads a file twice"
            ) from error

    def roll_back(self) -> None:
        """Roll back the transaction, if one is open."""
        self._temporary.clear()
        self._is_fresh = self._is_in_transaction = False
        # The end of a session rolls back by itself.
        if self._loss is None:
            with suppress(EngineError):
                self.execute("ROLLBACK")

    def terminate(self) -> None:
        """End the session with the statement that it runs, from another session, and wait a little for its answer.

        The statement of a session that is only closed may run on, and one in a transaction cannot be cancelled.
        """
        if self._is_own and self._process is not None:
            with suppress(Exception):
                other = open_session(self.address, self._config)
                try:
                    other.execute(f"SELECT pg_terminate_backend({self._process})")
                finally:
                    other.close()
                wait_for_answer(self._connection, _GRACE_SECONDS)
        self.close()

    def close(self) -> None:
        # Also where nobody could say that the load has ended, as after a commit whose answer was lost.
        self.intake.presence.end()
        self._log_in = None
        if self._is_own:
            close_connection(self._connection)


def open_session(address: str, config: Config, *, read_only: bool = False) -> RedshiftWarehouse:
    """Open a session. Raises UsageError for an incomplete address, ConfigError without credentials."""
    parsed = Address.parse(address, config)
    check_driver()

    def log_in() -> Any:
        return login(parsed, config)

    with mapped_errors():
        warehouse = RedshiftWarehouse(log_in(), config, str(parsed), log_in=log_in)
    try:
        warehouse.choose_schema()
    except BaseException:
        warehouse.close()
        raise
    return warehouse


def wrap_cursor(cursor: Any, connection: Any, config: Config) -> RedshiftWarehouse:
    """A warehouse over the caller's connection. The first transaction commits what the caller left open."""
    if connection is None:
        raise UsageError("a redshift_connector cursor needs its connection too; give both, cur and conn")
    return RedshiftWarehouse(connection, config, "the caller's connection")


def _with_literals(sql: str, values: Sequence[Any]) -> str:
    """The statement with its values as literals: Redshift may refuse a bound one below a subquery, a CTE or a LIMIT."""
    try:
        return write_values(sql, values, RedshiftWarehouse.dialect)
    except ValueError as error:
        raise EngineError(f"Redshift cannot be asked: {error}") from None


def _insert_sql(table: str, columns: Sequence[str], rows: int) -> str:
    """The statement that inserts so many rows; their values are bound row by row."""
    width = len(columns)
    values = ", ".join(
        "(" + ", ".join(f"${row * width + place}" for place in range(1, width + 1)) + ")" for row in range(rows)
    )
    return f"INSERT INTO {table} ({', '.join(columns)})\nVALUES {values}"
