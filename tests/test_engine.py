"""The interface of a warehouse, tested with a real DuckDB file."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sparkify.errors import EngineError, LockedError, NoWarehouseError, SparkifyError, UsageError
from sparkify.settings import load_config
from sparkify.sql import quote
from sparkify.warehouses import Warehouse, open_warehouse, wrap_cursor
from sparkify.warehouses.redshift.stage import copy_sql

WAREHOUSE = "warehouse.duckdb"


@contextmanager
def opened(**settings: Any) -> Iterator[Warehouse]:
    with open_warehouse(load_config(**{"warehouse": WAREHOUSE} | settings)) as engine:
        yield engine


@contextmanager
def wrapped() -> Iterator[Warehouse]:
    connection = duckdb.connect(WAREHOUSE)
    try:
        yield wrap_cursor(connection.cursor())
    finally:
        connection.close()


@pytest.fixture(params=[opened, wrapped], ids=["opened", "wrapped"])
def engine(request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    with request.param() as engine:
        engine.execute("CREATE TABLE plays (id INTEGER, title VARCHAR, moment TIMESTAMP)")
        yield engine


def titles(engine: Warehouse) -> list[str | None]:
    return [title for (title,) in engine.fetch("SELECT title FROM plays ORDER BY id")]


# ---- opening ----


@pytest.mark.parametrize("address", [WAREHOUSE, f"duckdb:{WAREHOUSE}"])
def test_open_makes_the_file(address: str) -> None:
    with opened(warehouse=address) as engine:
        assert engine.address == WAREHOUSE
    assert Path(WAREHOUSE).is_file()


def test_open_engine_leaves_nothing_open() -> None:
    with opened() as engine:
        engine.execute("CREATE TABLE plays (id INTEGER)")
    with pytest.raises(EngineError):
        engine.fetch("SELECT 1")
    with opened() as engine:
        assert engine.list_tables() == {"plays"}


@pytest.mark.parametrize(
    ("address", "kind", "words"),
    [
        ("redshift://awsuser@127.0.0.1:1", UsageError, "has no database"),
        ("redshift://awsuser@127.0.0.1:1/dev", EngineError, "cannot reach 127.0.0.1:1: Connection refused"),
        ("postgres://example/dev", UsageError, "postgres:// is not a warehouse"),
        ("folder", UsageError, "is a folder; give a file"),
        ("missing/w.duckdb", UsageError, "there is no folder missing"),
        ("text.duckdb", EngineError, r"text\.duckdb is not a DuckDB database"),
    ],
)
def test_address_that_cannot_be_opened(address: str, kind: type[SparkifyError], words: str) -> None:
    Path("folder").mkdir()
    Path("text.duckdb").write_text("not a database, but long enough to hold a header of one\n" * 200, encoding="utf-8")
    before = Path("text.duckdb").read_bytes()
    with pytest.raises(kind, match=words) as caught, opened(warehouse=address):
        pass
    assert "\n" not in str(caught.value)
    assert Path("text.duckdb").read_bytes() == before


def test_address_that_is_not_utf8_is_refused_in_words() -> None:
    address = os.fsdecode(b"w\xff.duckdb")
    with pytest.raises(SparkifyError), opened(warehouse=address):
        pass


def test_password_is_in_no_error_of_the_address() -> None:
    config = load_config(host="cluster.example", db_user="awsuser", db_password="hunter2")
    with pytest.raises(UsageError) as caught, open_warehouse(config):
        pass
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("memory_limit", ["lots", "5", "-1", "-1GB", "null", "none", "100%", "--help", "-x", "1e3GB"])
def test_memory_limit_that_is_none(memory_limit: str) -> None:
    with pytest.raises(UsageError, match="memory_limit is not valid: it must be a size such as 2GB or 500MB"):
        load_config(memory_limit=memory_limit)


def test_settings_reach_the_engine() -> None:
    with opened(memory_limit="123MiB", threads=1) as engine:
        sql = "SELECT current_setting('memory_limit'), current_setting('threads')"
        assert engine.fetch(sql) == [("123.0 MiB", 1)]


def test_engine_fetches_nothing_from_the_network() -> None:
    with opened() as engine:
        sql = "SELECT current_setting('autoinstall_known_extensions'), current_setting('autoload_known_extensions')"
        assert engine.fetch(sql) == [(False, False)]


def test_memory_that_runs_out_is_an_engine_error() -> None:
    with opened(memory_limit="10MB", threads=1) as engine:
        with pytest.raises(EngineError, match=r"ran out of memory.*raise --memory-limit"):
            engine.fetch("SELECT list(range::VARCHAR) FROM range(10_000_000)")
        assert engine.fetch("SELECT 1") == [(1,)]


# ---- the format of the file ----


def format_of(**settings: Any) -> str:
    with opened(**settings) as engine:
        engine.execute("CREATE TABLE IF NOT EXISTS plays (id INTEGER)")
        file = engine.measure_file()
    assert file is not None
    return file.version


def test_new_file_has_the_format_that_is_set() -> None:
    assert format_of() == "v1.4.0"
    for version, named in {"v1.0.0": "v1.0.0", "v1.3.2": "v1.3.0", "v1.5.0": "v1.5.0", "v2.0.0": "v2.0.0"}.items():
        assert format_of(warehouse=f"{version}.duckdb", storage_version=version) == named


def test_file_that_exists_keeps_its_format() -> None:
    assert format_of(storage_version="v1.2.0") == "v1.2.0"
    assert format_of(storage_version="v2.0.0") == "v1.2.0"
    with opened_read_only() as engine:
        file = engine.measure_file()
    assert file is not None
    assert file.bytes == Path(WAREHOUSE).stat().st_size


@pytest.mark.parametrize("version", ["v1.99.0", "v9.0.0"])
def test_format_that_the_engine_does_not_know(version: str) -> None:
    with pytest.raises(
        UsageError, match=f"the storage version {version} is not usable, for DuckDB {duckdb.__version__} does"
    ):
        format_of(storage_version=version)
    assert not Path(WAREHOUSE).exists()


def test_free_bytes_are_what_a_copy_does_not_have() -> None:
    with opened() as engine:
        engine.execute("CREATE TABLE kept AS SELECT random() AS n FROM range(400_000)")
        engine.execute("CREATE TABLE dropped AS SELECT random() AS n FROM range(400_000)")
        engine.execute("CREATE TABLE last AS SELECT random() AS n FROM range(400_000)")
        engine.execute("CHECKPOINT")
        engine.execute("DROP TABLE dropped")
        engine.execute("CHECKPOINT")
    with opened_read_only() as engine:
        file = engine.measure_file()
    with opened(warehouse="copy.duckdb") as engine:
        engine.execute(f"ATTACH '{WAREHOUSE}' AS older (READ_ONLY)")
        engine.execute("COPY FROM DATABASE older TO copy")
    assert file is not None
    assert file.free_bytes > 2_500_000
    assert file.bytes - file.free_bytes == pytest.approx(Path("copy.duckdb").stat().st_size, abs=600_000)


def test_cursor_of_a_database_in_memory_has_no_file() -> None:
    connection = duckdb.connect()
    try:
        assert wrap_cursor(connection).measure_file() is None
    finally:
        connection.close()


# ---- read-only ----


@contextmanager
def opened_read_only() -> Iterator[Warehouse]:
    with open_warehouse(load_config(warehouse=WAREHOUSE), read_only=True) as engine:
        yield engine


def test_read_only_makes_no_warehouse() -> None:
    with pytest.raises(NoWarehouseError, match="there is no warehouse"), opened_read_only():
        pass
    assert not Path(WAREHOUSE).exists()


@pytest.mark.parametrize(
    "sql", ["CREATE TABLE other (id INTEGER)", "INSERT INTO plays VALUES (2)", "DELETE FROM plays", "DROP TABLE plays"]
)
def test_read_only_refuses_to_write(sql: str) -> None:
    with opened() as engine:
        engine.execute("CREATE TABLE plays AS SELECT 1 AS id")
    before = Path(WAREHOUSE).read_bytes()
    with opened_read_only() as engine:
        with pytest.raises(EngineError, match="read-only"):
            engine.execute(sql)
        assert engine.fetch("SELECT id FROM plays") == [(1,)]
    assert Path(WAREHOUSE).read_bytes() == before


def test_readers_do_not_exclude_each_other() -> None:
    with opened():
        pass
    with opened_read_only() as one, opened_read_only() as other:
        assert one.fetch("SELECT 1") == other.fetch("SELECT 1")


def test_locked_error_is_an_engine_error() -> None:
    assert issubclass(LockedError, EngineError)


# ---- statements ----


def test_parameters_are_bound(engine: Warehouse) -> None:
    text = "Robert'); DROP TABLE plays; -- \\ ?"
    engine.execute("INSERT INTO plays (id, title) VALUES ($2, $1)", [text, 1])
    assert engine.fetch("SELECT title FROM plays WHERE title = $1 AND id = $2", (text, 1)) == [(text,)]


def test_fetch_table_names_its_columns(engine: Warehouse) -> None:
    assert engine.fetch_table("SELECT 1 AS one, 'a' AS \"two words\"") == (["one", "two words"], [(1, "a")])
    assert engine.fetch_table("SELECT * FROM plays") == (["id", "title", "moment"], [])


@pytest.mark.parametrize(
    "sql",
    ["SELECT no_such_column FROM plays", "SELECT * FROM no_such_table", "SELEKT", "SELECT 'secret'::INTEGER", "SELECT"],
)
def test_error_of_a_statement_is_one_line_of_the_drivers_words(engine: Warehouse, sql: str) -> None:
    with pytest.raises(EngineError) as caught:
        engine.fetch(sql)
    assert isinstance(caught.value.__cause__, duckdb.Error)
    message = str(caught.value)
    assert message.startswith("the warehouse refused a statement: ")
    assert "\n" not in message
    # DuckDB's message repeats the statement, which may be long and hold data.
    assert "LINE 1" not in message
    assert engine.fetch("SELECT 1") == [(1,)]


def test_nulls_are_greatest_as_in_redshift(engine: Warehouse) -> None:
    engine.insert_rows("plays", ["id", "title"], [(1, "b"), (2, None), (3, "a")])
    ascending = engine.fetch("SELECT title FROM plays ORDER BY title")
    descending = engine.fetch("SELECT title FROM plays ORDER BY title DESC")
    assert [title for (title,) in ascending] == ["a", "b", None]
    assert [title for (title,) in descending] == [None, "b", "a"]
    first = engine.fetch("SELECT title, row_number() OVER (ORDER BY title DESC) FROM plays ORDER BY 2")
    assert [title for title, _ in first] == [None, "b", "a"]


def test_text_is_ordered_by_its_bytes(engine: Warehouse) -> None:
    words = ["b", "a", "B", "Z", "é", "z", "", "𝄞", "ﬀ", "aa"]
    engine.insert_rows("plays", ["id", "title"], list(enumerate(words)))
    ordered = [title for (title,) in engine.fetch("SELECT title FROM plays ORDER BY title")]
    assert ordered == sorted(words, key=str.encode)


def test_list_tables_leaves_out_temporary_ones_and_views(engine: Warehouse) -> None:
    engine.execute("CREATE TEMP TABLE passing AS SELECT 1 AS id")
    engine.execute("CREATE VIEW shown AS SELECT * FROM plays")
    assert engine.list_tables() == {"plays"}
    engine.execute("DROP VIEW shown")
    engine.execute("DROP TABLE plays")
    assert engine.list_tables() == set()


def test_list_tables_names_those_of_this_schema_in_small_letters(engine: Warehouse) -> None:
    engine.execute("CREATE SCHEMA other")
    engine.execute("CREATE TABLE other.users (id INTEGER)")
    engine.execute('CREATE TABLE "Songs" (id INTEGER)')
    assert engine.list_tables() == {"plays", "songs"}


# ---- insert_rows ----


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [(1, "a", dt.datetime(2018, 11, 1, 20, 57, 10, 796_000))],
        [(1, None, None), (2, None, None)],
        [(1, None, dt.datetime(2018, 11, 1)), (2, "later", None), (None, "", None)],
        [(-(2**31), "Żółw ليل 夜", None), (2**31 - 1, 'it\'s \\ "quoted" $1 \t\n', None)],
        [(number, str(number), None) for number in range(5_000)],
    ],
    ids=["none", "one", "nulls", "mixed", "texts", "many"],
)
def test_insert_rows(engine: Warehouse, rows: list[tuple[Any, ...]]) -> None:
    engine.insert_rows("plays", ["id", "title", "moment"], rows)
    assert engine.fetch("SELECT id, title, moment FROM plays ORDER BY id") == rows


def test_insert_rows_by_the_names_given(engine: Warehouse) -> None:
    engine.insert_rows("plays", ["title", "id"], [("a", 1)])
    assert engine.fetch("SELECT * FROM plays") == [(1, "a", None)]


def test_insert_rows_that_do_not_fit(engine: Warehouse) -> None:
    with pytest.raises(EngineError):
        engine.insert_rows("plays", ["id"], [(1,), (2**31,)])
    assert titles(engine) == []


# ---- transactions ----


def run_in_transaction(engine: Warehouse, *statements: str) -> None:
    with engine.transaction():
        for sql in statements:
            engine.execute(sql)


def test_transaction_commits() -> None:
    with opened() as engine:
        with engine.transaction():
            engine.execute("CREATE TABLE plays (id INTEGER)")
            engine.insert_rows("plays", ["id"], [(1,)])
        assert engine.fetch("SELECT id FROM plays") == [(1,)]
    with opened() as engine:
        assert engine.fetch("SELECT id FROM plays") == [(1,)]


@pytest.mark.parametrize("error", [ValueError, EngineError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_transaction_rolls_back_whatever_is_raised(engine: Warehouse, error: type[BaseException]) -> None:
    engine.insert_rows("plays", ["id", "title"], [(1, "before")])

    def fail() -> None:
        with engine.transaction():
            engine.execute("DELETE FROM plays")
            engine.execute("CREATE TABLE other (id INTEGER)")
            raise error

    with pytest.raises(error):
        fail()
    assert titles(engine) == ["before"]
    assert engine.list_tables() == {"plays"}


def test_transaction_rolls_back_after_a_refused_statement(engine: Warehouse) -> None:
    with pytest.raises(EngineError, match="no_such_table"):
        run_in_transaction(engine, "INSERT INTO plays (id) VALUES (1)", "DELETE FROM no_such_table")
    assert titles(engine) == []
    with engine.transaction():
        engine.insert_rows("plays", ["id", "title"], [(1, "after")])
    assert titles(engine) == ["after"]


def test_transaction_whose_commit_is_refused(engine: Warehouse) -> None:
    with pytest.raises(EngineError):
        # As after an ignored error: there is no transaction left to commit.
        run_in_transaction(engine, "INSERT INTO plays (id) VALUES (1)", "ROLLBACK")
    assert titles(engine) == []
    with engine.transaction():
        engine.insert_rows("plays", ["id", "title"], [(1, "after")])
    assert titles(engine) == ["after"]


def test_transactions_do_not_nest(engine: Warehouse) -> None:
    with pytest.raises(EngineError), engine.transaction(), engine.transaction():
        pass
    assert engine.fetch("SELECT 1") == [(1,)]


@pytest.mark.usefixtures("interruptible")
def test_interrupt_stops_a_statement_and_rolls_back(engine: Warehouse) -> None:
    engine.insert_rows("plays", ["id", "title"], [(1, "before")])
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    ctrl_c = threading.Timer(0.2, signal.pthread_kill, [main_thread, signal.SIGINT])
    # It takes one thread about eight seconds. DuckDB's threads do not stop by themselves when a statement fails.
    endless = "CREATE TABLE other AS SELECT count(*) FROM range(1_000_000_000) AS a(n) WHERE n % 7 = 3"
    ctrl_c.start()
    try:
        # The command turns KeyboardInterrupt into exit code 130; a driver's error would be a crash.
        with pytest.raises(KeyboardInterrupt):
            run_in_transaction(engine, "DELETE FROM plays", endless)
    finally:
        ctrl_c.join()
    assert titles(engine) == ["before"]


# ---- cursors of others ----


def test_wrapped_cursor_stays_its_owners() -> None:
    connection = duckdb.connect(WAREHOUSE)
    cursor = connection.cursor()
    try:
        with wrap_cursor(cursor).transaction():
            wrap_cursor(cursor).execute("CREATE TABLE plays AS SELECT 1 AS id")
        assert cursor.execute("SELECT id FROM plays").fetchall() == [(1,)]
        assert connection.execute("SELECT id FROM plays").fetchall() == [(1,)]
    finally:
        cursor.close()
        connection.close()


def test_wrapped_connection_is_as_good_as_its_cursor() -> None:
    connection = duckdb.connect(WAREHOUSE)
    try:
        assert wrap_cursor(connection).fetch("SELECT 1") == [(1,)]
    finally:
        connection.close()


def test_closed_cursor_is_an_error_of_ours() -> None:
    connection = duckdb.connect(WAREHOUSE)
    connection.close()
    with pytest.raises(SparkifyError):
        wrap_cursor(connection).fetch("SELECT 1")


@pytest.mark.parametrize("kind", ["sqlite3", "object", "none"])
def test_cursor_of_a_driver_without_engine(kind: str) -> None:
    connection = sqlite3.connect(":memory:")
    try:
        cursor = {"sqlite3": connection.cursor(), "object": object(), "none": None}[kind]
        with pytest.raises(UsageError, match=r"a cursor of .* is not supported"):
            wrap_cursor(cursor)
    finally:
        connection.close()


# ---- Redshift's COPY ----


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("", "''"),
        ("s3://bucket/log_data/", "'s3://bucket/log_data/'"),
        ("it's", "'it''s'"),
        ("''", "''''''"),
        ("a\\b", "'a\\\\b'"),
        ("\\'", "'\\\\'''"),
        ("'; DROP TABLE users; --", "'''; DROP TABLE users; --'"),
        ("Żółw\n$1", "'Żółw\n$1'"),
    ],
)
def test_a_literal_for_redshift(text: str, literal: str) -> None:
    assert quote(text, "redshift") == literal


@pytest.mark.parametrize("text", ["it's", "\\", "\\'", "'\\''", "plain", "a\\nb"])
def test_quoted_literal_is_read_back(text: str) -> None:
    # DuckDB reads E'' literals like Redshift reads all literals: with backslash escapes and doubled quotes.
    connection = duckdb.connect()
    try:
        assert connection.execute(f"SELECT E{quote(text, 'redshift')}").fetchall() == [(text,)]
    finally:
        connection.close()


def test_copy_quotes_every_setting() -> None:
    config = load_config(log_data="s3://b/it's", log_jsonpath="s3://b/j'son", arn="arn:o'role")
    sql = copy_sql(config, "events")
    assert "FROM 's3://b/it''s/'" in sql
    assert "JSON 's3://b/j''son'" in sql
    assert "IAM_ROLE 'arn:o''role'" in sql
