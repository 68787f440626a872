"""A real Redshift for the suite of this folder: a schema for each warehouse, and a folder of the stage for the run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import structs

import sparkify
from sparkify.settings import Config
from sparkify.sources.bucket import S3Folder
from sparkify.star.version import current_version, read_version
from sparkify.warehouses import open_warehouse
from tests.support import new_warehouse

# The name of the plugin of pytest that has the cluster.
PLUGIN = "cluster"
# Only run against a cluster, before all other tests.
FIRST = "test_first_statements.py"
# What the login and COPY need. All other settings are the test's own.
_CONNECTION = (
    "warehouse", "host", "db_name", "db_user", "db_password", "db_port", "db_secret_arn", "iam", "cluster", "sslmode",
    "arn",
)  # fmt: skip
# A killed process holds the lock until the cluster notices that it has gone.
_WAIT = 120


@dataclass
class Cluster:
    """A real Redshift, as the caller's settings describe it, and the schemas that this run has made in it."""

    config: Config
    variables: dict[str, str]
    run: str
    schemas: list[str] = field(default_factory=list)
    made: int = 0

    @classmethod
    def of(cls, config: Config) -> "Cluster":
        """The one of these settings; AWS's variables are those of the environment."""
        names = [name for name in os.environ if name.startswith("AWS_") or name == "SSL_CERT_FILE"]
        run = f"sparkify_test_{datetime.now(UTC):%Y%m%d_%H%M%S}_{os.getpid()}"
        stage = f"{str(config.stage).rstrip('/')}/{run}"
        return cls(structs.replace(config, stage=stage), {name: os.environ[name] for name in names}, run)

    def new_warehouse(self, folder: Path, **settings: Any) -> Config:
        """The configuration of a warehouse in an empty schema, with empty roots in a folder."""
        own = new_warehouse(folder, **{"wait": _WAIT} | settings)
        connection = {name: getattr(self.config, name) for name in _CONNECTION}
        return structs.replace(own, **connection, stage=self.config.stage, db_schema=self._new_schema())

    @contextmanager
    def copy(self, config: Config) -> Iterator[Config]:
        """A copy in another schema: tables with their rows, and the views where they are those of today."""
        copied = structs.replace(config, db_schema=self._new_schema())
        with open_warehouse(copied) as warehouse:
            for (name,) in warehouse.fetch(f"SELECT tablename FROM pg_tables WHERE schemaname = '{config.db_schema}'"):
                warehouse.execute(f"CREATE TABLE {name} (LIKE {config.db_schema}.{name} INCLUDING DEFAULTS)")
                warehouse.execute(f"INSERT INTO {name} SELECT * FROM {config.db_schema}.{name}")
            is_of_today = read_version(warehouse) == current_version()
        if is_of_today:
            sparkify.create(copied)
        yield copied
        self.drop([str(copied.db_schema)])

    def wait_until_left(self, config: Config) -> None:
        """Wait until no process that was killed holds the lock of loads."""
        with open_warehouse(config) as warehouse:
            # The first transaction of a process takes the lock: before it is made, nothing is open.
            if "load_lock" in warehouse.list_tables():
                with warehouse.transaction():
                    warehouse.execute("LOCK load_lock")

    def drop(self, schemas: list[str]) -> None:
        """Drop schemas with all that is in them."""
        with open_warehouse(self.config) as warehouse:
            for schema in schemas:
                warehouse.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        self.schemas = [schema for schema in self.schemas if schema not in schemas]

    def clear(self) -> None:
        """Leave nothing: drop the schemas that are left, and delete the run's folder of the stage."""
        if self.schemas:
            self.drop(self.schemas)
        S3Folder(str(self.config.stage), self.config.s3_access).clear()

    def _new_schema(self) -> str:
        self.made += 1
        schema = f"{self.run}_{self.made}"
        with open_warehouse(self.config) as warehouse:
            warehouse.execute(f"CREATE SCHEMA {schema}")
        self.schemas.append(schema)
        return schema
