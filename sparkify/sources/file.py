"""What a store says of a file before it is read, for local folders and S3 alike."""

import datetime as dt
import os
from typing import NamedTuple

_EPOCH = dt.datetime(1970, 1, 1)

# Why a file that is no longer what was listed is left for the next load.
CHANGED = "it has changed since it was listed; the next load will take it"


class SourceFile(NamedTuple):
    """One object of a dataset as its store lists it.

    `etag` is the store's own mark of the content, or None where the store has none (a local folder): the SHA-256 of
    the bytes that are read then takes its place as the file's fingerprint. `size` is in bytes as stored, `modified` in
    UTC without a zone. `fault` says why the object cannot be read, where the listing already shows it.
    """

    url: str
    size: int
    etag: str | None
    modified: dt.datetime
    fault: str | None = None


def modified_time(stat: os.stat_result) -> dt.datetime:
    """When a local file was written last, as `SourceFile.modified` has it."""
    return _EPOCH + dt.timedelta(microseconds=stat.st_mtime_ns // 1000)
