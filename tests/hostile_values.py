"""Values that no user means, and that a command must answer with a sentence: texts, numbers, paths, addresses, SQL.

`{folder}` stands for the folder in which a command runs.
"""

_LONG = "x" * 300
# A port at which nothing listens.
NOWHERE = "127.0.0.1:9"
TEXTS = (
    "", " ", "\t", "\n", "a\nb", "\r", "\x00", "a\x00b", "\x1b[31m", "\x7f", "\x85", "\u202e", "\u2028", "\ufffe",
    "\udcff", "ü\udce9", "Zoë", "名", "😀", "e\u0301" * 40, "'", '"', "';", '"; DROP TABLE users; --', "`id`", "$(id)",
    "%s%n", "%", "100%", "{}", "{0.__class__}", "\\", "\\x00", "*", "**", "[", "[!", "[a-", "]", "?", "{a,b}", "~",
    "~/", "~nobody/x", "~x", ".", "..", "../..", "-", "--", "-x", "--help", "null", "None", "true", "TRUE", "maybe",
    "NaN", "inf", "-inf", "1e5", "1e999", "0", "-0", "-1", "1", "1.5", "007", "+1", "0x10", "1_000", "١٢", "１２", "²",
    "9" * 19, "9" * 40, "9" * 5000, "1e-400", _LONG, _LONG * 20, "a/" * 3000, "\ufeff", "\ufeff1", "=1+1", "@x", "#",
    ";", "a=b", "a:b", ":", "::", "://", "//", "/", "\u00a0",
)  # fmt: skip
NUMBERS = (
    "0", "-0", "-1", "1", "2", "7", "2147483647", "2147483648", "-2147483649", "9223372036854775807",
    "9223372036854775808", "99999999999999999999", "9" * 400, "9" * 5000, "1.5", "1e3", "1e999", "-inf", "nan", "٣",
    "３", "²", "1_0", " 1 ", "0x1", "1,5", "", "x", "-1e-999", "00", "+5",
)  # fmt: skip
DAYS = (
    "2018-11-01", "2018-11-30", "0001-01-01", "9999-12-31", "0000-01-01", "10000-01-01", "-0001-01-01", "2018-02-29",
    "2018-13-01", "20181101", "2018-W44-4", "2018-11-01T00:00", "01.11.2018", "yesterday", "", " 2018-11-01",
    "٢٠١٨-١١-٠١", "2018-11-1", "\x00", "290000-01-01", "infinity", "\udcff",
)  # fmt: skip
SIZES = (
    "1GB", "500MB", "30MB", "10MB", "1MB", "1KB", "0", "0GB", "-1", "-1GB", "1", "100%", "50%", "1e3GB", "1 GB", "1gb",
    "1GiB", "99999999999999999999GB", "inf", "nan", "null", "none", "", "--help", "GB", "1.5.5GB",
    "2GB; DROP TABLE users", "１GB", "1\x00GB", "\udcff", "9" * 400 + "GB", "1YB", "1EB", "16EB", "x",
)  # fmt: skip
GLOBS = (
    "*", "*.json", "**", "**/*", "[", "[!", "[]", "[a-", "[z-a]*", "?", "{a,b}", "\\", "", ",", ",,", "'", '"', "a,b",
    "../*", "/*", "*" * 60 + "a", "(?=x)", "(", "x" * 5000, "\x00", "\n", "\udcff", "[[:alpha:]]", "e\u0301*", "[^a]*",
)  # fmt: skip
ADDRESSES = (
    ":memory:", "duckdb:", "duckdb::memory:", "duckdb://x", "duckdb:///x", "DUCKDB:x", "file:", "file://", "file:///",
    "file://h/x", "file:///%00", "file:///%ff", "file:///%zz", "file:x", "redshift:", "redshift://", "redshift:///",
    "redshift://@", "redshift://h", f"redshift://u@{NOWHERE}/d", "redshift://u@h:0/d", "redshift://u@h:x/d",
    "redshift://u@h:-1/d", "redshift://u@h:99999/d", "redshift://u@[::1/d", "redshift://u@[/d",
    "redshift://u@[::1]:9/d", "redshift://u:p@h/d", "redshift://u@\x00/d", "redshift://u@h\n/d", "redshift://ü@h/ü",
    "redshift://u@\udcff/d", "redshift://" + "x" * 300 + ":9/d", "redshift://u@.../d", "redshift://u@h/d?x=1",
    "redshift://u@h/d#x", "redshift://%00@h/d", "redshift://u@h:٥٤٣٩/d", "postgresql://u:p@h/d", "postgres:host=h",
    "md:", "md:x", "s3://b/w.duckdb", "s3://", "s3:", "http://h/w", "https://h/w", "sqlite:x", "ducklake:x", "quack:x",
    "quack://h", "\\\\host\\x", "C:\\x", "x.csv", "x.json", "x.parquet", "x.db", "x.duckdb.wal", "{name}.duckdb",
    "w.duckdb?access_mode=read_only", "w.duckdb;x", "'w'.duckdb", "a b.duckdb", "\x1b[1m.duckdb", "jdbc:redshift://h/d",
    "redshift+psycopg2://h/d", "arn:aws:s3:::b/x", "s3://b/\x00", "s3://b/x\ny", "s3://b/../x", "s3://b//x",
    "s3://b/./x", "s3:///x", "s3://B_b/x", "s3://b?x", "s3://b/x?X-Amz-Signature=y", "s3://K:S@b/x", "s3a://b/x",
    "s3://b/\udcff", "s3://" + "b" * 300, "s3://ü/x", "s3:// /x", "s3://b /x", "gs://b/x", "hdfs://h/x",
    "abfss://c@h/x", "s3://b/" + "x/" * 600, "s3://b/%2e%2e/x", "https://b.s3.amazonaws.com/x", "https://[",
    "http://[::1", "gs://[x",
)  # fmt: skip
ENDPOINTS = (
    f"http://{NOWHERE}", NOWHERE, f" http://{NOWHERE}", f"http://{NOWHERE}\r", "http://", "::::", "http://h:99999",
    "https://[", "ftp://h", "http://ü", "http://127.0.0.1:9/a?b=c#d", "x" * 3000, "http://u:p@127.0.0.1:9", "\udcff",
    "http://127.0.0.1:x", "//", "http://a b",
)  # fmt: skip
AWS_NAMES = (
    "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "AWS_CHECKSUM_ALGORITHM",
    "AWS_ALLOW_HTTP", "AWS_PROFILE", "AWS_SKIP_SIGNATURE", "AWS_CA_BUNDLE", "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_BUCKET", "AWS_REQUEST_PAYER",
    "AWS_COPY_IF_NOT_EXISTS", "AWS_CONDITIONAL_PUT", "AWS_S3_EXPRESS", "AWS_IMDSV1_FALLBACK", "AWS_UNSIGNED_PAYLOAD",
)  # fmt: skip
OTHER_NAMES = (
    "HOME", "XDG_CACHE_HOME", "TMPDIR", "COLUMNS", "LINES", "TERM", "NO_COLOR", "FORCE_COLOR", "LANG", "LC_ALL", "TZ",
    "SSL_CERT_FILE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "TTY_COMPATIBLE", "TTY_INTERACTIVE",
    "SSL_CERT_DIR",
)  # fmt: skip
QUERIES = (
    "", " ", ";", ";;", "-- nothing", "/* nothing", "/* a */ -- b", "SELECT", "SELECT 1", "SELECT 1;",
    "SELECT 1; SELECT 2", "SELECT 1;;", "\x00", "SELECT '\x00'", "SELECT 1\x00", "SELECT '\udcff'", "\ufeffSELECT 1",
    "sel ect", "(", "'", '"', "$$", "$1", "?", "SELECT $1", "SELECT ?", "SELECT $x", "FROM users", "TABLE users",
    "VALUES (1)", "DESCRIBE users", "SHOW TABLES", "SUMMARIZE users", "PIVOT users ON level", "UNPIVOT users ON level",
    "EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT 1", "WITH a AS (SELECT 1) FROM a",
    "WITH a AS (INSERT INTO users VALUES (1) RETURNING *) SELECT * FROM a",
    "WITH a AS (DELETE FROM users RETURNING *) SELECT * FROM a",
    "WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM a WHERE n < 100) SELECT count(*) FROM a",
    "SELECT * FROM '{folder}/precious.txt'", "SELECT * FROM read_text('{folder}/*')",
    "SELECT * FROM read_csv('{folder}/precious.txt')", "SELECT * FROM read_blob('{folder}/dwh.cfg')",
    "SELECT * FROM glob('{folder}/*')", "SELECT * FROM read_json('http://127.0.0.1:9/x')",
    "SELECT * FROM 's3://b/x.parquet'", "SELECT * FROM parquet_scan('x')",
    "SELECT * FROM sniff_csv('{folder}/precious.txt')", "SELECT * FROM read_duckdb('{folder}/other.duckdb')",
    "SELECT * FROM '{folder}/other.duckdb'", "FROM duckdb_settings()", "ATTACH '{folder}/other.duckdb'",
    "ATTACH ':memory:' AS m", "DETACH warehouse", "USE other", "COPY users TO '{folder}/out.csv'",
    "COPY (SELECT 1) TO '{folder}/out.parquet'", "COPY users FROM '{folder}/precious.txt'",
    "EXPORT DATABASE '{folder}/out'", "IMPORT DATABASE '{folder}'", "PRAGMA database_list", "PRAGMA version",
    "PRAGMA enable_profiling", "PRAGMA table_info('users')", "PRAGMA import_database('x')", "SET memory_limit = '1KB'",
    "SET enable_external_access = true", "RESET memory_limit", "SET VARIABLE a = 1", "LOAD httpfs", "INSTALL httpfs",
    "FORCE INSTALL spatial", "UPDATE EXTENSIONS", "UPDATE EXTENSIONS (httpfs)", "CHECKPOINT", "FORCE CHECKPOINT",
    "VACUUM", "ANALYZE", "BEGIN", "COMMIT", "ROLLBACK", "CALL pragma_version()", "CALL force_checkpoint()",
    "INSERT INTO users VALUES (1)", "UPDATE users SET level = 'x'", "DELETE FROM users", "TRUNCATE users",
    "DROP TABLE users", "MERGE INTO users USING users AS o ON true WHEN MATCHED THEN DELETE", "CREATE TABLE x (a INT)",
    "CREATE TABLE x AS SELECT 1", "CREATE TEMP TABLE x AS SELECT 1", "CREATE VIEW v AS SELECT 1",
    "CREATE MACRO m() AS 1", "CREATE SECRET s (TYPE s3)", "CREATE SCHEMA s", "CREATE SEQUENCE s",
    "CREATE TYPE t AS ENUM ('a')", "CREATE INDEX i ON users (user_id)", "CREATE FUNCTION f() AS 1",
    "ALTER TABLE users ADD COLUMN x INT", "COMMENT ON TABLE users IS 'x'", "PREPARE p AS SELECT 1", "EXECUTE p",
    "DEALLOCATE p", "ALTER DATABASE warehouse SET x = 1",
    "CREATE TRIGGER t AFTER INSERT ON users FOR EACH ROW EXECUTE x", "KILL 1", "GRANT ALL ON users TO x",
    "SELECT * FROM query('SELECT 1')", "SELECT * FROM query('DROP TABLE users')", "SELECT * FROM query_table('users')",
    "SELECT getenv('HOME')", "SELECT current_setting('memory_limit')", "SELECT error('x')", "SELECT 1/0",
    "SELECT 'x'::INT", "SELECT 170141183460469231731687303715884105727 + 1", "SELECT 1e400", "SELECT 'nan'::DOUBLE",
    "SELECT 'inf'::DOUBLE, '-inf'::FLOAT", "SELECT NULL", "SELECT []", "SELECT {'a': [1, NULL]}", "SELECT MAP {'a': 1}",
    "SELECT MAP {[1]: 1}", "SELECT '\\xff'::BLOB", "SELECT '101'::BIT", "SELECT INTERVAL 1 MONTH",
    "SELECT 'infinity'::DATE", "SELECT '-infinity'::TIMESTAMP", "SELECT '290000-01-01'::DATE",
    "SELECT '0044-03-15 (BC)'::DATE", "SELECT '290000-01-01'::TIMESTAMP", "SELECT TIMESTAMPTZ '2018-01-01 00:00:00+15'",
    "SELECT '24:00:00'::TIME", "SELECT '23:59:59+15:59:59'::TIMETZ", "SELECT uuid()", "SELECT 1::UHUGEINT",
    "SELECT 1.5::DECIMAL(38, 10)", "SELECT 'a'::ENUM ('a')", "SELECT TIMESTAMP_NS '2018-01-01'",
    "SELECT '290000-01-01'::TIMESTAMP_S", "SELECT union_value(a := 1)", "SELECT x'00'", "SELECT chr(0)",
    "SELECT chr(1114111)", "SELECT 1 AS a, 2 AS a", 'SELECT 1 AS ""', 'SELECT 1 AS "\x1b[31m"',
    "SELECT * FROM users, users", "SELECT x", "SELECT * FROM nowhere", "SELECT nothing()", "SELECT sum('x')",
    "SELECT lambda x: x", "SELECT ROW(1, 'a')", "SELECT range(100000)", "SELECT repeat('x', 1000000)",
    "SELECT * FROM users TABLESAMPLE 1%", "SELECT * FROM users LIMIT -1", "SELECT * FROM users LIMIT 1e30",
    "SELECT unnest(range(3)) ORDER BY 9", "SELECT list(range) FROM range(1000)", "SELECT '😀' AS \"名\"",
    "SELECT chr(8238) || 'x'", "SELECT 1 INTO x", "SELECT * FROM users FOR UPDATE", "SELECT nextval('s')",
    "SELECT pg_sleep(1)", "SELECT * FROM load_history AT (VERSION => 1)", "SELECT {nested}",
    "{brackets}",
    "SELECT {sum}", "SELECT {list}", "SELECT CASE {cases} END", "{ctes}", "SELECT '{long}'", "SELECT 1 AS {long}",
    "SELECT json('{brackets}')", "SELECT json_extract('{{}}', '$.a[')", "SELECT regexp_matches('a', '(')",
    "SELECT 'a' LIKE 'b' ESCAPE 'xx'", "SELECT strftime(now(), '%Q')", "SELECT format('{{', 1)",
    "SELECT printf('%s%n')", "SELECT date_trunc('x', now())", "SELECT 'a' COLLATE x",
    "SELECT TIMESTAMPTZ '2018-01-01' AT TIME ZONE 'Mars/X'", "SELECT make_timestamp(9223372036854775807)",
    "SELECT to_timestamp(1e300)", "SELECT make_date(999999999, 1, 1)", "SELECT now() + INTERVAL 300000 YEAR",
    "SELECT -'-infinity'::DATE", "SELECT variant_x(1)", "SELECT 1::VARIANT", "SELECT 'POINT(1 1)'::GEOMETRY",
    "SELECT bitstring('1', 99)", "SELECT 1::BIGNUM", "SELECT ('9' || repeat('9', 500))::BIGNUM", "SELECT 'x'::JSON",
)  # fmt: skip
CONFIGS = (
    b"", b"\x00", b"[S3]\nLOG_DATA='log_data'\n\x00", b"\xff\xfe[\x00S\x003\x00]\x00", b"[S3]\nLOG_DATA=\xff\xfe\n",
    b"\xef\xbb\xbf[S3]\nLOG_DATA=log_data\n", b"[", b"[]", b"[ ]\n", b"]", b"[S3", b"[S3]\n", b"[S3]\n[S3]\n",
    b"LOG_DATA=x\n", b"= x\n", b"[S3]\n= x\n", b"[S3]\nLOG_DATA\n", b"[S3]\nLOG_DATA=a\nLOG_DATA=b\n",
    b"[S3]\nLOG_DATA=%(x)s\n", b"[S3]\nLOG_DATA=%\n", b"[S3]\nLOG_DATA=${x}\n", b"[s3]\nlog_data=log_data\n",
    b"[NOWHERE]\nX=1\n", b"[S3]\nNOTHING=1\n", b"[S3]\nLOG_DATA=a\n b\n", b"[S3]\r\nLOG_DATA=log_data\r\n",
    b"[S3]\rLOG_DATA=x\r", b"[S3]\nLOG_DATA='x\n", b"[DEFAULT]\nLOG_DATA=x\n", b"[DEFAULT]\nX=%(X)s\n[S3]\n",
    b"[SPARKIFY]\nWAREHOUSE=\n", b"[SPARKIFY]\nWAREHOUSE=a\x00b\n", b"[SPARKIFY]\nTHREADS=x\n",
    b"[SPARKIFY]\nTHREADS=99999999999999999999\n", b"[SPARKIFY]\nWAIT=nan\n", b"[SPARKIFY]\nWAIT=inf\n",
    b"[SPARKIFY]\nMEMORY_LIMIT=\x1b[31m\n", b"[CLUSTER]\nDB_PORT=x\n", b"[CLUSTER]\nHOST=\n",
    b"[CLUSTER]\nHOST=a b\nDB_USER=u\nDB_PASSWORD=p\n", b"[event_keys]\n", b"[event_keys]\nx=y\n",
    b"[event_keys]\nts\n", b"[event_keys]\nts=\n", b"[event_keys]\nts='1'\n", b"[event_keys]\nlevel=\"'x'\"\n",
    b"[song_keys]\ntitle=a\ntitle=b\n", b"[event_keys]\nts=a.b[0]\n", b"[event_keys]\npage=$\n",
    b"[event_keys]\npage=\x00\n", b"[event_keys]\npage='\x00'\n", b"[event_keys]\npage=\"\xff\"\n",
    b"[event_keys]\npage='" + b"x" * 70000 + b"'\n", b"[event_keys]\nlevel=\\u0000\n", b"[event_keys]\nlevel='''\n",
    b"[event_keys]\nlevel=\"\n", b"[S3]\n" + b"X" * 100_000 + b"=1\n", b"[" + b"X" * 100_000 + b"]\n",
    b"[S3]\n" * 10_000, b"\n" * 100_000, b"#" * 100_000, b"[S3]\nLOG_DATA=" + b"x" * 100_000 + b"\n",
    b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 50, b"PK\x03\x04", b"<html>", b"{}", b"[S3]\nLOG_DATA: log_data\n",
    b"[S3]\n\xc2\x85LOG_DATA=x\n", "[S3]\nLOG_DATA=\u2028x\n".encode(), "[\u202eS3]\n".encode(),
    b"[S3]\nLOG_PATTERN=[\n", b"[S3]\nLOG_PATTERN=,',\n", b"[IAM_ROLE]\nARN=x\n",
    b"[CLUSTER]\nIAM=maybe\nSSLMODE=off\n",
)  # fmt: skip
PATHS = (
    "log_data", "song_data", "log_data/a.json", "precious.txt", "other.duckdb", "warehouse.duckdb", "nowhere/x",
    "precious.txt/x", "link", "circle", "locked/x", "locked", "binary", ".", "..", "dwh.cfg", "/dev/null", "/dev/full",
    "/dev/full", "/dev/zero/x", "/proc/self/mem/x", "/root/../etc/passwd/x", "new", "x" * 300, "d/" * 2100 + "x",
    "new\nline", "\udcff", "new\x1b[31m", "", " ", "{folder}/new", "~/new", "~nobody/new", "file:///{folder}/new",
    "log_data/../new", "link/../new",
)  # fmt: skip
VERSIONS = (
    "v1.0.0", "v1.4.0", "v2.0.0", "v9.9.9", "v1.4", "1.4.0", "v1.4.0x", "v١.0.0", "latest", "v1.0.0\n",
    "v" + "9" * 99 + ".0.0", "",
)  # fmt: skip
QUESTIONS = (
    "top_songs", "overview", "retention", "levels", "places", "nothing", "", "top_song", "\udcff", "x" * 5000, "--",
    "Ω",
)  # fmt: skip
# Of songs, artists, places and users.
_ODD_LETTERS = (
    *range(1, 0x20), 0x7F, 0x85, 0xAD, 0x34F, 0x61C, 0x180E, 0x200B, 0x200D, 0x200F, 0x2028, 0x2029, 0x202E, 0x2060,
    0xD7FF, 0xE000, 0xF8FF, 0xFDD0, 0xFEFF, 0xFFF9, 0xFFFD, 0xFFFE, 0xFFFF, 0x1F3FB, 0x1FFFE, 0xE0001, 0xE0041,
    0x10FFFE, 0x10FFFF,
)  # fmt: skip
NAMES = (
    *(f"a{chr(code)}b" for code in _ODD_LETTERS), "\u0301", "\u0301" * 512, "a" + "\u0301" * 500, "\u202e",
    "\u202eabc", "\u2066" * 300, "\u2069" * 300, "x" * 1024, "W" * 1024, "." * 1024, "😀" * 256, "👨‍👩‍👧‍👦" * 30,
    "名" * 341,
    "ﷺﷻ﷽" * 50, "\u0627" * 500, "ก็" * 150, "\u1100\u1161\u11a8" * 100, "ཧཱུྃ" * 40, "\u200b" * 300, "\u00ad" * 400,
    " " * 1024, "\t" * 20, "\n" * 500, "\r\n" * 300, "\u3000" * 300, "a.b[0]", "a\\.b", "a.b", "[0]", "']", "datum.x",
    "datum['x']", "__proto__", "constructor", "toString", "hasOwnProperty", "prototype", "length", "null", "undefined",
    "NaN", "true", "false", "-1", "0", "1e999", "2018-11-01", "2018-11-01T00:00:00Z", "Infinity", "{}", "[]",
    "{\"signal\":\"x\"}", "signal", "expr", "%s%d%n", "%Y-%m-%d", ",.2f", "$,.3s", "~s", ".999999f", "{0}", "${x}",
    "{{x}}", "{%x%}", "<b>", "</svg>", "</script>", "</text>", "<![CDATA[", "]]>", "<!--", "-->", "&amp;", "&#0;",
    "&#x7;", "&bad;", "&", "<?xml?>", "<!DOCTYPE x [<!ENTITY a \"b\">]>", "javascript:alert(1)", "data:text/html,x",
    "url(#x)", "url(http://127.0.0.1:9/x)", "expression(x)", "*/ x {} /*", "@import 'x'", "\\u003c", "\\", "\\\\",
    "\\x00", "\"", "'", "`", "\"'`", "http://127.0.0.1:9/x.png", "id=\"clip1\"", "url(#clip1)", "clip1", "M0,0L1,1",
    " d=\"M1.12345\"", "width=\"1.23456789\"", "…", "...", "a" * 1000 + " b", "-" * 1024, "_" * 1024, "/" * 1024,
    "a b " * 256, "A, B", "x, NY", ", ", ",", ", NY", "NY", "x" * 1020 + ", A", "İstanbul", "ß", "ﬁ", "ǆ", "K", "Ⅷ",
    "½", "²", "０", "A\u030a", "Å", "", " ", "\u00a0",
)  # fmt: skip


def fill(query: str) -> str:
    """A query with what is too long to be written out."""
    fillings = {
        "nested": "(" * 3000 + "1" + ")" * 3000,
        "brackets": "[" * 3000,
        "sum": "1" + "+1" * 5000,
        "list": ",".join("1" * 5000),
        "cases": "WHEN 1 THEN 1 " * 500,
        "long": "x" * 100_000,
        "ctes": "WITH " + ",".join(f"a{number} AS (SELECT {number})" for number in range(300)) + " SELECT 1",
    }
    for name, text in fillings.items():
        query = query.replace(f"{{{name}}}", text)
    return query
