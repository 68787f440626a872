"""The interface between the loader and a database: an open warehouse, and the intake that appends records to it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sparkify.datasets import MOST_TOLD_NAMES, Dataset
from sparkify.errors import EngineError
from sparkify.sources.bundles import Bundle, FileRead
from sparkify.warehouses.files import Target, Written

if TYPE_CHECKING:
    # It imports the driver.
    from sparkify.validation.judge import Judged

Row = tuple[Any, ...]


class StageError(EngineError):
    """Rows cannot come through the stage; they may come without it, in a new transaction."""


class Relations(NamedTuple):
    """The names of the existing tables, without temporary ones, and of the views, in lower case."""

    tables: set[str]
    views: set[str]


@dataclass
class Appended:
    """What was appended of one dataset.

    By source id: how reading each file ended, the records read from it, counted before they are judged, and those
    loaded with a repaired text. `names` counts, for each field and name, the records that the field was read from by a
    name other than its own. `unknown_keys` are those that no field was read from. Of each there are at most 1,000.
    """

    files: dict[int, FileRead] = field(default_factory=dict)
    read: Counter[int] = field(default_factory=Counter)
    repaired: Counter[int] = field(default_factory=Counter)
    names: Counter[tuple[str, str]] = field(default_factory=Counter)
    unknown_keys: set[str] = field(default_factory=set)

    def add(self, finished: Iterable[FileRead], judged: "Judged | Appended") -> None:
        """Add the files that ended in more bundles, and the result of judging these."""
        self.files |= {end.source_id: end for end in finished}
        self.read.update(judged.read)
        self.repaired.update(judged.repaired)
        self.names = Counter(dict((self.names + judged.names).most_common(MOST_TOLD_NAMES)))
        self.unknown_keys = set(sorted(self.unknown_keys | judged.unknown_keys)[:MOST_TOLD_NAMES])


@dataclass(frozen=True)
class Incoming:
    """What a load reads of one dataset. `urls` names the file of each source id.

    `on_bundle` is called with each bundle as it is taken, maybe in another thread.
    """

    dataset: Dataset
    urls: Mapping[int, str]
    bundles: Iterable[Bundle]
    on_bundle: Callable[[Bundle], None] = lambda bundle: None


class Part(NamedTuple):
    """A Parquet file of judged rows in the stage: its URL, its bytes and its rows."""

    url: str
    size: int
    rows: int


@dataclass
class Sent:
    """Records whose rows are in the stage: the parts of each table, and what was noted of each dataset."""

    parts: dict[str, list[Part]] = field(default_factory=dict)
    taken: dict[Dataset, Appended] = field(default_factory=dict)


@dataclass(frozen=True)
class Staged:
    """Rows that a load brings into the tables. With each item, the rows of that dataset are there.

    `take` is called in the load's transaction; again, in another one, only where the engine has kept the rows.
    """

    take: Callable[[], Iterator[tuple[Dataset, Appended]]]
    are_kept: bool


@dataclass(frozen=True)
class StoredFile:
    """The file of an embedded warehouse, with the oldest version of DuckDB that opens it.

    `free_bytes` are those of its blocks that hold nothing: compacting makes the file smaller by about that.
    """

    version: str
    bytes: int
    free_bytes: int


class Intake(Protocol):
    """Brings records into staging."""

    def open(self) -> None:
        """Check that records can be brought. Raises ConfigError or SourceError; an open transaction stays usable."""

    def claim(self) -> str:
        """Make sure that no other load is at work, in the transaction that plans; returns `detail` of the new load.

        Raises LockedError. Every other load that is called running is dead then.
        """

    def stage(self, load_id: int, incoming: Iterable[Incoming]) -> AbstractContextManager[Staged]:
        """Bring the rows of datasets to staging and their rejects to rejected_records, in two steps.

        Enter it while no transaction is open: what the engine can do without one is done then. Take its items in the
        load's transaction. The embedded engine reads and judges only then. An engine on another machine has read,
        judged and sent everything before, and only copies, so that no transaction is open meanwhile.

        If reading a file fails halfway, the records before the failure are brought too: the caller deletes them.
        """

    def take(self, load_id: int, sent: Sent) -> AbstractContextManager[Staged]:
        """Like `stage`, with records that other processes have judged and sent."""

    def judge_again(self, datasets: Sequence[Dataset]) -> AbstractContextManager[Callable[[], Counter[int]]]:
        """Judge the records of the temporary table sparkify_replayed_records again, which are of these datasets.

        Like `stage`, in two steps. What it gives is called in the transaction: those that pass are appended to staging,
        the others to rejected_records, with their new reason. It returns the number of records that were loaded with a
        repaired text, by source id.
        """


class Warehouse(Protocol):
    """An open connection. `sql` is one statement, in the dialect that all engines share, with parameters $1, $2 ….

    Every method raises EngineError (or a subclass) with the engine's message, never a driver's exception. `dialect` is
    the dialect of its CREATE TABLE: `duckdb` or `redshift`. `own_tables` are tables that the engine needs for itself.
    `column_types` are those of the columns that fetch_table or stream has returned last, in DuckDB's words.
    """

    address: str
    dialect: str
    own_tables: tuple[str, ...]
    column_types: list[str]

    @property
    def intake(self) -> Intake:
        """Appends records to this warehouse."""

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement."""

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one query and return all its rows."""

    def fetch_table(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[Row]]:
        """Like fetch, with the column names."""

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], Iterator[Row]]:
        """Like fetch_table, with the rows as they come: take them before another statement is run."""

    def stream_user_query(self, sql: str) -> tuple[list[str], Iterator[Row]]:
        """Run SQL written by the user: one SELECT or PIVOT, or EXPLAIN of one. Changes nothing, and reads no files.

        Raises UsageError for anything else, and if it cannot be run; a note of the error shows where.
        """

    def write_user_query(self, sql: str, target: Target) -> Written:
        """Like stream_user_query, with the rows written into a file."""

    def write_file(self, select: str, target: Target, *, in_order: bool = True) -> Written:
        """Write the rows of a SELECT into a file, as they come. Needs an open transaction.

        Unless they have to be `in_order`, an engine on another machine may send many rows through the stage. Raises
        StageError where it cannot.
        """

    def insert_rows(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Append rows, in few statements. Only the rows of one statement are held in memory."""

    def bring_near(self, name: str, sql: str) -> "AbstractContextManager[Warehouse]":
        """A warehouse of the DuckDB dialect on this machine, with the rows of a query of this one as the table `name`.

        Its columns are those that `changes/NAME/create.sql` defines. Where the engine is DuckDB, it is this one.
        """

    def list_tables(self) -> set[str]:
        """The names of the existing tables, without temporary ones."""

    def list_relations(self) -> Relations:
        """The existing tables and views."""

    def make_temporary(self, name: str) -> None:
        """Make the temporary table of `changes/NAME/create.sql`, or empty it; a permanent one is left alone."""

    def analyze(self, name: str) -> None:
        """Write the statistics of a filled temporary table, if the engine plans by them and has none."""

    def update_design(self, names: tuple[str, ...]) -> list[str]:
        """Store the tables with these names as new ones, in statements outside of any transaction.

        Returns a sentence for each change, and for each that was refused: nothing but speed depends on it.
        """

    def measure_file(self) -> StoredFile | None:
        """The file that holds the warehouse, or None where it is not one file."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commit at the end of the block; roll back if it raises."""

    def load_transaction(self) -> AbstractContextManager[None]:
        """A transaction that locks out other loads, so that the ledger does not change under it. Readers may read.

        The tables must exist. Raises ConflictError if another session came first.
        """

    def close(self) -> None:
        """Close the connection; uncommitted changes are lost."""


def fetch_dicts(warehouse: Warehouse, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """The rows of a query as dictionaries."""
    columns, rows = warehouse.fetch_table(sql, parameters)
    return [dict(zip(columns, row, strict=True)) for row in rows]
