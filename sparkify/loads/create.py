"""Create the tables and views of a warehouse."""

from sparkify.settings import Config
from sparkify.star.tables import create_tables, drop_tables
from sparkify.warehouses import open_warehouse


def create(config: Config, *, drop: bool = False) -> list[str]:
    """Create the tables and views that are missing; with `drop`, drop everything first. Returns the names created."""
    with open_warehouse(config) as warehouse, warehouse.transaction():
        if drop:
            drop_tables(warehouse)
        return create_tables(warehouse)
