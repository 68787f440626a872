"""`sparkify doctor`: each fault has a line that says what to do, and does not hide other faults."""

from __future__ import annotations

import dataclasses
import gc
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import obstore
import pytest
from msgspec import structs
from obstore.store import S3Store

import sparkify
from sparkify.errors import EngineError
from sparkify.settings import Config
from sparkify.warehouses import open_warehouse
from tests.engines.commands import Ran, run_command, run_here, variables_of
from tests.engines.conftest import ROLE, Factory, Files, redshift_config
from tests.redshift.server import Redshift, Role
from tests.s3_proxy import run_s3_proxy
from tests.s3_server import BUCKET, READ_KEY, SECRET, WRITE_KEY, S3Server
from tests.support import log_file, play, song, song_file, write_file

OF_ALL = ["versions", "validator", "log data", "song data", "warehouse"]
OF_REDSHIFT = ["layout", "version", "clock", "isolation", "rights", "tables", "stage and role"]
Rows = dict[str, list[tuple[object, ...]]]


@pytest.fixture
def refused_connections() -> Iterator[None]:
    """The driver does not close the socket of a refused connection, which causes a warning."""
    yield
    gc.collect()


@pytest.fixture
def store(s3_server: S3Server) -> S3Store:
    return s3_server.open_store()


def deliver(config: Config) -> Config:
    write_file(log_file(config), [play()])
    write_file(song_file(config), [song()])
    return config


@pytest.fixture
def config(redshift: Redshift, tmp_path: Path) -> Config:
    """An empty database with readable sources and the test's own stage."""
    return deliver(redshift_config(redshift, tmp_path, stage=f"s3://{BUCKET}/doctor/{tmp_path.name}"))


@pytest.fixture
def examine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Runs the command with a configuration."""

    def call(config: Config, *options: str) -> Ran:
        for name, value in variables_of(config).items():
            monkeypatch.setenv(name, value)
        return run_here("doctor", *options)

    return call


def assert_fails(ran: Ran, names: Sequence[str], failing: str, *words: str) -> None:
    """Exactly one of these lines fails, and contains these words."""
    lines = ran.out.splitlines()
    assert [line.split(":")[0][6:] for line in lines] == list(names)
    [failed] = [line for line in lines if not line.startswith("ok    ")]
    assert failed.startswith(f"FAIL  {failing}: ")
    for word in words:
        assert word in failed
    assert ran.code == 5
    assert ran.err == f"sparkify: 1 of {len(lines)} are not in order: {failing}\n"


def database_of(config: Config) -> str:
    return config.warehouse_address.rpartition("/")[2]


def read_all(redshift: Redshift, config: Config) -> Rows:
    """Every row of every table that is not temporary, read without the stand-in."""
    with redshift.connect_postgres(database_of(config)) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables "
            "WHERE schemaname <> 'information_schema' AND schemaname NOT LIKE 'pg%'"
        )
        return {
            f"{schema}.{table}": connection.execute(f'SELECT * FROM "{schema}"."{table}"').fetchall()
            for schema, table in tables.fetchall()
        }


def keys_below(store: S3Store, root: str | None) -> list[str]:
    assert root is not None
    prefix = root.removeprefix(f"s3://{BUCKET}/")
    return [meta["path"] for page in obstore.list(store, prefix=prefix) for meta in page]


# ---- all in order ----


def test_all_in_order(make_warehouse: Factory, examine: Callable[..., Ran]) -> None:
    config = deliver(make_warehouse())
    sparkify.create(config)
    ran = examine(config)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert all(line.startswith("ok    ") for line in lines)
    found = [line.split(":")[0][6:] for line in lines]
    assert found[: len(OF_ALL)] == OF_ALL
    assert make_warehouse.engine == "duckdb" or found[len(OF_ALL) :] == OF_REDSHIFT
    assert f"1 file below {config.log_data}, readable" in ran.out
    assert SECRET not in ran.out


def test_all_in_order_as_json(make_warehouse: Factory, examine: Callable[..., Ran]) -> None:
    config = deliver(make_warehouse())
    sparkify.create(config)
    ran = examine(config, "--json")
    assert (ran.code, ran.err) == (0, "")
    told = ran.json()
    assert told["status"] == "passed"
    assert [found["name"] for found in told["findings"][: len(OF_ALL)]] == OF_ALL
    assert all(found["passed"] and found["detail"] for found in told["findings"])


def test_process_of_its_own(config: Config) -> None:
    ran = run_command("doctor", **variables_of(config))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("ok    ") == len(OF_ALL + OF_REDSHIFT)


def test_what_redshift_reports_about_itself(config: Config, examine: Callable[..., Ran]) -> None:
    details = {found["name"]: found["detail"] for found in examine(config, "--json").json()["findings"]}
    assert "Redshift 1.0." in details["version"]
    assert details["isolation"].startswith("Snapshot Isolation; a load locks")
    assert details["rights"] == "loader may create tables and temporary tables"
    assert details["tables"] == "0 tables in public"
    assert details["stage and role"] == f"{config.stage} can be written, and {ROLE} can read it"


def test_serverless_does_not_report_its_isolation(
    redshift: Redshift, config: Config, examine: Callable[..., Ran]
) -> None:
    redshift.serverless = True
    ran = examine(config)
    assert ran.code == 0
    assert "ok    isolation: not reported (Serverless: SNAPSHOT); a load locks" in ran.out


def test_isolation_that_the_user_may_not_see(redshift: Redshift, config: Config, examine: Callable[..., Ran]) -> None:
    with redshift.connect_postgres(database_of(config)) as connection:
        connection.execute("SET allow_system_table_mods = on")
        connection.execute(
            "CREATE OR REPLACE VIEW pg_catalog.stv_db_isolation_level AS SELECT datname::character(128) AS db_name, "
            "''::character(20) AS isolation_level FROM pg_database WHERE false"
        )
    ran = examine(config)
    assert ran.code == 0
    assert "ok    isolation: not reported" in ran.out


def test_embedded_warehouse_that_is_not_there_yet(tmp_path: Path, examine: Callable[..., Ran]) -> None:
    config = deliver(Files(tmp_path)())
    ran = examine(config)
    assert ran.code == 0
    assert f"ok    warehouse: {config.warehouse_address} does not exist yet; a load creates it" in ran.out
    assert not Path(config.warehouse_address).exists()


def test_nothing_is_changed(redshift: Redshift, config: Config, store: S3Store, examine: Callable[..., Ran]) -> None:
    sparkify.load(config)
    before = read_all(redshift, config)
    obstore.put(store, f"{str(config.stage).removeprefix(f's3://{BUCKET}/')}/theirs", b"x")
    assert examine(config).code == 0
    assert read_all(redshift, config) == before
    assert [key.rpartition("/")[2] for key in keys_below(store, config.stage)] == ["theirs"]
    assert sparkify.load(config).status == "nothing_to_do"


# ---- sources ----


@pytest.mark.parametrize("root", ["log_data", "song_data"])
def test_root_that_is_missing(config: Config, examine: Callable[..., Ran], root: str) -> None:
    ran = examine(structs.replace(config, **{root: "nowhere"}))
    assert_fails(ran, OF_ALL + OF_REDSHIFT, root.replace("_", " "), "nowhere")


def test_root_in_a_bucket_that_is_missing(config: Config, examine: Callable[..., Ran]) -> None:
    ran = examine(structs.replace(config, log_data="s3://no-such-bucket/log_data"))
    names = [*OF_ALL, *OF_REDSHIFT]
    assert_fails(ran, names, "log data", "s3://no-such-bucket/log_data", "check its name")


def test_no_root(tmp_path: Path, examine: Callable[..., Ran]) -> None:
    ran = run_here("doctor", "--warehouse", tmp_path / "w.duckdb")
    assert ran.code == 0
    assert ran.out.count("no root is set; this dataset is not loaded") == 2


# ---- the login ----


def test_stopped_server(redshift: Redshift, config: Config, examine: Callable[..., Ran]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        stopped = config.warehouse_address.replace(f":{redshift.port}/", f":{free.getsockname()[1]}/")
    ran = examine(structs.replace(config, warehouse=stopped))
    assert_fails(ran, OF_ALL, "warehouse", "Connection refused", "check the endpoint, that the cluster is not paused")


@pytest.mark.usefixtures("refused_connections")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_wrong_password(config: Config, examine: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    examine(config)
    monkeypatch.setenv("SPARKIFY_DB_PASSWORD", "planted-wrong-password-3389")
    ran = run_here("doctor")
    assert_fails(ran, OF_ALL, "warehouse", "the login was refused; check the user, and SPARKIFY_DB_PASSWORD")
    assert "planted" not in ran.out + ran.err


def test_no_password(config: Config, examine: Callable[..., Ran]) -> None:
    ran = examine(structs.replace(config, db_password=None))
    assert_fails(ran, OF_ALL, "warehouse", "no password for", "set SPARKIFY_DB_PASSWORD")


def test_session_that_is_cut(redshift: Redshift, config: Config, examine: Callable[..., Ran]) -> None:
    redshift.fault = lambda statement, place: "cut" if "getdate" in statement else "none"
    ran = examine(config)
    assert ran.code == 5
    # What comes next is examined in a new session.
    assert [line.split(":")[0] for line in ran.out.splitlines()[len(OF_ALL) :]] == [
        f"{'FAIL' if name == 'clock' else 'ok  '}  {name}" for name in OF_REDSHIFT
    ]
    assert ran.out.count("the connection to Redshift broke") == 1


# ---- rights, stage and role ----


def test_user_who_may_not_create(redshift: Redshift, config: Config, examine: Callable[..., Ran]) -> None:
    with redshift.connect_postgres(database_of(config)) as connection:
        connection.execute("ALTER SCHEMA public OWNER TO postgres")
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    ran = examine(config)
    assert_fails(
        ran, OF_ALL + OF_REDSHIFT, "rights",
        "loader lacks CREATE in schema public; let an administrator grant it",
    )  # fmt: skip


def test_user_who_may_use_no_schema(redshift: Redshift, config: Config, examine: Callable[..., Ran]) -> None:
    with redshift.connect_postgres(database_of(config)) as connection:
        connection.execute("ALTER SCHEMA public OWNER TO postgres")
        connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    ran = examine(config)
    assert ran.code == 5
    assert "FAIL  rights: loader cannot use any schema of its search_path; let an administrator grant" in ran.out


def test_no_stage(config: Config, examine: Callable[..., Ran]) -> None:
    ran = examine(structs.replace(config, stage=None))
    assert_fails(ran, OF_ALL + OF_REDSHIFT, "stage and role", "and none is set", "give --stage s3://")


def test_stage_in_a_bucket_that_is_missing(
    config: Config, examine: Callable[..., Ran], s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server creates a bucket on writing; AWS does not.
    with run_s3_proxy(s3_server.port) as proxy:
        proxy.fault = lambda path, times: "no_bucket"
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        ran = examine(config)
    assert_fails(ran, OF_ALL + OF_REDSHIFT, "stage and role", f"cannot write {config.stage}", "there is no such bucket")


def test_stage_that_may_not_be_written(
    config: Config, examine: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", READ_KEY)
    ran = examine(config)
    assert_fails(ran, OF_ALL + OF_REDSHIFT, "stage and role", "the credentials lack the permission s3:PutObject")


def test_role_without_rights(
    redshift: Redshift, config: Config, examine: Callable[..., Ran], s3_server: S3Server, store: S3Store
) -> None:
    redshift.roles[ROLE] = Role(s3_server.endpoint, READ_KEY, SECRET)
    ran = examine(config)
    told = "it cannot read the manifest in the stage; the role of COPY needs s3:GetObject on the stage's bucket"
    assert_fails(ran, OF_ALL + OF_REDSHIFT, "stage and role", told)
    assert keys_below(store, config.stage) == []


def test_role_that_is_not_attached(config: Config, examine: Callable[..., Ran], store: S3Store) -> None:
    ran = examine(structs.replace(config, arn="arn:aws:iam::123456789012:role/another"))
    told = ["not authorized to assume IAM Role arn:aws:iam::123456789012:role/another", "not attached to the cluster"]
    assert_fails(ran, OF_ALL + OF_REDSHIFT, "stage and role", *told, "does not trust redshift.amazonaws.com; attach it")
    assert keys_below(store, config.stage) == []


def test_no_role_and_no_default(config: Config, examine: Callable[..., Ran]) -> None:
    ran = examine(structs.replace(config, arn=None))
    assert_fails(ran, OF_ALL + OF_REDSHIFT, "stage and role", "no role is set", "set ARN in [IAM_ROLE]")


def test_default_role(redshift: Redshift, config: Config, examine: Callable[..., Ran], s3_server: S3Server) -> None:
    redshift.roles["default"] = Role(s3_server.endpoint, WRITE_KEY, SECRET)
    ran = examine(structs.replace(config, arn=None))
    assert ran.code == 0
    assert "and the default role can read it" in ran.out


def test_every_fault_is_reported_at_once(redshift: Redshift, config: Config, examine: Callable[..., Ran]) -> None:
    wrong = {"log_data": "nowhere", "song_data": "s3://no-such-bucket/song_data", "stage": None}
    ran = examine(structs.replace(config, **wrong), "--json")
    assert ran.code == 5
    told = ran.json()
    assert told["status"] == "failed"
    assert [found["name"] for found in told["findings"] if not found["passed"]] == [
        "log data", "song data", "stage and role",
    ]  # fmt: skip
    assert ran.err == "sparkify: 3 of 12 are not in order: log data, song data, stage and role\n"


# ---- what COPY says, in a load ----


@pytest.fixture
def denied(redshift: Redshift, s3_server: S3Server) -> None:
    """COPY's role may read other-bucket only."""
    redshift.roles[ROLE] = Role(s3_server.endpoint, READ_KEY, SECRET)


@pytest.mark.usefixtures("denied")
def test_load_shows_what_the_role_lacks(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables_of(config).items():
        monkeypatch.setenv(name, value)
    ran = run_here("load", "-q")
    assert (ran.code, ran.out) == (4, "")
    assert "it cannot read the manifest in the stage; the role of COPY needs s3:GetObject on the stage's" in ran.err


@pytest.mark.usefixtures("denied")
def test_access_denied_names_the_object(config: Config, store: S3Store) -> None:
    url = f"s3://{BUCKET}/doctor/log_data/a.json"
    with open_warehouse(config) as engine:
        engine.execute("CREATE TABLE doctor (answer INTEGER)")
        with pytest.raises(EngineError) as caught:
            engine.execute(f"COPY doctor FROM '{url}' IAM_ROLE '{ROLE}' PARQUET")
    assert str(caught.value) == (
        "Redshift says 'S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 0,ExtRid 0,CanRetry 1' of "
        f"{url}: the role of COPY lacks s3:GetObject or s3:ListBucket on that bucket"
    )


def test_bucket_of_another_region(redshift: Redshift, config: Config) -> None:
    redshift.roles[ROLE] = dataclasses.replace(redshift.roles[ROLE], region="eu-west-1")
    with open_warehouse(config) as engine:
        engine.execute("CREATE TABLE doctor (answer INTEGER)")
        with pytest.raises(EngineError, match="the bucket is in another region than the cluster; use a bucket in the"):
            engine.execute(f"COPY doctor FROM '{config.stage}' IAM_ROLE '{ROLE}' PARQUET")
