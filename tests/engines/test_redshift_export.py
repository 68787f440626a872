"""Exports from Redshift through the stage: as through the connection, or told why not; nothing stays in the stage."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import obstore
import pytest
from msgspec import structs

import sparkify
from sparkify.errors import EngineError
from sparkify.settings import Config, S3Access
from sparkify.warehouses import FileFormat
from sparkify.warehouses.redshift.stage import Stage
from tests.engines.commands import Ran, run_here, variables_of
from tests.engines.conftest import ROLE, redshift_config
from tests.engines.test_export import hostile_plays, manifest_of
from tests.redshift.server import Redshift, Role
from tests.s3_server import BUCKET, NO_GET_KEY, NO_PUT_KEY, SECRET, S3Server
from tests.support import log_file, write_file

COUNT = 4_001
PLAYS = sparkify.ExportOptions(tables=("songplays",))


@pytest.fixture(scope="module")
def loaded(
    running_redshift: Redshift, s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Config]:
    """A warehouse that no test changes, with more plays than are fetched at a time."""
    config = redshift_config(running_redshift, tmp_path_factory.mktemp("loaded"))
    write_file(log_file(config), hostile_plays(COUNT))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (s3_server.environment() | {"SSL_CERT_FILE": str(running_redshift.ca_file)}).items():
            patch.setenv(name, value)
        sparkify.load(config)
    yield config
    running_redshift.drop_database(config.warehouse_address.rpartition("/")[2])


@pytest.fixture
def staged(loaded: Config, s3_server: S3Server) -> Callable[[], list[str]]:
    """The keys that are in the stage of the warehouse."""
    database, store = loaded.warehouse_address.rpartition("/")[2], s3_server.open_store()
    return lambda: [
        meta["path"] for page in obstore.list(store, prefix="stage") for meta in page if f"-{database}-" in meta["path"]
    ]


def run_export(config: Config, *arguments: str | Path) -> Ran:
    """The command, with the settings in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables_of(config).items():
            patch.setenv(name, value)
        return run_here("export", *arguments)


def unloads(redshift: Redshift) -> list[str]:
    return [statement for statement in redshift.statements if statement.startswith("UNLOAD")]


def content_of(folder: Path, form: str) -> dict[str, tuple[Any, ...]]:
    """Of each file the rows in an order, the columns with their types, and what a Parquet file says of itself."""
    contents: dict[str, tuple[Any, ...]] = {}
    with duckdb.connect() as connection:
        for path in sorted(folder.rglob(f"*.{form}")):
            read = f"read_{form}('{path}'" + (", all_varchar = true, header = true)" if form == "csv" else ")")
            notes = (
                f"SELECT key, value FROM parquet_kv_metadata('{path}') ORDER BY ALL"
                if form == "parquet"
                else "SELECT 1"
            )
            contents[str(path.relative_to(folder))] = tuple(
                connection.execute(sql).fetchall()
                for sql in (f"FROM {read} ORDER BY ALL", f"DESCRIBE FROM {read}", notes)
            )
    return contents


def test_both_ways_write_the_same(
    redshift: Redshift, loaded: Config, staged: Callable[[], list[str]], tmp_path: Path
) -> None:
    cases: list[tuple[FileFormat, tuple[str, ...]]] = [
        ("parquet", ("songplays", "staging_events", "events", "users", "user_levels")), ("csv", ("songplays",)),
    ]  # fmt: skip
    for form, tables in cases:
        options = sparkify.ExportOptions(form, tables, with_people=True)
        ways = {"through": loaded, "without": structs.replace(loaded, stage=None)}
        results = [sparkify.export(config, tmp_path / form / way, options) for way, config in ways.items()]
        assert results[0].tables == results[1].tables
        contents = [content_of(tmp_path / form / way, form) for way in ways]
        assert contents[0] == contents[1]
        manifests = [manifest_of(tmp_path / form / way) for way in ways]
        for table in (table for manifest in manifests for table in manifest.values()):
            for file in table["files"]:
                # Rows are in no order, so the bytes differ.
                del file["sha256"], file["bytes"]
        assert manifests[0] == manifests[1]
    sources = ["songplays", "events", "staging_events", "songplays"]
    # What has few rows is not worth the way.
    assert [re.findall(r"FROM (\w+)", statement)[0] for statement in unloads(redshift)] == sources
    assert staged() == []


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("no role", "is not authorized to assume IAM Role"),
        ("no put", "is not authorized to perform: s3:PutObject"),
        ("no get", "the credentials lack the permission s3:GetObject"),
    ],
)
def test_refused_stage_is_told_and_done_without(
    redshift: Redshift, s3_server: S3Server, loaded: Config, staged: Callable[[], list[str]], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, key: str, told: str,
) -> None:  # fmt: skip
    if key == "no role":
        del redshift.roles[ROLE]
    elif key == "no put":
        redshift.roles[ROLE] = Role(s3_server.endpoint, NO_PUT_KEY, SECRET)
    else:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", NO_GET_KEY)
    ran = run_export(loaded, tmp_path / "out", "--tables", "songplays")
    assert ran.code == 0, ran
    assert told in ran.err
    assert ran.err.count("rows cannot come through the stage: ") == 1
    assert "; so they come through the connection to the warehouse, which takes longer" in ran.err
    assert ("its role needs s3:PutObject" in ran.err) is (key == "no put")
    assert SECRET not in ran.out + ran.err
    assert manifest_of(tmp_path / "out")["songplays"]["rows"] == COUNT
    assert staged() == []


def test_failure_is_no_refusal(
    redshift: Redshift, loaded: Config, staged: Callable[[], list[str]], tmp_path: Path
) -> None:
    """Of the connection: the parts that were written are removed, and nothing is tried again."""
    redshift.fault = lambda statement, place: "cut" if "pg_last_unload_count" in statement else "none"
    with pytest.raises(EngineError, match="the connection to Redshift broke"):
        sparkify.export(loaded, tmp_path / "out", PLAYS)
    assert len(unloads(redshift)) == 1
    assert staged() == []
    assert json.loads((tmp_path / "out" / "manifest.json").read_bytes())["status"] == "unfinished"


def test_full_disk_is_told(redshift: Redshift) -> None:
    stage = Stage(f"s3://{BUCKET}/full", "export-1", S3Access())
    stage.put("part.parquet", bytes(100))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with stage.fetched() as parts:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
        try:
            with pytest.raises(EngineError, match="File too large; free some space there, or set TMPDIR"):
                next(parts)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    stage.clear()


def start_export(config: Config, folder: Path) -> subprocess.Popen[bytes]:
    """An export of plays as its own process."""
    return subprocess.Popen(
        [sys.executable, "-m", "sparkify", "export", str(folder), "--tables", "songplays"],
        env=os.environ | variables_of(config), stderr=subprocess.DEVNULL,
        # A background process of a shell inherits that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "code", "left"),
    [(signal.SIGKILL, -signal.SIGKILL, 2), (signal.SIGINT, 130, 0)],
    ids=["killed", "interrupted"],
)  # fmt: skip
def test_export_that_ends_early(
    redshift: Redshift, s3_server: S3Server, loaded: Config, staged: Callable[[], list[str]], tmp_path: Path,
    sent: signal.Signals, code: int, left: int,
) -> None:  # fmt: skip
    """Its parts are in the stage when a signal ends it."""
    reached, ended = redshift.hold(lambda statement: "pg_last_unload_count" in statement)
    with start_export(loaded, tmp_path / "out") as process:
        assert reached.wait(60)
        process.send_signal(sent)
        assert process.wait(60) == code
    ended.set()
    redshift.fault = lambda statement, place: "none"
    parts = staged()
    assert len(parts) == left
    # Another export may be at work: only age tells.
    sparkify.export(loaded, tmp_path / "out", PLAYS)
    assert staged() == parts
    if parts:
        obstore.delete(s3_server.open_store(), parts)


def test_ctrl_c_ends_the_unload(
    redshift: Redshift, loaded: Config, staged: Callable[[], list[str]], tmp_path: Path
) -> None:
    """Redshift would write the parts although nobody waits for them."""
    reached, ended = redshift.hold(lambda statement: statement.startswith("UNLOAD"))
    with start_export(loaded, tmp_path / "out") as process:
        assert reached.wait(60)
        process.send_signal(signal.SIGINT)
        # The session that runs the statement, and the one that has ended it.
        redshift.wait_until_left(loaded.warehouse_address.rpartition("/")[2])
        ended.set()
        assert process.wait(60) == 130
    assert "pg_terminate_backend" in redshift.statements[-1]
    assert staged() == []
