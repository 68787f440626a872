"""The SQL that Redshift gets: the statements on file are those that the stand-in receives now."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sparkify
from sparkify.errors import EngineError
from sparkify.settings import Config
from sparkify.sql import Value, create_sql, list_columns
from sparkify.star.changes import StarChange
from sparkify.star.tables import TABLES
from sparkify.warehouses import Warehouse, open_warehouse
from tests.engines.conftest import ROLE, redshift_config
from tests.engines.statements import FOLDER, record_files
from tests.redshift.server import Redshift
from tests.support import TIMES, event, log_file, play, settle, song, song_file, write_file

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    # AWS's driver reads an earlier date in binary ten days too late.
    st.dates(min_value=dt.date(1612, 10, 14)),
    st.datetimes(),
    st.text(
        st.one_of(st.sampled_from("'\"\\$1-/*"), st.characters(exclude_characters="\0", codec="utf-8")), max_size=50
    ),
)


@pytest.fixture
def config(redshift: Redshift, tmp_path: Path) -> Config:
    return redshift_config(redshift, tmp_path)


@pytest.fixture
def asked(config: Config) -> Iterator[Warehouse]:
    with open_warehouse(config) as engine:
        yield engine


def test_statements_on_file_are_those_of_today(redshift: Redshift, tmp_path: Path) -> None:
    received = record_files(redshift, tmp_path)
    on_file = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert on_file == received, "run `make docs`, and review the difference"


def test_role_is_named_and_no_key() -> None:
    copies = re.findall(r"(?m)^COPY .*", "".join(path.read_text(encoding="utf-8") for path in FOLDER.iterdir()))
    assert len(copies) > 4
    assert all(f" IAM_ROLE '{ROLE}' " in copy for copy in copies)
    assert not any(word in copy for copy in copies for word in ("CREDENTIALS", "ACCESS_KEY"))


# ---- values ----


def test_values_are_bound_in_an_insert_only() -> None:
    """Redshift may refuse a bound value below a subquery, a CTE or a LIMIT."""
    text = "".join(path.read_text(encoding="utf-8") for path in FOLDER.iterdir())
    statements = re.sub(r"(?m)^-- .*\n\n", "", text).split(";\n\n")
    bound = [sql for sql in statements if re.search(r"\$\d", sql)]
    assert bound
    assert [sql for sql in bound if not re.match(r"INSERT INTO \w+ \([^)]*\)\nVALUES \(", sql)] == []


@settings(deadline=None, max_examples=30 * TIMES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(VALUES, min_size=1, max_size=5))
def test_values_come_back_as_they_were_sent(asked: Warehouse, values: list[Value]) -> None:
    kinds = {str: "VARCHAR(4096)", int: "BIGINT", float: "DOUBLE PRECISION", dt.datetime: "TIMESTAMP", dt.date: "DATE"}
    chosen = ", ".join(
        f"cast(${place} AS {kinds.get(type(value), 'BOOLEAN')})" for place, value in enumerate(values, 1)
    )
    # Below a subquery, where nothing can be bound; what stands in quotes and comments is no parameter.
    sql = f"SELECT answered.* FROM (SELECT {chosen}, '$1' AS quoted /* $9 */) AS answered -- $9"
    assert asked.fetch(sql, values) == [(*values, "$1")]


def test_value_without_a_literal_is_told(config: Config) -> None:
    with open_warehouse(config) as engine, pytest.raises(EngineError, match=r"there is no literal for 'a\\x00b'"):
        engine.fetch("SELECT $1", ["a\0b"])


# ---- round trips ----

# What one more file takes beyond 45 statements, by its reason. Each is a round trip that has to be one.
BEYOND = {
    "each of the two transactions begins and ends": r"BEGIN|COMMIT",
    "each waits for the lock, and not without end": r"(SET|RESET) statement_timeout.*|LOCK load_lock",
    "each COPY is asked how many rows it took": r"SELECT pg_last_copy_count\(\)",
}


def test_a_load_takes_few_statements(redshift: Redshift, config: Config) -> None:
    settle(write_file(log_file(config, "a.json"), [play(), *(event(itemInSession=item) for item in range(60))]))
    settle(write_file(song_file(config), [song()]))
    sparkify.load(config)
    redshift.statements.clear()
    assert sparkify.load(config).status == "nothing_to_do"
    assert len(redshift.statements) <= 10
    settle(write_file(log_file(config, "b.json"), [play(itemInSession=3, userId=9)]))
    redshift.statements.clear()
    assert sparkify.load(config).mode == "refresh"
    beyond = [sql for sql in redshift.statements if any(re.fullmatch(one, sql) for one in BEYOND.values())]
    assert len(beyond) == 12
    assert len(redshift.statements) - len(beyond) <= 45
    # The catalogue did not change, and a permanent table is never dropped.
    assert not any("sparkify_touched_names" in sql or "sparkify_touched_songs" in sql for sql in redshift.statements)
    assert not any(sql.startswith("DROP") for sql in redshift.statements)


# ---- what is read of the history ----

PLAYS = 100_000
NEW_PLAYS = 1_000
# The indices play the blocks that Redshift skips by the ranges of its sort keys.
HISTORY = f"""
INSERT INTO staging_events (itemInSession, page, sessionId, ts, userId, song, artist, level, source_id, line)
SELECT n % 50, 'NextSong', n / 50, 1541105830796 + n * 20000::bigint, n / 50 % 500, 'song ' || n % 900,
    'artist ' || n % 90, 'free', n / 1000, n % 1000
FROM generate_series(0, {PLAYS + NEW_PLAYS - 1}) AS n;
INSERT INTO songplays (songplay_id, start_time, user_id, session_id, item_in_session, song_title, artist_name, level)
SELECT md5(userId || '|' || sessionId || '|' || itemInSession || '|' || ts),
    TIMESTAMP '1970-01-01' + ts * INTERVAL '1 millisecond', userId, sessionId, itemInSession, song, artist, level
FROM staging_events WHERE source_id < {PLAYS // 1000};
INSERT INTO time (start_time, hour, day, week, month, year, weekday) SELECT start_time, 0, 0, 0, 0, 0, 0 FROM songplays;
INSERT INTO users (user_id, level) SELECT n, 'free' FROM generate_series(0, 499) AS n;
INSERT INTO user_levels (user_id, level, valid_from)
SELECT user_id, 'free', min(start_time) FROM songplays GROUP BY user_id;
INSERT INTO normalized_texts (text) SELECT song FROM staging_events UNION SELECT artist FROM staging_events;
INSERT INTO load_history (load_id, started_at, status, files, read, loaded, rejected, version, detail)
VALUES (1, '2018-12-01', 'loaded', 0, {PLAYS + NEW_PLAYS}, {PLAYS + NEW_PLAYS}, 0, '1', '{{}}');
INSERT INTO load_files (source_id, load_id, dataset, url, etag, size, modified, read, loaded, rejected, status)
SELECT n, 1, 'events', n, n, 1, '2018-12-01', 1000, 1000, 0, 'loaded'
FROM generate_series(0, {(PLAYS + NEW_PLAYS) // 1000 - 1}) AS n;
CREATE INDEX ON staging_events (ts);
CREATE INDEX ON staging_events (source_id);
CREATE INDEX ON songplays (start_time);
CREATE INDEX ON time (start_time);
ANALYZE;
"""
COUNT_READ = """SELECT relname, seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables
WHERE relname IN ('staging_events', 'songplays', 'time')"""


def test_a_new_day_reads_the_history_by_ranges(redshift: Redshift, config: Config) -> None:
    sparkify.create(config)
    database = config.warehouse_address.rpartition("/")[2]
    redshift.wait_until_left(database)
    with redshift.connect_postgres(database) as eye:
        for statement in HISTORY.split(";\n")[:-1]:
            eye.execute(statement)
    # What a session has read is counted when it ends.
    redshift.wait_until_left(database)
    with redshift.connect_postgres(database) as eye:
        eye.execute("SELECT pg_stat_reset()")
    with open_warehouse(config) as engine, engine.transaction():
        change = StarChange(engine)
        change.enter([PLAYS // 1000])
        change.refresh()
        change.check()
    redshift.wait_until_left(database)
    with redshift.connect_postgres(database) as eye:
        read = {str(table): int(str(rows)) for table, rows in eye.execute(COUNT_READ)}
        assert eye.execute("SELECT count(*) FROM songplays").fetchall() == [(PLAYS + NEW_PLAYS,)]
    # Each table is read several times, and never as a whole.
    assert max(read.values()) < 30 * NEW_PLAYS


# ---- the tables ----


def test_tables_as_redshift_made_them(redshift: Redshift, config: Config) -> None:
    """Names in order, as the server lists them; it folds them to lower case."""
    sparkify.create(config)
    with redshift.connect_postgres(config.warehouse_address.rpartition("/")[2]) as connection:
        made = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
            "ORDER BY table_name, ordinal_position"
        ).fetchall()
    expected = [(table, name.lower()) for table in sorted(TABLES) for name in list_columns(table)]
    assert [column for column in made if column[0] in TABLES] == expected


def test_keys_and_encodings_are_changed_in_place(redshift: Redshift, config: Config) -> None:
    """Those of older code, by statements of their own. What is refused is told, and tried again."""
    write_file(log_file(config), [play()])
    sparkify.load(config)
    with open_warehouse(config) as engine:
        for older in ("songplays ALTER DISTSTYLE EVEN", "time ALTER DISTSTYLE AUTO", "users ALTER SORTKEY (level)"):
            engine.execute(f"ALTER TABLE {older}")
        engine.execute("ALTER TABLE songplays ALTER COLUMN songplay_id ENCODE RAW")
    redshift.fault = lambda sql, place: "error_1023" if sql.startswith("ALTER TABLE time") else "none"
    redshift.statements.clear()
    steps = sparkify.migrate(config).steps
    changes = [
        "time ALTER DISTSTYLE KEY DISTKEY start_time",
        "users ALTER SORTKEY (user_id)",
        "songplays ALTER DISTSTYLE KEY DISTKEY start_time",
        "users ALTER COLUMN level ENCODE ZSTD",
        "songplays ALTER COLUMN songplay_id ENCODE ZSTD",
    ]
    assert [sql for sql in redshift.statements if sql.startswith("ALTER")] == [f"ALTER TABLE {one}" for one in changes]
    assert steps[1] == "changed the storage of users: ALTER SORTKEY (user_id)"
    assert re.fullmatch(r"time is stored as before, until sparkify migrate tries again: .*\(1023: .*", steps[0])
    redshift.fault = lambda sql, place: "none"
    assert sparkify.migrate(config).steps == ["changed the storage of time: ALTER DISTSTYLE KEY DISTKEY start_time"]
    assert sparkify.migrate(config).status == "nothing_to_do"
    redshift.fault = lambda sql, place: "error_1018" if "pg_table_def" in sql else "none"
    assert sparkify.migrate(config).steps[0].startswith("how the tables are stored cannot be read")


@pytest.mark.parametrize("table", TABLES)
def test_no_trap_in_the_types(table: str) -> None:
    text = create_sql(table, "redshift")
    assert not re.search(r"\b(DECIMAL|NUMERIC|TEXT|REAL|FLOAT|IDENTITY)\b", text)
    assert all(re.fullmatch(r"VARCHAR\(\d+\)|CHAR\(32\)", kind) for kind in re.findall(r"V?A?R?CHAR\b\(?\d*\)?", text))
    # If one column has an encoding, Redshift does not choose the others.
    assert text.count(" ENCODE ") == len(list_columns(table))
    assert "SORTKEY" in text
    assert "DISTSTYLE" in text
