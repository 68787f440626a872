"""`make test-redshift`, with the stand-in in place of a real Redshift: reached by a user's settings alone."""

from __future__ import annotations

import os
import re
from pathlib import Path

import obstore
import pytest
from msgspec import structs

import sparkify
from sparkify.errors import EngineError
from sparkify.settings import load_config
from tests.engines.__main__ import main
from tests.engines.cluster import FIRST, Cluster
from tests.engines.commands import run_python
from tests.engines.conftest import ROLE
from tests.engines.crash import rows_of
from tests.redshift.server import Redshift
from tests.s3_server import BUCKET, S3Server
from tests.support import event, failing_checks, log_file, play, song, song_file, write_file

FOLDER = Path(__file__).parent
STAGE = f"s3://{BUCKET}/cluster"


@pytest.fixture
def database(redshift: Redshift, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database of the stand-in, which a user's settings name."""
    database = redshift.new_database()
    settings = {
        "WAREHOUSE": f"redshift://{redshift.user}@{redshift.host}:{redshift.port}/{database}",
        "DB_PASSWORD": redshift.password,
        "STAGE": STAGE,
        "ARN": ROLE,
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"SPARKIFY_{name}", value)
    return database


def list_left(redshift: Redshift, s3_server: S3Server, database: str) -> list[object]:
    """Schemas and objects that a run has left."""
    with redshift.connect_postgres(database) as connection:
        schemas = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'sparkify%'").fetchall()
    store = s3_server.open_store()
    return [*schemas, *(meta["path"] for page in obstore.list(store, prefix="cluster") for meta in page)]


def test_first_statements_run_and_leave_nothing(redshift: Redshift, s3_server: S3Server, database: str) -> None:
    # The wait for the lock ends soon.
    redshift.speed = 20
    ran = run_python("-m", "tests.engines", "-q", FOLDER / FIRST, SPARKIFY_REDSHIFT="yes")
    assert "7 passed" in ran.out, ran.out + ran.err
    assert f"on the Redshift of your settings: redshift://{redshift.user}@" in ran.out
    assert list_left(redshift, s3_server, database) == []


def test_failed_first_statement_stops_the_run_and_leaves_nothing(
    redshift: Redshift, s3_server: S3Server, database: str
) -> None:
    redshift.fault = lambda statement, place: "cut" if "CREATE TABLE" in statement else "none"
    # No summary: pytest repeats the message there, in full where the machine is one for CI.
    ran = run_python(
        "-m", "tests.engines", "-q", "-rN", FOLDER / FIRST, FOLDER / "test_comments.py", SPARKIFY_REDSHIFT="yes"
    )
    assert (ran.code, ran.out.count("What it means: the first load fails")) == (2, 7), ran.out + ran.err
    assert "the first statements failed, so the rest would only cost" in ran.out
    assert re.search(r"deselected, 7 errors in ", ran.out.splitlines()[-1]), ran.out
    assert list_left(redshift, s3_server, database) == []


def test_nothing_runs_without_consent(
    redshift: Redshift, database: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([]) == 2
    told = capsys.readouterr()
    assert "billed  Serverless" in told.out
    assert told.err == "nothing ran. Missing:\n  your word that it may cost something: SPARKIFY_REDSHIFT=yes\n"
    for name in [name for name in os.environ if name.startswith(("SPARKIFY_", "AWS_"))]:
        monkeypatch.delenv(name)
    assert main([]) == 2
    assert [line.split(":")[0].strip() for line in capsys.readouterr().err.splitlines()[1:]] == [
        "the address of a Redshift", "a login", "a folder of S3", "its region", "your word that it may cost something",
    ]  # fmt: skip
    assert redshift.statements == []


def test_warehouses_of_a_cluster_are_schemas(
    redshift: Redshift, s3_server: S3Server, database: str, tmp_path: Path
) -> None:
    cluster = Cluster.of(load_config())
    first, second = (cluster.new_warehouse(tmp_path / name) for name in ("first", "second"))
    write_file(log_file(first), [play(), event(), "no JSON"])
    write_file(song_file(first), [song()])
    sparkify.load(first)
    sparkify.create(second)
    assert not any(rows_of(second).values())
    with cluster.copy(first) as copied:
        assert rows_of(copied) == rows_of(first)
        sparkify.undo(copied, 1)
        assert failing_checks(copied) == []
        assert rows_of(copied) != rows_of(first)
    with pytest.raises(EngineError, match="there is no such schema; create the one that DB_SCHEMA"):
        sparkify.load(structs.replace(first, db_schema="Nowhere"))
    cluster.clear()
    assert list_left(redshift, s3_server, database) == []
