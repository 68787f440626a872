"""Which files below a root are data, in a local folder or in S3 (docs/sources.md), and what else is there."""

import errno
import fnmatch
import heapq
import logging
import os
import re
import stat
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sparkify.errors import SourceError
from sparkify.settings import S3Access
from sparkify.sources.file import SCHEME, SourceFile, modified_time, settled_state

DATA_NAMES = "end in .json, .jsonl or .ndjson, also with .gz, .zst, .bz2 or .xz after it"
_DATA_NAME = re.compile(r".*\.(?:json|jsonl|ndjson)(?:\.(?:gz|zst|bz2|xz))?", re.IGNORECASE | re.DOTALL)
_HIDDEN = re.compile(r"(?:\A|/)[._]")
# What loads into Redshift keep in their stage, which may lie below a root. Without a dot: what reads for COPY may skip
# names that begin with one (docs.aws.amazon.com/redshift/latest/dg/c-spectrum-external-tables.html).
STAGE_FOLDER = "sparkify-stage"
_STAGED = re.compile(rf"(^|/){STAGE_FOLDER}/")
_MOST_EXAMPLES = 5
_MOST_KINDS_NAMED = 5
_DEFAULT_ACCESS = S3Access()
_OTHER_TYPES = {
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}
_DANGLING = "dangling link"
_MARKER = "folder marker"
_SYSTEM = "system folder"
_TOO_LONG = "path too long"
# What the system shows of itself as files: without an end, and no data.
_SYSTEM_FOLDERS = ("/proc", "/sys", "/dev")
_HINTS = {
    errno.ELOOP: "it is a link that leads to itself",
    errno.ENAMETOOLONG: "its path is longer than this system takes",
}
# It vanished, or something else took its place, while others were listed.
_GONE = (errno.ENOENT, errno.ENOTDIR)
# How long a listing goes on before it says how far it is, and then again.
_SECONDS_UNTIL_NOTE = 1.0
_SECONDS_BETWEEN_NOTES = 5.0
_logger = logging.getLogger("sparkify")


@dataclass(frozen=True)
class LeftOut:
    """What is below a root and is no data, counted by kind, with the first five of them.

    A kind is an ending such as `.csv`, `no ending`, `hidden` (one that begins with `.` or `_`, a local folder counts
    as one), `stage` (of loads into Redshift), `named pipe`, `socket`, `device`, `dangling link`, `system folder`,
    `path too long` or `folder marker`.
    """

    count: int
    kinds: dict[str, int]
    examples: list[str]

    @classmethod
    def sum_of(cls, several: Iterable["LeftOut"]) -> "LeftOut":
        """What is left out below several roots."""
        every = list(several)
        kinds = sum((Counter(one.kinds) for one in every), Counter[str]())
        examples = [example for one in every for example in one.examples]
        return cls(sum(one.count for one in every), dict(sorted(kinds.items())), examples[:_MOST_EXAMPLES])

    def __str__(self) -> str:
        kinds = sorted(self.kinds.items(), key=lambda item: (-item[1], item[0]))
        words = [f"{number:,} {kind}" for kind, number in kinds[:_MOST_KINDS_NAMED]]
        words += [f"{len(kinds) - _MOST_KINDS_NAMED} kinds more"] if len(kinds) > _MOST_KINDS_NAMED else []
        more = ", …" if self.count > len(self.examples) else ""
        return f"{self.count:,} left out ({', '.join(words)}): {', '.join(self.examples)}{more}"


class Listing(list[SourceFile]):
    """The data files of a root, sorted by URL as text, and what was left out.

    `notes` are sentences about what is odd in a store's listing, for a warning.
    """

    def __init__(
        self, files: Iterable[SourceFile], left_out: Iterable[tuple[str, str]], notes: Iterable[str] = ()
    ) -> None:
        """`left_out` are the paths and kinds of what is no data."""
        self.notes = list(notes)
        super().__init__(sorted(files, key=lambda file: file.url))
        others = sorted(left_out)
        kinds = Counter(kind for _, kind in others)
        self.left_out = LeftOut(
            len(others), dict(sorted(kinds.items())), [_show(url) for url, _ in others[:_MOST_EXAMPLES]]
        )


class DataNames:
    """Which keys are data: the paths of files relative to their root, separated by `/`.

    `patterns` take the place of the rule about endings; in them `*` stands for any characters, also for `/`.
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self._patterns = [re.compile(fnmatch.translate(pattern)) for pattern in patterns] or [_DATA_NAME]

    def kind_left_out(self, key: str) -> str | None:
        """The kind under which a key is left out, or None if it is data."""
        if _HIDDEN.search(key):
            return "hidden"
        if _STAGED.search(key):
            return "stage"
        for pattern in self._patterns:
            if pattern.fullmatch(key):
                return None
        ending = PurePosixPath(key).suffix.lower()
        return ending if 1 < len(ending) <= 16 else "no ending"


def list_files(root: str, access: S3Access = _DEFAULT_ACCESS, patterns: Sequence[str] = ()) -> Listing:
    """The data files of a root: a folder (with its subfolders) or one file, local or s3://.

    `patterns` are those of DataNames. Raises SourceError if the root does not exist or cannot be listed. A folder
    without data gives an empty list.
    """
    rule = DataNames(patterns)
    if root.startswith(SCHEME):
        return _list_s3(root, access, rule)
    path = resolve_root(root)
    try:
        kind = _read_kind(path)
        if kind == "file":
            return Listing([_local_file(path, Path(path).stat())], [])
        if kind == "folder":
            return _Walk(path, rule).listing()
    except OSError as error:
        hint = _HINTS.get(error.errno or 0, "check its permissions")
        raise SourceError(f"cannot list {root}: {error.strerror} ({_show(str(error.filename))}); {hint}") from error
    if kind is None:
        if "*" in root or "?" in root:
            folder = re.split(r"[*?]", root, maxsplit=1)[0].rpartition("/")[0]
            raise SourceError(
                f"there is no folder or file {root}; a root is no pattern: give the folder {folder or '.'}, and the "
                "names of its data files with --log-pattern or --song-pattern if it holds others too"
            )
        raise SourceError(f"there is no folder or file {root}; give the folder of the JSON files")
    raise SourceError(f"{root} is a {kind}, which is never opened; write its data to a file, and give that")


def resolve_root(root: str) -> str:
    """The root in the form with which the URLs of its files begin."""
    if root.startswith(SCHEME):
        return root.rstrip("/")
    try:
        whole = Path(root).absolute()
    except FileNotFoundError:
        raise SourceError(
            f"there is no folder or file {root}: the working folder is gone; change to another one"
        ) from None
    path = Path(whole.anchor)
    for part in whole.parts[1:]:
        if part != "..":
            path /= part
        else:
            # The system goes up from where a link leads.
            path = (path.resolve() if path.is_symlink() else path).parent
    return str(path)


def _read_kind(path: str) -> str | None:
    """What a path leads to: `file`, `folder`, another type, or None if there is nothing."""
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else _OTHER_TYPES.get(stat.S_IFMT(mode), "device")


class _Walk:
    """What is below a local folder.

    Each real folder is entered once, under the first of its names in order, and none that holds the root: so a walk
    ends, whatever links there are.
    """

    def __init__(self, root: str, rule: DataNames) -> None:
        self._top = f"{root.rstrip('/')}/"
        self._rule = rule
        self._files: list[SourceFile] = []
        self._left_out: list[tuple[str, str]] = []
        self._progress = _Progress(root)
        real = Path(root).resolve()
        self._entered = {_identity(folder.stat()) for folder in real.parents}
        system = [Path(folder) for folder in _SYSTEM_FOLDERS]
        self._system = {_identity(folder.stat()) for folder in system if folder != real and folder.is_dir()}

    def listing(self) -> Listing:
        # A folder's name is less than those of all folders in it, so the least known one is next.
        coming = [self._top]
        while coming:
            folder = heapq.heappop(coming)
            for found in self._enter(folder):
                heapq.heappush(coming, found)
        return Listing(self._files, self._left_out)

    def _enter(self, folder: str) -> Iterator[str]:
        """Note the files of a folder; returns the folders in it."""
        try:
            identity = _identity(Path(folder).stat())
            if identity in self._entered:
                return
            self._entered.add(identity)
            if identity in self._system:
                self._left_out.append((folder, _SYSTEM))
                return
            entries = os.scandir(folder)
        except OSError as error:
            self._pass_over(folder, error)
            return
        with entries:
            for entry in entries:
                self._progress.count(len(self._files))
                path = folder + entry.name
                if entry.name[0] in "._":
                    self._left_out.append((path + ("/" if entry.is_dir(follow_symlinks=False) else ""), "hidden"))
                elif _is_folder(entry):
                    yield path + "/"
                else:
                    self._note(path, entry)

    def _note(self, path: str, entry: os.DirEntry[str]) -> None:
        try:
            found = entry.stat()
        except OSError as error:
            if entry.is_symlink() and error.errno != errno.ENAMETOOLONG:
                self._left_out.append((path, _DANGLING))
            else:
                self._pass_over(path, error)
            return
        if not stat.S_ISREG(found.st_mode):
            self._left_out.append((path, _OTHER_TYPES.get(stat.S_IFMT(found.st_mode), "device")))
        elif kind := self._rule.kind_left_out(path[len(self._top) :]):
            self._left_out.append((path, kind))
        else:
            self._files.append(_local_file(path, found))

    def _pass_over(self, path: str, error: OSError) -> None:
        if error.errno == errno.ENAMETOOLONG:
            self._left_out.append((path, _TOO_LONG))
        elif error.errno not in _GONE:
            raise error


class _Progress:
    """Says now and then how far a long listing is: a root may hold more than its user thinks."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._seen = 0
        self._next = time.monotonic() + _SECONDS_UNTIL_NOTE

    def count(self, data_files: int) -> None:
        self._seen += 1
        # The clock costs as much as the rest of an entry.
        if self._seen % 1_000 == 0 and time.monotonic() >= self._next:
            self._next = time.monotonic() + _SECONDS_BETWEEN_NOTES
            _logger.info("listing %s: %s seen, %s of them data", self._root, f"{self._seen:,}", f"{data_files:,}")


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A circular link is neither folder nor file.
        return False


def _show(path: str) -> str:
    """A path as text, also where its name is not UTF-8."""
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")


def _local_file(url: str, found: os.stat_result) -> SourceFile:
    shown = _show(url)
    fault = None if shown == url else "its name is not UTF-8; rename it"
    return SourceFile(shown, found.st_size, None, modified_time(found), fault, settled_state(found))


def _list_s3(root: str, access: S3Access, rule: DataNames) -> Listing:
    # It is slow to import, as all that speaks to a store.
    from sparkify.sources.s3_listing import list_objects

    below = resolve_root(root) + "/"
    files, left_out = [], []
    found = list_objects(root, access)
    for file in found.files:
        key = file.url.removeprefix(below)
        is_marker = key.endswith(("/", "_$folder$"))
        # A root that is one object has nothing below it.
        kind = None if key == file.url else _MARKER if is_marker else rule.kind_left_out(key)
        if kind is None:
            files.append(file)
        else:
            left_out.append((file.url, kind))
    return Listing(files, left_out, found.notes)
