"""The validator compared with the corpus and the reference: every line's reason, typed row and raw text.

Bundles are made here, without the reader, which has its own tests.
"""

# Hypothesis keeps functions alive until the process ends. If annotations were the classes of DuckDB's binding, not
# just names, the binding would then report leaks.
from __future__ import annotations

import gc
import json
import weakref
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkify.datasets import Dataset, Key
from sparkify.sources.bundles import Bundle
from sparkify.sql import create_sql
from sparkify.validation import native
from sparkify.validation.arrow import Table, registered, stream_lines
from sparkify.validation.fields import FIELDS, OTHER
from sparkify.validation.judge import Judged, append_rows
from sparkify.validation.keys import NO_KEYS, KeyList, Keys, standard_list
from sparkify.validation.quick import append_sql
from sparkify.validation.rules import RULES, LineRule, Rule
from sparkify.validation.texts import repair_text, repaired_sql
from sparkify.warehouses import Appended
from tests import reference
from tests.bad_records import BAD_RECORDS, BadRecord, event, song
from tests.support import TIMES, objects_of

DATASETS: list[Dataset] = ["events", "songs"]
CORPUS: dict[Dataset, list[BadRecord]] = {
    dataset: [record for record in BAD_RECORDS if record.dataset == dataset] for dataset in DATASETS
}
GOOD: dict[Dataset, bytes] = {"events": event(), "songs": song()}
BOM = b"\xef\xbb\xbf"


# Each rule with each dataset that it concerns.
RULE_CASES = [
    pytest.param(rule, dataset, id=f"{rule.code}-{dataset}")
    for rule in RULES
    for dataset in DATASETS
    if isinstance(rule, LineRule) or any(map(rule.concerns, FIELDS[dataset]))
]


@pytest.fixture(scope="module")
def opened() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


@pytest.fixture(params=["native", "sql"])
def connection(
    request: pytest.FixtureRequest, opened: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> duckdb.DuckDBPyConnection:
    """A connection; the test runs with the native library, and without it."""
    if request.param == "native" and not native.FILE.exists():
        pytest.skip("the native library is not built; `make native` builds it")
    monkeypatch.setenv("SPARKIFY_NATIVE", "yes" if request.param == "native" else "no")
    return opened


@pytest.fixture
def sql_connection(opened: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> duckdb.DuckDBPyConnection:
    monkeypatch.setenv("SPARKIFY_NATIVE", "no")
    return opened


# ---- what goes in, what comes out, what should have ----

Place = tuple[int, int]  # source id and line number


@dataclass(frozen=True)
class Outcome:
    """The result for a line. The row is text, because 1, 1.0 and True are equal but not the same, like 0.0 and -0.0."""

    reason: str | None
    row: str | None
    raw: str | None
    raw_size: int | None


def bundles_of(files: Sequence[bytes], lines_per_bundle: int = 1_000_000) -> list[Bundle]:
    """The lines of files with ids from 1, as the reader gives them: no byte-order mark, every line ended."""
    lines = [
        (source_id, number, line + b"\n")
        for source_id, data in enumerate(files, start=1)
        for number, line in enumerate(data.removeprefix(BOM).removesuffix(b"\n").split(b"\n"), start=1)
    ]
    bundles = []
    for start in range(0, len(lines), lines_per_bundle):
        source_ids, numbers, texts = zip(*lines[start : start + lines_per_bundle], strict=True)
        ends = array("i", [0])
        for text in texts:
            ends.append(ends[-1] + len(text))
        bundles.append(Bundle(b"".join(texts), ends, array("i", source_ids), array("i", numbers)))
    return bundles


def judge_bundles(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    *bundles: Bundle,
    keys: Keys = NO_KEYS,
    lists: Sequence[KeyList] = (),
) -> Judged:
    """Run the validator on bundles, into a new staging table."""
    connection.execute("DROP TABLE IF EXISTS staging")
    create = create_sql(f"staging_{dataset}", "duckdb")
    connection.execute(create.replace(f"CREATE TABLE IF NOT EXISTS staging_{dataset}", "CREATE TEMP TABLE staging"))
    return append_rows(connection, dataset, iter(bundles), "staging", keys=keys, lists=lists)


def list_outcomes(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> dict[Place, list[Outcome]]:
    """The results for each line that was judged last: a line may hold several records."""
    names = [*reference.FIELDS[dataset], "other"]
    columns = ", ".join(f'"{name}"' for name in names)
    outcomes: dict[Place, list[Outcome]] = {}
    for source_id, line, *values in connection.execute(f"SELECT source_id, line, {columns} FROM staging").fetchall():
        outcome = Outcome(None, repr(dict(zip(names, values, strict=True))), None, None)
        outcomes.setdefault((source_id, line), []).append(outcome)
    rejects = "SELECT source_id, line, reason, raw, raw_size FROM judged WHERE reason IS NOT NULL"
    for source_id, line, reason, raw, raw_size in connection.execute(rejects).fetchall():
        outcomes.setdefault((source_id, line), []).append(Outcome(reason, None, raw, raw_size))
    return {place: sorted(found, key=repr) for place, found in outcomes.items()}


@cache
def expected(dataset: Dataset, line: bytes, keys: tuple[tuple[str, Key], ...] = ()) -> tuple[Outcome, ...]:
    """The reference's results for one line without its terminator. How a line is split has its own tests."""
    judged = reference.classify(dataset, line, dict(keys))
    if judged in ("not_json", "bad_encoding") and (pieces := objects_of(line)) not in ([], [line.strip(b" \t\r\n")]):
        return tuple(sorted((one for piece in pieces for one in expected(dataset, piece, keys)), key=repr))
    if isinstance(judged, str):
        return (Outcome(judged, None, reference.keep(line), len(line)),)
    return (Outcome(None, repr(judged), None, None),)


def check(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    files: Sequence[bytes],
    *,
    lines_per_bundle: int = 1_000_000,
    keys: Keys = NO_KEYS,
) -> None:
    """Judge files in both ways, and compare every line and count with the reference.

    The second time the lists of keys are known, so that more lines go the quick way.
    """
    bundles = bundles_of(files, lines_per_bundle)
    wanted = {
        (source_id, number): list(expected(dataset, line, tuple(sorted(keys.items()))))
        for source_id, data in enumerate(files, start=1)
        for number, line in reference.read_lines(data)
    }
    first = judge_bundles(connection, dataset, *bundles, keys=keys)
    check_outcomes(list_outcomes(connection, dataset), wanted)
    again = judge_bundles(connection, dataset, *bundles, keys=keys, lists=first.lists or [standard_list(dataset, keys)])
    check_outcomes(list_outcomes(connection, dataset), wanted)
    assert (again.names, again.repaired) == (first.names, first.repaired)
    counts = Counter({source_id: 0 for source_id, _ in wanted})
    for (source_id, _), found in wanted.items():
        counts[source_id] += len(found)
    assert first.read == again.read == counts


def check_outcomes(outcomes: dict[Place, list[Outcome]], wanted: dict[Place, list[Outcome]]) -> None:
    differing = {place for place in wanted | outcomes if wanted.get(place) != outcomes.get(place)}
    assert [(place, outcomes.get(place), wanted.get(place)) for place in sorted(differing)] == []


# ---- the corpus ----


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_bad_record_has_its_expected_reason(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    records = CORPUS[dataset]
    (bundle,) = bundles_of([b"\n".join(record.line for record in records)])
    assert judge_bundles(connection, dataset, bundle).read == {1: len(records)}
    outcomes = list_outcomes(connection, dataset)
    reasons = {record.name: outcomes[1, line][0].reason for line, record in enumerate(records, start=1)}
    wrong = {record.name for record in records if reasons[record.name] != record.reason}
    assert {name: reasons[name] for name in wrong} == {}


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS)
def test_corpus_has_the_references_rows_and_raw_texts(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    check(connection, dataset, [b"\n".join(record.line for record in CORPUS[dataset])])


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS)
def test_corpus_over_many_bundles(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    lines = [record.line for record in CORPUS[dataset]]
    # Files of 11 lines and bundles of 30: most bundles begin and end within a file and hold several.
    files = [b"\n".join(lines[start : start + 11]) for start in range(0, len(lines), 11)]
    check(connection, dataset, files, lines_per_bundle=30)


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS)
def test_corpus_among_good_lines_of_many_batches(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    # Enough lines for three batches of DuckDB's threads, so that bad lines are at many positions in them.
    lines_between = 20_000 // len(CORPUS[dataset])
    lines = [line for record in CORPUS[dataset] for line in (record.line, *[GOOD[dataset]] * lines_between)]
    check(connection, dataset, [b"\n".join(lines)])


def test_records_of_the_other_dataset(connection: duckdb.DuckDBPyConnection) -> None:
    short = [record for record in BAD_RECORDS if len(record.line) < 10_000]
    for dataset in DATASETS:
        check(connection, dataset, [b"\n".join(record.line for record in short if record.dataset != dataset)])


def test_long_run_of_bad_encoding_keeps_each_lines_own_text(sql_connection: duckdb.DuckDBPyConnection) -> None:
    # A lead byte at the end of a line and continuation bytes at the start of the next must not make a character.
    lines = [b"\xa9%d\xc3" % number for number in range(10_000)]
    check(sql_connection, "events", [b"\r\n".join(lines)])


def test_corpus_breaks_every_rule_by_every_field() -> None:
    codes = {rule.code for rule in RULES if isinstance(rule, LineRule)}
    for fields in FIELDS.values():
        for rule in RULES:
            if not isinstance(rule, LineRule):
                codes |= {f"{rule.code}:{field.name}" for field in (*fields, OTHER) if rule.concerns(field)}
    assert {record.reason for record in BAD_RECORDS} == {None, *codes}


# ---- the quick way ----


@pytest.mark.parametrize(("rule", "dataset"), RULE_CASES)
def test_quick_form_of_a_rule_is_sure_of_no_line_that_breaks_it(
    sql_connection: duckdb.DuckDBPyConnection, dataset: Dataset, rule: Rule
) -> None:
    codes = [rule.code, *(f"{rule.code}:{field.name}" for field in (*FIELDS[dataset], OTHER))]
    lines = [record.line for record in CORPUS[dataset] if record.reason in codes]
    (bundle,) = bundles_of([b"\n".join([GOOD[dataset], *lines])])
    # Only values that the quick way can read reach the other rules.
    readable = [other for other in RULES if other.code == "bad_type"]
    judge_bundles(sql_connection, dataset)
    with registered(sql_connection, "bundle", Table.of_lines([bundle])):
        sql_connection.execute(append_sql(dataset, "staging", "bundle", rules=[rule, *readable]))
    # All except the good line: there are lines for each rule.
    assert sql_connection.execute("SELECT line FROM staging").fetchall() == [(1,)]
    assert lines


@pytest.mark.parametrize(
    ("lines", "unknown"),
    [
        ([event(), event(ts=b"1"), event(userId=b"39")], []),
        ([event(), event(b'"device":1')], [[], ["device"]]),
        ([event(), event(method=None)], [[], []]),
        ([event(), b"\xff"], [[]]),
        # Where the value of such a key stands cannot be told by its name.
        ([event(), event(b'"a":1', b'"a":2'), event(b'"a\\"b":1'), event(b'"a,b":1')], [[]]),
    ],
    ids=["the known keys", "a key too many", "a key too few", "not UTF-8", "keys that are not plain"],
)
def test_lists_of_keys_are_learned(
    sql_connection: duckdb.DuckDBPyConnection, lines: list[bytes], unknown: list[list[str]]
) -> None:
    learned = judge_bundles(sql_connection, "events", *bundles_of([b"\n".join(lines)])).lists
    assert [[one.names[place - 1] for place in one.unknown_places] for one in learned] == unknown


@pytest.mark.parametrize(
    "extra",
    [
        [b'"device":"phone"'],
        [b'"a":1.5', b'"b": -80.1', b'"c":0', b'"d":null', b'"e":true', b'"f":12'],
        [b'"a":{"b":[1,"x y",null]}', b'"c":[]', b'"d":"1.5"'],
        ['"größe":"ü"'.encode()],
    ],
)
def test_lines_of_a_learned_list_go_the_quick_way(
    sql_connection: duckdb.DuckDBPyConnection, extra: list[bytes]
) -> None:
    bundles = bundles_of([b"\n".join([event(*extra), event(length=None), event()] * 10)])
    lists = judge_bundles(sql_connection, "events", *bundles).lists
    judge_bundles(sql_connection, "events", *bundles, lists=lists)
    assert sql_connection.execute("SELECT * FROM judged").fetchall() == []


# ---- lines, blank and not ----


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("last", [b"", b"\r", b"\n", b"\r\n", b"\n\n", b"\n \t\r\n"])
def test_line_ends_and_blank_lines(connection: duckdb.DuckDBPyConnection, end: bytes, last: bytes) -> None:
    blanks = [b"", b" ", b"\t", b"\r", b" \t\r \r"]
    no_blanks = [b"\x0c", b"\x0b", b"\x00", b"\xc2\xa0", b"\xe2\x80\xa8", BOM, b"\xff"]
    lines = [b"", event(), *blanks, b"{}", *no_blanks, b" [] ", b"\r" + event() + b"\r", b"{\r", b"{\xff\r", b"1"]
    check(connection, "events", [end.join(lines) + last])


def test_raw_text_is_the_line_without_its_end(connection: duckdb.DuckDBPyConnection) -> None:
    data = b'  {"a":\t"\\u00e9\xc3\xa9\xf0\x9f\x98\x80" }\r\r\n[1,\\n\n{"\xff\xe9":"\xc3\xa9\\"}\r\n\x00\xc3\n'
    (bundle,) = bundles_of([data])
    assert judge_bundles(connection, "events", bundle).read == {1: 4}
    assert list_outcomes(connection, "events") == {
        (1, 1): [Outcome("missing:itemInSession", None, '  {"a":\t"\\u00e9é😀" }\r', 25)],
        (1, 2): [Outcome("not_json", None, "[1,\\n", 5)],
        (1, 3): [Outcome("bad_encoding", None, '{"\\xff\\xe9":"é\\"}', 12)],
        (1, 4): [Outcome("bad_encoding", None, "\\x00\\xc3", 2)],
    }


def test_counts_are_per_file_and_leave_blank_lines_out(connection: duckdb.DuckDBPyConnection) -> None:
    files = [event() + b"\n\n" + event(), b"\n \n", b"{}\n\n" + event() + b"\n[]", b""]
    (bundle,) = bundles_of(files)
    assert judge_bundles(connection, "events", bundle).read == {1: 2, 3: 3}
    assert list_outcomes(connection, "events").keys() == {(1, 1), (1, 3), (3, 1), (3, 3), (3, 4)}


def test_greatest_ids_and_line_numbers(connection: duckdb.DuckDBPyConnection) -> None:
    greatest = 2**31 - 1
    line = event() + b"\n"
    bundle = Bundle(line, array("i", [0, len(line)]), array("i", [greatest]), array("i", [greatest]))
    assert judge_bundles(connection, "events", bundle).read == {greatest: 1}
    assert list_outcomes(connection, "events").keys() == {(greatest, greatest)}


@pytest.mark.parametrize("lists", [[], [standard_list("events", NO_KEYS)]])
def test_error_while_bundles_are_taken_reaches_the_caller(
    connection: duckdb.DuckDBPyConnection, lists: list[KeyList]
) -> None:
    judge_bundles(connection, "events")

    def fail(after: int) -> Iterator[Bundle]:
        yield from bundles_of([event()] * after)
        raise ZeroDivisionError(after)

    for after in (0, 1, 20):
        with pytest.raises(ZeroDivisionError, match=str(after)):
            append_rows(connection, "events", fail(after), "staging", lists=lists)
    assert judge_bundles(connection, "events", *bundles_of([event()])).read == {1: 1}


def test_a_stream_that_is_not_read_to_its_end_is_an_interruption(sql_connection: duckdb.DuckDBPyConnection) -> None:
    # Else what was taken and not read would be lost.
    stream = stream_lines(bundles_of([event()] * 10, lines_per_bundle=1), [])
    with pytest.raises(KeyboardInterrupt), registered(sql_connection, "bundle", stream):
        pass


def test_bundles_are_taken_as_they_come_and_all_counted(connection: duckdb.DuckDBPyConnection) -> None:
    bundles = bundles_of([b"\n".join([event()] * 50)] * 40, lines_per_bundle=7)
    empty = Bundle(b"", array("i", [0]), array("i"), array("i"))
    assert judge_bundles(connection, "events", empty, *bundles, empty).read == dict.fromkeys(range(1, 41), 50)
    assert len(list_outcomes(connection, "events")) == 2_000


def test_what_is_held_until_the_end_is_told(connection: duckdb.DuckDBPyConnection) -> None:
    judge_bundles(connection, "events")
    held: list[Bundle] = []
    bundles = bundles_of([b"\n".join([event(), event(), b"no event", event()])], lines_per_bundle=1)
    append_rows(connection, "events", bundles, "staging", on_held=held.append)
    # The native library leaves only what it is not sure of.
    assert b"".join(one.data for one in held if len(one)) in (b"no event\n", b"".join(one.data for one in bundles))
    assert (sum(map(len, held)) == 1) == (native.find() is not None)


class Data(bytearray):
    """A bundle's bytes, with a weak reference to see whether they are still held."""


@pytest.mark.parametrize("lists", [[], [standard_list("events", NO_KEYS)]])
def test_bytes_are_let_go_before_the_transaction_ends(
    connection: duckdb.DuckDBPyConnection, lists: list[KeyList]
) -> None:
    alive = []

    def bundles() -> Iterator[Bundle]:
        for bundle in bundles_of([event(), b"no event"]):
            data = Data(bundle.data)
            alive.append(weakref.ref(data))
            yield replace(bundle, data=data)

    judge_bundles(connection, "events")
    gc.disable()
    connection.execute("BEGIN")
    try:
        for _ in range(3):
            judged = append_rows(connection, "events", bundles(), "staging", lists=lists)
            assert judged.read == {1: 1, 2: 1}
        assert [data() for data in alive] == [None] * len(alive)
    finally:
        connection.execute("ROLLBACK")
        gc.enable()


# ---- the table ----


@pytest.mark.parametrize("dataset", DATASETS)
def test_columns_have_the_types_of_the_fields(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    judge_bundles(connection, dataset, bundles_of([b""])[0])
    types = {name: "DOUBLE" if name in reference.DECIMAL_FIELDS else "VARCHAR" for name in reference.FIELDS[dataset]}
    for name in types.keys() & reference.WHOLE_RANGES.keys():
        types[name] = "BIGINT" if name in ("registration", "ts") else "INTEGER"
    for table in ("staging", "judged"):
        columns = connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {table})").fetchall()
        assert columns[: len(types)] == list(types.items())
    assert {field.name: field.type for field in FIELDS[dataset]} == types


@pytest.mark.parametrize("dataset", DATASETS)
def test_bundle_without_records_empties_the_table(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    judge_bundles(connection, dataset, bundles_of([GOOD[dataset], b'{"device":1}'])[0])
    for bundle in (Bundle(b"", array("i", [0]), array("i"), array("i")), bundles_of([b"\n\r\n \n"])[0]):
        assert judge_bundles(connection, dataset, bundle) == Judged(Counter(), Counter(), Counter(), set(), ())
        assert list_outcomes(connection, dataset) == {}


def test_rejects_of_the_bundle_before_are_gone(connection: duckdb.DuckDBPyConnection) -> None:
    for dataset in (*DATASETS, *DATASETS[::-1]):
        judge_bundles(connection, dataset, bundles_of([GOOD[dataset]])[0])
        assert list_outcomes(connection, dataset) == {(1, 1): [*expected(dataset, GOOD[dataset])]}


def test_the_validator_leaves_the_callers_transaction_open(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE OR REPLACE TEMP TABLE kept (id INTEGER)")
    connection.begin()
    connection.execute("INSERT INTO kept VALUES (1)")
    judge_bundles(connection, "events", bundles_of([event() + b"\n\xff"])[0])
    connection.execute("INSERT INTO kept SELECT line FROM judged")
    # Without a transaction this would fail.
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM kept").fetchall() == [(0,)]


# ---- unknown keys ----


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        (event(), set()),
        (event(length=None), set()),
        (event(b'"device":"phone"', b'"app":{"inner":1}', b'"list":[{"inner":2}]'), {"device", "app", "list"}),
        (b'{"device":1,"page":"Home","device":2}', {"device"}),
        (event(b'"Song":1', b'"TS":2', b'"userid":3'), {"Song", "TS", "userid"}),
        (event(b'"\\u0074s":1'), set()),
        (event(b'"d\\u00e9j\\u00e0":1', '"vu 😀":1'.encode()), {"déjà", "vu 😀"}),
        (event(b'"":1', b'" ":1', b'"a\\"b":1', b'"$.ts":1'), {"", " ", 'a"b', "$.ts"}),
        (event(b'"year":1'), {"year"}),
        # Keys of a rejected object count too; a line that is not an object has none.
        (event(b'"device":1', ts=b"true"), {"device"}),
        (b'["device"]', set()),
        (b'"device"', set()),
        (b'{"device":1', set()),
        (b'{"device":NaN}', set()),
        (b'{"device":1,}', set()),
        (b'{"device":"\xff"}', set()),
    ],
)
def test_unknown_keys(connection: duckdb.DuckDBPyConnection, line: bytes, keys: set[str]) -> None:
    assert judge_bundles(connection, "events", *bundles_of([event() + b"\n" + line])).unknown_keys == keys


@pytest.mark.parametrize("seam", [b"", b",", b" \xef\xbb\xbf"])
def test_a_record_that_is_not_utf_8_leaves_its_neighbour_on_the_line(
    connection: duckdb.DuckDBPyConnection, seam: bytes
) -> None:
    bad = event().replace(b"Muse", b"M\xff")
    check(connection, "events", [event() + seam + bad + b"\n" + bad + b"\n" + event()])


@pytest.mark.slow
@pytest.mark.parametrize("distinct", [7, 50_000])
def test_records_of_very_many_keys(sql_connection: duckdb.DuckDBPyConnection, distinct: int) -> None:
    # The time must not grow with the square of their number.
    extra = [b'"k%d":%d.50' % (number % distinct, number) for number in range(50_000)]
    check(sql_connection, "events", [event(*extra[:1_000], b'"userid":"40"', *extra[1_000:]) + b"\n" + event()])


def test_unknown_keys_of_many_lines_are_named_once(connection: duckdb.DuckDBPyConnection) -> None:
    lines = [song(b'"tempo":1'), song(), song(b'"tempo":2', b'"key":3'), event()]
    judged = judge_bundles(connection, "songs", *bundles_of([b"\n".join(lines), lines[0]]))
    assert judged.unknown_keys == {"tempo", "key", *reference.EVENT_FIELDS}


def test_of_keys_that_are_made_up_for_each_record_some_are_told(connection: duckdb.DuckDBPyConnection) -> None:
    lines = [event(b'"k%d":1' % number, b'"t%ss":1' % (b"_" * number), ts=None) for number in range(1_200)]
    judged = judge_bundles(connection, "events", *bundles_of([b"\n".join(lines)]))
    appended = Appended()
    for _ in range(2):
        appended.add([], judged)
    assert 990 < len(appended.names) <= len(appended.unknown_keys) == 1_000


@pytest.mark.slow
def test_what_python_looks_at_is_taken_in_parts(connection: duckdb.DuckDBPyConnection) -> None:
    lines = [b"{},{}", b'{"a":"\xff"}', b"{\x00}", event()] * 5_000 + [b'{"a":"' + b"\xff" * 70_000 + b'"}{}'] * 3
    lines.append(b"{}" * 70_000)
    # As in a load: between two statements that are committed by themselves, row ids may change.
    connection.begin()
    judged = judge_bundles(connection, "events", *bundles_of([b"\n".join(lines)]))
    assert judged.read == {1: 5 * 5_000 + 2 * 3 + 70_000}
    counts = "SELECT reason, count(*), count(raw) FROM judged WHERE reason IS NOT NULL GROUP BY reason ORDER BY reason"
    assert connection.execute(counts).fetchall() == [
        ("bad_encoding", 5_003, 5_003),
        ("missing:itemInSession", 80_003, 80_003),
        ("not_json", 5_000, 5_000),
    ]
    connection.rollback()


# ---- which key a field is read from ----


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS)
def test_corpus_with_keys_of_the_settings(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    lines = [record.line for record in CORPUS[dataset]]
    check(connection, dataset, [b"\n".join(lines)], keys=KEYS[dataset][1])


def test_names_are_counted_in_both_ways(connection: duckdb.DuckDBPyConnection) -> None:
    snake = event(b'"user_id":7', userId=None)
    lines = [snake, event(), snake, event(b'"duration":1', length=None), event(b'"TS":1', ts=None), b"[]"] * 3
    keys = {"length": Key("duration"), "level": Key(constant="paid")}
    counts = {("userId", "user_id"): 6, ("length", "duration"): 3, ("ts", "TS"): 3}
    bundles = bundles_of([b"\n".join(lines)])
    first = judge_bundles(connection, "events", *bundles, keys=keys)
    assert first.names == counts
    assert first.unknown_keys == {"level"}
    assert judge_bundles(connection, "events", *bundles, keys=keys, lists=first.lists).names == counts


# ---- repair ----


def test_records_with_a_repaired_text_are_counted(connection: duckdb.DuckDBPyConnection) -> None:
    doubled = event(artist='"BjÃ¶rk"'.encode(), song='"JÃ³ga"'.encode())
    files = [b"\n".join([doubled, event(), doubled + doubled]), event(), event(artist='"Björk"'.encode())]
    assert judge_bundles(connection, "events", *bundles_of(files)).repaired == {1: 3}


@pytest.mark.slow
@given(
    texts=st.lists(st.text("abÃ©Â€éÿŒ%+! \0\x80\x9fı日😀ñ™"), max_size=20), rounds=st.integers(0, 4), by=st.booleans()
)
@settings(deadline=None)
def test_repair_is_the_same_in_sql_and_in_python(texts: list[str], rounds: int, *, by: bool) -> None:
    for _ in range(rounds):
        texts = [text.encode().decode("cp1252" if by else "latin-1", "replace") for text in texts]
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {repaired_sql('$1::VARCHAR[]')}", [texts]).fetchall()
    assert found == [(list(map(repair_text, texts)),)]
    assert list(map(reference.repair, texts)) == list(map(repair_text, texts))


# ---- anything at all ----

# Longer ones would only take time.
SHORT: dict[Dataset, list[bytes]] = {
    dataset: [record.line for record in CORPUS[dataset] if len(record.line) < 2_000] for dataset in DATASETS
}
ODD_BYTES = [bytes([byte]) for byte in b'\n\r\x00\xff\xc3\\"{}[],: 0-.e']
ODD_BYTES += [b"\xed\xa0\x80", BOM, b"\\u0000", b"\\ud83d", b"NaN", b"inf", b"null", b"true", b"9" * 20, b",}", b",]"]
ODD_VALUES = rb'null true false "" [] {} [1,] {"a":1,} NaN -Infinity "nan" "NextSong" "\u0000" "\udc00" 1,'.split()
ODD_VALUES += [b'" "', b'"' + b"x" * 1025 + b'"', b'"' + rb"\u00e9" * 513 + b'"']

# Fields that are read from other keys, from that of another field, or from none.
KEYS: dict[Dataset, list[Keys]] = {
    "events": [NO_KEYS, {"length": Key("duration"), "page": Key(constant="NextSong"), "userId": Key("sessionId")}],
    "songs": [NO_KEYS, {"title": Key("a"), "duration": Key(constant="1.50"), "artist_name": Key(constant="")}],
}

NUMBERS = st.one_of(
    st.from_regex(r"\A-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,25})?([eE][-+]?[0-9]{1,3})?\Z", alphabet="-+.eE0123456789"),
    # At the limits of the ranges, just beside them, and in other notations.
    st.builds(
        lambda limit, beside, spelling: spelling % (limit + beside),
        st.sampled_from(
            [0, 2**31, -(2**31), 2**53, -(2**53), 946_684_800_000, 4_102_444_800_000, 2**63, 2**64, 10**38]
        ),
        st.integers(-3, 3),
        st.sampled_from(["%d", "%d.0", "%d.5", "%d.00000000000000000001", "%de0", "%d0e-1", "%d.25e0", "%d5e-1"]),
    ),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
).map(str.encode)
TEXTS = st.builds(
    lambda text, ascii_only: json.dumps(text, ensure_ascii=ascii_only).encode(),
    st.text(max_size=8),
    st.booleans(),
)
VALUES = st.one_of(
    NUMBERS,
    NUMBERS.map(lambda number: b'"' + number + b'"'),
    TEXTS,
    st.sampled_from(ODD_VALUES),
    st.sampled_from(ODD_BYTES),
)


def changed_records(dataset: Dataset) -> st.SearchStrategy[bytes]:
    """A good record with a few odd values or none, so that the later rules are reached too."""
    make = {"events": event, "songs": song}[dataset]
    changes = st.dictionaries(st.sampled_from(reference.FIELDS[dataset]), st.none() | VALUES, max_size=3)
    return changes.map(lambda values: make(**values))


def made_up_records(dataset: Dataset) -> st.SearchStrategy[bytes]:
    """Objects of known and unknown keys, in any order and repeated."""
    names = [json.dumps(name).encode() for name in reference.FIELDS[dataset]]
    others = [b'"user_id"', b'"Artist_ID"', b'"duration"', b'"other"', b'"a"', b'"\\u0061"', b'"b c"']
    keys = st.one_of(st.sampled_from([*names, *others]), st.sampled_from(names).map(bytes.upper), TEXTS)
    members = st.lists(st.builds(lambda key, value: key + b":" + value, keys, VALUES), max_size=6)
    ends = st.sampled_from([b"}", b" }", b",}", b", }", b"}}", b""])
    return st.builds(lambda content, end: b"{" + b", ".join(content) + end, members, ends)


@st.composite
def damaged_lines(draw: st.DrawFn, lines: list[bytes]) -> bytes:
    """One or two lines of the corpus, cut, joined, with some bytes replaced or inserted."""
    line = b"".join(draw(st.lists(st.sampled_from(lines), min_size=1, max_size=2)))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(line)))
        stop = start + draw(st.sampled_from([0, 1, 1, 1, 2, 5, 10_000]))
        line = line[:start] + draw(st.sampled_from(ODD_BYTES) | st.binary(max_size=2)) + line[stop:]
    return line


def contents(dataset: Dataset) -> st.SearchStrategy[list[bytes]]:
    """A few files of lines of every kind."""
    line = st.one_of(
        st.sampled_from(SHORT[dataset]),
        damaged_lines(SHORT[dataset]),
        changed_records(dataset),
        made_up_records(dataset),
        st.sampled_from([b"", b" \r", b"\t"]),
        st.binary(max_size=6),
    )
    file = st.builds(lambda end, lines: end.join(lines), st.sampled_from([b"\n", b"\r\n"]), st.lists(line, max_size=15))
    return st.lists(file, min_size=1, max_size=3)


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS)
def test_any_lines_are_judged_as_by_the_reference(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    @given(files=contents(dataset), keys=st.sampled_from(KEYS[dataset]))
    @settings(deadline=None, max_examples=10 * TIMES)
    def agree(files: list[bytes], keys: Keys) -> None:
        check(connection, dataset, files, keys=keys)

    agree()
