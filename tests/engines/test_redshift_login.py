"""The login to Redshift, and the messages when it fails."""

from __future__ import annotations

import gc
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from psycopg import sql
from redshift_connector.iam_helper import IamHelper

from sparkify.errors import ConfigError, EngineError
from sparkify.settings import Config, load_config
from sparkify.warehouses import open_warehouse
from sparkify.warehouses.redshift.login import Address, find_credentials, login
from tests.engines.commands import Ran, run_command, run_here, run_python, run_secrets_manager
from tests.engines.conftest import ROLE
from tests.redshift.server import Redshift
from tests.s3_server import BUCKET, S3Server
from tests.support import expected_star, log_file, new_warehouse, play, read_star, song, song_file, write_file

PLANTED = "planted-wrong-password-3389"
AWKWARD = " pä%40ss%(w)s \"or'd' \\; # 'żółw' "
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:warehouse-a1B2c3"
WHO = ["query", "--sql", "SELECT current_user", "--json"]


@pytest.fixture
def no_open_socket() -> Iterator[None]:
    """A socket that was left open warns when it is collected, and each warning is an error."""
    yield
    gc.collect()


refused = pytest.mark.usefixtures("no_open_socket")


@pytest.fixture(scope="module")
def database(running_redshift: Redshift) -> Iterator[str]:
    """One for all tests that write nothing."""
    name = running_redshift.new_database()
    yield name
    running_redshift.drop_database(name)


def address(redshift: Redshift, database: str, *, user: str = "", host: str = "", port: int | None = None) -> str:
    port = redshift.port if port is None else port
    return f"redshift://{user or redshift.user}@{host or redshift.host}:{port}/{database}"


@pytest.fixture
def log_in(redshift: Redshift, database: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Query the current user. Keywords change the address, or set variables."""
    monkeypatch.setenv("SPARKIFY_DB_PASSWORD", redshift.password)

    def call(name: str = database, **changes: Any) -> Ran:
        for variable in [key for key in changes if key.isupper()]:
            monkeypatch.setenv(variable, str(changes.pop(variable)))
        return run_here(*WHO, "--warehouse", address(redshift, name, **changes))

    return call


def user_of(ran: Ran) -> str:
    assert (ran.code, ran.err) == (0, "")
    [[user]] = ran.json()["rows"]
    return str(user)


def assert_refused(ran: Ran, code: int, *words: str) -> None:
    """The output is one error message with these words."""
    assert (ran.code, ran.out) == (code, ""), ran.err
    [line] = ran.err.splitlines()
    assert line.startswith("sparkify: ")
    for word in words:
        assert word in line
    assert PLANTED not in line


# ---- user, password, database, host ----


@refused
def test_wrong_password(log_in: Callable[..., Ran]) -> None:
    assert_refused(
        log_in(SPARKIFY_DB_PASSWORD=PLANTED), 4, "the login was refused; check the user, and SPARKIFY_DB_PASSW"
    )


@refused
def test_unknown_user(log_in: Callable[..., Ran]) -> None:
    assert_refused(log_in(user="nobody"), 4, "the login was refused", '"nobody"')


@refused
def test_unknown_database(log_in: Callable[..., Ran]) -> None:
    assert_refused(log_in("nowhere"), 4, 'database "nowhere" does not exist', "check DB_NAME")


def test_nobody_listens(log_in: Callable[..., Ran]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert_refused(
        log_in(port=port), 4, f"cannot reach localhost:{port}: Connection refused", "the cluster is not paused"
    )


@pytest.mark.parametrize("host", ["nowhere.invalid", "two..dots", "x" * 70])
def test_host_that_cannot_be_found(log_in: Callable[..., Ran], host: str) -> None:
    assert_refused(log_in(host=host), 4, f"cannot reach {host}:", "check the endpoint")


@refused
def test_server_that_hangs_up(log_in: Callable[..., Ran]) -> None:
    with plain_server(b"") as port:
        assert_refused(log_in(host="127.0.0.1", port=port), 4, "it offers no TLS")


@pytest.mark.parametrize("port", [0, 65_536, 99_999_999])
def test_port_that_is_none(log_in: Callable[..., Ran], port: int) -> None:
    assert_refused(log_in(port=port), 2, f"{port} is not a port")


def test_login_fails_as_a_process(redshift: Redshift, database: str) -> None:
    warehouse = address(redshift, database)
    assert_refused(
        run_command("status", "--warehouse", warehouse, SPARKIFY_DB_PASSWORD=PLANTED), 4, "login was refused"
    )


@pytest.mark.parametrize(
    "warehouse",
    [
        f"redshift://loader:{PLANTED}@localhost:5439/dev",
        f"redshift://loader:a/{PLANTED}@localhost:5439/dev",
        f"redshift://loader:{PLANTED}@x@localhost/dev",
        f"redshift://:{PLANTED}@localhost/dev",
    ],
)
def test_password_in_the_address_is_refused(warehouse: str) -> None:
    assert_refused(run_here("status", "--warehouse", warehouse), 2, "without a password; set SPARKIFY_DB_PASSWORD")
    assert_refused(run_here("compare", "one.duckdb", warehouse), 2, "without a password; set SPARKIFY_DB_PASSWORD")


@pytest.mark.parametrize("warehouse", ["redshift://localhost", "redshift:///dev", "redshift://a@localhost:5439/d/e"])
def test_address_that_is_not_whole(warehouse: str) -> None:
    assert_refused(run_here("status", "--warehouse", warehouse), 2, "write it as redshift://user@host:5439/database")


def test_login_without_a_password_or_a_user(redshift: Redshift, database: str) -> None:
    assert_refused(run_here(*WHO, "--warehouse", address(redshift, database)), 2, "no password for", "DB_SECRET_ARN")
    nobody = load_config(warehouse=f"redshift://localhost:{redshift.port}/{database}", db_password="x")
    with pytest.raises(ConfigError, match="no user for"), open_warehouse(nobody):
        pass


def test_password_of_the_environment(log_in: Callable[..., Ran], redshift: Redshift) -> None:
    assert user_of(log_in()) == redshift.user


def test_awkward_password(log_in: Callable[..., Ran], redshift: Redshift, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redshift, "password", AWKWARD)
    assert user_of(log_in(SPARKIFY_DB_PASSWORD=AWKWARD)) == redshift.user


def test_load_with_the_keys_of_the_original_file(
    redshift: Redshift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redshift, "password", AWKWARD)
    config = new_warehouse(
        tmp_path, warehouse=address(redshift, redshift.new_database()), db_password=AWKWARD, arn=ROLE
    )
    write_file(log_file(config), [play()])
    write_file(song_file(config), [song()])
    Path("dwh.cfg").write_text(
        f"""[CLUSTER]
HOST='{redshift.host}'
DB_NAME='{config.warehouse_address.rpartition("/")[2]}'
DB_USER={redshift.user}
DB_PASSWORD="{AWKWARD}"
DB_PORT={redshift.port}

[IAM_ROLE]
ARN='{ROLE}'

[S3]
LOG_DATA='{config.log_data}'
LOG_JSONPATH='s3://udacity-dend/log_json_path.json'
SONG_DATA='{config.song_data}'
STAGE='s3://{BUCKET}/stage'
""",
        encoding="utf-8",
    )
    loaded = run_command("load", "--json")
    assert (loaded.code, loaded.err) == (0, "")
    assert loaded.json()["status"] == "loaded"
    assert read_star(config) == expected_star(config)


def test_driver_that_is_not_installed() -> None:
    code = "import sys; sys.modules['redshift_connector'] = None; from sparkify.cli import main; main(sys.argv[1:])"
    ran = run_python("-c", code, "status", "--warehouse", "redshift://loader@localhost:5439/dev")
    assert_refused(ran, 2, "the driver of Redshift is not installed; run pip install redshift-connector")


# ---- TLS ----


@contextmanager
def plain_server(answer: bytes) -> Iterator[int]:
    """Answers every client's request for TLS with this byte, and hangs up."""

    def serve() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            with client:
                if client.recv(8) and answer:
                    client.sendall(answer)
                    if answer == b"S":
                        # Left unread, the client's greeting would reset the connection, sometimes before the answer.
                        client.recv(65_536)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


@refused
def test_certificate_of_an_unknown_authority(log_in: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    for mode in ("verify-full", "verify-ca"):
        ran = log_in(SPARKIFY_SSLMODE=mode)
        assert_refused(ran, 4, "no password was sent to localhost:", "does not trust the authority of its certificate")


# Another name of 127.0.0.1, which is not in the certificate.
OTHER_NAME = "127.1"


@refused
def test_certificate_for_another_name(log_in: Callable[..., Ran]) -> None:
    assert_refused(log_in(host=OTHER_NAME), 4, "its certificate is for another host name", "set SSLMODE = verify-ca")


def test_certificate_for_another_name_may_be_accepted(log_in: Callable[..., Ran], redshift: Redshift) -> None:
    assert user_of(log_in(host=OTHER_NAME, SPARKIFY_SSLMODE="verify-ca")) == redshift.user


@refused
def test_server_without_tls(log_in: Callable[..., Ran]) -> None:
    with plain_server(b"N") as port:
        assert_refused(
            log_in(host="127.0.0.1", port=port), 4, f"no password was sent to 127.0.0.1:{port}: it offers no"
        )


@refused
def test_server_that_breaks_tls_off(log_in: Callable[..., Ran]) -> None:
    with plain_server(b"S") as port:
        assert_refused(log_in(host="127.0.0.1", port=port), 4, f"127.0.0.1:{port}: TLS failed (")


@refused
@pytest.mark.parametrize("answers", [False, True], ids=["to nothing", "after its S"])
def test_server_that_says_nothing(answers: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor() as executor:
        port = listening.getsockname()[1]
        config = load_config(warehouse=f"redshift://loader@127.0.0.1:{port}/dev", db_password="x")
        ending = executor.submit(login, Address.parse(config.warehouse_address, config), config, seconds=2)
        # The first connection only finds out whether anybody listens.
        listening.accept()[0].close()
        with listening.accept()[0] as client:
            assert client.recv(8)
            if answers:
                client.sendall(b"S")
            with pytest.raises(EngineError, match="did not end within 2 seconds: the server does not answer"):
                ending.result(60)


def test_aws_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        config = load_config(warehouse=f"redshift://127.0.0.1:{port}/dev", db_secret_arn=ARN)
        with pytest.raises(EngineError, match="did not end within 3 seconds: AWS does not answer") as caught:
            login(Address.parse(config.warehouse_address, config), config, seconds=3)
    assert ARN not in str(caught.value)


@pytest.mark.parametrize("mode", ["require", "prefer", "disable", "VERIFY-FULL"])
def test_unknown_sslmode(mode: str) -> None:
    Path("dwh.cfg").write_text(f"[CLUSTER]\nHOST=localhost\nSSLMODE={mode}\n", encoding="utf-8")
    assert_refused(run_here("status"), 2, "the setting sslmode is not valid: it must be verify-full or verify-ca")


# ---- a secret of Secrets Manager ----


@pytest.fixture
def aws(redshift: Redshift, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """AWS's control plane, simulated in this process; S3 is not changed."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server.endpoint)
    forget_credentials(monkeypatch, tmp_path, keys=False)
    with mock_aws(config={"core": {"mock_credentials": False, "reset_boto3_session": True}}):
        yield


def forget_credentials(monkeypatch: pytest.MonkeyPatch, folder: Path, *, keys: bool = True) -> None:
    """Hide all credentials of this machine."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if keys else ():
        monkeypatch.delenv(name, raising=False)


def store_secret(**content: Any) -> str:
    client = boto3.Session().client("secretsmanager", region_name="eu-west-1")
    answer = client.create_secret(Name="warehouse", **content)
    return str(answer["ARN"])


def log_in_with_secret(redshift: Redshift, database: str, arn: str, user: str = "") -> str:
    warehouse = f"redshift://{user}@{redshift.host}:{redshift.port}/{database}"
    with open_warehouse(load_config(warehouse=warehouse, db_secret_arn=arn)) as engine:
        return str(engine.fetch("SELECT current_user")[0][0])


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("user", ["", "loader"])
def test_secret_holds_user_and_password(redshift: Redshift, database: str, user: str) -> None:
    content = {"username": redshift.user if not user else "another", "password": redshift.password, "port": 5439}
    arn = store_secret(SecretString=json.dumps(content))
    assert log_in_with_secret(redshift, database, arn, user) == redshift.user


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    "content",
    [
        {"SecretString": json.dumps({"user": "loader", "password": PLANTED})},
        {"SecretString": json.dumps({"username": "loader"})},
        {"SecretString": json.dumps({"username": "loader", "password": 7})},
        {"SecretString": json.dumps([PLANTED])},
        {"SecretString": PLANTED},
        {"SecretBinary": PLANTED.encode()},
    ],
)
def test_secret_without_user_and_password(redshift: Redshift, database: str, content: dict[str, Any]) -> None:
    arn = store_secret(**content)
    with pytest.raises(ConfigError) as caught:
        log_in_with_secret(redshift, database, arn)
    assert str(caught.value) == "the secret of DB_SECRET_ARN is not a JSON object with username and password"


@pytest.mark.usefixtures("aws")
def test_secret_that_is_not_there(redshift: Redshift, database: str) -> None:
    with pytest.raises(ConfigError) as caught:
        log_in_with_secret(redshift, database, ARN)
    assert "cannot be read: AWS says ResourceNotFoundException; the credentials need secretsmanager:Get" in str(
        caught.value
    )
    assert "123456789012" not in str(caught.value)


def test_secret_without_credentials(
    redshift: Redshift, database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    forget_credentials(monkeypatch, tmp_path)
    with pytest.raises(ConfigError) as caught:
        log_in_with_secret(redshift, database, ARN)
    assert "Unable to locate credentials; check the AWS credentials, AWS_PROFILE" in str(caught.value)
    assert "123456789012" not in str(caught.value)


def test_secret_is_asked_of_its_own_region(
    redshift: Redshift, database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = json.dumps({"username": redshift.user, "password": redshift.password})
    with run_secrets_manager(ARN, content) as manager:
        monkeypatch.setenv(*next(iter(manager.environment().items())))
        assert log_in_with_secret(redshift, database, ARN) == redshift.user
        # A name has no region.
        manager.arn = "warehouse"
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        monkeypatch.setenv("AWS_REGION", "eu-north-1")
        assert log_in_with_secret(redshift, database, "warehouse") == redshift.user
    regions = [signature.split("/")[2] for signature in manager.signatures]
    assert regions == ["eu-west-1", "eu-north-1"]


def test_profile_is_honoured(
    redshift: Redshift, database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_profile(monkeypatch, tmp_path)
    content = json.dumps({"username": redshift.user, "password": redshift.password})
    with run_secrets_manager("warehouse", content) as manager:
        monkeypatch.setenv(*next(iter(manager.environment().items())))
        assert log_in_with_secret(redshift, database, "warehouse") == redshift.user
    assert "Credential=PROFILEKEY/" in manager.signatures[0]
    assert manager.signatures[0].split("/")[2] == "ap-south-1"


def write_profile(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    forget_credentials(monkeypatch, folder)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    (folder / "config").write_text("[profile analyst]\nregion = ap-south-1\n", encoding="utf-8")
    keys = "aws_access_key_id = PROFILEKEY\naws_secret_access_key = profile-secret\naws_session_token = profile-token\n"
    (folder / "credentials").write_text(f"[analyst]\n{keys}", encoding="utf-8")
    monkeypatch.setenv("AWS_PROFILE", "analyst")


# ---- a login with IAM ----


class Issued(dict[str, str]):
    """The passwords that AWS issued for IAM users, as the cluster knows them."""

    def get(self, user: str, default: Any = None) -> Any:
        issued = [entry["DbPassword"] for entry in IamHelper.credentials_cache.values() if entry["DbUser"] == user]
        return issued[-1] if issued else default


@pytest.fixture
def iam(aws: None, redshift: Redshift, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cluster that accepts the passwords that AWS issued."""
    client = boto3.Session().client("redshift", region_name="us-east-1")
    client.create_cluster(
        ClusterIdentifier="warehouse", NodeType="ra3.large", MasterUsername="admin", MasterUserPassword="Unused-1234"
    )
    monkeypatch.setattr(redshift, "passwords", Issued())
    monkeypatch.setattr(IamHelper, "credentials_cache", {})
    role = sql.Identifier("IAM:loader")
    with redshift.connect_postgres("postgres") as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        yield
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.mark.usefixtures("iam")
def test_login_with_iam(log_in: Callable[..., Ran]) -> None:
    assert user_of(log_in(SPARKIFY_IAM=True, SPARKIFY_CLUSTER="warehouse")) == "IAM:loader"


@pytest.mark.usefixtures("iam")
def test_iam_of_a_cluster_that_is_not_there(log_in: Callable[..., Ran]) -> None:
    ran = log_in(SPARKIFY_IAM=True, SPARKIFY_CLUSTER="another")
    assert_refused(ran, 2, "the login with IAM failed: AWS says ClusterNotFound", "redshift:GetClusterCredentials")


def test_iam_without_a_cluster(log_in: Callable[..., Ran]) -> None:
    assert_refused(log_in(SPARKIFY_IAM=True), 2, "localhost does not contain the cluster's identifier; set CLUSTER")


def test_iam_without_credentials(log_in: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_credentials(monkeypatch, tmp_path)
    ran = log_in(SPARKIFY_IAM=True, SPARKIFY_CLUSTER="warehouse")
    assert_refused(ran, 2, "no AWS credentials for the login with IAM; set AWS_PROFILE, or the access keys")


def test_iam_with_a_profile_that_is_not_there(
    log_in: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    forget_credentials(monkeypatch, tmp_path)
    ran = log_in(SPARKIFY_IAM=True, SPARKIFY_CLUSTER="warehouse", AWS_PROFILE="nobody")
    assert_refused(ran, 2, "the login with IAM failed: The config profile (nobody) could not be found", "AWS_PROFILE")


KEYS = {"access_key_id": "PROFILEKEY", "secret_access_key": "profile-secret", "session_token": "profile-token"}
PROVISIONED = "sales.abc123.eu-west-1.redshift.amazonaws.com"
SERVERLESS = "sales.123456789012.eu-west-3.redshift-serverless.amazonaws.com"
NLB = "warehouse.example.com"


@pytest.mark.parametrize(
    ("host", "cluster", "given"),
    [
        # If the host contains the region, the profile's is not used.
        (PROVISIONED, None, {"cluster_identifier": "sales", "db_user": "ana", "region": "eu-west-1"}),
        (PROVISIONED, "other", {"cluster_identifier": "other", "db_user": "ana", "region": "eu-west-1"}),
        (SERVERLESS, None, {"region": "eu-west-3"}),
        (NLB, "sales", {"cluster_identifier": "sales", "db_user": "ana", "region": "ap-south-1"}),
    ],
)
def test_iam_takes_what_the_host_contains(
    redshift: Redshift,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    host: str,
    cluster: str | None,
    given: dict[str, str],
) -> None:
    write_profile(monkeypatch, tmp_path)
    found = find_credentials(Address("ana", host, 5439, "dev"), Config(iam=True, cluster=cluster))
    assert found == {"iam": True, **KEYS, **given}


def test_iam_of_a_cluster_needs_the_user() -> None:
    with pytest.raises(ConfigError, match="needs the database user; set DB_USER"):
        find_credentials(Address("", PROVISIONED, 5439, "dev"), Config(iam=True))
