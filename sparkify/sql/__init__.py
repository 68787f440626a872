"""The statements of the warehouse, one a file.

`tables/<table>/` has the tables of the warehouse, `changes/<table>/` the temporary tables of a load, and `questions/`
one question a file. The text is the same for all engines, in the subset that they share. Only the making of a table
has a text of its own for Redshift, in `tables/<table>/create.redshift.sql`.
"""

import re
from functools import cache
from importlib.resources import files

_COLUMN = re.compile(r'(?m)^    "?(\w+)"? (DOUBLE PRECISION|[A-Z]+)\b')
_MARK = "-- touched"


@cache
def read_sql(name: str) -> str:
    """The text of `NAME.sql`, such as `tables/songplays/load`."""
    return (files("sparkify.sql") / f"{name}.sql").read_text(encoding="utf-8").strip()


def has_sql(name: str) -> bool:
    """Whether there is a file `NAME.sql`."""
    return (files("sparkify.sql") / f"{name}.sql").is_file()


def create_sql(table: str, dialect: str) -> str:
    """The statement that makes a table, in a dialect of its own where there is one."""
    own = f"tables/{table}/create.{dialect}"
    return read_sql(own if has_sql(own) else f"tables/{table}/create")


def list_columns(table: str, *, folder: str = "tables") -> dict[str, str]:
    """The columns of a table in order, with their types, as its create.sql has them."""
    return dict(_COLUMN.findall(read_sql(f"{folder}/{table}/create")))


def rebuild_sql(sql: str) -> str:
    """A statement for every key: the text without its `-- touched` lines."""
    return "\n".join(line for line in sql.splitlines() if not line.endswith(_MARK))
