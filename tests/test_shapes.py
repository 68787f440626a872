"""The shape and the kind of a file are told by its content, and what loads from any shape is the same."""

import bz2
import gzip
import io
import itertools
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkify.sources.bundles import FileRead, read_bundles
from sparkify.sources.listing import list_files
from sparkify.sources.records import LONGEST_RECORD
from sparkify.sources.shape import read_head
from tests import reference
from tests.support import TIMES

BOM = b"\xef\xbb\xbf"
Record = tuple[int, bytes]


def read(path: Path, *, bundle_bytes: int = 1 << 20) -> tuple[list[Record], FileRead]:
    """The records of a file with their numbers, and how reading it ended."""
    records, ends = [], []
    for bundle in read_bundles([(1, list_files(str(path))[0])], bundle_bytes=bundle_bytes):
        assert (bundle.ends[0], bundle.ends[-1]) == (0, len(bundle.data))
        texts = [bytes(bundle.data[start:end]) for start, end in itertools.pairwise(bundle.ends)]
        assert all(text.endswith(b"\n") for text in texts)
        records += [(number, text[:-1]) for number, text in zip(bundle.lines, texts, strict=True)]
        ends += bundle.finished
    (end,) = ends
    return records, end


def read_data(folder: Path, data: bytes, name: str = "a.json") -> tuple[list[Record], FileRead]:
    (folder / name).write_bytes(data)
    return read(folder / name)


# ---- the shape ----

ONE = b'{"a":{"b":1}}'


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        (b"", "empty"),
        (b" \r\n\n\t", "empty"),
        (BOM, "empty"),
        (ONE, "lines"),
        (ONE + b"\n" + ONE, "lines"),
        (b"\n \n" + ONE + b" \r\n{\n", "lines"),
        (b'{"a":NaN}\n' + ONE, "lines"),
        (b"42\n" + ONE, "lines"),
        # Values that end elsewhere than their line.
        (ONE + ONE, "objects"),
        (ONE + b", \n" + ONE, "objects"),
        (b'{\n"a": 1}', "objects"),
        (b'{"a":1,\n"b":2}\n' + ONE, "objects"),
        (b'{"a": [\n  {"x":1}\n]}', "objects"),
        # Broken: an object by itself among the first lines tells.
        (b'{"a" 1}\n' + ONE, "lines"),
        (b'{"a":1} and more\n' + ONE, "lines"),
        (b"text\n" * 999 + ONE, "lines"),
        (b'{"a" 1}\n' * 999 + ONE, "lines"),
        (b'{"a" 1}\n' * 1000 + ONE, "objects"),
        (b'{"a" 1,\n"b":2}', "objects"),
        (b'{"a":1', "objects"),
        (b'{"a":"x\n' + ONE + b"\n{", "lines"),
        # Arrays.
        (b"[]", "array"),
        (b"[" + ONE + b"]", "array"),
        (b"[\n" + ONE + b"\n]", "array"),
        (b"[" + ONE + b"]\n\n[" + ONE + b"]\n", "array"),
        (b"[" + ONE + b"] x\n" + ONE, "array"),
        (b"[broken\n" + ONE, "array"),
        (b"[" + ONE + b"]\n" + ONE + b"\n", "lines"),
        (b"[1,2]\n\n{}\n[3]\n", "lines"),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_shape(data: bytes, shape: str, size: int) -> None:
    blocks = [data[start : start + size] for start in range(0, len(data), size)]
    # The byte-order mark at the beginning of a file is taken off before.
    assert read_head(iter(blocks or [b""])).shape == shape


def test_many_blank_lines_first_are_passed_over_and_counted(tmp_path: Path) -> None:
    records, end = read_data(tmp_path, b" \n" * (1 << 20) + ONE + b"\n" + ONE)
    assert [(number, text) for number, text in records if text.strip()] == [(1 + (1 << 20), ONE), (2 + (1 << 20), ONE)]
    assert end.shape == "lines"


_lines = st.lists(st.sampled_from([b"", b" \t", b"\r", BOM, BOM + b" \r", ONE, b" " + ONE, b"\x0c", b"\xbf", b"1"]))


@given(lines=_lines, cuts=st.lists(st.integers(0, 200), max_size=4), times=st.sampled_from([1, 40_000]))
@settings(deadline=None, max_examples=30 * TIMES)
def test_blank_lines_are_left_out_and_counted(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], cuts: list[int], times: int
) -> None:
    # Members of a compressed file are blocks of their own: so a line may be cut anywhere.
    data = b"\n".join([ONE, *lines * times])
    places = sorted({0, len(data), *(min(place, len(data)) for place in cuts)})
    members = b"".join(gzip.compress(data[start:end], 1) for start, end in itertools.pairwise(places))
    records, _ = read_data(tmp_path_factory.mktemp("blank"), members)
    assert [
        (number, text.removesuffix(b"\r")) for number, text in records if text.replace(BOM, b"").strip(b" \t\r\n")
    ] == [*reference.read_lines(data)]


def test_floods_of_blank_lines_never_reach_the_engine(tmp_path: Path) -> None:
    for blank in (b"\n", b" \t\r\n", BOM + b"\n"):
        records, _ = read_data(tmp_path, ONE + b"\n" + blank * 1_000_000 + (ONE + b"\n" + blank * 9) * 9)
        assert [text for _, text in records if text.replace(BOM, b"").strip()] == [ONE] * 10
        # A blank line that is cut by the end of a block may be left.
        assert len(records) < 30


@pytest.mark.parametrize("between", [b"", b"\n", b","])
def test_a_bundle_is_bounded_by_its_records(tmp_path: Path, between: bytes) -> None:
    (tmp_path / "a.json").write_bytes(b"{}" + (between + b"{}") * 999_999)
    sizes = [len(bundle) for bundle in read_bundles([(1, list_files(str(tmp_path))[0])], bundle_bytes=8 << 20)]
    assert sum(sizes) == 1_000_000
    assert max(sizes) < 600_000


def test_records_of_objects_and_arrays_are_numbered(tmp_path: Path) -> None:
    texts = ['{\n  "a": 1\n}', '{\n  "b": 2\n}', "3"]
    for shape, data in {"objects": "\n\n".join(texts), "array": f"[{', '.join(texts)}]\n"}.items():
        records, end = read_data(tmp_path, data.encode())
        assert records == [(number, text.encode()) for number, text in enumerate(texts, 1)]
        assert (end.shape, end.notes, end.error) == (shape, (), None)


def test_an_array_that_is_not_closed_loads_what_it_has_and_is_told(tmp_path: Path) -> None:
    records, end = read_data(tmp_path, b'[{"a":1},\n{"b":2},\n{"c":')
    assert [text for _, text in records] == [b'{"a":1}', b'{"b":2}', b'{"c":']
    assert end.notes == (f"{tmp_path / 'a.json'}: its array is not closed at the end; was the file cut off?",)
    assert end.error is None


_texts = st.text(st.sampled_from('a{}[],:"\\\n é\ufeff\0'), max_size=6)
_values = st.recursive(
    st.one_of(st.none(), st.integers(), st.floats(allow_nan=False), _texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_texts, inner, max_size=3)),
    max_leaves=12,
)
WRITERS: dict[str, Callable[[Sequence[Any]], str]] = {
    "lines": lambda items: "\n".join(map(json.dumps, items)),
    "crlf": lambda items: "".join(f"{json.dumps(item)}\r\n\r\n" for item in items),
    "joined": lambda items: "".join(map(json.dumps, items)),
    "indented": lambda items: "\n".join(json.dumps(item, indent=3, ensure_ascii=False) for item in items),
    "array": json.dumps,
    "indented array": lambda items: json.dumps(items, indent=2),
    "array a line": lambda items: "\n".join(json.dumps([item]) for item in items),
}
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "gzip members": lambda data: b"".join(gzip.compress(data[i : i + 50]) for i in range(0, len(data), 50)),
    "padded gzip": lambda data: gzip.compress(data) + bytes(512),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.compress,
    "after zeros": lambda data: bytes(4096) + data,
}


@pytest.mark.slow
@given(
    items=st.lists(st.dictionaries(_texts, _values, min_size=1, max_size=4), max_size=12),
    writer=st.sampled_from(list(WRITERS)),
    packer=st.sampled_from(list(PACKERS)),
    bundle_bytes=st.integers(1, 500),
    # The ending says nothing.
    ending=st.sampled_from(["json", "json.gz", "JSONL", "ndjson.zst"]),
)
@settings(deadline=None, max_examples=300 * TIMES)
def test_the_same_records_in_any_shape_and_compression_are_read_alike(
    tmp_path_factory: pytest.TempPathFactory,
    items: list[Any],
    writer: str,
    packer: str,
    bundle_bytes: int,
    ending: str,
) -> None:
    path = tmp_path_factory.mktemp("files") / f"a.{ending}"
    path.write_bytes(PACKERS[packer](WRITERS[writer](items).encode()))
    records, end = read(path, bundle_bytes=bundle_bytes)
    assert end.error is None
    assert [json.loads(text) for _, text in records if text.strip()] == items


# ---- long lines and records ----


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "filling", "place"),
    [
        (b"", b"x", "line 1"),
        (b'{"a":"', b"x", "line 1"),
        (b'\n\n{"a":"', b"x", "line 3"),
        (b"{}\n\n[", b"1,", "line 3"),
        (b'{"a":\n"', b"x", "record 1"),
        (b'[{"a":1},{"a":"', b"x", "record 2"),
        (b'{"a":1}{"a":2}{"a":"', b"x", "record 3"),
        (b"   ", b" ", "line 1"),
    ],
)
def test_a_line_or_record_of_more_than_16_mib_fails_its_file_alone(
    tmp_path: Path, start: bytes, filling: bytes, place: str
) -> None:
    (tmp_path / "a.json").write_bytes(ONE)
    with gzip.open(tmp_path / "b.json", "wb", compresslevel=1) as stream:
        stream.write(start)
        for _ in range(40):
            stream.write(filling * ((1 << 20) // len(filling)))
    (tmp_path / "c.json").write_bytes(ONE)
    files = list(enumerate(list_files(str(tmp_path))))
    ends = [end for bundle in read_bundles(files, bundle_bytes=1 << 20) for end in bundle.finished]
    assert (ends[0].error, ends[2].error) == (None, None)
    said = f"{place} is longer than 16 MiB" if place != "line 1" or filling != b"x" or start else "none of its first"
    assert said in (ends[1].error or "")


def test_a_line_of_16_mib_is_the_longest(tmp_path: Path) -> None:
    longest = b'{"a":"' + b"x" * (LONGEST_RECORD - 8) + b'"}'
    records, end = read_data(tmp_path, ONE + b"\n" + longest + b"\n" + ONE)
    assert end.error is None
    assert [len(text) for _, text in records] == [len(ONE), LONGEST_RECORD, len(ONE)]
    assert "line 1 is longer" in (read_data(tmp_path, longest.replace(b"x", b"xx", 1))[1].error or "")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b'{}\n\n{"a":"%s"}\n{}', "line 3 is longer than 2 MiB, the most with this memory limit; raise --memory-limit"),
        (b'[{},{"a":"%s"}]', "record 2 is longer than 2 MiB, the most with this memory limit; raise --memory-limit"),
    ],
)
def test_the_longest_may_be_less(tmp_path: Path, data: bytes, error: str) -> None:
    (tmp_path / "a.json").write_bytes(data % (b"x" * (3 << 20)))
    file = [(1, list_files(str(tmp_path))[0])]
    ends = [end for bundle in read_bundles(file, bundle_bytes=8 << 20, longest=2 << 20) for end in bundle.finished]
    assert (ends[0].error or "").endswith(error)


def test_a_bundle_tells_whether_it_has_long_records(tmp_path: Path) -> None:
    long = b'{"a":"' + b"x" * (2 << 20) + b'"}'
    short = b"\n".join([b'{"a":"' + b"x" * 900_000 + b'"}'] * 4)
    for data in (short, short + b"\n" + long, long + b"\n" + short, b"[" + long + b"]"):
        (tmp_path / "a.json").write_bytes(data)
        file = [(1, list_files(str(tmp_path))[0])]
        bundles = list(read_bundles(file, bundle_bytes=1 << 20))
        for bundle in bundles:
            sizes = [end - start for start, end in itertools.pairwise(bundle.ends)]
            assert bundle.has_long == (max(sizes, default=0) > 1 << 20)
        assert sum(bundle.has_long for bundle in bundles) == (data != short)


@pytest.mark.slow
def test_one_line_of_many_objects_may_be_as_long_as_it_likes(tmp_path: Path) -> None:
    count = 20_000_000 // len(ONE)
    for data in (ONE * count, b"[" + b",".join([ONE] * count) + b"]"):
        records, end = read_data(tmp_path, data)
        assert (len(records), end.error) == (count, None)


# ---- files of another kind ----


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.json", ONE)
    return packed.getvalue()


def _tar() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("[logs]/a.json")
        member.size = len(ONE)
        archive.addfile(member, io.BytesIO(ONE))
    return packed.getvalue()


OTHERS: dict[str, tuple[bytes, str]] = {
    "web page": (b"\n<!doctype html>\n<html><body>{}</body></html>", "web page"),
    "web page after a mark": (BOM + b"  <HTML>", "web page"),
    "answer of a store": (b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code></Error>", "XML"),
    "LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
    "CSV": (b"artist,page,ts\nA,NextSong,1\n", "CSV"),
    "tabs": (b"artist\tpage\tts\nA\tNextSong\t1\n", "CSV"),
    "UTF-16": (ONE.decode().encode("utf-16"), "UTF-16"),
    "UTF-16, no mark": (ONE.decode().encode("utf-16-be"), "UTF-16"),
    "UTF-32": (ONE.decode().encode("utf-32"), "UTF-32"),
    "UTF-32, no mark": (ONE.decode().encode("utf-32-be"), "UTF-32"),
    "zip": (_zip(), "zip"),
    "tar": (_tar(), "tar"),
    "tar, compressed": (gzip.compress(_tar()), "tar"),
    "Parquet": (b"PAR1\x15\x04" + bytes(50), "Parquet"),
    "Avro": (b"Obj\x01\x04\x14avro.codec", "Avro"),
    "SQLite": (b"SQLite format 3\0" + bytes(50), "SQLite"),
    "PDF": (b"%PDF-1.7\n", "PDF"),
    "compressed twice": (gzip.compress(bz2.compress(ONE)), "twice"),
    "a log with objects": (b"Nov 21 host app: " + ONE, "remove what stands before each {"),
    "text": (b"Dear diary,\nit is {late}.\n", "none of its first 1,000 lines is a JSON object"),
    "an object too late": (b"text\n" * 1000 + ONE, "none of its first 1,000 lines"),
    "binary": (b"\x7fELF\x02\x01\x01\0", "binary"),
    "NUL": (b'{"\0":1}', "binary"),
    "a few zeros": (bytes(3) + ONE, "UTF-32"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_file_of_another_kind_fails_alone_and_is_told_for_what_it_is(tmp_path: Path, kind: str) -> None:
    data, word = OTHERS[kind]
    records, end = read_data(tmp_path, data)
    assert records == []
    assert word in (end.error or "")
    assert (end.error or "").startswith(f"cannot read {tmp_path / 'a.json'}: it looks like ")


# ---- beginnings and compression ----


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("count", [4, 5, 4096, 3 << 20])
def test_zero_bytes_at_the_beginning_are_passed_over_and_told(
    tmp_path: Path, pack: Callable[[bytes], bytes], count: int
) -> None:
    records, end = read_data(tmp_path, pack(bytes(count) + BOM + ONE + b"\n{}\n"))
    assert records == [(1, ONE), (2, b"{}")]
    (note,) = end.notes
    assert note.startswith(f"{tmp_path / 'a.json'}: {count:,} zero bytes")


def test_a_file_of_zeros_is_empty(tmp_path: Path) -> None:
    records, end = read_data(tmp_path, bytes(100))
    assert (records, end.shape, len(end.notes)) == ([], "empty", 1)


@pytest.mark.parametrize("name", ["a.json", "a.json.gz", "a.json.zst", "a.json.bz2", "a.json.xz"])
@pytest.mark.parametrize("packer", ["plain", "gzip", "padded gzip", "bzip2", "xz", "zstd"])
def test_compression_is_told_by_the_first_bytes(tmp_path: Path, name: str, packer: str) -> None:
    records, end = read_data(tmp_path, PACKERS[packer](ONE + b"\n{}\n"), name)
    assert (records, end.error) == ([(1, ONE), (2, b"{}")], None)


def test_bytes_after_the_end_of_compressed_data_are_told_with_their_place(tmp_path: Path) -> None:
    packed = gzip.compress(ONE)
    for padding in (b"", bytes(100)):
        data = packed + gzip.compress(ONE) + padding + b"more"
        error = read_data(tmp_path, data)[1].error or ""
        assert "after the end of its gzip data" in error
        assert f"byte {len(data) - 4:,}," in error
