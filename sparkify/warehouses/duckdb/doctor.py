"""What the doctor examines in a DuckDB warehouse."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from sparkify.settings import Config
from sparkify.warehouses.base import Warehouse
from sparkify.warehouses.findings import Finding, examine


def list_findings(warehouse: Warehouse, config: Config) -> Iterator[Finding]:
    """Examine its tables and the free space on disk."""
    yield examine("tables", lambda: f"{len(warehouse.list_tables())} tables")
    folder = Path(warehouse.address).absolute().parent
    free = shutil.disk_usage(folder).free
    yield Finding("disk", os.access(folder, os.W_OK), f"{free >> 30:,} GiB free in {folder}")
