"""UNLOAD in the stand-in: what it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from redshift_connector.core import Connection
from redshift_connector.cursor import Cursor

from tests.redshift.answers import fetch, refusal
from tests.redshift.conftest import ARN, Bucket, Connect
from tests.redshift.server import Redshift, Role
from tests.s3_server import NO_PUT_KEY, READ_KEY, SECRET, S3Server

TYPES = [
    "SMALLINT", "INTEGER", "BIGINT", "BOOLEAN", "FLOAT", "DOUBLE", "DECIMAL(9,2)", "DATE", "TIMESTAMP", "TIMESTAMP",
    "VARCHAR", "VARCHAR",
]  # fmt: skip


def unload(cursor: Cursor, select: str, target: str, options: str = "PARQUET") -> None:
    text = select.replace("'", "''")
    cursor.execute(f"UNLOAD ('{text}') TO '{target}' IAM_ROLE '{ARN}' {options}")


def rows_of(parts: dict[str, bytes], folder: Path) -> duckdb.DuckDBPyRelation:
    """The rows of all parts, in an order."""
    for place, content in enumerate(parts.values()):
        (folder / f"{place}.parquet").write_bytes(content)
    rows = duckdb.sql(f"FROM read_parquet('{folder}/*.parquet') ORDER BY ALL")
    assert rows is not None
    return rows


def test_parts_of_each_slice(bucket: Bucket, stand_in: Redshift, cursor: Cursor, tmp_path: Path) -> None:
    stand_in.slices = 3
    columns = "a SMALLINT, b INT, c BIGINT, d BOOLEAN, e REAL, f FLOAT, g DECIMAL(9,2), h DATE, i TIMESTAMP, " \
              "j TIMESTAMPTZ, k VARCHAR(9), l CHAR(2)"  # fmt: skip
    cursor.execute(f"CREATE TABLE v ({columns})")
    cursor.execute("INSERT INTO v VALUES (1, 2, 3, TRUE, 0.5, 0.1, 1.25, '2018-11-01', '2018-11-01 00:00:00.001', "
                   "'2018-11-01 01:00:00+01', 'a,\"''\\\\N\r\n', 'xy'), (2, NULL, NULL, FALSE, NULL, NULL, NULL, NULL, "
                   "NULL, NULL, '', NULL)")  # fmt: skip
    unload(cursor, "SELECT * FROM v WHERE k = '' OR a = 1", bucket.url("one_"), "FORMAT AS PARQUET MAXFILESIZE 64 MB")
    assert fetch(cursor, "SELECT pg_last_unload_count()") == [[2]]
    parts = bucket.read_all()
    # A slice without rows writes none.
    assert sorted(parts) == ["one_0001_part_00.parquet", "one_0002_part_00.parquet"]
    found = rows_of(parts, tmp_path)
    assert [str(kind) for kind in found.types] == TYPES
    first, second = found.fetchall()
    assert (first[:6], str(first[6]), first[10:]) == ((1, 2, 3, True, 0.5, 0.1), "1.25", ("a,\"'\\N\r\n", "xy"))
    assert [str(value) for value in first[7:10]] == ["2018-11-01", "2018-11-01 00:00:00.001000", "2018-11-01 00:00:00"]
    assert second == (2, None, None, False, None, None, None, None, None, None, "", None)


def test_serial_and_nothing(bucket: Bucket, cursor: Cursor) -> None:
    cursor.execute("CREATE TABLE v (a INT)")
    unload(cursor, "SELECT a FROM v", bucket.url("none/"))
    assert bucket.read_all() == {}
    cursor.execute("INSERT INTO v VALUES (1), (2)")
    unload(
        cursor, "SELECT a FROM (SELECT a FROM v ORDER BY a LIMIT 1) AS w", bucket.url("one/"), "PARQUET PARALLEL OFF"
    )
    assert list(bucket.read_all()) == ["one/000.parquet"]
    assert fetch(cursor, "SELECT pg_last_unload_count()") == [[1]]
    options = "PARQUET PARALLEL OFF"
    with pytest.raises(Exception, match="Specified unload destination on S3 is not empty"):
        unload(cursor, "SELECT a FROM v", bucket.url("one/"), options)
    unload(cursor, "SELECT a FROM v", bucket.url("one/"), f"{options} ALLOWOVERWRITE")
    assert list(bucket.read_all()) == ["one/000.parquet"]


def test_it_reads_what_its_transaction_sees(bucket: Bucket, connection: Connection, tmp_path: Path) -> None:
    cursor = connection.cursor()
    cursor.execute("BEGIN")
    cursor.execute("CREATE TABLE v (a INT)")
    cursor.execute("INSERT INTO v VALUES (7)")
    unload(cursor, "SELECT a FROM v", bucket.url("own/"))
    cursor.execute("ROLLBACK")
    assert rows_of(bucket.read_all(), tmp_path).fetchall() == [(7,)]
    cursor.execute("BEGIN READ ONLY")
    assert "transaction is read-only" in refusal(cursor, f"UNLOAD ('SELECT 1') TO 's3://b/k' IAM_ROLE '{ARN}' PARQUET")
    assert refusal(cursor, "SELECT 1")[:5] == "25P02"
    cursor.execute("ROLLBACK")


def test_roles(bucket: Bucket, stand_in: Redshift, s3_server: S3Server, connect: Connect) -> None:
    connection = connect()
    connection.autocommit = True
    cursor = connection.cursor()
    statement = f"UNLOAD ('SELECT 1') TO '{bucket.url('x/')}' IAM_ROLE default PARQUET"
    assert "default IAM role" in refusal(cursor, statement)
    stand_in.roles["default"] = Role(s3_server.endpoint, READ_KEY, SECRET)
    assert "S3ServiceException:Access Denied,Status 403" in refusal(cursor, statement)
    stand_in.roles["default"] = Role(s3_server.endpoint, NO_PUT_KEY, SECRET)
    assert "is not authorized to perform: s3:PutObject" in refusal(cursor, statement)
    assert bucket.read_all() == {}


@pytest.mark.parametrize("statement", [
    "UNLOAD ('SELECT a FROM t LIMIT 1') TO 's3://b/k' IAM_ROLE default PARQUET",
    "UNLOAD ('SELECT a FROM t WHERE a = $1') TO 's3://b/k' IAM_ROLE default PARQUET",
    "UNLOAD ($$SELECT a FROM t$$) TO 's3://b/k' IAM_ROLE default PARQUET",
    "UNLOAD (SELECT a FROM t) TO 's3://b/k' IAM_ROLE default PARQUET",
    "UNLOAD ('DELETE FROM t') TO 's3://b/k' IAM_ROLE default PARQUET",
    "UNLOAD ('SELECT 1; SELECT 2') TO 's3://b/k' IAM_ROLE default PARQUET",
    "UNLOAD 'SELECT 1' TO 's3://b/k' IAM_ROLE default PARQUET", "UNLOAD ('SELECT 1') TO 's3://b/k' PARQUET",
    "UNLOAD ('SELECT 1') TO '/tmp/k' IAM_ROLE default PARQUET", "UNLOAD ('SELECT 1') TO 's3://b/k' IAM_ROLE default",
    "UNLOAD ('SELECT 1') TO 's3://b/_k' IAM_ROLE default PARQUET",
])  # fmt: skip
def test_unloads_that_are_refused(dialect: Cursor, statement: str) -> None:
    assert refusal(dialect, statement)[:5] in ("42601", "0A000")


@pytest.mark.parametrize("options", [
    "PARQUET GZIP", "PARQUET HEADER", "PARQUET NULL AS 'x'", "PARQUET DELIMITER ','", "PARQUET CLEANPATH", "CSV",
    "PARQUET MAXFILESIZE 4 MB", "PARQUET MAXFILESIZE 7 GB", "PARQUET MAXFILESIZE x", "PARQUET NONSENSE",
    "PARQUET ACCESS_KEY_ID 'x'", "PARQUET PARQUET", "PARQUET REGION 'us-east-1'", "JSON", "PARQUET MANIFEST",
])  # fmt: skip
def test_options_that_are_refused(dialect: Cursor, options: str) -> None:
    refused = refusal(dialect, f"UNLOAD ('SELECT a FROM t') TO 's3://b/k' IAM_ROLE '{ARN}' {options}")
    assert refused[:5] in ("42601", "0A000", "22023")
