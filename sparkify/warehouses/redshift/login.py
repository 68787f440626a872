"""How a session with Redshift begins: its address, its credentials, its TLS."""

import os
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sparkify.errors import ConfigError, EngineError, UsageError
from sparkify.settings import Config

_CONNECT_SECONDS = 10
_ADDRESS = re.compile(
    r"redshift://(?:(?P<user>[^@/:]*)@)?(?P<host>[^:/@]*)(?::(?P<port>\d+))?(?:/(?P<database>[^/]*))?"
)
_SERVERLESS_HOST = re.compile(r"[^.]+\.\d+\.(?P<region>[^.]+)\.redshift-serverless\.amazonaws\.com(\.cn)?")
_PROVISIONED_HOST = re.compile(r"(?P<cluster>[^.]+)\.[^.]+\.(?P<region>[^.]+)\.redshift\.amazonaws\.com(\.cn)?")
# Of X509_V_ERR_...: HOSTNAME_MISMATCH and IP_ADDRESS_MISMATCH; CERT_NOT_YET_VALID and CERT_HAS_EXPIRED.
_OTHER_NAME = (62, 64)
_OUT_OF_DATE = (9, 10)
_IAM_FAILED = "the login with IAM failed"


@dataclass(frozen=True)
class Address:
    """Where a warehouse is, and as whom: redshift://user@host:port/database."""

    user: str
    host: str
    port: int
    database: str

    @classmethod
    def parse(cls, text: str, config: Config) -> "Address":
        """Read an address; what it leaves out is taken from the configuration. Raises UsageError."""
        parts = _ADDRESS.fullmatch(text)
        if parts is None:
            # It may hold a password.
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
    """Raises ConfigError where the driver is not installed."""
    try:
        import redshift_connector  # noqa: F401
    except ImportError:
        raise ConfigError("the driver of Redshift is not installed; install sparkify[redshift]") from None


def login(address: Address, config: Config) -> Any:
    """The driver's connection. Raises ConfigError without credentials, EngineError where nothing answers or is trusted.

    Whatever else the driver raises itself passes through.
    """
    import redshift_connector
    from redshift_connector.error import InterfaceError

    _reach(address)
    credentials = find_credentials(address, config)
    try:
        # With IAM the driver asks AWS by itself.
        with _aws_errors(_IAM_FAILED, "redshift:GetClusterCredentials, or redshift-serverless:GetCredentials"):
            return redshift_connector.connect(
                host=address.host,
                port=address.port,
                database=address.database,
                ssl=True,
                # Said aloud: by itself the driver only warns where the certificate is another host's.
                sslmode=config.sslmode,
                tcp_keepalive=True,
                tcp_keepalive_idle=60,
                application_name="sparkify",
                **credentials,
            )
    except InterfaceError as error:
        if (reason := _untrusted(error)) is not None:
            raise EngineError(f"no password was sent to {address.host}:{address.port}: {reason}") from None
        raise


def _untrusted(error: Exception) -> str | None:
    """Why TLS failed, if that is what an error of the driver's is about, and what to do."""
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
    """Find out quickly whether anybody listens: the driver would wait for minutes, and takes IPv4 only."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            address.host, address.port, socket.AF_INET, socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.settimeout(_CONNECT_SECONDS)
            trial.connect(where)
    except (OSError, UnicodeError) as error:
        # A name that can be none, such as one with two dots in a row, is a UnicodeError.
        words = "no answer" if isinstance(error, OSError) else "not a valid host name"
        raise EngineError(
            f"cannot reach {address.host}:{address.port}: {getattr(error, 'strerror', None) or words}; check the "
            "endpoint, that the cluster is not paused, and that its security group lets this machine in"
        ) from None


def find_credentials(address: Address, config: Config) -> dict[str, Any]:
    """What tells the driver as whom to log in. Raises ConfigError where something is missing."""
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
    """What lets the driver ask AWS for a passing password, with the credentials that boto3 finds (AWS_PROFILE too)."""
    serverless, provisioned = _SERVERLESS_HOST.fullmatch(address.host), _PROVISIONED_HOST.fullmatch(address.host)
    told = serverless or provisioned
    region = told["region"] if told else None
    if serverless:
        # The driver reads work group and account off the host.
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
    """AWS's session in a region, else in that of the environment, else in the profile's."""
    import boto3

    return boto3.Session(region_name=region or os.environ.get("AWS_REGION") or None)


def _read_secret(address: Address, arn: str) -> dict[str, Any]:
    """User and password of a secret in Secrets Manager. The ARN is no part of any message: it names the account."""
    import json

    region = arn.split(":")[3] if arn.count(":") >= 6 else None
    with _aws_errors("the secret of DB_SECRET_ARN cannot be read", "secretsmanager:GetSecretValue on it"):
        answer = _open_session(region).client("secretsmanager").get_secret_value(SecretId=arn)
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
    """Errors of AWS's API as ours, by their code: AWS's own words name accounts and secrets."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "an error")
        raise ConfigError(f"{failed}: AWS says {code}; the credentials need {permission}") from None
    except BotoCoreError as error:
        words = str(error).rstrip(".")
        raise ConfigError(f"{failed}: {words}; check the AWS credentials, AWS_PROFILE and AWS_REGION") from None
