"""Warehouses: open connections to a database, whichever its engine. An engine's oddities are in its folder only.

An engine is a folder with two modules: `session`, whose `open_session` and `wrap_cursor` give a Warehouse, and
`doctor`, whose `list_findings` examines one. It is chosen here, by address or driver, and imported only then.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from sparkify.errors import LockedError, UsageError
from sparkify.settings import Config
from sparkify.warehouses.base import Appended, Intake, Row, Warehouse, fetch_dicts
from sparkify.warehouses.findings import Finding, examine

__all__ = [
    "Appended",
    "Finding",
    "Intake",
    "Row",
    "Warehouse",
    "engine_of",
    "examine",
    "fetch_dicts",
    "list_findings",
    "open_warehouse",
    "wrap_cursor",
]

_ENGINES_OF_SCHEMES = {"redshift": "redshift"}
_ENGINES_OF_DRIVERS = {"duckdb": "duckdb", "_duckdb": "duckdb", "redshift_connector": "redshift"}
_ASK_AGAIN_SECONDS = 0.2


@contextmanager
def open_warehouse(config: Config, *, read_only: bool = False) -> Iterator[Warehouse]:
    """Open the configured warehouse. Opening for writing makes an embedded one that does not exist yet.

    Raises UsageError for an address that names no engine or no folder, ConfigError without what a login needs,
    LockedError while another process writes an embedded one, and EngineError where the warehouse cannot be opened.
    """
    warehouse = _open_waiting(config, read_only)
    try:
        yield warehouse
    finally:
        warehouse.close()


def _open_waiting(config: Config, read_only: bool) -> Warehouse:
    """Open the warehouse; where another process holds it, try again for as long as is configured."""
    address = config.warehouse_address
    session = _import(engine_of(address), "session")
    end = time.monotonic() + config.wait
    while True:
        try:
            opened: Warehouse = session.open_session(address, config, read_only=read_only)
            return opened
        except LockedError:
            if time.monotonic() >= end:
                raise
            time.sleep(min(_ASK_AGAIN_SECONDS, max(0.0, end - time.monotonic())))


def engine_of(address: str) -> str:
    """The engine of an address: `duckdb` for a path and `duckdb:PATH`, else by its scheme. Raises UsageError."""
    scheme, separator, _ = address.partition("://")
    if not separator:
        return "duckdb"
    if scheme not in _ENGINES_OF_SCHEMES:
        raise UsageError(
            f"{scheme}:// is not a warehouse; give a file, duckdb:PATH or redshift://user@host:5439/database"
        )
    return _ENGINES_OF_SCHEMES[scheme]


def wrap_cursor(cursor: Any, connection: Any = None, config: Config | None = None) -> Warehouse:
    """A warehouse over a DB-API cursor that is open already, and stays its owner's to close.

    A cursor of redshift_connector's needs its connection too, and the configuration for a load. Raises UsageError
    without that connection, and for a cursor of a driver that no engine is made for.
    """
    driver = type(cursor).__module__.split(".")[0]
    if driver not in _ENGINES_OF_DRIVERS:
        raise UsageError(f"a cursor of {driver} is not supported; give one of duckdb or redshift_connector")
    session = _import(_ENGINES_OF_DRIVERS[driver], "session")
    wrapped: Warehouse = session.wrap_cursor(cursor, connection, config or Config())
    return wrapped


def list_findings(warehouse: Warehouse, config: Config) -> Iterator[Finding]:
    """Look at each thing that a load will need of an open warehouse. Changes nothing."""
    found: Iterator[Finding] = _import(warehouse.dialect, "doctor").list_findings(warehouse, config)
    return found


def _import(engine: str, module: str) -> Any:
    return import_module(f"sparkify.warehouses.{engine}.{module}")
