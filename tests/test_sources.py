"""Which files are data (docs/records.md), and that each of their lines is read once, with its line number."""

import bz2
import contextlib
import datetime as dt
import gzip
import hashlib
import lzma
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkify.errors import SourceError
from sparkify.loads.load import load
from sparkify.settings import Config
from sparkify.sources.bundles import Bundle, FileRead, read_bundles
from sparkify.sources.compression import unpack
from sparkify.sources.content import read_fingerprint
from sparkify.sources.file import SourceFile
from sparkify.sources.listing import DataNames, LeftOut, list_files
from sparkify.sources.shape import Shape
from tests import reference
from tests.support import TIMES, as_somebody, folder_of_somebody, of_mode, settle

ROOT = Path(__file__).parents[1]
BOM = b"\xef\xbb\xbf"
GOOD = b'{"page":"Home"}\n{"page":"Help"}\n'


def compress_gz(*members: bytes) -> bytes:
    return b"".join(gzip.compress(member, mtime=0) for member in members)


def compress_zst(*frames: bytes) -> bytes:
    # With checksums, so that a damaged frame is noticed.
    return b"".join(zstandard.ZstdCompressor(write_checksum=True).compress(frame) for frame in frames)


FORMS: dict[str, Callable[..., bytes]] = {
    "gz": compress_gz,
    "zst": compress_zst,
    "bz2": lambda *streams: b"".join(map(bz2.compress, streams)),
    "xz": lambda *streams: b"".join(map(lzma.compress, streams)),
}


def write(root: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def source_file(path: Path) -> SourceFile:
    """A file as listed; for a missing file, as listed before it vanished."""
    if path.is_file():
        return list_files(str(path))[0]
    return SourceFile(str(path), 0, None, dt.datetime(2018, 11, 1))


@dataclass
class Read:
    """What was read from some files. Lines are (source id, line number, bytes with their terminator)."""

    bundles: list[Bundle]

    @property
    def lines(self) -> list[tuple[int, int, bytes]]:
        return [
            (bundle.source_ids[i], bundle.lines[i], bytes(bundle.data[bundle.ends[i] : bundle.ends[i + 1]]))
            for bundle in self.bundles
            for i in range(len(bundle))
        ]

    @property
    def finished(self) -> list[FileRead]:
        """How reading each file ended, without its state, which depends on when the file was made."""
        return [end._replace(state=None) for bundle in self.bundles for end in bundle.finished]

    @property
    def states(self) -> dict[int, str | None]:
        return {end.source_id: end.state for bundle in self.bundles for end in bundle.finished}

    @property
    def errors(self) -> dict[int, str | None]:
        return {end.source_id: end.error for end in self.finished}

    def records(self, source_id: int) -> list[tuple[int, bytes]]:
        """One file's lines as in the reference: without terminators and blank lines."""
        own = [(number, line) for owner, number, line in self.lines if owner == source_id]
        assert all(line.count(b"\n") == 1 and line.endswith(b"\n") for _, line in own)
        return [(number, line[:-1].removesuffix(b"\r")) for number, line in own if _has_text(line)]


def _has_text(line: bytes) -> bool:
    return re.fullmatch(rb"(?:\xef\xbb\xbf|[ \t\r\n])*", line) is None


def read(paths: Iterable[Path], *, bundle_bytes: int = 1 << 20, first_id: int = 1) -> Read:
    files = [(source_id, source_file(path)) for source_id, path in enumerate(paths, start=first_id)]
    bundles = list(read_bundles(files, bundle_bytes=bundle_bytes))
    for bundle in bundles:
        assert len(bundle.ends) == len(bundle.lines) + 1 == len(bundle.source_ids) + 1
        assert (bundle.ends[0], bundle.ends[-1]) == (0, len(bundle.data))
    # In the order given, and each exactly once.
    result = Read(bundles)
    assert [end.source_id for end in result.finished] == [source_id for source_id, _ in files]
    return result


def read_one(root: Path, name: str, data: bytes, *, bundle_bytes: int = 1 << 20) -> Read:
    write(root, {name: data})
    return read([root / name], bundle_bytes=bundle_bytes)


# ---- which keys are data ----


@pytest.mark.parametrize(
    "key",
    [
        "a.json",
        "a.jsonl",
        "a.ndjson",
        "a.json.gz",
        "a.json.zst",
        "a.jsonl.gz",
        "a.jsonl.zst",
        "a.ndjson.gz",
        "a.ndjson.zst",
        "a.json.bz2",
        "a.jsonl.xz",
        "a.JSON",
        "a.Json.gZ",
        "2018/11/2018-11-01-events.json",
        "A/B/C/TRABCEI128F424C983.json",
        "a.b.c.json",
        "a_b.json",
        "a.folder/b_/c.json",
        "x.json/y.json",
        "with blank and ünïcode.json",
        "-.json",
        "a\nb.json",
    ],
)
def test_data_key(key: str) -> None:
    assert DataNames().kind_left_out(key) is None


@pytest.mark.parametrize(
    "key",
    [
        "",
        "a",
        "README.txt",
        "_SUCCESS",
        "json",
        "ajson",
        "a.json ",
        "a.json\n",
        "a.json.gz\n",
        "a.json.bak",
        "a.json.gz.bak",
        "a.json.gz.zst",
        "a.json.zip",
        "a.gz",
        "a.zst",
        "a.jsonlgz",
        "a.geojson",
        "a.json5",
        "a.json/",
        "a.json/README.txt",
        ".json",
        ".a.json",
        "_a.json",
        ".ipynb_checkpoints/a.json",
        "2018/.ipynb_checkpoints/a.json",
        "_temporary/0/a.json",
        "2018/_a.json",
        "2018/11/.a.json",
    ],
)
def test_no_data_key(key: str) -> None:
    assert DataNames().kind_left_out(key) is not None


# ---- listing a root ----


def test_listing_holds_all_data_files_sorted_by_url(tmp_path: Path) -> None:
    data = ["b.json", "a/z.json", "a-b.jsonl", "a/b/c.ndjson", "a.json.gz", "B.json", "é.json.zst", "x.json/y.json"]
    other = ["README.txt", "_SUCCESS", ".a.json", "_a.json", ".git/a.json", "a/_temporary/0/b.json", "a/b/.c/d/e.json"]
    write(tmp_path, dict.fromkeys([*data, *other], b"{}\n"))
    # As text, `-` and `.` come before the `/` of a folder.
    assert [file.url for file in list_files(str(tmp_path))] == sorted(str(tmp_path / name) for name in data)


def test_listing_shows_size_time_and_no_etag(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": GOOD, "empty.json": b""})
    # 2018-11-01 20:57:10 UTC, independent of the machine's time zone.
    os.utime(tmp_path / "a.json", (1_541_105_830, 1_541_105_830))
    os.utime(tmp_path / "empty.json", (0, 0))
    assert list_files(str(tmp_path)) == [
        SourceFile(str(tmp_path / "a.json"), len(GOOD), None, dt.datetime(2018, 11, 1, 20, 57, 10)),
        SourceFile(str(tmp_path / "empty.json"), 0, None, dt.datetime(1970, 1, 1)),
    ]


def test_root_is_one_file(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": GOOD, "a.json.gz": b"", "b.json": b""})
    assert [file.url for file in list_files(str(tmp_path / "a.json"))] == [str(tmp_path / "a.json")]


def test_root_is_a_folder_and_never_a_prefix(tmp_path: Path) -> None:
    write(tmp_path, {"log_data/a.json": b"", "log_data_old/b.json": b"", "log_data.json": b""})
    expected = [str(tmp_path / "log_data" / "a.json")]
    assert [file.url for file in list_files(str(tmp_path / "log_data"))] == expected
    assert [file.url for file in list_files(f"{tmp_path}/log_data/")] == expected
    with pytest.raises(SourceError, match="log_dat"):
        list_files(str(tmp_path / "log_dat"))


def test_only_parts_below_the_root_can_hide_a_file(tmp_path: Path) -> None:
    write(tmp_path, {".cache/_log_data/a.json": b"", ".cache/_log_data/_b/c.json": b""})
    root = tmp_path / ".cache" / "_log_data"
    assert [file.url for file in list_files(str(root))] == [str(root / "a.json")]


def test_relative_root_gives_the_same_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"log_data/a.json": b""})
    monkeypatch.chdir(tmp_path)
    assert list_files("log_data") == list_files("./x/../log_data/") == list_files(str(tmp_path / "log_data"))


def test_missing_root_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        list_files(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("names", [[], ["README.txt"], ["_SUCCESS", ".hidden/a.json"]])
def test_folder_without_data_is_empty(tmp_path: Path, names: list[str]) -> None:
    write(tmp_path, dict.fromkeys(names, b"{}\n"))
    assert list_files(str(tmp_path)) == []


def test_links_are_followed(tmp_path: Path) -> None:
    write(tmp_path, {"elsewhere/a.json": GOOD, "elsewhere/more/b.json": GOOD, "root/c.json": GOOD})
    (tmp_path / "root" / "folder").symlink_to(tmp_path / "elsewhere" / "more")
    (tmp_path / "root" / "file.json").symlink_to(tmp_path / "elsewhere" / "a.json")
    files = list_files(str(tmp_path / "root"))
    assert [os.path.relpath(file.url, tmp_path / "root") for file in files] == ["c.json", "file.json", "folder/b.json"]
    assert [file.size for file in files] == [len(GOOD)] * 3


@pytest.mark.parametrize("target", ["nowhere.json", "broken.json"], ids=["to nothing", "to itself"])
def test_broken_link_is_left_out(tmp_path: Path, target: str) -> None:
    write(tmp_path, {"a.json": GOOD})
    (tmp_path / "broken.json").symlink_to(target)
    assert names_below(tmp_path) == ["a.json"]
    assert list_files(str(tmp_path)).left_out == LeftOut(1, {"dangling link": 1}, [str(tmp_path / "broken.json")])


def test_file_whose_name_is_not_utf8_fails_alone(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": GOOD})
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xff.json")).write_bytes(GOOD)
    files = list_files(str(tmp_path))
    assert [Path(file.url).name for file in files] == ["a.json", "b\\xff.json"]
    result = Read(list(read_bundles(list(enumerate(files)), bundle_bytes=1)))
    assert result.errors == {0: None, 1: f"cannot read {files[1].url}: its name is not UTF-8; rename it"}


def names_below(root: Path) -> list[str]:
    return [os.path.relpath(file.url, root) for file in list_files(str(root))]


def test_link_to_a_folder_above_lists_no_file_twice(tmp_path: Path) -> None:
    write(tmp_path, {"year/a.json": GOOD})
    (tmp_path / "year" / "self").symlink_to(tmp_path)
    assert names_below(tmp_path) == ["year/a.json"]


def test_each_real_folder_is_entered_once_under_the_first_of_its_names(tmp_path: Path) -> None:
    write(tmp_path, {"root/b/x/1.json": GOOD, "root/d/2.json": GOOD, "elsewhere/3.json": GOOD})
    root = tmp_path / "root"
    for name, target in {
        "a": "b/x",
        "c": "d",
        "e": "../elsewhere",
        "f": "../elsewhere",
        "g": "g",
        "b/up": "..",
    }.items():
        (root / name).symlink_to(target)
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path)
    assert names_below(root) == ["a/1.json", "c/2.json", "e/3.json"]


def test_a_hundred_links_to_one_another_are_no_hundred_folders(tmp_path: Path) -> None:
    for one in range(20):
        write(tmp_path, {f"{one:02}/a.json": GOOD})
        for other in range(20):
            (tmp_path / f"{one:02}" / f"to-{other:02}").symlink_to(f"../{other:02}")
    assert len(names_below(tmp_path)) == 20


def test_what_the_system_shows_of_itself_is_not_entered(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": GOOD})
    (tmp_path / "p").symlink_to("/proc")
    (tmp_path / "q").symlink_to("/sys")
    assert names_below(tmp_path) == ["a.json"]
    if Path("/proc/self").exists():
        assert list_files(str(tmp_path)).left_out.kinds["system folder"] >= 1


def test_a_path_that_is_too_long_is_left_out_alone(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": GOOD})
    name = "d" * 200
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(25):
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(os.open(f"{name}.json", os.O_CREAT | os.O_WRONLY, dir_fd=inner))
        os.close(here)
        here = inner
    os.close(here)
    listing = list_files(str(tmp_path))
    assert Path(listing[0].url).name == "a.json"
    assert len(listing) > 10
    assert listing.left_out.kinds["path too long"] >= 1
    # pytest could not remove it.
    subprocess.run(["rm", "-rf", tmp_path / name], check=True)


@pytest.mark.parametrize("seconds", [253_402_300_800, -62_135_596_801], ids=["year 10000", "year 0"])
def test_a_time_that_no_date_can_tell_is_the_nearest_one(seconds: int) -> None:
    if not Path("/dev/shm").is_dir():
        pytest.skip("no file system here keeps such times")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        write(Path(folder), {"a.json": GOOD})
        os.utime(Path(folder, "a.json"), (seconds, seconds))
        (file,) = list_files(folder)
        assert file.modified in (dt.datetime.min, dt.datetime.max)
        assert Read(list(read_bundles([(0, file)], bundle_bytes=1))).errors == {0: None}


# Lists a folder as a user who is not root.
LIST_AS_NOBODY = """
import os, sys
from sparkify.errors import SourceError
from sparkify.sources.listing import list_files
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    print(list_files(sys.argv[1]))
except SourceError as error:
    print(error)
"""


@pytest.mark.parametrize("mode", [0o744, 0o711], ids=["not to be searched", "not to be listed"])
def test_a_folder_that_is_closed_is_told_and_not_passed_over(mode: int) -> None:
    # Not in tmp_path, which is closed to others.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        write(Path(folder), {"a.json": GOOD, "closed/b.json": GOOD})
        # As the folder's owner would be asked where the tests do not run as root.
        with of_mode(Path(folder, "closed"), mode if os.getuid() == 0 else mode & 0o477):
            ended = subprocess.run(
                [sys.executable, "-c", LIST_AS_NOBODY, folder],
                cwd=ROOT, capture_output=True, text=True, check=True,
            )  # fmt: skip
    assert f"cannot list {folder}: Permission denied ({folder}/closed/" in ended.stdout


# Writes, renames and removes files until its input ends.
CHURN = """
import os, select, sys
print("ready", flush=True)
number = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    name = number % 50
    os.makedirs(f"day{name}", exist_ok=True)
    open(f"new{name}.json", "w").close()
    open(f"day{name}/new.json", "w").close()
    os.rename(f"new{name}.json", f"done{name}.json")
    os.unlink(f"done{name}.json")
    os.unlink(f"day{name}/new.json")
    os.rmdir(f"day{name}")
    number += 1
"""


@pytest.mark.slow
def test_files_that_come_and_go_do_not_disturb_a_listing(tmp_path: Path) -> None:
    stay = {f"{number:03}.json" for number in range(300)}
    write(tmp_path, dict.fromkeys(stay, GOOD))
    with subprocess.Popen(
        [sys.executable, "-c", CHURN], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as churn:
        assert churn.stdin is not None
        assert churn.stdout is not None
        assert churn.stdout.readline() == "ready\n"
        for _ in range(30 * TIMES):
            assert stay <= set(names_below(tmp_path))
        churn.stdin.close()
    assert churn.returncode == 0


def test_two_dots_after_a_link_are_those_of_the_system(tmp_path: Path) -> None:
    write(tmp_path, {"real/inner/a.json": GOOD, "real/b.json": GOOD, "c.json": GOOD})
    (tmp_path / "link").symlink_to("real/inner")
    assert [file.url for file in list_files(f"{tmp_path}/link/..")] == [
        str(tmp_path / "real" / name) for name in ("b.json", "inner/a.json")
    ]
    assert [file.url for file in list_files(f"{tmp_path}/link/../b.json")] == [str(tmp_path / "real" / "b.json")]


def test_what_is_left_out_is_counted_by_kind_and_the_first_are_named(tmp_path: Path) -> None:
    others = ["B.CSV", "a.csv", "day/x.zip", "part-0", ".git/config", "_SUCCESS", "day/.b.json", "z.json.bak"]
    write(tmp_path, dict.fromkeys(["a.json", "day/b.JSONL", *others], b"{}\n"))
    (tmp_path / "later.json").symlink_to(tmp_path / "nowhere")
    listing = list_files(str(tmp_path))
    assert len(listing) == 2
    kinds = {".csv": 2, ".zip": 1, ".bak": 1, "no ending": 1, "hidden": 3, "dangling link": 1}
    first = [".git/", "B.CSV", "_SUCCESS", "a.csv", "day/.b.json"]
    assert listing.left_out == LeftOut(9, kinds, [f"{tmp_path}/{name}" for name in first])
    assert "9 left out (3 hidden, 2 .csv, " in str(listing.left_out)


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": GOOD})
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "link.json").symlink_to("pipe.json")
    (tmp_path / "null.json").symlink_to("/dev/null")
    # Its path may be too long for a socket.
    with contextlib.chdir(tmp_path), socket.socket(socket.AF_UNIX) as bound:
        bound.bind("s.json")
    listing = list_files(str(tmp_path))
    assert [Path(file.url).name for file in listing] == ["a.json"]
    assert listing.left_out.kinds == {"named pipe": 2, "device": 1, "socket": 1}
    for name, kind in {"pipe.json": "named pipe", "link.json": "named pipe", "null.json": "device"}.items():
        with pytest.raises(SourceError, match=f"is a {kind}, which is never opened"):
            list_files(str(tmp_path / name))


def test_a_file_that_a_pipe_replaces_after_the_listing_fails_alone(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": GOOD, "b.json": GOOD})
    files = list(enumerate(list_files(str(tmp_path))))
    (tmp_path / "a.json").unlink()
    os.mkfifo(tmp_path / "a.json")
    result = Read(list(read_bundles(files, bundle_bytes=1)))
    assert (result.errors[0] or "").endswith("it has changed since it was listed; the next load will take it")
    assert result.errors[1] is None


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["*"], ["a.json", "day/b", "day/c.log", "day/deep/d"]),
        (["day/*"], ["day/b", "day/c.log", "day/deep/d"]),
        (["*.log", "a.*"], ["a.json", "day/c.log"]),
        (["*/[bd]"], ["day/b", "day/deep/d"]),
        (["b"], []),
        (["*.LOG"], []),
    ],
)
def test_patterns_take_the_place_of_the_rule_about_endings(
    tmp_path: Path, patterns: list[str], names: list[str]
) -> None:
    write(tmp_path, dict.fromkeys(["a.json", "day/b", "day/c.log", "day/deep/d", "day/.e", "_f/g"], GOOD))
    listing = list_files(str(tmp_path), patterns=patterns)
    assert [os.path.relpath(file.url, tmp_path) for file in listing] == names
    # A file that is given by its name is read whatever that is.
    assert len(list_files(str(tmp_path / "day" / "b"), patterns=patterns)) == 1


def test_forbidden_folder_is_an_error_that_names_it() -> None:
    with folder_of_somebody() as folder:
        write(folder, {"a.json": GOOD, "secret/b.json": GOOD})
        with of_mode(folder / "secret", 0), as_somebody(), pytest.raises(SourceError, match="secret"):
            list_files(str(folder))


def test_first_load_that_cannot_list_all_leaves_no_warehouse() -> None:
    with folder_of_somebody() as folder:
        write(folder / "data", {"a.json": GOOD, "secret/b.json": GOOD})
        folder.chmod(0o777)
        config = Config(warehouse=str(folder / "new.duckdb"), log_data=str(folder / "data"))
        # Others may not read the modules.
        import_module("sparkify.warehouses.duckdb.session")
        with of_mode(folder / "data" / "secret", 0), as_somebody(), pytest.raises(SourceError, match="secret"):
            load(config)
        assert [path.name for path in folder.iterdir()] == ["data"]


# ---- bytes to lines ----


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"{}", [(1, b"{}\n")]),
        (b"{}\n", [(1, b"{}\n")]),
        (b"{}\r\nb\r", [(1, b"{}\r\n"), (2, b"b\r\n")]),
        (b"\n\n{}\n \r\n\nb", [(3, b"{}\n"), (6, b"b\n")]),
        (b"{}\na\rb\x0bc\xe2\x80\xa8d\x00\n", [(1, b"{}\n"), (2, b"a\rb\x0bc\xe2\x80\xa8d\x00\n")]),
        (BOM + b"{}\n", [(1, b"{}\n")]),
        (BOM + b"{}", [(1, b"{}\n")]),
        (BOM + b"\n{}", [(2, b"{}\n")]),
        (BOM + BOM + b"{}\n", [(1, BOM + b"{}\n")]),
        (b"{}\n" + BOM + b"{}\n", [(1, b"{}\n"), (2, BOM + b"{}\n")]),
        # The beginning of a mark only is normal text.
        (BOM[:1] + b"\n{}", [(1, BOM[:1] + b"\n"), (2, b"{}\n")]),
        (BOM[:2] + b"\n{}", [(1, BOM[:2] + b"\n"), (2, b"{}\n")]),
        # The first line that is not blank is broken, but another one is an object.
        (b"a\n\n" + BOM + b"{} ", [(1, b"a\n"), (3, BOM + b"{} \n")]),
        (b'{"a" 1}\n{}\n', [(1, b'{"a" 1}\n'), (2, b"{}\n")]),
        # An array alone on the first line, and no array on the next.
        (b"[1,2]\n\n{}\n[]\n", [(1, b"[1,2]\n"), (3, b"{}\n"), (4, b"[]\n")]),
    ],
)
@pytest.mark.parametrize("store", ["plain", "gz", "zst", "gz byte by byte", "zst byte by byte"])
def test_lines(tmp_path: Path, store: str, data: bytes, lines: list[tuple[int, bytes]]) -> None:
    # Each member and frame becomes its own block, byte by byte: so reads end at every possible place.
    single = [data[i : i + 1] for i in range(len(data))]
    stored = {
        "plain": data,
        "gz": compress_gz(data),
        "zst": compress_zst(data),
        "gz byte by byte": compress_gz(*single),
        "zst byte by byte": compress_zst(*single),
    }[store]
    name = {"p": "a.json", "g": "a.json.gz", "z": "a.json.zst"}[store[0]]
    result = read_one(tmp_path, name, stored)
    # Blank lines count, but need not be there.
    assert [line for line in result.lines if _has_text(line[2])] == [(1, number, line) for number, line in lines]
    shape: Shape = "lines" if data else "empty"
    assert result.finished == [FileRead(1, len(stored), f"sha256:{hashlib.sha256(stored).hexdigest()}", shape=shape)]


def test_lines_over_many_reads_of_a_plain_file(tmp_path: Path) -> None:
    # Longer than two reads, one line longer than a read, and reads that end within lines.
    parts = [b"{}", *(b"%d:%s" % (number, b"x" * (number % 997)) for number in range(9_000))]
    parts.insert(4_000, b"y" * (5 << 20))
    data = BOM + b"\r\n".join(parts)
    result = read_one(tmp_path, "a.json", data, bundle_bytes=1)
    assert len(result.bundles) > 2
    assert result.records(1) == list(reference.read_lines(data))


def test_blank_lines_that_are_reads_of_their_own_count(tmp_path: Path) -> None:
    # The beginning of a file is read as one; later each member is a read.
    blank = [b"\n", b" \r\n", BOM + b"\n", b" ", b"\n", b"\n\n"]
    parts = [b'{"a":1}\n' * (1 << 18), *blank, b'{"b":', b"\n", *blank, b"{}\n", *blank]
    result = read_one(tmp_path, "a.json.gz", compress_gz(*parts))
    assert result.records(1) == list(reference.read_lines(b"".join(parts)))


@pytest.mark.slow
def test_compressed_block_that_grows_a_thousandfold(tmp_path: Path) -> None:
    data = b"\n".join([b'{"a":"%s"}' % (b"x" * 50_000)] * 400)
    names = {form: tmp_path / f"a.{form}" for form in FORMS}
    write(tmp_path, {f"a.{form}": compress(data) for form, compress in FORMS.items()})
    result = read(names.values(), bundle_bytes=1 << 20)
    for source_id in range(1, len(FORMS) + 1):
        assert result.records(source_id) == list(reference.read_lines(data))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["gz", "zst", "bz2", "xz"])
def test_memory_is_bounded_whatever_a_file_unfolds_to(form: str) -> None:
    """A bomb: a gigabyte of spaces, in helpings of at most a megabyte or so."""
    name = {"gz": "gzip", "zst": "zstd", "bz2": "bzip2", "xz": "xz"}[form]
    stored = FORMS[form](b"{}" + b" " * (100 << 20))
    sizes = [len(block) for block in unpack(name, iter([stored]))]
    assert sum(sizes) == 2 + (100 << 20)
    assert max(sizes) <= 1 << 20


def test_zst_frame_without_a_size_and_skippable_frames(tmp_path: Path) -> None:
    # The first is a frame written by a stream; the second is a skippable frame, which some tools write between frames.
    compressor = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    frame = compressor.compress(GOOD) + compressor.flush()
    note = b"\x50\x2a\x4d\x18\x04\x00\x00\x00note"
    result = read_one(tmp_path, "a.json.zst", note + frame + note + frame + note)
    assert result.records(1) == list(reference.read_lines(GOOD * 2))


def test_empty_files_are_finished_without_lines(tmp_path: Path) -> None:
    files = {"a.json": b"", "b.json.gz": compress_gz(b""), "c.json.zst": compress_zst(b""), "d.json": BOM}
    write(tmp_path, files)
    result = read([tmp_path / name for name in files], bundle_bytes=1)
    assert result.lines == []
    assert set(result.errors.values()) == {None}


def test_no_files_no_bundles() -> None:
    assert list(read_bundles([], bundle_bytes=1)) == []


# ---- bundles ----


def test_small_files_share_a_bundle_and_ids_are_the_callers(tmp_path: Path) -> None:
    names = [f"{number}.json" for number in range(5)]
    write(tmp_path, {name: b'"%s"\n{}\n' % name.encode() for name in names})
    files = [(100 - number, source_file(tmp_path / name)) for number, name in enumerate(names)]
    (bundle,) = read_bundles(files, bundle_bytes=1 << 20)
    assert list(bundle.source_ids)[::2] == [100, 99, 98, 97, 96] == [end.source_id for end in bundle.finished]
    assert list(bundle.lines) == [1, 2] * 5


def test_first_bundle_of_a_group_is_small(tmp_path: Path) -> None:
    line = b'{"a":"%s"}\n' % (b"x" * 91)
    write(tmp_path, {"a.json": line * 90_000})
    file = [(1, source_file(tmp_path / "a.json"))]
    sizes = [len(bundle.data) for bundle in read_bundles(file, [(2, file[0][1])], bundle_bytes=4 << 20)]
    first = min(sizes)
    assert first <= 1 << 20
    assert sizes == [first, *sizes[1:3], first, *sizes[1:3]]
    assert sizes[1] > 3 << 20


def test_a_bundle_of_short_records_is_bounded_by_their_number(tmp_path: Path) -> None:
    line = b'{"ts":1}\n'
    write(tmp_path, {"a.json": line * 600_000})
    numbers = [len(bundle) for bundle in read([tmp_path / "a.json"], bundle_bytes=16 << 20).bundles]
    assert sum(numbers) == 600_000
    # At most one read more.
    assert max(numbers) < (1 << 17) + (1 << 20) / len(line) + 1


def test_bundles_stay_near_the_size_asked_for(tmp_path: Path) -> None:
    line = b'{"a":"%s"}\n' % (b"x" * 91)
    write(tmp_path, {"a.json.gz": compress_gz(*[line] * 100)})
    result = read([tmp_path / "a.json.gz"], bundle_bytes=1_000)
    # The last bundle only says that the file has ended.
    assert [len(bundle.data) for bundle in result.bundles] == [1_000] * 10 + [0]
    assert [number for _, number, _ in result.lines] == list(range(1, 101))


def test_a_file_is_finished_not_before_its_last_line(tmp_path: Path) -> None:
    write(tmp_path, {"a.json.gz": compress_gz(*[b"{}\n"] * 10), "b.json": b"{}\n"})
    result = read([tmp_path / "a.json.gz", tmp_path / "b.json"], bundle_bytes=1)
    done: set[int] = set()
    for bundle in result.bundles:
        assert not done & set(bundle.source_ids)
        done.update(end.source_id for end in bundle.finished)
    assert done == {1, 2}


CONTENT = st.lists(
    st.one_of(
        st.sampled_from(
            [b"\n", b"\r\n", b"\r", b"", BOM, BOM[:1], BOM[1:], b" ", b"\t\n", b'{"a":1}', b"\xff", b"\x00"]
        ),
        st.binary(max_size=12),
    ),
    max_size=12,
).map(lambda parts: b"".join([b"{}  \n", *parts]))


def _parts(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    ends = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[start:stop] for start, stop in pairwise(ends)]


FILES = st.lists(
    st.tuples(CONTENT, st.sampled_from(["json", "json.gz", "json.zst"]), st.lists(st.integers(0, 100), max_size=6)),
    max_size=6,
)


@pytest.mark.slow
@given(files=FILES, bundle_bytes=st.integers(1, 120))
@settings(deadline=None, max_examples=150 * TIMES)
def test_any_files_in_any_bundles_give_the_references_lines(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[bytes, str, list[int]]], bundle_bytes: int
) -> None:
    root = tmp_path_factory.mktemp("files")
    stores: dict[str, Callable[..., bytes]] = {"json.gz": compress_gz, "json.zst": compress_zst}
    stored = {
        f"{number}.{suffix}": stores[suffix](*_parts(data, cuts)) if suffix in stores else data
        for number, (data, suffix, cuts) in enumerate(files)
    }
    write(root, stored)
    result = read([root / name for name in stored], bundle_bytes=bundle_bytes, first_id=7)
    assert [source_id for source_id, _, _ in result.lines] == sorted(source_id for source_id, _, _ in result.lines)
    for source_id, (data, _, _) in enumerate(files, start=7):
        assert result.records(source_id) == list(reference.read_lines(data))
        numbers = [number for owner, number, _ in result.lines if owner == source_id]
        assert numbers == sorted(set(numbers))
    assert result.finished == [
        FileRead(source_id, len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")
        for source_id, data in enumerate(stored.values(), start=7)
    ]


# ---- fingerprints ----


@pytest.mark.parametrize(
    ("name", "stored"), [("a.json", GOOD), ("a.json.gz", compress_gz(GOOD)), ("a.json.zst", compress_zst(GOOD))]
)
def test_fingerprint_is_that_of_the_bytes_as_stored(tmp_path: Path, name: str, stored: bytes) -> None:
    (end,) = read_one(tmp_path, name, stored).finished
    assert end == FileRead(1, len(stored), f"sha256:{hashlib.sha256(stored).hexdigest()}")
    assert read_fingerprint(list_files(str(tmp_path))[0]) == end.fingerprint


def test_fingerprint_of_many_reads(tmp_path: Path) -> None:
    data = b"{}  \n" + bytes(range(256)) * (40 << 10)
    (end,) = read_one(tmp_path, "a.json", data).finished
    assert (end.size, end.fingerprint) == (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")
    assert read_fingerprint(source_file(tmp_path / "a.json")) == end.fingerprint


def test_fingerprint_of_a_vanished_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone\.json"):
        read_fingerprint(source_file(tmp_path / "gone.json"))


# ---- files that cannot be read fail alone ----


def _damaged(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("cut.json.gz", compress_gz(GOOD)[:-1]),
        ("cut.json.zst", compress_zst(GOOD)[:-1]),
        ("cut in a later member.json.gz", compress_gz(GOOD, GOOD)[:-9]),
        ("cut in a later frame.json.zst", compress_zst(GOOD, GOOD)[:-9]),
        ("cut in a later head.json.gz", compress_gz(GOOD) + compress_gz(GOOD)[:3]),
        ("cut in a later head.json.zst", compress_zst(GOOD) + compress_zst(GOOD)[:3]),
        ("damaged.json.gz", _damaged(compress_gz(GOOD))),
        ("damaged.json.zst", _damaged(compress_zst(GOOD))),
        ("trailing text.json.gz", compress_gz(GOOD) + b"trailing text"),
        ("trailing text.json.zst", compress_zst(GOOD) + b"trailing text"),
        ("cut.json.bz2", FORMS["bz2"](GOOD)[:-1]),
        ("cut.json.xz", FORMS["xz"](GOOD)[:-1]),
        ("damaged.json.bz2", _damaged(FORMS["bz2"](GOOD))),
        ("damaged.json.xz", _damaged(FORMS["xz"](GOOD))),
        ("trailing text.json.bz2", FORMS["bz2"](GOOD) + b"trailing text"),
        ("trailing text.json.xz", FORMS["xz"](GOOD) + b"trailing text"),
        ("other member.json.gz", compress_gz(GOOD) + FORMS["bz2"](GOOD)),
        ("twice.json.gz", compress_gz(compress_gz(GOOD))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("bundle_bytes", [1, 1 << 20])
def test_unreadable_content_fails_alone(tmp_path: Path, name: str, data: bytes, bundle_bytes: int) -> None:
    write(tmp_path, {"a.json": GOOD, name: data, "z.json.gz": compress_gz(GOOD)})
    result = read([tmp_path / "a.json", tmp_path / name, tmp_path / "z.json.gz"], bundle_bytes=bundle_bytes)
    assert str(tmp_path / name) in (result.errors[2] or "")
    assert (result.errors[1], result.errors[3]) == (None, None)
    assert result.records(1) == result.records(3) == list(reference.read_lines(GOOD))


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_compressed_file_cut_anywhere_is_never_a_short_file(tmp_path: Path, suffix: str) -> None:
    whole = compress_gz(GOOD) if suffix == "gz" else compress_zst(GOOD)
    paths = [tmp_path / f"{cut}.json.{suffix}" for cut in range(1, len(whole))]
    write(tmp_path, {path.name: whole[:cut] for cut, path in enumerate(paths, start=1)})
    result = read(paths)
    for source_id, path in enumerate(paths, start=1):
        assert str(path) in (result.errors[source_id] or "")


def test_vanished_file_and_folder_fail_alone(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": GOOD, "z.json": GOOD})
    (tmp_path / "folder.json").mkdir()
    result = read([tmp_path / name for name in ("a.json", "gone.json", "folder.json", "z.json")])
    assert [source_id for source_id, error in result.errors.items() if error] == [2, 3]
    for source_id, name in ((2, "gone.json"), (3, "folder.json")):
        assert str(tmp_path / name) in (result.errors[source_id] or "")
    assert result.records(1) == result.records(4) == list(reference.read_lines(GOOD))


def test_forbidden_file_fails_alone() -> None:
    with folder_of_somebody() as folder:
        write(folder, {"a.json": GOOD, "secret.json": GOOD, "z.json": GOOD})
        (folder / "secret.json").chmod(0)
        with as_somebody():
            result = Read(list(read_bundles(list(enumerate(list_files(str(folder)))), bundle_bytes=1)))
    assert [source_id for source_id, error in result.errors.items() if error] == [1]
    assert "secret.json" in (result.errors[1] or "")
    assert [source_id for source_id, _, _ in result.lines] == [0, 0, 2, 2]


# ---- files that change ----


def _rewrite(path: Path) -> None:
    """Other content of the same size, a second later."""
    before = path.stat().st_mtime_ns
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(before + 10**9, before + 10**9))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda path: path.write_bytes(GOOD + GOOD), id="grown"),
        pytest.param(lambda path: path.write_bytes(GOOD[:5]), id="shorter"),
        pytest.param(lambda path: path.write_bytes(b""), id="emptied"),
        pytest.param(_rewrite, id="rewritten"),
    ],
)
def test_file_that_changes_after_it_was_listed_fails_alone(tmp_path: Path, change: Callable[[Path], object]) -> None:
    write(tmp_path, {"a.json": GOOD, "b.json": GOOD, "c.json": GOOD})
    files = list(enumerate(list_files(str(tmp_path))))
    change(tmp_path / "b.json")
    result = Read(list(read_bundles(files, bundle_bytes=1 << 20)))
    said = f"cannot read {tmp_path / 'b.json'}: it has changed since it was listed; the next load will take it"
    assert result.errors == {0: None, 1: said, 2: None}
    assert result.records(0) == result.records(2) == list(reference.read_lines(GOOD))
    with pytest.raises(SourceError) as caught:
        read_fingerprint(files[1][1])
    assert str(caught.value) == said


def test_state_is_that_of_the_listing_if_the_file_still_has_it(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": GOOD, "b.json": GOOD, "c.json.gz": compress_gz(GOOD)})
    settle(tmp_path / "c.json.gz")
    files = list(enumerate(list_files(str(tmp_path))))
    (tmp_path / "b.json").chmod(0o600)
    result = Read(list(read_bundles(files, bundle_bytes=1 << 20)))
    assert result.errors == {0: None, 1: None, 2: None}
    assert result.states == {0: files[0][1].state, 1: None, 2: files[2][1].state}
    assert None not in (files[0][1].state, files[2][1].state)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["grown", "overwritten"])
def test_file_that_changes_while_it_is_read_fails_alone(tmp_path: Path, change: str) -> None:
    path = tmp_path / "b.json"
    # Much more than is read ahead.
    write(tmp_path, {"a.json": GOOD, "b.json": GOOD * (1 << 20), "c.json": GOOD})
    reading = read_bundles(list(enumerate(list_files(str(tmp_path)))), bundle_bytes=1 << 20)
    bundles = [next(reading), next(reading)]
    with path.open("r+b") as stream:
        stream.seek(0, os.SEEK_END if change == "grown" else os.SEEK_SET)
        stream.write(GOOD)
    result = Read([*bundles, *reading])
    assert [source_id for source_id, error in result.errors.items() if error] == [1]
    assert "it has changed since it was listed" in (result.errors[1] or "")
    assert result.records(0) == result.records(2) == list(reference.read_lines(GOOD))


@pytest.mark.slow
def test_file_that_is_replaced_while_it_is_read_is_read_as_it_was(tmp_path: Path) -> None:
    """A file moved over it is another file; the open one does not change."""
    write(tmp_path, {"b.json": GOOD * (1 << 20), "new": b"other\n"})
    reading = read_bundles(list(enumerate(list_files(str(tmp_path)))), bundle_bytes=1 << 20)
    first = next(reading)
    (tmp_path / "new").rename(tmp_path / "b.json")
    result = Read([first, *reading])
    assert result.errors == {0: None}
    assert len(result.lines) == 2 << 20


# ---- the reader's thread ----


def _reader_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "sparkify-reader"]


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_consumer_that_stops_early_leaves_no_thread(tmp_path: Path, taken: int) -> None:
    write(tmp_path, {"a.json.gz": compress_gz(*[GOOD] * 50)})
    bundles = read_bundles([(1, source_file(tmp_path / "a.json.gz"))], bundle_bytes=1)
    assert isinstance(bundles, Generator)
    for _ in range(taken):
        assert next(bundles).data.startswith(GOOD)
    bundles.close()
    assert _reader_threads() == []


def test_consumer_that_fails_leaves_no_thread(tmp_path: Path) -> None:
    write(tmp_path, {"a.json.gz": compress_gz(*[GOOD] * 50)})

    def consume() -> None:
        for bundle in read_bundles([(1, source_file(tmp_path / "a.json.gz"))], bundle_bytes=1):
            raise ZeroDivisionError(len(bundle))

    with pytest.raises(ZeroDivisionError):
        consume()
    assert _reader_threads() == []


def test_consumer_that_reads_all_leaves_no_thread(tmp_path: Path) -> None:
    assert read_one(tmp_path, "a.json", GOOD).records(1)
    assert _reader_threads() == []
