"""The manifest of an export: what each file holds, and which files of a folder an export may replace.

A file is the export's own if the manifest names it and has its checksum. While an export runs, and after one that was
interrupted, the manifest names its files without checksums, and its status is `unfinished`: they are its own too.
"""

import hashlib
import re
from pathlib import Path
from typing import Literal

import msgspec

from sparkify._version import __version__
from sparkify.errors import UsageError
from sparkify.outputs import Kind, open_output
from sparkify.settings import Config
from sparkify.warehouses.files import FileFormat

NAME = "manifest.json"
_KIND = Kind("a manifest", re.compile(rb'\{\s*"made_by": "sparkify '))
# A manifest never leads out of its folder.
_FILE = re.compile(r"(?:\w+/)?[\w-]+\.(?:parquet|csv)")


class FileEntry(msgspec.Struct, frozen=True):
    """One file, by its path in the folder, with the SHA-256 of its bytes; empty if an export has yet to write it."""

    file: str
    rows: int = 0
    bytes: int = 0
    sha256: str = ""


class ColumnEntry(msgspec.Struct, frozen=True):
    """One column, with its type in DuckDB's words and its meaning."""

    name: str
    type: str
    meaning: str


class TableEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One table or view. `from` and `to` are there if rows were chosen by day; `left_out` are columns."""

    name: str
    format: FileFormat
    files: list[FileEntry]
    rows: int = 0
    description: str = ""
    columns: list[ColumnEntry] = []
    left_out: list[str] = []
    first_day: str | None = msgspec.field(default=None, name="from")
    last_day: str | None = msgspec.field(default=None, name="to")
    last_load: int | None = None


class Manifest(msgspec.Struct, frozen=True):
    """What a folder holds. The status is `complete` if every file of it is."""

    made_by: str = f"sparkify {__version__}"
    status: Literal["unfinished", "complete"] = "complete"
    tables: list[TableEntry] = []

    @classmethod
    def of(cls, tables: list[TableEntry]) -> "Manifest":
        """The manifest of these tables."""
        is_complete = all(entry.sha256 for table in tables for entry in table.files)
        return cls(status="complete" if is_complete else "unfinished", tables=tables)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder, empty if there is none. Raises UsageError for one that no export wrote."""
    place = folder / NAME
    try:
        content = place.read_bytes()
    except FileNotFoundError:
        return Manifest()
    except OSError as error:
        raise UsageError(f"cannot read {place}: {error.strerror}; choose another folder") from None
    try:
        if not _KIND.beginning.match(content):
            raise ValueError("it is not the manifest of an export")
        found = msgspec.json.decode(content, type=Manifest)
        if strange := [one.file for table in found.tables for one in table.files if not _FILE.fullmatch(one.file)]:
            raise ValueError(f"it names {strange[0]!r}, which no export writes")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place} exists, and cannot be replaced: {error}; choose another folder") from None
    return found


def write_manifest(folder: Path, manifest: Manifest, config: Config) -> None:
    """Write the manifest of a folder, at once."""
    with open_output(folder / NAME, config, _KIND) as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")


def is_there(folder: Path, entry: FileEntry) -> bool:
    """Whether a file of the manifest is still there. Raises UsageError if it is no longer the export's own."""
    place = folder / entry.file
    try:
        if not entry.sha256:
            return place.is_file()
        same = place.stat().st_size == entry.bytes and digest_file(place) == entry.sha256
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UsageError(f"cannot read {place}: {error.strerror}; choose another folder") from None
    if not same:
        raise UsageError(f"{place} was changed since it was exported; move it away, or choose another folder")
    return True


def digest_file(place: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with place.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
