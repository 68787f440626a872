"""Settings: the only reader of `dwh.cfg` and of the environment.

The first of these that names a setting decides:

    1. what the caller passes (a command's option)
    2. the environment: SPARKIFY_<SETTING>, such as SPARKIFY_LOG_DATA
    3. the file: --config, else dwh.cfg in the working folder where there is one
    4. the default

    setting       dwh.cfg                  meaning
    warehouse     [SPARKIFY] WAREHOUSE     file path or duckdb:PATH
    memory_limit  [SPARKIFY] MEMORY_LIMIT  what the embedded engine may hold in memory, such as 2GB
    threads       [SPARKIFY] THREADS       threads of the embedded engine
    log_data      [S3] LOG_DATA            root of the log data
    song_data     [S3] SONG_DATA           root of the song data
    anonymous     [S3] ANONYMOUS           whether S3 is read without credentials
    concurrency   [S3] CONCURRENCY         requests to S3 under way at a time
    log_jsonpath  [S3] LOG_JSONPATH        JSONPaths file of a direct COPY of log data
    stage         [S3] STAGE               folder in S3 through which a load reaches Redshift
    host          [CLUSTER] HOST           Redshift's endpoint; naming it chooses Redshift
    db_name       [CLUSTER] DB_NAME        and likewise db_user, db_password, db_port and db_secret_arn
    iam           [CLUSTER] IAM            whether to log in with AWS credentials in place of a password
    cluster       [CLUSTER] CLUSTER        identifier of a provisioned cluster, for the login with IAM
    wait          [SPARKIFY] WAIT          seconds to wait for another load, 0 by default
    sslmode       [CLUSTER] SSLMODE        verify-full, or verify-ca where a tunnel hides the cluster's name
    arn           [IAM_ROLE] ARN           role that COPY reads S3 with; without one, the cluster's default role

An empty value counts as absent. Passwords never need to be in the file: SPARKIFY_DB_PASSWORD, DB_SECRET_ARN or IAM do.
"""

import configparser
import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from sparkify.errors import ConfigError

DEFAULT_CONFIG_FILE = "dwh.cfg"
DEFAULT_WAREHOUSE = "sparkify.duckdb"

_FILE_KEYS = {
    "CLUSTER": {
        "HOST": "host",
        "DB_NAME": "db_name",
        "DB_USER": "db_user",
        "DB_PASSWORD": "db_password",
        "DB_PORT": "db_port",
        "DB_SECRET_ARN": "db_secret_arn",
        "IAM": "iam",
        "CLUSTER": "cluster",
        "SSLMODE": "sslmode",
    },
    "IAM_ROLE": {"ARN": "arn"},
    "S3": {
        "LOG_DATA": "log_data",
        "LOG_JSONPATH": "log_jsonpath",
        "SONG_DATA": "song_data",
        "ANONYMOUS": "anonymous",
        "CONCURRENCY": "concurrency",
        "STAGE": "stage",
    },
    "SPARKIFY": {"WAREHOUSE": "warehouse", "MEMORY_LIMIT": "memory_limit", "THREADS": "threads", "WAIT": "wait"},
}


class Secret:
    """A text that shows nowhere: its value has to be asked for."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret('**********')"

    def reveal(self) -> str:
        return self._value


def _as_secret(kind: type, value: object) -> object:
    # Anything else than a secret is refused by whoever asked.
    return Secret(value) if isinstance(value, str) else value


# What configparser reads as a boolean.
_SWITCHES = configparser.ConfigParser.BOOLEAN_STATES
# A description says what a setting must be, where it is not.
_Number = Annotated[int, Meta(description="a whole number")]
_Switch = Annotated[bool, Meta(description="true or false")]


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, resolved; cannot be changed. Make one with `load_config`."""

    # An address is seen in lists of processes and in the shell's history.
    warehouse: (
        Annotated[
            str,
            Meta(
                pattern=r"\A(?!redshift://[^/@]*:.*@)",
                description="an address without a password; set SPARKIFY_DB_PASSWORD in its place",
            ),
        ]
        | None
    ) = None
    memory_limit: str | None = None
    # The engine starts as many as it is told, and thousands of them bring a machine to its knees.
    threads: Annotated[int, Meta(ge=1, le=1024, description="a whole number from 1 to 1024")] | None = None
    wait: Annotated[float, Meta(ge=0, le=86_400, description="a number of seconds from 0 to 86400")] = 0
    log_data: str | None = None
    song_data: str | None = None
    anonymous: _Switch = False
    concurrency: Annotated[int, Meta(ge=1, le=512, description="a whole number from 1 to 512")] = 64
    log_jsonpath: str | None = None
    stage: (
        Annotated[str, Meta(pattern=r"\As3://[^/]+(/.*)?\Z", description="a folder in S3, such as s3://bucket/stage")]
        | None
    ) = None
    host: str | None = None
    db_name: str | None = None
    db_user: str | None = None
    db_password: Secret | None = None
    db_port: _Number = 5439
    db_secret_arn: Secret | None = None
    iam: _Switch = False
    cluster: str | None = None
    sslmode: Annotated[Literal["verify-full", "verify-ca"], Meta(description="verify-full or verify-ca")] = (
        "verify-full"
    )
    arn: str | None = None

    def at(self, warehouse: str) -> "Config":
        """The same settings for another warehouse. Raises ConfigError for an address that holds a password."""
        return _validate(msgspec.structs.asdict(self) | {"warehouse": warehouse})

    @property
    def warehouse_address(self) -> str:
        """Address of the warehouse: as set, else Redshift where a host is configured, else the embedded default."""
        if self.warehouse:
            return self.warehouse
        if self.host:
            return f"redshift://{self.db_user or ''}@{self.host}:{self.db_port}/{self.db_name or ''}"
        return DEFAULT_WAREHOUSE


def load_config(config_file: str | os.PathLike[str] | None = None, **settings: Any) -> Config:
    """Resolve the settings. A setting of None is as good as not passed.

    Raises ConfigError for a named file that is missing or malformed, an unknown section or key, or a value of the
    wrong type; the message never repeats a value.
    """
    path = Path(config_file) if config_file is not None else Path(DEFAULT_CONFIG_FILE)
    if config_file is not None and not path.is_file():
        raise ConfigError(f"there is no configuration file {path}; name an existing one or leave --config out")
    file_values = _read_file(path) if path.is_file() else {}
    environment = {name: os.environ.get(f"SPARKIFY_{name.upper()}") for name in Config.__struct_fields__}
    given = {name: value for name, value in settings.items() if value is not None}
    return _validate(file_values | {name: value for name, value in environment.items() if value} | given)


def _validate(settings: dict[str, Any]) -> Config:
    for name, value in settings.items():
        if name not in Config.__struct_fields__:
            raise ConfigError(f"there is no setting {name}{_did_you_mean(name, Config.__struct_fields__)}")
        if Config.__annotations__[name] is _Switch:
            settings[name] = _SWITCHES.get(str(value).lower(), value)
    try:
        return msgspec.convert(settings, Config, strict=False, dec_hook=_as_secret)
    except msgspec.ValidationError as error:
        # Its words end in the place; before it they may hold the value.
        name = str(error).rpartition("$.")[2].rstrip("`")
        raise ConfigError(
            f"the setting {name} is not usable: it must be {_meaning(name)}; see docs/configuration.md"
        ) from None


def _meaning(name: str) -> str:
    """What a setting must be, as its type describes it."""
    kind = Config.__annotations__[name]
    for part in (kind, *get_args(kind)):
        for meta in getattr(part, "__metadata__", ()):
            return str(meta.description)
    return "a text"


def _read_file(path: Path) -> dict[str, str]:
    # Interpolation would choke on a % in a password.
    # A [DEFAULT] section is as unknown as any other: the parser would spread it over all.
    parser = configparser.ConfigParser(interpolation=None, default_section="\n")
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"), source=str(path))
    except (configparser.Error, OSError, UnicodeDecodeError) as error:
        # The parser's own words may hold the offending line, and that line a password.
        lines = [number for number, _ in getattr(error, "errors", [])] + [getattr(error, "lineno", None)]
        line = lines[0]
        where = f"{path}, line {line}" if line else str(path)
        raise ConfigError(
            f"cannot read {where}: {type(error).__name__}; each line is KEY=value in a [SECTION]"
        ) from None
    values = {}
    for section in parser.sections():
        known = _FILE_KEYS.get(section.upper())
        if known is None:
            raise ConfigError(f"unknown section [{section}] in {path}{_did_you_mean(section.upper(), _FILE_KEYS)}")
        for key, value in parser.items(section):
            if key.upper() not in known:
                raise ConfigError(
                    f"unknown key {key.upper()} in [{section}] of {path}{_did_you_mean(key.upper(), known)}"
                )
            if unquoted := _unquote(value.strip()):
                values[known[key.upper()]] = unquoted
    return values


def _unquote(value: str) -> str:
    """The original file puts its values in quotes; one that closes nothing is part of the value."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known)}"
