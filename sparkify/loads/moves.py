"""Which new files are loaded files that stand at another place now."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from sparkify.errors import SourceError
from sparkify.loads.ledger import LoadedFile
from sparkify.settings import S3Access
from sparkify.sources.file import LOCAL_FINGERPRINT, SourceFile
from sparkify.sources.lookup import list_gone

# What a listing says of a file's content: the size, and the etag where the store has one.
_Hint = tuple[str, int, str]


def find_moved(
    new: Sequence[tuple[str, SourceFile]],
    absent: Iterable[LoadedFile],
    read_fingerprint: Callable[[SourceFile], str],
    access: S3Access,
) -> dict[tuple[str, str], LoadedFile]:
    """The loaded file that each moved file was, by dataset and URL.

    `new` are dataset and file, `absent` loaded files that were not listed. A new file was moved if it has the content
    of an absent one and nothing stands at that one's URL any more; of several the first by URL. A local file is read
    for its content only where it has the size of an absent one that is gone.
    """
    hints = {_hint(dataset, file) for dataset, file in new}
    candidates = [file for file in absent if _hint_of_loaded(file) in hints]
    if not candidates:
        return {}
    gone = list_gone((file.url for file in candidates), access)
    left: dict[tuple[str, str], deque[LoadedFile]] = {}
    for file in sorted(candidates, key=lambda file: file.url):
        if file.url in gone:
            left.setdefault((file.dataset, file.fingerprint), deque()).append(file)
    sizes = {_hint_of_loaded(file) for files in left.values() for file in files}
    moved = {}
    for dataset, found in new:
        if _hint(dataset, found) in sizes:
            same = left.get((dataset, _fingerprint(found, read_fingerprint)))
            if same:
                moved[dataset, found.url] = same.popleft()
    return moved


def _hint(dataset: str, file: SourceFile) -> _Hint:
    return dataset, file.size, file.etag or ""


def _hint_of_loaded(file: LoadedFile) -> _Hint:
    etag = "" if file.fingerprint.startswith(LOCAL_FINGERPRINT) else file.fingerprint
    return file.dataset, file.size, etag


def _fingerprint(file: SourceFile, read_fingerprint: Callable[[SourceFile], str]) -> str:
    """Its fingerprint, or an empty text if it cannot be read: the load of this file then fails."""
    try:
        return file.etag or read_fingerprint(file)
    except SourceError:
        return ""
