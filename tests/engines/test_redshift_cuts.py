"""A load whose session, connection or store breaks off at each of its steps: the state is that before it or after it.

The sentence says which, and the next load of the same process does the work.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import obstore
import pytest

import sparkify
from sparkify.errors import EngineError, LockedError, SourceError, UsageError
from sparkify.loads.load import load_into
from sparkify.loads.progress import Progress
from sparkify.loads.shares import save_plan, stage
from sparkify.settings import Config
from sparkify.warehouses import open_warehouse, wrap_cursor
from sparkify.warehouses.redshift.errors import mapped_errors
from sparkify.warehouses.redshift.login import Address, close_connection, login
from sparkify.warehouses.redshift.session import RedshiftWarehouse
from sparkify.warehouses.remote import RemoteIntake
from tests.engines.conftest import redshift_config
from tests.redshift.server import Fault, Redshift
from tests.s3_proxy import run_s3_proxy
from tests.s3_server import BUCKET, S3Server
from tests.support import (
    expected_star,
    failing_checks,
    fetch,
    log_file,
    play,
    read_star,
    settle,
    song,
    song_file,
    write_file,
)

BROKE = "the connection to Redshift broke"
STAGE = "cuts"
END_SESSIONS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = %s AND pid <> pg_backend_pid() AND usename = 'loader'"""
UNKNOWN = "it is not known whether the transaction was committed"


@pytest.fixture
def config(redshift: Redshift, s3_server: S3Server, tmp_path: Path) -> Config:
    """A warehouse with one loaded file, and two files that are new."""
    config = redshift_config(redshift, tmp_path, stage=f"s3://{BUCKET}/{STAGE}/{tmp_path.name}")
    write_file(log_file(config, "a.json"), [play(), "no JSON"])
    sparkify.load(config)
    write_file(log_file(config, "b.json"), [play(userId=2, itemInSession=1), "nor this"])
    write_file(song_file(config), [song()])
    redshift.statements.clear()
    return config


def at(statement: str, number: int, fault: Fault) -> Callable[[str, int], Fault]:
    """Plays a fault at the statement that begins so, the time that it comes for that number."""
    left = [number]

    def play_it(sent: str, place: int) -> Fault:
        left[0] -= sent.startswith(statement)
        return fault if sent.startswith(statement) and left[0] == 0 else "none"

    return play_it


def list_staged(s3_server: S3Server, config: Config) -> list[str]:
    folder = str(config.stage).removeprefix(f"s3://{BUCKET}/")
    return [meta["path"] for page in obstore.list(s3_server.open_store(), prefix=folder) for meta in page]


def assert_next_load_works(config: Config) -> None:
    assert sparkify.load(config).status == "loaded"
    assert read_star(config) == expected_star(config)
    assert failing_checks(config) == []


def test_connection_is_cut(redshift: Redshift, config: Config) -> None:
    """Each load is the next one for the cut before it."""
    before = read_star(config)
    # The commits are those of the plan and of the load.
    cuts: list[tuple[str, int, Fault, str]] = [
        ("COMMIT", 1, "cut", UNKNOWN),
        ("COMMIT", 1, "cut_after", UNKNOWN),
        ("LOCK", 1, "cut_after", BROKE),
        ("COMMIT", 2, "cut", UNKNOWN),
    ]
    for statement, number, fault, words in cuts:
        redshift.fault = at(statement, number, fault)
        with pytest.raises(EngineError, match=words):
            sparkify.load(config)
        assert read_star(config) == before, (statement, number, fault)
    assert failing_checks(config) == []
    redshift.fault = at("COMMIT", 2, "cut_after")
    with pytest.raises(EngineError, match=UNKNOWN):
        sparkify.load(config)
    assert read_star(config) == expected_star(config) != before
    assert sparkify.load(config).status == "nothing_to_do"
    assert failing_checks(config) == []


def test_load_of_staged_parts_is_cut(redshift: Redshift, config: Config, s3_server: S3Server, tmp_path: Path) -> None:
    before, plan = read_star(config), tmp_path / "plan.json"
    save_plan(config, plan)
    stage(config, plan, "1/1")
    redshift.fault = at("COMMIT", 1, "cut_after")
    with pytest.raises(EngineError, match=UNKNOWN):
        sparkify.load(config, staged=plan)
    assert read_star(config) == before
    redshift.fault = at("COMMIT", 2, "cut_after")
    with pytest.raises(EngineError, match=UNKNOWN):
        sparkify.load(config, staged=plan)
    assert read_star(config) == expected_star(config) != before
    # Nobody heard of the commit, so the parts are there until the ledger tells of it.
    assert list_staged(s3_server, config) != []
    with pytest.raises(UsageError, match=r"the ledger has overtaken the plan .*: its files were loaded since"):
        sparkify.load(config, staged=plan)
    assert list_staged(s3_server, config) == []
    assert sparkify.load(config).status == "nothing_to_do"
    assert failing_checks(config) == []


def test_server_ends_an_idle_session(redshift: Redshift, config: Config) -> None:
    """Once, the load begins its transaction again. A server that does so each time ends the load."""
    database, before = config.warehouse_address.rpartition("/")[2], read_star(config)
    left = [0]

    def limit(setting: str, statement: str, sent: str, place: int) -> Fault:
        """After that statement only: a busy machine is idle anywhere."""
        setattr(redshift, setting, 0.2 if left[0] and sent.startswith(statement) else None)
        return "none"

    def wait(event: str, told: dict[str, Any]) -> None:
        if told["event"] == event and left[0]:
            redshift.wait_until_left(database)
            left[0] -= 1

    redshift.fault = partial(limit, "idle_session", "SELECT source_id, cast(sum(loaded)")
    left[0] = 2
    with pytest.raises(EngineError, match=BROKE + r".*; try again"):
        sparkify.load(config, on_event=partial(wait, "file"))
    assert left == [0]
    assert read_star(config) == before
    redshift.fault = partial(limit, "idle_transaction", "SELECT 0 AS place, count(*) AS found FROM songplays")
    left[0] = 1
    assert sparkify.load(config, on_event=partial(wait, "refreshed")).status == "loaded"
    assert left == [0]
    assert read_star(config) == expected_star(config)


# ---- while records are judged ----


def test_session_that_ends_while_records_are_judged_is_opened_again(redshift: Redshift, config: Config) -> None:
    """What was judged is not lost, for nothing was open."""
    database = config.warehouse_address.rpartition("/")[2]

    def end_it(progress: Progress) -> None:
        if progress.step.startswith("staging") and not ended:
            with redshift.connect_postgres(database) as eye:
                ended.extend(eye.execute(END_SESSIONS, [database]).fetchall())
            # It is being patched.
            redshift.away = 2

    ended: list[Any] = []
    assert sparkify.load(config, on_progress=end_it).status == "loaded"
    assert (len(ended), redshift.away) == (1, 0)
    cuts: list[tuple[str, int, Fault]] = [
        ("BEGIN", 2, "hang_up_session"),
        ("LOCK", 2, "cut_after"),
        ("COPY staging_events", 1, "cut_after"),
        ("INSERT INTO load_files", 1, "cut"),
    ]
    for number, (statement, place, fault) in enumerate(cuts):
        write_file(log_file(config, f"{number}.json"), [play(userId=number + 10)])
        redshift.statements.clear()
        redshift.fault = at(statement, place, fault)
        assert sparkify.load(config).status == "loaded"
        # It has judged once.
        assert redshift.statements.count("SELECT count(*) FROM stv_slices") == 1
    assert fetch(config, "SELECT DISTINCT status FROM load_history") == [("loaded",)]
    assert read_star(config) == expected_star(config)
    assert failing_checks(config) == []


def test_session_that_is_not_heard_of_is_opened_again_by_the_next_renewal(redshift: Redshift, config: Config) -> None:
    renewed: list[str] = []

    def cut_the_first(statement: str, place: int) -> Fault:
        if not re.match("UPDATE load_history SET detail = .* AND status = 'running'", statement):
            return "none"
        renewed.append(statement)
        return "cut" if len(renewed) == 1 else "none"

    def wait(progress: Progress) -> None:
        end = time.monotonic() + 60
        while progress.step.startswith("staging") and len(renewed) < 2 and time.monotonic() < end:
            time.sleep(0.01)

    redshift.fault = cut_the_first
    with open_warehouse(config) as engine:
        assert isinstance(engine.intake, RemoteIntake)
        engine.intake.presence.renewal_seconds = 0.01
        assert load_into(engine, config, on_progress=wait).status == "loaded"
    assert len(renewed) > 1
    assert read_star(config) == expected_star(config)


def test_session_of_the_caller_is_not_opened_again(redshift: Redshift, config: Config) -> None:
    connection = login(Address.parse(config.warehouse_address, config), config)
    redshift.fault = at("BEGIN", 2, "cut")
    with pytest.raises(EngineError, match=BROKE):
        load_into(wrap_cursor(connection.cursor(), connection, config), config)
    close_connection(connection)
    assert redshift.statements.count("BEGIN") == 2
    assert_next_load_works(config)


def test_undo_of_other_files_does_not_start_a_load_again(redshift: Redshift, config: Config) -> None:
    """Only where a file is not any more what it was for the plan."""
    sparkify.load(config)
    # The second load brought b.json.
    for undone, name in ((1, "c.json"), (2, "b.json")):
        settle(write_file(log_file(config, name), [play(userId=undone + 2, itemInSession=4)]))
        redshift.statements.clear()
        done: list[int] = []

        def undo_meanwhile(statement: str, place: int, load_id: int = undone, done: list[int] = done) -> Fault:
            if statement == "LOCK load_lock" and redshift.statements.count(statement) == 2 and not done:
                done.append(load_id)
                sparkify.undo(config, load_id)
            return "none"

        redshift.fault = undo_meanwhile
        assert sparkify.load(config).status == "loaded"
        assert redshift.statements.count("SELECT count(*) FROM stv_slices") == undone
    sparkify.load(config)
    assert read_star(config) == expected_star(config)


# ---- the lock ----


def test_wait_for_the_lock_ends_where_the_server_does_not_end_it(redshift: Redshift, config: Config) -> None:
    redshift.limits_locks = False
    with (
        redshift.connect_postgres(config.warehouse_address.rpartition("/")[2]) as other,
        open_warehouse(config) as engine,
    ):
        other.autocommit = False
        other.execute("LOCK load_lock")
        assert isinstance(engine, RedshiftWarehouse)
        engine.fewest_lock_seconds = engine.grace_seconds = 0.2
        with pytest.raises(LockedError, match="was not given within 0 seconds, and the ledger has no running load"):
            load_into(engine, config)
        other.rollback()
        # The session that waited was left, and another one takes its place.
        assert load_into(engine, config).status == "loaded"
    assert read_star(config) == expected_star(config)


def test_long_idle_session_is_told() -> None:
    with pytest.raises(EngineError) as caught, mapped_errors(3_600.4):
        raise BrokenPipeError(32, "Broken pipe")
    assert str(caught.value) == (
        "the connection to Redshift broke, after 3,600 seconds without a statement: Broken pipe. Redshift ends "
        "sessions that are idle for long: try again, after an administrator has raised the limit (ALTER USER … SESSION "
        "TIMEOUT)"
    )


def test_upload_is_cut(
    redshift: Redshift, config: Config, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_star(config)
    with run_s3_proxy(s3_server.port) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        proxy.fault = lambda path, earlier: "expired" if path.endswith(".parquet") else "none"
        with pytest.raises(SourceError, match="cannot write s3://"):
            sparkify.load(config)
        assert not any(sql.startswith("COPY") for sql in redshift.statements)
        assert read_star(config) == before
        assert list_staged(s3_server, config) == []
        # Once is nothing: it is tried again.
        proxy.fault = lambda path, earlier: "hung_up" if path.endswith(".parquet") and earlier == 0 else "none"
        assert_next_load_works(config)
        assert any(path.endswith(".parquet") and times > 1 for path, times in proxy.requests.items())
    assert list_staged(s3_server, config) == []
