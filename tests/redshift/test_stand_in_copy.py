"""COPY as the stand-in plays it, with objects on a real S3 server."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from redshift_connector.core import Connection
from redshift_connector.cursor import Cursor
from redshift_connector.error import ProgrammingError

from tests.redshift.answers import refusal
from tests.redshift.conftest import ARN, Bucket, Connect
from tests.redshift.server import Redshift, Role
from tests.s3_server import READ_KEY, SECRET, WRITE_KEY, S3Server


@dataclass
class Loader:
    """A session in autocommit with an empty table t."""

    connection: Connection
    cursor: Cursor

    def create(self, columns: str) -> None:
        self.cursor.execute("DROP TABLE IF EXISTS t")
        self.cursor.execute(f"CREATE TABLE t ({columns})")

    def copy(self, url: str, options: str = "PARQUET", table: str = "t", role: str = f"'{ARN}'") -> None:
        self.cursor.execute(f"COPY {table} FROM '{url}' IAM_ROLE {role} {options}")

    def fails(self, url: str, options: str = "PARQUET", table: str = "t", role: str = f"'{ARN}'") -> str:
        with pytest.raises(ProgrammingError) as caught:
            self.copy(url, options, table, role)
        fields = caught.value.args[0]
        return f"{fields['M']} {fields.get('D', '')}"

    def rows(self, statement: str = "SELECT * FROM t ORDER BY 1") -> list[list[object]]:
        return [list(row) for row in self.cursor.execute(statement).fetchall()]


@pytest.fixture
def loader(connection: Connection) -> Loader:
    return Loader(connection, connection.cursor())


@pytest.fixture
def shared_loader(dialect_connection: Connection) -> Iterator[Loader]:
    """A session that many tests share, each with its own table t."""
    dialect_connection.autocommit = True
    yield Loader(dialect_connection, dialect_connection.cursor())
    dialect_connection.autocommit = False


def parquet(folder: Path, query: str) -> bytes:
    path = folder / "data.parquet"
    duckdb.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path.read_bytes()


def entry(url: str, data: bytes, **more: object) -> dict[str, object]:
    return {"url": url, "meta": {"content_length": len(data)}} | more


# Parquet


def test_parquet_by_manifest(bucket: Bucket, loader: Loader, tmp_path: Path) -> None:
    data = parquet(tmp_path, "SELECT 1 AS x, 'a,\"\n\\N' AS y, TIMESTAMP '2018-11-21 21:56:47.796' AS z, 0.1::double, "
                             "3::bigint, true, '' UNION ALL SELECT 2, NULL, NULL, NULL, NULL, NULL, NULL")  # fmt: skip
    url = bucket.put("data.parquet", data)
    loader.create("a INT NOT NULL, b VARCHAR(9), c TIMESTAMP, d FLOAT, e BIGINT, f BOOLEAN, g VARCHAR(1)")
    manifest = bucket.manifest(entry(url, data, mandatory=True), entry(url, data), entry(bucket.url("none"), b""))
    loader.copy(manifest, "FORMAT AS PARQUET MANIFEST")
    rows = loader.rows("SELECT a, b, to_char(c, 'SS.MS'), d, e, f, g FROM t ORDER BY a")
    first, second = [1, 'a,"\n\\N', "47.796", 0.1, 3, True, ""], [2, None, None, None, None, None, None]
    assert rows == [first, first, second, second]
    assert loader.rows("SELECT pg_last_copy_count()") == [[4]]
    assert b"Load into table 't' completed, 4 record(s) loaded successfully." in loader.connection.notices[-1].values()
    assert loader.rows("SELECT status, loaded_rows, source_file_count, error_count, data_source, file_format "
                       "FROM sys_load_history") == [["completed", 4, 2, 0, manifest, "parquet"]]  # fmt: skip


def test_manifests_that_fail(bucket: Bucket, loader: Loader, tmp_path: Path) -> None:
    data = parquet(tmp_path, "SELECT 1 AS a")
    url = bucket.put("data.parquet", data)
    loader.create("a INT")
    options = "PARQUET MANIFEST"
    absent = entry(bucket.url("none"), b"")
    assert "does not exist" in loader.fails(bucket.manifest(entry(url, data), absent | {"mandatory": True}), options)
    assert "does not exist" in loader.fails(bucket.manifest(absent), options)
    assert "content_length" in loader.fails(bucket.manifest({"url": url}), options)
    assert "content_length" in loader.fails(bucket.manifest(entry(url, data + b"x")), options)
    assert "requires full path of an S3 object" in loader.fails(bucket.url("no-manifest"), options)
    assert "Invalid manifest" in loader.fails(bucket.put("broken", "{"), options)
    assert loader.rows() == []


@pytest.mark.parametrize(("columns", "query", "words"), [
    ("a INT", "SELECT 1::bigint", "incompatible Parquet schema"),
    ("a BIGINT", "SELECT 1::int", "incompatible Parquet schema"),
    ("a VARCHAR(3)", "SELECT 1", "incompatible Parquet schema"),
    ("a INT, b INT", "SELECT 1", "Unmatched number of columns"),
    ("a VARCHAR(3)", "SELECT 'éé'", "longer than the length defined"),
    ("a INT NOT NULL", "SELECT NULL::int", "NULL in the NOT NULL column"),
])  # fmt: skip
def test_parquet_that_does_not_fit(
    bucket: Bucket, shared_loader: Loader, tmp_path: Path, columns: str, query: str, words: str
) -> None:
    shared_loader.create(columns)
    message = shared_loader.fails(bucket.put("data.parquet", parquet(tmp_path, query)), "PARQUET")
    assert message.startswith("Spectrum Scan Error")
    assert words in message


def test_a_failed_copy_kills_the_transaction(bucket: Bucket, connect: Connect) -> None:
    connection = connect()
    loader = Loader(connection, connection.cursor())
    loader.create("a INT")
    connection.commit()
    loader.fails(bucket.put("broken", b"no parquet"), "PARQUET")
    with pytest.raises(ProgrammingError) as caught:
        loader.rows()
    assert caught.value.args[0]["C"] == "25P02"
    connection.rollback()


def test_copy_is_part_of_the_transaction(bucket: Bucket, connect: Connect, tmp_path: Path) -> None:
    connection = connect()
    loader = Loader(connection, connection.cursor())
    loader.create("a INT")
    connection.commit()
    loader.copy(bucket.put("data", parquet(tmp_path, "SELECT 1")))
    assert loader.rows("SELECT count(*), pg_last_copy_count() FROM t") == [[1, 1]]
    connection.rollback()
    assert loader.rows("SELECT count(*) FROM t") == [[0]]
    assert loader.rows("SELECT count(*) FROM sys_load_history WHERE status = 'completed'") == [[1]]


# Access


def test_roles(bucket: Bucket, stand_in: Redshift, s3_server: S3Server, loader: Loader, tmp_path: Path) -> None:
    loader.create("a INT")
    url = bucket.put("data", parquet(tmp_path, "SELECT 1"))
    assert f"is not authorized to assume IAM Role {ARN}-2" in loader.fails(url, role=f"'{ARN}-2'")
    assert "default IAM role" in loader.fails(url, role="default")
    stand_in.roles["default"] = stand_in.roles[ARN]
    loader.copy(url, role="DEFAULT")
    stand_in.roles["default"] = Role(s3_server.endpoint, READ_KEY, SECRET)
    assert "S3ServiceException:Access Denied,Status 403" in loader.fails(url, role="default")
    assert "requires full path" in loader.fails(url, "PARQUET MANIFEST", role="default")
    stand_in.roles["default"] = Role(s3_server.endpoint, WRITE_KEY, SECRET, region="us-west-2")
    assert "PermanentRedirect" in loader.fails(url, role="default")
    assert loader.rows() == [[1]]


@pytest.mark.parametrize("options", [
    "PARQUET MAXERROR 2", "PARQUET REGION 'us-east-1'", "PARQUET COMPUPDATE OFF", "PARQUET GZIP", "CSV", "JSON 'auto'",
    "", "PARQUET NONSENSE", "PARQUET ACCESS_KEY_ID 'x'", "PARQUET CREDENTIALS 'x'", "PARQUET MANIFEST MANIFEST",
    "PARQUET STATUPDATE MAYBE", "PARQUET 'MANIFEST'", "FORMAT AS PARQUET PARQUET", "PARQUET NOLOAD",
])  # fmt: skip
def test_options_that_are_refused(dialect: Cursor, options: str) -> None:
    assert refusal(dialect, f"COPY t FROM 's3://b/k' IAM_ROLE '{ARN}' {options}")[:5] in ("42601", "0A000")


@pytest.mark.parametrize("statement", [
    "COPY t FROM 's3://b/k' PARQUET", "COPY t FROM STDIN", "COPY t FROM '/tmp/k' IAM_ROLE default PARQUET",
    "COPY t TO 's3://b/k' IAM_ROLE default PARQUET", "COPY t () FROM 's3://b/k' IAM_ROLE default PARQUET",
    "COPY user FROM 's3://b/k' IAM_ROLE default PARQUET", "COPY t (a, a) FROM 's3://b/k' IAM_ROLE default PARQUET",
])  # fmt: skip
def test_copies_that_are_refused(dialect: Cursor, statement: str) -> None:
    assert refusal(dialect, statement)[:5] in ("42601", "0A000", "42701")


def test_a_path_is_a_prefix_of_keys(bucket: Bucket, loader: Loader, tmp_path: Path) -> None:
    loader.create("a INT")
    bucket.put("log_data/one", parquet(tmp_path, "SELECT 1"))
    bucket.put("log_data_old/two", parquet(tmp_path, "SELECT 2"))
    loader.copy(bucket.url("log_data"))
    assert loader.rows() == [[1], [2]]
    loader.create("a INT, b INT")
    loader.copy(bucket.url("log_data/"), table="t (b)")
    assert loader.rows() == [[None, 1]]
    assert "The specified S3 prefix" in loader.fails(bucket.url("nothing/"))
