"""The version of a warehouse, and whether this program can work with it.

A warehouse stores its layout (which tables and columns there are) and a digest of the SQL that computed its star.
Layout 1 had no table for this; it is recognized by its ledger.
"""

import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import NamedTuple

from sparkify._version import __version__
from sparkify.errors import NoWarehouseError, SchemaError, VersionError
from sparkify.settings import Config
from sparkify.sql import digest_sql, list_migrations, read_sql
from sparkify.star.tables import COLLECT, COLLECT_OF_SONGS, CREATION_ORDER, STAR, VIEWS, list_temporary
from sparkify.warehouses import Relations, Warehouse, open_warehouse

LAYOUT = max(list_migrations())

_logger = logging.getLogger("sparkify")
_LEDGER_OF_LAYOUT_1 = (
    "SELECT files.superseded_by, loads.detail FROM load_files AS files CROSS JOIN load_history AS loads LIMIT 0"
)


class Version(NamedTuple):
    """The layout of a warehouse, the digest of its star's SQL, and the program that wrote them."""

    layout: int
    star: str
    program: str

    @property
    def is_current(self) -> bool:
        return (self.layout, self.star) == (LAYOUT, star_digest())

    @property
    def is_newer(self) -> bool:
        return self.layout > LAYOUT

    def __str__(self) -> str:
        return f"layout {self.layout}, star {self.star[:8] or 'not named'}, by sparkify {self.program or '0.1.0'}"


@cache
def star_digest() -> str:
    """The digest of the SQL that computes the star and the views and collects the touched keys."""
    names = [f"tables/{table}/{step}" for table in STAR for step in ("delete", "load")]
    names += [f"changes/{step}" for step in (*COLLECT, *COLLECT_OF_SONGS)]
    names += [f"views/{view}/create" for view in VIEWS]
    return digest_sql(map(read_sql, names))


def current_version() -> Version:
    """The version of a warehouse that this program makes."""
    return Version(LAYOUT, star_digest(), __version__)


def read_version(warehouse: Warehouse, relations: Relations | None = None) -> Version | None:
    """The version of a warehouse, or None if the database has no tables of sparkify.

    `relations` are the existing ones, where they are known already.

    Raises VersionError for a warehouse that is newer than this program or older than layout 1, and NoWarehouseError for
    other tables with our names.
    """
    tables, views = relations or warehouse.list_relations()
    # Also where there is a ledger: a load drops its temporary tables by name, and takes what is there for its own.
    if others := (tables & {*VIEWS, *list_temporary()}) | (views & {*CREATION_ORDER, *list_temporary()}):
        raise _foreign_names(warehouse, others)
    if "warehouse_version" in tables:
        try:
            rows = warehouse.fetch("SELECT cast(layout AS INTEGER), star, program FROM warehouse_version")
        except SchemaError as error:
            raise _foreign_names(warehouse, {"warehouse_version"}) from error
        # Tables created by the plain CREATE statements have no row.
        version = Version(*rows[0]) if rows else Version(LAYOUT, "", __version__)
        if version.is_newer:
            raise VersionError(
                f"the warehouse {warehouse.address} has layout {version.layout}, made by sparkify {version.program}; "
                f"this is sparkify {__version__}, which knows layouts up to {LAYOUT}: update sparkify"
            )
        return version
    ours = (tables & {*CREATION_ORDER}) | (views & {*VIEWS})
    if not ours:
        return None
    if not {"load_files", "load_history"} <= tables:
        raise _foreign_names(warehouse, ours)
    try:
        warehouse.fetch(_LEDGER_OF_LAYOUT_1)
    except SchemaError as error:
        raise VersionError(
            f"the warehouse {warehouse.address} was made by a version of sparkify before 0.1.0, or its ledger is not "
            "sparkify's; load the files into a new warehouse"
        ) from error
    return Version(1, "", "")


def _foreign_names(warehouse: Warehouse, names: set[str]) -> NoWarehouseError:
    return NoWarehouseError(
        f"{warehouse.address} has other tables with the names of sparkify's tables "
        f"({', '.join(sorted(names)[:5])}); rename or drop them, or give another --warehouse"
    )


def write_version(warehouse: Warehouse) -> None:
    """Store this program's version in the warehouse."""
    warehouse.execute("DELETE FROM warehouse_version")
    row = (*current_version(), dt.datetime.now(dt.UTC).replace(tzinfo=None))
    warehouse.insert_rows("warehouse_version", ["layout", "star", "program", "written_at"], [row])


@contextmanager
def open_existing(config: Config) -> Iterator[Warehouse | None]:
    """The warehouse, read-only, or None if it has no tables yet. Logs a warning if it is older than this program.

    Raises VersionError if the block needs what the older layout does not have, and like `read_version`.
    """
    with ExitStack() as stack:
        try:
            warehouse = stack.enter_context(open_warehouse(config, read_only=True))
        except NoWarehouseError:
            yield None
            return
        version = read_version(warehouse)
        if version is not None:
            stack.enter_context(_explaining_age(warehouse, version))
        yield warehouse if version is not None else None


@contextmanager
def open_to_read(config: Config) -> Iterator[Warehouse]:
    """Like `open_existing`, but raises NoWarehouseError if there is nothing to read."""
    with open_warehouse(config, read_only=True) as warehouse:
        version = require_version(warehouse)
        with _explaining_age(warehouse, version):
            yield warehouse


def require_version(warehouse: Warehouse) -> Version:
    """The version of a warehouse. Raises NoWarehouseError if it has no tables yet, and like `read_version`."""
    version = read_version(warehouse)
    if version is None:
        others = sorted(warehouse.list_tables())
        has = f"holds other tables ({', '.join(others[:5])}) and none of sparkify's" if others else "holds no tables"
        raise NoWarehouseError(f"the warehouse {warehouse.address} {has} yet; run sparkify load or sparkify create")
    return version


@contextmanager
def _explaining_age(warehouse: Warehouse, version: Version) -> Iterator[None]:
    """Log that a warehouse is older than the program; an error in the block is explained by that."""
    if version.is_current:
        yield
        return
    what = "its layout" if version.layout < LAYOUT else "the SQL of its star"
    age = f"the warehouse {warehouse.address} is older than this sparkify, by {what}; sparkify migrate updates it"
    try:
        yield
    except SchemaError as error:
        if version.layout < LAYOUT:
            raise VersionError(f"{age}. Until then this cannot be answered: {error}") from error
        raise
    _logger.warning("%s", age)
