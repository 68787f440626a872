"""Redshift's UNLOAD: all slices write the rows of a SELECT into the stage, and this machine fetches them from there.

An UNLOAD that fails ends its transaction: so whoever asks for one has to begin again without it.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sparkify.errors import ConfigError, ConflictError, EngineError, SourceError
from sparkify.settings import Config
from sparkify.sql import quote
from sparkify.warehouses.base import StageError
from sparkify.warehouses.files import Target, Written
from sparkify.warehouses.redshift.errors import CancelledError, refusal_of
from sparkify.warehouses.redshift.stage import CURRENT_SCHEMA, open_stage, role_sql
from sparkify.warehouses.remote import write_parts

if TYPE_CHECKING:
    from sparkify.warehouses.redshift.session import RedshiftWarehouse

# Begins the name of the folder. A load that comes later clears it by its age, if an export was killed.
_EXPORT = "export"
# Of Redshift's row groups a part has two. So much of the disk is needed here at a time.
_PART_MEGABYTES = 64
_DENIED = re.compile(r"S3ServiceException:.*(Access ?Denied|not authorized to perform)")


def unload_sql(config: Config, select: str, folder: str) -> str:
    """The UNLOAD of a SELECT into an empty folder, as Parquet parts. Its text is a literal in this statement."""
    return (
        f"UNLOAD ({quote(select, 'redshift')})\nTO {quote(folder, 'redshift')} IAM_ROLE {role_sql(config)} "
        f"FORMAT AS PARQUET MAXFILESIZE {_PART_MEGABYTES} MB"
    )


def write_unloaded(
    warehouse: "RedshiftWarehouse", config: Config, select: str, *, types: dict[str, str], target: Target
) -> Written:
    """Write the rows of a SELECT into a file, in no order, by way of the stage. Needs an open transaction.

    Raises StageError where rows cannot come this way; the transaction may be dead then.
    """
    schema = str(warehouse.fetch(CURRENT_SCHEMA)[0][0])
    with _told():
        stage = open_stage(warehouse, config, schema, _EXPORT)
    try:
        rows = _unload(warehouse, config, select, f"{stage.url}/")
        # Of no rows Redshift writes no part.
        fetched: AbstractContextManager[Iterator[Path]] = stage.fetched() if rows else nullcontext(iter(()))
        with _told(), fetched as parts:
            written = write_parts(types, parts, target, config)
    finally:
        with suppress(Exception):
            stage.clear()
    if written.rows != rows:
        raise EngineError(f"Redshift unloaded {rows:,} rows, and {written.rows:,} came; export again")
    return written


@contextmanager
def _told() -> Iterator[None]:
    """Raise what is wrong with the stage, as this machine sees it, as StageError."""
    try:
        yield
    except (ConfigError, SourceError) as error:
        raise StageError(f"rows cannot come through the stage: {error}") from error


def _unload(warehouse: "RedshiftWarehouse", config: Config, select: str, folder: str) -> int:
    """Have Redshift write the rows into a folder of the stage; returns their number."""
    try:
        warehouse.execute(unload_sql(config, select, folder))
    except (CancelledError, ConflictError):
        raise
    except KeyboardInterrupt:
        # It would go on to write parts.
        warehouse.terminate()
        raise
    except EngineError as error:
        if (words := refusal_of(error)) is None:
            raise
        reason = str(error)
        if _DENIED.search(words):
            reason = (
                f"Redshift says {words!r}: its role needs s3:PutObject, s3:GetObject and s3:ListBucket below "
                f"{config.stage}"
            )
        raise StageError(f"rows cannot come through the stage: {reason}") from error
    return int(warehouse.fetch("SELECT pg_last_unload_count()")[0][0])
