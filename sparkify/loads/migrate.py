"""Brings an older warehouse up to date: its layout, its views and comments, and its star."""

import logging
import time
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sparkify.arguments import checked
from sparkify.datasets import DATASETS
from sparkify.formats import Shown
from sparkify.loads.older import bring_records_up_to_date
from sparkify.loads.progress import seconds_since
from sparkify.loads.retry import retry_conflicts
from sparkify.settings import Config
from sparkify.sql import list_migrations, migration_sql
from sparkify.star.changes import StarChange
from sparkify.star.tables import CREATION_ORDER, VIEWS, create_tables, drop_views, list_missing, write_comments
from sparkify.star.version import LAYOUT, Version, read_version, require_version, star_digest, write_version
from sparkify.warehouses import Warehouse, add_texts, open_warehouse

# From this layout on, texts are repaired when they are staged.
_LAYOUT_OF_REPAIR = 3
_logger = logging.getLogger("sparkify")


@dataclass(frozen=True, repr=False)
class MigrateResult(Shown):
    """What a migration did: a sentence for each step, and the layouts before and after."""

    status: Literal["migrated", "nothing_to_do"]
    layout_before: int
    layout: int
    steps: list[str]
    seconds: float


class Updated(NamedTuple):
    """The tables and views that were created, and a sentence for each step of a migration."""

    created: list[str]
    steps: list[str]


@checked
def migrate(config: Config) -> MigrateResult:
    """Bring an older warehouse up to date, in one transaction. A load, an undo and a replay do this first.

    Keys and encodings of Redshift's tables are changed before it, each by itself: no answer depends on them.

    Raises NoWarehouseError if there is nothing to migrate, VersionError for a warehouse that is newer or too old, and
    CheckError if the recomputed star breaks a check; then nothing was changed.
    """
    started = time.monotonic()
    with open_warehouse(config) as warehouse:
        before = require_version(warehouse)
        steps = bring_up_to_date(warehouse).steps
        if before.is_current:
            # No version tells of it.
            steps = _log(warehouse.update_design(CREATION_ORDER))
        status: Literal["migrated", "nothing_to_do"] = "migrated" if steps else "nothing_to_do"
        return MigrateResult(status, before.layout, LAYOUT, steps, seconds_since(started))


def bring_up_to_date(warehouse: Warehouse) -> Updated:
    """Create missing tables, or migrate an older warehouse, in its own transaction. Raises like `migrate`.

    Each step of a migration is also logged as a warning.
    """
    relations = warehouse.list_relations()
    version = read_version(warehouse, relations)
    if version is not None and not version.is_current:
        # First: if it is interrupted, the version still says that something is left to do.
        changed = warehouse.update_design(CREATION_ORDER)
        return Updated([], _log(retry_conflicts(lambda: _migrate(warehouse)) + changed))
    if version is not None and not list_missing(relations):
        return Updated([], [])
    with warehouse.transaction():
        created = create_tables(warehouse)
        if "warehouse_version" in created:
            write_version(warehouse)
        return Updated(created, [])


def _log(steps: list[str]) -> list[str]:
    for step in steps:
        _logger.warning("%s", step)
    return steps


def _migrate(warehouse: Warehouse) -> list[str]:
    with warehouse.load_transaction():
        # Another process may have migrated it while this one waited.
        version = require_version(warehouse)
        if version.is_current:
            return []
        steps = _change_layout(warehouse, version)
        if version.layout < _LAYOUT_OF_REPAIR:
            steps += bring_records_up_to_date(warehouse)
        if version.star != star_digest():
            for dataset in DATASETS:
                add_texts(warehouse, dataset)
            change = StarChange(warehouse, "rebuild")
            change.refresh()
            change.check()
            steps.append("recomputed the star, because its SQL has changed")
        write_version(warehouse)
        return steps


def _change_layout(warehouse: Warehouse, version: Version) -> list[str]:
    """Bring the tables to the current layout. Views and comments are always recreated: they may have changed."""
    drop_views(warehouse)
    for layout, name in list_migrations().items():
        if layout > version.layout:
            for sql in migration_sql(name, warehouse.dialect):
                warehouse.execute(sql)
    created = create_tables(warehouse)
    for name in CREATION_ORDER:
        if name not in created:
            write_comments(warehouse, name)
    views = f"recreated the views {', '.join(VIEWS)}"
    if version.layout == LAYOUT:
        return [views]
    return [f"migrated the warehouse from layout {version.layout} to {LAYOUT}", views]
