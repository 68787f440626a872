"""The login to Redshift: address, credentials and TLS."""

import os
import re
import socket
import ssl
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sparkify.addresses import REDSHIFT
from sparkify.errors import ConfigError, EngineError, LostSessionError, UsageError
from sparkify.settings import Config
from sparkify.sources.threads import run_within
from sparkify.statement_log import keep_secrets_from_logs

_CONNECT_SECONDS = 10
# A login takes a few seconds, longer if it wakes a serverless warehouse.
_LOGIN_SECONDS = 60
# A request to AWS for a secret, and how often it is made.
_AWS_SECONDS = 15
_AWS_ATTEMPTS = 2
_SERVERLESS_HOST = re.compile(r"[^.]+\.\d+\.(?P<region>[^.]+)\.redshift-serverless\.amazonaws\.com(\.cn)?")
_PROVISIONED_HOST = re.compile(r"(?P<cluster>[^.]+)\.[^.]+\.(?P<region>[^.]+)\.redshift\.amazonaws\.com(\.cn)?")
# X509_V_ERR_HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH; _CERT_NOT_YET_VALID and _CERT_HAS_EXPIRED.
_OTHER_NAME = (62, 64)
_OUT_OF_DATE = (9, 10)
_IAM_FAILED = "the login with IAM failed"


@dataclass(frozen=True)
class Address:
    """Where a warehouse is, and its user: redshift://user@host:port/database."""

    user: str
    host: str
    port: int
    database: str

    @classmethod
    def parse(cls, text: str, config: Config) -> "Address":
        """Parse an address; missing parts come from the configuration. Raises UsageError."""
        parts = REDSHIFT.fullmatch(text)
        if parts is None:
            # The message does not repeat the address: it may hold a password.
            raise UsageError("the warehouse's address cannot be read; write it as redshift://user@host:5439/database")
        address = cls(
            parts["user"] or config.db_user or "",
            parts["host"] or config.host or "",
            int(parts["port"] or config.db_port),
            parts["database"] or config.db_name or "",
        )
        for name, value in (("host", address.host), ("database", address.database)):
            if not value:
                raise UsageError(f"{text} has no {name}; write it as redshift://user@host:5439/database")
        if not 1 <= address.port <= 65_535:
            raise UsageError(f"{address.port} is not a port; the usual port is 5439")
        return address

    def __str__(self) -> str:
        return f"redshift://{self.user}@{self.host}:{self.port}/{self.database}"


def check_driver() -> None:
    """Raises ConfigError if the driver is not installed."""
    keep_secrets_from_logs()
    try:
        import redshift_connector  # noqa: F401
    except ImportError:
        raise ConfigError("the driver of Redshift is not installed; run pip install redshift-connector") from None


def login(address: Address, config: Config, *, seconds: float = _LOGIN_SECONDS) -> Any:
    """Connect. Raises ConfigError without credentials, EngineError without an answer or a trusted certificate.

    The whole of it takes at most so many seconds, whoever is silent. Other errors of the driver pass through.
    """
    silent = "the server"

    def sign_in() -> Any:
        nonlocal silent
        _reach(address)
        silent = "AWS" if config.iam or config.db_secret_arn is not None else silent
        credentials = find_credentials(address, config)
        silent = "AWS or the server" if config.iam else "the server"
        return _connect(address, config, credentials)

    try:
        # In a thread: the driver has no bound for the whole of a login, and the search for a host hears no Ctrl-C.
        return run_within(seconds, sign_in, drop=close_connection)
    except TimeoutError:
        raise LostSessionError(
            f"the login to {address.host}:{address.port} did not end within {seconds:g} seconds: {silent} does not "
            "answer; check the endpoint and the network, and try again"
        ) from None


def _connect(address: Address, config: Config, credentials: dict[str, Any]) -> Any:
    import redshift_connector
    from redshift_connector.core import Connection
    from redshift_connector.error import InterfaceError

    try:
        # With IAM, the driver itself asks AWS.
        with (
            _aws_errors(_IAM_FAILED, "redshift:GetClusterCredentials, or redshift-serverless:GetCredentials"),
            _closing_refused(Connection),
        ):
            return redshift_connector.connect(
                host=address.host,
                port=address.port,
                database=address.database,
                ssl=True,
                # Explicit: the driver's default only warns if the certificate is for another host.
                sslmode=config.sslmode,
                # A statement may take hours. A server that is gone is noticed after two minutes.
                tcp_keepalive=True,
                tcp_keepalive_idle=60,
                tcp_keepalive_interval=10,
                tcp_keepalive_count=6,
                application_name="sparkify",
                **credentials,
            )
    except InterfaceError as error:
        if (reason := _untrusted(error)) is not None:
            raise EngineError(f"no password was sent to {address.host}:{address.port}: {reason}") from None
        raise


@contextmanager
def _closing_refused(kind: type) -> Iterator[None]:
    """Close the socket of a connection that fails: the driver closes it only for some errors, and gives no handle."""
    try:
        yield
    except BaseException as error:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            one = frame.f_locals.get("self")
            if isinstance(one, kind):
                close_connection(one)
        raise


def close_connection(connection: Any) -> None:
    """Close a connection, whatever its state, and its socket at once."""
    # If the server is gone, the driver leaves this open, and that keeps the socket open too.
    stream = getattr(connection, "_sock", None)
    with suppress(Exception):
        connection.close()
    if stream is not None:
        with suppress(Exception):
            stream.close()


def wait_for_answer(connection: Any, seconds: float) -> None:
    """Wait until the server answers the running statement, or ends the connection, which cannot be used afterwards."""
    connection._usock.settimeout(seconds)
    connection._usock.recv(1)


@contextmanager
def answering_within(connection: Any, seconds: float) -> Iterator[None]:
    """In the block each answer of the server must come within so many seconds; a TimeoutError ends the connection."""
    # The driver has no such setting for an open connection.
    sock = connection._usock
    before = sock.gettimeout()
    sock.settimeout(seconds)
    try:
        yield
    finally:
        with suppress(OSError):
            sock.settimeout(before)


def _untrusted(error: Exception) -> str | None:
    """Why TLS failed and what to do; None if the driver's error is about something else."""
    if "Server refuses SSL" in error.args:
        return "it offers no TLS; check that it is Redshift's endpoint"
    cause = next((argument for argument in error.args if isinstance(argument, ssl.SSLError)), None)
    if not isinstance(cause, ssl.SSLCertVerificationError):
        words = f"TLS failed ({cause.reason or 'cut off'})" if cause is not None else ""
        return f"{words}; check that it is Redshift's endpoint" if words else None
    if cause.verify_code in _OTHER_NAME:
        return (
            "its certificate is for another host name; use the cluster's endpoint as the host or, behind a tunnel, set "
            "SSLMODE = verify-ca"
        )
    if cause.verify_code in _OUT_OF_DATE:
        return f"its certificate is out of date ({cause.verify_message}); check this machine's clock"
    return (
        f"this machine does not trust the authority of its certificate ({cause.verify_message}); check that it is "
        "Redshift's endpoint or, behind a proxy, set SSL_CERT_FILE to the file of the proxy's authority"
    )


def _reach(address: Address) -> None:
    """Find out quickly whether a server listens: the driver would wait for minutes. It connects by IPv4 only."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            address.host, address.port, socket.AF_INET, socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.settimeout(_CONNECT_SECONDS)
            trial.connect(where)
    except (OSError, UnicodeError) as error:
        # An impossible name, such as one with two dots in a row, raises UnicodeError.
        words = "no answer" if isinstance(error, OSError) else "not a valid host name"
        raise LostSessionError(
            f"cannot reach {address.host}:{address.port}: {getattr(error, 'strerror', None) or words}; check the "
            "endpoint, that the cluster is not paused, and that its security group lets this machine in"
        ) from None


def find_credentials(address: Address, config: Config) -> dict[str, Any]:
    """The driver's arguments for the login. Raises ConfigError if something is missing."""
    if config.iam:
        return _iam(address, config)
    if config.db_secret_arn is not None:
        return _read_secret(address, config.db_secret_arn.reveal())
    if config.db_password is None:
        raise ConfigError(
            f"no password for {address}; set SPARKIFY_DB_PASSWORD, DB_SECRET_ARN for a secret in Secrets Manager, or "
            "IAM = true for a login with AWS credentials"
        )
    if not address.user:
        raise ConfigError(f"no user for {address}; write redshift://user@host:5439/database, or set DB_USER")
    return {"user": address.user, "password": config.db_password.reveal()}


def _iam(address: Address, config: Config) -> dict[str, Any]:
    """The arguments for a temporary password from AWS, with the credentials that boto3 finds (also AWS_PROFILE)."""
    serverless, provisioned = _SERVERLESS_HOST.fullmatch(address.host), _PROVISIONED_HOST.fullmatch(address.host)
    known = serverless or provisioned
    region = known["region"] if known else None
    if serverless:
        # The driver takes work group and account from the host.
        return {"iam": True, **_aws_credentials(region)}
    cluster = config.cluster or (provisioned["cluster"] if provisioned else None)
    if cluster is None:
        raise ConfigError(f"{address.host} does not contain the cluster's identifier; set CLUSTER in [CLUSTER]")
    if not address.user:
        raise ConfigError("a login with IAM needs the database user; set DB_USER")
    return {"iam": True, "cluster_identifier": cluster, "db_user": address.user, **_aws_credentials(region)}


def _aws_credentials(region: str | None) -> dict[str, Any]:
    with _aws_errors(_IAM_FAILED):
        session = _open_session(region)
        credentials = session.get_credentials()
        if credentials is None:
            raise ConfigError("no AWS credentials for the login with IAM; set AWS_PROFILE, or the access keys")
        frozen = credentials.get_frozen_credentials()
    found = {"access_key_id": frozen.access_key, "secret_access_key": frozen.secret_key}
    found |= {"session_token": frozen.token} if frozen.token else {}
    return found | ({"region": session.region_name} if session.region_name else {})


def _open_session(region: str | None) -> Any:
    """A boto3 session in this region, else the environment's, else the profile's."""
    import boto3

    return boto3.Session(region_name=region or os.environ.get("AWS_REGION") or None)


def _aws_config() -> Any:
    from botocore.config import Config as AwsConfig

    return AwsConfig(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_AWS_SECONDS,
        retries={"mode": "standard", "total_max_attempts": _AWS_ATTEMPTS},
    )


def _read_secret(address: Address, arn: str) -> dict[str, Any]:
    """User and password from a secret in Secrets Manager. No message contains the ARN, which names the account."""
    import json

    region = arn.split(":")[3] if arn.count(":") >= 6 else None
    with _aws_errors("the secret of DB_SECRET_ARN cannot be read", "secretsmanager:GetSecretValue on it"):
        client = _open_session(region).client("secretsmanager", config=_aws_config())
        answer = client.get_secret_value(SecretId=arn)
    try:
        secret = json.loads(answer["SecretString"])
        user, password = address.user or secret["username"], secret["password"]
    except (ValueError, KeyError, TypeError):
        user = password = None
    if not (isinstance(user, str) and isinstance(password, str)):
        raise ConfigError("the secret of DB_SECRET_ARN is not a JSON object with username and password")
    return {"user": user, "password": password}


@contextmanager
def _aws_errors(failed: str, permission: str = "") -> Iterator[None]:
    """Raise errors of AWS's API as ours, by their code: AWS's messages name accounts and secrets."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "an error")
        raise ConfigError(f"{failed}: AWS says {code}; the credentials need {permission}") from None
    except BotoCoreError as error:
        words = str(error).rstrip(".")
        raise ConfigError(f"{failed}: {words}; check the AWS credentials, AWS_PROFILE and AWS_REGION") from None
