"""The public sample: its known numbers, and the star of the reference."""

import datetime as dt

import pytest

import sparkify
from sparkify.loads.result import LoadResult
from sparkify.settings import Config
from tests.support import expected_star, failing_checks, fetch, needs_sample, new_sample_warehouse, read_star

pytestmark = needs_sample


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, LoadResult]:
    config = new_sample_warehouse(tmp_path_factory.mktemp("sample"))
    return config, sparkify.load(config)


def test_result(sample: tuple[Config, LoadResult]) -> None:
    _, result = sample
    assert (result.load_id, result.status, result.mode) == (1, "loaded", "rebuild")
    assert result.files == {
        "new": 101,
        "changed": 0,
        "moved": 0,
        "unchanged": 0,
        "to_reread": 0,
        "vanished": 0,
        "failed": 0,
    }
    assert result.records == {"read": 8_127, "loaded": 8_127, "rejected": 0, "repaired": 326}
    assert result.reasons == {}
    assert result.tables.items() >= {
        "staging_events": 8_056, "staging_songs": 71, "songplays": 6_820, "users": 97, "songs": 71, "artists": 69,
        "time": 6_813, "load_history": 1, "load_files": 101, "rejected_records": 0,
    }.items()  # fmt: skip
    assert result.match_rate["song"] == 1 / 6_820
    assert (result.unknown_keys, result.errors) == ({"events": [], "songs": []}, [])
    assert result.warnings == []


def test_star_equals_the_reference(sample: tuple[Config, LoadResult]) -> None:
    config, _ = sample
    assert read_star(config) == expected_star(config)
    assert failing_checks(config) == []


def test_plays_by_level(sample: tuple[Config, LoadResult]) -> None:
    config, _ = sample
    assert fetch(config, "SELECT level, count(*) FROM songplays GROUP BY level ORDER BY level") == [
        ("free", 1_229), ("paid", 5_591),
    ]  # fmt: skip


def test_users_who_change_level(sample: tuple[Config, LoadResult]) -> None:
    config, _ = sample
    changing = "SELECT userId FROM staging_events WHERE userId IS NOT NULL GROUP BY 1 HAVING count(DISTINCT level) > 1"
    assert len(fetch(config, changing)) == 8


def test_spans_of_levels(sample: tuple[Config, LoadResult]) -> None:
    config, _ = sample
    spans = "SELECT count(*), count(DISTINCT user_id), count(*) FILTER (valid_to IS NULL) FROM user_levels"
    assert fetch(config, spans) == [(106, 97, 97)]


def test_users_who_played(sample: tuple[Config, LoadResult]) -> None:
    config, _ = sample
    assert fetch(config, "SELECT count(DISTINCT user_id) FROM songplays") == [(96,)]


def test_pages(sample: tuple[Config, LoadResult]) -> None:
    config, _ = sample
    assert fetch(config, "SELECT count(DISTINCT page) FROM staging_events") == [(13,)]


def test_the_one_match(sample: tuple[Config, LoadResult]) -> None:
    config, _ = sample
    matches = fetch(config, "SELECT start_time, user_id, song_id, artist_id FROM songplays WHERE song_id IS NOT NULL")
    moment = dt.datetime(2018, 11, 21, 21, 56, 47, 796_000)
    assert matches == [(moment, 15, "SOZCTXZ12AB0182364", "AR5KOSW1187FB35FF4")]


def test_again_is_nothing_to_do(sample: tuple[Config, LoadResult]) -> None:
    config, result = sample
    again = sparkify.load(config)
    assert (again.status, again.tables) == ("nothing_to_do", result.tables)
    assert again.files == {
        "new": 0,
        "changed": 0,
        "moved": 0,
        "unchanged": 101,
        "to_reread": 0,
        "vanished": 0,
        "failed": 0,
    }
