"""A load whose session, connection or store breaks off at each of its steps: the state is that before it or after it.

The sentence says which, and the next load of the same process does the work.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import obstore
import pytest

import sparkify
from sparkify.errors import EngineError, LockedError, SourceError, UsageError
from sparkify.loads.shares import save_plan, stage
from sparkify.settings import Config
from sparkify.warehouses.redshift.errors import mapped_errors
from tests.engines.conftest import redshift_config
from tests.redshift.server import Fault, Redshift
from tests.s3_proxy import run_s3_proxy
from tests.s3_server import BUCKET, S3Server
from tests.support import TIMES, expected_star, failing_checks, log_file, play, read_star, song, song_file, write_file

BROKE = "the connection to Redshift broke"
STAGE = "cuts"
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
        ("LOCK", 2, "cut_after", BROKE),
        ("COPY staging_songs", 1, "cut_after", BROKE),
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


def test_load_of_staged_parts_is_cut(redshift: Redshift, config: Config, tmp_path: Path) -> None:
    before, plan = read_star(config), tmp_path / "plan.json"
    save_plan(config, plan)
    stage(config, plan, "1/1")
    for statement, number, words in (("COMMIT", 1, UNKNOWN), ("COPY staging_songs", 1, BROKE)):
        redshift.fault = at(statement, number, "cut_after")
        with pytest.raises(EngineError, match=words):
            sparkify.load(config, staged=plan)
        assert read_star(config) == before
    redshift.fault = at("COMMIT", 2, "cut_after")
    with pytest.raises(EngineError, match=UNKNOWN):
        sparkify.load(config, staged=plan)
    assert read_star(config) == expected_star(config) != before
    with pytest.raises(UsageError, match=r"the ledger has overtaken the plan .*: its files were loaded since"):
        sparkify.load(config, staged=plan)
    assert sparkify.load(config).status == "nothing_to_do"
    assert failing_checks(config) == []


def test_server_ends_an_idle_session(redshift: Redshift, config: Config) -> None:
    database, before = config.warehouse_address.rpartition("/")[2], read_star(config)
    # Before the transaction of the load, and in it.
    for setting, step in (("idle_session", "file"), ("idle_transaction", "refreshed")):

        def wait(told: dict[str, Any], step: str = step) -> None:
            if told["event"] == step:
                redshift.wait_until_left(database)

        setattr(redshift, setting, 0.5)
        with pytest.raises(EngineError, match=BROKE + r".*; try again"):
            sparkify.load(config, on_event=wait)
        setattr(redshift, setting, None)
        assert read_star(config) == before
    assert_next_load_works(config)


# It takes a quarter of a minute, which the long run has.
if TIMES > 1:

    def test_wait_for_the_lock_ends_where_the_server_does_not_end_it(redshift: Redshift, config: Config) -> None:
        redshift.limits_locks = False
        with redshift.connect_postgres(config.warehouse_address.rpartition("/")[2]) as other:
            other.autocommit = False
            other.execute("LOCK load_lock")
            with pytest.raises(LockedError, match="was not given within 10 seconds"):
                sparkify.load(config)
            other.rollback()
        assert_next_load_works(config)


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
