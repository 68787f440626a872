"""The files of the original project: its functions on plain cursors, its statements, its two scripts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

import create_tables
import etl
import sparkify
import sql_queries
from sparkify.errors import ConfigError, UsageError
from sparkify.settings import Config, load_config
from sparkify.star.tables import STAR, TABLES, VERSION
from tests.support import (
    event,
    expected_star,
    failing_checks,
    fetch,
    log_file,
    play,
    read_star,
    snapshot,
    song,
    song_file,
    strip_progress,
    write_file,
)

ROOT = Path(__file__).parents[1]
SECRET = "hunter2"

# The names that the original's sql_queries.py has, in its order.
DROPS = [
    "staging_events_table_drop", "staging_songs_table_drop", "songplay_table_drop", "user_table_drop",
    "song_table_drop", "artist_table_drop", "time_table_drop",
]  # fmt: skip
CREATES = [
    "staging_events_table_create", "staging_songs_table_create", "songplay_table_create", "user_table_create",
    "song_table_create", "artist_table_create", "time_table_create",
]  # fmt: skip
INSERTS = [
    "songplay_table_insert", "user_table_insert", "song_table_insert", "artist_table_insert", "time_table_insert",
]  # fmt: skip
COPIES = ["staging_events_copy", "staging_songs_copy"]


def statement(name: str) -> str:
    found = getattr(sql_queries, name)
    assert isinstance(found, str)
    return found


def write_config(config: Config, *lines: str) -> None:
    """A dwh.cfg with the warehouse and its sources, in quotes as in the original."""
    text = f"[S3]\nLOG_DATA='{config.log_data}'\nSONG_DATA='{config.song_data}'\n"
    text += f"[SPARKIFY]\nWAREHOUSE='{config.warehouse_address}'\n"
    Path("dwh.cfg").write_text(text + "\n".join(lines), encoding="utf-8")


@pytest.fixture
def configured(warehouse: Config) -> Config:
    """Sources with something of everything, named by the dwh.cfg of the working folder."""
    write_file(log_file(warehouse, "a.json"), [play(), play(userId=2, song="Starlight"), event(userId=3), "no JSON"])
    write_file(log_file(warehouse, "b.json"), [play(), play(userId=2, itemInSession=1, level="paid")])
    write_file(song_file(warehouse), [song(), song(song_id="SO2", title="Starlight", year=0)])
    write_config(warehouse)
    return warehouse


@pytest.fixture
def conn(configured: Config) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(configured.warehouse_address)
    yield connection
    connection.close()


@pytest.fixture
def cur(conn: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    cursor = conn.cursor()
    yield cursor
    cursor.close()


Cursor = duckdb.DuckDBPyConnection


def tables(cur: Cursor) -> set[str]:
    return {name for (name,) in cur.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary").fetchall()}


# ---- the functions ----


def test_the_whole_run(configured: Config, conn: Cursor, cur: Cursor) -> None:
    create_tables.drop_tables(cur, conn)
    create_tables.create_tables(cur, conn)
    assert tables(cur) == {*TABLES, *VERSION}
    etl.load_staging_tables(cur, conn)
    etl.insert_tables(cur, conn)
    # Another connection sees everything: nothing waits for a commit by the caller.
    assert conn.execute("SELECT count(*) FROM songplays").fetchall() == [(3,)]
    cur.close()
    conn.close()
    assert read_star(configured) == expected_star(configured)
    assert failing_checks(configured) == []
    assert fetch(configured, "SELECT read, loaded, rejected FROM load_history") == [(8, 7, 1)]


def test_functions_are_idempotent(configured: Config, conn: Cursor, cur: Cursor) -> None:
    for _ in range(2):
        create_tables.create_tables(cur, conn)
        etl.load_staging_tables(cur, conn)
        etl.insert_tables(cur, conn)
    cur.close()
    conn.close()
    assert read_star(configured) == expected_star(configured)
    assert fetch(configured, "SELECT count(*) FROM load_history") == [(1,)]
    assert sparkify.load(configured).status == "nothing_to_do"


def test_create_tables_keeps_what_is_there(conn: Cursor, cur: Cursor) -> None:
    etl.load_staging_tables(cur, conn)
    create_tables.create_tables(cur, conn)
    assert conn.execute("SELECT count(*) FROM staging_events").fetchall() == [(5,)]


def test_drop_tables_drops_everything_and_once_more(conn: Cursor, cur: Cursor) -> None:
    etl.load_staging_tables(cur, conn)
    create_tables.drop_tables(cur, conn)
    assert tables(cur) == set()
    create_tables.drop_tables(cur, conn)
    create_tables.create_tables(cur, conn)
    etl.load_staging_tables(cur, conn)
    assert conn.execute("SELECT count(*) FROM songplays").fetchall() == [(3,)]


def test_insert_tables_recomputes_the_star(configured: Config, conn: Cursor, cur: Cursor) -> None:
    etl.load_staging_tables(cur, conn)
    for table in STAR:
        cur.execute(f"DELETE FROM {table}")
    etl.insert_tables(cur, conn)
    cur.close()
    conn.close()
    assert read_star(configured) == expected_star(configured)


def test_insert_tables_of_empty_staging(conn: Cursor, cur: Cursor) -> None:
    create_tables.create_tables(cur, conn)
    etl.insert_tables(cur, conn)
    assert [conn.execute(f"SELECT count(*) FROM {table}").fetchall() for table in STAR] == [[(0,)]] * len(STAR)


def test_foreign_tables_are_left_alone(conn: Cursor, cur: Cursor) -> None:
    conn.execute("CREATE TABLE users AS SELECT 5 AS user_id")
    for function in (create_tables.drop_tables, create_tables.create_tables, etl.insert_tables):
        with pytest.raises(UsageError, match="has other tables with the names of sparkify's tables"):
            function(cur, conn)
    assert conn.execute("SELECT * FROM users").fetchall() == [(5,)]


@pytest.mark.parametrize(
    "function", [create_tables.drop_tables, create_tables.create_tables, etl.load_staging_tables, etl.insert_tables]
)
def test_cursor_of_another_driver_is_refused(configured: Config, function: Callable[[object, object], None]) -> None:
    with pytest.raises(UsageError, match=r"a cursor of .* is not supported"):
        function(object(), object())


# ---- the statements ----


@pytest.mark.parametrize(
    ("listed", "names"),
    [("drop_table_queries", DROPS), ("create_table_queries", CREATES), ("insert_table_queries", INSERTS)],
)
def test_lists_hold_the_statements(listed: str, names: list[str]) -> None:
    statements = getattr(sql_queries, listed)
    assert isinstance(statements, list)
    assert all(isinstance(sql, str) for sql in statements)
    # In an order that foreign keys allow.
    assert {statement(name) for name in names} <= set(statements)
    assert len(set(statements)) == len(statements)


def test_copy_list_holds_the_statements(configured: Config) -> None:
    assert sql_queries.copy_table_queries == [statement(name) for name in COPIES]


def test_lists_work_on_a_plain_cursor(configured: Config, cur: Cursor) -> None:
    for query in sql_queries.create_table_queries:
        cur.execute(query)
    assert tables(cur) == {*TABLES, *VERSION}
    for query in sql_queries.insert_table_queries:
        cur.execute(query)
    for query in sql_queries.drop_table_queries:
        cur.execute(query)
    assert tables(cur) == set()


def test_load_into_tables_made_by_a_plain_cursor(configured: Config) -> None:
    with duckdb.connect(configured.warehouse_address) as connection:
        for query in sql_queries.create_table_queries:
            connection.execute(query)
    sparkify.load(configured)
    assert read_star(configured) == expected_star(configured)
    assert sparkify.status(configured).version.is_current


def test_single_inserts_build_the_star_on_a_plain_cursor(configured: Config) -> None:
    sparkify.load(configured)
    before = snapshot(configured)
    connection = duckdb.connect(configured.warehouse_address)
    try:
        cursor = connection.cursor()
        for table in ("songplays", "users", "songs", "artists", "time"):
            cursor.execute(f"DELETE FROM {table}")
        for name in INSERTS:
            cursor.execute(statement(name))
        cursor.close()
    finally:
        connection.close()
    assert snapshot(configured) == before


@pytest.mark.parametrize(
    ("drop", "create", "table"),
    [
        ("staging_events_table_drop", "staging_events_table_create", "staging_events"),
        ("staging_songs_table_drop", "staging_songs_table_create", "staging_songs"),
        ("songplay_table_drop", "songplay_table_create", "songplays"),
        ("user_table_drop", "user_table_create", "users"),
        ("song_table_drop", "song_table_create", "songs"),
        ("artist_table_drop", "artist_table_create", "artists"),
        ("time_table_drop", "time_table_create", "time"),
    ],
)
def test_single_statements_by_their_old_names(cur: Cursor, drop: str, create: str, table: str) -> None:
    cur.execute(statement(drop))
    cur.execute(statement(create))
    assert tables(cur) == {table}
    cur.execute(statement(drop))
    assert tables(cur) == set()


def test_other_names_are_unknown() -> None:
    with pytest.raises(AttributeError, match="no attribute 'songplay_table_copy'"):
        statement("songplay_table_copy")


# ---- COPY ----


def test_copy_of_nothing_configured_reads_the_public_bucket() -> None:
    events, songs = sql_queries.copy_table_queries
    assert events.startswith("COPY staging_events FROM 's3://udacity-dend/log_data/' IAM_ROLE default ")
    assert "'s3://udacity-dend/log_json_path.json'" in events
    assert songs.startswith("COPY staging_songs FROM 's3://udacity-dend/song_data/' IAM_ROLE default ")
    assert all("REGION 'us-west-2'" in sql for sql in (events, songs))


@pytest.mark.parametrize("slash", ["", "/", "//"])
def test_copy_ends_folders_with_one_slash(slash: str) -> None:
    # Without it COPY would take log_data_old/ as well.
    Path("dwh.cfg").write_text(f"[S3]\nLOG_DATA=s3://b/log{slash}\nSONG_DATA=s3://b/song{slash}\n", encoding="utf-8")
    assert "FROM 's3://b/log/' " in statement("staging_events_copy")
    assert "FROM 's3://b/song/' " in statement("staging_songs_copy")


def test_copy_quotes_its_literals() -> None:
    lines = ["[S3]", r"LOG_DATA=s3://b/it's\log", "LOG_JSONPATH=s3://b/o'paths.json", "[IAM_ROLE]", "ARN=arn:x'; DROP"]
    Path("dwh.cfg").write_text("\n".join(lines), encoding="utf-8")
    sql = statement("staging_events_copy")
    assert r"FROM 's3://b/it''s\\log/' " in sql
    assert "JSON 's3://b/o''paths.json' " in sql
    assert "IAM_ROLE 'arn:x''; DROP' " in sql


def test_copy_follows_the_settings_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("dwh.cfg").write_text("[S3]\nLOG_DATA=s3://b/log\n", encoding="utf-8")
    assert "'s3://b/log/'" in statement("staging_events_copy")
    monkeypatch.setenv("SPARKIFY_LOG_DATA", "s3://b/other")
    assert "'s3://b/other/'" in statement("staging_events_copy")


def test_copy_reads_no_folder_of_this_machine(configured: Config) -> None:
    assert "FROM 's3://udacity-dend/log_data/' " in statement("staging_events_copy")
    assert "FROM 's3://udacity-dend/song_data/' " in statement("staging_songs_copy")


def test_no_statement_holds_a_password(configured: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(configured, "[CLUSTER]", "HOST=cluster.example", f"DB_PASSWORD={SECRET}", "DB_USER=awsuser")
    password = load_config().db_password
    assert password is not None
    assert password.reveal() == SECRET
    lists = [sql_queries.copy_table_queries, sql_queries.create_table_queries, sql_queries.insert_table_queries]
    assert not any(SECRET in sql for queries in lists for sql in queries)
    monkeypatch.setenv("SPARKIFY_DB_PASSWORD", SECRET)
    assert not any(SECRET in sql for sql in sql_queries.copy_table_queries)


# ---- the scripts ----


def run_python(*arguments: str | Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a Python process in the working folder; a script finds the modules beside it without a path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=environment | ({"PYTHONPATH": str(path)} if path else {}),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", timeout=120,
    )  # fmt: skip


@pytest.mark.slow
def test_scripts_drop_create_and_load(configured: Config) -> None:
    sparkify.load(configured)
    created = run_python(ROOT / "create_tables.py")
    assert (created.returncode, created.stdout) == (0, "")
    assert "created: staging_events" in created.stderr
    assert {len(rows) for rows in snapshot(configured).values()} == {0}
    loaded = run_python(ROOT / "etl.py")
    assert loaded.returncode == 0
    assert all(line.startswith("warning: ") for line in strip_progress(loaded.stderr).splitlines())
    assert "loaded: 3 new" in loaded.stdout
    assert read_star(configured) == expected_star(configured)
    before = snapshot(configured)
    assert "nothing to do" in run_python(ROOT / "etl.py").stdout
    assert snapshot(configured) == before


def test_scripts_without_settings_work_on_the_embedded_warehouse() -> None:
    assert run_python(ROOT / "create_tables.py").returncode == 0
    assert Path("sparkify.duckdb").is_file()
    ended = run_python(ROOT / "etl.py")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("sparkify: no source is set")


def test_import_reads_no_settings() -> None:
    Path("dwh.cfg").write_text(f"this is {SECRET}, no settings file\n", encoding="utf-8")
    ended = run_python("-c", "import create_tables, etl, sql_queries; print('imported')", path=ROOT)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "imported\n", "")
    with pytest.raises(ConfigError) as caught:
        statement("staging_events_copy")
    assert SECRET not in str(caught.value)
    ended = run_python(ROOT / "etl.py")
    assert ended.returncode == 2
    assert ended.stderr.startswith("sparkify: cannot read dwh.cfg")
    assert SECRET not in ended.stderr
