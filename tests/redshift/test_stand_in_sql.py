"""The dialect of the stand-in, used with the real driver: which SQL it accepts, and which it refuses."""

import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from redshift_connector.cursor import Cursor

import sparkify
from sparkify.questions.catalogue import list_questions, list_values
from sparkify.questions.cut import WHOLE_LOG, cut_sql
from sparkify.sql import create_sql
from sparkify.star.checks import count_sql, list_checks, list_statements
from sparkify.star.tables import CREATION_ORDER
from sparkify.star.touched import Touched
from tests.redshift.answers import fetch, refusal
from tests.redshift.conftest import Connect
from tests.redshift.server import Redshift

SQL = Path(sparkify.__file__).parent / "sql"


# Tables


def test_keys_are_declared_and_not_enforced(cursor: Cursor) -> None:
    cursor.execute("CREATE TABLE parents (a INT PRIMARY KEY, b INT UNIQUE)")
    cursor.execute("CREATE TABLE t (a INT REFERENCES parents (a), b INT, PRIMARY KEY (b), UNIQUE (a), "
                   "FOREIGN KEY (a) REFERENCES parents)")  # fmt: skip
    cursor.execute("INSERT INTO t VALUES (7, 1), (7, 1)")
    assert fetch(cursor, "SELECT count(*) FROM t") == [[2]]
    assert refusal(cursor, "INSERT INTO t (a) VALUES (1)").startswith("23502")


def test_foreign_keys_need_their_tables(cursor: Cursor) -> None:
    assert refusal(cursor, "CREATE TABLE t (a INT REFERENCES parents (a))").startswith("42P01")
    cursor.execute("CREATE TABLE parents (a INT PRIMARY KEY)")
    cursor.execute("CREATE TABLE t (a INT REFERENCES parents (a), b INT REFERENCES t (a))")
    assert refusal(cursor, "DROP TABLE parents").startswith("2BP01")
    cursor.execute("DROP TABLE parents, t")
    cursor.execute("DROP TABLE IF EXISTS parents")


def test_not_null_is_enforced(cursor: Cursor) -> None:
    cursor.execute("CREATE TABLE t (a INT NOT NULL)")
    assert refusal(cursor, "INSERT INTO t VALUES (NULL)").startswith("23502")


def test_comments_can_be_read(cursor: Cursor) -> None:
    cursor.execute('CREATE TABLE "time" (a INT) DISTSTYLE ALL')
    cursor.execute("CREATE OR REPLACE VIEW v AS SELECT a FROM time")
    cursor.execute("COMMENT ON TABLE time IS 'One row per hour; it''s small.'")
    cursor.execute("COMMENT ON VIEW v IS 'A view.'")
    cursor.execute("COMMENT ON COLUMN v.a IS 'Of a view.'")
    cursor.execute("COMMENT ON COLUMN public.time.a IS 'A number.'")
    assert fetch(cursor, "SELECT obj_description('public.time'::regclass), col_description('time'::regclass, 1)") == [
        ["One row per hour; it's small.", "A number."]
    ]
    assert fetch(cursor, "SELECT remarks FROM svv_tables WHERE table_schema = 'public' ORDER BY table_name") == [
        ["One row per hour; it's small."], ["A view."]
    ]  # fmt: skip
    assert fetch(cursor, "SELECT remarks FROM svv_columns WHERE table_schema = 'public' ORDER BY table_name") == [
        ["A number."], ["Of a view."]
    ]  # fmt: skip
    cursor.execute("DROP VIEW v")
    cursor.execute("DROP VIEW IF EXISTS v")


def test_schemas_and_the_search_path(cursor: Cursor) -> None:
    cursor.execute("CREATE TABLE t (a INT, b VARCHAR(3) NOT NULL)")
    cursor.execute("INSERT INTO t VALUES (1, 'x')")
    cursor.execute("CREATE SCHEMA other")
    cursor.execute("CREATE TABLE other.t (LIKE public.t)")
    cursor.execute('SET search_path TO "other"')
    assert fetch(cursor, "SELECT current_schema()") == [["other"]]
    assert fetch(cursor, "SELECT a FROM t") == []
    cursor.execute("INSERT INTO other.t SELECT * FROM public.t")
    assert fetch(cursor, "SELECT a FROM t") == [[1]]
    cursor.execute("DROP SCHEMA other CASCADE")
    assert fetch(cursor, "SELECT current_schema()") == [[None]]
    assert refusal(cursor, "CREATE TABLE t (a INT)").startswith("3F000")


@pytest.mark.parametrize(("columns", "attributes", "words"), [
    ("a INT, a INT", "", "42701"),
    ("a INT ENCODE lz4", "", "42601 unknown encoding"),
    ("a VARCHAR(9) ENCODE az64", "", "42601 encoding az64 is not supported"),
    ("a FLOAT ENCODE az64", "", "42601 encoding az64 is not supported"),
    ("a INT", "DISTKEY (b)", "42703"),
    ("a INT", "SORTKEY (b)", "42703"),
    ("a INT", "DISTSTYLE ALL DISTKEY (a)", "42601"),
    ("a INT", "DISTSTYLE KEY", "42601"),
    ("a INT", "DISTSTYLE SOMEHOW", "42601"),
    ("a INT DISTKEY", "", "42601"),
    ("a INT", "DISTKEY (a) DISTKEY (a)", "42601 cannot specify more than one DISTKEY"),
    ("a INT", "SORTKEY (a) SORTKEY (a)", "42601 cannot specify more than one SORTKEY"),
    ("a INT", "DISTSTYLE ALL DISTSTYLE EVEN", "42601"),
    ("a INT", "PARTITION BY LIST (a)", "0A000"),
    ("a INT", "WITH (fillfactor = 10)", "0A000"),
    ("a INT, PRIMARY KEY (a), PRIMARY KEY (a)", "", "42P16"),
    ("a INT", "COMMENT 'a'", "0A000"),
    ("a INT IDENTITY(1, 1)", "", "0A000"),
    ("a INT GENERATED ALWAYS AS (1) STORED", "", "0A000"),
    ("a INT REFERENCES t (a) ON DELETE CASCADE", "", "0A000"),
    ("LIKE t INCLUDING ALL", "", "0A000"),
    ("", "", "42601"),
    ("a STRING", "", "42601"),
    ("a DOUBLE", "", "42601"),
    ("a REGCLASS", "", "0A000"),
    ("a TIMESTAMP(3)", "", "0A000"),
    ("a TINYINT", "", "0A000"),
    ("a VARCHAR(65536)", "", "22023"),
    ("a CHAR(4097)", "", "22023"),
    ("a DECIMAL(39, 1)", "", "22023"),
    ("a INT CHECK (a > 1)", "", "0A000"),
    ("a INT, CHECK (a > 1)", "", "0A000"),
    ("a SERIAL", "", "0A000"),
    ("a UUID", "", "0A000"),
    ("a JSONB", "", "0A000"),
    ("a BYTEA", "", "0A000"),
    ("a INT[]", "", "0A000"),
    ("a SUPER", "", "0A000 the stand-in does not know"),
    ("tag INT", "", "42601"),
    ("user INT", "", "42601"),
])  # fmt: skip
def test_a_table_that_redshift_refuses(dialect: Cursor, columns: str, attributes: str, words: str) -> None:
    assert refusal(dialect, f"CREATE TABLE x ({columns}) {attributes}").startswith(words)


def test_lengths_count_bytes(cursor: Cursor) -> None:
    cursor.execute("CREATE TABLE t (a VARCHAR(4), b CHAR(2), c VARCHAR, d TEXT, e VARCHAR(MAX))")
    cursor.execute("INSERT INTO t (a, b) VALUES ('éé', 'ab')")
    assert refusal(cursor, "INSERT INTO t (a) VALUES ('ééé')") == "22001 value too long for type character varying(4)"
    assert refusal(cursor, "INSERT INTO t (a) VALUES ('abcde')").startswith("22001")
    assert refusal(cursor, "INSERT INTO t (b) VALUES ('é')").startswith("22001")
    for column, longest in (("c", 256), ("d", 256), ("e", 65535)):
        cursor.execute(f"INSERT INTO t ({column}) VALUES (%s)", ["x" * longest])
        assert refusal(cursor, f"INSERT INTO t ({column}) VALUES (%s)", ["x" * (longest + 1)]).startswith("22001")


def test_a_decimal_without_a_scale_drops_fractions(cursor: Cursor) -> None:
    cursor.execute("CREATE TABLE t (a DECIMAL)")
    cursor.execute("INSERT INTO t VALUES (217.3)")
    assert fetch(cursor, "SELECT a, CAST(1.4 AS NUMERIC) FROM t") == [[Decimal(217), Decimal(1)]]


def test_temporary_tables_and_copies_of_tables(cursor: Cursor) -> None:
    cursor.execute("CREATE TABLE t (a INT, b VARCHAR(2) NOT NULL DEFAULT 'x')")
    cursor.execute("INSERT INTO t (b) VALUES ('y'), (DEFAULT)")
    assert fetch(cursor, "SELECT a, b FROM t ORDER BY b") == [[None, "x"], [None, "y"]]
    cursor.execute("CREATE TEMP TABLE stage (LIKE t)")
    assert refusal(cursor, "INSERT INTO stage VALUES (1, 'ééé')").startswith("22001")
    assert refusal(cursor, "INSERT INTO stage VALUES (1)").startswith("23502")
    cursor.execute("ALTER TABLE stage ADD COLUMN c VARCHAR(3) ENCODE zstd")
    cursor.execute("ALTER TABLE stage RENAME COLUMN c TO d")
    cursor.execute("DROP TABLE IF EXISTS stage, t")


def test_keys_and_encodings_are_kept_and_changed_in_place(cursor: Cursor) -> None:
    cursor.execute("CREATE TABLE t (a INT ENCODE RAW, b INT ENCODE az64, c VARCHAR(2)) DISTSTYLE EVEN SORTKEY (a)")
    cursor.execute("INSERT INTO t VALUES (1, 2, 'x')")
    cursor.execute("ALTER TABLE t ADD COLUMN d INT ENCODE zstd")
    for change in ("ALTER DISTSTYLE KEY DISTKEY b", "ALTER SORTKEY (b, a)", "ALTER COLUMN d ENCODE az64"):
        cursor.execute(f"ALTER TABLE t {change}")
    columns = 'SELECT "column", type, encoding, distkey, sortkey, "notnull" FROM pg_table_def'
    assert fetch(cursor, f"{columns} WHERE schemaname = 'public' AND tablename = 't'") == [
        ["a", "integer", "none", False, 2, False],
        ["b", "integer", "none", True, 1, False],
        ["c", "character varying(2)", "none", False, 0, False],
        ["d", "integer", "az64", False, 0, False],
    ]
    assert fetch(cursor, "SELECT a, b, c, d FROM t") == [[1, 2, "x", None]]
    cursor.execute("ALTER TABLE t ALTER DISTSTYLE EVEN")
    assert not any(row[3] for row in fetch(cursor, columns))
    for change, words in (
        ("t ALTER COLUMN d ENCODE az64", "0A000 target column already has this encoding"),
        ("t ALTER COLUMN nothing ENCODE zstd", "42703"),
        ("t ALTER DISTKEY nothing", "42703"),
        ("nothing ALTER DISTSTYLE EVEN", "42P01"),
    ):
        assert refusal(cursor, f"ALTER TABLE {change}").startswith(words)
    cursor.execute("BEGIN")
    assert refusal(cursor, "ALTER TABLE t ALTER DISTSTYLE EVEN").startswith("25001")
    cursor.execute("ROLLBACK")


def test_a_cursor_gives_rows_in_parts(cursor: Cursor) -> None:
    cursor.execute("CREATE TABLE t (a INT)")
    cursor.execute("INSERT INTO t VALUES (1), (2), (3)")
    cursor.execute("BEGIN")
    cursor.execute("DECLARE portions CURSOR FOR SELECT a FROM t ORDER BY a")
    assert fetch(cursor, "FETCH FORWARD 2 FROM portions") == [[1], [2]]
    assert fetch(cursor, "FETCH FORWARD 2 FROM portions") == [[3]]
    cursor.execute("CLOSE portions")
    assert refusal(cursor, "FETCH FORWARD 2 FROM portions").startswith("34000")
    cursor.execute("ROLLBACK")
    assert fetch(cursor, "EXPLAIN SELECT 1 AS one")


def test_names_fold_to_lower_case_even_in_quotes(cursor: Cursor) -> None:
    cursor.execute('CREATE TABLE "Staging" ("userId" INT, "TAG" INT)')
    cursor.execute('INSERT INTO staging (userid, "tag") VALUES (1, 2)')
    cursor.execute('SELECT "USERID", s."tag" AS "Tag" FROM "STAGING" AS s')
    assert [column[0] for column in cursor.description] == ["userid", "tag"]


# Queries


def test_the_projects_own_statements_run(cursor: Cursor) -> None:
    for table in CREATION_ORDER:
        cursor.execute(create_sql(table, "redshift"))
    for path in sorted(SQL.glob("changes/*/create.sql")):
        cursor.execute(path.read_text())
    for path in sorted(SQL.glob("*/*/*.sql")):
        if path.stem not in ("create", "checks"):
            cursor.execute(path.read_text())
    for queries in list_statements(list_checks(), "redshift").values():
        for touched in (Touched(), None):
            cursor.execute(count_sql(queries, touched=touched))
            assert sorted(cursor.fetchall()) == [[place, 0] for place in range(len(queries))]
    cursor.paramstyle = "numeric"
    for question in list_questions():
        cursor.execute(cut_sql(question.sql, list_values(question, WHOLE_LOG)))


@pytest.mark.parametrize(("expression", "expected"), [
    ("7 / 2", 3),
    ("md5('a|b')", "d0726241020676b14aa6298ce6a18b21"),
    ("extract(DOW FROM TIMESTAMP '2018-11-25 01:02:03.456')", 0),
    ("extract(weekday FROM DATE '2018-11-26')", 1),
    ("extract(week FROM TIMESTAMP '2018-12-31 00:00:00')", 1),
    ("date_part(dayofweek, TIMESTAMP '2018-11-25 01:02:03')", 0.0),
    ("extract(sec FROM TIMESTAMP '2018-11-25 01:02:03.456')", 3),
    ("extract(ms FROM TIMESTAMP '2018-11-25 01:02:03.456')", 456),
    ("extract(us FROM TIMESTAMP '2018-11-25 01:02:03.456789')", 789),
    ("date_part(sec, TIMESTAMP '2018-11-25 01:02:03.5')", 3.5),
    ("dateadd(ms, 796, TIMESTAMP '2018-11-25 01:02:03')", datetime.datetime(2018, 11, 25, 1, 2, 3, 796000)),
    ("datediff(day, DATE '2018-11-01', DATE '2018-12-01')", 30),
    ("datediff(hour, TIMESTAMP '2018-11-01 00:59:00', TIMESTAMP '2018-11-01 01:01:00')", 1),
    ("date_trunc('week', DATE '2018-11-25')", datetime.datetime(2018, 11, 19)),
    ("TIMESTAMP 'epoch' + 90 * INTERVAL '1 second'", datetime.datetime(1970, 1, 1, 0, 1, 30)),
    ("DATE '1970-01-01' + 3", datetime.date(1970, 1, 4)),
    ("len('abc')", 3),
    ("nvl(NULL, 'x')", "x"),
    ("round(1.23456::float, 2)", 1.23),
    ("avg(a)", 1),
    ("listagg(a, ',') WITHIN GROUP (ORDER BY a DESC)", "2,1"),
    ("split_part(reverse('a, b'), ' ,', 1)", "b"),
    ("concat('a', NULL)", None),
    ("CAST(repeat('x', 300) AS VARCHAR)", "x" * 256),
    ("'a\\\\b'", "a\\b"),
    ("octet_length('é') + length('é')", 3),
    ("has_table_privilege('t', 'insert')", True),
    ("percentile_cont(0.5) WITHIN GROUP (ORDER BY a)", 1.5),
])  # fmt: skip
def test_expressions(dialect: Cursor, expression: str, expected: object) -> None:
    dialect.execute("INSERT INTO t VALUES (1), (2)")
    source = "t" if any(word in expression for word in ("avg(a)", "listagg", "percentile")) else "(SELECT 1) AS one"
    cast = expression.replace("listagg(a", "listagg(a::varchar")
    assert fetch(dialect, f"SELECT {cast} FROM {source}") == [[expected]]


@pytest.mark.parametrize("query", [
    "SELECT row_number() OVER (PARTITION BY a ORDER BY b DESC) FROM t",
    "SELECT sum(a) OVER (PARTITION BY a) FROM t",
    "SELECT sum(a) OVER (ORDER BY b ROWS UNBOUNDED PRECEDING) FROM t",
    "SELECT last_value(a) OVER (ORDER BY b ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM t",
    "SELECT lag(a) OVER (ORDER BY b) FROM t",
    "SELECT a FROM t ORDER BY a DESC NULLS LAST",
    "SELECT a FROM t MINUS SELECT b FROM t",
    "SELECT a AS level, b AS status FROM t AS time",
    'SELECT a AS "user", b "tag" FROM t',
    "SELECT count(*) FROM t WHERE a IS NOT NULL AND (a, b) IN (SELECT a, b FROM t)",
    "SELECT a FROM t WHERE a = 1 OR (SELECT count(*) FROM u) > (SELECT count(*) FROM t AS x WHERE x.a = 1)",
    "SELECT a FROM t WHERE b IN (SELECT u.a FROM u WHERE u.a = 1 OR u.b = 2)",
    "WITH x (c) AS (SELECT a FROM t) SELECT c FROM x",
    "SELECT a INTO copied FROM t",
    "UPDATE t SET a = s.a FROM t AS s WHERE t.a = s.b",
    "DELETE FROM t USING u WHERE t.a = u.a",
    "INSERT INTO t (a) WITH x AS (SELECT 1 AS a) SELECT a FROM x",
    "INSERT INTO t SELECT a, b FROM t",
    "SELECT TOP 1 a FROM t",
    "SELECT a AS window FROM t",
    "SELECT a FROM (t JOIN u USING (a)) CROSS JOIN (SELECT 1 AS one)",
    "SELECT t.a FROM t LEFT JOIN u ON t.a = u.a WHERE u.a IS NULL",
    "SELECT a::TIMESTAMP WITHOUT TIME ZONE FROM (SELECT sysdate AS a)",
    "SELECT DATE '2018-11-01' - DATE '2018-10-01', DATE '2018-11-01' + INTERVAL '1 day' * 2",
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n",
    "CREATE OR REPLACE VIEW v AS SELECT a FROM t",
    "CREATE VIEW v (one, two) AS WITH x AS (SELECT a, b FROM t) SELECT a, b FROM x",
    "CREATE TABLE v (a INT ENCODE az64 NOT NULL, b VARCHAR(9) ENCODE zstd, c DATE) DISTSTYLE KEY DISTKEY (b) "
    "COMPOUND SORTKEY (c, a)",
    "CREATE TABLE v DISTSTYLE ALL AS SELECT CAST(a AS VARCHAR(9)) AS a FROM t",
    "ALTER TABLE t RENAME TO v",
])  # fmt: skip
def test_what_redshift_takes(dialect: Cursor, query: str) -> None:
    dialect.execute(query)


@pytest.mark.parametrize(("query", "words"), [
    ("SELECT sum(a) OVER (ORDER BY b) FROM t", "42601 Aggregate window functions"),
    ("SELECT last_value(a) OVER (PARTITION BY a ORDER BY b) FROM t", "42601 Aggregate window functions"),
    ("SELECT sum(a) OVER (ORDER BY b RANGE UNBOUNDED PRECEDING) FROM t", "0A000"),
    ("SELECT rank() OVER (ORDER BY b NULLS LAST) FROM t", "0A000"),
    ("SELECT rank() OVER w FROM t WINDOW w AS (ORDER BY b)", "0A000"),
    ("INSERT INTO t VALUES (1, 2) ON CONFLICT DO NOTHING", "0A000 the stand-in does not know CONFLICT in Insert"),
    ("INSERT INTO t SELECT 1, 2 ON CONFLICT DO NOTHING", "0A000 the stand-in does not know CONFLICT in Insert"),
    ("INSERT INTO t VALUES (1, 2) RETURNING a", "0A000 the stand-in does not know RETURNING in Insert"),
    ("INSERT INTO t SELECT 1, 2 RETURNING a", "0A000 the stand-in does not know RETURNING in Insert"),
    ("DELETE FROM t RETURNING a", "0A000 the stand-in does not know RETURNING in Delete"),
    ("SELECT * FROM (VALUES (1)) AS v (a)", "0A000 VALUES as a table"),
    ("SELECT generate_series(1, 3)", "0A000 the stand-in does not know the function generate_series"),
    ("SELECT string_agg(a::varchar, ',') FROM t", "0A000"),
    ("SELECT array_agg(a) FROM t", "0A000"),
    ("SELECT ARRAY[1]", "0A000"),
    ("SELECT a FROM t WHERE a = ANY ('{1}')", "42601"),
    ("SELECT a IS DISTINCT FROM b FROM t", "0A000"),
    ("SELECT count(*) FILTER (WHERE a > 1) FROM t", "0A000"),
    ("SELECT 1 FROM t, LATERAL (SELECT t.a) AS x", "0A000"),
    ("SELECT DISTINCT ON (a) a FROM t", "0A000"),
    ("SELECT a FROM t FOR UPDATE", "0A000"),
    ("SELECT a FROM t FETCH FIRST 1 ROW ONLY", "0A000"),
    ("SELECT a FROM t TABLESAMPLE SYSTEM (1)", "0A000"),
    ("SELECT a COLLATE \"C\" FROM t", "0A000"),
    ("SELECT '{}'::json", "0A000"),
    ("SELECT json '{}'", "0A000"),
    ("SELECT E'a'", "0A000"),
    ("SELECT a -> 'x' FROM t", "0A000"),
    ("SELECT a FROM t EXCEPT ALL SELECT a FROM t", "0A000"),
    ("WITH x AS MATERIALIZED (SELECT 1 AS a) SELECT a FROM x", "0A000"),
    ("WITH x AS (SELECT 1 AS a) DELETE FROM t", "0A000"),
    ("SELECT a AS user FROM t", "42601"),
    ("SELECT a AS tag FROM t", "42601"),
    ("SELECT t.open FROM t", "42601"),
    ("SELECT a FROM t AS new", "42601"),
    ("SELECT xmin FROM t WHERE a ? 1", "0A000"),
    ("SELECT pg_sleep(1)", "0A000"),
    ("SELECT now()", "0A000"),
    ("SELECT * FROM pg_stat_activity", "0A000 the stand-in does not know the relation"),
    ("TABLE t", "0A000"),
    ("SELECT a FROM (TABLE t) AS x", "42601"),
    ("SELECT a FROM (FROM t) AS x", "42601"),
    ("SELECT a, FROM t", "42601"),
    ("SELECT a AS 'x' FROM t", "42601"),
    ("SELECT a FROM t JOIN u", "42601"),
    ("SELECT a FROM t LEFT SEMI JOIN u ON t.a = u.a", "0A000"),
    ("SELECT a FROM t LEFT ANTI JOIN u ON t.a = u.a", "0A000"),
    ("SELECT a FROM t NATURAL JOIN u", "42601"),
    ("SELECT a FROM t LIMIT 1, 2", "42601"),
    ("SELECT a FROM t WHERE a == 1", "42601"),
    ("SELECT a FROM t WHERE a RLIKE 'x'", "42601"),
    ("SELECT a FROM t WHERE a ISNULL", "42601"),
    ("SELECT a FROM t QUALIFY rank() OVER (ORDER BY a) = 1", "0A000"),
    ("SELECT * EXCLUDE (a) FROM t", "0A000"),
    ("SELECT a FROM t GROUP BY ALL", "0A000"),
    ("SELECT a::STRING FROM t", "42601"),
    ("SELECT TRY_CAST(a AS INT) FROM t", "0A000 the stand-in does not know the function"),
    ("SELECT INTERVAL 1 DAY", "42601"),
    ("SELECT extract('dow' FROM DATE '2018-11-01')", "42601"),
    ("SELECT extract(isodow FROM DATE '2018-11-01')", "0A000 the stand-in does not know the part isodow"),
    ("SELECT count(a ORDER BY a) FROM t", "0A000"),
    ("SELECT public.len('a')", "0A000"),
    ("SELECT $$a$$", "0A000"),
    ("SELECT ctid FROM t", "0A000"),
    ("WITH x AS (DELETE FROM t) SELECT 1", "0A000"),
    ("INSERT INTO t TABLE u", "42601"),
    ("INSERT INTO t SET a = 1", "42601"),
    ("INSERT t VALUES (1, 2)", "42601"),
    ("INSERT INTO t AS x VALUES (1, 2)", "42601"),
    ("DELETE FROM t AS x", "42601"),
    ("UPDATE t SET a = 1 RETURNING a", "0A000"),
    ("CREATE VIEW v AS TABLE t", "42601"),
    ("CREATE VIEW v AS SELECT a AS user FROM t", "42601"),
    ("CREATE VIEW IF NOT EXISTS v AS SELECT a FROM t", "0A000"),
    ("CREATE TEMP VIEW v AS SELECT a FROM t", "0A000"),
    ("CREATE VIEW v AS SELECT a FROM t WITH NO SCHEMA BINDING", "0A000"),
    ("CREATE MATERIALIZED VIEW v AS SELECT a FROM t", "0A000"),
    ("CREATE OR REPLACE TABLE v (a INT)", "42601"),
    ("CREATE TABLE IF NOT EXISTS v AS SELECT a FROM t", "42601"),
    ("ALTER TABLE t ADD COLUMN c INT, ADD COLUMN d INT", "0A000"),
    ("ALTER TABLE t ALTER COLUMN a TYPE BIGINT", "0A000"),
    ("ALTER TABLE t ALTER COLUMN a ENCODE fast", "42601"),
    ("ALTER TABLE t ALTER DISTSTYLE odd", "42601"),
    ("TRUNCATE t", "0A000 the stand-in does not know the statement TRUNCATE"),
    ("VACUUM t", "0A000 the stand-in does not know the statement VACUUM"),
    ("SHOW statement_timeout", "0A000"),
    ("EXPLAIN DELETE FROM t", "42601"),
    ("DECLARE c CURSOR FOR DELETE FROM t", "42601"),
    ("DECLARE c CURSOR FOR SELECT 1 AS one FROM generate_series(1, 2)", "0A000"),
    ("FETCH BACKWARD 1 FROM c", "42601"),
    ("CREATE INDEX i ON t (a)", "0A000"),
    ("CREATE SEQUENCE s", "0A000"),
    ("CREATE TYPE e AS ENUM ('a')", "0A000"),
    ("GRANT SELECT ON t TO PUBLIC", "0A000"),
    ("DO $$ BEGIN END $$", "0A000"),
    ("UPDATE t SET a = 1 FROM t AS x LEFT JOIN t AS y ON x.a = y.a", "0A000 Target table"),
    ("SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a)", "XX000 This type of correlated subquery"),
    ("SELECT a FROM t WHERE b = 1 OR NOT EXISTS (SELECT 1 FROM u)", "XX000 This type of correlated subquery"),
    ("SELECT a FROM t WHERE a NOT IN (SELECT a FROM u)", "XX000 This type of correlated subquery"),
    ("SELECT a FROM t WHERE b = 1 OR a IN (SELECT a FROM u)", "XX000 This type of correlated subquery"),
    ("SELECT CASE WHEN a IN (SELECT a FROM u) THEN 1 END FROM t", "XX000 This type of correlated subquery"),
    ("SELECT (SELECT max(u.b) FROM u WHERE u.a = t.a) FROM t", "XX000 This type of correlated subquery"),
    ("DELETE FROM t WHERE a IN (SELECT u.a FROM u WHERE u.b = t.b)", "XX000 This type of correlated subquery"),
    ("MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE", "0A000 the stand-in does not know the"),
])  # fmt: skip
def test_what_redshift_refuses(dialect: Cursor, query: str, words: str) -> None:
    assert refusal(dialect, query).startswith(words)


@pytest.mark.parametrize(("query", "words"), [
    ("INSERT INTO t (a) VALUES ($1)", ""),
    ("UPDATE t SET a = $1 WHERE b IN (SELECT a FROM t)", ""),
    ("SELECT a FROM t WHERE a = $1", ""),
    ("SELECT a FROM (SELECT a FROM t WHERE a = $1) AS x", "XX000 This type of correlated subquery"),
    ("WITH x AS (SELECT a FROM t WHERE a = $1) SELECT a FROM x", "XX000 This type of correlated subquery"),
    ("DELETE FROM t WHERE a IN (SELECT a FROM u WHERE b = $1)", "XX000 This type of correlated subquery"),
    ("SELECT a FROM t LIMIT $1", "XX000 Not implemented"),
])  # fmt: skip
def test_values_are_bound_at_the_top_only(dialect: Cursor, query: str, words: str) -> None:
    dialect.paramstyle = "numeric"
    if words:
        assert refusal(dialect, query, [1]).startswith(words)
    else:
        dialect.execute(query, [1])


def test_serverless_has_no_stl_and_stv(stand_in: Redshift, cursor: Cursor) -> None:
    stand_in.slices = 4
    assert fetch(cursor, "SELECT count(*) FROM stv_slices") == [[4]]
    stand_in.serverless = True
    for relation in ("stv_slices", "stv_db_isolation_level", "stl_query"):
        assert refusal(cursor, f"SELECT * FROM {relation}") == f"42501 permission denied for relation {relation}"
    assert fetch(cursor, "SELECT count(*) FROM sys_load_history") == [[0]]


def test_another_user_sees_what_is_granted(stand_in: Redshift, database: str, connect: Connect, cursor: Cursor) -> None:
    cursor.execute("CREATE TABLE t (a INT)")
    stand_in.passwords["analyst"] = "other"
    with stand_in.connect_postgres(database) as eye:
        eye.execute("DROP ROLE IF EXISTS analyst")
        eye.execute("CREATE ROLE analyst LOGIN")
    analyst = connect(user="analyst", password="other").cursor()
    assert fetch(analyst, "SELECT has_table_privilege('t', 'select')") == [[False]]
    assert refusal(analyst, "SELECT a FROM t").startswith("42501")
