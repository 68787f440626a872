"""What the doctor examines in a DuckDB warehouse."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from sparkify.addresses import path_of
from sparkify.settings import Config
from sparkify.warehouses.base import Warehouse
from sparkify.warehouses.duckdb.opening import may_write
from sparkify.warehouses.findings import Finding, examine


def list_findings(warehouse: Warehouse, config: Config) -> Iterator[Finding]:
    """Examine its tables and the free space on disk."""
    yield examine("tables", lambda: f"{len(warehouse.list_tables())} tables")
    folder = Path(warehouse.address).absolute().parent
    free = f"{shutil.disk_usage(folder).free >> 30:,} GiB free in {folder}"
    if not may_write(folder):
        yield Finding("disk", False, f"{free}, but it cannot be written to: a load writes beside the warehouse")
    else:
        yield Finding("disk", True, free)


def examine_place(address: str) -> Finding:
    """Whether a load could make the file, which is not there or empty."""
    folder = Path(path_of(address) or address).absolute().parent
    found = f"{address} does not exist yet"
    if not may_write(folder):
        return Finding("warehouse", False, f"{found}, and its folder {folder} cannot be written to; give another one")
    return Finding("warehouse", True, f"{found}; a load creates it")
