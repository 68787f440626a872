"""The simulated corpora, by size. Each is made once below a folder and kept while its options are the same."""

import gzip
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import zstandard

from sparkify.simulator import SimulateOptions, simulate

SONGS = 15_000
# 500 events a user. A week, or a month where there are more than a week's file should hold.
SIZES = {
    "S": SimulateOptions(events=100_000, users=200, days=7, songs=SONGS),
    "M": SimulateOptions(events=1_000_000, users=2_000, days=7, songs=SONGS),
    "L": SimulateOptions(events=10_000_000, users=20_000, days=30, songs=SONGS),
}
# A year of 45 GB, with compressed logs: 4 GB.
XL = SimulateOptions(events=100_000_000, users=200_000, days=365, songs=SONGS)


@dataclass(frozen=True)
class Corpus:
    """Where a corpus lies, and its records; `form` is that of its log files: lines, array or gzip."""

    folder: Path
    events: int
    songs: int
    form: str = "lines"

    @property
    def log_data(self) -> str:
        return str(self.folder / "log_data")

    @property
    def song_data(self) -> str:
        """One file for each song."""
        return str(self.folder / "song_data")

    @property
    def joined_songs(self) -> str:
        """The same records in one file."""
        return str(self.folder / "joined_songs")

    @property
    def log_files(self) -> list[Path]:
        return sorted(Path(self.log_data).rglob("*.json*"))

    @property
    def files(self) -> list[Path]:
        """The log files and song files."""
        return [*self.log_files, *Path(self.song_data).rglob("*.json")]

    @property
    def bytes(self) -> int:
        """Size of the log files and song files."""
        return sum(path.stat().st_size for path in self.files)

    def warm(self) -> None:
        """Read all files, so that whoever loads them first finds them in memory as the others do."""
        for path in self.files:
            with path.open("rb") as file:
                while file.read(1 << 20):
                    pass


def make_corpus(folder: Path, options: SimulateOptions, *, compressed: bool = False) -> Corpus:
    """The corpus of these options, simulated where it is not there yet, maybe with compressed log files."""
    corpus = Corpus(folder, options.events, options.songs)
    truth = folder / "truth.json"
    wanted = asdict(options) | {"start": options.start.isoformat()}
    if not truth.exists() or json.loads(truth.read_text(encoding="utf-8"))["options"] != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        with _compressing(Path(corpus.log_data)) if compressed else nullcontext():
            simulate(folder, options)
    joined = Path(corpus.joined_songs) / "songs.json"
    if not joined.exists():
        joined.parent.mkdir(exist_ok=True)
        files = sorted(Path(corpus.song_data).rglob("*.json"))
        joined.write_bytes(b"".join(path.read_bytes().rstrip(b"\n") + b"\n" for path in files))
    return corpus


def make_sized_corpus(folder: Path, size: str) -> Corpus:
    """The corpus of one of SIZES, below a folder."""
    options = SIZES[size]
    return make_corpus(folder / f"{options.events}-{options.songs}", options)


# What other writers of logs do, each as a change to a file of lines, with the form that it leaves.
DIALECTS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "plain": ("lines", lambda lines: lines),
    "an unknown key in each line": ("lines", lambda lines: lines.replace(b"}\n", b',"tag":"control"}\n')),
    "a key missing in each line": ("lines", lambda lines: re.sub(rb'"status":\d+,', b"", lines)),
    "one array a file": ("array", lambda lines: b"[" + b",".join(lines.splitlines()) + b"]\n"),
    "gzip": ("gzip", lambda lines: gzip.compress(lines, 6, mtime=0)),
}


def make_dialect(corpus: Corpus, dialect: str) -> Corpus:
    """The records of a corpus in one of DIALECTS, written where it is not there yet; the songs are the corpus's own."""
    form, change = DIALECTS[dialect]
    folder = corpus.folder / "dialects" / dialect.replace(" ", "-")
    changed = Corpus(folder, corpus.events, corpus.songs, form)
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        logs = unfinished / "log_data"
        logs.mkdir(parents=True)
        for path in corpus.log_files:
            name = f"{path.name}.gz" if form == "gzip" else path.name
            (logs / name).write_bytes(change(path.read_bytes()))
        for songs in (corpus.song_data, corpus.joined_songs):
            (unfinished / Path(songs).name).symlink_to(Path(songs).resolve())
        unfinished.rename(folder)
    return changed


@contextmanager
def _compressing(folder: Path) -> Iterator[None]:
    """Compress the files of a folder while they are written, in the order of their names: the disk holds few whole."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(1):
            compress(sorted(folder.rglob("*.json"))[:-1])

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    compress(folder.rglob("*.json"))


def compress(paths: Iterable[Path]) -> None:
    """Put a compressed file in the place of each."""
    for path in list(paths):
        with path.open("rb") as whole, path.with_name(f"{path.name}.zst").open("wb") as small:
            zstandard.ZstdCompressor(level=1).copy_stream(whole, small)
        path.unlink()
