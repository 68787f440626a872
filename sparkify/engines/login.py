"""How a session with Redshift begins: its address, its credentials, its TLS."""

import re
import socket
from dataclasses import dataclass
from typing import Any

from sparkify.config import Config
from sparkify.errors import ConfigError, EngineError, UsageError

_CONNECT_SECONDS = 10
_ADDRESS = re.compile(
    r"redshift://(?:(?P<user>[^@/:]*)@)?(?P<host>[^:/@]*)(?::(?P<port>\d+))?(?:/(?P<database>[^/]*))?"
)
_SERVERLESS_HOST = re.compile(r"[^.]+\.\d+\.[^.]+\.redshift-serverless\.amazonaws\.com(\.cn)?")
_PROVISIONED_HOST = re.compile(r"(?P<cluster>[^.]+)\.[^.]+\.[^.]+\.redshift\.amazonaws\.com(\.cn)?")


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
            raise UsageError(f"{text} is no address; write it as redshift://user@host:5439/database")
        address = cls(
            parts["user"] or config.db_user or "",
            parts["host"] or config.host or "",
            int(parts["port"] or config.db_port),
            parts["database"] or config.db_name or "",
        )
        for name, value in (("host", address.host), ("database", address.database)):
            if not value:
                raise UsageError(f"{text} names no {name}; write it as redshift://user@host:5439/database")
        return address

    def __str__(self) -> str:
        return f"redshift://{self.user}@{self.host}:{self.port}/{self.database}"


def login(address: Address, config: Config) -> Any:
    """The driver's connection. Raises ConfigError without credentials, EngineError where nothing answers.

    Whatever the driver raises itself passes through.
    """
    try:
        import redshift_connector
    except ImportError:
        raise ConfigError("the driver of Redshift is not installed; install sparkify[redshift]") from None

    _reach(address)
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
        **_credentials(address, config),
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
    except OSError as error:
        raise EngineError(
            f"cannot reach {address.host}:{address.port}: {error.strerror or 'no answer'}; check the endpoint, that "
            "the cluster is not paused, and that its security group lets this machine in"
        ) from None


def _credentials(address: Address, config: Config) -> dict[str, Any]:
    if config.iam:
        return _iam(address, config)
    if config.db_secret_arn is not None:
        return _read_secret(address, config.db_secret_arn.get_secret_value())
    if config.db_password is None:
        raise ConfigError(
            f"no password for {address}; set SPARKIFY_DB_PASSWORD, DB_SECRET_ARN for a secret in Secrets Manager, or "
            "IAM = true for a login with AWS credentials"
        )
    if not address.user:
        raise ConfigError(f"no user for {address}; write redshift://user@host:5439/database, or set DB_USER")
    return {"user": address.user, "password": config.db_password.get_secret_value()}


def _iam(address: Address, config: Config) -> dict[str, Any]:
    """What lets the driver ask AWS for a passing password, with the credentials that boto3 finds (AWS_PROFILE too)."""
    if _SERVERLESS_HOST.fullmatch(address.host):
        # The driver reads work group, account and region off the host.
        return {"iam": True, **_profile()}
    found = _PROVISIONED_HOST.fullmatch(address.host)
    cluster = config.cluster or (found["cluster"] if found else None)
    if cluster is None:
        raise ConfigError(f"{address.host} does not tell the cluster's identifier; set CLUSTER in [CLUSTER]")
    if not address.user:
        raise ConfigError("a login with IAM needs the database user; set DB_USER")
    return {"iam": True, "cluster_identifier": cluster, "db_user": address.user, **_profile()}


def _profile() -> dict[str, Any]:
    import boto3

    session = boto3.Session()
    found: dict[str, Any] = {"region": session.region_name} if session.region_name else {}
    credentials = session.get_credentials()
    if credentials is None:
        raise ConfigError("no AWS credentials for the login with IAM; set AWS_PROFILE, or the access keys")
    frozen = credentials.get_frozen_credentials()
    found |= {"access_key_id": frozen.access_key, "secret_access_key": frozen.secret_key}
    return found | ({"session_token": frozen.token} if frozen.token else {})


def _read_secret(address: Address, arn: str) -> dict[str, Any]:
    """User and password of a secret in Secrets Manager. The ARN is no part of any message: it names the account."""
    import json

    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    region = arn.split(":")[3] if arn.count(":") >= 6 else None
    try:
        client = boto3.client("secretsmanager", region_name=region or None)
        text = client.get_secret_value(SecretId=arn)["SecretString"]
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "an error")
        raise ConfigError(
            f"the secret of DB_SECRET_ARN cannot be read: Secrets Manager says {code}; the credentials need "
            "secretsmanager:GetSecretValue on it"
        ) from None
    except BotoCoreError as error:
        raise ConfigError(f"the secret of DB_SECRET_ARN cannot be read: {error}") from None
    try:
        secret = json.loads(text)
        return {"user": address.user or secret["username"], "password": secret["password"]}
    except (ValueError, KeyError, TypeError):
        raise ConfigError("the secret of DB_SECRET_ARN is no JSON object with username and password") from None
