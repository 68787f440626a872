"""The stand-in for Redshift, used with the real driver: its wire protocol, faults and transactions."""

import datetime
import gc
import subprocess
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo
from redshift_connector.core import Connection
from redshift_connector.cursor import Cursor
from redshift_connector.error import Error, InterfaceError, ProgrammingError

from tests.redshift.answers import fetch, refusal
from tests.redshift.conftest import Connect
from tests.redshift.dialect import LONGEST_STATEMENT
from tests.redshift.postgres import find_binary
from tests.redshift.server import Fault, Redshift


@pytest.fixture
def refused_connections() -> Iterator[None]:
    """The driver does not close the socket of a refused connection, which causes a warning."""
    yield
    gc.collect()


# The wire


def test_a_session_is_encrypted_and_says_what_redshift_says(cursor: Cursor) -> None:
    [[version, user, one]] = fetch(cursor, "SELECT version(), current_user, 1")
    assert str(version).startswith("PostgreSQL 8.0.2 on ")
    assert "Redshift 1.0." in str(version)
    assert (user, one) == ("loader", 1)


@pytest.mark.usefixtures("refused_connections")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_certificate_of_an_unknown_authority_is_refused(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    with pytest.raises(InterfaceError, match="communication error"):
        connect()


@pytest.mark.usefixtures("refused_connections")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_wrong_password_and_an_unknown_user_are_refused(connect: Connect) -> None:
    with pytest.raises(InterfaceError) as caught:
        connect(password="wrong")
    assert caught.value.args[0]["M"] == 'password authentication failed for user "loader"'
    with pytest.raises(InterfaceError) as caught:
        connect(user="nobody")
    assert caught.value.args[0]["C"] == "28000"


@pytest.mark.usefixtures("refused_connections")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_an_unknown_database_is_refused(connect: Connect) -> None:
    with pytest.raises(ProgrammingError) as caught:
        connect(database="nowhere")
    assert caught.value.args[0]["C"] == "3D000"
    assert caught.value.args[0]["M"] == 'database "nowhere" does not exist'


@pytest.mark.parametrize("version", [0, 1, 2], ids=["text", "names", "binary"])
def test_values_travel_both_ways(connect: Connect, version: int) -> None:
    connection = connect(client_protocol_version=version)
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a SMALLINT, b INT, c BIGINT, d FLOAT, e REAL, f DECIMAL(10, 3), g BOOLEAN, h DATE, "
                   "i TIMESTAMP, j TIMESTAMPTZ, k VARCHAR(9), l CHAR(3))")  # fmt: skip
    moment = datetime.datetime(2018, 11, 21, 21, 56, 47, 796000)
    row = [1, -2, 2**40, 0.1, 0.5, Decimal("1.250"), True, datetime.date(2018, 11, 1), moment,
           moment.replace(tzinfo=datetime.UTC), "né", "ab "]  # fmt: skip
    cursor.execute(f"INSERT INTO t VALUES ({', '.join(['%s'] * len(row))})", row)
    cursor.execute(f"INSERT INTO t VALUES ({', '.join(['%s'] * len(row))})", [None] * len(row))
    rows = fetch(cursor, "SELECT * FROM t ORDER BY a")
    assert rows[0] == row
    assert rows[1] == [None] * len(row)
    assert (b"server_protocol_version", str(version).encode()) in connection.parameter_statuses
    # What is computed has a scale too, and a NUMERIC of many digits another length.
    sql = (
        "SELECT sum(f), sum(c) * 1000000, -f, CAST(-0.5 AS NUMERIC(38, 2)), h - 20000 FROM t WHERE a = 1 GROUP BY f, h"
    )
    assert fetch(cursor, sql) == [[
        Decimal("1.250"), Decimal(2**40 * 1_000_000), Decimal("-1.250"), Decimal("-0.5"), datetime.date(1964, 1, 29)
    ]]  # fmt: skip


def test_row_counts_are_those_of_redshift(cursor: Cursor) -> None:
    cursor.execute("CREATE TABLE t (a INT)")
    assert cursor.execute("INSERT INTO t VALUES (1), (2), (3)").rowcount == 3
    assert cursor.execute("UPDATE t SET a = a + 1 WHERE a > 1").rowcount == 2
    assert cursor.execute("DELETE FROM t").rowcount == 3
    assert cursor.execute("SELECT a FROM t").rowcount == -1


def test_one_statement_at_a_time(cursor: Cursor) -> None:
    assert refusal(cursor, "SELECT 1; SELECT 2").startswith("42601 cannot insert multiple commands")
    assert fetch(cursor, "SELECT ';' /* ; */ ; -- ;") == [[";"]]


def test_psql_connects_by_the_simple_protocol(stand_in: Redshift, database: str) -> None:
    # This build of PostgreSQL has no TLS.
    address = make_conninfo(host="127.0.0.1", port=stand_in.port, user=stand_in.user, dbname=database,
                            password=stand_in.password)  # fmt: skip
    commands = ("SELECT 7 AS seven, 'x' UNION ALL SELECT NULL, 'y' ORDER BY 2", "SELEKT", "BEGIN", "SELECT 1")
    options = [option for command in commands for option in ("-c", command)]
    answer = subprocess.run(
        [str(find_binary("psql")), "-X", "-A", "-t", *options, address],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert answer.stdout.splitlines() == ["7|x", "|y", "BEGIN", "1"]
    assert "the stand-in does not know the statement SELEKT" in answer.stderr


def test_a_statement_over_16_mb_is_refused(cursor: Cursor) -> None:
    assert refusal(cursor, f"SELECT '{'x' * LONGEST_STATEMENT}'").startswith("54001 Statement is too large")


def test_parameters_are_32767_at_most(cursor: Cursor) -> None:
    cursor.execute("CREATE TABLE t (a INT)")
    many = [1] * 32767
    cursor.execute(f"INSERT INTO t VALUES {', '.join(['(%s)'] * len(many))}", many)
    assert cursor.rowcount == len(many)


def test_every_statement_is_kept_in_order(stand_in: Redshift, cursor: Cursor) -> None:
    cursor.execute("SELECT 1")
    refusal(cursor, "SELEKT 2")
    cursor.execute("SELECT 1")
    assert stand_in.statements == ["SELECT 1", "SELEKT 2", "SELECT 1"]


def test_the_tests_own_eye_sees_what_was_committed(stand_in: Redshift, database: str, cursor: Cursor) -> None:
    cursor.execute("CREATE TABLE t AS SELECT 1 AS a")
    with stand_in.connect_postgres(database) as eye:
        assert eye.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_many_sessions_at_once(connect: Connect) -> None:
    sessions = [connect() for _ in range(8)]
    answers: list[object] = []

    def ask(session: Connection, number: int) -> None:
        answers.append(fetch(session.cursor(), "SELECT %s::int", [number])[0][0])

    threads = [threading.Thread(target=ask, args=(one, number)) for number, one in enumerate(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(map(str, answers)) == sorted(str(number) for number in range(8))


# Faults


@pytest.mark.parametrize(("fault", "words"), [("error_1023", "Serializable isolation violation on table - "),
                                              ("error_1018", "Relation does not exist.")])  # fmt: skip
def test_a_conflict_kills_the_transaction(stand_in: Redshift, connect: Connect, fault: Fault, words: str) -> None:
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a INT)")
    connection.commit()
    stand_in.fault = lambda statement, number: fault if number == 2 else "none"
    with pytest.raises(ProgrammingError) as caught:
        cursor.execute("INSERT INTO t VALUES (1)")
    fields = caught.value.args[0]
    assert (fields["C"], fields["M"]) == ("XX000", fault.removeprefix("error_"))
    assert fields["D"].startswith(words)
    assert refusal(cursor, "SELECT 1").startswith("25P02")
    connection.rollback()
    assert fetch(cursor, "SELECT count(*) FROM t") == [[0]]


def test_cut_rolls_back(stand_in: Redshift, connect: Connect) -> None:
    connection = connect()
    connection.cursor().execute("CREATE TABLE t (a INT)")
    stand_in.fault = lambda statement, number: "cut" if statement == "commit" else "none"
    with pytest.raises(InterfaceError, match="server socket closed"):
        connection.commit()
    assert refusal(connect().cursor(), "SELECT a FROM t").startswith("42P01")


def test_cut_after_runs_the_statement_and_does_not_answer(stand_in: Redshift, connect: Connect) -> None:
    connection = connect()
    connection.cursor().execute("CREATE TABLE t (a INT)")
    stand_in.fault = lambda statement, number: "cut_after" if statement == "commit" else "none"
    with pytest.raises(InterfaceError, match="server socket closed"):
        connection.commit()
    assert fetch(connect().cursor(), "SELECT count(*) FROM t") == [[0]]


def test_a_session_can_be_hung_up(stand_in: Redshift, connect: Connect) -> None:
    connection = connect()
    stand_in.fault = lambda statement, number: "hang_up_session" if "SELECT" in statement else "none"
    with pytest.raises(Error):
        connection.cursor().execute("SELECT 1")


def test_a_client_that_leaves_rolls_back(connect: Connect) -> None:
    first = connect()
    cursor = first.cursor()
    cursor.execute("CREATE TABLE t (a INT)")
    first.commit()
    cursor.execute("INSERT INTO t VALUES (1)")
    first.close()
    assert fetch(connect().cursor(), "SELECT count(*) FROM t") == [[0]]


# Transactions


def test_ddl_is_part_of_the_transaction(connect: Connect) -> None:
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a INT)")
    connection.rollback()
    assert refusal(cursor, "SELECT a FROM t").startswith("42P01")


def test_a_failed_statement_leaves_a_dead_transaction(connect: Connect) -> None:
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (a INT)")
    refusal(cursor, "SELECT generate_series(1, 2)")
    assert refusal(cursor, "SELECT 1").startswith("25P02")
    assert refusal(cursor, "NONSENSE").startswith("25P02")
    # As in PostgreSQL: the answer is ROLLBACK.
    connection.commit()
    assert refusal(cursor, "SELECT a FROM t").startswith("42P01")


def test_savepoints_are_refused(cursor: Cursor) -> None:
    cursor.execute("BEGIN")
    assert refusal(cursor, "SAVEPOINT a").startswith("0A000")
    cursor.execute("ROLLBACK")
    assert refusal(cursor, "ROLLBACK TO SAVEPOINT a").startswith("0A000")


def test_isolation_is_snapshot_for_every_begin(connect: Connect) -> None:
    own, second = connect(), connect()
    own.autocommit = second.autocommit = True
    first = own.cursor()
    first.execute("CREATE TABLE t (a INT)")
    first.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
    # The first statement that reads takes the snapshot, not BEGIN.
    second.cursor().execute("INSERT INTO t VALUES (1)")
    assert fetch(first, "SELECT count(*) FROM t") == [[1]]
    second.cursor().execute("INSERT INTO t VALUES (2)")
    assert fetch(first, "SELECT count(*) FROM t") == [[1]]
    first.execute("COMMIT")
    assert fetch(first, "SELECT isolation_level FROM stv_db_isolation_level WHERE db_name = current_database()") == [
        ["Snapshot Isolation".ljust(20)]
    ]


def test_two_writers_of_one_row_conflict(connect: Connect) -> None:
    first, second = connect(), connect()
    setup = first.cursor()
    setup.execute("CREATE TABLE t AS SELECT 1 AS a")
    first.commit()
    fetch(second.cursor(), "SELECT a FROM t")
    setup.execute("UPDATE t SET a = 2")
    first.commit()
    with pytest.raises(ProgrammingError) as caught:
        second.cursor().execute("UPDATE t SET a = 3")
    assert caught.value.args[0]["M"] == "1023"


def test_two_ledgers_under_snapshot_both_win_without_a_lock(connect: Connect) -> None:
    first, second = connect(), connect()
    first.cursor().execute("CREATE TABLE ledger (a INT)")
    first.commit()
    for session in (first, second):
        assert fetch(session.cursor(), "SELECT count(*) FROM ledger") == [[0]]
    for session in (first, second):
        session.cursor().execute("INSERT INTO ledger VALUES (1)")
        session.commit()
    assert fetch(first.cursor(), "SELECT count(*) FROM ledger") == [[2]]


def test_lock_keeps_others_out_and_takes_no_snapshot(connect: Connect) -> None:
    first, second = connect(), connect()
    first.cursor().execute("CREATE TABLE ledger (a INT)")
    first.commit()
    first.cursor().execute("LOCK ledger")
    counts: list[object] = []

    def wait() -> None:
        second.cursor().execute("LOCK TABLE ledger")
        counts.append(fetch(second.cursor(), "SELECT count(*) FROM ledger"))

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(0.2)
    assert thread.is_alive()
    first.cursor().execute("INSERT INTO ledger VALUES (1)")
    first.commit()
    thread.join(20)
    assert counts == [[[1]]]


def test_lock_needs_a_transaction_and_knows_no_modes(cursor: Cursor) -> None:
    cursor.execute("CREATE TABLE t (a INT)")
    assert refusal(cursor, "LOCK t").startswith("25P01")
    assert refusal(cursor, "LOCK t IN SHARE MODE").startswith("42601")


def test_statement_timeout(cursor: Cursor, connect: Connect) -> None:
    cursor.execute("CREATE TABLE t (a INT)")
    other = connect()
    other.cursor().execute("LOCK t")
    cursor.execute("SET statement_timeout TO 100")
    assert refusal(cursor, "SELECT a FROM t").startswith("57014")
    assert refusal(cursor, "SET nonsense TO 1") == "0A000 the stand-in does not know the statement SET nonsense TO 1"
    cursor.execute("RESET statement_timeout")
