"""Redshift's COPY: its text, and the staging folder in S3 through which rows reach it.

COPY binds no parameters, so its literals are quoted here. No secret belongs in a statement: S3 is read
with a role, and only the loader's own uploads use the credentials of its environment.
"""

import json
import re
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from sparkify.datasets import Dataset
from sparkify.errors import ConfigError, EngineError
from sparkify.settings import Config, S3Access
from sparkify.sources.bucket import S3Folder
from sparkify.sql import quote
from sparkify.warehouses.base import Warehouse

# The public bucket of the original project; its region is not that of most warehouses, so COPY has to name it.
_PUBLIC = {"events": "s3://udacity-dend/log_data", "songs": "s3://udacity-dend/song_data"}
# Parts under way at a time; each goes in pieces of its own where it is large.
_UPLOADS = 4
# Where the cluster does not say how many it has: Redshift Serverless.
_USUAL_SLICES = 8
_CURRENT_SCHEMA = "SELECT current_schema()"
_PUBLIC_JSONPATHS = "s3://udacity-dend/log_json_path.json"


def copy_sql(config: Config, dataset: Dataset) -> str:
    """The COPY of one dataset's raw objects into its staging table, from the configured S3 roots or the public bucket.

    A root is a folder: without its slash COPY would take every key that begins like it. Log data needs JSONPaths:
    'auto' matches no camelCase key and loads NULLs without a word.
    """
    configured = config.roots.get(dataset, "")
    root = configured if configured.startswith("s3://") else _PUBLIC[dataset]
    region = "REGION 'us-west-2' " if root.startswith("s3://udacity-dend/") else ""
    paths = quote(config.log_jsonpath or _PUBLIC_JSONPATHS, "redshift") if dataset == "events" else "'auto'"
    return (
        f"COPY staging_{dataset} FROM {quote(root.rstrip('/') + '/', 'redshift')} IAM_ROLE {role_sql(config)} "
        f"{region}FORMAT AS JSON {paths} COMPUPDATE OFF STATUPDATE OFF"
    )


def copy_parts_sql(config: Config, table: str, manifest: str) -> str:
    """The COPY of a manifest's Parquet parts, whose columns are the table's in its order."""
    return (
        f"COPY {table} FROM {quote(manifest, 'redshift')} IAM_ROLE {role_sql(config)} FORMAT AS PARQUET MANIFEST "
        "STATUPDATE OFF"
    )


def manifest_of(objects: Sequence[tuple[str, int]]) -> bytes:
    """A manifest of these URLs and sizes in bytes. Each is mandatory: COPY would skip a missing one without a word."""
    entries = [{"url": url, "mandatory": True, "meta": {"content_length": size}} for url, size in objects]
    return json.dumps({"entries": entries}, indent=1).encode()


def role_sql(config: Config) -> str:
    """The role that COPY takes on: the configured one, else the cluster's default."""
    return quote(config.arn, "redshift") if config.arn else "default"


class Stage:
    """The staging folder of one load: below the configured one, apart from every other warehouse's and load's.

    Its name begins with a dot, so that no source root ever takes what lies there for data.
    """

    def __init__(self, root: str, warehouse: str, access: S3Access) -> None:
        self._folder = S3Folder(f"{root.rstrip('/')}/.sparkify/{warehouse}", access)
        self._load = uuid.uuid4().hex

    def put_parts(self, table: str, parts: Sequence[Path]) -> str:
        """Upload the parts of a table and their manifest; returns the manifest's URL."""

        def put(part: Path) -> tuple[str, int]:
            return self._folder.put(f"{self._load}/{table}/{part.name}", part), part.stat().st_size

        with ThreadPoolExecutor(_UPLOADS) as executor:
            objects = list(executor.map(put, parts))
        return self.put(f"{table}.manifest", manifest_of(objects))

    def put(self, name: str, content: bytes) -> str:
        """Upload a small object; returns its URL."""
        return self._folder.put(f"{self._load}/{name}", content)

    def clear(self) -> None:
        """Delete what this load uploaded."""
        self._folder.clear(self._load)

    def clear_leftovers(self) -> None:
        """Delete what killed loads of this warehouse left. No other load of it may be under way."""
        self._folder.clear()


class StagedParts:
    """The way of Parquet parts into the warehouse: through the stage, by one COPY a table.

    The stage is opened by the first use in a load's transaction, and cleared at its end.
    """

    # The most that a column of text holds.
    most_bytes = 65_535

    def __init__(self, warehouse: Warehouse, config: Config) -> None:
        self.slices = _USUAL_SLICES
        self._warehouse = warehouse
        self._config = config
        self._stage: Stage | None = None

    def count_slices(self) -> None:
        """Ask how many parts are read at a time. Outside of any transaction: Serverless refuses the question."""
        try:
            self.slices = int(self._warehouse.fetch("SELECT count(*) FROM stv_slices")[0][0]) or _USUAL_SLICES
        except EngineError:
            self.slices = _USUAL_SLICES

    def open(self) -> None:
        if self._stage is None:
            self._stage = open_stage(self._warehouse, self._config)
            # The load that has the lock is alone: what is there was left by loads that were killed.
            self._stage.clear_leftovers()

    def copy(self, table: str, parts: Sequence[Path]) -> int:
        self.open()
        assert self._stage is not None
        self._warehouse.execute(copy_parts_sql(self._config, table, self._stage.put_parts(table, parts)))
        return int(self._warehouse.fetch("SELECT pg_last_copy_count()")[0][0])

    def clear(self) -> None:
        """Delete what the load put there. What cannot be deleted now is deleted by the next load."""
        if self._stage is not None:
            stage, self._stage = self._stage, None
            with suppress(Exception):
                stage.clear()


def open_stage(warehouse: Warehouse, config: Config) -> Stage:
    """A staging folder of this warehouse's, below the configured one. Raises ConfigError where none is configured."""
    if config.stage is None:
        raise ConfigError("a load into Redshift needs a folder in S3, and none is set; give --stage s3://bucket/folder")
    place = f"{warehouse.address.partition('@')[2] or warehouse.address}-{warehouse.fetch(_CURRENT_SCHEMA)[0][0]}"
    name = re.sub(r"[^\w.-]+", "-", place)
    # With credentials even where sources are read without: nobody may write into a folder unsigned.
    return Stage(config.stage, name, S3Access(concurrency=config.concurrency))
