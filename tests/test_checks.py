"""The checks: each finds the violation that it is for, and a load that would break one is rolled back."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sparkify
from sparkify.errors import CheckError
from sparkify.settings import Config
from sparkify.sql import rebuild_sql
from sparkify.sql.rules import expand_rule
from sparkify.star import checks
from sparkify.star.tables import STAR
from sparkify.warehouses import Warehouse, open_warehouse
from tests.support import (
    TIMES,
    TS,
    copy_warehouse,
    event,
    execute,
    expected_star,
    failing_checks,
    fetch,
    log_file,
    new_warehouse,
    play,
    read_star,
    snapshot,
    song,
    song_file,
    write_ballast,
    write_file,
)

# What breaks each check in the warehouse of `loaded`. A fault may break other checks too.
VIOLATIONS: dict[str, list[str]] = {
    "songplays.songplay_is_unique": ["INSERT INTO songplays SELECT * FROM songplays WHERE user_id = 1"],
    "songplays.natural_key_is_unique": [
        "INSERT INTO songplays SELECT * REPLACE (md5('other') AS songplay_id) FROM songplays WHERE user_id = 1"
    ],
    "songplays.key_is_not_null": [
        "ALTER TABLE songplays ALTER session_id DROP NOT NULL",
        "UPDATE songplays SET session_id = NULL WHERE user_id = 1",
    ],
    "songplays.plays_are_those_staged": ["DELETE FROM songplays WHERE user_id = 1"],
    "songplays.user_is_found": ["DELETE FROM users WHERE user_id = 1"],
    "songplays.song_is_found": ["DELETE FROM songs WHERE song_id = 'SO1'"],
    "songplays.artist_is_found": ["DELETE FROM artists WHERE artist_id = 'AR1'"],
    "songplays.match_says_what_was_found": ["UPDATE songplays SET match = NULL WHERE user_id = 1"],
    "normalized_texts.text_is_unique": ["INSERT INTO normalized_texts SELECT * FROM normalized_texts"],
    "normalized_texts.staged_texts_are_normalized": ["DELETE FROM normalized_texts WHERE text = 'Muse'"],
    "user_levels.span_is_not_null": [
        "ALTER TABLE user_levels ALTER level DROP NOT NULL",
        "UPDATE user_levels SET level = NULL WHERE user_id = 1",
    ],
    "user_levels.user_is_found": ["UPDATE user_levels SET user_id = 9 WHERE user_id = 1"],
    "user_levels.spans_follow_each_other": ["UPDATE user_levels SET valid_to = valid_from WHERE user_id = 1"],
    "user_levels.last_span_is_the_latest_level": ["DELETE FROM user_levels WHERE user_id = 1"],
    "users.user_is_unique": ["INSERT INTO users SELECT * REPLACE ('paid' AS level) FROM users WHERE user_id = 3"],
    "users.user_is_not_null": [
        "ALTER TABLE users ALTER user_id DROP NOT NULL",
        "INSERT INTO users (user_id) VALUES (NULL)",
    ],
    "users.users_are_those_staged": ["DELETE FROM users WHERE user_id = 3"],
    "songs.song_is_unique": ["INSERT INTO songs SELECT * REPLACE (1 AS year) FROM songs WHERE song_id = 'SO1'"],
    "songs.song_is_not_null": [
        "ALTER TABLE songs ALTER song_id DROP NOT NULL",
        "INSERT INTO songs (song_id, title, artist_id) VALUES (NULL, 'Uprising', 'AR1')",
    ],
    "songs.songs_are_those_staged": ["DELETE FROM songs WHERE song_id = 'SO2'"],
    "songs.artist_is_found": ["UPDATE songs SET artist_id = 'AR9' WHERE song_id = 'SO2'"],
    "artists.artist_is_unique": ["INSERT INTO artists SELECT * REPLACE ('MUSE' AS name) FROM artists"],
    "artists.artist_is_not_null": [
        "ALTER TABLE artists ALTER artist_id DROP NOT NULL",
        "INSERT INTO artists (artist_id, name) VALUES (NULL, 'Muse')",
    ],
    "artists.artists_are_those_staged": ["INSERT INTO artists (artist_id, name) VALUES ('AR9', 'Nobody')"],
    "time.moment_is_not_null": [
        "ALTER TABLE time ALTER start_time DROP NOT NULL",
        "INSERT INTO time SELECT * REPLACE (NULL AS start_time) FROM time",
    ],
    "time.moments_are_those_of_plays": ["DELETE FROM time"],
    "load_history.load_is_unique": ["INSERT INTO load_history SELECT * FROM load_history"],
    "load_history.counts_are_those_of_the_files": ["UPDATE load_history SET loaded = loaded + 5"],
    "load_files.source_is_unique": ["UPDATE load_files SET source_id = 1"],
    "load_files.load_is_found": ["UPDATE load_files SET load_id = 77"],
    "load_files.read_is_loaded_and_rejected": ["UPDATE load_files SET read = read + 1 WHERE source_id = 1"],
    "load_files.one_content_of_a_file": [
        "INSERT INTO load_files "
        "SELECT * REPLACE (source_id + 90 AS source_id, 0 AS read, 0 AS loaded, 0 AS rejected) FROM load_files"
    ],
    "load_files.loaded_is_staged": ["DELETE FROM staging_events WHERE userId = 3"],
    "load_files.rejected_is_kept": ["DELETE FROM rejected_records"],
}

# A copy of the plays, in which these values differ.
_COPY = "INSERT INTO staging_events SELECT *"
_OTHERS = [
    "'Other' AS song", "'Other' AS artist", "1.5 AS length", "NULL AS length", "'paid' AS level", "NULL AS level",
    "'x' AS location", "'x' AS userAgent",
]  # fmt: skip
_ANOTHER_LEVEL = (
    "INSERT INTO user_levels SELECT user_id, 'paid', valid_from - INTERVAL 1 DAY, valid_from + INTERVAL 1 DAY "
    "FROM user_levels WHERE user_id = 1"
)
_A_DAY_LATER = "INSERT INTO staging_events SELECT * REPLACE (ts + 86_400_001 AS ts) FROM staging_events"

# More ways to break a check.
MORE_VIOLATIONS = [
    ("songplays.natural_key_is_unique", "INSERT INTO songplays SELECT * REPLACE ('' AS songplay_id) FROM songplays"),
    (
        "songplays.plays_are_those_staged",
        "INSERT INTO songplays SELECT * REPLACE (9 AS item_in_session, md5('9') AS songplay_id) FROM songplays",
    ),
    ("songplays.plays_are_those_staged", "UPDATE songplays SET start_time = start_time + INTERVAL 1 MILLISECOND"),
    ("songplays.plays_are_those_staged", "UPDATE staging_events SET userId = 4 WHERE userId = 1"),
    ("songplays.match_says_what_was_found", "UPDATE songplays SET artist_id = NULL WHERE song_id = 'SO1'"),
    ("songplays.match_says_what_was_found", "UPDATE songplays SET song_id = NULL WHERE song_id = 'SO1'"),
    ("songplays.match_says_what_was_found", "UPDATE songplays SET match = 'artist'"),
    ("songplays.match_says_what_was_found", "UPDATE songplays SET match = 'exact'"),
    ("songplays.match_says_what_was_found", "UPDATE songplays SET song_id = NULL, artist_id = NULL"),
    ("normalized_texts.staged_texts_are_normalized", "DELETE FROM normalized_texts WHERE text = 'Uprising'"),
    ("normalized_texts.staged_texts_are_normalized", "DELETE FROM normalized_texts WHERE text = 'Hysteria'"),
    ("user_levels.spans_follow_each_other", "INSERT INTO user_levels SELECT * FROM user_levels"),
    (
        "user_levels.spans_follow_each_other",
        "INSERT INTO user_levels SELECT user_id, 'paid', valid_from + INTERVAL 2 DAY, NULL FROM user_levels",
    ),
    ("user_levels.last_span_is_the_latest_level", "UPDATE user_levels SET level = 'paid'"),
    ("user_levels.last_span_is_the_latest_level", "UPDATE users SET level = NULL"),
    ("songplays.song_is_found", "UPDATE songplays SET song_id = 'SO9'"),
    ("time.moments_are_those_of_plays", "INSERT INTO time SELECT * REPLACE (0 AS hour) FROM time"),
    (
        "time.moments_are_those_of_plays",
        "INSERT INTO time SELECT * REPLACE (start_time + INTERVAL 1 MILLISECOND AS start_time) FROM time",
    ),
    ("users.users_are_those_staged", "UPDATE users SET user_id = 9 WHERE user_id = 3"),
    ("users.users_are_those_staged", "INSERT INTO users (user_id) VALUES (99)"),
    ("songs.songs_are_those_staged", "INSERT INTO songs (song_id, title, artist_id) VALUES ('SO9', 'x', 'AR1')"),
    ("artists.artists_are_those_staged", "DELETE FROM artists"),
    ("load_files.loaded_is_staged", "INSERT INTO staging_songs SELECT * FROM staging_songs"),
    ("load_files.loaded_is_staged", "UPDATE staging_songs SET source_id = 99"),
    ("load_files.loaded_is_staged", "UPDATE load_files SET status = 'superseded' WHERE dataset = 'songs'"),
    ("load_files.rejected_is_kept", "INSERT INTO rejected_records SELECT * FROM rejected_records"),
    ("load_files.rejected_is_kept", "UPDATE rejected_records SET source_id = 99"),
    (
        "load_history.load_is_unique",
        "INSERT INTO load_history SELECT * REPLACE ('partial' AS status) FROM load_history",
    ),
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """User 1 plays a song of the catalogue, user 2 another song, user 3 none; nobody plays SO2; one record is bad.

    No test changes it.
    """
    config = new_warehouse(tmp_path_factory.mktemp("sound"))
    write_file(log_file(config), [play(), play(userId=2, song="Starlight"), event(userId=3), play(song=None)])
    write_file(song_file(config), [song(), song(song_id="SO2", title="Hysteria")])
    assert sparkify.load(config).status == "loaded"
    return config


@pytest.fixture
def loaded(sound: Config, tmp_path: Path) -> Config:
    """A copy to load more into."""
    return copy_warehouse(sound, tmp_path)


@pytest.fixture(scope="module")
def opened(sound: Config) -> Iterator[Warehouse]:
    with open_warehouse(sound) as warehouse:
        yield warehouse


@pytest.fixture
def breakable(opened: Warehouse) -> Iterator[Warehouse]:
    """The sound warehouse in a transaction that is rolled back."""
    opened.execute("BEGIN TRANSACTION")
    yield opened
    opened.execute("ROLLBACK")


def run_after(warehouse: Warehouse, name: str, *statements: str) -> checks.CheckResult:
    """What one check finds after some statements."""
    for statement in statements:
        warehouse.execute(statement)
    (check,) = [check for check in checks.list_checks() if f"{check.table}.{check.name}" == name]
    (result,) = checks.run_checks(warehouse, [check])
    return result


# ---- violations ----


def test_sound_warehouse_breaks_no_check(sound: Config) -> None:
    results = sparkify.check(sound)
    assert [result.check for result in results] == checks.list_checks()
    # One bad record of six is a large share, but that check only warns.
    broken = [f"{result.check.severity} {result.check.name}" for result in results if not result.passed]
    assert broken == ["warn rejected_share_is_small"]


def test_empty_warehouse_breaks_no_check(warehouse: Config) -> None:
    sparkify.create(warehouse)
    assert all(result.passed for result in sparkify.check(warehouse))


def test_every_fail_check_has_a_violation() -> None:
    names = [f"{check.table}.{check.name}" for check in checks.list_checks() if check.severity == "fail"]
    assert sorted(VIOLATIONS) == sorted(names)
    assert {name for name, _ in MORE_VIOLATIONS} <= set(names)


@pytest.mark.parametrize("name", VIOLATIONS)
def test_check_notices_its_violation(breakable: Warehouse, name: str) -> None:
    result = run_after(breakable, name, *VIOLATIONS[name])
    assert not result.passed
    assert result.rows >= len(result.examples) > 0
    assert all(len(example) == len(result.columns) for example in result.examples)


@pytest.mark.parametrize(("name", "statement"), MORE_VIOLATIONS)
def test_check_notices_other_violations(breakable: Warehouse, name: str, statement: str) -> None:
    assert not run_after(breakable, name, statement).passed


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("artists.coordinates_are_on_earth", "UPDATE artists SET latitude = 90.5, longitude = 0"),
        ("artists.coordinates_are_on_earth", "UPDATE artists SET latitude = 0, longitude = -180.5"),
        ("songplays.match_rate_is_useful", "UPDATE songplays SET song_id = NULL, artist_id = NULL, match = NULL"),
        ("songplays.length_is_not_negative", "UPDATE songplays SET song_length = -0.5 WHERE user_id = 1"),
        ("songplays.lengths_are_in_seconds", "UPDATE songplays SET song_length = 218500"),
        ("users.registrations_are_in_milliseconds", "UPDATE users SET registered_at = '1970-01-18' WHERE user_id = 3"),
        ("user_levels.play_has_the_level_of_its_span", _ANOTHER_LEVEL),
        ("staging_events.event_is_not_of_the_future", "UPDATE staging_events SET ts = 4080000000000 WHERE userId = 3"),
        ("staging_events.session_lasts_at_most_a_day", _A_DAY_LATER),
        ("staging_events.times_are_to_the_millisecond", "UPDATE staging_events SET ts = 1541100000000"),
        ("load_files.no_file_failed", "UPDATE load_files SET status = 'failed', read = 0, loaded = 0, rejected = 0"),
        ("rejected_records.rejected_share_is_small", "SELECT 1"),
        *[("songplays.copies_agree", f"{_COPY} REPLACE ({other}) FROM staging_events") for other in _OTHERS],
    ],
)
def test_warning_notices_its_violation(breakable: Warehouse, name: str, statement: str) -> None:
    assert not run_after(breakable, name, statement).passed


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("songplays.copies_agree", f"{_COPY} FROM staging_events"),
        ("songplays.copies_agree", f"{_COPY} REPLACE (itemInSession + 1 AS itemInSession) FROM staging_events"),
        ("songplays.copies_agree", f"{_COPY} REPLACE ('Home' AS page, 'other' AS song) FROM staging_events"),
        ("songplays.length_is_not_negative", "UPDATE songplays SET song_length = 0"),
        ("songplays.lengths_are_in_seconds", "UPDATE songplays SET song_length = 4000 WHERE user_id = 1"),
        ("songplays.lengths_are_in_seconds", "UPDATE songplays SET song_length = NULL"),
        ("users.registrations_are_in_milliseconds", "UPDATE users SET registered_at = '2000-01-01'"),
        ("user_levels.play_has_the_level_of_its_span", "UPDATE songplays SET level = NULL"),
        (
            "staging_events.event_is_not_of_the_future",
            "UPDATE staging_events SET ts = (SELECT epoch_ms(max(finished_at)) + 86_000_000 FROM load_history)",
        ),
        (
            "staging_events.times_are_to_the_millisecond",
            "UPDATE staging_events SET ts = 1541100000000 WHERE userId = 3",
        ),
    ],
)
def test_what_is_only_odd_is_no_warning(breakable: Warehouse, name: str, statement: str) -> None:
    assert run_after(breakable, name, statement).passed


def test_a_load_warns_of_what_it_brought(loaded: Config) -> None:
    """On a refresh a check looks at the touched keys alone."""
    write_ballast(loaded)
    assert sparkify.load(loaded).broken_checks == []
    odd = [
        play(ts=4_080_000_000_001, userId=8, length=-1, registration=1540919166),
        play(level="paid"),
        event(userId=9, sessionId=3, ts=TS + 1),
        event(userId=9, sessionId=3, ts=TS + 86_400_002),
    ]
    write_file(log_file(loaded, "odd.json"), odd)
    result = sparkify.load(loaded)
    assert result.mode == "refresh"
    assert [sentence.partition(":")[0] for sentence in result.broken_checks] == [
        "staging_events.event_is_not_of_the_future",
        "staging_events.session_lasts_at_most_a_day",
        "songplays.copies_agree",
        "songplays.length_is_not_negative",
        "user_levels.play_has_the_level_of_its_span",
        "users.registrations_are_in_milliseconds",
    ]


def test_warning_of_a_late_delivery(warehouse: Config) -> None:
    for number, ts in enumerate([TS, TS + 1, TS + 1, TS]):
        write_file(log_file(warehouse, f"{number}.json"), [event(ts=ts, itemInSession=number)])
        sparkify.load(warehouse)
        late = "last_delivery_is_newest" in [result.check.name for result in sparkify.check(warehouse) if result.rows]
        assert late is (number == 3)


# ---- a load that would break a check ----


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("songplays.user_is_found", "DELETE FROM users WHERE user_id = 1"),
        ("load_files.rejected_is_kept", "DELETE FROM rejected_records"),
        ("load_history.load_is_unique", "INSERT INTO load_history SELECT * FROM load_history WHERE load_id = 1"),
    ],
)
def test_load_that_would_break_a_check_is_rolled_back(loaded: Config, name: str, statement: str) -> None:
    write_ballast(loaded)
    sparkify.load(loaded)
    execute(loaded, statement)
    before = snapshot(loaded)
    # A better match for the play of user 1: the play is recomputed, the user is not.
    path = write_file(song_file(loaded, "late.json"), [song(song_id="SO0"), "no JSON"])
    with pytest.raises(
        CheckError, match=rf"^check {name} found rows that break it \(1\), such as \{{.*Nothing was changed"
    ):
        sparkify.load(loaded)
    assert snapshot(loaded) == before
    assert [file.url for file in sparkify.plan(loaded) if file.is_pending] == [str(path)]


def test_load_repairs_what_it_recomputes(loaded: Config) -> None:
    write_ballast(loaded)
    sparkify.load(loaded)
    execute(loaded, "DELETE FROM songplays WHERE user_id = 1", "UPDATE users SET level = 'false' WHERE user_id = 3")
    write_file(log_file(loaded, "late.json"), [play(userId=1), event(userId=3, sessionId=7)])
    result = sparkify.load(loaded)
    assert (result.status, result.mode) == ("loaded", "refresh")
    assert read_star(loaded) == expected_star(loaded)


def test_refresh_checks_only_what_it_touched(loaded: Config) -> None:
    write_ballast(loaded)
    sparkify.load(loaded)
    execute(loaded, "DELETE FROM users WHERE user_id = 1")
    write_file(log_file(loaded, "late.json"), [event(userId=3, sessionId=7)])
    assert sparkify.load(loaded).mode == "refresh"
    assert "songplays.user_is_found" in failing_checks(loaded)


def test_rebuild_repairs_everything(loaded: Config) -> None:
    execute(loaded, *[f"DELETE FROM {table}" for table in STAR])
    write_file(log_file(loaded, "late.json"), [event(itemInSession=item) for item in range(50)])
    assert sparkify.load(loaded).mode == "rebuild"
    assert read_star(loaded) == expected_star(loaded)
    assert fetch(loaded, "SELECT count(*) FROM users") == [(3,)]


# ---- the files that hold the checks ----

BLOCK = "-- fail: one\n-- Why it matters,\n-- in two lines.\nSELECT 1 AS one\nWHERE FALSE;\n"


def test_blocks_are_parsed() -> None:
    found = checks.parse_checks("users", BLOCK + "\n-- warn: two\n-- Why.\nSELECT 2;")
    assert found == [
        checks.Check("users", "one", "fail", "Why it matters, in two lines.", "SELECT 1 AS one\nWHERE FALSE"),
        checks.Check("users", "two", "warn", "Why.", "SELECT 2"),
    ]
    assert checks.parse_checks("users", "") == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("SELECT 1;\n", 1),
        ("-- A heading.\n\n" + BLOCK, 1),
        (BLOCK + "\nSELECT 1;\n", 1),
        (BLOCK + BLOCK + "-- an afterthought", 6),
        ("-- fail: one\nSELECT 1;\n", 1),
        ("-- fail: one\n-- Why.\n", 1),
        ("-- fail: one\n-- Why.\nSELECT 1\n", 1),
        ("-- fail one\n-- Why.\nSELECT 1;\n", 1),
        ("-- error: one\n-- Why.\nSELECT 1;\n", 1),
        ("-- fail: two words\n-- Why.\nSELECT 1;\n", 1),
        ("-- Fail: one\n-- Why.\nSELECT 1;\n", 1),
        (BLOCK + "-- fail: two\n-- Why.\nSELECT 1; SELECT 2;\n", 6),
        ("-- fail: one = unique(user_id)\n-- Why.\nSELECT 1;\n", 1),
        (BLOCK + "-- fail: one = unique(user_id)\n", 6),
        ("-- fail: one\n-- Why.\nSELECT 1\n-- fail: two\n-- Why.\nSELECT 2;\n", 1),
    ],
)
def test_text_outside_a_block_is_an_error(text: str, line: int) -> None:
    with pytest.raises(ValueError, match=rf"sql/tables/users/checks\.sql, line {line}: this is not a block"):
        checks.parse_checks("users", text)


@pytest.mark.parametrize("rule", ["distinct(user_id)", "unique", "unique()", "unique(a,b)", "found(user_id)"])
def test_a_rule_that_does_not_exist_is_an_error(rule: str) -> None:
    with pytest.raises(ValueError, match=re.escape(rule)):
        checks.parse_checks("users", f"-- fail: one = {rule}\n-- Why.\n")


def test_a_rule_is_narrowed_where_a_load_collects_keys() -> None:
    unique = "-- fail: one = unique(id)\n-- Why.\n"
    (narrowed,), (whole,) = checks.parse_checks("users", unique), checks.parse_checks("load_files", unique)
    assert "WHERE user_id IN (SELECT user_id FROM sparkify_touched_users) -- touched" in narrowed.sql
    assert rebuild_sql(narrowed.sql).replace("users", "load_files") == whole.sql


def test_every_checks_file_belongs_to_a_table() -> None:
    folders = {path.parent.name for path in (Path(sparkify.__file__).parent / "sql" / "tables").glob("*/checks.sql")}
    assert folders == {check.table for check in checks.list_checks()}
    names = [(check.table, check.name) for check in checks.list_checks()]
    assert len(set(names)) == len(names)


def test_checks_are_single_selects() -> None:
    with duckdb.connect() as connection:
        for check in checks.list_checks():
            for sql in (check.sql, rebuild_sql(check.sql)):
                statements = connection.extract_statements(sql)
                assert [statement.type for statement in statements] == [duckdb.StatementType.SELECT], check.name


# ---- few statements ----


@pytest.mark.parametrize("dialect", ["duckdb", "redshift"])
def test_every_check_is_in_one_statement(dialect: str) -> None:
    statements = checks.list_statements(checks.list_checks(), dialect)
    asked = [check for queries in statements.values() for query in queries for check in query.checks]
    assert sorted(asked, key=checks.list_checks().index) == checks.list_checks()
    assert dialect != "redshift" or len(statements) <= 3


def test_together_checks_find_what_each_finds_alone(breakable: Warehouse) -> None:
    for statement in ("DELETE FROM time", "DELETE FROM artists", "UPDATE load_history SET loaded = loaded + 5"):
        breakable.execute(statement)
    alone = [result for check in checks.list_checks() for result in checks.run_checks(breakable, [check])]
    assert checks.run_checks(breakable, checks.list_checks()) == alone
    assert sum(not result.passed for result in alone) > 4


def test_check_says_what_it_looks_at(loaded: Config) -> None:
    told: list[tuple[str, int, int]] = []
    found: list[checks.CheckResult] = []
    results = sparkify.check(loaded, on_statement=lambda *group: told.append(group), on_result=found.append)
    # As they are known, which is another order.
    assert {result.check: result for result in found} == {result.check: result for result in results}
    assert len(found) == len(results)
    assert [name for name, _, _ in told] == list(checks.list_statements(checks.list_checks(), "duckdb"))
    done = [number for _, number, _ in told]
    assert done[0] == 0
    assert done == sorted(set(done))
    assert {total for _, _, total in told} == {len(checks.list_checks())}


# ---- proofs ----

_MOMENTS = [TS, TS + 1, TS + 86_400_000, -1]
_keys = st.tuples(
    st.sampled_from([1, 2]), st.sampled_from([1, 2]), st.sampled_from([0, 1]), st.sampled_from(_MOMENTS)
)  # fmt: skip


# The columns that the proofs read, without NOT NULL.
_SMALL = """CREATE TABLE staging_events (
    page VARCHAR, userId INTEGER, sessionId INTEGER, itemInSession INTEGER, ts BIGINT
);
CREATE TABLE songplays (
    songplay_id VARCHAR, user_id INTEGER, session_id INTEGER, item_in_session INTEGER, start_time TIMESTAMP
);
CREATE TABLE time (start_time TIMESTAMP);
"""


@given(
    staged=st.lists(_keys, max_size=6),
    lost=st.sets(st.integers(0, 5), max_size=2),
    more=st.lists(_keys, max_size=2),
    moments=st.lists(st.sampled_from([*_MOMENTS, None]), max_size=2),
    missing=st.sets(st.sampled_from(_MOMENTS), max_size=1),
    null=st.sampled_from([None, None, None, "songplay_id", "user_id", "start_time"]),
)
@settings(max_examples=30 * TIMES, deadline=None)
def test_a_proof_holds_exactly_where_its_checks_do(
    staged: list[tuple[int, int, int, int]],
    lost: set[int],
    more: list[tuple[int, int, int, int]],
    moments: list[int | None],
    missing: set[int],
    null: str | None,
) -> None:
    """Copies in staging; plays that are missing, twice or of no record; moments likewise; and keys that are NULL."""
    kept = [key for number, key in enumerate(sorted(set(staged))) if number not in lost] + more
    times = [ts for ts in {ts for *_, ts in kept} if ts not in missing] + moments
    day = TS // 86_400_000 + 1
    queries = checks.list_queries(checks.list_checks())
    proofs = [query for query in queries if query.sql not in {check.sql for check in query.checks}]
    assert {query.checks[0].table for query in proofs} == {"songplays", "time"}
    with duckdb.connect() as small:
        small.execute(_SMALL)
        for key in staged:
            rows = "('NextSong', ?, ?, ?, ?), ('Home', ?, ?, ?, ?)"
            small.execute(f"INSERT INTO staging_events VALUES {rows}", [*key, *key])
        for key in kept:
            small.execute("INSERT INTO songplays VALUES ('id', ?, ?, ?, make_timestamp_ms(?))", key)
        for ts in times:
            small.execute("INSERT INTO time VALUES (make_timestamp_ms(?))", [ts])
        if null:
            small.execute(f"UPDATE songplays SET {null} = NULL WHERE start_time = make_timestamp_ms({TS})")
        for query in proofs:
            own = [count_rows(small, check.sql) for check in query.checks]
            assert bool(count_rows(small, query.sql)) is any(own), query.name
            # NULL is of no day: it breaks another check.
            if null != "start_time":
                spans = [checks.Span(None, 0), checks.Span(0, day), checks.Span(day, None)]
                of_days = [count_rows(small, checks.span_sql(query.sql, span)) for span in spans]
                assert any(of_days) is any(own), query.name


def count_rows(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    return len(connection.execute(rebuild_sql(sql)).fetchall())


def test_a_proof_in_spans_of_days_notices_what_the_whole_does(warehouse: Config) -> None:
    days = [TS + number * 86_400_000 for number in range(4)]
    write_file(log_file(warehouse), [play(ts=ts, itemInSession=item) for ts in days for item in range(2)])
    sparkify.load(warehouse)
    proven = [query.checks for query in checks.list_queries(checks.list_checks()) if query.is_proof]
    chosen = [check for group in proven for check in group]
    faults = [
        "SELECT 1",
        "DELETE FROM songplays WHERE item_in_session = 0 AND start_time = (SELECT max(start_time) FROM songplays)",
        "DELETE FROM time WHERE start_time = (SELECT min(start_time) FROM time)",
        "INSERT INTO songplays SELECT * FROM songplays WHERE item_in_session = 1",
        "INSERT INTO time SELECT * REPLACE (start_time + INTERVAL 40 DAY AS start_time) FROM time",
        "UPDATE staging_events SET ts = ts - 5184000000 WHERE itemInSession = 0",
    ]
    with open_warehouse(warehouse) as engine:
        for fault in faults:
            engine.execute("BEGIN TRANSACTION")
            engine.execute(fault)
            whole, spans = (checks.run_checks(engine, chosen, span_plays=plays) for plays in (100, 2))
            # Which rows are the examples is up to the engine.
            assert [(found.check, found.rows) for found in spans] == [(found.check, found.rows) for found in whole]
            assert all(result.passed for result in whole) is (fault == "SELECT 1")
            engine.execute("ROLLBACK")


def test_a_proof_covers_checks_of_its_table_that_exist() -> None:
    names = {f"{check.table}.{check.name}" for check in checks.list_checks()}
    for path in (Path(sparkify.__file__).parent / "sql" / "tables").glob("*/proof.sql"):
        proven = path.read_text(encoding="utf-8").partition("Proves: ")[2].partition(".\n")[0].split(", ")
        assert {f"{path.parent.name}.{name}" for name in proven} <= names


# ---- only what was touched ----


@given(
    staged=st.sets(st.tuples(st.integers(1, 4), st.integers(1, 3))),
    kept=st.sets(st.integers(1, 4)),
    touched=st.sets(st.integers(1, 4)),
    changed=st.sets(st.integers(1, 3)),
)
@settings(max_examples=30 * TIMES, deadline=None)
def test_touched_keys_are_those_staged(
    staged: set[tuple[int, int]], kept: set[int], touched: set[int], changed: set[int]
) -> None:
    """Of the touched keys, and whatever files are called changed: those of rows that left are no longer in any."""
    sql = expand_rule("users", "those_staged(user_id, staging_events, userId)")
    tables: dict[str, Iterable[tuple[int, ...]]] = {
        "staging_events(userId, source_id)": staged, "users(user_id)": {(key,) for key in kept},
        "sparkify_touched_users(user_id)": {(key,) for key in touched},
        "sparkify_changed_files(source_id)": {(key,) for key in changed},
    }  # fmt: skip
    with duckdb.connect() as small:
        for table, rows in tables.items():
            small.execute(f"CREATE TABLE {table.replace(',', ' INTEGER,').replace(')', ' INTEGER)')}")
            if rows:
                values = ", ".join(f"({', '.join(map(str, row))})" for row in rows)
                small.execute(f"INSERT INTO {table} VALUES {values}")
        found = {one or other for one, other in small.execute(sql).fetchall()}
    assert found == touched & (kept ^ {key for key, _ in staged})


def test_a_session_that_goes_on_in_another_file_is_warned_of(loaded: Config) -> None:
    write_ballast(loaded)
    write_file(log_file(loaded, "first.json"), [event(userId=9, sessionId=3, ts=TS)])
    assert sparkify.load(loaded).broken_checks == []
    write_file(log_file(loaded, "last.json"), [event(userId=9, sessionId=3, ts=TS + 86_400_001)])
    result = sparkify.load(loaded)
    assert result.mode == "refresh"
    assert [sentence.partition(":")[0] for sentence in result.broken_checks] == [
        "staging_events.session_lasts_at_most_a_day"
    ]


def test_an_event_that_makes_an_older_play_disagree_is_warned_of(loaded: Config) -> None:
    write_ballast(loaded)
    assert sparkify.load(loaded).broken_checks == []
    write_file(log_file(loaded, "later.json"), [event(userId=1, sessionId=9, level="paid", ts=TS)])
    result = sparkify.load(loaded)
    assert result.mode == "refresh"
    assert [sentence.partition(":")[0] for sentence in result.broken_checks] == [
        "user_levels.play_has_the_level_of_its_span"
    ]
