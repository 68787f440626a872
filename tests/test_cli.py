"""The command: its help, usage, settings and completion, and `create`."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

import sparkify
from sparkify.cli import cli
from sparkify.settings import SETTINGS, Config
from sparkify.star.tables import TABLES, VERSION, VIEWS
from tests.engines.commands import COMMAND, ROOT, Ran, at, environment, options, run_command, run_here, terminal
from tests.support import deliver, snapshot

# ---- the group ----


def test_help_names_every_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = run_here("--help")
    assert (shown.code, shown.err) == (0, "")
    verbs = re.findall(r"^  ([a-z]+)  +\S", shown.out.split("Try it:")[1], re.MULTILINE)
    modules = {path.stem for path in (ROOT / "sparkify" / "cli").glob("*.py")}
    assert set(verbs) == modules - {"__init__", "completion", "mistakes", "options", "shells", "streams", "triangle"}
    assert len(verbs) == len(set(verbs))
    assert verbs[:4] == ["demo", "simulate", "plan", "load"]
    assert max(map(len, shown.out.splitlines())) <= 80
    # No sentence is cut off.
    assert "…" not in shown.out
    assert "..." not in shown.out.replace("[ARGS]...", "")
    for verb in verbs:
        helped = run_here(verb, "-h")
        assert (helped.code, helped.err) == (0, "")
        assert "--json" in helped.out or verb == "help"
        assert re.search(rf"^Examples?:\n  sparkify {verb}\b", helped.out, re.MULTILINE)
        assert run_here("help", verb) == helped
    assert run_here("help") == shown


def test_version() -> None:
    for option in ("--version", "-V"):
        assert run_here(option) == Ran(0, f"sparkify, version {sparkify.__version__}\n", "")


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("qu", ["query"]),
        ("help mig", ["migrate"]),
        ("help query chu", ["churn"]),
        ("help load chu", []),
        ("query top_", ["top_songs", "top_artists"]),
        ("query hours --level ", ["free", "paid"]),
        ("query hours --fr", ["--from"]),
        ("query -o ", ["file"]),
        ("rejects --reason not_j", ["not_json", "not_json:nan"]),
        # For bash a word begins after : and =.
        ("rejects --reason missing:us", ["userId"]),
        ("rejects --reason=missing:us", ["userId"]),
        ("query --level=p", ["paid"]),
        ("query --output=o", ["file"]),
        ("rejects --load ", ["1"]),
        ("undo ", ["1"]),
        ("undo 2", []),
        ("undo --warehouse nowhere.duckdb ", []),
        ("undo --warehouse redshift://me@nowhere/dev ", []),
        ("undo --config nowhere.cfg ", []),
        ("export lake --tables user", ["users", "user_levels"]),
        ("export lake --tables songs,art", ["songs,artists"]),
        ("load --log-data ", ["file"]),
        ("compare ", ["file"]),
    ],
)
def test_shell_completes(settled: Config, monkeypatch: pytest.MonkeyPatch, line: str, completed: list[str]) -> None:
    monkeypatch.setenv("SPARKIFY_WAREHOUSE", settled.warehouse_address)
    monkeypatch.setenv("_SPARKIFY_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"sparkify {line}")
    monkeypatch.setenv("COMP_CWORD", re.split("[ :=]", line)[-1])
    monkeypatch.setattr(sys, "argv", ["sparkify"])
    ran = run_here()
    assert ran.err == ""
    # A path is left to the shell.
    words = [kind if kind == "file" else word for kind, _, word in (one.partition(",") for one in ran.out.split())]
    assert sorted(words) == sorted(completed)


def test_fish_gets_whole_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["sparkify"])
    monkeypatch.setenv("_SPARKIFY_COMPLETE", "fish_source")
    # A value may hold a comma.
    assert 'string split --max 1 "," $completion' in run_here().out
    monkeypatch.setenv("_SPARKIFY_COMPLETE", "fish_complete")
    for line, completed in (("query --level=p", "--level=paid"), ("rejects --reason missing:us", "missing:userId")):
        monkeypatch.setenv("COMP_WORDS", f"sparkify {line}")
        monkeypatch.setenv("COMP_CWORD", line.split(" ")[-1])
        assert run_here().out == f"plain,{completed}\n"


def test_zsh_gets_words_after_an_equals_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["sparkify"])
    monkeypatch.setenv("_SPARKIFY_COMPLETE", "zsh_source")
    assert 'compset -P "*="' in run_here().out


@pytest.mark.slow
def test_completion_is_quick_and_silent() -> None:
    """Only the list of loads needs a driver; where there is no warehouse nothing is said."""
    script = (
        "import sys; sys.argv = ['sparkify']\nfrom sparkify.__main__ import main\n"
        "try: main()\nfinally: print([name for name in ('duckdb', 'obstore', 'rich') if name in sys.modules])"
    )
    for line, first in (
        ("query top_so", "plain,top_songs"),
        ("rejects --reason not_o", "plain,not_object"),
        ("undo ", ""),
    ):
        ended = subprocess.run(
            [sys.executable, "-c", script],
            env=environment(
                _SPARKIFY_COMPLETE="bash_complete", COMP_WORDS=f"sparkify {line}", COMP_CWORD=line.split(" ")[-1]
            ),
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert (ended.stdout, ended.stderr) == (f"{first}\n[]\n", "")


@pytest.mark.slow
def test_bash_takes_the_completion() -> None:
    script = (
        'eval "$(_SPARKIFY_COMPLETE=bash_source sparkify)"; COMP_LINE="sparkify rejects --reason missing:u"; '
        "COMP_POINT=${#COMP_LINE}; _sparkify_completion sparkify u; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-c", script], env=environment(PATH=path), capture_output=True, text=True, timeout=60
    )
    assert (ended.stdout, ended.stderr) == ("userId\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["laod"],
        ["load", "--nonsense"],
        ["load", "extra"],
        ["load", "--threads", "many"],
        ["load", "--max-rejects"],
        ["rejects", "--load", "first"],
        ["simulate"],
        ["simulate", "somewhere", "--events", "few"],
    ],
)
def test_wrong_usage(arguments: list[str]) -> None:
    ended = run_here(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "Error: " in ended.err
    assert list(Path().iterdir()) == []


def test_unknown_option_of_a_process() -> None:
    ended = run_command("load", "--nonsense")
    assert (ended.code, ended.out) == (2, "")
    assert "--nonsense" in ended.err


# ---- create ----


def test_create(warehouse: Config) -> None:
    created = run_here("create", *at(warehouse))
    assert (created.code, created.out) == (0, "")
    assert created.err == f"created: {', '.join((*TABLES, *VERSION, *VIEWS))}\n"
    assert run_here("create", *at(warehouse)) == Ran(0, "", "every table exists already\n")
    assert run_here("create", *at(warehouse), "-q") == Ran(0, "", "")
    answer = run_here("create", *at(warehouse), "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json() == {"warehouse": warehouse.warehouse_address, "created": []}


def test_create_keeps_what_is_there(loaded: Config) -> None:
    before = snapshot(loaded)
    assert run_here("create", *at(loaded)).code == 0
    assert snapshot(loaded) == before


@pytest.mark.parametrize("drop", [["--drop"], ["--drop", "-q"], ["--drop", "--json"]])
def test_drop_without_a_terminal_needs_yes(settled: Config, drop: list[str]) -> None:
    before = snapshot(settled)
    ended = run_command("create", *at(settled), *drop)
    assert (ended.code, ended.out) == (2, "")
    assert "--yes" in ended.err
    assert snapshot(settled) == before


def test_drop_with_yes(loaded: Config) -> None:
    assert run_here("create", *at(loaded), "--drop", "--yes").code == 0
    assert set(snapshot(loaded)) == set(TABLES) - {"normalized_texts"}
    assert not any(snapshot(loaded).values())


def test_drop_with_closed_stdin(settled: Config) -> None:
    before = snapshot(settled)
    command = shlex.join([*COMMAND, "create", *at(settled), "--drop"])
    ended = subprocess.run(f"{command} <&-", shell=True, env=environment(), capture_output=True, text=True, timeout=60)
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 2
    assert snapshot(settled) == before


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "dropped"), [("y", True), ("n", False), ("", False)])
def test_drop_asks_on_a_terminal(loaded: Config, answer: str, dropped: bool) -> None:
    before = snapshot(loaded)
    with terminal() as (ours, theirs, _):
        os.write(ours, f"{answer}\n".encode())
        ended = subprocess.run(
            [*COMMAND, "create", *at(loaded), "--drop"],
            env=environment(), stdin=theirs, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert "and all its data?" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    assert (ended.returncode == 0) == dropped
    assert (snapshot(loaded) == before) == (not dropped)


@pytest.mark.slow
def test_an_answer_that_is_no_text_is_not_agreed(loaded: Config) -> None:
    before = snapshot(loaded)
    with terminal() as (ours, theirs, _):
        os.write(ours, b"\xffy\n")
        ended = subprocess.run(
            [*COMMAND, "create", *at(loaded), "--drop"],
            env=environment(PYTHONIOENCODING="utf-8:strict"), stdin=theirs, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "The answer cannot be read; answer y or n" in ended.stderr
    assert snapshot(loaded) == before


# ---- settings ----


def test_option_then_environment_then_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def warehouse(*arguments: str) -> str:
        answer = run_here("create", "--json", *arguments)
        assert answer.code == 0
        return str(answer.json()["warehouse"])

    assert warehouse() == "sparkify.duckdb"
    Path("dwh.cfg").write_text("[SPARKIFY]\nWAREHOUSE = 'file.duckdb'\n", encoding="utf-8")
    Path("other.cfg").write_text("[SPARKIFY]\nWAREHOUSE = 'other.duckdb'\n", encoding="utf-8")
    assert warehouse() == "file.duckdb"
    assert warehouse("--config", "other.cfg") == "other.duckdb"
    monkeypatch.setenv("SPARKIFY_WAREHOUSE", "environment.duckdb")
    assert warehouse() == "environment.duckdb"
    assert warehouse("--warehouse", "option.duckdb") == "option.duckdb"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[S3]\nLOG_DTA=logs\n", "unknown key LOG_DTA in [S3] of dwh.cfg; did you mean LOG_DATA?"),
        ("[CLUSTR]\nHOST=h\n", "unknown section [CLUSTR] in dwh.cfg; did you mean CLUSTER?"),
        ("LOG_DATA=logs\n", "cannot read dwh.cfg, line 1"),
        ("[SPARKIFY]\nTHREADS=x\n", "the setting threads is not valid"),
    ],
)
def test_settings_file_that_is_wrong(delivered: Config, text: str, words: str) -> None:
    Path("dwh.cfg").write_text(text, encoding="utf-8")
    ended = run_here("load", *options(delivered))
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert not Path(delivered.warehouse_address).exists()


@pytest.mark.parametrize(
    ("option", "value"), [("--memory-limit", "lots"), ("--threads", "0"), ("--config", "missing.cfg")]
)
def test_setting_that_is_wrong(delivered: Config, option: str, value: str) -> None:
    ended = run_here("load", *options(delivered), option, value)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("sparkify: ")
    assert "Traceback" not in ended.err


def test_sections_of_others_are_named_in_a_note(settled: Config) -> None:
    Path("dwh.cfg").write_text("[AWS]\nKEY=k\n[DWH]\nCLUSTER_TYPE=multi-node\n", encoding="utf-8")
    ended = run_here("plan", *options(settled))
    assert ended.code == 0
    assert ended.err.splitlines()[0] == "dwh.cfg: [AWS], [DWH] ignored: sparkify has no such section"
    assert run_here("plan", *options(settled), "-q").err == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["query", "levels", "--from", "2018-11-01", "--from", "2018-11-02"],
        ["load", "--threads=2", "--threads=2"],
        ["simulate", "data", "--seed", "1", "--seed", "2"],
        ["report", "-o", "a", "--output", "b"],
    ],
)
def test_option_that_is_given_twice(arguments: list[str]) -> None:
    ended = run_here(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "is given 2 times; give it once" in ended.err


def test_no_command_takes_an_option_twice() -> None:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        options = [option for option in command.params if isinstance(option, click.Option)]
        for option in options:
            if option.is_flag or option.multiple:
                continue
            with pytest.raises(click.UsageError, match=rf"'{option.opts[-1]}' is given 2 times"):
                command.make_context(name, [f"{option.opts[-1]}=1"] * 2)
    assert list(Path().iterdir()) == []


def test_switch_that_is_given_twice(settled: Config) -> None:
    assert run_here("check", "-q", "-q", *at(settled)) == Ran(0, "", "")


SOURCE_OPTIONS = {"--log-data", "--song-data", "--log-pattern", "--song-pattern", "--anonymous", "--concurrency"}


@pytest.mark.parametrize(
    ("verb", "offered"),
    [
        ("query", {"--timezone"}),
        ("undo", set()),
        ("status", SOURCE_OPTIONS),
        ("replay", {"--stage"}),
        ("create", {"--storage-version"}),
        ("compact", {"--storage-version"}),
        ("load", {"--storage-version", *SOURCE_OPTIONS, "--stage"}),
        ("stage", {"--anonymous", "--concurrency"}),
    ],
)
def test_a_command_offers_the_settings_that_it_uses(verb: str, offered: set[str]) -> None:
    of_warehouse = {"--warehouse", "--wait", "--log-sql"}
    everywhere = {"--memory-limit", "--threads", "--config", "--json", "--quiet"}
    found = set(re.findall(r"--[a-z-]+", run_here(verb, "--help").out.partition("Options:")[2]))
    # Staging a part opens no warehouse.
    assert found & (of_warehouse | everywhere) == everywhere | (of_warehouse if verb != "stage" else set())
    assert found & {setting.option for setting in SETTINGS} - of_warehouse - everywhere == offered


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_hindrance(warehouse: Config, closed: str) -> None:
    deliver(warehouse)
    script = f'exec "$@" {closed}'
    command = ["sh", "-c", script, "sh", *COMMAND, "load", *options(warehouse)]
    assert subprocess.run(command, env=environment(), timeout=120).returncode == 0
    assert run_command("check", *at(warehouse)).code == 0
