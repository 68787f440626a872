"""The settings, in one table: each field of Config is one setting.

The reader of `dwh.cfg` and of SPARKIFY_* variables, the options of the commands, the table in docs/configuration.md and
the file dwh.cfg.example (`make docs` writes these two) are made from it. Other variables are read where they are used:
AWS_* for S3 and Redshift (`clean_aws_variables` cleans them), XDG_CACHE_HOME for the report.

The first of these that has a setting wins:

    1. what the caller passes (a command's option)
    2. the environment: SPARKIFY_<NAME>, such as SPARKIFY_LOG_DATA
    3. the file: --config, else dwh.cfg in the working folder if there is one
    4. the default
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import msgspec

from sparkify.addresses import mask, read_root, read_warehouse
from sparkify.arguments import check_fields, checked
from sparkify.datasets import Dataset, Key
from sparkify.errors import ConfigError
from sparkify.field_keys import KEY_SETTINGS, check_keys
from sparkify.setting import Secret, Setting, expand_home
from sparkify.settings_file import closest, did_you_mean, is_there, parse_file, shown, unquote, without_comment
from sparkify.timezones import UTC, read_timezone

DEFAULT_CONFIG_FILE = "dwh.cfg"
DEFAULT_WAREHOUSE = "sparkify.duckdb"
_NATIVE = "SPARKIFY_NATIVE"


class S3Access(msgspec.Struct, frozen=True):
    """How to access the store: with or without credentials, and the number of requests at a time."""

    anonymous: bool = False
    concurrency: int = 64


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, resolved and immutable. Make one with `load_config`; by itself, this checks nothing but types."""

    warehouse: Annotated[
        str | None,
        Setting(
            "SPARKIFY",
            "File path, duckdb:PATH or redshift://user@host:5439/database.",
            group="warehouse",
            metavar="ADDRESS",
            unset=f"{DEFAULT_WAREHOUSE}, or Redshift if a host is set",
            read=read_warehouse,
            must_be="a file or redshift://user@host:5439/database, an address without a password; set "
            "SPARKIFY_DB_PASSWORD in its place",
            names_secrets=True,
        ),
    ] = None
    wait: Annotated[
        float,
        Setting(
            "SPARKIFY",
            "Seconds to wait while another process holds the warehouse.",
            group="wait",
            metavar="SECONDS",
            bounds=(0, 86_400),
        ),
    ] = 0
    memory_limit: Annotated[
        str | None,
        Setting(
            "SPARKIFY",
            "Memory of the embedded engine and of the records that it judges, such as 2GB.",
            group="engine",
            metavar="SIZE",
            unset="half of the process's share, at most 1.2 GiB",
            # The engine takes a negative number, and a word for it, as no limit.
            pattern=r"(?i)\d+(\.\d+)?\s*[KMGT]i?B?\Z",
            must_be="a size such as 2GB or 500MB",
        ),
    ] = None
    threads: Annotated[
        int | None,
        Setting(
            "SPARKIFY",
            "Threads of the embedded engine.",
            group="engine",
            metavar="N",
            unset="all cores",
            # The engine starts as many as it is told, and thousands of threads stop a machine.
            bounds=(1, 1024),
        ),
    ] = None
    storage_version: Annotated[
        str,
        Setting(
            "SPARKIFY",
            "Format of a new DuckDB file, named by a version of DuckDB. That version and all later ones open the file.",
            group="format",
            metavar="VERSION",
            # DuckDB takes an older version too, and writes what that cannot open.
            pattern=r"v[1-9]\d*\.\d+\.\d+\Z",
            must_be="a version of DuckDB from v1.0.0 on, such as v1.4.0",
        ),
    ] = "v1.4.0"
    timezone: Annotated[
        str,
        Setting(
            "SPARKIFY",
            "Time zone of the days, weeks, months and hours of prepared questions and of the report, such as "
            "America/Chicago.",
            group="timezone",
            metavar="ZONE",
            read=read_timezone,
        ),
    ] = UTC
    log_data: Annotated[
        str | None,
        Setting(
            "S3",
            "Folder or file of the log data, or s3://bucket/folder.",
            group="sources",
            metavar="ROOT",
            read=read_root,
        ),
    ] = None
    song_data: Annotated[
        str | None,
        Setting(
            "S3",
            "Folder or file of the song data, or s3://bucket/folder.",
            group="sources",
            metavar="ROOT",
            read=read_root,
        ),
    ] = None
    log_pattern: Annotated[
        tuple[str, ...],
        Setting(
            "S3",
            "Glob of the log files below their root, in place of the rule about endings; * also stands for /. "
            "May be given several times.",
            group="sources",
            metavar="GLOB",
            unset="*.json, *.jsonl, *.ndjson, also compressed",
            must_be="one or more globs, separated by commas",
        ),
    ] = ()
    song_pattern: Annotated[
        tuple[str, ...],
        Setting(
            "S3",
            "The same for the song files.",
            group="sources",
            metavar="GLOB",
            unset="*.json, *.jsonl, *.ndjson, also compressed",
            must_be="one or more globs, separated by commas",
        ),
    ] = ()
    anonymous: Annotated[
        bool, Setting("S3", "Read S3 without credentials, as public buckets allow.", group="access")
    ] = False
    concurrency: Annotated[
        int, Setting("S3", "Requests to S3 at the same time.", group="access", metavar="N", bounds=(1, 512))
    ] = 64
    stage: Annotated[
        str | None,
        Setting(
            "S3",
            "Folder in S3 through which rows go to and come from Redshift, such as s3://bucket/stage.",
            group="stage",
            metavar="FOLDER",
            read=read_root,
            pattern=r"s3://[^/]+(/.*)?\Z",
            must_be="a folder in S3, such as s3://bucket/stage",
        ),
    ] = None
    log_jsonpath: Annotated[
        str | None, Setting("S3", "JSONPaths file that the COPY of log data in sql_queries.py uses.")
    ] = None
    host: Annotated[
        str | None, Setting("CLUSTER", "Redshift's address. Without WAREHOUSE, this Redshift is the warehouse.")
    ] = None
    db_name: Annotated[str | None, Setting("CLUSTER", "Redshift's database, such as dev.")] = None
    db_schema: Annotated[
        str | None,
        Setting(
            "CLUSTER",
            "Redshift's schema for the tables, which exists already.",
            unset="the first schema of the user's search path",
            # Redshift folds names to lower case, also in double quotes.
            pattern=r"[A-Za-z_][A-Za-z0-9_$]{0,126}\Z",
            must_be="the name of a schema, in ASCII letters, digits, _ and $",
        ),
    ] = None
    db_user: Annotated[str | None, Setting("CLUSTER", "Redshift's user, such as awsuser.")] = None
    db_password: Annotated[
        Secret | None,
        Setting("CLUSTER", "Redshift's password; the variable SPARKIFY_DB_PASSWORD keeps it out of the file."),
    ] = None
    db_port: Annotated[int, Setting("CLUSTER", "Redshift's port.", bounds=(1, 65_535))] = 5439
    db_secret_arn: Annotated[
        Secret | None, Setting("CLUSTER", "ARN of a Secrets Manager secret that holds Redshift's user and password.")
    ] = None
    iam: Annotated[bool, Setting("CLUSTER", "Log in to Redshift with AWS credentials in place of a password.")] = False
    cluster: Annotated[
        str | None,
        Setting("CLUSTER", "Identifier of a provisioned cluster, for the login with IAM.", unset="read from the host"),
    ] = None
    sslmode: Annotated[
        Literal["verify-full", "verify-ca"],
        Setting("CLUSTER", "How Redshift's certificate is checked. Use verify-ca behind a tunnel."),
    ] = "verify-full"
    arn: Annotated[
        str | None,
        Setting(
            "IAM_ROLE",
            "Role with which Redshift reads S3, such as arn:aws:iam::123456789012:role/dwh.",
            unset="the cluster's default role",
        ),
    ] = None
    # By field; each has a section of its own in dwh.cfg, and neither variable nor option.
    event_keys: dict[str, Key] = {}
    song_keys: dict[str, Key] = {}
    # The file that was read, if it was there. Not a setting.
    config_file: str = DEFAULT_CONFIG_FILE

    def __post_init__(self) -> None:
        check_fields(self)

    def __repr__(self) -> str:
        """Without secrets, also where one stands in an address."""
        shown = ", ".join(f"{name}={value!r}" for name, value in msgspec.structs.asdict(self).items())
        return f"Config({mask(shown)})"

    def __hash__(self) -> int:
        """Equal settings have equal hashes, although dicts have none."""
        return hash((self.warehouse_address, *self.roots.values()))

    def at(self, warehouse: str) -> "Config":
        """The same settings for another warehouse. Raises ConfigError for an address that holds a password."""
        return msgspec.structs.replace(self, warehouse=_BY_NAME["warehouse"].convert(warehouse))

    @property
    def warehouse_address(self) -> str:
        """The address of the warehouse: as set, else Redshift if a host is configured, else the default DuckDB file."""
        if self.warehouse:
            return self.warehouse
        if self.host:
            return f"redshift://{self.db_user or ''}@{self.host}:{self.db_port}/{self.db_name or ''}"
        return DEFAULT_WAREHOUSE

    @property
    def roots(self) -> dict[Dataset, str]:
        """The configured root of each dataset that has one."""
        roots: dict[Dataset, str | None] = {"events": self.log_data, "songs": self.song_data}
        return {dataset: root for dataset, root in roots.items() if root}

    @property
    def patterns(self) -> dict[Dataset, tuple[str, ...]]:
        """The globs that say which files of each dataset are data; none where their endings do."""
        return {"events": self.log_pattern, "songs": self.song_pattern}

    @property
    def s3_access(self) -> S3Access:
        """How to access the sources in S3."""
        return S3Access(self.anonymous, self.concurrency)


def _list_settings() -> Iterable[Setting]:
    for field in msgspec.structs.fields(Config):
        if field.name in (*KEY_SETTINGS, "config_file"):
            continue
        (setting,) = field.type.__metadata__
        # The type of an optional setting is the one beside None.
        kind = field.type.__origin__
        if get_origin(kind) is tuple:
            kind = tuple
        elif not isinstance(kind, type) and get_origin(kind) is not Literal:
            kind = get_args(kind)[0]
        yield msgspec.structs.replace(setting, name=field.name, type=kind, default=field.default)


SETTINGS = tuple(_list_settings())
_BY_NAME = {setting.name: setting for setting in SETTINGS}


class Found(NamedTuple):
    """The value of a setting as it was given, and where: by which of `option`, `environment` and `file`."""

    value: Any
    source: Literal["option", "environment", "file"]
    place: str


@checked
def load_config(
    config_file: str | os.PathLike[str] | None = None,
    *,
    on_note: Callable[[str], None] | None = None,
    **settings: Any,
) -> Config:
    """Resolve the settings. A setting of None counts as not passed. `on_note` gets a sentence on ignored ones.

    Raises ConfigError for a named file that is missing or malformed, an unknown key, or a value of the wrong type; the
    message never repeats a value.
    """
    path, found = find_settings(config_file, on_note=on_note, **settings)
    return Config(**{name: _convert(name, one) for name, one in found.items()}, config_file=str(path))


def find_settings(
    config_file: str | os.PathLike[str] | None = None,
    *,
    on_note: Callable[[str], None] | None = None,
    **settings: Any,
) -> tuple[Path, dict[str, Found]]:
    """The settings that are given, each as the first of its places has it, and the path of the file.

    Raises ConfigError.
    """
    native_switch()
    path = Path(expand_home(os.fspath(config_file if config_file is not None else DEFAULT_CONFIG_FILE)))
    read = _read_file(path, on_note) if is_there(path) else None
    if config_file is not None and read is None:
        raise ConfigError(f"there is no configuration file {path}; give an existing one or leave --config out")
    found = {name: Found(value, "file", _place_in(path, name)) for name, value in (read or {}).items()}
    # An empty variable counts as absent.
    found |= {
        one.name: Found(value, "environment", one.variable)
        for one in SETTINGS
        if unquote((value := os.environ.get(one.variable, "")).strip())
    }
    for name, value in settings.items():
        if value is not None:
            if name not in _BY_NAME and name not in KEY_SETTINGS:
                raise ConfigError(f"there is no setting {shown(name)}{did_you_mean(name, _BY_NAME)}")
            found[name] = Found(value, "option", _BY_NAME[name].option if name in _BY_NAME else name)
    if on_note is not None:
        _note_variables(on_note)
    return path, found


def _place_in(path: Path, name: str) -> str:
    return f"{path} [{_BY_NAME[name].section}] {_BY_NAME[name].key}" if name in _BY_NAME else f"{path} [{name.upper()}]"


def _convert(name: str, found: Found) -> Any:
    if name not in _BY_NAME:
        return check_keys(name, found.value)
    try:
        return _BY_NAME[name].convert(found.value)
    except ConfigError as error:
        if found.source == "option":
            raise
        raise ConfigError(f"{error}; it is set by {found.place}") from None


def _note_variables(on_note: Callable[[str], None]) -> None:
    """Tell of variables that look like a misspelt setting."""
    known = [setting.variable for setting in SETTINGS]
    for name in os.environ:
        if name.startswith("SPARKIFY_") and name not in known and (meant := closest(name, known, 0.9)):
            on_note(f"{shown(name)} is ignored: there is no such setting; did you mean {meant}?")


def native_switch() -> str:
    """The variable SPARKIFY_NATIVE, which stands in no file: `yes`, `no` or an empty text. Raises ConfigError."""
    switch = unquote(os.environ.get(_NATIVE, "").strip())
    if switch not in ("", "yes", "no"):
        raise ConfigError(f"{_NATIVE} must be yes or no; correct it, or leave it out")
    return switch


def clean_aws_variables() -> None:
    """Remove from AWS_* variables what stands around a value, and the empty ones, for the libraries that read them."""
    for name, value in list(os.environ.items()):
        if not name.startswith("AWS_"):
            continue
        if cleaned := unquote(value.strip()):
            os.environ[name] = cleaned
        else:
            del os.environ[name]


def _read_file(path: Path, on_note: Callable[[str], None] | None) -> dict[str, Any]:
    """The settings of a file, as text."""
    sections: dict[str, dict[str, Setting]] = {}
    for setting in SETTINGS:
        sections.setdefault(setting.section, {})[setting.key] = setting
    parser, foreign = parse_file(path, [*sections, *map(str.upper, KEY_SETTINGS)], _BY_NAME)
    values: dict[str, Any] = {}
    for section in parser.sections():
        if section.lower() in KEY_SETTINGS:
            values[section.lower()] = dict(parser.items(section))
            continue
        known = sections[section.upper()]
        for key, value in parser.items(section):
            if key.upper() not in known:
                raise ConfigError(
                    f"unknown key {shown(key.upper())} in [{section}] of {path}{did_you_mean(key.upper(), known)}"
                )
            if "\n" in (text := value.strip()):
                raise ConfigError(
                    f"{key.upper()} in [{section}] of {path} has more than one line: begin each line with its key, "
                    "without white space before it"
                )
            setting = known[key.upper()]
            text = text if setting.type is Secret else without_comment(text)
            if unquote(text):
                values[setting.name] = text
    if foreign and on_note is not None:
        names = ", ".join(f"[{shown(section)}]" for section in foreign)
        on_note(f"{path}: {names} ignored: sparkify has no such section")
    return values
