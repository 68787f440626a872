"""Addresses are shown without secrets, in whatever form and from wherever they come."""

import logging
import os
import pickle
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparkify import cli
from sparkify.addresses import mask, may_hold_secret
from sparkify.errors import SparkifyError
from sparkify.setting import Secret
from sparkify.settings import SETTINGS, Config, load_config
from sparkify.statement_log import keep_secrets_from_logs
from tests.support import play, to_lines

SECRET = "pl4nted5ecret90"
# @ is where the secret stands.
FORMS = [
    "redshift://u:@@h/d", "REDSHIFT://u:@@h:5439/d", " redshift://u:@@h/d", "redshift://:@@h/d", "redshift://u:@@h",
    "redshift://u@h/d?password=@", "redshift://u@h/d?user=u&password=@&x=1", "redshift://u@h/d#@", "redshift:u:@@h/d",
    "redshift:/u:@@h/d", "redshift:///u:@@h/d", "redshift:\\\\u:@@h/d", "redshift://u%3A@@h/d", "redshift://u:a/@/b@h/d",
    "redshift://u:a@@b@h/d", "redshift+connector://u:@@h/d", "postgresql://u:@@h/d", "postgres://@@h/d",
    "postgresql:///d?host=h&password=@", "postgres:host=h user=u password=@", "postgres:host=h password='a @ b'",
    "host=h user=u password=@ dbname=d", "host=h password = @", "password=@", "PASSWORD=@;user=u", "UID=u;PWD=@",
    "jdbc:redshift://h:5439/d;UID=u;PWD=@", "jdbc:redshift:iam://h/d?AccessKeyID=@&SecretAccessKey=@",
    "jdbc:postgresql://h/d?user=u&password=@", "jdbc:redshift://u:@@h/d", "Server=h;User Id=u;Password=@;",
    "md:db?motherduck_token=@", "md:?motherduck_token=@", "motherduck:db?token=@", "duckdb:///w.duckdb?password=@",
    "duckdb:u:@@h", "mysql://u:@@h/d", "mysql+pymysql://u:@@h/d", "https://u:@@h/x", "https://@@h/x", "//u:@@h/d",
    "u:@@h:5439/d", "u:@@h", "s3://KEY:@@bucket/x", "S3://KEY:@@bucket/x", "s3a://KEY:@@bucket/x", "s3://@@bucket/x",
    "s3://KEY:a/@+b/c@bucket/x", "s3:KEY:@@bucket/x", "s3://b/x?X-Amz-Signature=@", "s3://b/x?X-Amz-Credential=@/x",
    "s3://b/x?a=1&X-Amz-Security-Token=@", "s3://b/x?AWSAccessKeyId=@&Signature=@", "s3://b/x?versionId=@",
    "https://b.s3.amazonaws.com/x?X-Amz-Signature=@", "https://KEY:@@b.s3.amazonaws.com/x", "s3://b/x#token=@",
    "arn:aws:s3:::KEY:@@b/x", "gs://KEY:@@b/x", "az://h/x?sv=1&sig=@", "ftp://u:@@h/x", "file://u:@@h/x",
    "redshift://u@h/d?pass%77ord=@", "redshift%3A%2F%2Fu%3A@%40h", "x.duckdb?password=@", "w.duckdb;token=@",
    "'redshift://u:@@h/d'", '"s3://KEY:@@b/x"',
]  # fmt: skip
INNOCENT = [
    "s3://b/log/auth=Guest",
    "redshift://user@host:5439/database", "redshift://host/database", "s3://bucket/log_data", "s3://b/a b/ü+&=.json",
    "s3://bucket/year=2018/month=11/", "s3://bucket/logs@2018/x", "s3://bucket/what?", "s3://bucket/a#b",
    "/data/a@b.duckdb",
    "duckdb:/data/a@b.duckdb", "duckdb:data/a@b", "file:///data/a@b", "/data/12:30@home/x", "log data/passwords.json",
    "arn:aws:iam::123456789012:role/a@b", "~/w.duckdb", "what?.duckdb", "s3://bucket/token/secret/key", "100%.duckdb",
]  # fmt: skip


def planted(form: str, secret: str = SECRET) -> str:
    """A form with the secret. Of several @ side by side, the first is the secret's place."""
    return form.replace("@@", f"{secret}@").replace("=@", f"={secret}").replace("/@", f"/{secret}").replace(
        "#@", f"#{secret}").replace("= @", f"= {secret}").replace("a @ b", f"a {secret} b").replace(
        "%3A@", f"%3A{secret}")  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_secret_of_an_address_is_hidden(form: str) -> None:
    address = planted(form)
    assert SECRET in address
    assert SECRET not in mask(address, is_address=True)
    assert may_hold_secret(address)
    if " b" not in form:
        for sentence in (
            f"cannot open {address}: it is not there",
            f"`{address}`",
            f"sparkify: ({address})",
            f"x={address}",
        ):
            assert SECRET not in mask(sentence), sentence
        assert mask(f"cannot open {address}: no").startswith("cannot open ")


@pytest.mark.parametrize(
    "form", ["redshift://u@h:@/d", "redshift://u@h/d @", "redshift://u;@h/d/@", "md:@", "REDSHIFT:@"]
)
@pytest.mark.parametrize("command", [["create", "-n"], ["check", "-n"], ["create", "--drop"], ["status"]])
def test_address_of_no_form_is_not_repeated(form: str, command: list[str]) -> None:
    address = form.replace("@", SECRET) if form.count("@") == 1 else SECRET.join(form.rsplit("@", 1))
    result = CliRunner().invoke(cli.cli, [*command, "--warehouse", address])
    assert result.exit_code != 0
    assert SECRET not in f"{result.output}{result.exception}"


@pytest.mark.parametrize(
    "form", ["redshift://u:@@h/d", 'password="a b @@ c"', "AWS_SECRET_ACCESS_KEY=@@", "s3://k:@@b/x"]
)
def test_secret_anywhere_in_a_long_sentence_is_hidden(form: str) -> None:
    told = form.replace("@", SECRET, 1) if form.count("@") == 2 else form.replace("@@", SECRET)
    for before in range(3_900, 4_060):
        words = ("ab " * 2_000)[:before] + " "
        masked = mask(f"{words}{told} {'and so on ' * 500}")
        assert SECRET not in masked, before
        assert len(masked) > 8_000
    assert SECRET not in mask("x" * 3_990 + told + "y" * 5_000)


def test_text_encoded_very_often_is_hidden() -> None:
    assert mask("s3://b/%" + "25" * 900, is_address=True) == "…"


@pytest.mark.parametrize("address", INNOCENT)
def test_address_without_a_secret_is_shown(address: str) -> None:
    assert not may_hold_secret(address)
    sentence = f"cannot read {address}/a.json: it has changed since it was listed; the next load will take it"
    assert mask(sentence) == sentence


LETTERS = st.text("abcXYZ0189+/=@:?#&;%'\\~. -_ü", max_size=12)


@given(st.sampled_from([form for form in FORMS if form.count(":@@") == 1]), LETTERS, LETTERS)
def test_password_of_any_characters_is_hidden(form: str, before: str, after: str) -> None:
    password = f"{before}{SECRET}{after}"
    assert SECRET not in mask(form.replace("@@", f"{password}@"), is_address=True)
    encoded = quote(password, safe="")
    assert SECRET not in mask(form.replace("@@", f"{encoded}@"), is_address=True)


def _words(folder: Path, runner: CliRunner, arguments: list[str]) -> str:
    """All that a command writes: both streams, and its logs."""
    logs = [folder / "events.jsonl", folder / "statements.sql"]
    shown = ""
    for options in ([], ["--json"]):
        result = runner.invoke(cli.cli, [*arguments, *options, "--log-sql", str(logs[1])], standalone_mode=True)
        shown += result.output + repr(result.exception)
        if result.exception and not isinstance(result.exception, SystemExit):
            shown += _told(result.exception)
    return shown + "".join(log.read_text(encoding="utf-8") for log in logs if log.exists())


def _told(error: BaseException) -> str:
    assert isinstance(error, SparkifyError), repr(error)
    return str(error)


COMMANDS = [["create", "-n"], ["plan"], ["status"], ["check", "-n"], ["doctor"], ["load", "-n"], ["undo", "1", "-n"]]
PLACES = ["option", "variable", "file"]


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(form=st.sampled_from(FORMS), command=st.sampled_from(COMMANDS), place=st.sampled_from(PLACES), data=st.data())
def test_no_command_shows_a_secret_of_a_setting(
    form: str, command: list[str], place: str, data: st.DataObject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [
        one for one in SETTINGS if one.type is str and (place != "option" or one.group in ("warehouse", "sources"))
    ]
    setting = data.draw(st.sampled_from([one for one in texts if place != "option" or one.name != "storage_version"]))
    arguments = list(command)
    with monkeypatch.context() as patched:
        for name in [name for name in os.environ if name.startswith(("SPARKIFY_", "AWS_"))]:
            patched.delenv(name)
        patched.chdir(tmp_path)
        config = tmp_path / "dwh.cfg"
        config.write_text("[S3]\nLOG_DATA=nowhere\n" if setting.name != "log_data" else "", encoding="utf-8")
        if place == "variable":
            patched.setenv(setting.variable, planted(form))
        elif place == "file":
            text = f"[{setting.section}]\n{setting.key}={planted(form)}\n"
            config.write_text(
                text if setting.name == "log_data" else f"{text}[S3]\n" * (setting.section != "S3") or text
            )
        elif command[0] in ("plan", "doctor", "load") or setting.group == "warehouse":
            arguments += [setting.option, planted(form)]
        shown = _words(tmp_path, CliRunner(), arguments)
    assert SECRET not in shown, shown


@pytest.mark.parametrize(
    "arguments",
    [["{}"], ["load", "{}"], ["query", "{}"], ["compare", "{}"], ["undo", "{}"], ["report", "-o", "{}/x"],
     ["load", "--log-json", "{}/x/y"], ["simulate", "-o", "{}"], ["rejects", "--export", "{}"],
     ["load", "--wait", "{}"],
     ["status", "--config", "{}"], ["status", "--log-sql", "{}/x/y"], ["query", "top-songs", "--level", "{}"]],
)  # fmt: skip
@pytest.mark.parametrize("form", ["postgresql://u:@@h/d", "s3://KEY:@@b/x", "md:db?motherduck_token=@"])
def test_no_refusal_repeats_a_secret(
    arguments: list[str], form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        cli.main([part.format(planted(form)) for part in arguments])
    shown = capsys.readouterr()
    assert SECRET not in shown.out + shown.err


def test_names_in_a_file_that_may_be_secrets_are_not_shown() -> None:
    notes: list[str] = []
    Path("dwh.cfg").write_text(f"[{SECRET}]\nx=1\n[profile dev]\n[S3]\nLOG_DATA=a\n", encoding="utf-8")
    load_config(on_note=notes.append)
    assert notes == ["dwh.cfg: […], [profile dev] ignored: sparkify has no such section"]
    for text in (
        f"[S3]\n{SECRET}=\n",
        f"[SPARKIFY]\nMEMORY_LIMIT={SECRET}\n",
        f"[EVENT_KEYS]\n{SECRET}=x\n",
        f"{SECRET}\n",
    ):
        Path("dwh.cfg").write_text(text, encoding="utf-8")
        with pytest.raises(SparkifyError) as caught:
            load_config()
        assert SECRET not in str(caught.value)


def test_settings_show_and_write_down_no_secret() -> None:
    config = load_config(db_password=SECRET, db_secret_arn=SECRET)
    assert SECRET not in repr(config) + str(config) + f"{config!r}"
    assert SECRET not in repr(Config(warehouse=f"redshift://u:{SECRET}@h/d", log_data=f"s3://k:{SECRET}@b/x"))


def test_settings_reach_another_process_whole() -> None:
    sent = pickle.loads(pickle.dumps(load_config(db_password=SECRET)))
    assert isinstance(sent.db_password, Secret)
    assert sent.db_password.reveal() == SECRET


def test_loggers_of_libraries_that_sign_in_are_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("boto3", "botocore", "botocore.auth", "redshift_connector", "urllib3.connectionpool")
    before = {name: logging.getLogger(name).level for name in (*names, "urllib3", "s3transfer")}
    try:
        for name in before:
            logging.getLogger(name).setLevel(logging.NOTSET)
        monkeypatch.setattr(logging.root, "level", logging.DEBUG)
        logging.getLogger("boto3").setLevel(logging.DEBUG)
        keep_secrets_from_logs()
        assert [logging.getLogger(name).isEnabledFor(logging.DEBUG) for name in names] == [True, *[False] * 4]
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def test_event_log_of_a_load_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "a.json").write_bytes(to_lines([play()]))
    monkeypatch.setenv("SPARKIFY_DB_PASSWORD", SECRET)
    arguments = ["load", "--log-data", str(tmp_path / "log"), "--warehouse", str(tmp_path / "w.duckdb")]
    log = tmp_path / "events.jsonl"
    result = CliRunner().invoke(cli.cli, [*arguments, "--log-json", str(log)])
    assert result.exit_code == 0
    assert SECRET not in result.output + log.read_text(encoding="utf-8")
