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
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_validator

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


class Config(BaseModel):
    """All settings, resolved; cannot be changed. Make one with `load_config`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    warehouse: str | None = None
    memory_limit: str | None = None
    threads: int | None = None
    wait: float = 0
    log_data: str | None = None
    song_data: str | None = None
    anonymous: bool = False
    concurrency: int = 64
    log_jsonpath: str | None = None
    stage: str | None = None
    host: str | None = None
    db_name: str | None = None
    db_user: str | None = None
    db_password: SecretStr | None = None
    db_port: int = 5439
    db_secret_arn: SecretStr | None = None
    iam: bool = False
    cluster: str | None = None
    sslmode: Literal["verify-full", "verify-ca"] = "verify-full"
    arn: str | None = None

    @field_validator("threads")
    @classmethod
    def _within_reason(cls, threads: int | None) -> int | None:
        # The engine starts as many as it is told, and thousands of them bring a machine to its knees.
        if threads is not None and not 1 <= threads <= 1024:
            raise ValueError("it must be from 1 to 1024")
        return threads

    @field_validator("concurrency")
    @classmethod
    def _within_what_a_store_bears(cls, concurrency: int) -> int:
        if not 1 <= concurrency <= 512:
            raise ValueError("it must be from 1 to 512")
        return concurrency

    @field_validator("wait")
    @classmethod
    def _within_a_day(cls, wait: float) -> float:
        if not 0 <= wait <= 86_400:
            raise ValueError("it must be from 0 to 86400 seconds")
        return wait

    @field_validator("stage")
    @classmethod
    def _in_s3(cls, stage: str | None) -> str | None:
        if stage is not None and not re.fullmatch(r"s3://[^/]+(/.*)?", stage):
            raise ValueError("it must be a folder in S3, such as s3://bucket/stage")
        return stage

    @field_validator("warehouse")
    @classmethod
    def _without_password(cls, warehouse: str | None) -> str | None:
        # An address is seen in lists of processes and in the shell's history.
        if warehouse is not None and re.match(r"redshift://[^/@]*:.*@", warehouse):
            raise ValueError("it must not hold a password; set SPARKIFY_DB_PASSWORD in its place")
        return warehouse

    def at(self, warehouse: str) -> "Config":
        """The same settings for another warehouse. Raises ConfigError for an address that holds a password."""
        return _validate(self.model_dump() | {"warehouse": warehouse})

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
    environment = {name: os.environ.get(f"SPARKIFY_{name.upper()}") for name in Config.model_fields}
    given = {name: value for name, value in settings.items() if value is not None}
    return _validate(file_values | {name: value for name, value in environment.items() if value} | given)


def _validate(settings: dict[str, Any]) -> Config:
    try:
        return Config(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        # The library says: Value error, <our words>; or: Input should be a valid integer, unable to parse ...
        reason = first["msg"].removeprefix("Value error, ").split(", unable to")[0].replace("Input should", "it should")
        raise ConfigError(f"the setting {name} is not usable: {reason}; see docs/configuration.md") from None


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
            raise ConfigError(f"unknown section [{section}] in {path}{_did_you_mean(section, _FILE_KEYS)}")
        for key, value in parser.items(section):
            if key.upper() not in known:
                raise ConfigError(f"unknown key {key.upper()} in [{section}] of {path}{_did_you_mean(key, known)}")
            if unquoted := _unquote(value.strip()):
                values[known[key.upper()]] = unquoted
    return values


def _unquote(value: str) -> str:
    """The original file puts its values in quotes; one that closes nothing is part of the value."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def _did_you_mean(word: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(word.upper(), known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known)}"
