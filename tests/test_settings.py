"""Settings: their sources, which source wins, and what messages may contain."""

import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec import structs

from sparkify.datasets import Key
from sparkify.errors import ConfigError
from sparkify.setting import Secret, Setting
from sparkify.settings import SETTINGS, Config, S3Access, clean_aws_variables, load_config
from tests.engines.commands import run_here

SECRET = "hunter2%(x)s"

# Values that differ between option, environment and file.
SAMPLES: dict[object, tuple[object, object, object]] = {
    int: (3, 2, 1),
    float: (3, 2, 1),
    bool: (True, False, True),
    str: ("s3://b/option", "s3://b/environment", "s3://b/file"),
    Secret: ("option", "environment", "file"),
    Literal["verify-full", "verify-ca"]: ("verify-ca", "verify-full", "verify-ca"),
    "storage_version": ("v1.5.3", "v2.0.0", "v1.0.0"),
    "timezone": ("America/Chicago", "Asia/Tokyo", "Europe/Berlin"),
    "memory_limit": ("3GB", "2GB", "1GB"),
    "db_schema": ("one", "two", "Three_3"),
    tuple: (("a*", "b, c"), ("d/*",), ("e*", "f")),
}


def write_config(text: str, name: str = "dwh.cfg") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def all_words(error: BaseException) -> str:
    """Everything that a log or a terminal shows of an error."""
    return "".join(traceback.format_exception(error)) + repr(error)


def refused(text: str) -> str:
    """The error message for a file with this text."""
    write_config(text)
    with pytest.raises(ConfigError) as caught:
        load_config()
    message = str(caught.value)
    assert "\n" not in message
    return message


# ---- precedence ----


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_option_then_environment_then_file_then_default(monkeypatch: pytest.MonkeyPatch, setting: Setting) -> None:
    option, environment, file = SAMPLES.get(setting.name) or SAMPLES[setting.type]

    def written(value: object) -> str:
        return ", ".join(value) if isinstance(value, tuple) else str(value)

    def found(**options: Any) -> object:
        value = getattr(load_config(**options), setting.name)
        return value.reveal() if isinstance(value, Secret) else value

    assert found() == setting.default
    write_config(f"[{setting.section}]\n{setting.key}={written(file)}\n")
    assert found() == file
    monkeypatch.setenv(f"SPARKIFY_{setting.name.upper()}", written(environment))
    assert found() == environment
    assert found(**{setting.name: option}) == option
    assert found(**{setting.name: None}) == environment
    monkeypatch.setenv(f"SPARKIFY_{setting.name.upper()}", "")
    assert found() == file


def test_globs_are_separated_by_commas_and_may_have_quotes() -> None:
    write_config("[S3]\nLOG_PATTERN = 'part-*', \"x, *.log  # as the stream writes them\n")
    assert load_config().log_pattern == ("part-*", '"x', "*.log")
    write_config("[S3]\nLOG_PATTERN = '2018/*'\nSONG_PATTERN =\n")
    assert (load_config().log_pattern, load_config().song_pattern) == (("2018/*",), ())


def test_keys_of_the_original_file_and_defaults() -> None:
    text = "[CLUSTER]\nHOST=h\nDB_NAME=n\nDB_USER=u\nDB_PASSWORD=p\nDB_PORT=1\n[IAM_ROLE]\nARN='a'\n"
    write_config(text + "[S3]\nLOG_DATA='l'\nLOG_JSONPATH='j'\nSONG_DATA='s'\n")
    config = load_config()
    found = (config.host, config.db_name, config.db_user, config.db_port, config.arn)
    assert found == ("h", "n", "u", 1, "a")
    assert (config.log_data, config.log_jsonpath, config.song_data) == ("l", "j", "s")
    assert (config.wait, config.concurrency, config.sslmode, Config().db_port) == (0, 64, "verify-full", 5439)


def test_named_file_stands_for_dwh_cfg() -> None:
    write_config("[S3]\nLOG_DATA=usual\nSONG_DATA=usual\n")
    named = write_config("[S3]\nLOG_DATA=named\n", "other.cfg")
    assert load_config().log_data == "usual"
    assert (load_config(named).log_data, load_config(named).song_data) == ("named", None)
    assert load_config(str(named)).log_data == "named"


def test_named_file_that_is_missing() -> None:
    with pytest.raises(ConfigError, match="there is no configuration file"):
        load_config("missing.cfg")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (Path.mkdir, "a folder"),
        (os.mkfifo, "a named pipe"),
        (lambda path: path.symlink_to("dwh.cfg"), "a link that leads to no file"),
        (lambda path: path.symlink_to("nowhere"), "a link that leads to no file"),
        (lambda path: path.symlink_to("/dev/null"), "a socket or a device"),
    ],
    ids=["folder", "pipe", "circle", "dangling", "device"],
)
def test_settings_that_are_no_file_are_told_and_never_opened(make: Callable[[Path], None], what: str) -> None:
    make(Path("dwh.cfg"))
    for name in (None, "dwh.cfg"):
        with pytest.raises(ConfigError, match=rf"configuration file dwh\.cfg: it is {what}"):
            load_config(name)


def test_settings_below_a_file_or_of_an_endless_name() -> None:
    Path("file").touch()
    for name in ("file/dwh.cfg", "x" * 300, ""):
        with pytest.raises(ConfigError, match="cannot read the configuration file"):
            load_config(name)


def test_address_of_the_warehouse(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_config().warehouse_address == "sparkify.duckdb"
    write_config(f"[CLUSTER]\nHOST=cluster.example\nDB_NAME=dev\nDB_USER=awsuser\nDB_PASSWORD={SECRET}\n")
    assert load_config().warehouse_address == "redshift://awsuser@cluster.example:5439/dev"
    monkeypatch.setenv("SPARKIFY_WAREHOUSE", "mine.duckdb")
    assert load_config().warehouse_address == "mine.duckdb"


def test_config_cannot_be_changed() -> None:
    config = load_config(log_data="a")
    with pytest.raises(AttributeError, match="immutable"):
        setattr(config, "log_data", "b")  # noqa: B010
    assert config.log_data == "a"


# ---- the file ----


def test_example_file_is_readable() -> None:
    text = Path(__file__).parents[1].joinpath("dwh.cfg.example").read_text(encoding="utf-8")
    write_config(text)
    config = load_config()
    assert config == Config()
    assert config.warehouse_address == "sparkify.duckdb"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("data", "data"),
        ("'data'", "data"),
        ('"data"', "data"),
        ("  ' data '  ", " data "),
        ("two words", "two words"),
        ("a=b", "a=b"),
        ("a#b;c", "a#b;c"),
        ("'a #b' ", "a #b"),
        ("~", "~"),
        ("~other/data", "~other/data"),
        ("50%", "50%"),
        ("%(HOST)s", "%(HOST)s"),
        ("Żółw", "Żółw"),
        ("it's", "it's"),
        # A single quote mark is part of the value; a password without it would silently be wrong.
        ("its'", "its'"),
        ("'its", "'its"),
        ("\"'data'\"", "'data'"),
    ],
)
def test_value_as_it_is_meant(written: str, meant: str) -> None:
    write_config(f"[CLUSTER]\nDB_PASSWORD = {written}\nDB_USER = {written}\n")
    config = load_config()
    assert config.db_user == meant
    assert config.db_password is not None
    assert config.db_password.reveal() == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("data # where it is", "data"),
        ("data\t; where it is", "data"),
        ("'data' # where it is", "data"),
        ("'a # b' # where 'it' is", "a # b"),
        ("# where it is", None),
        ("two words #1 #2", "two words"),
    ],
)
def test_comment_after_a_value(written: str, meant: str | None) -> None:
    write_config(f"[CLUSTER]\nDB_PASSWORD = {written}\nDB_USER = {written}\n")
    config = load_config()
    assert config.db_user == meant
    # What looks like a comment may be part of a password.
    assert config.db_password is not None
    assert config.db_password.reveal() == written


@pytest.mark.parametrize("written", ["'~/data'", "~/data"])
def test_home_and_quotes_wherever_a_value_comes_from(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    write_config(f"[S3]\nLOG_DATA={written}\n")
    monkeypatch.setenv("SPARKIFY_SONG_DATA", written)
    monkeypatch.setenv("SPARKIFY_STAGE", "''")
    config = load_config(warehouse="duckdb:~/data/w.duckdb", db_password=written)
    assert (config.log_data, config.song_data, config.stage) == ("/home/me/data", "/home/me/data", None)
    assert config.warehouse == "duckdb:/home/me/data/w.duckdb"
    assert config.at("~/other.duckdb").warehouse == "/home/me/other.duckdb"
    assert config.db_password is not None
    assert config.db_password.reveal() == "~/data"


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", " {}\t", '"{}"', "' {} '", ' "{}"\n'])
def test_what_stands_around_a_value_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch, around: str) -> None:
    for name, value in {"LOG_DATA": "logs", "DB_PASSWORD": SECRET, "THREADS": "3", "ANONYMOUS": "yes"}.items():
        monkeypatch.setenv(f"SPARKIFY_{name}", around.format(value).replace("' ", "'").replace(" '", "'"))
    config = load_config(song_data=around.replace("' {} '", "'{}'").format("songs"))
    assert (config.log_data, config.song_data, config.threads, config.anonymous) == ("logs", "songs", 3, True)
    assert config.db_password is not None
    # Without quotes, spaces may be part of a password.
    assert config.db_password.reveal() == (around.format(SECRET) if around == " {}\t" else SECRET)


def test_variables_of_aws_are_cleaned_for_the_libraries_that_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "AWS_REGION": "us-east-1\n",
        "AWS_SESSION_TOKEN": "",
        "AWS_PROFILE": " '' ",
        "AWS_ENDPOINT_URL": '"http://s"',
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    load_config()
    assert {name: os.environ.get(name) for name in values} == values
    clean_aws_variables()
    assert {name: os.environ.get(name) for name in values} == {
        "AWS_REGION": "us-east-1", "AWS_SESSION_TOKEN": None, "AWS_PROFILE": None, "AWS_ENDPOINT_URL": "http://s"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("s3a://bucket/log data", "s3://bucket/log data"),
        ("s3n://bucket", "s3://bucket"),
        ("S3://Bucket/Key", "s3://Bucket/Key"),
        ("file:///data/log%20data%C3%BC", "/data/log dataü"),
        ("file://localhost/data", "/data"),
        ("FILE:/data", "/data"),
        ("a:b/c", "a:b/c"),
        ("./s3a:b", "./s3a:b"),
        ("log_data?x=1#2", "log_data?x=1#2"),
    ],
)
def test_root_in_its_one_form(monkeypatch: pytest.MonkeyPatch, written: str, meant: str) -> None:
    monkeypatch.setenv("SPARKIFY_SONG_DATA", written)
    config = load_config(log_data=written)
    assert (config.log_data, config.song_data) == (meant, meant)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("gs://bucket/x", "https://storage.googleapis.com"),
        ("abfss://c@account.dfs.core.windows.net/x", "abfss:// is not read: copy the files to a local folder"),
        ("hdfs://name/x", "hdfs:// is not read: copy the files to a local folder"),
        ("http://example.com/a.json", "download the files"),
        ("https://b.s3.us-west-2.amazonaws.com/log_data/?X=1", "did you mean s3://b/log_data?"),
        ("https://s3.amazonaws.com/b/log_data", "did you mean s3://b/log_data?"),
        ("arn:aws:s3:::b/log_data", "write it as s3://b/log_data"),
        ("s3:/bucket/x", "write it as s3://bucket/folder"),
        ("s3:bucket/x", "write it as s3://bucket/folder"),
        ("s3a://", "write it as s3://bucket/folder"),
        ("file://data/x", "write file:///folder with three slashes"),
    ],
)
def test_root_that_is_not_read(written: str, words: str) -> None:
    message = refused(f"[S3]\nLOG_DATA = {written}\n")
    assert message.startswith("the setting log_data is not valid: ")
    assert words in message


def test_warehouse_in_its_one_form() -> None:
    assert load_config(warehouse="file:///data/my%20w.duckdb").warehouse == "/data/my w.duckdb"
    assert load_config(warehouse="RedShift://me@host/dev").warehouse == "redshift://me@host/dev"
    with pytest.raises(ConfigError, match="an address without a password") as caught:
        load_config(warehouse=f"REDSHIFT://me:{SECRET}@host/dev")
    assert SECRET not in all_words(caught.value)


@pytest.mark.parametrize("written", ["*.log, app-*", "'*.log', 'app-*'", '"*.log,app-*"', "*.log,,app-* # globs"])
def test_several_globs_are_separated_by_commas(written: str) -> None:
    write_config(f"[S3]\nLOG_PATTERN = {written}\n")
    assert load_config().log_pattern == ("*.log", "app-*")
    assert load_config(log_pattern=["a b", " c "]).log_pattern == ("a b", "c")


def test_stage_is_an_address_too() -> None:
    assert load_config(stage="s3a://bucket/stage").stage == "s3://bucket/stage"


def test_sections_of_others_may_hold_anything() -> None:
    write_config("[AWS]\nKEY\n=x\nKEY=a\nKEY=b\n[S3]\nLOG_DATA=logs\n[AWS]\n%include x\n[DEFAULT]\n  HOST=x\n")
    notes: list[str] = []
    assert load_config(on_note=notes.append) == Config(log_data="logs")
    assert notes == ["dwh.cfg: [AWS], [DEFAULT] ignored: sparkify has no such section"]


def test_sections_of_others_are_ignored_with_one_note() -> None:
    # The parser would copy [DEFAULT] into all sections.
    write_config("[DEFAULT]\nHOST=x\n[AWS]\nKEY=k\n[DWH_CLUSTER]\nHOST=z\n[S3]\nLOG_DATA=logs\n")
    notes: list[str] = []
    config = load_config(on_note=notes.append)
    assert notes == ["dwh.cfg: [DEFAULT], [AWS], [DWH_CLUSTER] ignored: sparkify has no such section"]
    assert config == Config(log_data="logs")
    assert load_config() == config


@pytest.mark.parametrize("written", ["", "  ", "''", '""'])
def test_empty_value_is_absent(written: str) -> None:
    write_config(
        f"[CLUSTER]\nHOST={written}\nDB_PORT={written}\nDB_PASSWORD={written}\n[SPARKIFY]\nTHREADS={written}\n"
    )
    config = load_config()
    assert (config.host, config.db_port, config.db_password, config.threads) == (None, 5439, None, None)


def test_byte_order_mark_and_windows_line_ends() -> None:
    Path("dwh.cfg").write_bytes(b"\xef\xbb\xbf[S3]\r\nLOG_DATA = 'logs'\r\n\r\nSONG_DATA: songs\r\n")
    config = load_config()
    assert (config.log_data, config.song_data) == ("logs", "songs")


def test_case_of_names_does_not_matter() -> None:
    write_config("[s3]\nlog_data=logs\nSong_Data=songs\n")
    assert (load_config().log_data, load_config().song_data) == ("logs", "songs")


def test_empty_file_sets_nothing() -> None:
    write_config("")
    nothing = load_config()
    assert load_config(write_config("# nothing\n\n[S3]\n")) == nothing
    assert load_config().warehouse_address == "sparkify.duckdb"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[SPARKFY]\n", ["[SPARKFY]", "dwh.cfg", "did you mean SPARKIFY?"]),
        ("[cluster1]\n", ["[cluster1]", "dwh.cfg", "did you mean CLUSTER?"]),
        ("[S3]\nLOGDATA=x\n", ["LOGDATA", "[S3]", "dwh.cfg", "did you mean LOG_DATA?"]),
        (
            "[S3]\nfoo=x\n",
            ["FOO", "[S3]", "the known ones are LOG_DATA, SONG_DATA, LOG_PATTERN, SONG_PATTERN, ANONYMOUS"],
        ),
        ("[S3]\nHOST=x\n", ["HOST", "[S3]", "dwh.cfg"]),
    ],
)
def test_misspelled_section_and_unknown_key(text: str, words: list[str]) -> None:
    message = refused(text)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"DB_PASSWORD={SECRET}\n", 1),
        (f"[CLUSTER\nDB_PASSWORD={SECRET}\n", 1),
        (f"[CLUSTER]\nDB_PASSWORD=x\nDB_PASSWORD={SECRET}\n", 3),
        (f"[CLUSTER]\nDB_PASSWORD={SECRET}\n[S3]\n[CLUSTER]\n", 4),
        (f"[CLUSTER]\nHOST=x\n{SECRET}\n", 3),
        (f"[CLUSTER]\n={SECRET}\n", 2),
    ],
)
def test_malformed_file_names_its_line_and_no_content(text: str, line: int) -> None:
    write_config(text)
    with pytest.raises(ConfigError, match=rf"dwh\.cfg, line {line}\b") as caught:
        load_config()
    assert SECRET not in all_words(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[S3]\nLOG_DATA=a\nlog_data=b\n", "dwh.cfg, line 3: LOG_DATA stands twice in [S3]; give it once"),
        ("[S3]\nLOG_DATA=a\n[CLUSTER]\n[S3]\n", "dwh.cfg, line 4: the section [S3] begins twice; write it once"),
        ("[S3]\nLOG_DATA=a\n  SONG_DATA=b\n", "LOG_DATA in [S3] of dwh.cfg has more than one line"),
    ],
)
def test_file_that_says_something_twice_or_in_two_lines(text: str, words: str) -> None:
    assert words in refused(text)


def test_value_in_the_line_below_its_key() -> None:
    write_config("[S3]\nLOG_DATA =\n    logs\n\n[CLUSTER]\n")
    assert load_config().log_data == "logs"


def test_file_in_another_encoding() -> None:
    Path("dwh.cfg").write_text("[S3]\nLOG_DATA=logs\n", encoding="utf-16")
    with pytest.raises(ConfigError, match=r"cannot read dwh\.cfg: it is not UTF-8 text; save it as UTF-8"):
        load_config()


def test_file_that_is_not_text() -> None:
    Path("dwh.cfg").write_bytes(b"[CLUSTER]\nDB_PASSWORD=hunter\xff2\n")
    with pytest.raises(ConfigError, match=r"dwh\.cfg") as caught:
        load_config()
    assert "hunter" not in all_words(caught.value)


# ---- keys with other names ----


def test_a_field_is_read_from_a_key_or_is_a_constant() -> None:
    write_config(
        "[EVENT_KEYS]\nlength = duration  # in seconds\nPAGE = 'NextSong'\nuser_id: \"15\"\nsessionid = # none\n"
        "[SONG_KEYS]\ntitle = track name\nartist_location=''\nyear = it's\n"
    )
    config = load_config()
    assert config.event_keys == {
        "length": Key(name="duration"),
        "page": Key(constant="NextSong"),
        "userId": Key(constant="15"),
    }
    assert config.song_keys == {
        "title": Key(name="track name"),
        "artist_location": Key(constant=""),
        "year": Key(name="it's"),
    }
    assert load_config(event_keys={"ts": Key(name="Time")}).event_keys == {"ts": Key(name="Time")}
    assert (Config().event_keys, Config().song_keys) == ({}, {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lenth = duration", ["lenth in [EVENT_KEYS] is no field", "did you mean length?", "The fields are artist, "]),
        ("duration = x", ["duration in [EVENT_KEYS]", "FIELD = name of the key", "userAgent, userId"]),
        ("source_id = x", ["source_id in [EVENT_KEYS] is no field"]),
        ("userId = a\nuser_id = b", ["userId stands twice in [EVENT_KEYS]"]),
        ("length = 'duration'", ["length in [EVENT_KEYS] is a number", "without quotes"]),
        ("ts = 'nan'", ["ts in [EVENT_KEYS] is a number"]),
    ],
)
def test_keys_that_are_wrong(text: str, words: list[str]) -> None:
    message = refused(f"[EVENT_KEYS]\n{text}\n")
    assert all(word in message for word in words), message


def test_equal_settings_have_equal_hashes() -> None:
    one, other = (load_config(log_data="a", event_keys={"ts": Key(name=name)}) for name in ("time", "time"))
    assert len({one, other, load_config(log_data="a")}) == 2


def test_misspelled_section_of_keys() -> None:
    assert "did you mean EVENT_KEYS?" in refused("[EVENTS_KEYS]\nlength = duration\n")


# ---- values ----


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("threads", "x", "a whole number from 1 to 1024"),
        ("threads", "1.5", "a whole number from 1 to 1024"),
        ("threads", "0", "a whole number from 1 to 1024"),
        ("threads", "-1", "a whole number from 1 to 1024"),
        ("concurrency", "0", "a whole number from 1 to 512"),
        ("wait", "nan", "a number from 0 to 86400"),
        ("wait", "-1", "a number from 0 to 86400"),
        ("db_port", "0", "a whole number from 1 to 65535"),
        ("anonymous", "perhaps", "true or false"),
        ("db_schema", "one, public", "the name of a schema, in ASCII letters, digits, _ and $"),
        ("sslmode", f"$.{SECRET}", "verify-full or verify-ca"),
        ("memory_limit", SECRET, "a size such as 2GB or 500MB"),
        ("stage", "bucket/stage", "a folder in S3, such as s3://bucket/stage"),
        (
            "warehouse",
            f"redshift://me:{SECRET}@host/db",
            "a file or redshift://user@host:5439/database, an address without a password; set SPARKIFY_DB_PASSWORD in "
            "its place",
        ),
    ],
)
def test_value_of_the_wrong_type(monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    monkeypatch.setenv(f"SPARKIFY_{name.upper()}", value)
    with pytest.raises(ConfigError) as caught:
        load_config()
    # Our sentence, not a library's message.
    assert (
        str(caught.value)
        == f"the setting {name} is not valid: it must be {words}; it is set by SPARKIFY_{name.upper()}"
    )
    assert SECRET not in all_words(caught.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("true", True), ("Yes", True), ("on", True), ("1", True), ("FALSE", False), ("no", False), ("off", False)],
)
def test_switch(written: str, meant: bool) -> None:
    write_config(f"[S3]\nANONYMOUS={written}\n")
    assert load_config().anonymous is meant
    assert load_config().s3_access == S3Access(anonymous=meant)


def test_roots_are_those_given() -> None:
    assert load_config().roots == {}
    assert load_config(song_data="songs", log_data="").roots == {"songs": "songs"}


def test_setting_of_a_type_that_no_text_has() -> None:
    with pytest.raises(ConfigError, match="the setting log_data is not valid: it must be text"):
        load_config(log_data=b"logs")
    with pytest.raises(ConfigError, match="the setting db_password is not valid: it must be text"):
        load_config(db_password=7)


def test_value_of_the_wrong_type_in_the_file() -> None:
    assert refused("[CLUSTER]\nDB_PORT=x\n").startswith("the setting db_port is not valid")


def test_setting_that_does_not_exist() -> None:
    with pytest.raises(ConfigError, match=r"there is no setting log_dat; did you mean log_data\?") as caught:
        load_config(log_dat=SECRET)
    assert SECRET not in all_words(caught.value)


def test_password_shows_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKIFY_DB_PASSWORD", SECRET)
    config = load_config(host="cluster.example", db_user="awsuser")
    assert config.db_password is not None
    assert config.db_password.reveal() == SECRET
    shown = [repr(config), str(config), f"{config}", str(structs.asdict(config))]
    assert not any(SECRET in text for text in [*shown, config.warehouse_address])
    monkeypatch.setenv("SPARKIFY_DB_PORT", "x")
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert SECRET not in all_words(caught.value)


@pytest.mark.parametrize("content", ["\n", "[S3]\n# no settings\n", "x", "[other]\na = b\n"], ids=ascii)
def test_file_that_is_far_too_long_is_not_read(content: str, tmp_path: Path) -> None:
    file = tmp_path / "dwh.cfg"
    file.write_text(content * (2_000_000 // len(content)))
    with pytest.raises(ConfigError, match=r"cannot read \S+dwh.cfg: it has more than 1,000,000 characters"):
        load_config(file)
    file.write_text("[S3]\nLOG_DATA = here\n" + "# no setting\n" * 70_000)
    assert load_config(file).log_data == "here"


def test_a_variable_that_looks_like_a_misspelt_setting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPARKIFY_WAREHOSE", "SPARKIFY_TEST_DATA", "SPARKIFY_ELSE"):
        monkeypatch.setenv(name, "x")
    notes: list[str] = []
    load_config(on_note=notes.append)
    assert notes == ["SPARKIFY_WAREHOSE is ignored: there is no such setting; did you mean SPARKIFY_WAREHOUSE?"]


def test_config_shows_values_and_where_they_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = "[SPARKIFY]\nTHREADS = 3\n[S3]\nLOG_PATTERN = *.a, *.b\n[CLUSTER]\nDB_PASSWORD = {0}\nDB_SECRET_ARN = {0}\n"
    Path("dwh.cfg").write_text(file.format(SECRET) + "[EVENT_KEYS]\npage = 'NextSong'\n", encoding="utf-8")
    monkeypatch.setenv("SPARKIFY_WAIT", "2.50")
    monkeypatch.setenv("SPARKIFY_THREADS", "4")
    ran = run_here("config", "--warehouse", "a.duckdb", "--json")
    assert ran.err == ""
    told = {one.pop("name"): one for one in ran.json()["settings"]}
    assert set(told) == {setting.name for setting in SETTINGS} | {"event_keys"}
    assert told["warehouse"] == {"value": "a.duckdb", "source": "option", "place": "--warehouse"}
    assert told["wait"] == {"value": 2.5, "source": "environment", "place": "SPARKIFY_WAIT"}
    assert told["threads"] == {"value": 4, "source": "environment", "place": "SPARKIFY_THREADS"}
    assert told["log_pattern"] == {"value": ["*.a", "*.b"], "source": "file", "place": "dwh.cfg [S3] LOG_PATTERN"}
    assert told["event_keys"]["value"] == {"page": "'NextSong'"}
    assert told["db_port"] == {"value": 5439, "source": "default", "place": None}
    table = run_here("config", "--warehouse", "a.duckdb")
    assert table.err == "the file of settings is dwh.cfg\n"
    lines = [line.split("  ") for line in table.out.splitlines()]
    assert ["wait", "2.5", "SPARKIFY_WAIT"] in [[cell.strip() for cell in line if cell.strip()] for line in lines]
    for name in ("db_password", "db_secret_arn"):
        assert told[name]["value"] == "(set, not shown)"
    assert SECRET not in ran.out + table.out
    Path("dwh.cfg").write_text("[SPARKIFY]\nTHREADS = none\n", encoding="utf-8")
    monkeypatch.delenv("SPARKIFY_THREADS")
    ran = run_here("config")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith("from 1 to 1024; it is set by dwh.cfg [SPARKIFY] THREADS\n")
