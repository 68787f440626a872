"""What a listing says about a file, in a local folder or in S3."""

import datetime as dt
import os
from typing import NamedTuple

_EPOCH = dt.datetime(1970, 1, 1)

# The reason to leave a file that changed after the listing to the next load.
CHANGED = "it has changed since it was listed; the next load will take it"


class SourceFile(NamedTuple):
    """One file of a dataset, as listed.

    `etag` is the store's identifier of the content. A local file has None; its fingerprint is the SHA-256 of the bytes.
    `size` is in bytes as stored, `modified` in UTC without a time zone. `fault` says why the file cannot be read, if
    the listing already shows it.
    """

    url: str
    size: int
    etag: str | None
    modified: dt.datetime
    fault: str | None = None


def modified_time(stat: os.stat_result) -> dt.datetime:
    """When a local file was last modified, as in `SourceFile.modified`."""
    return _EPOCH + dt.timedelta(microseconds=stat.st_mtime_ns // 1000)
