"""What every engine on another machine needs: records are judged here, and their rows are sent as Parquet files.

There is one validator, which runs in DuckDB: so all warehouses agree on what is rejected. A remote engine's records are
judged in a scratch DuckDB file.
"""

import itertools
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import duckdb

from sparkify.datasets import DATASETS, Dataset
from sparkify.errors import EngineError
from sparkify.settings import Config
from sparkify.sources.bundles import Bundle
from sparkify.sql import create_sql, list_columns, quote, read_sql
from sparkify.validation.arrow import Stream, registered, stream_rows, stream_tables
from sparkify.warehouses.base import Appended, Incoming, Part, Row, Sent, Staged, Warehouse
from sparkify.warehouses.duckdb.errors import mapped_errors
from sparkify.warehouses.duckdb.session import DuckDBWarehouse, list_options, open_session
from sparkify.warehouses.files import Target, Written, copy_sql, quote_name
from sparkify.warehouses.presence import Presence
from sparkify.warehouses.scratch import open_scratch_folder
from sparkify.warehouses.texts import TEXTS

SCRATCH_PREFIX = "sparkify-scratch-"
_STAGED_TEXTS = "sparkify_staged_texts"
# About 50 MB of events as Parquet: Redshift reads parts of 1 MB to 1 GB best.
_MOST_ROWS_PER_PART = 1_000_000
# With fewer rows per slice than this, one part is faster than many.
_FEWEST_ROWS_PER_PART = 1_000
# Parts uploaded at a time; a large part is uploaded in pieces.
_UPLOADS = 4
# The rows of so many bytes of records are in the scratch at a time: some two million events, and about 100 MB of parts.
_PIECE_BYTES = 1 << 30
_ROW_BYTES = 100
# A driver may hold all rows of a result in memory, and each may have 65,535 bytes.
_MOST_REPLAYED = 4_000
_REPLAYED_COLUMNS = tuple(list_columns("sparkify_replayed_records"))
_FETCH_REPLAYED = f"""SELECT {", ".join(f'"{name}"' for name in _REPLAYED_COLUMNS)} FROM sparkify_replayed_records
WHERE dataset = $1 AND number >= $2 AND number < $3"""


class Store(Protocol):
    """Where parts are sent to. `slices` is the number of parts that the warehouse reads from there in parallel."""

    slices: int

    def put(self, name: str, content: Path) -> str:
        """Send a part; returns its URL. Several threads may call it. Raises SourceError."""


class Parts(Store, Protocol):
    """The way of Parquet parts into a warehouse on another machine, through a stage that both can reach."""

    def open(self, load_id: int | None = None) -> None:
        """Check that parts can be sent, before anything is read. Raises ConfigError or SourceError.

        A load names itself, while no transaction is open; what dead loads have left in the stage is deleted then.
        """

    def collect(self, table: str, parts: Sequence[Part]) -> None:
        """Make the parts of a table ready to be copied."""

    def copy(self, table: str) -> int:
        """Append the rows of the collected parts to a table, in the open transaction; returns how many came."""

    def clear(self) -> None:
        """Delete what was sent. If that cannot be done, a later load does it."""


class RemoteIntake:
    """An Intake that judges records in a scratch warehouse on this machine and sends the rows as Parquet parts."""

    def __init__(self, warehouse: Warehouse, parts: Parts, config: Config) -> None:
        self._warehouse = warehouse
        self._parts = parts
        self._config = config
        self.presence = Presence(warehouse)

    def open(self) -> None:
        self._parts.open()

    def claim(self) -> str:
        return self.presence.claim()

    @contextmanager
    def stage(self, load_id: int, incoming: Iterable[Incoming]) -> Iterator[Staged]:
        with self._staged(load_id, lambda: send(self._config, load_id, self._parts, incoming)) as staged:
            yield staged

    @contextmanager
    def take(self, load_id: int, sent: Sent) -> Iterator[Staged]:
        with self._staged(load_id, lambda: sent) as staged:
            yield staged

    @contextmanager
    def _staged(self, load_id: int, find: Callable[[], Sent]) -> Iterator[Staged]:
        try:
            with self._opened_parts(load_id):
                with self.presence.renewing(load_id):
                    sent = find()
                    self._collect(sent)
                yield Staged(lambda: self._take(sent), are_kept=True)
        finally:
            self.presence.end()

    @contextmanager
    def judge_again(self, datasets: Sequence[Dataset]) -> Iterator[Callable[[], Counter[int]]]:
        with self._opened_parts():
            sent, repaired = self._send_again(datasets)
            self._collect(sent)

            def copy() -> Counter[int]:
                self._copy(sent)
                return repaired

            yield copy

    def _send_again(self, datasets: Sequence[Dataset]) -> tuple[Sent, Counter[int]]:
        repaired: Counter[int] = Counter()
        with _open_sender(self._config, self._parts) as sender:
            with sender.scratch.transaction():
                for dataset in datasets:
                    sender.scratch.make_temporary("sparkify_replayed_records")
                    for first in itertools.count(1, _MOST_REPLAYED):
                        rows = self._warehouse.fetch(_FETCH_REPLAYED, [dataset, first, first + _MOST_REPLAYED])
                        sender.scratch.insert_rows("sparkify_replayed_records", _REPLAYED_COLUMNS, rows)
                        if len(rows) < _MOST_REPLAYED:
                            break
                    repaired += sender.scratch.intake.append_again(dataset)
            sender.send(*(f"staging_{dataset}" for dataset in datasets), "rejected_records", TEXTS)
            return Sent(sender.finish()), repaired

    @contextmanager
    def _opened_parts(self, load_id: int | None = None) -> Iterator[None]:
        self._parts.open(load_id)
        try:
            yield
        finally:
            self._parts.clear()

    def _collect(self, sent: Sent) -> None:
        for table, parts in sent.parts.items():
            self._parts.collect(table, parts)

    def _take(self, sent: Sent) -> Iterator[tuple[Dataset, Appended]]:
        self._copy(sent)
        for dataset, taken in sent.taken.items():
            # Who takes it empties it, and may take it again.
            yield dataset, replace(taken, files=dict(taken.files))

    def _copy(self, sent: Sent) -> None:
        """Copy what is in the stage into the tables; of the texts, those that are new."""
        for table, parts in sent.parts.items():
            if table == _STAGED_TEXTS:
                self._warehouse.make_temporary(table)
            rows, taken = sum(part.rows for part in parts), self._parts.copy(table)
            if taken != rows:
                raise EngineError(
                    f"the warehouse took {taken:,} of {rows:,} rows into {table}; nothing was loaded, so load again"
                )
            if table == _STAGED_TEXTS:
                self._warehouse.execute(read_sql(f"changes/{table}/append"))


# ---- judging and sending ----


def send(
    config: Config, load_id: int, store: Store, incoming: Iterable[Incoming], *, piece_bytes: int = _PIECE_BYTES
) -> Sent:
    """Judge the records of datasets, and send their rows as Parquet parts as they are made.

    However much is sent, the scratch warehouse holds the rows of one piece of about `piece_bytes`, and the disk the
    parts of one more. No other warehouse is needed. Raises SourceError.
    """
    taken: dict[Dataset, Appended] = {}
    with _open_sender(config, store) as sender:
        for one in incoming:
            taken[one.dataset] = Appended()
            for bundles in _cut(one.bundles, piece_bytes):
                sender.empty()
                with sender.scratch.transaction():
                    appended = sender.scratch.intake.append(load_id, replace(one, bundles=bundles))
                taken[one.dataset].add(appended.files.values(), appended)
                sender.send(f"staging_{one.dataset}", "rejected_records")
        sender.send(TEXTS)
        return Sent(sender.finish(), taken)


def _cut(bundles: Iterable[Bundle], most_bytes: int) -> Iterator[Iterator[Bundle]]:
    """The bundles in pieces of about so many bytes; each has to be taken before the next."""
    coming = iter(bundles)

    def piece(bundle: Bundle | None) -> Iterator[Bundle]:
        taken = 0
        while bundle is not None:
            yield bundle
            # A short record becomes a row as any other.
            taken += len(bundle.data) + _ROW_BYTES * len(bundle)
            bundle = next(coming, None) if taken < most_bytes else None

    for first in coming:
        yield piece(first)


class _Sender:
    """A scratch warehouse, and the parts that are made of its tables. `finish` gives them when all are sent."""

    def __init__(self, scratch: DuckDBWarehouse, store: Store, threads: Executor) -> None:
        self.scratch = scratch
        self._store = store
        self._threads = threads
        self._folder = Path(scratch.address).parent
        self._numbers = itertools.count()
        self._coming: dict[str, list[Future[Part]]] = {}
        self._to_empty: list[str] = []

    def send(self, *tables: str) -> None:
        """Write the rows of these tables as parts, and begin to send them."""
        # So the disk holds the parts of one piece at most.
        self._wait()
        for table in tables:
            for part, rows in self._write(table):
                self._coming.setdefault(table, []).append(self._threads.submit(self._send, table, part, rows))
        self._to_empty = list(tables)

    def empty(self) -> None:
        """Remove the rows that are sent, also from the disk."""
        for table in self._to_empty:
            self.scratch.execute(f"DROP TABLE {table}")
            self.scratch.execute(create_sql(table, "duckdb"))
        if self._to_empty:
            self.scratch.execute("CHECKPOINT")
        self._to_empty = []

    def finish(self) -> dict[str, list[Part]]:
        """Wait until all is sent; returns the parts of each table that has rows. Texts go to a table of their own."""
        targets = {TEXTS: _STAGED_TEXTS}
        return {targets.get(table, table): [part.result() for part in parts] for table, parts in self._coming.items()}

    def _wait(self) -> None:
        for part in itertools.chain(*self._coming.values()):
            part.result()

    def _send(self, table: str, part: Path, rows: int) -> Part:
        sent = Part(self._store.put(f"{table}/{part.name}", part), part.stat().st_size, rows)
        part.unlink()
        return sent

    def _write(self, table: str) -> Iterator[tuple[Path, int]]:
        """Write a table as Parquet parts of equal size, each with its number of rows.

        The number of parts is a multiple of the slices, or 1 for few rows. The columns are in the table's order.
        """
        rows, end_of_rows = self.scratch.fetch(f"SELECT count(*), coalesce(max(rowid) + 1, 0) FROM {table}")[0]
        each_slice = -(-rows // (self._store.slices * _MOST_ROWS_PER_PART))
        count = self._store.slices * each_slice if rows >= self._store.slices * _FEWEST_ROWS_PER_PART else min(rows, 1)
        for number in range(count):
            part = self._folder / f"{next(self._numbers):05}.parquet"
            first, end = end_of_rows * number // count, end_of_rows * (number + 1) // count
            ((written,),) = self.scratch.fetch(
                f"COPY (SELECT * FROM {table} WHERE rowid >= {first} AND rowid < {end}) "
                f"TO {quote(str(part))} (FORMAT parquet)"
            )
            yield part, written


@contextmanager
def _open_sender(config: Config, store: Store) -> Iterator[_Sender]:
    with open_scratch(config, *DATASETS) as scratch:
        threads = ThreadPoolExecutor(_UPLOADS)
        try:
            yield _Sender(scratch, store, threads)
        finally:
            threads.shutdown(cancel_futures=True)


@contextmanager
def open_scratch(config: Config, *datasets: Dataset) -> Iterator[DuckDBWarehouse]:
    """A temporary DuckDB warehouse with the staging tables of these datasets, rejected_records and the texts."""
    with ExitStack() as stack:
        folder = stack.enter_context(open_scratch_folder(Path(tempfile.gettempdir()), SCRATCH_PREFIX))
        scratch = open_session(str(folder / "scratch.duckdb"), config)
        stack.callback(scratch.close)
        for table in (*(f"staging_{dataset}" for dataset in datasets), "rejected_records", TEXTS):
            scratch.execute(create_sql(table, "duckdb"))
        yield scratch


@contextmanager
def open_near(config: Config, name: str, columns: Sequence[str], rows: Iterable[Row]) -> Iterator[DuckDBWarehouse]:
    """A DuckDB warehouse in memory with one temporary table and these rows."""
    with _in_memory(config) as connection:
        near = DuckDBWarehouse(connection, "memory", config)
        near.execute(read_sql(f"changes/{name}/create"))
        near.insert_rows(name, columns, rows)
        yield near


def write_rows(types: dict[str, str], chunks: Iterable[list[Row]], target: Target, config: Config) -> Written:
    """Write rows that a driver has fetched, chunk by chunk, into a file."""
    return _write(types, stream_rows(types, chunks), target, config)


def write_parts(types: dict[str, str], parts: Iterable[Path], target: Target, config: Config) -> Written:
    """Write the rows of Parquet files into one file. Each is read to its end before the next is asked for."""
    with _in_memory(config) as reader:
        columns = ", ".join(f"{_read_sql(name, kind)} AS {quote_name(name)}" for name, kind in types.items())
        nothing = ", ".join(f"cast(NULL AS {kind}) AS {quote_name(name)}" for name, kind in types.items())

        def tables() -> Iterator[duckdb.DuckDBPyRelation]:
            yield reader.sql(f"SELECT {nothing} LIMIT 0")
            for part in parts:
                # A name of a folder above it could be taken for a column.
                options = "binary_as_string = true, hive_partitioning = false"
                yield reader.sql(f"SELECT {columns} FROM read_parquet({quote(str(part))}, {options})")

        return _write(types, stream_tables(tables()), target, config)


def _read_sql(name: str, kind: str) -> str:
    """A column of a part in its type, whichever of Parquet's types for it an engine has chosen."""
    # A cast would bring a time of UTC into the zone of this machine.
    return (
        f"make_timestamp(epoch_us({quote_name(name)}))"
        if kind == "TIMESTAMP"
        else f"cast({quote_name(name)} AS {kind})"
    )


def _write(types: dict[str, str], stream: Stream, target: Target, config: Config) -> Written:
    with _in_memory(config) as connection, registered(connection, "fetched_rows", stream):
        ((rows,),) = connection.execute(copy_sql("fetched_rows", types, target)).fetchall()
    return Written(rows, types)


@contextmanager
def _in_memory(config: Config) -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect(config=dict(list_options(config, read_only=True)))) as one, mapped_errors(one):
        yield one


def write_trial(folder: Path) -> Path:
    """Write a part with one row of one INTEGER."""
    part = folder / "trial.parquet"
    with closing(duckdb.connect()) as connection:
        connection.execute(f"COPY (SELECT CAST(42 AS INTEGER) AS answer) TO {quote(str(part))} (FORMAT parquet)")
    return part
