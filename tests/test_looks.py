"""What rejected records look like, by their text alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkify.datasets import DATASETS, Dataset
from sparkify.loads.looks import describe_record, describe_value, find_inner_key
from tests.support import TS, play, song

WRAPPED = json.dumps({key: {"0": value, "1": value} for key, value in song().items()})


@pytest.mark.parametrize(
    ("raw", "reason", "dataset", "look"),
    [
        ("{'page': 'NextSong', 'ts': 1}", "not_json", "events", "Python dictionaries"),
        ('{"page": None}', "not_json", "events", "Python dictionaries"),
        ('{"page": "NextSong"', "not_json", "events", None),
        ('{page: "NextSong", ts: 1}', "not_json", "events", "JavaScript objects"),
        ("// exported on Monday", "not_json", "events", "comments"),
        ('{"page": "NextSong", "ts": 1,}', "not_json", "events", "JSON but for a comma"),
        ('{"page": ",}", "ts": x}', "not_json", "events", None),
        ('{"length": NaN}', "not_json:nan", "events", "NaN or Infinity"),
        ('{"artist": "Zo\\xeb"}', "bad_encoding", "events", "Windows-1252 or Latin-1"),
        ("PK\x03\x04\x14\\xff", "bad_encoding", "events", "a zip archive whose files are not compressed"),
        (json.dumps([play(), play()]), "not_object", "events", "lists of records"),
        (WRAPPED, "bad_type:num_songs", "songs", "values wrapped by row number"),
        ('{"ts": [1, 2], "page": ["a", "b"]}', "bad_type:ts", "events", "whole columns"),
        (json.dumps(song()), "missing:ts", "events", "song data"),
        (json.dumps(play()), "missing:title", "songs", "log data"),
        (json.dumps(json.dumps(play())), "not_object", "events", "written as a text once more"),
        ('["NextSong", 1]', "not_object", "events", "lists of values"),
        ('{"jsonpaths": ["$.a"]}', "missing:ts", "events", "a JSONPaths file"),
        ('{"ts": 1' + "0" * 400 + "}", "out_of_range:ts", "events", None),
        (json.dumps(play(ts=TS // 1000)), "out_of_range:ts", "events", "times in seconds"),
        (json.dumps(play(ts=str(TS * 1000))), "out_of_range:ts", "events", "times in micro- or nanoseconds"),
        (json.dumps(play(ts="2018-11-21T21:56:47Z")), "bad_type:ts", "events", "times as text, such as 2018-11-21T21"),
        (json.dumps(play(ts="11/21/2018 21:56")), "bad_type:ts", "events", "times as text, such as 11/21/2018 21:56"),
        (json.dumps(play(ts=TS / 1000)), "bad_type:ts", "events", "times in seconds"),
        (json.dumps(play(ts=5_680_000_000_000)), "out_of_range:ts", "events", None),
        (json.dumps(play(ts={"$date": TS})), "bad_type:ts", "events", "MongoDB's own JSON, with values such as"),
        (json.dumps(play(ts={"date": TS})), "bad_type:ts", "events", None),
        ('{"name": "x", "email": "y"}', "missing:ts", "events", "with keys such as 'name', 'email'"),
        (json.dumps(play(song=None)), "missing:song", "events", None),
        ("42", "not_object", "events", None),
        ("{}", "missing:ts", "events", None),
        ("[" * 100_000, "not_json", "events", None),
    ],
)
def test_look(raw: str, reason: str, dataset: Dataset, look: str | None) -> None:
    described = describe_record(raw, reason, dataset)
    assert (look is None) == (described is None), described
    assert look is None or look in str(described)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*play(), *song(), "Records", "x"]), inner, max_size=5)
    ),
)
_REASONS = st.sampled_from(["not_json", "not_json:nan", "not_object", "bad_encoding", "missing:ts", "missing:page"])
_FIELD_REASONS = st.builds(
    "{}:{}".format, st.sampled_from(["bad_type", "out_of_range", "too_long"]), st.sampled_from([*play(), *song()])
)


@given(_VALUES, _REASONS | _FIELD_REASONS, st.sampled_from(DATASETS), st.integers(1, 200))
def test_any_reject_is_looked_at_without_an_error(value: object, reason: str, dataset: Dataset, kept: int) -> None:
    for raw in (json.dumps(value), json.dumps(value)[:kept], str(value)):
        assert describe_record(raw, reason, dataset) != ""
        assert describe_value(raw, reason, dataset) != ""
        find_inner_key(raw, dataset)


@pytest.mark.parametrize(
    ("raw", "reason", "said"),
    [
        (json.dumps(play(ts={"$date": 1})), "bad_type:ts", '{"$date": 1} for ts, which takes a whole number'),
        (json.dumps(play(song=True)), "bad_type:song", "true for song, which takes a text or a number"),
        (
            json.dumps(play(status=1 << 40)),
            "out_of_range:status",
            "1099511627776 for status, which is out of its range",
        ),
        ('{"USER_ID": "x"}', "bad_type:userId", '"x" for userId, which takes a whole number'),
        ("{}", "bad_type:userId", None),
        ('{"page": 1', "bad_type:userId", None),
        ("{}", "missing:userId", None),
    ],
)
def test_value(raw: str, reason: str, said: str | None) -> None:
    assert describe_value(raw, reason, "events") == said


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (json.dumps({"Records": [play(), play()]}), "Records"),
        (json.dumps({"Records": [play()] * 1000})[:65_535], "Records"),
        (json.dumps({"a": 1, "detail": play()}, indent=2), "detail"),
        (json.dumps({"log": json.dumps(play()) + "\n", "stream": "stdout"}), "log"),
        (json.dumps({"\u00e9v\u00e9nement": play()}), "événement"),
        (json.dumps(play(device={"type": "phone"})), None),
        (json.dumps({"Records": [song()]}), None),
        ('{"log": "{not JSON"}', None),
        ("no JSON", None),
        ('{"a":' * 50_000, None),
    ],
)
def test_inner_key(raw: str, key: str | None) -> None:
    assert find_inner_key(raw, "events") == key
