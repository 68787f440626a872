"""Temporary folders that do not stay behind: what a killed process leaves, the next one removes."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


@contextmanager
def open_scratch_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder that only this user can read, removed at the end. Removes those of killed processes first."""
    clear_scratch_folders(parent, prefix)
    with ExitStack() as stack:
        folder, lock = _make_locked_folder(parent, prefix)
        stack.callback(os.close, lock)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def _make_locked_folder(parent: Path, prefix: str) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        # Until it is locked, another process may take it for a killed one's and remove it.
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder, lock
        os.close(lock)


def clear_scratch_folders(parent: Path, prefix: str) -> None:
    """Remove the scratch folders of killed processes: those that no process has locked."""
    for folder in parent.glob(f"{prefix}*"):
        with suppress(OSError):
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
