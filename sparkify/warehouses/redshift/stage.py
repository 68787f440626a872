"""Redshift's COPY: its SQL, and the stage, the folder in S3 that it reads from, and that UNLOAD writes to.

COPY cannot bind parameters, so its literals are quoted here. No statement contains a secret: COPY reads S3 with a role,
and only the loader's uploads use the credentials of the environment.
"""

import datetime as dt
import json
import re
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sparkify.datasets import Dataset
from sparkify.errors import ConfigError, EngineError, SourceError
from sparkify.settings import Config, S3Access
from sparkify.sources.bucket import S3Folder
from sparkify.sources.listing import STAGE_FOLDER
from sparkify.sources.s3 import S3Reader
from sparkify.sources.s3_listing import list_objects
from sparkify.sql import quote
from sparkify.warehouses.base import Part, Warehouse
from sparkify.warehouses.remote import SCRATCH_PREFIX
from sparkify.warehouses.scratch import open_scratch_folder

# The public bucket of the original project. COPY must name its region, as few warehouses are in the same one.
_PUBLIC = {"events": "s3://udacity-dend/log_data", "songs": "s3://udacity-dend/song_data"}
# For Redshift Serverless, which does not report its slices.
_USUAL_SLICES = 8
_LOAD = "load-"
# A replay takes seconds, and an export adds parts for each of its files. What older versions staged has names of its
# own.
_MOST_AGE = dt.timedelta(days=1)
# Of a plan that several machines stage. A person may look at what failed, and go on after days.
_PLAN = "plan-"
_MOST_AGE_OF_PLAN = dt.timedelta(days=7)
CURRENT_SCHEMA = "SELECT current_schema()"
_PUBLIC_JSONPATHS = "s3://udacity-dend/log_json_path.json"


def copy_sql(config: Config, dataset: Dataset) -> str:
    """The COPY of a dataset's raw objects into its staging table, from the configured S3 root or the public bucket.

    The root ends in a slash, because COPY takes every key with that prefix. Log data needs JSONPaths: 'auto' does not
    match camelCase keys and silently loads NULLs.
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
    """The COPY of the Parquet parts in a manifest, with the table's columns in order.

    By default it also writes the statistics of a table that was empty, by which later statements are planned.
    """
    return f"COPY {table} FROM {quote(manifest, 'redshift')} IAM_ROLE {role_sql(config)} FORMAT AS PARQUET MANIFEST"


def manifest_of(objects: Sequence[tuple[str, int]]) -> bytes:
    """A manifest of these URLs and sizes in bytes. All are mandatory: otherwise COPY silently skips missing ones."""
    entries = [{"url": url, "mandatory": True, "meta": {"content_length": size}} for url, size in objects]
    return json.dumps({"entries": entries}, indent=1).encode()


def role_sql(config: Config) -> str:
    """The role that COPY uses: the configured one, else the cluster's default."""
    return quote(config.arn, "redshift") if config.arn else "default"


class Stage:
    """A folder in S3, inside the configured one, through which parts of one warehouse go.

    A source root above it leaves its files out, by the name of the folder. Everything of one load is in
    a folder of its own.
    """

    def __init__(self, folder: str, load: str, access: S3Access) -> None:
        self.url = f"{folder}/{load}"
        self._folder = S3Folder(folder, access)
        self._load = load
        self._access = access

    def put(self, name: str, content: bytes | Path) -> str:
        """Upload an object; returns its URL."""
        return self._folder.put(f"{self._load}/{name}", content)

    @contextmanager
    def fetched(self) -> Iterator[Iterator[Path]]:
        """The objects of this folder, fetched in turn: each is a file on this machine until the next is asked for.

        A few are fetched ahead, in memory. Raises SourceError if there are none, and EngineError if the disk is full.
        """
        found = sorted(list_objects(self.url, self._access).files)
        with (
            open_scratch_folder(Path(tempfile.gettempdir()), SCRATCH_PREFIX) as scratch,
            closing(S3Reader(found, self._access)) as reader,
        ):
            yield (path for place, file in enumerate(found) for path in _fetch(reader, place, file.url, scratch))

    def clear(self) -> None:
        """Delete what is in this folder."""
        self._folder.clear(self._load)

    def clear_leftovers(self) -> None:
        """Delete what dead loads of this warehouse have left: the caller knows that no other load of it is at work.

        What else is there is deleted when nothing has been added to it for a day, or a week where it is of a plan.
        """
        newest: dict[str, dt.datetime] = {}
        for found in self._folder.list():
            folder = found.name.partition("/")[0]
            newest[folder] = max(found.modified, newest.get(folder, found.modified))
        for folder, modified in newest.items():
            most_age = _MOST_AGE_OF_PLAN if folder.startswith(_PLAN) else _MOST_AGE
            is_dead = folder.startswith(_LOAD) or dt.datetime.now(dt.UTC) - modified > most_age
            if is_dead and folder != self._load:
                self._folder.clear(folder)


def _fetch(reader: S3Reader, place: int, url: str, folder: Path) -> Iterator[Path]:
    """The object of this place as a file in a folder, until it is taken."""
    path = folder / f"{place:05}.parquet"
    try:
        with path.open("wb") as stream:
            stream.writelines(reader.read(place))
    except SourceError as error:
        raise SourceError(f"cannot read {url}: {error}") from error
    except OSError as error:
        what_to_do = "free some space there, or set TMPDIR to another folder"
        raise EngineError(f"cannot write {path}: {error.strerror}; {what_to_do}") from error
    yield path
    path.unlink()


class SharedStage:
    """The folder of a saved plan in the stage, for the parts of several machines: a Store. It needs no warehouse."""

    def __init__(self, url: str, slices: int, config: Config, folder: str = "") -> None:
        self.slices = slices
        self._config = config
        self._url = url
        self._before = f"{folder}/" if folder else ""
        self._folder = S3Folder(url, S3Access(concurrency=config.concurrency))

    def at(self, folder: str) -> "SharedStage":
        """A folder in it."""
        return SharedStage(self._url, self.slices, self._config, folder)

    def put(self, name: str, content: bytes | Path) -> str:
        return self._folder.put(f"{self._before}{name}", content)

    def read(self, name: str) -> bytes:
        """The content of an object. Raises SourceError."""
        return self._folder.read(name)

    def list(self) -> dict[str, int]:
        """The bytes of each object, by name."""
        return {found.name: found.size for found in self._folder.list()}

    def clear(self) -> None:
        """Delete everything in it. If that fails, a later load does it."""
        with suppress(Exception):
            self._folder.clear()


def find_shared_stage(warehouse: Warehouse, config: Config, plan: str) -> str:
    """The folder of a plan in the stage of a warehouse. Raises ConfigError if there is none."""
    return f"{_find_folder(warehouse, config, str(warehouse.fetch(CURRENT_SCHEMA)[0][0]))}/{_PLAN}{plan}"


def count_slices(warehouse: Warehouse) -> int:
    """How many parts are read in parallel. Outside of any transaction, because this fails on Serverless."""
    try:
        return int(warehouse.fetch("SELECT count(*) FROM stv_slices")[0][0]) or _USUAL_SLICES
    except EngineError:
        return _USUAL_SLICES


class StagedParts:
    """The Parts of Redshift: sent to the stage, and copied with one COPY per table."""

    def __init__(self, warehouse: Warehouse, config: Config) -> None:
        self.slices = _USUAL_SLICES
        self._warehouse = warehouse
        self._config = config
        self._stage: Stage | None = None
        self._manifests: dict[str, str] = {}
        self._schema = ""

    def open(self, load_id: int | None = None) -> None:
        self._manifests = {}
        self._schema = self._schema or str(self._warehouse.fetch(CURRENT_SCHEMA)[0][0])
        load = f"{_LOAD}{load_id}" if load_id is not None else "replay"
        self._stage = open_stage(self._warehouse, self._config, self._schema, load)
        if load_id is not None:
            self._stage.clear_leftovers()
            self.slices = count_slices(self._warehouse)

    def put(self, name: str, content: Path) -> str:
        assert self._stage is not None
        return self._stage.put(name, content)

    def collect(self, table: str, parts: Sequence[Part]) -> None:
        assert self._stage is not None
        manifest = manifest_of([(part.url, part.size) for part in parts])
        self._manifests[table] = self._stage.put(f"{table}.manifest", manifest)

    def copy(self, table: str) -> int:
        self._warehouse.execute(copy_parts_sql(self._config, table, self._manifests[table]))
        return int(self._warehouse.fetch("SELECT pg_last_copy_count()")[0][0])

    def clear(self) -> None:
        if self._stage is not None:
            stage, self._stage = self._stage, None
            with suppress(Exception):
                stage.clear()


def open_stage(warehouse: Warehouse, config: Config, schema: str, load: str) -> Stage:
    """The staging folder of a load of this warehouse, inside the configured one. Raises ConfigError if there is none.

    `load` is the beginning of its name.
    """
    folder = _find_folder(warehouse, config, schema)
    # Always with credentials, even if sources are read without: writing needs them.
    return Stage(folder, f"{load}-{uuid.uuid4().hex}", S3Access(concurrency=config.concurrency))


def _find_folder(warehouse: Warehouse, config: Config, schema: str) -> str:
    if config.stage is None:
        raise ConfigError("a load into Redshift needs a folder in S3, and none is set; give --stage s3://bucket/folder")
    place = f"{warehouse.address.partition('@')[2] or warehouse.address}-{schema}"
    name = re.sub(r"[^\w.-]+", "-", place)
    return f"{config.stage.rstrip('/')}/{STAGE_FOLDER}/{name}"
