"""Warehouses of every engine: a DuckDB file, and a database of the stand-in for Redshift."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sparkify.settings import Config
from tests.redshift.server import Redshift, Role, run_redshift
from tests.s3_server import BUCKET, SECRET, WRITE_KEY, S3Server
from tests.support import new_warehouse

ROLE = "arn:aws:iam::123456789012:role/warehouse"


@pytest.fixture(scope="session")
def running_redshift(s3_server: S3Server) -> Iterator[Redshift]:
    with run_redshift() as running:
        running.roles[ROLE] = Role(s3_server.endpoint, WRITE_KEY, SECRET)
        yield running


@pytest.fixture
def redshift(running_redshift: Redshift, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redshift]:
    """The stand-in, with a trusted certificate, and S3 from the environment."""
    for name, value in (s3_server.environment() | {"SSL_CERT_FILE": str(running_redshift.ca_file)}).items():
        monkeypatch.setenv(name, value)
    roles, serverless, slices, fault = (
        dict(running_redshift.roles), running_redshift.serverless, running_redshift.slices, running_redshift.fault,
    )  # fmt: skip
    running_redshift.statements.clear()
    yield running_redshift
    running_redshift.roles = roles
    running_redshift.serverless, running_redshift.slices, running_redshift.fault = serverless, slices, fault
    running_redshift.speed = 1


def redshift_config(running: Redshift, folder: Path, **settings: object) -> Config:
    """The configuration of an empty database, with empty roots in a folder."""
    given: dict[str, object] = {
        "warehouse": f"redshift://{running.user}@{running.host}:{running.port}/{running.new_database()}",
        "db_password": running.password,
        "stage": f"s3://{BUCKET}/stage",
        "arn": ROLE,
    }
    return new_warehouse(folder, **given | settings)


@dataclass(frozen=True)
class Factory:
    """Makes warehouses of one engine."""

    engine: str
    folder: Path
    redshift: Redshift | None

    @contextmanager
    def copy(self, config: Config) -> Iterator[Config]:
        """A temporary copy of a warehouse, with the same roots."""
        if self.redshift is None:
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                address = str(Path(folder, "copy.duckdb"))
                shutil.copyfile(config.warehouse_address, address)
                yield config.at(address)
        else:
            server, _, database = config.warehouse_address.rpartition("/")
            copied = self.redshift.new_database(template=database)
            yield config.at(f"{server}/{copied}")
            self.redshift.drop_database(copied)

    def wait_until_left(self, config: Config) -> None:
        """Wait until the warehouse has noticed that a client process has ended: it first ends a running statement."""
        if self.redshift is not None:
            self.redshift.wait_until_left(config.warehouse_address.rpartition("/")[2])

    def __call__(self, name: str = "one", **settings: object) -> Config:
        """An empty warehouse, with its own empty roots."""
        folder = self.folder / name
        if self.redshift is None:
            return new_warehouse(folder, **settings)
        return redshift_config(self.redshift, folder, **settings)


@pytest.fixture(params=["duckdb", "redshift"])
def make_warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Factory:
    """Makes warehouses of each engine in turn."""
    name: str = request.param
    return Factory(name, tmp_path, request.getfixturevalue("redshift") if name == "redshift" else None)


@pytest.fixture
def config(make_warehouse: Factory) -> Config:
    """One warehouse of each engine in turn."""
    return make_warehouse()
