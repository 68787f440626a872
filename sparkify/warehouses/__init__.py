"""Warehouses: open connections to a database of any engine. What is special to an engine is in its folder only.

An engine is a folder with two modules: `session`, whose `open_session` and `wrap_cursor` return a Warehouse, and
`doctor`, whose `list_findings` examines it. It is chosen here, by address or driver, and only then imported.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

from sparkify.addresses import path_of
from sparkify.errors import LockedError, UsageError
from sparkify.settings import Config
from sparkify.warehouses.base import (
    Appended,
    Incoming,
    Intake,
    Part,
    Relations,
    Row,
    Sent,
    Staged,
    StageError,
    StoredFile,
    Warehouse,
    fetch_dicts,
)
from sparkify.warehouses.files import FILE_FORMATS, FileFormat, Target, Written
from sparkify.warehouses.findings import Finding, examine
from sparkify.warehouses.texts import add_texts

__all__ = [
    "FILE_FORMATS",
    "Appended",
    "FileFormat",
    "Finding",
    "Incoming",
    "Intake",
    "Part",
    "Relations",
    "Row",
    "Sent",
    "StageError",
    "Staged",
    "StoredFile",
    "Target",
    "Warehouse",
    "Written",
    "add_texts",
    "compact_file",
    "engine_of",
    "examine",
    "fetch_dicts",
    "find_shared_stage",
    "list_findings",
    "longest_record",
    "open_shared_stage",
    "open_warehouse",
    "wait_while_locked",
    "wrap_cursor",
]

_ENGINES_OF_SCHEMES = {"redshift": "redshift"}
_ENGINES_OF_DRIVERS = {"duckdb": "duckdb", "_duckdb": "duckdb", "redshift_connector": "redshift"}
_FORMS = "give a file, duckdb:PATH or redshift://user@host:5439/database"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_ASK_AGAIN_SECONDS = 0.2
_MOST_SECONDS_TO_ASK_AGAIN = 5.0
_T = TypeVar("_T")


@contextmanager
def open_warehouse(config: Config, *, read_only: bool = False) -> Iterator[Warehouse]:
    """Open the configured warehouse. Opening for writing creates a DuckDB file that does not exist yet.

    Raises UsageError for a bad address, ConfigError if the login lacks something, LockedError while another process
    writes a DuckDB file, and EngineError if the warehouse cannot be opened.
    """
    address = config.warehouse_address
    session = _import(engine_of(address), "session")
    warehouse: Warehouse = wait_while_locked(config, lambda: session.open_session(address, config, read_only=read_only))
    try:
        yield warehouse
    finally:
        warehouse.close()


def longest_record(config: Config) -> int:
    """The bytes of the longest record that a load judges. Records are judged in DuckDB, whatever the engine."""
    longest: int = _import("duckdb", "session").longest_record(config)
    return longest


def compact_file(config: Config) -> StoredFile:
    """Write the file of a warehouse that is one again; returns what it is then. Raises LockedError, EngineError."""
    address = config.warehouse_address
    compaction = _import(engine_of(address), "compaction")
    file: StoredFile = wait_while_locked(config, lambda: compaction.compact_file(address, config))
    return file


def wait_while_locked(config: Config, do: Callable[[], _T]) -> _T:
    """Do it; while another process holds the warehouse (LockedError), try again for `wait` seconds."""
    started = time.monotonic()
    while True:
        try:
            return do()
        except LockedError:
            waited = time.monotonic() - started
            if waited >= config.wait:
                raise
            # Who has waited long may wait a little longer: a server counts every question.
            time.sleep(min(max(_ASK_AGAIN_SECONDS, waited / 10), _MOST_SECONDS_TO_ASK_AGAIN, config.wait - waited))


def engine_of(address: str) -> str:
    """The engine of an address: `duckdb` for a path or `duckdb:PATH`, else by its scheme. Raises UsageError."""
    scheme, separator, _ = address.partition("://")
    if not separator:
        _check_file(path_of(address) or "")
        return "duckdb"
    if scheme not in _ENGINES_OF_SCHEMES:
        raise UsageError(f"{scheme}:// is not a warehouse; {_FORMS}")
    return _ENGINES_OF_SCHEMES[scheme]


def _check_file(path: str) -> None:
    """Raises UsageError for what DuckDB would take for something else than a file."""
    if not path:
        raise UsageError(f"the warehouse has no path; {_FORMS}")
    if path.endswith("/"):
        raise UsageError(f"the warehouse {path} is a folder; give a file, such as {path}sparkify.duckdb")
    if path.lower().startswith(":memory:"):
        raise UsageError(f"a warehouse in memory would keep nothing; {_FORMS}")
    if found := _SCHEME.match(path):
        raise UsageError(f"{found[0]} is not a warehouse; {_FORMS}. A file of such a name is written ./NAME")


def wrap_cursor(cursor: Any, connection: Any = None, config: Config | None = None) -> Warehouse:
    """A warehouse over an open DB-API cursor, which the caller closes.

    A redshift_connector cursor needs its connection too, and a load needs the configuration. Raises UsageError if the
    connection is missing or the driver is not supported.
    """
    driver = type(cursor).__module__.split(".")[0]
    if driver not in _ENGINES_OF_DRIVERS:
        raise UsageError(f"a cursor of {driver} is not supported; give one of duckdb or redshift_connector")
    session = _import(_ENGINES_OF_DRIVERS[driver], "session")
    wrapped: Warehouse = session.wrap_cursor(cursor, connection, config or Config())
    return wrapped


def find_shared_stage(warehouse: Warehouse, config: Config, plan: str) -> tuple[str, int]:
    """Where several machines put parts for one load of a warehouse, by the plan's name, and how many it reads at once.

    Raises UsageError for an embedded warehouse, and ConfigError if no stage is set.
    """
    if warehouse.dialect == "duckdb":
        raise UsageError(
            "several machines can load together into Redshift only; an embedded warehouse is a file that one process "
            "writes: sparkify load uses all cores of this machine"
        )
    engine = _import(warehouse.dialect, "stage")
    return engine.find_shared_stage(warehouse, config, plan), engine.count_slices(warehouse)


def open_shared_stage(address: str, stage: str, slices: int, config: Config) -> Any:
    """The folder that `find_shared_stage` found, without its warehouse."""
    return _import(engine_of(address), "stage").SharedStage(stage, slices, config)


def list_findings(warehouse: Warehouse, config: Config) -> Iterator[Finding]:
    """Examine each thing that a load needs from an open warehouse. Changes nothing."""
    found: Iterator[Finding] = _import(warehouse.dialect, "doctor").list_findings(warehouse, config)
    return found


def examine_place(address: str) -> Finding:
    """Whether a load could make the warehouse, where opening it found none (NoWarehouseError)."""
    found: Finding = _import(engine_of(address), "doctor").examine_place(address)
    return found


def _import(engine: str, module: str) -> Any:
    return import_module(f"sparkify.warehouses.{engine}.{module}")
