"""Every table, view and column has its meaning as a COMMENT in the database."""

import sparkify
from sparkify.settings import Config
from sparkify.sql import read_table
from sparkify.star.tables import TABLES, VERSION, VIEWS
from sparkify.warehouses import open_warehouse

DUCKDB = """SELECT table_name AS name, NULL AS column_name, comment FROM duckdb_tables()
UNION ALL SELECT view_name, NULL, comment FROM duckdb_views() WHERE NOT internal
UNION ALL SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"""
REDSHIFT = """SELECT table_name AS name, NULL AS column_name, remarks FROM svv_tables WHERE table_schema = '{schema}'
UNION ALL SELECT table_name, column_name, remarks FROM svv_columns WHERE table_schema = '{schema}'"""


def test_tables_views_and_columns_carry_their_meaning(config: Config) -> None:
    sparkify.create(config)
    with open_warehouse(config) as warehouse:
        ((schema,),) = warehouse.fetch("SELECT current_schema()")
        found = warehouse.fetch(DUCKDB if warehouse.dialect == "duckdb" else REDSHIFT.format(schema=schema))
        own = warehouse.own_tables
    tables = [read_table(name) for name in (*TABLES, *VERSION, *VIEWS)]
    expected: dict[tuple[str, str | None], str] = {(table.name, None): table.describe() for table in tables}
    for table in tables:
        expected |= {(table.name, column.name.lower()): column.meaning for column in table.columns}
    kept = {(name, column and column.lower()): text for name, column, text in found if name not in own}
    assert kept == expected
