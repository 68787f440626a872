"""What every engine on another machine needs: records are judged here, and their rows are sent as Parquet files.

There is one validator, which runs in DuckDB: so all warehouses agree on what is rejected. A remote engine's records are
judged in a scratch DuckDB file.
"""

import itertools
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Protocol

import duckdb

from sparkify.datasets import Dataset
from sparkify.errors import EngineError
from sparkify.settings import Config
from sparkify.sources.bundles import Bundle
from sparkify.sql import create_sql, list_columns, quote, read_sql
from sparkify.validation.arrow import registered, stream_rows
from sparkify.warehouses.base import Appended, Row, Warehouse
from sparkify.warehouses.duckdb.errors import mapped_errors
from sparkify.warehouses.duckdb.session import DuckDBWarehouse, list_options, open_session
from sparkify.warehouses.files import Target, Written, copy_sql
from sparkify.warehouses.scratch import open_scratch_folder
from sparkify.warehouses.texts import TEXTS

_FOLDER_PREFIX = "sparkify-scratch-"
_STAGED_TEXTS = "staged_texts"
# About 50 MB of events as Parquet: Redshift reads parts of 1 MB to 1 GB best.
_MOST_ROWS_PER_PART = 1_000_000
# With fewer rows per slice than this, one part is faster than many.
_FEWEST_ROWS_PER_PART = 1_000
# A driver may hold all rows of a result in memory, and each may have 65,535 bytes.
_MOST_REPLAYED = 4_000
_REPLAYED_COLUMNS = tuple(list_columns("replayed_records"))
_FETCH_REPLAYED = f"""SELECT {", ".join(f'"{name}"' for name in _REPLAYED_COLUMNS)} FROM replayed_records
WHERE dataset = $1 AND number >= $2 AND number < $3"""


class Parts(Protocol):
    """Copies Parquet parts into a warehouse on another machine.

    `slices` is the number of parts it reads in parallel.
    """

    slices: int

    def open(self) -> None:
        """Check that parts can be copied, before anything is read. Raises ConfigError or SourceError."""

    def copy(self, table: str, parts: Sequence[Path]) -> int:
        """Append the rows of the parts to a table, in the open transaction; returns how many rows were appended."""


class RemoteIntake:
    """An Intake that judges records in a scratch warehouse on this machine and sends the rows as Parquet parts."""

    def __init__(self, warehouse: Warehouse, parts: Parts, config: Config) -> None:
        self._warehouse = warehouse
        self._parts = parts
        self._config = config

    def open(self) -> None:
        self._parts.open()

    def append(
        self,
        dataset: Dataset,
        load_id: int,
        urls: Mapping[int, str],
        bundles: Iterable[Bundle],
        on_bundle: Callable[[Bundle], None],
    ) -> Appended:
        self._parts.open()
        with open_scratch(self._config, dataset) as scratch:
            with scratch.transaction():
                appended = scratch.intake.append(dataset, load_id, urls, bundles, on_bundle)
            self._send(scratch, dataset)
        return appended

    def append_again(self, dataset: Dataset) -> Counter[int]:
        self._parts.open()
        with open_scratch(self._config, dataset) as scratch:
            with scratch.transaction():
                scratch.execute(read_sql("changes/replayed_records/create"))
                for first in itertools.count(1, _MOST_REPLAYED):
                    rows = self._warehouse.fetch(_FETCH_REPLAYED, [dataset, first, first + _MOST_REPLAYED])
                    scratch.insert_rows("replayed_records", _REPLAYED_COLUMNS, rows)
                    if len(rows) < _MOST_REPLAYED:
                        break
                repaired = scratch.intake.append_again(dataset)
            self._send(scratch, dataset)
        return repaired

    def _send(self, scratch: DuckDBWarehouse, dataset: Dataset) -> None:
        """Copy the rows of the scratch warehouse's tables into this warehouse; of the texts, those that are new."""
        for table in (f"staging_{dataset}", "rejected_records"):
            self._copy(scratch, table, table)
        self._warehouse.execute(f"DROP TABLE IF EXISTS {_STAGED_TEXTS}")
        self._warehouse.execute(read_sql(f"changes/{_STAGED_TEXTS}/create"))
        self._copy(scratch, TEXTS, _STAGED_TEXTS)
        self._warehouse.execute(read_sql(f"changes/{_STAGED_TEXTS}/append"))

    def _copy(self, scratch: DuckDBWarehouse, table: str, target: str) -> None:
        with tempfile.TemporaryDirectory(dir=Path(scratch.address).parent) as folder:
            rows, parts = _write_parts(scratch, table, Path(folder), self._parts.slices)
            taken = self._parts.copy(target, parts) if parts else 0
            if taken != rows:
                raise EngineError(
                    f"the warehouse took {taken:,} of {rows:,} rows into {target}; nothing was loaded, so load again"
                )


@contextmanager
def open_scratch(config: Config, *datasets: Dataset) -> Iterator[DuckDBWarehouse]:
    """A temporary DuckDB warehouse with the staging tables of these datasets, rejected_records and the texts."""
    with ExitStack() as stack:
        folder = stack.enter_context(open_scratch_folder(Path(tempfile.gettempdir()), _FOLDER_PREFIX))
        scratch = open_session(str(folder / "scratch.duckdb"), config)
        stack.callback(scratch.close)
        for table in (*(f"staging_{dataset}" for dataset in datasets), "rejected_records", TEXTS):
            scratch.execute(create_sql(table, "duckdb"))
        yield scratch


@contextmanager
def open_near(config: Config, name: str, columns: Sequence[str], rows: Iterable[Row]) -> Iterator[DuckDBWarehouse]:
    """A DuckDB warehouse in memory with one temporary table and these rows."""
    with closing(duckdb.connect(config=dict(list_options(config, read_only=True)))) as connection:
        near = DuckDBWarehouse(connection, "memory", config)
        near.execute(read_sql(f"changes/{name}/create"))
        near.insert_rows(name, columns, rows)
        yield near


def _write_parts(scratch: DuckDBWarehouse, table: str, folder: Path, slices: int) -> tuple[int, list[Path]]:
    """Write a table as Parquet parts of equal size; returns the number of rows, and the parts.

    The number of parts is a multiple of the slices, or 1 for few rows. The columns are in the table's order.
    """
    rows, end_of_rows = scratch.fetch(f"SELECT count(*), coalesce(max(rowid) + 1, 0) FROM {table}")[0]
    if not rows:
        return 0, []
    each_slice = -(-rows // (slices * _MOST_ROWS_PER_PART))
    count = slices * each_slice if rows >= slices * _FEWEST_ROWS_PER_PART else 1
    parts = []
    for number in range(count):
        part = folder / f"{number:05}.parquet"
        first, end = end_of_rows * number // count, end_of_rows * (number + 1) // count
        scratch.execute(
            f"COPY (SELECT * FROM {table} WHERE rowid >= {first} AND rowid < {end}) "
            f"TO {quote(str(part))} (FORMAT parquet)"
        )
        parts.append(part)
    return rows, parts


def write_rows(types: dict[str, str], chunks: Iterable[list[Row]], target: Target, config: Config) -> Written:
    """Write rows that a driver has fetched, chunk by chunk, into a file."""
    with (
        closing(duckdb.connect(config=dict(list_options(config, read_only=True)))) as connection,
        mapped_errors(connection),
        registered(connection, "fetched_rows", stream_rows(types, chunks)),
    ):
        ((rows,),) = connection.execute(copy_sql("fetched_rows", types, target)).fetchall()
    return Written(rows, types)


def write_trial(folder: Path) -> Path:
    """Write a part with one row of one INTEGER."""
    part = folder / "trial.parquet"
    with closing(duckdb.connect()) as connection:
        connection.execute(f"COPY (SELECT CAST(42 AS INTEGER) AS answer) TO {quote(str(part))} (FORMAT parquet)")
    return part
