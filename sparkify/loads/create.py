"""Create the tables and views of a warehouse."""

from sparkify.arguments import checked
from sparkify.loads.migrate import bring_up_to_date
from sparkify.settings import Config
from sparkify.star.tables import create_tables, drop_tables
from sparkify.star.version import read_version, write_version
from sparkify.warehouses import Warehouse, open_warehouse


@checked
def create(config: Config, *, drop: bool = False) -> list[str]:
    """Create the tables and views that are missing; with `drop`, drop everything first. Returns the names created.

    An older warehouse is migrated. Raises VersionError for a newer one, and NoWarehouseError for tables that have our
    names and are not ours.
    """
    with open_warehouse(config) as warehouse:
        if not drop:
            return bring_up_to_date(warehouse).created
        with warehouse.transaction():
            drop_all(warehouse)
            created = create_tables(warehouse)
            write_version(warehouse)
            return created


def drop_all(warehouse: Warehouse) -> None:
    """Drop every table and view of the warehouse. Raises as `create` before anything is dropped."""
    read_version(warehouse)
    drop_tables(warehouse)
