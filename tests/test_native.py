"""The quick way in Rust compared with the reference: what it takes is right, and it takes all everyday lines.

tests/test_validation.py runs the whole validator with the library and without it.
"""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from msgspec import structs

import sparkify
from sparkify.console import print_load
from sparkify.datasets import Dataset, Key
from sparkify.errors import ConfigError
from sparkify.inspection.doctor import list_findings
from sparkify.settings import Config, load_config
from sparkify.sources.bundles import Bundle
from sparkify.validation import native
from sparkify.validation.arrow import Table, registered
from sparkify.validation.fields import FIELDS, OTHER
from sparkify.validation.keys import NO_KEYS, Keys
from sparkify.validation.rules import RULES, FieldRule, LineRule, Rule
from tests import reference
from tests.bad_records import event, song
from tests.support import TIMES, log_file, play, read_star, write_file
from tests.test_validation import (
    CORPUS,
    DATASETS,
    GOOD,
    KEYS,
    ODD_BYTES,
    ODD_VALUES,
    RULE_CASES,
    SHORT,
    bundles_of,
    contents,
    judge_bundles,
    list_outcomes,
)

# How long `make fuzz` tries mutated lines; without it, so many batches of them.
_SECONDS = float(os.environ.get("SPARKIFY_FUZZ_SECONDS", "0"))
_BATCHES = 4 * TIMES
_LINES_PER_BATCH = 1_000

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def library() -> native.Library:
    if not native.FILE.exists():
        pytest.skip("the native library is not built; `make native` builds it")
    found = native.find()
    assert found is not None, native.describe()
    return found


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


Taken = dict[int, str]


def take(
    connection: duckdb.DuckDBPyConnection, judge: native.Judge, lines: Sequence[bytes]
) -> tuple[Taken, native.Quick]:
    """The rows of the lines that the library takes, as text, by line number; and what it says of the others."""
    ends = array("i", accumulate((len(line) + 1 for line in lines), initial=0))
    count = len(lines)
    data = b"".join(line + b"\n" for line in lines)
    quick = judge.judge(Bundle(data, ends, array("i", [1]) * count, array("i", range(1, count + 1))))
    if quick.batch is None:
        return {}, quick
    names = [*reference.FIELDS[judge.dataset], "other"]
    with registered(connection, "quick", Table(judge.schema, [quick.batch])):
        columns = ", ".join(f'"{name}"' for name in names)
        rows = connection.execute(f"SELECT line, {columns} FROM quick").fetchall()
    return {line: repr(dict(zip(names, values, strict=True))) for line, *values in rows}, quick


def check(
    connection: duckdb.DuckDBPyConnection, judge: native.Judge, lines: Sequence[bytes], keys: Keys = NO_KEYS
) -> None:
    """Each line is either left as it is, or taken with the reference's row."""
    taken, quick = take(connection, judge, lines)
    wrong = []
    for number, row in taken.items():
        wanted = reference.classify(judge.dataset, lines[number - 1].removesuffix(b"\r"), dict(keys))
        if repr(wanted) != row:
            wrong.append((lines[number - 1], row, wanted))
    assert wrong == []
    left = {number: lines[number - 1] + b"\n" for number in range(1, len(lines) + 1) if number not in taken}
    doubts = quick.doubts
    places = zip(doubts.ends, doubts.ends[1:], strict=False)
    assert dict(zip(doubts.lines, (bytes(doubts.data[start:end]) for start, end in places), strict=True)) == left
    assert set(doubts.source_ids) <= {1}
    assert quick.lines == ({1: len(lines)} if lines else {})


# ---- right ----


@pytest.mark.parametrize("dataset", DATASETS)
def test_what_is_taken_of_the_corpus_is_as_by_the_reference(
    connection: duckdb.DuckDBPyConnection, library: native.Library, dataset: Dataset
) -> None:
    for keys in KEYS[dataset]:
        for own in DATASETS:
            check(connection, native.Judge(library, dataset, keys=keys), [one.line for one in CORPUS[own]], keys)


@pytest.mark.parametrize(("rule", "dataset"), RULE_CASES)
def test_a_rule_is_applied_where_it_is_handed_over(
    connection: duckdb.DuckDBPyConnection, library: native.Library, dataset: Dataset, rule: Rule
) -> None:
    codes = [rule.code, *(f"{rule.code}:{field.name}" for field in (*FIELDS[dataset], OTHER))]
    lines = [record.line for record in CORPUS[dataset] if record.reason in codes]
    taken, _ = take(connection, native.Judge(library, dataset, rules=[rule]), [GOOD[dataset], *lines])
    assert [*taken] == [1]
    # Ranges, lengths and required fields are nowhere in the library, but a column of 32 bits has its own range.
    if rule.code in ("too_long", "missing") or (rule.code, dataset) == ("out_of_range", "events"):
        others = [other for other in RULES if other != rule]
        short = [line for line in lines if len(line) < 5_000]
        taken, _ = take(connection, native.Judge(library, dataset, rules=others), short)
        assert taken


def test_a_rule_that_it_does_not_know_makes_every_line_a_doubt(
    connection: duckdb.DuckDBPyConnection, library: native.Library
) -> None:
    """A new rule: native/src/spec.rs has to learn it, or all lines are judged by SQL."""
    (missing,) = (rule for rule in RULES if rule.code == "missing")
    (too_long,) = (rule for rule in RULES if rule.code == "too_long")
    assert isinstance(missing, FieldRule)
    assert isinstance(too_long, FieldRule)
    strange: list[Rule] = [
        LineRule("too_odd", "it is odd", broken="FALSE", doubtful="FALSE"),
        replace(missing, code="lacking"),
        replace(missing, figures=lambda field: ("on Sundays",)),
        replace(missing, figures=lambda field: ()),
        replace(too_long, figures=lambda field: ("many",)),
        replace(too_long, concerns=lambda field: field.kind == "whole"),
    ]
    for dataset in DATASETS:
        for rule in strange:
            rules = [*(known for known in RULES if known.code != rule.code), rule]
            assert take(connection, native.Judge(library, dataset, rules=rules), [GOOD[dataset]])[0] == {}, rule
        assert [*take(connection, native.Judge(library, dataset), [GOOD[dataset]])[0]] == [1]


@pytest.mark.parametrize(
    ("keys", "is_taken"),
    [
        ({"level": Key(constant="paid")}, True),
        ({"status": Key(constant="200.0")}, True),
        ({"length": Key(constant="")}, True),
        # Every record is repaired, or rejected.
        ({"level": Key(constant="pÃ¤id")}, False),
        ({"status": Key(constant="many")}, False),
        ({"status": Key(constant="3000000000")}, False),
        ({"ts": Key(constant="1")}, False),
        ({"page": Key(constant="")}, False),
    ],
)
def test_constants(connection: duckdb.DuckDBPyConnection, library: native.Library, keys: Keys, is_taken: bool) -> None:
    judge = native.Judge(library, "events", keys=keys)
    check(connection, judge, [event()], keys)
    assert bool(take(connection, judge, [event()])[0]) == is_taken


# ---- no cliff: what is everyday is taken ----

EVERYDAY: dict[str, bytes] = {
    "an unknown key": event(b'"device":"phone"'),
    "unknown keys of every kind": event(
        b'"a":{"b":[1,"x y",null]}', b'"c":1.50', b'"d":true', b'"e": -0', b'"f":"\\/"'
    ),
    "a key left out": event(length=None, method=None, userId=b'""', artist=b'"x"', page=b'"Home"'),
    "other spellings of keys": event(b'"user_id":"7"', b'"TS":1541105830796', userId=None, ts=None),
    "numbers in strings": event(ts=b'"1541105830796"', length=b'"1.5"', status=b'"200"'),
    "numbers without quotes": event(userId=b"39"),
    "numbers as text": event(song=b"311", artist=b"4.60"),
    "numbers with fractions": event(ts=b"1541105830796.0", status=b"2e2", itemInSession=b"-0"),
    "escapes": event(artist=b'"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"'),
    "letters beyond ASCII": event(artist='"Björk"'.encode(), song='"日本"'.encode()),
    "white space": b" " + event().replace(b",", b" ,\t ").replace(b'":', b'" : ') + b" \r",
    "reverse order": b"{" + b",".join(reversed(event()[1:-1].split(b","))) + b"}",
    "values at the limits": event(
        itemInSession=b"-2147483648",
        status=b"2147483647",
        ts=b"4102444800000",
        registration=b"-62135596800000",
        artist=b'"' + b"x" * 1024 + b'"',
    ),
}


def test_everyday_lines_are_taken(connection: duckdb.DuckDBPyConnection, library: native.Library) -> None:
    lines = [*EVERYDAY.values()] * 2
    judge = native.Judge(library, "events")
    check(connection, judge, lines)
    taken = take(connection, judge, lines)[0]
    assert [name for number, name in enumerate([*EVERYDAY] * 2, start=1) if number not in taken] == []


def test_few_good_lines_of_the_corpus_are_left(connection: duckdb.DuckDBPyConnection, library: native.Library) -> None:
    for dataset in DATASETS:
        good = [record for record in CORPUS[dataset] if record.reason is None]
        taken = take(connection, native.Judge(library, dataset), [record.line for record in good])[0]
        left = [record.name for number, record in enumerate(good, start=1) if number not in taken]
        assert len(left) <= len(good) // 5, left


def test_any_number_of_shapes(connection: duckdb.DuckDBPyConnection, library: native.Library) -> None:
    lines = [event(b'"k%d":%d' % (number % 40, number), b'"user_id":1') for number in range(1_000)]
    judge = native.Judge(library, "events")
    check(connection, judge, lines)
    _, quick = take(connection, judge, [*lines, *([event(b'"userid":7', userId=None)] * 5)])
    assert quick.unknown_keys == {"user_id", *(f"k{number}" for number in range(40))}
    assert quick.names == {("userId", "userid"): 5}
    many = [event(b'"%s%d":1' % ("ü".encode() * 1_100, number)) for number in range(3)]
    many += [event(b'"k%d":1' % number) for number in range(1_100)]
    _, quick = take(connection, judge, many)
    assert len(quick.unknown_keys) == 1_000
    assert max(quick.unknown_keys) == "ü" * 1_000


def test_names_taken_are_counted_alike(connection: duckdb.DuckDBPyConnection, library: native.Library) -> None:
    """Also where two fields are read from each other's key, and no key is unknown."""
    (bundle,) = bundles_of([b"\n".join([event()] * 3)])
    swapped: Keys = {"artist": Key("song"), "song": Key("artist")}
    taken = take(connection, native.Judge(library, "events", keys=swapped), [event()] * 3)[1].names
    assert taken == {("artist", "song"): 3, ("song", "artist"): 3}
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SPARKIFY_NATIVE", "no")
        assert judge_bundles(connection, "events", bundle, keys=swapped).names == taken


# ---- which way a load goes ----


def test_a_load_and_doctor_say_which_way_records_are_judged(
    library: native.Library,
    warehouse: Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_file(log_file(warehouse), [play(), play(itemInSession=1, user_id=7, device="phone"), play(ts=1), "no JSON"])
    stars = []
    for switch, way in (("yes", "native"), ("no", "sql")):
        monkeypatch.setenv("SPARKIFY_NATIVE", switch)
        into = structs.replace(warehouse, warehouse=str(tmp_path / f"{way}.duckdb"))
        result = sparkify.load(into)
        assert result.judged_by == way
        assert result.records == {"read": 4, "loaded": 2, "rejected": 2, "repaired": 0}
        assert result.unknown_keys["events"] == ["device", "user_id"]
        stars.append(read_star(into))
        print_load(result)
        assert ("judged by SQL" in capsys.readouterr().out) == (way == "sql")
        (finding,) = (finding for finding in list_findings(into) if finding.name == "validator")
        assert ("by the native library" in finding.detail) == (way == "native")
    assert stars[0] == stars[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "line", "reason"),
    [
        ("sparkify/validation/native.py", '_FORMAT = "2"', "was built for other rules"),
        ("sparkify/validation/fields.py", 'FIELDS["songs"] = FIELDS["songs"][:-1]', "was built for other rules"),
        ("native/src/text.rs", "// Another source.", "was built from other sources"),
    ],
)
def test_a_library_of_another_build_is_not_used(
    library: native.Library, tmp_path: Path, file: str, line: str, reason: str
) -> None:
    """A checkout that was changed after the library was built."""
    for name in ("sparkify", "native"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "target"))
    with (tmp_path / file).open("a") as stream:
        stream.write(f"{line}\n")
    write_file(tmp_path / "logs" / "a.json", [play()])
    environment = {name: value for name, value in os.environ.items() if name != "SPARKIFY_NATIVE"}
    environment["PYTHONPATH"] = str(tmp_path)

    def run(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-m", "sparkify", *command.split()]
        return subprocess.run(
            arguments, cwd=tmp_path, env=environment | variables, capture_output=True, text=True, check=False
        )

    told = f"records are judged by SQL: the native library {reason}; in a checkout, `make native` builds it anew"
    assert told in run("doctor").stdout
    loaded = run("load --warehouse w.duckdb --log-data logs")
    assert "judged by SQL, not by the native library; `sparkify doctor` says why" in loaded.stdout, loaded.stderr
    write_file(tmp_path / "logs" / "b.json", [play(itemInSession=1)])
    refused = run("load --warehouse w.duckdb --log-data logs", SPARKIFY_NATIVE="yes")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"SPARKIFY_NATIVE is yes, but the native library {reason}" in refused.stderr


@pytest.mark.parametrize("value", ["true", "1", "NO", "perhaps"])
def test_another_value_of_the_variable_is_refused(
    warehouse: Config, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SPARKIFY_NATIVE", value)
    write_file(log_file(warehouse), [play()])
    for ask in (load_config, lambda: sparkify.load(warehouse), lambda: [*list_findings(warehouse)]):
        with pytest.raises(ConfigError, match="SPARKIFY_NATIVE must be yes or no; correct it, or leave it out"):
            ask()
    # Nothing was begun.
    assert sparkify.status(warehouse).loads == []


def test_a_fault_of_the_library_is_told_once(library: native.Library, caplog: pytest.LogCaptureFixture) -> None:
    judge = native.Judge(native.Library(ctypes.CDLL(str(native.FILE))), "events")
    # It ends where there are no bytes, as in no bundle of the reader.
    broken = Bundle(b"{}\n", array("i", [0, 99]), array("i", [1]), array("i", [1]))
    for _ in range(2):
        quick = judge.judge(broken)
        assert (quick.batch, quick.doubts, quick.lines) == (None, broken, {1: 1})
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("the native library failed, a fault of its own; what it leaves is judged by SQL.")


# ---- anything at all ----


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS)
def test_any_lines_are_left_or_taken_as_by_the_reference(
    connection: duckdb.DuckDBPyConnection, library: native.Library, dataset: Dataset
) -> None:
    judges = [(keys, native.Judge(library, dataset, keys=keys)) for keys in KEYS[dataset]]

    @given(files=contents(dataset))
    @settings(deadline=None, max_examples=100 * TIMES)
    def agree(files: list[bytes]) -> None:
        lines = [line for data in files for line in data.split(b"\n")]
        for keys, judge in judges:
            check(connection, judge, lines, keys)

    agree()


_PIECES = [*ODD_BYTES, *ODD_VALUES, b"\\u00c3\\u00a9", "Ã©".encode(), b'"ts":1', b'"":', b"E+9", b"\\\\", b"  "]


def _mutated(source: random.Random, lines: Sequence[bytes]) -> bytes:
    """A line with a few pieces changed, left out, doubled or put in."""
    line = source.choice(lines)
    for _ in range(source.choice([0, 1, 1, 1, 2, 4])):
        start = source.randrange(len(line) + 1)
        stop = start + source.choice([0, 1, 1, 2, 5, 30])
        piece = source.choice(
            [source.choice(_PIECES), source.randbytes(source.randrange(3)), line[start:stop] * 2, b""]
        )
        line = line[:start] + piece + line[stop:]
    return line.replace(b"\n", b" ")


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS)
def test_both_ways_say_the_same_of_mutated_lines(
    connection: duckdb.DuckDBPyConnection, library: native.Library, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(TIMES):
        source = random.Random(seed)
        mutated = [_mutated(source, _good_and_odd(dataset)) for _ in range(1_000)]
        bundles = bundles_of([b"\n".join(mutated[:300]), b"\n".join(mutated[300:])], lines_per_bundle=400)
        for keys in KEYS[dataset]:
            monkeypatch.setenv("SPARKIFY_NATIVE", "yes")
            by_library = judge_bundles(connection, dataset, *bundles, keys=keys)._replace(lists=())
            rows = list_outcomes(connection, dataset)
            monkeypatch.setenv("SPARKIFY_NATIVE", "no")
            by_sql = judge_bundles(connection, dataset, *bundles, keys=keys)._replace(lists=())
            assert by_library == by_sql, seed
            assert rows == list_outcomes(connection, dataset), seed


def _good_and_odd(dataset: Dataset) -> list[bytes]:
    make = {"events": event, "songs": song}[dataset]
    lines = [*SHORT[dataset], *([make(), make(b'"device":{"a":[1.50,"x"]}')] * 50)]
    return [*lines, *EVERYDAY.values()] if dataset == "events" else lines


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS)
def test_mutated_lines(connection: duckdb.DuckDBPyConnection, library: native.Library, dataset: Dataset) -> None:
    """`make fuzz` runs this for FUZZ_SECONDS."""
    lines = _good_and_odd(dataset)
    first = random.SystemRandom().randrange(1 << 32) if _SECONDS else 0
    judges = [(keys, native.Judge(library, dataset, keys=keys)) for keys in KEYS[dataset]]
    end = time.monotonic() + _SECONDS / len(DATASETS)
    batch = 0
    while batch < _BATCHES or time.monotonic() < end:
        source = random.Random(first + batch)
        mutated = [_mutated(source, lines) for _ in range(_LINES_PER_BATCH)]
        try:
            check(connection, judges[batch % 2][1], mutated, judges[batch % 2][0])
        except AssertionError:
            print(f"seed {first + batch}")
            raise
        batch += 1
    print(f"{batch * _LINES_PER_BATCH:,} lines of {dataset}")
