"""What a listing says about a file, in a local folder or in S3."""

import datetime as dt
import os
import time
from typing import NamedTuple

_EPOCH = dt.datetime(1970, 1, 1)
# Some file systems keep times that a date cannot tell: the nearest one that it can stands for them.
_EARLIEST = (dt.datetime.min - _EPOCH) // dt.timedelta(microseconds=1)
_LATEST = (dt.datetime.max - _EPOCH) // dt.timedelta(microseconds=1)
# With this begins the URL of an object in S3.
SCHEME = "s3://"
# With this begins the fingerprint of a local file, and no etag.
LOCAL_FINGERPRINT = "sha256:"
# The clock of a file system is at least so fine: that of the kernel ticks a hundred times a second or more.
_TICK_NS = 50_000_000
_WHOLE_SECONDS_NS = 2_000_000_000

# The reason to leave a file that changed after the listing to the next load.
CHANGED = "it has changed since it was listed; the next load will take it"


class SourceFile(NamedTuple):
    """One file of a dataset, as listed.

    `etag` is the store's identifier of the content. A local file has None; its fingerprint is the SHA-256 of the bytes.
    `size` is in bytes as stored, `modified` in UTC without a time zone. `fault` says why the file cannot be read, if
    the listing already shows it. `state` is that of a local file, as `settled_state` has it.
    """

    url: str
    size: int
    etag: str | None
    modified: dt.datetime
    fault: str | None = None
    state: str | None = None


def modified_time(stat: os.stat_result) -> dt.datetime:
    """When a local file was last modified, as in `SourceFile.modified`."""
    # By its name the argument takes twice the time, and there may be very many files.
    return _EPOCH + dt.timedelta(0, 0, min(max(stat.st_mtime_ns // 1000, _EARLIEST), _LATEST))


def settled_state(stat: os.stat_result) -> str | None:
    """Size, both times of change (of content and of inode, ns), device and inode of a local file, as one text.

    While it stays the same, so does the content. None if the file changed so shortly ago that a further change could
    get the same times: the clocks of file systems are coarse.
    """
    latest = max(stat.st_mtime_ns, stat.st_ctime_ns)
    # Some file systems keep whole seconds, FAT every other one.
    resolution_ns = _WHOLE_SECONDS_NS if stat.st_ctime_ns % 1_000_000_000 == 0 else _TICK_NS
    if latest > time.time_ns() - resolution_ns:
        return None
    return describe_state(stat)


def describe_state(stat: os.stat_result) -> str:
    """The text of `settled_state`, also of a file that changed only just now."""
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_dev} {stat.st_ino}"


def read_state(url: str) -> str | None:
    """The state of a local file now; None if there is none, or if it changed only just now."""
    try:
        # For thousands of small files, Path costs as much as the call.
        return settled_state(os.stat(url))  # noqa: PTH116
    except OSError:
        return None


def unchanged_state(file: SourceFile) -> str | None:
    """The listed state of a local file, if it still has it: then what was read in between is what it holds now."""
    return file.state if file.state is not None and read_state(file.url) == file.state else None
