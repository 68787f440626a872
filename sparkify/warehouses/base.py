"""The seam between the loader and a database: an open warehouse, and the intake through which records enter it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from sparkify.datasets import Dataset
from sparkify.sources.bundles import Bundle, FileRead

Row = tuple[Any, ...]


@dataclass
class Appended:
    """What was appended of one dataset.

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


class Intake(Protocol):
    """The way of records into staging, all within the caller's open transaction."""

    def append(
        self,
        dataset: Dataset,
        load_id: int,
        urls: dict[int, str],
        bundles: Iterable[Bundle],
        on_bundle: Callable[[Bundle], None],
    ) -> Appended:
        """Append the bundles' rows to staging and their rejects to rejected_records.

        `urls` names the file of each source id; `on_bundle` is told of each bundle as it is taken, maybe in another
        thread. What was read of a file before its reading failed is appended too: the caller takes it out again.
        """

    def append_again(self, dataset: Dataset) -> None:
        """Judge the records in the temporary table replayed_records again.

        Those of the dataset that pass enter staging, the others rejected_records, with today's reason.
        """


class Warehouse(Protocol):
    """An open connection. SQL is one statement, in the dialect that all engines share, with $1, $2 … bound.

    Every method raises EngineError (or a kind of it) in the engine's own words, never a driver's exception.
    `dialect` names the text that makes its tables: `duckdb` or `redshift`. `own_tables` are those that the engine makes
    for itself, beside the warehouse's.
    """

    address: str
    dialect: str
    own_tables: tuple[str, ...]

    @property
    def intake(self) -> Intake:
        """The way of records into this warehouse."""

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

    def close(self) -> None:
        """Let go of the warehouse; what is not committed is lost."""


def fetch_dicts(warehouse: Warehouse, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """The rows of a query as dictionaries."""
    columns, rows = warehouse.fetch_table(sql, parameters)
    return [dict(zip(columns, row, strict=True)) for row in rows]
