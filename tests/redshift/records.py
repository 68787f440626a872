"""What COPY and UNLOAD record for SYS_LOAD_HISTORY and the counts of the last ones: files that PostgreSQL reads.

They are outside every transaction, so they outlive the rollback of the load that wrote them.
"""

import json
import threading
from collections.abc import Mapping
from itertools import count
from pathlib import Path


class LoadRecords:
    """The files are in a folder that PostgreSQL can read; a record is one line of JSON."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._queries = count(1001)

    def next_query(self) -> int:
        with self._lock:
            return next(self._queries)

    def add(self, database: str, load: Mapping[str, object]) -> None:
        with self._lock, (self._folder / f"{database}.loads").open("a", encoding="utf-8") as file:
            file.write(json.dumps(load) + "\n")

    def write_last_copy(self, backend: int, rows: int) -> None:
        self._replace(f"{backend}.copy", str(rows))

    def write_last_unload(self, backend: int, rows: int) -> None:
        self._replace(f"{backend}.unload", str(rows))

    def write_slices(self, slices: int) -> None:
        self._replace("slices", str(slices))

    def _replace(self, name: str, text: str) -> None:
        with self._lock:
            new = self._folder / f"{name}.new"
            new.write_text(text, encoding="utf-8")
            new.replace(self._folder / name)
