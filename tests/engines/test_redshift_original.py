"""The files of the original project on Redshift: its functions, its statements, its two scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redshift_connector
from redshift_connector.core import Connection
from redshift_connector.cursor import Cursor

import create_tables
import etl
import sparkify
import sql_queries
from sparkify.errors import EngineError, SparkifyError, UsageError
from sparkify.settings import Config
from sparkify.star.tables import STAR, TABLES, VERSION
from tests.engines.commands import ROOT, run_python
from tests.engines.conftest import redshift_config
from tests.redshift.server import Redshift
from tests.support import (
    event,
    expected_star,
    failing_checks,
    fetch,
    log_file,
    play,
    read_star,
    song,
    song_file,
    write_file,
)


@pytest.fixture
def config(redshift: Redshift, tmp_path: Path) -> Config:
    """Sources with something of everything, named by a dwh.cfg of the original's keys, and an empty database."""
    config = redshift_config(redshift, tmp_path)
    write_file(log_file(config, "a.json"), [play(), play(userId=2, song="Starlight"), event(userId=3), "no JSON"])
    write_file(log_file(config, "b.json"), [play(), play(userId=2, itemInSession=1, level="paid")])
    write_file(song_file(config), [song(), song(song_id="SO2", title="Starlight", year=0)])
    Path("dwh.cfg").write_text(
        f"""[CLUSTER]
HOST='{redshift.host}'
DB_NAME='{config.warehouse_address.rpartition("/")[2]}'
DB_USER='{redshift.user}'
DB_PASSWORD='{redshift.password}'
DB_PORT='{redshift.port}'

[IAM_ROLE]
ARN='{config.arn}'

[S3]
LOG_DATA='{config.log_data}'
LOG_JSONPATH='s3://udacity-dend/log_json_path.json'
SONG_DATA='{config.song_data}'
STAGE='{config.stage}'
""",
        encoding="utf-8",
    )
    return config


@pytest.fixture
def conn(redshift: Redshift, config: Config) -> Iterator[Connection]:
    """As the driver opens it: with verified TLS, not in autocommit."""
    connection = redshift_connector.connect(
        host=redshift.host, port=redshift.port, database=config.warehouse_address.rpartition("/")[2],
        user=redshift.user, password=redshift.password, sslmode="verify-full",
    )  # fmt: skip
    yield connection
    connection.close()


@pytest.fixture
def cur(conn: Connection) -> Cursor:
    return conn.cursor()


def tables(cur: Cursor) -> set[str]:
    cur.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name for (name,) in cur.fetchall()}


# ---- the functions ----


def test_the_whole_run(config: Config, conn: Connection, cur: Cursor) -> None:
    create_tables.drop_tables(cur, conn)
    create_tables.create_tables(cur, conn)
    assert tables(cur) == {*TABLES, *VERSION}
    etl.load_staging_tables(cur, conn)
    etl.insert_tables(cur, conn)
    # Another session sees everything: nothing waits for a commit by the caller.
    assert read_star(config) == expected_star(config)
    assert failing_checks(config) == []
    assert fetch(config, "SELECT read, loaded, rejected FROM load_history") == [(8, 7, 1)]


def test_functions_are_idempotent(config: Config, conn: Connection, cur: Cursor) -> None:
    for _ in range(2):
        create_tables.create_tables(cur, conn)
        etl.load_staging_tables(cur, conn)
        etl.insert_tables(cur, conn)
    assert read_star(config) == expected_star(config)
    assert fetch(config, "SELECT count(*) FROM load_history") == [(1,)]
    assert sparkify.load(config).status == "nothing_to_do"


def test_drop_tables_drops_everything_and_once_more(conn: Connection, cur: Cursor) -> None:
    create_tables.create_tables(cur, conn)
    create_tables.drop_tables(cur, conn)
    assert tables(cur) == set()
    create_tables.drop_tables(cur, conn)


def test_drop_tables_after_a_load_leaves_nothing(config: Config, conn: Connection, cur: Cursor) -> None:
    etl.load_staging_tables(cur, conn)
    create_tables.drop_tables(cur, conn)
    assert fetch(config, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()") == []


@pytest.mark.parametrize("function", [create_tables.create_tables, etl.insert_tables, etl.load_staging_tables])
def test_cursor_without_its_connection_is_refused(config: Config, cur: Cursor, function: Any) -> None:
    with pytest.raises(UsageError, match="needs its connection too; give both, cur and conn"):
        function(cur, None)


def test_insert_tables_recomputes_the_star(config: Config, conn: Connection, cur: Cursor) -> None:
    etl.load_staging_tables(cur, conn)
    for table in STAR:
        cur.execute(f"DELETE FROM {table}")
    etl.insert_tables(cur, conn)
    assert read_star(config) == expected_star(config)


def test_what_the_caller_left_open_is_committed_first(config: Config, conn: Connection, cur: Cursor) -> None:
    cur.execute("CREATE TABLE theirs (a INT)")
    cur.execute("INSERT INTO theirs VALUES (%s)", (7,))
    create_tables.create_tables(cur, conn)
    assert fetch(config, "SELECT a FROM theirs") == [(7,)]


def test_the_callers_connection_is_left_as_it_was(conn: Connection, cur: Cursor) -> None:
    cur.execute("SELECT %s", (1,))
    create_tables.create_tables(cur, conn)
    etl.load_staging_tables(cur, conn)
    assert (conn.autocommit, conn.in_transaction, cur.paramstyle) == (False, False, "format")
    cur.execute("SELECT %s", (2,))
    assert cur.fetchall() == ([2],)
    assert conn.in_transaction
    conn.rollback()


def test_autocommit_of_the_callers_is_kept(conn: Connection, cur: Cursor) -> None:
    conn.autocommit = True
    create_tables.create_tables(cur, conn)
    assert conn.autocommit
    assert tables(cur) == {*TABLES, *VERSION}


def test_load_that_fails_leaves_nothing_and_a_connection_that_works(
    redshift: Redshift, config: Config, conn: Connection, cur: Cursor
) -> None:
    create_tables.create_tables(cur, conn)
    redshift.roles.clear()
    with pytest.raises(EngineError, match="not attached to the cluster"):
        etl.load_staging_tables(cur, conn)
    assert not conn.in_transaction
    cur.execute("SELECT count(*) FROM load_files")
    assert cur.fetchall() == ([0],)
    conn.rollback()


def test_connection_that_is_closed_is_reported(
    conn: Connection, cur: Cursor, redshift: Redshift, config: Config
) -> None:
    other = redshift_connector.connect(
        host=redshift.host, port=redshift.port, database=config.warehouse_address.rpartition("/")[2],
        user=redshift.user, password=redshift.password, sslmode="verify-full",
    )  # fmt: skip
    cursor = other.cursor()
    other.close()
    with pytest.raises(SparkifyError, match="connection"):
        create_tables.create_tables(cursor, other)


# ---- the statements ----


@pytest.mark.usefixtures("config")
def test_statements_are_redshifts() -> None:
    created = "\n".join(sql_queries.create_table_queries)
    assert "DISTSTYLE" in created.upper()
    assert "SORTKEY" in created.upper()
    assert sql_queries.songplay_table_create in sql_queries.create_table_queries


def test_lists_work_on_a_plain_cursor(config: Config, conn: Connection, cur: Cursor) -> None:
    sparkify.create(config)
    for _ in range(2):
        for query in sql_queries.drop_table_queries + sql_queries.create_table_queries:
            cur.execute(query)
            conn.commit()
    assert tables(cur) == {*TABLES, *VERSION}


def test_lists_build_the_star_on_a_plain_cursor(config: Config, conn: Connection, cur: Cursor) -> None:
    etl.load_staging_tables(cur, conn)
    for table in STAR:
        cur.execute(f"DELETE FROM {table}")
    for query in sql_queries.insert_table_queries:
        cur.execute(query)
        conn.commit()
    assert read_star(config) == expected_star(config)


# ---- the scripts ----


def test_scripts_drop_create_and_load(config: Config) -> None:
    sparkify.load(config)
    created = run_python(ROOT / "create_tables.py")
    assert (created.code, created.out) == (0, "")
    assert "created: staging_events" in created.err
    assert not any(read_star(config).values())
    loaded = run_python(ROOT / "etl.py")
    assert loaded.code == 0
    assert all(line.startswith("warning: ") for line in loaded.err.splitlines())
    assert "loaded: 3 new" in loaded.out
    assert read_star(config) == expected_star(config)


def test_script_that_fails_ends_with_a_sentence(redshift: Redshift, config: Config) -> None:
    redshift.roles.clear()
    ended = run_python(ROOT / "etl.py")
    assert (ended.code, ended.out) == (4, "")
    assert ended.err.startswith("sparkify: Redshift says 'User ")
    assert "not attached to the cluster" in ended.err
    assert redshift.password not in ended.err
