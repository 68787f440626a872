"""What COPY leaves behind for SYS_LOAD_ERROR_DETAIL and its like: files that PostgreSQL's views read.

They are outside every transaction, so they outlive the rollback of the load that wrote them.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Literal

Record = Mapping[str, object]


class LoadRecords:
    """The files lie in a folder that PostgreSQL can read; a record is one line of JSON."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._queries = count(1001)

    def next_query(self) -> int:
        with self._lock:
            return next(self._queries)

    def add(self, database: str, kind: Literal["errors", "loads", "files"], records: Sequence[Record]) -> None:
        with self._lock, (self._folder / f"{database}.{kind}").open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)

    def write_last_copy(self, backend: int, *, copy_id: int, rows: int) -> None:
        self._replace(f"{backend}.copy", json.dumps({"id": copy_id, "count": rows}))

    def write_slices(self, slices: int) -> None:
        self._replace("slices", str(slices))

    def _replace(self, name: str, text: str) -> None:
        with self._lock:
            new = self._folder / f"{name}.new"
            new.write_text(text, encoding="utf-8")
            new.replace(self._folder / name)
