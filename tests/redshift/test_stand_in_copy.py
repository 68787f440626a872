"""COPY as the stand-in plays it, with objects on a real S3 server."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import duckdb
import obstore
import pytest
import zstandard
from obstore.store import S3Store
from redshift_connector.core import Connection
from redshift_connector.cursor import Cursor
from redshift_connector.error import ProgrammingError

from tests.redshift.conftest import Connect
from tests.redshift.server import Redshift, Role
from tests.s3_server import BUCKET, READ_KEY, SECRET, WRITE_KEY, S3Server, run_s3_server

ARN = "arn:aws:iam::123456789012:role/loader"
_FOLDERS = count(1)
FAILED = "Load into table 't' failed. Check 'sys_load_error_detail' system table for details."


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with run_s3_server() as server:
        yield server


@dataclass
class Bucket:
    """A folder of its own in the bucket for each test."""

    store: S3Store
    folder: str

    def put(self, name: str, data: str | bytes) -> str:
        key = f"{self.folder}/{name}"
        obstore.put(self.store, key, data.encode() if isinstance(data, str) else data)
        return f"s3://{BUCKET}/{key}"

    def manifest(self, *entries: dict[str, object]) -> str:
        return self.put("manifest", json.dumps({"entries": entries}))

    def url(self, name: str) -> str:
        return f"s3://{BUCKET}/{self.folder}/{name}"


@pytest.fixture
def bucket(s3: S3Server, stand_in: Redshift) -> Bucket:
    stand_in.roles[ARN] = Role(s3.endpoint, WRITE_KEY, SECRET)
    store = S3Store(BUCKET, endpoint=s3.endpoint, access_key_id=WRITE_KEY, secret_access_key=SECRET,
                    region="us-east-1", client_options={"allow_http": True})  # fmt: skip
    return Bucket(store, f"folder-{next(_FOLDERS)}")


@dataclass
class Loader:
    """A session in autocommit with an empty table t."""

    connection: Connection
    cursor: Cursor

    def create(self, columns: str) -> None:
        self.cursor.execute("DROP TABLE IF EXISTS t")
        self.cursor.execute(f"CREATE TABLE t ({columns})")

    def copy(self, url: str, options: str = "JSON 'auto'", table: str = "t", role: str = f"'{ARN}'") -> None:
        self.cursor.execute(f"COPY {table} FROM '{url}' IAM_ROLE {role} {options}")

    def fails(self, url: str, options: str = "JSON 'auto'", table: str = "t", role: str = f"'{ARN}'") -> str:
        with pytest.raises(ProgrammingError) as caught:
            self.copy(url, options, table, role)
        fields = caught.value.args[0]
        return f"{fields['M']} {fields.get('D', '')}"

    def rows(self, statement: str = "SELECT * FROM t ORDER BY 1") -> list[list[object]]:
        return [list(row) for row in self.cursor.execute(statement).fetchall()]

    def errors(self) -> list[list[object]]:
        return self.rows(
            "SELECT line_number, trim(column_name), error_code FROM sys_load_error_detail "
            "WHERE query_id = pg_last_copy_id() ORDER BY line_number"
        )


@pytest.fixture
def loader(connection: Connection) -> Loader:
    return Loader(connection, connection.cursor())


@pytest.fixture
def shared_loader(dialect_connection: Connection) -> Iterator[Loader]:
    """A session that many tests share, each with a table t of its own."""
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
    assert loader.rows("SELECT trim(status), loaded_rows, source_file_count, error_count, data_source, file_format "
                       "FROM sys_load_history") == [["completed", 4, 2, 0, manifest, "parquet"]]  # fmt: skip
    assert loader.rows("SELECT trim(file_name) FROM sys_load_detail") == [[url], [url]]


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


def test_copy_is_part_of_the_transaction(bucket: Bucket, connect: Connect) -> None:
    connection = connect()
    loader = Loader(connection, connection.cursor())
    loader.create("a INT")
    connection.commit()
    loader.copy(bucket.put("data", '{"a": 1}'))
    assert loader.rows("SELECT count(*), pg_last_copy_count() FROM t") == [[1, 1]]
    connection.rollback()
    assert loader.rows("SELECT count(*), pg_last_copy_id() FROM t") == [[0, -1]]


# Access


def test_roles(bucket: Bucket, stand_in: Redshift, s3: S3Server, loader: Loader) -> None:
    loader.create("a INT")
    url = bucket.put("data", '{"a": 1}')
    assert f"is not authorized to assume IAM Role {ARN}-2" in loader.fails(url, role=f"'{ARN}-2'")
    assert "default IAM role" in loader.fails(url, role="default")
    stand_in.roles["default"] = stand_in.roles[ARN]
    loader.copy(url, role="DEFAULT")
    stand_in.roles["default"] = Role(s3.endpoint, READ_KEY, SECRET)
    assert "S3ServiceException:Access Denied,Status 403" in loader.fails(url, role="default")
    assert "requires full path" in loader.fails(url, "PARQUET MANIFEST", role="default")
    assert "PermanentRedirect" in loader.fails(url, "JSON 'auto' REGION 'us-west-2'")
    loader.copy(url, "JSON 'auto' REGION AS 'us-east-1'")
    assert loader.rows() == [[1], [1]]


@pytest.mark.parametrize("options", [
    "PARQUET MAXERROR 2", "PARQUET REGION 'us-east-1'", "PARQUET COMPUPDATE OFF", "PARQUET GZIP", "CSV",
    "JSON 'auto' CSV", "JSON 'auto' DELIMITER", "JSON 'noshred'", "JSON 'auto' NONSENSE", "JSON 'auto' MAXERROR 100001",
    "JSON 'auto' GZIP ZSTD", "JSON 'auto' GZIP GZIP", "JSON 'auto' ACCESS_KEY_ID 'x'", "JSON 'auto' CREDENTIALS 'x'",
    "JSON 'auto' ACCEPTINVCHARS 'xy'",
])  # fmt: skip
def test_options_that_are_refused(dialect: Cursor, options: str) -> None:
    with pytest.raises(ProgrammingError) as caught:
        dialect.execute(f"COPY t FROM 's3://b/k' IAM_ROLE '{ARN}' {options}")
    assert caught.value.args[0]["C"] in ("42601", "0A000")


def test_a_path_is_a_prefix_of_keys(bucket: Bucket, loader: Loader) -> None:
    loader.create("a INT")
    bucket.put("log_data/one", '{"a": 1}')
    bucket.put("log_data_old/two", '{"a": 2}')
    loader.copy(bucket.url("log_data"))
    assert loader.rows() == [[1], [2]]
    loader.create("a INT")
    loader.copy(bucket.url("log_data/"))
    assert loader.rows() == [[1]]
    assert "The specified S3 prefix" in loader.fails(bucket.url("nothing/"))


# JSON


def test_auto_matches_lower_case_names_only(bucket: Bucket, loader: Loader) -> None:
    url = bucket.put("data", '{"a": 1, "userId": "7", "other": 0}\n{"a": "2"} {\n"a": 3, "userId": 9}\n')
    loader.create("a INT, userId INT, c INT DEFAULT 5")
    loader.copy(url)
    assert loader.rows() == [[1, None, None], [2, None, None], [3, None, None]]
    loader.create("a INT, userId INT, c INT DEFAULT 5")
    loader.copy(url, "FORMAT AS JSON 'auto ignorecase' COMPUPDATE OFF STATUPDATE OFF", table="t (a, userid)")
    assert loader.rows() == [[1, 7, 5], [2, None, 5], [3, 9, 5]]


def test_jsonpaths_map_by_position(bucket: Bucket, loader: Loader) -> None:
    paths = bucket.put("paths.json", json.dumps({"jsonpaths": ["$.userId", "$['nested']", "$.list[1]"]}))
    url = bucket.put("data", '{"userId": 1, "nested": {"a": [1.50, null]}, "list": [7, 8]} {"list": []}')
    loader.create("a INT, b VARCHAR(99), c INT")
    assert loader.fails(url, f"JSON '{paths}'").startswith(FAILED)
    assert loader.errors() == [[1, "c", 1216]] or loader.errors() == [[1, "", 1216]]
    loader.copy(url, f"JSON '{paths}' MAXERROR 2")
    assert loader.rows() == [[1, '{"a":[1.50,null]}', 8]]
    message = "Number of jsonpaths and the number of columns should match. JSONPath size: 3"
    assert message in loader.fails(url, f"JSON '{paths}'", table="t (a, b)")
    mixed = bucket.put("mixed.json", json.dumps({"jsonpaths": ["$.a['b']", "$.b", "$.c"]}))
    assert "Invalid JSONPath format" in loader.fails(url, f"JSON '{mixed}'")
    other = bucket.put("other.json", json.dumps({"paths": ["$.userId"]}))
    loader.create("list VARCHAR(9)")
    loader.copy(url, f"JSON '{other}'")
    assert loader.rows() == [["[7,8]"], ["[]"]]


@pytest.mark.parametrize(("type_", "value", "expected"), [
    ("INT", '"39"', 39), ("INT", '""', None), ("INT", '" "', None), ("INT", "null", None), ("BIGINT", "2", 2),
    ("VARCHAR(9)", '""', ""), ("VARCHAR(9)", "1.50", "1.50"), ("VARCHAR(9)", "true", "true"),
    ("VARCHAR(9)", r'"a\n\u00e9"', "a\né"), ("VARCHAR(9)", '[1, "x"]', '[1,"x"]'),
    ("FLOAT", "1e3", 1000.0), ("BOOLEAN", "true", True), ("BOOLEAN", '"0"', False),
    ("DECIMAL(5,2)", "20.259", 20.25),
])  # fmt: skip
def test_values_that_load(bucket: Bucket, shared_loader: Loader, type_: str, value: str, expected: object) -> None:
    shared_loader.create(f"a {type_}")
    shared_loader.copy(bucket.put("data", f'{{"a": {value}}}'))
    [[loaded]] = shared_loader.rows()
    assert (float(str(loaded)) if type_.startswith("DECIMAL") else loaded) == expected


@pytest.mark.parametrize(("type_", "value", "code"), [
    ("BIGINT", "1541016707796.0", 1207), ("INT", '"x"', 1207), ("INT", "true", 1207), ("INT", "2147483648", 1222),
    ("VARCHAR(3)", '"éé"', 1204), ("CHAR(9)", '"é"', 1215), ("FLOAT", '"x"', 1208), ("DECIMAL(3,1)", '"x"', 1209),
    ("BOOLEAN", '"x"', 1210), ("DATE", '"x"', 1205), ("TIMESTAMP", "1541016707796", 1206),
    ("INT NOT NULL", "null", 1213), ("VARCHAR(9)", r'"\ud800"', 1220), ("VARCHAR(9)", r'"\u0000"', 1220),
])  # fmt: skip
def test_values_that_do_not_load(bucket: Bucket, shared_loader: Loader, type_: str, value: str, code: int) -> None:
    shared_loader.create(f"a {type_}")
    assert shared_loader.fails(bucket.put("data", f'\n{{"a":\n{value}}}')).startswith(FAILED)
    assert shared_loader.errors() == [[3, "a", code]]
    assert shared_loader.rows("SELECT pg_last_copy_count()") == [[0]]


def test_maxerror_is_the_number_that_fails(bucket: Bucket, loader: Loader) -> None:
    url = bucket.put("data", '{"a": 1}\n{"a": "x"}\nno json\n[{"a": 2}]\n{"a": 3}\n')
    loader.create("a INT")
    for options in ("", "MAXERROR 0", "MAXERROR AS 1", "MAXERROR 3"):
        assert loader.fails(url, f"JSON 'auto' {options}").startswith(FAILED)
    assert loader.rows() == []
    loader.copy(url, "JSON 'auto' MAXERROR 4")
    assert loader.rows() == [[1], [3]]
    assert loader.errors() == [[2, "a", 1207], [3, "", 1216], [4, "", 1216]]
    assert loader.rows("SELECT status, error_count FROM sys_load_history ORDER BY query_id DESC LIMIT 1") == [
        ["completed", 3]
    ]
    loader.copy(url, "JSON 'auto' MAXERROR 4 NOLOAD")
    assert loader.rows() == [[1], [3]]


def test_errors_outlive_the_rollback(bucket: Bucket, connect: Connect, stand_in: Redshift) -> None:
    connection = connect()
    loader = Loader(connection, connection.cursor())
    loader.create("a VARCHAR(3)")
    connection.commit()
    url = bucket.put("data", '{"a": "longé"}')
    loader.fails(url)
    connection.rollback()
    [[file, raw, value, code, reason]] = loader.rows(
        "SELECT trim(filename), trim(raw_line), trim(raw_field_value), err_code, trim(err_reason) FROM stl_load_errors "
        "WHERE query = pg_last_copy_id()"
    )
    assert (file, code, reason) == (url, 1204, "String length exceeds DDL length")
    assert (raw, value) == ('{"a": "long.."}', "long..")
    stand_in.serverless = True
    [[message, type_, length]] = loader.rows(
        "SELECT trim(error_message), trim(column_type), trim(column_length) FROM sys_load_error_detail"
    )
    assert (message, type_, length) == ("String length exceeds DDL length", "varchar", "3")


def test_options_that_change_values(bucket: Bucket, loader: Loader) -> None:
    loader.create("a VARCHAR(3), b DECIMAL(5, 2), c TIMESTAMP")
    url = bucket.put("data", b'{"a": "\xffabcd", "b": 20.259, "c": 1541016707796}\n{"a": "", "c": ""}\n{"a": "  "}\n')
    loader.copy(url, "JSON 'auto' ACCEPTINVCHARS AS '#' TRUNCATECOLUMNS ROUNDEC EMPTYASNULL BLANKSASNULL "
                     "TIMEFORMAT AS 'epochmillisecs'")  # fmt: skip
    rows = loader.rows("SELECT a, b::varchar(9), to_char(c, 'YYYY-MM-DD HH24:MI:SS.MS') FROM t ORDER BY b")
    assert rows == [["#ab", "20.26", "2018-10-31 20:11:47.796"], [None, None, None], [None, None, None]]
    assert loader.fails(url, "JSON 'auto' TRUNCATECOLUMNS TIMEFORMAT 'epochmillisecs'").startswith(FAILED)
    assert loader.errors() == [[1, "a", 1220]]


def test_compression_is_named_or_there_is_none(bucket: Bucket, loader: Loader) -> None:
    loader.create("a INT")
    text = b'{"a": 1}\n'
    zipped = bucket.put("data.gz", gzip.compress(text) + gzip.compress(text))
    loader.copy(zipped, "JSON 'auto' GZIP")
    frame = zstandard.compress(text)
    loader.copy(bucket.put("data.zst", frame + frame), "JSON 'auto' ZSTD")
    assert loader.rows() == [[1]] * 4
    assert loader.fails(zipped).startswith(FAILED)
    assert "Could not decompress" in loader.fails(bucket.put("plain", text), "JSON 'auto' GZIP")


def test_an_object_over_4_mb_fails_whatever_maxerror_says(bucket: Bucket, loader: Loader) -> None:
    loader.create("a INT")
    url = bucket.put("data", f'{{"a": 1, "b": "{"x" * (4 << 20)}"}}')
    assert loader.fails(url, "JSON 'auto' MAXERROR 100").startswith(FAILED)
