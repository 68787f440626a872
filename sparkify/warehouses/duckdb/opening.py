"""Opens the file of a warehouse: which paths can be one, who has it locked, and what a failed start has left."""

import errno
import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path

import duckdb

from sparkify.errors import EngineError, LockedError, NoWarehouseError, SparkifyError, UsageError
from sparkify.outputs import is_database
from sparkify.settings import Config
from sparkify.warehouses.duckdb.errors import lacks_space, out_of_memory, words_of
from sparkify.warehouses.scratch import open_scratch_folder

# A folder beside the file, in which a new one is written.
SCRATCH_PREFIX = ".sparkify-compact-"
# DuckDB's three headers. What is shorter holds nothing.
_HEADERS = 12_288
_USED_HERE = re.compile(r"[\w ]+: (Unique file handle conflict|Can't open a connection to same database file)")
_NOT_LOCKED = re.compile(r'IO Error: Could not set lock on file "": (.+?)(?:\. See also .*)?', re.DOTALL)
# How the system says that it does not let a file be opened.
_DENIED = tuple(os.strerror(number) for number in (errno.EACCES, errno.EPERM, errno.EROFS))
_HELD = re.compile(r"Conflicting lock is held(?:.*\(PID (\d+)\))?", re.DOTALL)


def place_of(path: Path) -> Path:
    """Where a path leads. DuckDB would take `..` after a link for the folder above the link's name."""
    return Path(os.path.realpath(path))


def check_path(path: Path, *, read_only: bool) -> None:
    """Raises UsageError for a path where no file can be, NoWarehouseError if there is nothing to read."""
    if path.is_dir():
        raise UsageError(f"the warehouse {path} is a folder; give a file, such as {path / 'sparkify.duckdb'}")
    if not path.parent.is_dir():
        raise UsageError(f"the warehouse {path} cannot be made: there is no folder {path.parent}; create it first")
    if not path.exists():
        if read_only:
            raise NoWarehouseError(f"there is no warehouse {path} yet; run sparkify load, or give another --warehouse")
    elif not path.is_file():
        raise UsageError(f"the warehouse {path} is a pipe or a device; give a file")
    elif read_only and _holds_nothing(place_of(path)):
        raise NoWarehouseError(
            f"the warehouse {path} holds nothing yet; run sparkify load, or give another --warehouse"
        )


def connect(path: Path, options: dict[str, str], *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Open and lock a file. Raises duckdb.Error, OSError, and EngineError for a file that is no database."""
    place = place_of(path)
    if not read_only:
        _complete_leftover(place, options)
    while True:
        before = identify(place)
        try:
            connection = duckdb.connect(str(place), read_only=read_only, config=dict(options))
        except duckdb.Error:
            if before is None:
                _remove_leftover(place)
            # The log by its name is that of the new file then.
            elif before != identify(place):
                continue
            raise
        # DuckDB shows some kinds of file, such as CSV, through a database in memory.
        if connection.execute("SELECT path FROM duckdb_databases() WHERE path IS NOT NULL").fetchone() is None:
            connection.close()
            raise _no_database(path)
        # A compaction may have replaced the file after it was opened, before it was locked.
        if before is None or before == identify(place):
            return connection
        connection.close()


def opening_error(path: Path, error: duckdb.Error, config: Config) -> SparkifyError:
    """An error of DuckDB's while it opens a file, as ours."""
    place = place_of(path)
    # Without the path, which may hold any words.
    words = str(error).replace(str(place), "")
    if _USED_HERE.match(words):
        return LockedError(f"the warehouse {path} is in use by this process; close it first")
    if refused := _NOT_LOCKED.fullmatch(words):
        return _locking_error(path, refused[1])
    if isinstance(error, duckdb.InvalidInputException) and config.storage_version in words:
        return UsageError(
            f"the storage version {config.storage_version} is not usable, for DuckDB {duckdb.__version__} does not "
            "know it; name the version of the oldest client that opens the file, such as v1.4.0"
        )
    with suppress(OSError):
        if not is_database(_read_beginning(place)):
            return _no_database(path)
    if isinstance(error, duckdb.OutOfMemoryException):
        return out_of_memory(error)
    advice = "free some space, and run the command again" if lacks_space(words) else _explain_denial(place, words)
    return EngineError(f"cannot open the warehouse {path}: {'; '.join(filter(None, (words_of(error), advice)))}")


def _explain_denial(place: Path, words: str) -> str:
    """What to do where the system does not let the file be opened, or an empty text."""
    if not words.endswith(_DENIED):
        return ""
    if not place.exists() or not may_write(place.parent):
        return f"the folder {place.parent} cannot be written to: change its permissions, or give another --warehouse"
    return "change the permissions of the file, or give another --warehouse"


def may_write(folder: Path) -> bool:
    """Whether this process may make a file in a folder."""
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)


def _locking_error(path: Path, reason: str) -> EngineError:
    if held := _HELD.match(reason):
        who = f"process {held[1]}" if held[1] else "another process"
        return LockedError(f"the warehouse {path} is in use by {who}; wait until it ends, or give --wait SECONDS")
    return EngineError(
        f"the warehouse {path} cannot be locked ({reason.split('. ')[0]}): its file system, such as a network share, "
        "has no locks, and nothing would keep two loads apart; put the warehouse on a local disk"
    )


def _no_database(path: Path) -> EngineError:
    return EngineError(f"{path} is not a DuckDB database; give another --warehouse")


def identify(place: Path) -> tuple[int, int] | None:
    """Which file stands at a place, None if there is none: a compaction puts another one there."""
    with suppress(FileNotFoundError):
        found = place.stat()
        return found.st_dev, found.st_ino
    return None


# ---- what a failed start has left ----


def _complete_leftover(place: Path, options: dict[str, str]) -> None:
    """Make an empty database of a file that was left at its creation, by a killed process or a full disk.

    It stays the same file: another process may just be creating a database in it.
    """
    if not _holds_nothing(place):
        return
    with open_scratch_folder(place.parent, SCRATCH_PREFIX) as folder:
        new = folder / "new.duckdb"
        duckdb.connect(str(new), config=dict(options)).close()
        content = new.read_bytes()
    # If another process has the file, opening it says so.
    with suppress(BlockingIOError), place.open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _holds_nothing(place):
            file.write(content)


def _remove_leftover(place: Path) -> None:
    """Remove a file that was created just now, if no database came of it and no other process has it."""
    with suppress(OSError), place.open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _holds_nothing(place):
            place.unlink()


def _holds_nothing(place: Path) -> bool:
    """Whether a file is there, and is empty or the beginning of a database without any content."""
    with suppress(FileNotFoundError):
        size = place.stat().st_size
        # What is in the file's log may be all there is.
        if size < _HEADERS and not Path(f"{place}.wal").exists():
            return size == 0 or is_database(_read_beginning(place))
    return False


def _read_beginning(place: Path) -> bytes:
    with place.open("rb") as file:
        return file.read(16)
