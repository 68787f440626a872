"""The scratch file in which records are judged on their way to Redshift, and the Parquet parts made of its tables."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import duckdb

from sparkify.datasets import Dataset
from sparkify.settings import Config
from sparkify.sql import create_sql, quote
from sparkify.warehouses.duckdb import DuckDBWarehouse

# The most that a column of text holds in Redshift.
MOST_BYTES = 65_535

_FOLDER_PREFIX = "sparkify-scratch-"
# As Parquet some 50 MB of events: between 1 MB and 1 GB a part is what Redshift reads best.
_MOST_ROWS_PER_PART = 1_000_000
# Fewer rows than so many for each slice are not worth the opening of many objects.
_FEWEST_ROWS_PER_PART = 1_000
# No column of Redshift's holds U+0000.
_RAW = "replace(raw, chr(0), '\\x00')"


@contextmanager
def open_scratch(config: Config, dataset: Dataset) -> Iterator[DuckDBWarehouse]:
    """An embedded warehouse that has one staging table and rejected_records, and is gone afterwards."""
    _clear_leftovers()
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        lock = os.open(folder, os.O_RDONLY)
        stack.callback(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        scratch = DuckDBWarehouse.open(str(folder / "scratch.duckdb"), config, read_only=False)
        stack.callback(scratch.close)
        for table in (f"staging_{dataset}", "rejected_records"):
            scratch.execute(create_sql(table, "duckdb"))
        yield scratch


def write_parts(scratch: DuckDBWarehouse, table: str, folder: Path, slices: int) -> tuple[int, list[Path]]:
    """Write a table as Parquet parts of equal size, a multiple of the slices; returns its rows and the parts.

    Few rows make one part. The columns are the table's, in its order. Redshift keeps no U+0000: it is written \\x00.
    """
    rows, end_of_rows = scratch.fetch(f"SELECT count(*), coalesce(max(rowid) + 1, 0) FROM {table}")[0]
    if not rows:
        return 0, []
    each_slice = -(-rows // (slices * _MOST_ROWS_PER_PART))
    count = slices * each_slice if rows >= slices * _FEWEST_ROWS_PER_PART else 1
    columns = f"* REPLACE ({_RAW} AS raw)" if table == "rejected_records" else "*"
    parts = []
    for number in range(count):
        part = folder / f"{number:05}.parquet"
        first, end = end_of_rows * number // count, end_of_rows * (number + 1) // count
        scratch.execute(
            f"COPY (SELECT {columns} FROM {table} WHERE rowid >= {first} AND rowid < {end}) "
            f"TO {quote(str(part))} (FORMAT parquet)"
        )
        parts.append(part)
    return rows, parts


def write_trial(folder: Path) -> Path:
    """A part of one row with one INTEGER."""
    part = folder / "trial.parquet"
    with closing(duckdb.connect()) as connection:
        connection.execute(f"COPY (SELECT CAST(42 AS INTEGER) AS answer) TO {quote(str(part))} (FORMAT parquet)")
    return part


def find_oversized(scratch: DuckDBWarehouse) -> list[tuple[int, int, int]]:
    """Source id, line and bytes of the longest reject of each file that Redshift cannot keep."""
    rows = scratch.fetch(
        f"""SELECT source_id, arg_max(line, strlen({_RAW})), max(strlen({_RAW})) FROM rejected_records
        GROUP BY source_id HAVING max(strlen({_RAW})) > {MOST_BYTES} ORDER BY source_id"""
    )
    return [(source_id, line, size) for source_id, line, size in rows]


def drop_file(scratch: DuckDBWarehouse, dataset: Dataset, source_id: int) -> None:
    """Take a file's rows and rejects out."""
    for table in (f"staging_{dataset}", "rejected_records"):
        scratch.execute(f"DELETE FROM {table} WHERE source_id = $1", [source_id])


def _clear_leftovers() -> None:
    """Remove the scratch folders of killed loads: those that nobody holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*"):
        with suppress(OSError):
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
