"""Answers of the driver, in short form for tests."""

import pytest
from redshift_connector.cursor import Cursor
from redshift_connector.error import Error

Rows = list[list[object]]


def refusal(cursor: Cursor, statement: str, parameters: list[object] | None = None) -> str:
    """SQLSTATE and message of a statement that must fail."""
    with pytest.raises(Error) as caught:
        cursor.execute(statement, parameters)
    fields = caught.value.args[0]
    return f"{fields['C']} {fields['M']}"


def fetch(cursor: Cursor, statement: str, parameters: list[object] | None = None) -> Rows:
    return [list(row) for row in cursor.execute(statement, parameters).fetchall()]
