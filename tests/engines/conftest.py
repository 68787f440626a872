"""Warehouses of every engine: DuckDB files, and databases of the stand-in for Redshift, or schemas of a real one."""

import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sparkify.settings import Config
from tests.engines.cluster import FIRST, PLUGIN, Cluster
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
    running_redshift.speed, running_redshift.limits_locks = 1, True
    running_redshift.idle_session = running_redshift.idle_transaction = None
    running_redshift.away = 0


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
class Factory(ABC):
    """Makes warehouses of one engine."""

    folder: Path
    engine: ClassVar[str] = "redshift"

    @abstractmethod
    def __call__(self, name: str = "one", **settings: object) -> Config:
        """An empty warehouse, with its own empty roots."""

    @abstractmethod
    def copy(self, config: Config) -> AbstractContextManager[Config]:
        """A temporary copy of a warehouse, with the same roots."""

    @abstractmethod
    def wait_until_left(self, config: Config) -> None:
        """Wait until the warehouse has noticed that a client process has ended: it first ends a running statement."""


class Files(Factory):
    """DuckDB's files."""

    engine = "duckdb"

    def __call__(self, name: str = "one", **settings: object) -> Config:
        return new_warehouse(self.folder / name, **settings)

    @contextmanager
    def copy(self, config: Config) -> Iterator[Config]:
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            address = str(Path(folder, "copy.duckdb"))
            shutil.copyfile(config.warehouse_address, address)
            yield config.at(address)

    def wait_until_left(self, config: Config) -> None:
        pass


@dataclass(frozen=True)
class Databases(Factory):
    """Databases of the stand-in."""

    redshift: Redshift

    def __call__(self, name: str = "one", **settings: object) -> Config:
        return redshift_config(self.redshift, self.folder / name, **settings)

    @contextmanager
    def copy(self, config: Config) -> Iterator[Config]:
        server, _, database = config.warehouse_address.rpartition("/")
        copied = self.redshift.new_database(template=database)
        yield config.at(f"{server}/{copied}")
        self.redshift.drop_database(copied)

    def wait_until_left(self, config: Config) -> None:
        self.redshift.wait_until_left(config.warehouse_address.rpartition("/")[2])


@dataclass(frozen=True)
class Schemas(Factory):
    """Schemas of a real Redshift."""

    cluster: Cluster

    def __call__(self, name: str = "one", **settings: object) -> Config:
        return self.cluster.new_warehouse(self.folder / name, **settings)

    def copy(self, config: Config) -> AbstractContextManager[Config]:
        return self.cluster.copy(config)

    def wait_until_left(self, config: Config) -> None:
        self.cluster.wait_until_left(config)


@pytest.fixture(scope="session")
def cluster(no_settings: None, pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """The real Redshift of a run that has one, with AWS's variables in the environment."""
    plugin: Any = pytestconfig.pluginmanager.get_plugin(PLUGIN)
    running: Cluster = plugin.cluster
    with pytest.MonkeyPatch.context() as patch:
        for name, value in running.variables.items():
            patch.setenv(name, value)
        yield running


@pytest.fixture(params=["duckdb", "redshift"])
def make_warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Factory]:
    """Makes warehouses of each engine in turn."""
    if request.param == "duckdb":
        yield Files(tmp_path)
    elif not request.config.pluginmanager.has_plugin(PLUGIN):
        yield Databases(tmp_path, request.getfixturevalue("redshift"))
    else:
        cluster: Cluster = request.getfixturevalue("cluster")
        yield Schemas(tmp_path, cluster)
        cluster.drop(cluster.schemas)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what is only for a real Redshift."""
    return True if collection_path.name == FIRST and not config.pluginmanager.has_plugin(PLUGIN) else None


@pytest.fixture
def config(make_warehouse: Factory) -> Config:
    """One warehouse of each engine in turn."""
    return make_warehouse()
