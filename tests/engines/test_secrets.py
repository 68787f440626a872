"""Nothing that a run writes contains a secret: output, statements, tables, files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import obstore
import pytest
from obstore.store import S3Store

from tests.engines.commands import Ran, run_python, run_secrets_manager
from tests.engines.conftest import ROLE
from tests.redshift.server import Fault, Redshift, no_fault
from tests.s3_server import BUCKET, SECRET, WRITE_KEY, S3Server
from tests.support import event, play, song, to_lines

SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:planted-secret-4405"
# The login takes the secret's password before the others.
PLANTED = {
    "password of the secret": "planted-password-5417",
    "password of the environment": "planted-environment-2246",
    "password of the file": "planted-file-9980",
    "access key": WRITE_KEY,
    "secret access key": SECRET,
    "session token": "planted-session-token-7731",
    "ARN of the secret": "planted-secret-4405",
}
FOLDER = "secrets"
# It keeps the scratch, which is removed before COPY begins.
DEBUGGING = """
import glob, logging, os, shutil, sys
from sparkify.cli import main
def keep(event, arguments):
    if event == "shutil.rmtree":
        for scratch in glob.glob(f"{arguments[0]}/*.duckdb"):
            shutil.copy(scratch, os.environ["TMPDIR"] + "/..")
sys.addaudithook(keep)
logging.basicConfig(level="DEBUG")
main(sys.argv[1:])
"""


@dataclass
class Watched:
    """Everything that was written, by command, and how each command ended."""

    redshift: Redshift
    store: S3Store
    folder: Path
    variables: dict[str, str]
    ran: dict[str, Ran] = field(default_factory=dict)
    written: dict[str, bytes] = field(default_factory=dict)
    cut_at: str = ""

    def __post_init__(self) -> None:
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()
        self.log = self.folder / "statements.sql"
        self.variables["TMPDIR"] = str(self.temporary)

    def run(
        self,
        name: str,
        *arguments: str,
        database: str = "",
        changes: dict[str, str] | None = None,
        is_debugging: bool = False,
    ) -> None:
        """Run a command on a database and keep what it wrote, with the debug logs of all libraries."""
        where = f"redshift://{self.redshift.user}@{self.redshift.host}:{self.redshift.port}/{database}"
        options = ["--config", str(self.folder / "dwh.cfg"), *(["--warehouse", where] if database else [])]
        command = ["-c", DEBUGGING] if is_debugging else ["-m", "sparkify"]
        self.redshift.statements.clear()
        self.redshift.fault = self._on_statement
        self._keep(name, run_python(*command, *arguments, *options, **self.variables | (changes or {})))
        if database:
            self._keep_tables(name, database)

    def _keep(self, name: str, ran: Ran) -> None:
        self.ran[name] = ran
        self.written[f"output of {name}"] = f"{ran.out}{ran.err}".encode()
        self.written[f"statements of {name}"] = "\n".join(self.redshift.statements).encode()
        self._keep_files(f"after {name}")

    def _on_statement(self, statement: str, number: int) -> Fault:
        if statement.startswith("COPY"):
            self._keep_files(f"at COPY {number}")
            self._keep_stage(f"at COPY {number}")
            self._keep_command_lines(f"at COPY {number}")
        return "cut" if self.cut_at and statement.startswith(self.cut_at) else "none"

    def _keep_stage(self, moment: str) -> None:
        for page in obstore.list(self.store, prefix=f"{FOLDER}/stage"):
            for meta in page:
                content = bytes(obstore.get(self.store, meta["path"]).bytes())
                self.written[f"stage {moment}: {meta['path']}"] = meta["path"].encode() + content

    def _keep_files(self, moment: str) -> None:
        for path in [*self.temporary.rglob("*"), self.log, self.folder / "scratch.duckdb"]:
            with suppress(OSError):
                content = path.read_bytes() if path.is_file() else b""
                self.written[f"file {moment}: {path.name}"] = str(path).encode() + content

    def _keep_command_lines(self, moment: str) -> None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if b"sparkify" in (line := path.read_bytes()):
                    self.written[f"command line {moment}: {path.parent.name}"] = line

    def _keep_tables(self, name: str, database: str) -> None:
        with self.redshift.connect_postgres(database) as connection:
            for (table,) in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall():
                rows = connection.execute(f"SELECT * FROM {table}").fetchall()
                self.written[f"table of {name}: {table}"] = repr(rows).encode()

    def keep_embedded(self, path: Path) -> None:
        self.written["embedded warehouse"] = path.read_bytes()
        with duckdb.connect(str(path), read_only=True) as connection:
            for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
                rows = connection.execute(f"SELECT * FROM {table}").fetchall()
                self.written[f"embedded table: {table}"] = repr(rows).encode()


@pytest.fixture(scope="module")
def watched(
    running_redshift: Redshift, s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """Every command, each as its own process."""
    folder = tmp_path_factory.mktemp("secrets")
    store = s3_server.open_store()
    obstore.put(store, f"{FOLDER}/log_data/good.json", to_lines([play(), event(userId=3)]))
    obstore.put(store, f"{FOLDER}/log_data/bad.json", to_lines([play(userId=2), "no JSON"]))
    obstore.put(store, f"{FOLDER}/song_data/songs.json", to_lines([song()]))
    (folder / "dwh.cfg").write_text(
        f"[CLUSTER]\nDB_PASSWORD={PLANTED['password of the file']}\nDB_SECRET_ARN={SECRET_ARN}\n"
        f"[IAM_ROLE]\nARN={ROLE}\n[S3]\nLOG_DATA=s3://{BUCKET}/{FOLDER}/log_data\n"
        f"SONG_DATA=s3://{BUCKET}/{FOLDER}/song_data\nSTAGE=s3://{BUCKET}/{FOLDER}/stage\n",
        encoding="utf-8",
    )
    variables = s3_server.environment() | {
        "SSL_CERT_FILE": str(running_redshift.ca_file),
        "SPARKIFY_DB_PASSWORD": PLANTED["password of the environment"],
    }
    assert running_redshift.password == PLANTED["password of the secret"]
    content = json.dumps({"username": running_redshift.user, "password": running_redshift.password})
    with run_secrets_manager(SECRET_ARN, content) as manager:
        watched = Watched(running_redshift, store, folder, variables | manager.environment())
        try:
            _run_all(watched)
            yield watched
        finally:
            running_redshift.fault = no_fault


def _run_all(watched: Watched) -> None:
    first, second, third, failing = (watched.redshift.new_database() for _ in range(4))
    log = ("--log-sql", str(watched.log))
    watched.run("load", "load", database=first)
    watched.run("load --log-sql", "load", *log, database=second)
    watched.run("load --json", "load", "--json", database=third)
    for command in ("status", "check", "doctor"):
        watched.run(command, command, database=first)
    watched.run("help", "load", "--help")
    another = {"SPARKIFY_ARN": ROLE.replace("warehouse", "another")}
    watched.run("load with a wrong role", "load", database=failing, changes=another)
    watched.run("load, debugging", "load", *log, database=failing, is_debugging=True, changes=another)
    token = {"AWS_SESSION_TOKEN": PLANTED["session token"]}
    watched.run("load with a wrong token", "load", database=failing, changes=token)
    unknown = {"SPARKIFY_DB_SECRET_ARN": f"{SECRET_ARN}-unknown"}
    watched.run("load with a wrong secret", "load", database=failing, changes=unknown)
    watched.cut_at = "COPY staging_events"
    watched.run("load that is cut", "load", database=failing, is_debugging=True)
    watched.cut_at = ""
    embedded = watched.folder / "embedded.duckdb"
    watched.run("embedded load", "load", "--warehouse", str(embedded))
    watched.keep_embedded(embedded)


def test_runs_end_as_they_should(watched: Watched) -> None:
    assert {name: ran.code for name, ran in watched.ran.items()} == {
        "load": 0, "load --log-sql": 0, "load --json": 0, "status": 0, "check": 0, "doctor": 0, "help": 0,
        "load with a wrong role": 4, "load, debugging": 4, "load with a wrong token": 3,
        "load with a wrong secret": 2, "load that is cut": 4, "embedded load": 0,
    }  # fmt: skip


def test_everything_is_searched(watched: Watched) -> None:
    written = watched.written
    assert re.search(rb"COPY staging_events FROM .* IAM_ROLE", written["statements of load"])
    assert b"COPY staging_events FROM" in written["file after load --log-sql: statements.sql"]
    assert b"'no JSON'" in written["table of load: rejected_records"]
    assert b"Uprising" in written["embedded table: songs"]
    kinds = {name.split(":")[0].split(" at ")[0]: content for name, content in written.items()}
    assert {"stage", "file", "embedded table"} <= set(kinds)
    endings = {name.rpartition(".")[2] for name in written if name.startswith(("stage", "file"))}
    assert {"parquet", "manifest", "sql", "duckdb"} <= endings
    if Path("/proc/self/cmdline").exists():
        assert any(name.startswith("command line") and b"load" in line for name, line in written.items())


@pytest.mark.parametrize("secret", PLANTED)
def test_secret_is_nowhere(watched: Watched, secret: str) -> None:
    found = [name for name, content in watched.written.items() if PLANTED[secret].encode() in content]
    assert found == []


def test_nothing_is_left_in_the_temporary_folder(watched: Watched) -> None:
    assert list(watched.temporary.iterdir()) == []
