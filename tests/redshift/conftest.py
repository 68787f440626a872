"""Fixtures of the stand-in's own tests: one server for the session, an empty database and folder for each test."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

import obstore
import pytest
import redshift_connector
from obstore.store import S3Store
from redshift_connector.core import Connection
from redshift_connector.cursor import Cursor

from tests.redshift.server import Redshift, Role, no_fault, run_redshift
from tests.s3_server import BUCKET, SECRET, WRITE_KEY, S3Server

Connect = Callable[..., Connection]
ARN = "arn:aws:iam::123456789012:role/loader"
_FOLDERS = count(1)


@dataclass
class Bucket:
    """A folder in the bucket for each test."""

    store: S3Store
    folder: str

    def put(self, name: str, data: str | bytes) -> str:
        key = f"{self.folder}/{name}"
        obstore.put(self.store, key, data.encode() if isinstance(data, str) else data)
        return f"s3://{BUCKET}/{key}"

    def manifest(self, *entries: dict[str, object]) -> str:
        return self.put("manifest", json.dumps({"entries": entries}))

    def url(self, name: str) -> str:
        return f"s3://{BUCKET}/{self.folder}/{name}"

    def read_all(self) -> dict[str, bytes]:
        """The objects, by name."""
        keys = [meta["path"] for page in obstore.list(self.store, prefix=self.folder) for meta in page]
        return {key.removeprefix(f"{self.folder}/"): bytes(obstore.get(self.store, key).bytes()) for key in keys}


@pytest.fixture(scope="session")
def stand_in_server() -> Iterator[Redshift]:
    with run_redshift() as redshift:
        yield redshift


@pytest.fixture
def stand_in(stand_in_server: Redshift) -> Iterator[Redshift]:
    """The server, without faults, roles and statements of other tests."""
    stand_in_server.statements.clear()
    stand_in_server.roles.clear()
    yield stand_in_server
    stand_in_server.fault, stand_in_server.serverless, stand_in_server.slices = no_fault, False, 2


@pytest.fixture
def database(stand_in: Redshift) -> Iterator[str]:
    name = stand_in.new_database()
    yield name
    stand_in.drop_database(name)


@pytest.fixture
def connect(stand_in: Redshift, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Connects to the test's database with the driver and a verified certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(stand_in.ca_file))
    with ExitStack() as stack:

        def open_connection(**options: Any) -> Connection:
            defaults: dict[str, Any] = {
                "host": stand_in.host, "port": stand_in.port, "database": database, "user": stand_in.user,
                "password": stand_in.password, "ssl": True, "sslmode": "verify-full",
            }  # fmt: skip
            connection = redshift_connector.connect(**(defaults | options))
            stack.callback(_close, connection)
            return connection

        yield open_connection


@pytest.fixture
def bucket(s3_server: S3Server, stand_in: Redshift) -> Iterator[Bucket]:
    """With a role that may read and write it."""
    stand_in.roles[ARN] = Role(s3_server.endpoint, WRITE_KEY, SECRET)
    one = Bucket(s3_server.open_store(), f"folder-{next(_FOLDERS)}")
    yield one
    obstore.delete(one.store, [f"{one.folder}/{name}" for name in one.read_all()])


def _close(connection: Connection) -> None:
    # The stand-in may have closed the connection.
    with suppress(Exception):
        connection.close()


@pytest.fixture
def connection(connect: Connect) -> Connection:
    """In autocommit, so that a refused statement does not affect the next."""
    connection = connect()
    connection.autocommit = True
    return connection


@pytest.fixture(scope="session")
def dialect_connection(stand_in_server: Redshift) -> Iterator[Connection]:
    """For the many tests of a single statement."""
    server = stand_in_server
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(server.ca_file))
        connection = redshift_connector.connect(
            host=server.host, port=server.port, database=server.new_database(), user=server.user,
            password=server.password, sslmode="verify-full",
        )  # fmt: skip
    yield connection
    connection.close()


@pytest.fixture
def dialect(dialect_connection: Connection) -> Iterator[Cursor]:
    """In a transaction that is rolled back, with the tables t and u."""
    cursor = dialect_connection.cursor()
    cursor.execute("DROP TABLE IF EXISTS t")
    for table in ("t", "u"):
        cursor.execute(f"CREATE TABLE {table} (a INT, b INT)")
    yield cursor
    dialect_connection.rollback()


@pytest.fixture
def cursor(connection: Connection) -> Cursor:
    return connection.cursor()
