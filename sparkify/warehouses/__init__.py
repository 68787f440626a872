"""Warehouse engines: the narrow seam between the loader and a database.

`open_warehouse` chooses by address and imports a driver only then. Each engine's oddities live in its own module.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from sparkify.datasets import Dataset
from sparkify.errors import LockedError, SparkifyError, UsageError
from sparkify.settings import Config
from sparkify.sources.bundles import Bundle, FileRead

_ASK_AGAIN_SECONDS = 0.2

Row = tuple[Any, ...]


@dataclass
class Staged:
    """What staging one dataset came to.

    By source id: how reading each file ended, and the records read of it, counted before any was judged. Then the keys
    that no field is named after.
    """

    files: dict[int, FileRead] = field(default_factory=dict)
    read: Counter[int] = field(default_factory=Counter)
    unknown_keys: set[str] = field(default_factory=set)

    def add(self, bundles: Iterable[Bundle], read: dict[int, int]) -> None:
        """Take in some more bundles and the records read of each file in them."""
        self.files |= {end.source_id: end for bundle in bundles for end in bundle.finished}
        self.read.update(read)


@dataclass(frozen=True)
class Finding:
    """What became of examining one thing: in order or not, and a sentence that says what was seen or what to do."""

    name: str
    passed: bool
    detail: str


def examine(name: str, look: Callable[[], str]) -> Finding:
    """Examine one thing: `look` returns what it saw, or raises a SparkifyError that says what is wrong."""
    try:
        return Finding(name, True, look())
    except SparkifyError as error:
        return Finding(name, False, str(error))


class Warehouse(Protocol):
    """A warehouse that is open. SQL is one statement, in the dialect that all engines share, with $1, $2 … bound.

    Every method raises EngineError (or a kind of it) in the engine's own words, never a driver's exception.
    `dialect` names the text that makes its tables: `duckdb` or `redshift`. `own_tables` are those that it makes for
    itself, beside the warehouse's.
    """

    address: str
    dialect: str
    own_tables: tuple[str, ...]

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement."""

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one query and return all its rows."""

    def fetch_table(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[Row]]:
        """As fetch, with the names of the columns."""

    def fetch_user_query(self, sql: str) -> tuple[list[str], list[Row]]:
        """Run a user's own text, which must be one read-only statement. Raises UsageError where it is not."""

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Append rows in as few statements as the engine can."""

    def list_tables(self) -> set[str]:
        """Names of the tables that exist, temporary ones apart."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commit at the end of the block; roll back if it raises."""

    def load_transaction(self) -> AbstractContextManager[None]:
        """A transaction in which no other load runs: what the ledger says stays true until its end. Readers may read.

        The tables have to exist. Raises ConflictError where another session got ahead.
        """

    def stage(
        self,
        dataset: Dataset,
        load_id: int,
        urls: dict[int, str],
        bundles: Iterable[Bundle],
        on_bundle: Callable[[Bundle], None],
    ) -> Staged:
        """Append the bundles' rows to staging and their rejects to rejected_records, in the open transaction.

        `urls` names the file of each source id; `on_bundle` is told of each bundle as it is taken, maybe in another
        thread. What was read of a file before its reading failed is appended too: the caller takes it out again.
        """

    def restage(self, dataset: Dataset) -> None:
        """Judge the records in the temporary table replayed_records again, in the open transaction.

        Those of the dataset that pass enter staging, the others rejected_records, with today's reason.
        """

    def examine(self) -> Iterator[Finding]:
        """Look at each thing that a load will need of this warehouse. Changes nothing."""

    def close(self) -> None:
        """Let go of the warehouse; what is not committed is lost."""


@contextmanager
def open_warehouse(config: Config, *, read_only: bool = False) -> Iterator[Warehouse]:
    """Open the configured warehouse. Opening for writing makes an embedded one that does not exist yet.

    Raises UsageError for an address that names no warehouse or no folder, ConfigError without what a login needs,
    LockedError while another process writes an embedded one, and EngineError where the warehouse cannot be opened.
    """
    warehouse = _open_waiting(config, read_only)
    try:
        yield warehouse
    finally:
        warehouse.close()


def _open_waiting(config: Config, read_only: bool) -> Warehouse:
    """Open the warehouse; where another process holds it, try again for as long as is configured."""
    end = time.monotonic() + config.wait
    while True:
        try:
            return _open(config, read_only)
        except LockedError:
            if time.monotonic() >= end:
                raise
            time.sleep(min(_ASK_AGAIN_SECONDS, max(0.0, end - time.monotonic())))


def _open(config: Config, read_only: bool) -> Warehouse:
    address = config.warehouse_address
    if address.startswith("redshift://"):
        from sparkify.warehouses.redshift.session import RedshiftWarehouse

        return RedshiftWarehouse.open(address, config)
    if "://" in address:
        raise UsageError(
            f"{address.split('://')[0]}:// is no warehouse; name a file, duckdb:PATH or redshift://user@host:5439/db"
        )
    from sparkify.warehouses.duckdb import DuckDBWarehouse

    return DuckDBWarehouse.open(address, config, read_only=read_only)


def wrap_cursor(cursor: Any, connection: Any = None, config: Config | None = None) -> Warehouse:
    """An engine over a DB-API cursor that is open already, and stays its owner's to close.

    A cursor of redshift_connector's needs its connection too, and the configuration for a load. Raises UsageError
    without that connection, and for a cursor of a driver that no engine is made for.
    """
    driver = type(cursor).__module__.split(".")[0]
    if driver in ("duckdb", "_duckdb"):
        from sparkify.warehouses.duckdb import DuckDBWarehouse

        return DuckDBWarehouse.wrap(cursor)
    if driver == "redshift_connector":
        from sparkify.warehouses.redshift.session import RedshiftWarehouse

        if connection is None:
            raise UsageError("a cursor of redshift_connector's needs its connection too: give both, cur and conn")
        return RedshiftWarehouse.wrap(connection, config or Config())
    raise UsageError(f"no engine is made for a cursor of {driver}; give one of duckdb's or redshift_connector's")


def fetch_dicts(warehouse: Warehouse, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """The rows of a query as dictionaries."""
    columns, rows = warehouse.fetch_table(sql, parameters)
    return [dict(zip(columns, row, strict=True)) for row in rows]
