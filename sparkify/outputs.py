"""Files that commands write beside the warehouse: whether a path may be written, and how.

A command writes a new file, or one of its own making. Never written, whatever the path, through links too: the
warehouse and the files that DuckDB keeps beside it, what would be the log of any other database, settings, and what is
below a root. A file appears or changes at
once, when it is complete. A link stays, and the file that it leads to is replaced. Pipes, terminals and the like get
the bytes as they come.
"""

import errno
import itertools
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sparkify.addresses import is_unicode, path_of
from sparkify.errors import ReaderGoneError, UsageError
from sparkify.settings import DEFAULT_CONFIG_FILE, Config


@dataclass(frozen=True)
class Kind:
    """What a command writes: its name in messages, and how its own earlier files begin."""

    name: str
    beginning: re.Pattern[bytes]


# What a file is called until it is complete, before sixteen hexadecimal digits.
_UNFINISHED = ".sparkify-"
# So many bytes of a file tell what it is.
_BEGINNING = 4096
# What DuckDB writes beside its file: W.wal, W.wal.checkpoint and so on, and the folder W.tmp.
_BESIDE = re.compile(r"(\.wal.*|\.tmp)?", re.IGNORECASE | re.DOTALL)
_LOG = re.compile(r"\.(?=wal)", re.IGNORECASE)
# The beginning of an address, from which Path takes a slash.
_ADDRESS = re.compile(r"[a-z][a-z0-9+]+:/", re.IGNORECASE)
_DESCRIPTOR = re.compile(r"/dev/(?:stdin|(stdout)|(stderr)|fd/(\d+))|/proc/self/fd/(\d+)")


def check_output(file: str | os.PathLike[str], config: Config, kind: Kind | None = None) -> None:
    """Raises UsageError where `open_output` would, as far as can be known before the content is there."""
    try:
        _find(Path(file), config, kind)
    except OSError as error:
        raise _refusal(file, error) from None


@contextmanager
def open_output(file: str | os.PathLike[str], config: Config, kind: Kind | None = None) -> Iterator[BinaryIO]:
    """A stream for the content of a file. Nothing of it is there if the block raises.

    A file that exists is replaced only if it is of that kind, or empty; it keeps its mode. An engine may write the
    content by itself, in place, into the path that is the stream's name; of a pipe or a device the name is a number.
    Raises UsageError before the block where the file may not be written, and after it where it cannot, and
    ReaderGoneError where nobody reads the pipe any more.
    """
    path = Path(file)
    try:
        found = _find(path, config, kind)
        if _is_file(path, found):
            with _open_unfinished(_resolve(path), found) as stream:
                yield stream
        else:
            with os.fdopen(_open_special(path), "wb") as stream:
                yield stream
    except BrokenPipeError:
        raise ReaderGoneError(f"nobody reads {os.fspath(path)} any more") from None
    except OSError as error:
        raise _refusal(path, error) from None


def read_folder(folder: str | os.PathLike[str]) -> Path:
    """A folder to write into, which need not exist yet. Raises UsageError for what cannot be one."""
    path = os.fspath(folder)
    if "://" in path:
        raise UsageError(f"files go into a folder of this machine, not to {path}; write them here, then copy them")
    if not path or not is_unicode(path) or "\0" in path:
        raise UsageError(f"{path!a} is not a folder that can be written to; choose another folder")
    return Path(path)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, unless it is there. Raises OSError, and UsageError before it makes any."""
    if folder.parts[:1] == ("-",):
        raise UsageError("cannot make the folder -: such a name stands for a stream; give ./NAME for a folder")
    place = _resolve(folder)
    for one in itertools.takewhile(lambda one: not one.exists(), (place, *place.parents)):
        if (database := _find_logged(one)) is not None:
            raise UsageError(
                f"cannot make the folder {folder}: it is a file that belongs to {database}; choose another"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except RecursionError:
        # Python calls itself for each folder above.
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), str(folder)) from None


def replace_file(place: Path, content: bytes) -> None:
    """Write a file that is the program's alone, such as a cache, whatever is there. Raises OSError."""
    place.unlink(missing_ok=True)
    with _open_unfinished(place, None) as stream:
        stream.write(content)


def clear_unfinished(folder: Path) -> None:
    """Remove what killed processes left of files in a folder. No other process may be writing there."""
    with suppress(OSError):
        for file in folder.glob(f"{_UNFINISHED}*"):
            if re.fullmatch(r"[0-9a-f]{16}", file.name.removeprefix(_UNFINISHED)) and file.is_file():
                file.unlink()


def open_log(file: str | os.PathLike[str], config: Config, kind: Kind) -> int:
    """A file descriptor that appends to a log: a new file, an empty one, or one of that kind. Raises UsageError."""
    path = Path(file)
    try:
        found = _find(path, config, kind)
        if not _is_file(path, found):
            return _open_special(path)
        if found is not None and found.st_nlink > 1:
            raise UsageError(f"cannot write {path}: it has a second name, a hard link; choose another file")
        flags = os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        place = _resolve(path)
        if found is None:
            return os.open(place, flags | os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        descriptor = os.open(place, flags | os.O_RDWR)
        # The last line may be incomplete: the disk was full, or the process was killed.
        if found.st_size and os.pread(descriptor, 1, found.st_size - 1) != b"\n":
            # If that fails, so will the lines to come, which is told at the end.
            with suppress(OSError):
                os.write(descriptor, b"\n")
        return descriptor
    except OSError as error:
        raise _refusal(path, error) from None


def _refusal(path: str | os.PathLike[str], error: OSError) -> UsageError:
    return UsageError(f"cannot write {os.fspath(path)}: {error.strerror or error}; choose another file")


# ---- whether ----


def is_database(beginning: bytes) -> bool:
    """Whether a file that begins like this is a DuckDB database."""
    return beginning[8:12] == b"DUCK"


def _find(path: Path, config: Config, kind: Kind | None) -> os.stat_result | None:
    """The state of what is at a path that may be written, or None if nothing is there. Raises UsageError, OSError."""
    if str(path) == "-":
        raise UsageError("cannot write -: it would be a file of that name; give /dev/stdout for the standard output")
    try:
        found = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise UsageError(f"cannot write {path}: it is a link that leads to nothing; remove it") from None
        # Its folder must exist.
        if _ADDRESS.match(str(path)) and not path.parent.exists():
            raise UsageError(
                f"cannot write {path}: it is no file of this machine; write it here, then copy it"
            ) from None
        path.parent.stat()
        found = None
    except ValueError:
        raise UsageError(f"cannot write {str(path)!r}: it holds a zero byte; choose another file") from None
    if (kept := _describe_kept(_resolve(path), found, config)) is not None:
        raise UsageError(f"cannot write {path}: it is {kept}; choose another file")
    if found is not None and not _DESCRIPTOR.fullmatch(str(path)):
        if stat.S_ISREG(found.st_mode):
            _check_owned(path, found, kind)
        elif not (stat.S_ISFIFO(found.st_mode) or stat.S_ISCHR(found.st_mode)):
            what = "a folder" if stat.S_ISDIR(found.st_mode) else "no file"
            raise UsageError(f"cannot write {path}: it is {what}; choose another file")
    return found


def _is_file(path: Path, found: os.stat_result | None) -> bool:
    """Whether a path is a file of its own, or will be: not a pipe, a device, or what is open already."""
    return found is None or (stat.S_ISREG(found.st_mode) and not _DESCRIPTOR.fullmatch(str(path)))


def _check_owned(path: Path, found: os.stat_result, kind: Kind | None) -> None:
    if kind is None:
        raise UsageError(f"{path} exists already; choose another file")
    if not found.st_size:
        return
    with path.open("rb") as stream:
        beginning = stream.read(_BEGINNING)
    if not kind.beginning.match(beginning):
        what = "a DuckDB database" if is_database(beginning) else f"not {kind.name} that sparkify made"
        raise UsageError(f"cannot write {path}: it exists, and is {what}; choose another file")


def _describe_kept(place: Path, found: os.stat_result | None, config: Config) -> str | None:
    """What a place is, or is in, if nothing but its owner may write there."""
    around = [(one, _identify(one)) for one in place.parents]
    at = [(place, (found.st_dev, found.st_ino) if found else None), *around]
    if (warehouse := path_of(config.warehouse_address)) is not None:
        kept = _resolve(warehouse)
        if _is_one_of(kept, at[:1]):
            return "the warehouse"
        if any(
            _is_one_of(kept.parent, [folder]) and _is_beside(kept.name, one.name)
            for (one, _), folder in zip(at, around, strict=False)
        ):
            return "a file that belongs to the warehouse"
    if (database := _find_logged(place)) is not None:
        return f"a file that belongs to {database}"
    for dataset, root in config.roots.items():
        if not root.startswith("s3:") and _is_one_of(_resolve(root), at):
            return f"below the root of the {dataset}"
    if any(_is_one_of(_resolve(one), at[:1]) for one in (DEFAULT_CONFIG_FILE, config.config_file)):
        return "a file of settings"
    return None


def _resolve(path: str | os.PathLike[str]) -> Path:
    """Where a path leads, through links."""
    # Without a working folder, a path that needs one leads nowhere.
    with suppress(FileNotFoundError):
        return Path(os.path.realpath(path))
    return Path(path)


def _find_logged(place: Path) -> Path | None:
    """The file whose log DuckDB would take this place for: it would replay or remove what is written there."""
    names = (place.name[: found.start()] for found in _LOG.finditer(place.name) if found.start())
    return next((file for name in names if (file := place.with_name(name)).is_file()), None)


def _is_beside(warehouse: str, name: str) -> bool:
    same = name[: len(warehouse)].casefold() == warehouse.casefold()
    return same and _BESIDE.fullmatch(name[len(warehouse) :]) is not None


def _is_one_of(path: Path, places: list[tuple[Path, tuple[int, int] | None]]) -> bool:
    """Whether a path is one of these, by name or, where it exists, as the same file."""
    identity = _identify(path)
    return any(path == place or (identity is not None and identity == other) for place, other in places)


def _identify(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        found = path.stat()
        return found.st_dev, found.st_ino
    return None


# ---- how ----


@contextmanager
def _open_unfinished(place: Path, found: os.stat_result | None) -> Iterator[BinaryIO]:
    """A new file beside the place, which it takes when the block ends."""
    unfinished = place.with_name(f"{_UNFINISHED}{secrets.token_hex(8)}")
    mode = 0o666 if found is None else stat.S_IMODE(found.st_mode) & 0o600
    # Not through a link, and not into a file that is there.
    stream = open(unfinished, "xb", opener=lambda path, flags: os.open(path, flags, mode))  # noqa: SIM115
    try:
        with stream:
            descriptor = stream.fileno()
            if found is not None:
                # Only root may give a file away, and others only to their groups.
                for owner, group in ((-1, found.st_gid), (found.st_uid, -1)):
                    with suppress(PermissionError):
                        os.fchown(descriptor, owner, group)
                os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
            yield stream
            stream.flush()
            os.fsync(descriptor)
        if found is None:
            _put_new(unfinished, place)
        else:
            unfinished.replace(place)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _put_new(unfinished: Path, place: Path) -> None:
    """Give a file its name, if nothing has it."""
    try:
        place.hardlink_to(unfinished)
    except FileExistsError:
        raise
    except OSError:
        # Not every file system has links.
        if os.path.lexists(place):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        unfinished.replace(place)
    else:
        unfinished.unlink()


def _open_special(path: Path) -> int:
    """A descriptor of a pipe or a device, or of what is open under a number already."""
    if found := _DESCRIPTOR.fullmatch(str(path)):
        number = 1 if found[1] else 2 if found[2] else int(found[3] or found[4] or 0)
        return os.dup(number)
    try:
        # Without the flag, a pipe would wait for a reader.
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        if stat.S_ISFIFO(path.stat().st_mode):
            raise UsageError(f"cannot write {path}: nobody reads the pipe; start its reader first") from error
        raise
    os.set_blocking(descriptor, True)
    return descriptor
