"""Which files below a root are data, in a local folder or in S3 (docs/records.md). Sorted by URL as text."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from sparkify.errors import SourceError
from sparkify.settings import S3Access
from sparkify.sources import s3
from sparkify.sources.bucket import SCHEME
from sparkify.sources.file import SourceFile, modified_time, settled_state

_DATA_ENDINGS = tuple(
    f".{form}{compression}" for form in ("json", "jsonl", "ndjson") for compression in ("", ".gz", ".zst")
)
_HIDDEN = re.compile(r"(?:\A|/)[._]")
_DEFAULT_ACCESS = S3Access()


def is_data_key(key: str) -> bool:
    """Whether a key, relative to its root and separated by `/`, is data (docs/records.md)."""
    return key.endswith(_DATA_ENDINGS) and _HIDDEN.search(key) is None


def list_files(root: str, access: S3Access = _DEFAULT_ACCESS) -> list[SourceFile]:
    """The data files of a root: a folder (with its subfolders) or one file, local or s3://. Sorted by URL as text.

    Raises SourceError if the root does not exist or cannot be listed. A folder without data gives an empty list.
    """
    if root.startswith(SCHEME):
        return _list_s3(root, access)
    path = Path(resolve_root(root))
    try:
        if path.is_file():
            return [_local_file(str(path), path.stat)]
        if not path.is_dir():
            raise SourceError(f"there is no folder or file {root}; give the folder of the JSON files")
        files = list(_walk(path))
    except OSError as error:
        raise SourceError(f"cannot list {root}: {error.strerror} ({error.filename}); check its permissions") from error
    return sorted(files, key=lambda file: file.url)


def resolve_root(root: str) -> str:
    """The root in the form with which the URLs of its files begin."""
    if root.startswith(SCHEME):
        return root.rstrip("/")
    return os.path.normpath(Path(root).absolute())


def _walk(root: Path) -> Iterator[SourceFile]:
    folders = [str(root)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if _is_folder(entry):
                    if entry.name[0] not in "._" and not _leads_up(entry):
                        folders.append(entry.path)
                elif is_data_key(entry.name):
                    yield _local_file(entry.path, entry.stat)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A circular link is neither folder nor file.
        return False


def _leads_up(entry: os.DirEntry[str]) -> bool:
    """Whether a folder is a link to one of its parents: walking it would never end."""
    return entry.is_symlink() and Path(entry.path).parent.resolve().is_relative_to(Path(entry.path).resolve())


def _local_file(url: str, read_stat: Callable[[], os.stat_result]) -> SourceFile:
    try:
        stat = read_stat()
    except OSError:
        # A broken or circular link is listed: reading it then fails, for this file only.
        stat = os.lstat(url)
    shown = url if url.isascii() else os.fsencode(url).decode("utf-8", "backslashreplace")
    fault = None if shown == url else "its name is not UTF-8; rename it"
    return SourceFile(shown, stat.st_size, None, modified_time(stat), fault, settled_state(stat))


def _list_s3(root: str, access: S3Access) -> list[SourceFile]:
    below = resolve_root(root) + "/"
    return sorted(
        (
            file
            for file in s3.list_objects(root, access)
            if not file.url.startswith(below) or is_data_key(file.url.removeprefix(below))
        ),
        key=lambda file: file.url,
    )
