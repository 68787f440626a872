"""Loads into Redshift that are cut off, refused, raced or killed: the state is that before or after the load."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import obstore
import pytest
from msgspec import structs

import sparkify
from sparkify.errors import ConfigError, ConflictError, EngineError, LockedError, SparkifyError
from sparkify.loads import ledger
from sparkify.loads.load import load_into
from sparkify.loads.progress import Progress
from sparkify.settings import Config
from sparkify.star.tables import STAGING, STAR, create_tables
from sparkify.warehouses import open_warehouse
from sparkify.warehouses.redshift.login import Address, answering_within, close_connection, login
from sparkify.warehouses.remote import RemoteIntake
from tests.engines.commands import variables_of
from tests.engines.conftest import redshift_config
from tests.engines.crash import EVERY, VERBS, prepare, run_verb
from tests.redshift.server import Fault, Redshift
from tests.s3_server import S3Server
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
    sort_rows,
    write_file,
)

Rows = dict[str, list[tuple[Any, ...]]]


@pytest.fixture
def config(redshift: Redshift, tmp_path: Path) -> Config:
    return redshift_config(redshift, tmp_path)


_COLUMNS = {
    "load_files": "source_id, dataset, url, etag, size, modified, read, loaded, rejected, status",
    "rejected_records": "source_id, dataset, url, line, reason, raw",
}


def database_of(config: Config) -> str:
    return config.warehouse_address.rpartition("/")[2]


def read_tables(redshift: Redshift, config: Config) -> Rows:
    """Every row of every table of records, read without the stand-in; load ids are left out: failed loads have some."""
    with redshift.connect_postgres(database_of(config)) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {
            str(table): sort_rows(connection.execute(f"SELECT {_COLUMNS.get(str(table), '*')} FROM {table}").fetchall())
            for (table,) in found
            if table not in ("load_history", "load_lock", "warehouse_version")
        }


def write_first(config: Config) -> None:
    write_file(log_file(config, "a.json"), [play(), play(userId=2, song="Starlight"), "no JSON"])
    write_file(log_file(config, "b.json"), [event(itemInSession=item) for item in range(30)])
    write_file(song_file(config), [song()])


def write_second(config: Config) -> None:
    """One file replaced and one new, with rejects."""
    write_file(log_file(config, "a.json"), [play(), play(userId=3, level="paid"), "[]"])
    write_file(log_file(config, "c.json"), [play(itemInSession=5, userId=4)])


def cut_at(places: set[int], statement: str, place: int) -> Fault:
    return "cut" if place in places else "none"


def nth(number: int, fault: Fault) -> Any:
    return lambda statement, place: fault if place == number else "none"


@pytest.mark.parametrize("verb", VERBS)
def test_cut_at_every_statement_leaves_before_or_after(redshift: Redshift, config: Config, verb: str) -> None:
    prepare(config, verb)
    server, _, database = config.warehouse_address.rpartition("/")
    control = config.at(f"{server}/{redshift.new_database(template=database)}")
    before = read_tables(redshift, config)
    redshift.statements.clear()
    run_verb(control, verb)
    statements = list(redshift.statements)
    after = read_tables(redshift, control)
    assert after != before
    last = len(statements) - statements[::-1].index("COMMIT")
    assert last > 20
    begin = last - statements[:last][::-1].index("BEGIN") - 1
    # What is judged is judged while no transaction is open.
    assert statements[:begin].count("COMMIT") == statements[:begin].count("BEGIN")
    assert not any("FROM sparkify_replayed_records\nWHERE dataset" in sql for sql in statements[begin:])
    # Cutting a connection is faster than a process.
    for number in range(1, last, min(EVERY, 21)):
        # A load that has judged goes on in a new session, but not for ever.
        cuts = {number, number + 6, number + 12}
        redshift.fault = partial(cut_at, cuts)
        with pytest.raises(EngineError, match="connection"):
            run_verb(config, verb)
        assert read_tables(redshift, config) == before, statements[number - 1]
    # The ledger now has loads that did not end, and noting that takes a statement more.
    commits = itertools.count(1)
    redshift.fault = lambda statement, place: (
        "cut_after" if statement == "COMMIT" and next(commits) == statements.count("COMMIT") else "none"
    )
    with pytest.raises(EngineError, match="it is not known whether the transaction was committed"):
        run_verb(config, verb)
    redshift.fault = nth(0, "none")
    assert read_tables(redshift, config) == after
    assert failing_checks(config) == []


@pytest.mark.parametrize("statement", ["LOCK", "COPY staging_events", "SELECT pg_last_copy_count()"])
def test_answer_that_breaks_off_is_a_broken_connection(redshift: Redshift, config: Config, statement: str) -> None:
    write_first(config)
    redshift.fault = lambda sent, place: "cut_answer" if sent.startswith(statement) else "none"
    with pytest.raises(EngineError, match="the connection to Redshift broke"):
        sparkify.load(config)
    assert not any(read_tables(redshift, config).values())


def test_connection_that_breaks_while_the_version_is_read_is_told_as_that(redshift: Redshift, config: Config) -> None:
    write_first(config)
    sparkify.create(config)
    redshift.fault = lambda sent, place: "cut" if "FROM warehouse_version" in sent else "none"
    for verb in (sparkify.load, sparkify.status):
        with pytest.raises(EngineError, match="the connection to Redshift broke"):
            verb(config)


def test_commit_whose_answer_breaks_off_is_reported(redshift: Redshift, config: Config) -> None:
    write_first(config)
    sparkify.create(config)

    def cut_the_load(statement: str, place: int) -> Fault:
        has_copied = any(sql.startswith("COPY") for sql in redshift.statements)
        return "cut_answer" if statement == "COMMIT" and has_copied else "none"

    redshift.fault = cut_the_load
    with pytest.raises(EngineError, match="it is not known whether the transaction was committed"):
        sparkify.load(config)
    redshift.fault = nth(0, "none")
    assert sparkify.load(config).status == "nothing_to_do"
    assert read_star(config) == expected_star(config)


@pytest.mark.parametrize("fault", ["error_1023", "error_1018"])
def test_load_is_tried_again_where_another_session_interferes(redshift: Redshift, config: Config, fault: Fault) -> None:
    write_first(config)
    # The commits are those of the plan and of the load.
    faults = {"COPY staging_events": 1, "-- One row per user": 1, "COMMIT": 2}
    sparkify.create(config)

    def raise_each(statement: str, place: int) -> Fault:
        for beginning in faults:
            if statement.startswith(beginning):
                faults[beginning] -= 1
                return fault if faults[beginning] == 0 else "none"
        return "none"

    redshift.fault = raise_each
    redshift.statements.clear()
    assert sparkify.load(config).status == "loaded"
    assert read_star(config) == expected_star(config)
    assert sum(sql.startswith("COPY staging_events") for sql in redshift.statements) == 4
    # What was judged and sent is copied again, by the same load.
    assert redshift.statements.count("SELECT count(*) FROM stv_slices") == 1
    assert fetch(config, "SELECT load_id, status FROM load_history") == [(1, "loaded")]


def test_conflict_that_stays_is_reported(redshift: Redshift, config: Config) -> None:
    write_first(config)
    redshift.fault = lambda statement, place: "error_1023" if statement.startswith("COPY") else "none"
    with pytest.raises(ConflictError, match=r"1023: Serializable isolation violation.*; try again"):
        sparkify.load(config)
    assert sum(sql.startswith("COPY") for sql in redshift.statements) == 4
    assert not any(read_tables(redshift, config).values())


def test_ledger_is_locked_before_it_is_read(redshift: Redshift, config: Config) -> None:
    write_first(config)
    sparkify.load(config)
    sent = redshift.statements
    lock = sent.index("LOCK load_lock")
    assert sent[lock - 2 : lock] == ["BEGIN", "SET statement_timeout TO 10000"]
    assert not any("FROM load_files" in sql for sql in sent[:lock])
    assert not any("TRUNCATE" in sql.upper() for sql in sent)


def test_two_loads_at_once_load_everything_once(redshift: Redshift, config: Config) -> None:
    write_first(config)
    write_second(config)
    results: list[Any] = []

    def load() -> None:
        try:
            results.append(sparkify.load(structs.replace(config, wait=60)).status)
        except SparkifyError as error:
            results.append(error)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, results)) == ["loaded", "nothing_to_do", "nothing_to_do"]
    assert read_star(config) == expected_star(config)
    assert failing_checks(config) == []


def start_load(config: Config, temporary: Path) -> subprocess.Popen[bytes]:
    """A load as its own process, with a folder for temporary files."""
    return subprocess.Popen(
        [sys.executable, "-m", "sparkify", "load", "-q"],
        env=os.environ | variables_of(config) | {"TMPDIR": str(temporary)},
        # A background process of a shell inherits that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def end_with(process: subprocess.Popen[bytes], sent: signal.Signals) -> int:
    """Send a signal, again if it came just before the process began to wait, as a user would."""
    for _ in range(10):
        process.send_signal(sent)
        with suppress(subprocess.TimeoutExpired):
            return process.wait(3)
    process.kill()
    return process.wait()


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)], ids=["killed", "interrupted"]
)
def test_process_that_ends_leaves_nothing_half_done(
    redshift: Redshift, config: Config, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    write_first(config)
    sparkify.create(config)
    reached, ended = redshift.hold(lambda statement: statement.startswith("-- One row per play"))
    process = start_load(config, tmp_path)
    assert reached.wait(60)
    # It does not wait for the running statement.
    assert end_with(process, sent) == code
    ended.set()
    redshift.fault = nth(0, "none")
    # The lock ends with the session, and the next load waits for that.
    assert sparkify.load(config).status == "loaded"
    assert read_star(config) == expected_star(config)


# ---- before the transaction ----


def test_records_are_judged_and_sent_while_no_transaction_is_open(
    redshift: Redshift, config: Config, s3_server: S3Server
) -> None:
    write_first(config)
    sparkify.create(config)
    redshift.statements.clear()
    last: list[list[str]] = []
    sent: list[int] = []

    def look(statement: str, place: int) -> Fault:
        if statement == "BEGIN":
            sent.append(len(staged_keys(s3_server, config)))
        return "none"

    def follow(progress: Progress) -> None:
        if progress.step.startswith("staging"):
            last.append(redshift.statements[-2:])

    redshift.fault = look
    assert sparkify.load(config, on_progress=follow).status == "loaded"
    assert all(statements == ["SELECT current_schema()", "SELECT count(*) FROM stv_slices"] for statements in last)
    assert len(last) > 2
    # That of the plan, and that of the load: a part and a manifest of four tables.
    assert sent == [0, 8]
    begin = len(redshift.statements) - redshift.statements[::-1].index("BEGIN") - 1
    assert redshift.statements[begin - 3 : begin] == ["COMMIT", *last[0]]
    copied = [sql.split()[1] for sql in redshift.statements[begin:] if sql.startswith("COPY")]
    assert copied == ["staging_events", "rejected_records", "staging_songs", "sparkify_staged_texts"]


def test_replay_begins_again_where_a_load_came_first(redshift: Redshift, config: Config) -> None:
    write_file(log_file(config, "a.json"), [play(), "no JSON"])
    sparkify.load(config)
    write_file(log_file(config, "b.json"), [play(userId=6), "nor this"])
    redshift.statements.clear()
    loaded: list[str] = []

    def load_meanwhile(statement: str, place: int) -> Fault:
        if statement == "LOCK load_lock" and redshift.statements.count(statement) == 2 and not loaded:
            loaded.append("")
            loaded[0] = sparkify.load(config).status
        return "none"

    redshift.fault = load_meanwhile
    # That of the new file, too.
    assert sparkify.replay(config).records == {"replayed": 2, "loaded": 0, "rejected": 2}
    assert loaded == ["loaded"]
    assert failing_checks(config) == []


def note_at_work(config: Config, minutes: float, detail: dict[str, Any] | None = None) -> None:
    """A running load that was heard of so many minutes ago."""
    began = dt.datetime.now(dt.UTC).replace(tzinfo=None) - dt.timedelta(minutes=minutes)
    if detail is not None:
        detail |= {"renewed_at": began.isoformat()}
        began -= dt.timedelta(hours=2)
    with open_warehouse(config) as engine, engine.transaction():
        ledger.begin_load(engine, began, "1", json.dumps({"at_work": detail} if detail is not None else {}))


ELSEWHERE = {"machine": "judge-7", "user": "ada", "process": 1, "host": "another", "born": "1", "load": "x"}


@pytest.mark.parametrize("detail", [None, ELSEWHERE], ids=["older version", "another machine"])
def test_load_that_is_heard_of_is_at_work_and_one_that_is_silent_is_dead(
    redshift: Redshift, config: Config, s3_server: S3Server, detail: dict[str, Any] | None
) -> None:
    write_first(config)
    sparkify.create(config)
    part = f"stage/sparkify-stage/localhost-{redshift.port}-{database_of(config)}-public/load-1-x/part.parquet"
    obstore.put(s3_server.open_store(), part, b"x")
    note_at_work(config, 14, detail)
    by = " by ada on judge-7 (process 1)" if detail else ""
    with pytest.raises(LockedError, match=re.escape(f"load 1 is at work{by}, since ") + ".*; wait until it ends, or"):
        sparkify.load(config)
    assert staged_keys(s3_server, config) == [part]
    # Others are not held up, and not taken for dead.
    sparkify.rebuild(config)
    note_at_work(config, 16, detail)
    assert sparkify.load(config).load_id == 3
    assert staged_keys(s3_server, config) == []
    assert fetch(config, "SELECT load_id, status FROM load_history ORDER BY load_id") == [
        (1, "interrupted"), (2, "interrupted"), (3, "loaded"),
    ]  # fmt: skip
    assert read_star(config) == expected_star(config)


def test_load_waits_while_another_is_at_work(redshift: Redshift, config: Config) -> None:
    write_first(config)
    sparkify.create(config)
    note_at_work(config, 1, ELSEWHERE)
    asked: list[str] = []

    def end_the_other(statement: str, place: int) -> Fault:
        if statement.startswith("SELECT load_id, started_at, detail"):
            asked.append(statement)
            if len(asked) == 2:
                with redshift.connect_postgres(database_of(config)) as connection:
                    connection.execute("UPDATE load_history SET status = 'failed'")
        return "none"

    redshift.fault = end_the_other
    assert sparkify.load(structs.replace(config, wait=60)).status == "loaded"
    assert len(asked) > 1


def test_load_says_every_minute_that_it_is_at_work(redshift: Redshift, config: Config) -> None:
    write_first(config)
    sparkify.create(config)
    told: list[Any] = []

    def wait_for_renewals(progress: Progress) -> None:
        """As long as reading takes."""
        end = time.monotonic() + 60
        while progress.step.startswith("staging") and len(told) < 2 and time.monotonic() < end:
            time.sleep(0.01)

    def look(statement: str, place: int) -> Fault:
        if re.match("UPDATE load_history SET detail = .* AND status = 'running'", statement):
            told.extend(fetch(config, "SELECT detail FROM load_history"))
        return "none"

    redshift.fault = look
    with open_warehouse(config) as engine:
        assert isinstance(engine.intake, RemoteIntake)
        engine.intake.presence.renewal_seconds = 0.01
        assert load_into(engine, config, on_progress=wait_for_renewals).status == "loaded"
    notes = [json.loads(detail)["at_work"] for (detail,) in told[:2]]
    assert {(note["process"], note["machine"]) for note in notes} == {(os.getpid(), socket.gethostname())}
    ((detail,),) = fetch(config, "SELECT detail FROM load_history")
    assert set(json.loads(detail)) == {"seconds", "checks"}


def test_process_that_stages_is_at_work_until_it_is_killed(
    redshift: Redshift, config: Config, s3_server: S3Server, tmp_path: Path
) -> None:
    write_first(config)
    sparkify.create(config)
    # Before the transaction of the load.
    reached, ended = redshift.hold(
        lambda statement: statement == "LOCK load_lock" and redshift.statements.count(statement) == 2
    )
    redshift.statements.clear()
    process = start_load(config, tmp_path)
    assert reached.wait(60)
    staged = staged_keys(s3_server, config)
    assert len(staged) == 8
    with pytest.raises(LockedError, match=rf"load 1 is at work by \S+ on \S+ \(process {process.pid}\), since "):
        sparkify.load(config)
    assert staged_keys(s3_server, config) == staged
    process.kill()
    # Not yet waited for: to the system it is still there.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    ended.set()
    assert sparkify.load(config).status == "loaded"
    process.wait()
    assert staged_keys(s3_server, config) == []
    assert fetch(config, "SELECT status FROM load_history ORDER BY load_id") == [("interrupted",), ("loaded",)]
    assert read_star(config) == expected_star(config)


# ---- the staging folder ----


def staged_keys(s3_server: S3Server, config: Config) -> list[str]:
    """What is in the stage of a warehouse: that of others may hold what their tests left."""
    store = s3_server.open_store()
    keys = [meta["path"] for page in obstore.list(store, prefix="stage") for meta in page]
    return [key for key in keys if f"-{database_of(config)}-" in key]


def test_stage_is_empty_after_a_load_and_after_a_failed_one(
    redshift: Redshift, config: Config, s3_server: S3Server
) -> None:
    write_first(config)
    redshift.fault = lambda statement, place: "cut" if statement.startswith("-- One row per user") else "none"
    with pytest.raises(EngineError):
        sparkify.load(config)
    assert staged_keys(s3_server, config) == []
    redshift.fault = nth(0, "none")
    sparkify.load(config)
    assert staged_keys(s3_server, config) == []


def test_leftovers_of_killed_loads_are_cleared(
    redshift: Redshift, config: Config, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = f"stage/sparkify-stage/localhost-{redshift.port}-{database_of(config)}-public"
    store = s3_server.open_store()
    obstore.put(store, f"{place}/load-7-dead/part.parquet", b"x")
    # A replay may be at work, or another version of sparkify.
    obstore.put(store, f"{place}/replay-alive/part.parquet", b"x")
    obstore.put(store, f"{place}0/alive/part.parquet", b"x")
    (tmp_path / "sparkify-scratch-dead").mkdir()
    write_first(config)
    sparkify.load(config)
    assert staged_keys(s3_server, config) == [f"{place}/replay-alive/part.parquet", f"{place}0/alive/part.parquet"]
    assert list(tmp_path.glob("sparkify-scratch-*")) == []
    obstore.delete(store, staged_keys(s3_server, config))


def test_next_load_clears_what_a_killed_one_left(
    redshift: Redshift, config: Config, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    write_first(config)
    sparkify.create(config)
    processes: list[subprocess.Popen[bytes]] = []
    started = threading.Event()

    def kill_there(statement: str, place: int) -> Fault:
        if statement.startswith("COPY staging_events"):
            started.wait(60)
            processes[0].kill()
            processes[0].wait()
        return "none"

    redshift.fault = kill_there
    processes.append(start_load(config, tmp_path))
    started.set()
    assert processes[0].wait(60) == -signal.SIGKILL
    redshift.fault = nth(0, "none")
    assert len(staged_keys(s3_server, config)) == 8
    assert sparkify.load(config).status == "loaded"
    assert list(tmp_path.glob("sparkify-scratch-*")) == []
    assert staged_keys(s3_server, config) == []
    assert read_star(config) == expected_star(config)


@pytest.mark.parametrize(("rows", "slices", "parts"), [(100, 4, 1), (8_000, 4, 4), (8_001, 2, 2)])
def test_parts_are_of_equal_size_and_a_multiple_of_the_slices(
    redshift: Redshift, config: Config, rows: int, slices: int, parts: int
) -> None:
    redshift.slices = slices
    write_file(log_file(config), [event(itemInSession=item) for item in range(rows)])
    sparkify.load(config)
    with open_warehouse(config) as engine:
        files = engine.fetch(
            "SELECT source_file_count FROM sys_load_history WHERE table_name = 'staging_events' "
            "ORDER BY query_id DESC LIMIT 1"
        )
    assert files == [(parts,)]


def test_long_reject_is_kept_up_to_what_a_column_holds(config: Config) -> None:
    write_first(config)
    long = "x" + "é" * 40_000
    write_file(log_file(config, "long.json"), [play(userId=77), long])
    assert sparkify.load(config).status == "loaded"
    with open_warehouse(config) as engine:
        sql = """SELECT "raw", raw_size FROM rejected_records WHERE url LIKE '%long.json'"""
        assert engine.fetch(sql) == [("x" + "é" * 32_767, 80_001)]
    assert read_star(config) == expected_star(config)


def test_load_without_a_stage_is_refused(redshift: Redshift, config: Config) -> None:
    write_first(config)
    with pytest.raises(ConfigError, match="give --stage s3://bucket/folder"):
        sparkify.load(structs.replace(config, stage=None))
    assert not any(read_tables(redshift, config).values())


def test_transaction_with_a_failed_statement_is_not_taken_for_committed(config: Config) -> None:
    with open_warehouse(config) as engine:
        create_tables(engine)
        with pytest.raises(EngineError, match="a statement in the transaction failed"), engine.transaction():  # noqa: PT012
            engine.execute("INSERT INTO users (user_id) VALUES (1)")
            with pytest.raises(EngineError, match="does not exist"):
                engine.execute("INSERT INTO nowhere (user_id) VALUES (1)")
        assert engine.fetch("SELECT count(*) FROM users") == [(0,)]


def test_readers_do_not_wait_for_a_load(redshift: Redshift, config: Config) -> None:
    write_first(config)
    sparkify.load(config)
    write_second(config)
    seen: list[Any] = []

    def read_meanwhile(statement: str, place: int) -> Fault:
        if statement.startswith("-- One row per user") and not seen:
            seen.append(None)
            reader = threading.Thread(target=lambda: seen.extend([sparkify.status(config), sparkify.check(config)]))
            reader.start()
            reader.join(30)
        return "none"

    redshift.fault = read_meanwhile
    sparkify.load(config)
    _, status, checked = seen
    # What was committed before the load, and the row of the running load.
    assert ([load["status"] for load in status.loads], status.records["loaded"]) == (["loaded", "running"], 33)
    assert all(result.passed for result in checked if result.check.severity == "fail")


def test_second_load_fails_and_names_the_first(redshift: Redshift, config: Config) -> None:
    write_first(config)
    sparkify.create(config)
    caught: list[BaseException] = []

    def load_meanwhile(statement: str, place: int) -> Fault:
        if statement.startswith("-- One row per user") and not caught:
            with pytest.raises(LockedError) as found:
                sparkify.load(config)
            caught.append(found.value)
        return "none"

    redshift.fault = load_meanwhile
    redshift.speed = 20
    sparkify.load(config)
    assert re.fullmatch(
        r"load 1, running since [-0-9]+ [:0-9]+ UTC, holds the warehouse; wait until it ends, or give --wait SECONDS",
        str(caught[0]),
    )


def test_lock_that_no_load_holds_is_not_called_one(redshift: Redshift, config: Config) -> None:
    write_first(config)
    sparkify.load(config)
    redshift.speed = 20
    with redshift.connect_postgres(database_of(config)) as other:
        other.autocommit = False
        other.execute("LOCK load_lock")
        with pytest.raises(LockedError) as found:
            sparkify.load(config)
        other.rollback()
    assert str(found.value) == (
        "the warehouse's lock, the table load_lock, was not given within 10 seconds, and the ledger has no running "
        "load: another command may be changing the warehouse, or the cluster is busy; try again, or give --wait SECONDS"
    )
    assert sparkify.load(config).status == "nothing_to_do"


def test_server_that_does_not_end_a_wait_is_left(redshift: Redshift, config: Config) -> None:
    sparkify.create(config)
    address = config.warehouse_address
    with redshift.connect_postgres(database_of(config)) as other, open_warehouse(config) as engine:
        with engine.load_transaction():
            pass
        other.autocommit = False
        other.execute("LOCK load_lock")
        waiting = login(Address.parse(address, config), config)
        cursor = waiting.cursor()
        waiting.autocommit = True
        cursor.execute("BEGIN")
        with pytest.raises(TimeoutError), answering_within(waiting, 0.2):
            cursor.execute("LOCK load_lock")
        close_connection(waiting)
        other.rollback()
        # What still waited there has let go.
        with engine.load_transaction():
            pass


def test_history_shows_what_became_of_each_load(redshift: Redshift, config: Config) -> None:
    write_first(config)
    redshift.fault = lambda statement, place: "cut" if statement.startswith("-- One row per user") else "none"
    with pytest.raises(EngineError):
        sparkify.load(config)
    redshift.fault = nth(0, "none")
    sparkify.load(config)
    with open_warehouse(config) as engine:
        rows = engine.fetch("SELECT load_id, status, finished_at IS NULL, detail FROM load_history ORDER BY load_id")
    # A session of its own tells of the load whose session broke.
    assert [row[:3] for row in rows] == [(1, "failed", False), (2, "loaded", False)]
    assert json.loads(rows[0][3])["error"].startswith("the connection to Redshift broke")
    assert set(json.loads(rows[1][3])["seconds"]) == {*STAGING, *STAR, "checks"}
