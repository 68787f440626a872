"""The reference itself, compared with reasons and rows that were worked out by hand."""

import math
import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from sparkify.validation.texts import normalize_text
from tests.bad_records import BAD_RECORDS, BadRecord, event, song
from tests.reference import (
    EVENT_FIELDS,
    SONG_FIELDS,
    Dataset,
    Reject,
    Row,
    build_star,
    classify,
    normalize,
    read_file,
    read_lines,
)
from tests.support import SAMPLE, needs_sample

TS = 1_541_105_830_796  # 2018-11-01 20:57:10.796 UTC, a Thursday


def loaded(dataset: Dataset, line: bytes) -> Row:
    row = classify(dataset, line)
    assert isinstance(row, dict), row
    return row


# ---- the corpus ----


@pytest.mark.parametrize("record", BAD_RECORDS, ids=lambda record: record.name)
def test_bad_record_has_its_expected_reason(record: BadRecord) -> None:
    outcome = classify("events" if record.dataset == "events" else "songs", record.line)
    if record.reason is None:
        assert isinstance(outcome, dict), outcome
    else:
        assert outcome == record.reason


def test_corpus_names_are_unique_and_its_lines_can_share_a_file() -> None:
    assert len({record.name for record in BAD_RECORDS}) == len(BAD_RECORDS)
    for dataset in ("events", "songs"):
        records = [record for record in BAD_RECORDS if record.dataset == dataset]
        assert records[0].reason is None
        for record in records:
            assert b"\n" not in record.line
            assert record.line.strip(b" \t\r")
            assert not record.line.endswith(b"\r")


# ---- values ----


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"0", 0),
        (b"-0", 0),
        (b"-0.0", 0),
        (b"0e-5", 0),
        (b"0e999999999", 0),
        (b"1e3", 1000),
        (b"100e-2", 1),
        (b"1.50e1", 15),
        (b"-12.0", -12),
        (b'"39"', 39),
        (b'"39.0"', 39),
        (b'"1e3"', 1000),
        (b"2147483647.000", 2**31 - 1),
        (b"2" + b"0" * 400 + b"e-398", 200),
        # As doubles, these have no fraction left.
        (b"1.00000000000000000001", 1),
        (b"1e-400", 0),
        (b"-1e-400", 0),
        (b"null", None),
        (b'""', None),
    ],
)
def test_whole_number(text: bytes, value: int | None) -> None:
    status = loaded("events", event(status=text))["status"]
    assert status == value
    assert type(status) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"253402300799999", 253402300799999),
        (b"253402300799999.0", 253402300799999),
        (b'"2.53402300799999e14"', 253402300799999),
        # There is no double with this fraction.
        (b"253402300799999.001", 253402300799999),
        (b"-62135596799999.999", -62135596800000),
    ],
)
def test_whole_number_with_a_fraction_or_an_exponent_is_the_nearest_double(text: bytes, value: int) -> None:
    assert loaded("events", event(registration=text))["registration"] == value


def test_whole_number_of_digits_alone_is_exact() -> None:
    assert classify("events", event(registration=b"253402300800000")) == "out_of_range:registration"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"218.93179", 218.93179),
        (b'"218.93179"', 218.93179),
        (b"218", 218.0),
        (b'"1E2"', 100.0),
        (b"-0.0", 0.0),
        (b"-0", 0.0),
        (b'"-0.0"', 0.0),
        (b"-1e-400", 0.0),
        (b"5e-324", 5e-324),
        (b"1.7976931348623158e308", 1.7976931348623157e308),
        (b"null", None),
        (b'""', None),
    ],
)
def test_decimal_is_the_nearest_double_and_never_minus_zero(text: bytes, value: float | None) -> None:
    length = loaded("events", event(length=text))["length"]
    assert length == value
    assert type(length) is type(value)
    assert length is None or math.copysign(1, length) == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'"Bj\\u00f6rk"', "Björk"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\\\ud83d"', "\\ud83d"),
        (b'"\\\\u0000"', "\\u0000"),
        (b'"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\/\b\f\n\r\t'),
        (b'"\\u005cn"', "\\n"),
        (b'" "', " "),
        (b'"\xef\xbb\xbfMuse"', "\ufeffMuse"),
    ],
)
def test_text_is_unescaped_once(text: bytes, value: str) -> None:
    assert loaded("events", event(artist=text))["artist"] == value


@pytest.mark.parametrize(
    ("text", "value"), [(b"0", None), (b'"0"', None), (b"0.0", None), (b"-0", None), (b"1", 1), (b"-44", -44)]
)
def test_year_zero_is_null(text: bytes, value: int | None) -> None:
    assert loaded("songs", song(year=text))["year"] == value


def test_first_of_a_repeated_key_wins() -> None:
    row = loaded("events", event(b'"song":"Later"', b'"\\u0074s":1', b'"extra":{"song":"Nested"}'))
    assert (row["song"], row["ts"]) == ("Uprising", TS)


def test_row_has_every_key_in_the_order_of_the_list() -> None:
    assert list(loaded("events", event(length=None))) == [*EVENT_FIELDS, "other"]
    assert list(loaded("songs", song(b'"extra":1'))) == [*SONG_FIELDS, "other"]


# ---- lines ----


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"\n\n", []),
        (b"\xef\xbb\xbf", []),
        (b"a", [(1, b"a")]),
        (b"a\n", [(1, b"a")]),
        (b"a\nb", [(1, b"a"), (2, b"b")]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb", [(1, b"a"), (2, b"\xef\xbb\xbfb")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfa", [(1, b"\xef\xbb\xbfa")]),
        (b"\xef\xbb\xbf\r\na", [(2, b"a")]),
        (b"a\r\nb\r\n", [(1, b"a"), (2, b"b")]),
        (b"a\r\r\nb\r", [(1, b"a\r"), (2, b"b")]),
        (b"a\rb\n", [(1, b"a\rb")]),
        (b"\n \t\r\na\n\r\n\nb\n", [(3, b"a"), (6, b"b")]),
        (b" a \n", [(1, b" a ")]),
        (b"a\x0b\x0c\x1c\x85\xe2\x80\xa8b\n\x0c\n", [(1, b"a\x0b\x0c\x1c\x85\xe2\x80\xa8b"), (2, b"\x0c")]),
        (b"a\x00b\n\x00", [(1, b"a\x00b"), (2, b"\x00")]),
    ],
)
def test_lines_end_at_newlines_only(data: bytes, lines: list[tuple[int, bytes]]) -> None:
    assert list(read_lines(data)) == lines


def test_file_keeps_rejects_with_line_and_raw_text() -> None:
    data = b"\n".join([event() + b"\r", b"", b'{"a":"\xff\xc3\xa9"}\r', b"  [] ", event(ts=b"1")])
    result = read_file("events", data)
    assert result.read == 4
    assert [row["line"] for row in result.rows] == [1]
    assert result.rejects == [
        Reject(3, "bad_encoding", '{"a":"\\xffé"}', 11),
        Reject(4, "not_object", "  [] ", 5),
        Reject(5, "out_of_range:ts", event(ts=b"1").decode(), len(event(ts=b"1"))),
    ]


# ---- the star ----


def an_event(**changes: Any) -> Row:
    return loaded("events", event()) | changes


def a_song(**changes: Any) -> Row:
    return loaded("songs", song()) | changes


def test_play_is_one_whole_row() -> None:
    assert build_star([an_event()], [a_song()])["songplays"] == [
        (
            "b154e0b4046f4d73e2589e21357a46e3",
            datetime(2018, 11, 1, 20, 57, 10, 796_000),
            39,
            "free",
            "SOUPRISING",
            "ARMUSE",
            38,
            "London",
            "Mozilla/5.0",
            0,
            "Uprising",
            "Muse",
            218.5,
            "exact",
        )
    ]


def test_only_next_song_is_a_play_and_each_key_once() -> None:
    events = [an_event(), an_event(), an_event(page="Home"), an_event(page="nextsong"), an_event(itemInSession=1)]
    assert [play[9] for play in build_star(events, [])["songplays"]] == [0, 1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"song": "A", "artist": "Z"}, {"song": "B", "artist": "A"}),
        ({"artist": "Z"}, {"artist": "É"}),  # by bytes, É follows every ASCII letter
        ({"artist": "\uffff"}, {"artist": "\U00010000"}),  # in UTF-16 the order is reversed
        ({"length": 9.0}, {"length": 10.0}),
        ({"length": 10.0, "level": "paid"}, {"length": None, "level": "free"}),
        ({"level": "free"}, {"level": "paid"}),
        ({"location": "Z"}, {"location": None}),
        ({"level": "free", "location": "Z"}, {"level": "paid", "location": "A"}),
        ({"location": "A", "userAgent": "z"}, {"location": "B", "userAgent": "a"}),
        ({"userAgent": "a"}, {"userAgent": "a "}),
    ],
)
def test_least_of_differing_copies_stays(one: Row, other: Row) -> None:
    expected = build_star([an_event(**one)], [])["songplays"]
    assert build_star([an_event(**one), an_event(**other)], [])["songplays"] == expected
    assert build_star([an_event(**other), an_event(**one)], [])["songplays"] == expected


@pytest.mark.parametrize(
    ("length", "catalogue", "match"),
    [
        (218.5, [], (None, None)),
        (218.5, [{"title": "Starlight"}], (None, "ARMUSE")),
        (218.5, [{"title": "uprising"}], ("SOUPRISING", "ARMUSE")),
        (218.5, [{"title": "uprising", "duration": 228.6}], (None, "ARMUSE")),
        (218.5, [{"title": "uprising", "duration": None}], ("SOUPRISING", "ARMUSE")),
        (218.5, [{"artist_name": "Muse "}], ("SOUPRISING", "ARMUSE")),
        (218.5, [{"artist_name": "Muses"}], (None, None)),
        (218.5, [{"title": "x", "artist_id": "B"}, {"title": "x", "artist_id": "A"}], (None, "A")),
        (
            218.5,
            [{"title": "x", "artist_id": "B"}, {"title": "x", "artist_name": "MUSE", "artist_id": "A"}],
            (None, "B"),
        ),
        (218.5, [{"duration": 999.0}], ("SOUPRISING", "ARMUSE")),
        (218.5, [{"song_id": "A", "duration": 220.5}, {"song_id": "B", "duration": 217.5}], ("B", "ARMUSE")),
        (218.5, [{"song_id": "A", "duration": None}, {"song_id": "B", "duration": 999.0}], ("B", "ARMUSE")),
        (218.5, [{"song_id": "B", "duration": 219.5}, {"song_id": "A", "duration": 217.5}], ("A", "ARMUSE")),
        (None, [{"song_id": "B"}, {"song_id": "A", "duration": 1.0}], ("A", "ARMUSE")),
        (None, [{"song_id": "B"}, {"song_id": "A", "duration": None}], ("A", "ARMUSE")),
        (218.5, [{"artist_id": "B"}, {"artist_id": "A"}], ("SOUPRISING", "A")),
        # A song recorded under two names is found under both, even though the tables keep only one.
        (218.5, [{"artist_name": "M", "year": 1990}, {"artist_name": "Muse"}], ("SOUPRISING", "ARMUSE")),
    ],
)
def test_match(length: float | None, catalogue: list[Row], match: tuple[str | None, str | None]) -> None:
    songs = [a_song(**record) for record in catalogue]
    for delivered in (songs, songs[::-1], songs * 2):
        (play,) = build_star([an_event(length=length)], delivered)["songplays"]
        assert play[4:6] == match


@pytest.mark.parametrize(
    ("events", "user"),
    [
        ([{"ts": TS, "level": "paid"}, {"ts": TS + 1, "level": "free"}], ("Ada", "Byron", "F", "free")),
        ([{"ts": TS, "sessionId": 9, "level": "paid"}, {"ts": TS, "sessionId": 10}], ("Ada", "Byron", "F", "free")),
        ([{"sessionId": 9, "itemInSession": 5, "level": "paid"}, {"sessionId": 10}], ("Ada", "Byron", "F", "free")),
        ([{"itemInSession": 9, "level": "paid"}, {"itemInSession": 10}], ("Ada", "Byron", "F", "free")),
        ([{"level": "paid"}, {"level": "free"}], ("Ada", "Byron", "F", "paid")),
        ([{"level": "paid"}, {"level": None}], ("Ada", "Byron", "F", "paid")),
        ([{"firstName": "Z", "gender": "M"}, {"firstName": "É"}], ("É", "Byron", "M", "free")),
        ([{"firstName": None, "level": "free"}, {"firstName": "Ada", "level": "paid"}], ("Ada", "Byron", "F", "paid")),
        ([{"page": "Home", "ts": TS + 1, "gender": None}, {}], ("Ada", "Byron", "F", "free")),
        ([{"userId": None, "page": "Login", "ts": TS + 1, "level": "paid"}, {}], ("Ada", "Byron", "F", "free")),
    ],
)
def test_latest_known_value_of_each_attribute(events: list[Row], user: tuple[str | None, ...]) -> None:
    rows = [an_event(**changes) for changes in events]
    for delivered in (rows, rows[::-1], rows * 2):
        assert [row[:5] for row in build_star(delivered, [])["users"]] == [(39, *user)]


@pytest.mark.parametrize(
    ("levels", "spans"),
    [
        ([(TS, "free")], [("free", 0, None)]),
        ([(TS, "free"), (TS + 1, "free"), (TS + 2, None)], [("free", 0, None)]),
        ([(TS, "free"), (TS + 1, "paid"), (TS + 3, "free")], [("free", 0, 1), ("paid", 1, 3), ("free", 3, None)]),
        ([(TS, "paid"), (TS, "free")], [("free", 0, 0), ("paid", 0, None)]),
        ([(TS, None)], []),
    ],
)
def test_levels_make_spans(levels: list[tuple[int, str | None]], spans: list[tuple[str, int, int | None]]) -> None:
    def moment(after: int | None) -> datetime | None:
        return None if after is None else datetime(2018, 11, 1, 20, 57, 10, 796_000) + timedelta(milliseconds=after)

    rows = [an_event(ts=ts, level=level) for ts, level in levels]
    for delivered in (rows, rows[::-1], rows * 2):
        assert Counter(build_star(delivered, [])["user_levels"]) == Counter(
            (39, level, moment(begin), moment(end)) for level, begin, end in spans
        )


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Uprising", "uprising"),
        ("Simon &amp; Garfunkel", "simongarfunkel"),
        ("Beyonce&#769; &copy", "beyonce"),
        ("Björk", "bjork"),
        ("STRAẞE Nº 5²", "straßenº5²"),
        ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
        ("a (b [c] d) e", "abde"),
        ("a (b) [c] (d", "ad"),
        ("A Feat. B", "a"),
        ("A\tft B", "a"),
        ("A featuring", "a"),
        ("A features B", "afeaturesb"),
        ("Loft B", "loftb"),
        ("A (feat. B) C", "ac"),
        ("The The", "the"),
        ("  the  A", "a"),
        ("(x) The A", "a"),
        ("The", "the"),
        ("Theatre", "theatre"),
        ("!!!", None),
        ("(A)", None),
        (" feat. A", None),
    ],
)
def test_normalized_texts(text: str, form: str | None) -> None:
    assert normalize(text) == normalize_text(text) == form


@pytest.mark.parametrize(
    ("records", "kept"),
    [
        ([{"year": 2009}, {"year": 1990, "title": "Z"}], ("Z", "ARMUSE", 1990, 218.5)),
        ([{"year": None, "title": "A"}, {"year": 2009}], ("Uprising", "ARMUSE", 2009, 218.5)),
        ([{"title": "É"}, {"title": "Z", "duration": 1.0}], ("Z", "ARMUSE", 2009, 1.0)),
        ([{"artist_id": "B", "duration": 1.0}, {"artist_id": "A"}], ("Uprising", "A", 2009, 218.5)),
        ([{"duration": None}, {"duration": 300.0}], ("Uprising", "ARMUSE", 2009, 300.0)),
    ],
)
def test_first_record_makes_the_whole_song(records: list[Row], kept: tuple[Any, ...]) -> None:
    rows = [a_song(**changes) for changes in records]
    for delivered in (rows, rows[::-1], rows * 2):
        assert build_star([], delivered)["songs"] == [("SOUPRISING", *kept)]


def _artist(name: str, location: str | None, latitude: float | None, longitude: float | None) -> Row:
    return a_song(artist_name=name, artist_location=location, artist_latitude=latitude, artist_longitude=longitude)


@pytest.mark.parametrize(
    ("records", "kept"),
    [
        # The name and the place may come from different records.
        ([("Jay-Z feat. X", "NY", 1.0, 2.0), ("Jay-Z", None, None, None)], ("Jay-Z", "NY", 1.0, 2.0)),
        # Shortest by characters, not bytes: 3 characters in 6 bytes come before 4 characters in 4 bytes.
        ([("ééé", "A", None, None), ("abcd", "A", None, None)], ("ééé", "A", None, None)),
        ([("é", "A", None, None), ("z", "A", None, None)], ("z", "A", None, None)),
        # A single coordinate is dropped and does not count as a detail.
        ([("M", None, 1.0, None), ("M", "Z", None, None)], ("M", "Z", None, None)),
        ([("M", "A", 1.0, None)], ("M", "A", None, None)),
        ([("M", "A", 1.0, None), ("M", "B", None, None)], ("M", "A", None, None)),
        # Location and coordinates win over one of them; of records with one, a location comes before NULL.
        ([("M", "A", None, None), ("M", "Z", 9.0, 9.0)], ("M", "Z", 9.0, 9.0)),
        ([("M", "Z", None, None), ("M", None, 1.0, 2.0)], ("M", "Z", None, None)),
        ([("M", "A", 2.0, 1.0), ("M", "A", 1.0, 2.0), ("M", "A", 1.0, 3.0)], ("M", "A", 1.0, 2.0)),
        ([("M", "A", 9.0, 0.0), ("M", "A", 10.0, 0.0)], ("M", "A", 9.0, 0.0)),
        ([("M", None, None, None)], ("M", None, None, None)),
    ],
)
def test_artist(records: list[tuple[str, str | None, float | None, float | None]], kept: tuple[Any, ...]) -> None:
    rows = [_artist(*record) for record in records]
    for delivered in (rows, rows[::-1], rows * 2):
        assert build_star([], delivered)["artists"] == [("ARMUSE", *kept)]


@pytest.mark.parametrize(
    ("ts", "row"),
    [
        (TS, (datetime(2018, 11, 1, 20, 57, 10, 796_000), 20, 1, 44, 11, 2018, 4)),
        (1_541_289_599_999, (datetime(2018, 11, 3, 23, 59, 59, 999_000), 23, 3, 44, 11, 2018, 6)),
        (1_541_289_600_001, (datetime(2018, 11, 4, 0, 0, 0, 1_000), 0, 4, 44, 11, 2018, 0)),
        # A Monday in the calendar year 2018 and in ISO week 1 of 2019.
        (1_546_214_400_000, (datetime(2018, 12, 31), 0, 31, 1, 12, 2018, 1)),
        # The ends of the range: a Saturday in ISO week 52 of 1999, a Friday in ISO week 53 of 2099.
        (946_684_800_000, (datetime(2000, 1, 1), 0, 1, 52, 1, 2000, 6)),
        (4_102_444_800_000, (datetime(2100, 1, 1), 0, 1, 53, 1, 2100, 5)),
    ],
)
def test_time(ts: int, row: tuple[Any, ...]) -> None:
    events = [an_event(ts=ts), an_event(ts=ts, userId=40), an_event(ts=ts + 5_000, page="Home")]
    assert build_star(events, [])["time"] == [row]


def test_rows_are_sorted_with_none_last() -> None:
    events = [an_event(userId=number, page="Home") for number in (10, 9, -1)]
    songs = [a_song(song_id=song_id, artist_id=song_id) for song_id in ("É", "Z", "a")]
    star = build_star(events, songs)
    assert [row[0] for row in star["users"]] == [-1, 9, 10]
    assert [row[0] for row in star["songs"]] == ["Z", "a", "É"]
    assert [row[0] for row in star["artists"]] == ["Z", "a", "É"]


def test_empty_star() -> None:
    assert not any(build_star([], []).values())


# ---- the public sample ----


def _read_sample(dataset: Dataset, folder: str) -> tuple[int, list[Row]]:
    assert SAMPLE is not None
    files = sorted((SAMPLE / folder).rglob("*.json"))
    results = [read_file(dataset, file.read_bytes()) for file in files]
    assert [result.rejects for result in results] == [[]] * len(files)
    assert sum(result.read for result in results) == sum(len(result.rows) for result in results)
    return len(files), [row for result in results for row in result.rows]


@needs_sample
def test_sample_has_its_known_numbers() -> None:
    log_files, events = _read_sample("events", "log_data")
    song_files, songs = _read_sample("songs", "song_data")
    assert (log_files, len(events), len({row["page"] for row in events})) == (30, 8056, 13)
    assert (song_files, len(songs)) == (71, 71)

    star = build_star(events, songs)
    sizes = {name: len(rows) for name, rows in star.items()}
    assert sizes.items() >= {"songplays": 6820, "users": 97, "songs": 71, "artists": 69, "time": 6813}.items()
    assert Counter(play[3] for play in star["songplays"]) == {"paid": 5591, "free": 1229}
    assert len({play[2] for play in star["songplays"]}) == 96
    assert [play[1:6] for play in star["songplays"] if play[4] is not None] == [
        (datetime(2018, 11, 21, 21, 56, 47, 796_000), 15, "paid", "SOZCTXZ12AB0182364", "AR5KOSW1187FB35FF4")
    ]
    levels = {(row["userId"], row["level"]) for row in events if row["userId"] is not None}
    assert sum(count > 1 for count in Counter(user for user, _ in levels).values()) == 8

    random.Random(7).shuffle(events)
    assert build_star(events + events[:100], songs[::-1]) == star
