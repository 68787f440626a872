"""What a store says of a file before it is read; local folders and S3 alike."""

import datetime as dt
from typing import NamedTuple

# Why a file is left for the next load that is no longer what was listed.
CHANGED = "it has changed since it was listed; the next load takes it as it is then"


class SourceFile(NamedTuple):
    """One object of a dataset as its store lists it.

    `etag` is the store's own content identity, or None where the store has none (a local folder): the content hash
    that reading yields then takes its place. `size` is in bytes as stored, `modified` in UTC without a zone.
    `fault` says why the object cannot be read, where the listing tells.
    """

    url: str
    size: int
    etag: str | None
    modified: dt.datetime
    fault: str | None = None
