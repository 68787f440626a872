"""Where records begin and end: in objects one after another, in arrays, and in lines of several objects."""

import collections
import itertools
import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sparkify.sources.records import BROKEN, LONGEST_RECORD, NEED_MORE, Splitter, find_end
from tests.support import TIMES, objects_of

BOM = b"\xef\xbb\xbf"


def split(*blocks: bytes) -> list[bytes]:
    splitter = Splitter()
    records = [record for block in blocks for some in splitter.split(block) for record in some]
    records += itertools.chain.from_iterable(splitter.split(b"", last=True))
    assert splitter.count == len(records)
    return records


def exhaust(records: Iterable[list[bytes]]) -> None:
    collections.deque(records, maxlen=0)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


# ---- well-formed files ----


@pytest.mark.parametrize(
    ("data", "records"),
    [
        (b"", []),
        (b" \n\t\r\n", []),
        (b"[]", []),
        (b"[\n]\n[ ]", []),
        (b'{"a":1}{"b":2}', [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1} {"b":2}\n\n{"c":3}', [b'{"a":1}', b'{"b":2}', b'{"c":3}']),
        (b'{"a":1},{"b":2},\n{"c":3},', [b'{"a":1}', b'{"b":2}', b'{"c":3}']),
        (b'{\n  "a": 1\n}\n{\n  "b": 2\n}\n', [b'{\n  "a": 1\n}', b'{\n  "b": 2\n}']),
        (b'[{"a":1},{"b":2}]', [b'{"a":1}', b'{"b":2}']),
        (b'[\n  {\n    "a": 1\n  },\n  {\n    "b": 2\n  }\n]\n', [b'{\n    "a": 1\n  }', b'{\n    "b": 2\n  }']),
        (b'[{"a":1}]\n[{"b":2}]\n{"c":3}\n[]{"d":4}', [b'{"a":1}', b'{"b":2}', b'{"c":3}', b'{"d":4}']),
        (b'{"a":1}' + BOM + b'{"b":2}\n' + BOM + b"[" + BOM + b"{}]", [b'{"a":1}', b'{"b":2}', b"{}"]),
        # Elements that are no objects are records too; an array within an array is one.
        (b'[1, "two", null, [3, [4]], true, {"a":1}]', [b"1", b'"two"', b"null", b"[3, [4]]", b"true", b'{"a":1}']),
        (b"1 2\n3", [b"1", b"2", b"3"]),
        # Brackets and quotes within texts.
        (rb'{"a":"}{","b":"\"}","c":"\\"}{}', [rb'{"a":"}{","b":"\"}","c":"\\"}', b"{}"]),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_values_are_records_in_any_layout_and_any_blocks(data: bytes, records: list[bytes], size: int) -> None:
    assert split(*cut(data, size)) == records


@pytest.mark.parametrize(
    "record",
    [
        b'{"a":NaN}',
        b'{"a":-Infinity,"b":[NaN]}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff\xfe"}',
        b'{"a":"tab\tand\x00"}',
        b'{"a":01}',
        b'{"a":None}',
        b'{"a":1,}',
        b'{"a":[1,],}',
    ],
)
def test_a_record_that_is_no_json_condemns_no_other_if_its_end_can_be_found(record: bytes) -> None:
    assert split(b'{"b":1}' + record + b'{"c":1}') == [b'{"b":1}', record, b'{"c":1}']
    assert split(b'[{"b":1}, ' + record + b', {"c":1}]') == [b'{"b":1}', record, b'{"c":1}']


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 50, 20_000])
@pytest.mark.parametrize("size", [1_000, 1 << 20])
def test_any_depth(depth: int, size: int) -> None:
    arrays = b'{"a":' + b"[" * depth + b"]" * depth + b',"b":1}'
    objects = b'{"a":' * depth + b"1" + b"}" * depth
    mixed = b'[{"a": ' * depth + b'"x"' + b', "b" : 2 } , 3 ]' * depth
    data = b",".join([arrays, objects, b"{}", arrays])
    assert split(*cut(data, size)) == [arrays, objects, b"{}", arrays]
    assert split(*cut(b"[" + mixed + b"]", size)) == [mixed]


# ---- broken text ----


@pytest.mark.parametrize(
    ("data", "records"),
    [
        # It ends before the next line that begins with `{`.
        (b'{"a":1}\n{"b" 2}\n{"c":3}\n', [b'{"a":1}', b'{"b" 2}', b'{"c":3}']),
        (b'{"a":1}\ngarbage {"x":1}\nmore\n{"c":3}\n', [b'{"a":1}', b'garbage {"x":1}\nmore', b'{"c":3}']),
        (b'{"a":1}\n{"b":\n{"c":3}\n{"d":4}', [b'{"a":1}', b'{"b":', b'{"c":3}', b'{"d":4}']),
        (b'{"a":1\n{"b":2}\n', [b'{"a":1', b'{"b":2}']),
        # A missing quote does not swallow what follows.
        (b'{"a":1,"b":"x}\n{"b":2}\n', [b'{"a":1,"b":"x}', b'{"b":2}']),
        # Or at the end of the file.
        (b'{"a":1}\n{"b":2', [b'{"a":1}', b'{"b":2']),
        (b'{"a":1}\n{"b":"x', [b'{"a":1}', b'{"b":"x']),
        (b'{"a":1}}', [b'{"a":1}', b"}"]),
        # Not before a line that is indented deeper than the first record.
        (
            b'[\n  {\n    "a": [\n      {"x": 1}\n    ],\n    "b" 2\n  },\n  {\n    "c": 3\n  }\n]\n',
            [b'{\n    "a": [\n      {"x": 1}\n    ],\n    "b" 2\n  }', b'{\n    "c": 3\n  }'],
        ),
        (b'[{"a" 1,\n "b":2},\n {"c":3}]', [b'{"a" 1,\n "b":2}', b'{"c":3}']),
        (b'[\n]\n[\n  {"a" 1},\n  {"b":2}\n]', [b'{"a" 1}', b'{"b":2}']),
        # A piece of an object is one record, not one for each text in it.
        (b'{"a":1}\n"b": 2,\n"c": 3\n}\n{"d":4}', [b'{"a":1}', b'"b": 2,\n"c": 3\n}', b'{"d":4}']),
        (b'{"a":1}\n1x\n{"d":4}', [b'{"a":1}', b"1x", b'{"d":4}']),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_broken_text_is_one_record(data: bytes, records: list[bytes], size: int) -> None:
    assert split(*cut(data, size)) == records


def test_whether_an_array_is_still_open_is_known() -> None:
    for data, in_array in {b'[{"a":1},': True, b'[{"a":1}': True, b"[{}]": False, b"{}": False, b"[{}][": True}.items():
        splitter = Splitter()
        exhaust(splitter.split(data))
        exhaust(splitter.split(b"", last=True))
        assert splitter.in_array == in_array


def test_records_that_were_waited_for_come_in_lists_of_bounded_length() -> None:
    # Only the last byte shows that the array has no end.
    data = b'{"a":[' + b"\n{}," * 300_000 + b"}"
    lists = [*Splitter().split(data)]
    assert sum(map(len, lists)) == 300_001
    assert max(map(len, lists)) < 100_000


# ---- long records ----


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "start", "filling"),
    [
        (b'{"a":1}\n', b'{"b":"', b"x"),
        (b"[{},", b'{"b":[1', b", 1"),
        (b"{}", b"garbage", b" \n"),
    ],
)
def test_record_of_more_than_16_mib_is_refused_by_its_number(before: bytes, start: bytes, filling: bytes) -> None:
    splitter = Splitter()
    exhaust(splitter.split(before + start))
    block = filling * ((1 << 20) // len(filling))
    with pytest.raises(ValueError, match="record 2 is longer than 16 MiB"):
        exhaust(itertools.chain.from_iterable(map(splitter.split, [block] * 40)))


@pytest.mark.slow
def test_record_of_16_mib_is_the_longest() -> None:
    longest = b'{"a":"' + b"x" * (LONGEST_RECORD - 8) + b'"}'
    assert split(*cut(b"[" + longest + b",{}]", 1 << 20)) == [longest, b"{}"]
    with pytest.raises(ValueError, match="record 1 is longer"):
        split(*cut(b"[" + longest.replace(b'"a"', b'"ab"') + b",{}]", 1 << 20))


# ---- lines of several objects ----


@pytest.mark.parametrize(
    ("line", "objects"),
    [
        (b'{"a":1}{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
        (b' , {"a":1} , {"b":{"c":[1]}} ,\r\n', [b'{"a":1}', b'{"b":{"c":[1]}}']),
        (BOM + b'{"a":1}' + BOM + b"{}", [b'{"a":1}', b"{}"]),
        (b'{"a":1},', [b'{"a":1}']),
        (b'{"a":NaN}{"b":2}', [b'{"a":NaN}', b'{"b":2}']),
        (b"", None),
        (b" \n", None),
        (b'{"a":1}x', None),
        (b'{"a":1}{"b":', None),
        (b'{"a":1}[]', None),
        (b'{"a":1}2', None),
        (b'[{"a":1}]', None),
    ],
)
def test_objects_of_a_line(line: bytes, objects: list[bytes] | None) -> None:
    assert objects_of(line) == (objects or [])


# ---- properties ----

_texts = st.text(st.sampled_from('ab{}[],:"\\\n\t é\ufeff\U0001f600\0'), max_size=8)
_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_texts, inner, max_size=4)),
    max_leaves=25,
)
_objects = st.lists(st.dictionaries(_texts, _values, max_size=5), max_size=8)


def _indented(objects: Sequence[Any]) -> str:
    return "\n".join(json.dumps(item, indent=1) for item in objects)


LAYOUTS: dict[str, Callable[[Sequence[Any]], str]] = {
    "joined": lambda objects: "".join(map(json.dumps, objects)),
    "joined by commas": lambda objects: ",\n".join(json.dumps(item, ensure_ascii=False) for item in objects),
    "indented": _indented,
    "array": json.dumps,
    "indented array": lambda objects: json.dumps(objects, indent="\t", ensure_ascii=False),
    "narrow array": lambda objects: json.dumps(objects, separators=(",", ":")),
    "array a record": lambda objects: "\n".join(json.dumps([item]) for item in objects),
}


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
@given(objects=_objects, cuts=st.lists(st.integers(0, 300), max_size=6))
@settings(deadline=None, max_examples=40 * TIMES)
def test_any_objects_in_any_layout_and_blocks_are_the_records(layout: str, objects: list[Any], cuts: list[int]) -> None:
    data = LAYOUTS[layout](objects).encode()
    ends = sorted({0, len(data), *(min(place, len(data)) for place in cuts)})
    records = split(*(data[start:end] for start, end in itertools.pairwise(ends)))
    # Written again, because NaN is not equal to itself.
    assert [json.dumps(json.loads(record)) for record in records] == [json.dumps(item) for item in objects]


@pytest.mark.slow
@given(objects=_objects)
@settings(deadline=None, max_examples=60 * TIMES)
def test_the_end_of_a_value_is_found_where_json_finds_it(objects: list[Any]) -> None:
    data = json.dumps(objects).encode()
    assert find_end(data + b" ,x", 0) == len(data)
    for end in range(1, len(data)):
        assert find_end(data[:end], 0) == NEED_MORE
    line = json.dumps(objects)[1:-1].encode()
    assert [json.dumps(json.loads(item)) for item in objects_of(line)] == [json.dumps(item) for item in objects]


_pieces = st.lists(
    st.sampled_from(
        [
            *b'{}[],:"\\\n \tx1-',
            b'{"a":',
            b'{"a":1}',
            b'"a"',
            b'"a":1',
            b"\n{",
            b"\n  {",
            b"NaN",
            BOM,
            BOM[:1],
            b"\xff",
            b"\0",
        ]
    ).map(lambda piece: bytes([piece]) if isinstance(piece, int) else piece),
    max_size=40,
).map(b"".join)


@pytest.mark.slow
@given(data=_pieces, size=st.integers(1, 50))
@example(data=BOM + BOM[:1], size=1)
@settings(deadline=None, max_examples=200 * TIMES)
def test_any_bytes_in_any_blocks_give_the_same_records_and_nothing_is_lost(data: bytes, size: int) -> None:
    records = split(data)
    assert split(*cut(data, size)) == records
    # What stands between the records are separators, brackets of arrays and byte-order marks.
    between = rb"(?:\xef\xbb\xbf|[ \t\r\n,\[\]])*"
    assert re.fullmatch(between + b"".join(re.escape(record) + between for record in records), data)


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [b"[", b"]", b"{", b'{"a":', b'{"a":\n', b'{"a":[', b"[]", b'{"', b'\\"', b'\n{"a" 1', b",", b"x\n", b"\n[{"],
)
def test_hostile_files_take_linear_time(piece: bytes) -> None:
    seconds = []
    for count in (4_000, 32_000):
        data = piece * count
        started = time.process_time()
        split(*cut(data, 1 << 16))
        seconds.append(time.process_time() - started)
    # Quadratic would be 64 times, and this of much more than a moment.
    assert seconds[1] < max(1.0, 24 * seconds[0])


def test_a_broken_value_is_told_from_one_that_goes_on() -> None:
    for data in (
        b'{"a":1',
        b'{"a',
        b'{"a"',
        b'{"a":',
        b'{"a":1,',
        b'{"a":[{"b":1}',
        b'{"a":"\\',
        b"[",
        b"[1",
        b"[1,",
        b'["',
    ):
        assert find_end(data, 0) == NEED_MORE
    for data in (
        b'{"a" 1',
        b"{a",
        b'{"a":1]',
        b"[1}",
        b'{"a":1 2',
        b'{"a":{"b" 1',
        b'["\n',
        b"[:",
        b'{"a"}',
        b'{"a":}',
        b"{,",
    ):
        assert find_end(data, 0) == BROKEN
