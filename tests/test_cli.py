"""The command: what each verb prints to which stream, and its exit codes."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import duckdb
import pytest
from msgspec import structs

import sparkify
from sparkify.cli import cli, main
from sparkify.formats import count_of, format_bytes
from sparkify.questions.catalogue import list_questions
from sparkify.settings import SETTINGS, Config
from sparkify.simulator import SimulateOptions, simulate
from sparkify.star.tables import STAR, TABLES, VERSION, VIEWS
from tests.support import (
    copy_warehouse,
    event,
    execute,
    failing_checks,
    fetch,
    log_file,
    new_warehouse,
    play,
    snapshot,
    song,
    song_file,
    strip_progress,
    truncated_gzip,
    write_file,
)

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "sparkify"]
BAD_PLAY = play(song=None)
EVIL = 'ev\u0000il\x1b[2J\r\n\u202e"'


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The one object on stdout, which must be strict JSON."""

        def refuse(constant: str) -> None:
            raise ValueError(f"{constant} is no JSON")

        return json.loads(self.out, parse_constant=refuse)


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process: fast, and an unhandled exception fails the test."""

    def call(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Ran(code or 0, out, strip_progress(err))

    return call


def environment(**variables: str) -> dict[str, str]:
    # Buffered, as usual: unbuffered output would hide faults when the rest is flushed at the end.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return inherited | {"PYTHONPATH": str(ROOT)} | variables


def run_process(*arguments: str | Path, **variables: str) -> Ran:
    """Run the command as its own process, without a terminal."""
    ended = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment(**variables), stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=120,
    )  # fmt: skip
    assert "Traceback" not in ended.stderr
    return Ran(ended.returncode, ended.stdout, strip_progress(ended.stderr))


def at(config: Config) -> list[str]:
    """The option that names the warehouse."""
    return ["--warehouse", config.warehouse_address]


def options(config: Config) -> list[str]:
    """The options that name the warehouse and both sources."""
    assert config.log_data is not None
    assert config.song_data is not None
    return [*at(config), "--log-data", config.log_data, "--song-data", config.song_data]


def deliver(config: Config) -> Config:
    """Write sources with something of everything."""
    write_file(log_file(config), [play(), play(userId=2, song="Starlight"), event(userId=3), BAD_PLAY, "no JSON"])
    write_file(song_file(config), [song()])
    return config


@pytest.fixture
def delivered(warehouse: Config) -> Config:
    """Sources with something of everything, of which nothing is loaded yet."""
    return deliver(warehouse)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A loaded warehouse that no test changes."""
    config = deliver(new_warehouse(tmp_path_factory.mktemp("settled")))
    sparkify.load(config)
    return config


@pytest.fixture
def loaded(settled: Config, tmp_path: Path) -> Config:
    """A copy for one test, which may change it."""
    return copy_warehouse(settled, tmp_path)


# ---- the group ----


def test_help_names_every_verb(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = run("--help")
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
        helped = run(verb, "-h")
        assert (helped.code, helped.err) == (0, "")
        assert "--json" in helped.out or verb == "help"
        assert re.search(rf"^Examples?:\n  sparkify {verb}\b", helped.out, re.MULTILINE)
        assert run("help", verb) == helped
    assert run("help") == shown


def test_version(run: Run) -> None:
    for option in ("--version", "-V"):
        assert run(option) == Ran(0, f"sparkify, version {sparkify.__version__}\n", "")


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
def test_shell_completes(
    run: Run, settled: Config, monkeypatch: pytest.MonkeyPatch, line: str, completed: list[str]
) -> None:
    monkeypatch.setenv("SPARKIFY_WAREHOUSE", settled.warehouse_address)
    monkeypatch.setenv("_SPARKIFY_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"sparkify {line}")
    monkeypatch.setenv("COMP_CWORD", re.split("[ :=]", line)[-1])
    monkeypatch.setattr(sys, "argv", ["sparkify"])
    ran = run()
    assert ran.err == ""
    # A path is left to the shell.
    words = [kind if kind == "file" else word for kind, _, word in (one.partition(",") for one in ran.out.split())]
    assert sorted(words) == sorted(completed)


def test_fish_gets_whole_words(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["sparkify"])
    monkeypatch.setenv("_SPARKIFY_COMPLETE", "fish_source")
    # A value may hold a comma.
    assert 'string split --max 1 "," $completion' in run().out
    monkeypatch.setenv("_SPARKIFY_COMPLETE", "fish_complete")
    for line, completed in (("query --level=p", "--level=paid"), ("rejects --reason missing:us", "missing:userId")):
        monkeypatch.setenv("COMP_WORDS", f"sparkify {line}")
        monkeypatch.setenv("COMP_CWORD", line.split(" ")[-1])
        assert run().out == f"plain,{completed}\n"


def test_zsh_gets_words_after_an_equals_sign(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["sparkify"])
    monkeypatch.setenv("_SPARKIFY_COMPLETE", "zsh_source")
    assert 'compset -P "*="' in run().out


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
def test_wrong_usage(run: Run, arguments: list[str]) -> None:
    ended = run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "Error: " in ended.err
    assert list(Path().iterdir()) == []


def test_unknown_option_of_a_process() -> None:
    ended = run_process("load", "--nonsense")
    assert (ended.code, ended.out) == (2, "")
    assert "--nonsense" in ended.err


# ---- create ----


def test_create(run: Run, warehouse: Config) -> None:
    created = run("create", *at(warehouse))
    assert (created.code, created.out) == (0, "")
    assert created.err == f"created: {', '.join((*TABLES, *VERSION, *VIEWS))}\n"
    assert run("create", *at(warehouse)) == Ran(0, "", "every table exists already\n")
    assert run("create", *at(warehouse), "-q") == Ran(0, "", "")
    answer = run("create", *at(warehouse), "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json() == {"warehouse": warehouse.warehouse_address, "created": []}


def test_create_keeps_what_is_there(run: Run, loaded: Config) -> None:
    before = snapshot(loaded)
    assert run("create", *at(loaded)).code == 0
    assert snapshot(loaded) == before


@pytest.mark.parametrize("drop", [["--drop"], ["--drop", "-q"], ["--drop", "--json"]])
def test_drop_without_a_terminal_needs_yes(settled: Config, drop: list[str]) -> None:
    before = snapshot(settled)
    ended = run_process("create", *at(settled), *drop)
    assert (ended.code, ended.out) == (2, "")
    assert "--yes" in ended.err
    assert snapshot(settled) == before


def test_drop_with_yes(run: Run, loaded: Config) -> None:
    assert run("create", *at(loaded), "--drop", "--yes").code == 0
    assert set(snapshot(loaded)) == set(TABLES) - {"normalized_texts"}
    assert not any(snapshot(loaded).values())


def test_drop_with_closed_stdin(settled: Config) -> None:
    before = snapshot(settled)
    command = shlex.join([*COMMAND, "create", *at(settled), "--drop"])
    ended = subprocess.run(f"{command} <&-", shell=True, env=environment(), capture_output=True, text=True, timeout=60)
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 2
    assert snapshot(settled) == before


@contextmanager
def terminal() -> Iterator[tuple[int, int, list[bytes]]]:
    """A pseudo-terminal: our end, the command's end, and what the command wrote."""
    ours, theirs = pty.openpty()
    written: list[bytes] = []

    def read() -> None:
        # Some systems end with an error, some with nothing.
        with suppress(OSError):
            while block := os.read(ours, 4096):
                written.append(block)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield ours, theirs, written
    finally:
        os.close(theirs)
        reader.join(timeout=30)
        os.close(ours)


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


# ---- plan ----


def test_plan(run: Run, delivered: Config) -> None:
    planned = run("plan", "--files", *options(delivered))
    assert planned.code == 0
    assert re.search(r"^events +new +1 +[\d,]+$", planned.out, re.MULTILINE)
    assert re.search(r"^new +events +[\d,]+ +\S+events\.json +not loaded yet$", planned.out, re.MULTILINE)
    size = log_file(delivered).stat().st_size + song_file(delivered).stat().st_size
    assert (
        planned.err
        == f"2 new, 0 changed, 0 moved, 0 unchanged, 0 to_reread, 0 vanished; {format_bytes(size)} to load\n"
    )
    assert not Path(delivered.warehouse_address).exists()
    assert run("plan", "--files", *options(delivered), "-q") == Ran(0, planned.out, "")
    summary = run("plan", *options(delivered), "-q").out
    assert planned.out.startswith(f"{summary}\n")
    assert "events.json" not in summary


def test_plan_as_json(run: Run, loaded: Config) -> None:
    write_file(log_file(loaded), [play()])
    song_file(loaded).unlink()
    answer = run("plan", *options(loaded), "--json")
    assert (answer.code, answer.err) == (0, "")
    found = answer.json()
    assert found["files"] == {"new": 0, "changed": 1, "moved": 0, "unchanged": 0, "to_reread": 0, "vanished": 1}
    assert [(file["dataset"], file["state"], file["url"]) for file in found["plan"]] == [
        ("events", "changed", str(log_file(loaded))), ("songs", "vanished", str(song_file(loaded))),
    ]  # fmt: skip


def test_what_is_left_out_is_told(run: Run, delivered: Config) -> None:
    others = [log_file(delivered).with_name(name) for name in ("a.csv", ".hidden", "b.csv")]
    for other in others:
        other.write_text("x", encoding="utf-8")
    left_out = {"count": 3, "kinds": {".csv": 2, "hidden": 1}, "examples": sorted(map(str, others))}
    assert run("plan", "--json", *options(delivered)).json()["left_out"] == left_out
    assert "3 left out (2 .csv, 1 hidden): " in run("plan", *options(delivered)).err
    loaded = run("load", "--json", *options(delivered)).json()
    assert loaded["left_out"] == left_out
    assert any("3 left out" in warning for warning in loaded["warnings"])
    assert "3 left out" in run("doctor", *options(delivered)).out


# ---- load ----


def test_load(delivered: Config) -> None:
    done = run_process("load", *options(delivered))
    assert done.code == 0
    assert re.fullmatch(r"warning: NULL in every play \(2\): .+\n", done.err)
    lines = done.out.splitlines()
    assert lines[0] == "loaded: 2 new"
    assert re.match(r"load 1: 6 records read = 4 loaded \+ 2 rejected, in \d+\.\d\d s$", lines[1])
    assert "  rejected 1 missing:song" in lines
    assert re.search(r"^  songplays +2$", done.out, re.MULTILINE)
    lines = [line for line in lines if not line.startswith("judged by SQL")]
    assert lines[-2] == "match rate: 50% of plays have a song of the catalogue, 100% an artist"
    # A third of the records is rejected, but the exit code is 0.
    assert lines[-1].startswith("warning from check rejected_records.rejected_share_is_small: ")


def test_load_again(run: Run, settled: Config) -> None:
    again = run("load", *options(settled))
    assert (again.code, again.err) == (0, "")
    assert again.out.startswith("nothing to do: 2 unchanged\n")


def test_load_as_json(delivered: Config) -> None:
    answer = run_process("load", *options(delivered), "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.count("\n") == 1
    found = answer.json()
    assert 0 < found.pop("seconds") < 60
    expected = {
        "load_id": 1,
        "status": "loaded",
        "files": {"new": 2, "changed": 0, "moved": 0, "unchanged": 0, "to_reread": 0, "vanished": 0, "failed": 0},
        "records": {"read": 6, "loaded": 4, "rejected": 2, "repaired": 0},
        "reasons": {"missing:song": 1, "not_json": 1},
        "match_rate": {"song": 0.5, "artist": 1.0},
    }
    assert {name: found[name] for name in expected} == expected
    assert list(found["tables"]) == list(TABLES)
    assert (found["tables"]["staging_events"], found["tables"]["users"], found["tables"]["rejected_records"]) == (
        3,
        3,
        2,
    )


def test_load_of_nothing_as_json(run: Run, settled: Config) -> None:
    answer = run("load", *options(settled), "--json")
    found = answer.json()
    assert (answer.code, answer.err, found["status"], found["load_id"]) == (0, "", "nothing_to_do", None)
    assert found["records"] == {"read": 0, "loaded": 0, "rejected": 0, "repaired": 0}


def test_quiet_load_is_silent(run: Run, delivered: Config) -> None:
    assert run("load", *options(delivered), "-q") == Ran(0, "", "")
    assert fetch(delivered, "SELECT count(*) FROM songplays") == [(2,)]


def test_load_warns_of_a_folder_without_data(run: Run, delivered: Config) -> None:
    song_file(delivered).unlink()
    warning = (
        f"there is no data file below {delivered.song_data}: data are files whose names end in .json, .jsonl or "
        ".ndjson, also with .gz, .zst, .bz2 or .xz after it; the folder is empty"
    )
    done = run("load", *options(delivered))
    assert done.code == 0
    assert f"warning: {warning}" in done.err.splitlines()
    again = run("load", *options(delivered))
    assert (again.code, again.err) == (0, f"warning: {warning}\n")
    assert run("load", *options(delivered), "-q") == Ran(0, "", "")
    answer = run("load", *options(delivered), "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json()["warnings"] == [warning]


def test_dry_run_of_a_load_that_reads_again(run: Run, delivered: Config) -> None:
    run("load", *options(delivered), "-q")
    execute(delivered, "UPDATE load_files SET rules = 'another'")
    for more, state in ([], "to_reread"), (["--reread"], "changed"):
        shown = run("load", "--dry-run", *more, *options(delivered))
        assert re.search(rf"^{state} +events ", shown.out, re.MULTILINE)


def test_load_names_unknown_keys(run: Run, delivered: Config) -> None:
    write_file(log_file(delivered), [play(device="phone"), play(userId=2, **{EVIL: 1})])
    done = run("load", *options(delivered))
    (named,) = [line for line in done.err.splitlines() if line.startswith("warning: 2 unknown keys in the log data")]
    assert "device" in named
    assert "ev" in named
    assert_harmless(done.err)


@pytest.mark.parametrize("limit", ["1", "33%"])
def test_load_of_too_many_rejects(run: Run, delivered: Config, limit: str) -> None:
    ended = run("load", *options(delivered), "--max-rejects", limit, "--json")
    assert (ended.code, ended.out) == (5, "")
    assert re.match(r"sparkify: 2 of 6 records were rejected .*missing:song 1.*\n$", ended.err)
    assert run("load", *options(delivered), "--max-rejects", "2", "-q").code == 0


def test_load_without_sources(run: Run) -> None:
    ended = run("load")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("sparkify: no source is set; give --log-data, --song-data or both")
    assert list(Path().iterdir()) == []


def test_load_from_a_missing_root(run: Run, delivered: Config) -> None:
    ended = run("load", *at(delivered), "--log-data", "no/such/folder")
    assert (ended.code, ended.out) == (3, "")
    assert "no/such/folder" in ended.err
    assert not Path(delivered.warehouse_address).exists()


@pytest.mark.parametrize("form", [[], ["-q"], ["--json"]])
def test_load_of_a_broken_file(run: Run, delivered: Config, form: list[str]) -> None:
    broken = log_file(delivered, "broken.json.gz")
    broken.write_bytes(truncated_gzip([play(userId=9)]))
    ended = run("load", *options(delivered), *form)
    assert ended.code == 3
    *warnings, error = ended.err.splitlines()
    assert error.startswith(f"sparkify: cannot read {broken}: ")
    assert "it stays pending" in error
    assert all(line.startswith("warning: ") for line in warnings)
    assert not warnings or not form
    assert fetch(delivered, "SELECT count(*) FROM songplays") == [(2,)]
    assert fetch(delivered, "SELECT count(*) FROM users WHERE user_id = 9") == [(0,)]
    if form == ["--json"]:
        found = ended.json()
        assert (found["status"], found["files"]["failed"], found["records"]["loaded"]) == ("partial", 1, 4)
    elif not form:
        assert ended.out.startswith("partial: ")
    write_file(broken, [play(userId=9)])
    assert run("load", *options(delivered), "-q").code == 0
    assert fetch(delivered, "SELECT count(*) FROM users WHERE user_id = 9") == [(1,)]


@pytest.mark.slow
def test_progress_on_a_terminal_leaves_stdout_alone(corpus: Config, tmp_path: Path) -> None:
    with terminal() as (_, theirs, written):
        ended = subprocess.run(
            [*COMMAND, "load", *options(corpus.at(str(tmp_path / "w.duckdb")))],
            env=environment(TERM="xterm"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs,
            encoding="utf-8", timeout=120,
        )  # fmt: skip
    assert ended.returncode == 0
    assert ended.stdout.startswith("loaded: ")
    assert_harmless(ended.stdout)
    assert b"Traceback" not in b"".join(written)
    assert b"Warning" not in b"".join(written)


# ---- warehouses that cannot be used ----


def test_warehouse_in_a_missing_folder(run: Run, delivered: Config) -> None:
    ended = run("load", *options(delivered.at("missing/w.duckdb")))
    assert (ended.code, ended.out) == (2, "")
    assert "there is no folder missing" in ended.err


def test_warehouse_that_is_not_database(run: Run, delivered: Config) -> None:
    text = Path("notes.txt")
    text.write_text("not a database\n" * 1_000, encoding="utf-8")
    for verb in ("load", "status", "create"):
        ended = run(verb, *(options if verb != "create" else at)(delivered.at(str(text))))
        assert (ended.code, ended.out) == (4, "")
        assert "notes.txt is not a DuckDB database" in ended.err
    assert text.read_text(encoding="utf-8") == "not a database\n" * 1_000


@pytest.mark.parametrize("verb", ["status", "rejects", "check", "query"])
def test_reading_verbs_without_a_warehouse(run: Run, warehouse: Config, verb: str) -> None:
    ended = run(verb, *(["audience"] if verb == "query" else []), *at(warehouse))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"sparkify: there is no warehouse {warehouse.warehouse_address} yet")
    assert not Path(warehouse.warehouse_address).exists()


@pytest.mark.parametrize("verb", ["status", "rejects", "check", "query"])
def test_reading_verbs_of_a_warehouse_without_tables(run: Run, delivered: Config, verb: str) -> None:
    # The state after a first load that failed.
    duckdb.connect(delivered.warehouse_address).close()
    ended = run(verb, *(["audience"] if verb == "query" else []), *at(delivered))
    assert (ended.code, ended.out) == (2, "")
    assert "run sparkify load" in ended.err
    assert run("plan", *options(delivered), "--json").json()["files"]["new"] == 2


_HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
connection.close()
"""


@pytest.mark.slow
def test_warehouse_held_by_another_process(run: Run, loaded: Config) -> None:
    command = [sys.executable, "-c", _HOLDER, loaded.warehouse_address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "held\n"
            for arguments in (["load", *options(loaded)], ["status", *at(loaded)], ["load", *options(loaded), "-q"]):
                ended = run_process(*arguments)
                assert (ended.code, ended.out) == (4, "")
                assert f"is in use by process {holder.pid};" in ended.err
        finally:
            holder.stdin.close()
            holder.wait(timeout=30)
    assert run("load", *options(loaded), "-q").code == 0


# ---- status, rejects ----


def test_status(run: Run, settled: Config) -> None:
    shown = run("status", *options(settled))
    assert (shown.code, shown.err) == (0, "")
    assert f"warehouse: {settled.warehouse_address}" in shown.out
    assert "records: 6 read = 4 loaded + 2 rejected" in shown.out
    sizes = r"[\d.]+ MB, of which sparkify compact frees about [\d.]+ \w+"
    assert re.search(rf"^file: {sizes}; DuckDB 1\.4\.0 and later open it$", shown.out, re.MULTILINE)
    assert "pending: 0 new, 0 changed, 0 moved, 2 unchanged, 0 to_reread, 0 vanished" in shown.out
    assert re.search(r"^ +1  \d{4}-\S+ \d\d:\d\d +loaded +rebuild +2 +6 +2 +[\d.]+$", shown.out, re.MULTILINE)
    # Of a log of long ago the age says nothing.
    assert re.search(r"^newest event: 2018-11-01 20:57:10\.796 UTC$", shown.out, re.MULTILINE)
    assert "pending: unknown" in run("status", *at(settled)).out


def test_status_as_json(run: Run, loaded: Config) -> None:
    write_file(log_file(loaded, "new.json"), [event()])
    answer = run("status", *options(loaded), "--json")
    assert (answer.code, answer.err) == (0, "")
    found = answer.json()
    assert found["warehouse"] == loaded.warehouse_address
    assert found["file"]["version"] == "v1.4.0"
    assert found["file"]["bytes"] == Path(loaded.warehouse_address).stat().st_size > found["file"]["free_bytes"] >= 0
    assert (found["tables"]["songplays"], found["match_rate"]) == (2, {"song": 0.5, "artist": 1.0})
    assert found["pending"] == {"new": 1, "changed": 0, "moved": 0, "unchanged": 2, "to_reread": 0, "vanished": 0}
    assert [load["load_id"] for load in found["loads"]] == [1]
    assert found["newest_play"] == found["newest_event"] == "2018-11-01T20:57:10.796000"
    assert found["lag_seconds"] > 86_400


def test_rejects(run: Run, settled: Config) -> None:
    counted = run("rejects", *at(settled))
    assert (counted.code, counted.err) == (0, "2 rejected records\n")
    assert [line.split() for line in counted.out.splitlines()] == [
        ["dataset", "reason", "records", "replayable"],
        ["-------", "------------", "-------", "----------"],
        ["events", "missing:song", "1", "1"],
        ["events", "not_json", "1", "1"],
    ]
    shown = run("rejects", "--list", *at(settled))
    assert (shown.code, shown.err) == (0, counted.err)
    assert shown.out.startswith(f"{counted.out}\n")
    head, rule, *rows = shown.out.removeprefix(f"{counted.out}\n").splitlines()
    assert head.split() == ["load_id", "url", "line", "reason", "raw"]
    assert set(rule) == {"-", " "}
    assert [row.split()[2:4] for row in rows] == [["4", "missing:song"], ["5", "not_json"]]
    assert rows[1].endswith("no JSON")
    assert run("rejects", "--list", *at(settled), "-q") == Ran(0, shown.out, "")


def test_rejects_that_cannot_be_replayed(run: Run, warehouse: Config) -> None:
    write_file(log_file(warehouse), [b'\xff{"a": 1}', "no JSON", play(song=None, artist="x" * 70_000)])
    run("load", *options(warehouse), "-q")
    told = run("rejects", "--json", *at(warehouse)).json()
    assert {reject["reason"]: reject["is_replayable"] for reject in told["rejects"]} == {
        "bad_encoding": False, "not_json": True, "too_long:artist": False,
    }  # fmt: skip
    assert {reject["reason"]: reject["raw_size"] for reject in told["rejects"]}["bad_encoding"] == 9
    shown = run("rejects", "--list", *at(warehouse))
    assert "2 of them cannot be replayed, because not all bytes are kept" in shown.err
    assert len(max(shown.out.splitlines(), key=len)) < 1_000


@pytest.mark.parametrize("number", ["9" * 20, "0", "-1"])
def test_rejects_of_a_load_that_cannot_be(run: Run, settled: Config, number: str) -> None:
    ended = run("rejects", *at(settled), "--load", number)
    assert (ended.code, ended.out) == (2, "")
    assert f"{number} is not in the range 1<=x<=2147483647" in ended.err


def test_rejects_by_reason_and_load(run: Run, loaded: Config) -> None:
    write_file(log_file(loaded, "later.json"), [event(ts=None)])
    sparkify.load(loaded)
    cases: list[tuple[list[str], list[str]]] = [
        ([], ["missing:song", "not_json", "missing:ts"]),
        (["--reason", "missing"], ["missing:song", "missing:ts"]),
        (["--reason", "missing:ts"], ["missing:ts"]),
        (["--reason", "missing:userId"], []),
        (["--load", "1"], ["missing:song", "not_json"]),
        (["--load", "2"], ["missing:ts"]),
        (["--load", "2", "--reason", "not_json"], []),
        (["--reason", "missing", "--load", "1"], ["missing:song"]),
    ]
    for chosen, reasons in cases:
        answer = run("rejects", *at(loaded), *chosen, "--json")
        assert (answer.code, answer.err) == (0, "")
        assert [reject["reason"] for reject in answer.json()["rejects"]] == reasons
        # A filter that names few shows them.
        shown = run("rejects", *at(loaded), *chosen)
        assert (shown.code, shown.err) == (0, f"{count_of(len(reasons), 'rejected record')}\n")
        assert len(shown.out.splitlines()) == (len(reasons) + 2 + (len(reasons) + 3 if chosen else 0) if reasons else 0)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (["--reason", "missing_song"], "there is no reason 'missing_song'; did you mean missing:song?"),
        (["--reason", "miss"], "there is no reason 'miss'; did you mean missing?"),
        (["--reason", "xxxx"], "there is no reason 'xxxx'; the warehouse has missing:song, not_json"),
        (["--load", "3"], "there is no load 3; the last is 1"),
        (["--file", "elsewhere/events.json"], "no file elsewhere/events.json was loaded; did you mean /"),
        (["--file", "nothing"], "no file nothing was loaded; give the whole path or URL"),
    ],
)
def test_rejects_of_what_is_unknown(run: Run, settled: Config, chosen: list[str], words: str) -> None:
    ended = run("rejects", *at(settled), *chosen)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err


def test_rejects_keep_the_raw_text_in_json(run: Run, warehouse: Config) -> None:
    line = f"Żółw {EVIL.replace(chr(10), '')}"
    write_file(log_file(warehouse), [line, "{}"])
    run("load", *options(warehouse), "-q")
    kept = line.replace("\0", "\\x00")
    assert run("rejects", *at(warehouse), "--json").json()["rejects"][0]["raw"] == kept


# ---- check ----


def test_check(run: Run, settled: Config) -> None:
    shown = run("check", *at(settled))
    assert (shown.code, shown.err) == (0, "")
    assert "ok    songplays.songplay_is_unique" in shown.out.splitlines()
    assert re.search(r"^\d+ checks: \d+ ok, 0 failed, \d+ warnings?$", shown.out, re.MULTILINE)
    assert run("check", *at(settled), "-q") == Ran(0, "", "")
    answer = run("check", *at(settled), "--json")
    assert (answer.code, answer.json()["status"]) == (0, "passed")


def test_check_of_a_broken_star(run: Run, loaded: Config) -> None:
    execute(loaded, "DELETE FROM time")
    shown = run("check", *at(loaded))
    assert shown.code == 5
    assert re.search(r"^fail  time\.moments_are_those_of_plays$", shown.out, re.MULTILINE)
    assert re.fullmatch(r"sparkify: \d checks? failed: .*time\.moments_are_those_of_plays.*\n", shown.err)
    quiet = run("check", *at(loaded), "-q")
    assert (quiet.code, quiet.out, quiet.err) == (5, "", shown.err)
    answer = run("check", *at(loaded), "--json")
    assert answer.code == 5
    found = answer.json()
    assert found["status"] == "failed"
    broken = [check for check in found["checks"] if check["check"]["name"] == "moments_are_those_of_plays"]
    assert [check["rows"] for check in broken] == [1]


# ---- query ----


def test_query_lists_the_questions(run: Run, warehouse: Config) -> None:
    shown = run("query")
    assert (shown.code, shown.err) == (
        0, "each takes --from and --to, too; sparkify query NAME --help explains one\n"
    )  # fmt: skip
    assert all({"from", "to"} <= {one.name for one in question.parameters} for question in list_questions())
    assert max(map(len, shown.out.splitlines())) <= 80
    assert {"audience", "top_songs", "health"} <= {line.split()[0] for line in shown.out.splitlines()}
    answer = run("query", "--json").json()
    assert answer["columns"] == ["name", "question", "parameters"]


def test_query_by_name(run: Run, settled: Config) -> None:
    shown = run("query", "top_artists", *at(settled))
    assert (shown.code, shown.err) == (0, "1 row\n")
    assert "Muse" in shown.out
    answer = run("query", "top_artists", *at(settled), "--json")
    assert (answer.code, answer.err) == (0, "")
    found = answer.json()
    assert dict(zip(found["columns"], found["rows"][0], strict=True))["artist_name"] == "Muse"


def test_query_by_sql(run: Run, settled: Config) -> None:
    sql = "SELECT user_id, level, 1.5 AS share, NULL AS nothing FROM users ORDER BY user_id"
    shown = run("query", *at(settled), "--sql", sql)
    assert (shown.code, shown.err) == (0, "3 rows\n")
    assert shown.out.splitlines() == [
        "user_id  level  share  nothing",
        "-------  -----  -----  -------",
        "      1  free   1.5",
        "      2  free   1.5",
        "      3         1.5",
    ]
    assert run("query", *at(settled), "--sql", sql, "-q") == Ran(0, shown.out, "")


def test_query_without_rows(run: Run, settled: Config) -> None:
    shown = run("query", *at(settled), "--sql", "SELECT user_id FROM users WHERE FALSE")
    assert shown == Ran(0, "user_id\n-------\n", "0 rows\n")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("TIMESTAMP '2018-11-01 20:57:10.796'", "2018-11-01T20:57:10.796000"),
        ("DATE '2018-11-01'", "2018-11-01"),
        ("'Żółw'", "Żółw"),
        ("NULL", None),
        ("[1, 2]", [1, 2]),
        ("{'a': 1}", {"a": 1}),
        ("2::DECIMAL(5, 2)", "2.00"),
        ("chr(0)", "\0"),
        ("MAP {DATE '2018-11-01': 1}", {"2018-11-01": 1}),
        # JSON has no such numbers; a strict reader would refuse the whole answer.
        ("'NaN'::DOUBLE", None),
        ("'Infinity'::DOUBLE", None),
    ],
)
def test_query_as_json(run: Run, settled: Config, expression: str, value: object) -> None:
    answer = run("query", *at(settled), "--json", "--sql", f"SELECT {expression} AS x")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json() == {"columns": ["x"], "rows": [[value]]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["top_artist"], "there is no question 'top_artist'; did you mean top_artists?"),
        (["TOP_SONG"], "did you mean top_songs?"),
        (["xyz"], "the questions are overview, audience, "),
        (["audience", "--sql", "SELECT 1"], "cannot be combined"),
        (["--sql", "DELETE FROM users"], "only a SELECT, or EXPLAIN of one, is allowed"),
        (["--sql", "SELECT 1; SELECT 2"], "2 statements"),
        (["--sql", ""], "0 statements"),
        (["--sql", "SELEKT 1"], "cannot be read"),
        (["--sql", "SELECT nothing FROM users"], "cannot be run"),
    ],
)
def test_query_that_is_refused(run: Run, settled: Config, arguments: list[str], words: str) -> None:
    before = snapshot(settled)
    for form in ([], ["--json"]):
        ended = run("query", *at(settled), *arguments, *form)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith("sparkify: ")
        told, *place = ended.err.splitlines()
        assert words in told
        assert not place or place[0].startswith("LINE 1: ")
    assert snapshot(settled) == before


# ---- output ----


def assert_harmless(text: str) -> None:
    """Apart from line ends, no character moves the cursor, rings the bell or changes the writing direction."""
    assert all(c.isprintable() for c in text.replace("\n", ""))


def test_control_characters_in_tables(run: Run, warehouse: Config) -> None:
    clean = EVIL.replace("\0", "")
    write_file(
        log_file(warehouse), [play(artist=clean, location=clean, userId=1), play(song=EVIL), f"no JSON {clean!s}"]
    )
    write_file(song_file(warehouse), [song(artist_name=clean)])
    assert run("load", *options(warehouse)).code == 0
    commands = [
        ["rejects"],
        ["query", "top_artists"],
        ["query", "--sql", "SELECT artist_name, chr(0) AS nul, chr(27) AS esc FROM songplays"],
        ["status"],
    ]
    for command in commands:
        shown = run(*command, *at(warehouse))
        assert shown.code == 0
        assert_harmless(shown.out)
    assert "\\x1b[2J\\r\\n\\u202e" in run("query", "top_artists", *at(warehouse)).out
    shown = run("query", "--sql", "SELECT chr(0) AS nul", *at(warehouse))
    assert shown.out.splitlines() == ["nul", "----", "\\x00"]


def test_control_characters_in_names_of_columns(run: Run, settled: Config) -> None:
    # A pivot makes names of columns from the data.
    shown = run("query", *at(settled), "--sql", 'SELECT 1 AS "a\x1b[2J"')
    assert shown.code == 0
    assert_harmless(shown.out)


def test_control_characters_in_names_of_files(run: Run, warehouse: Config) -> None:
    broken = log_file(warehouse, "bro\x1b[2Jken\r.json.gz")
    broken.write_bytes(b"no gzip")
    ended = run("load", *options(warehouse))
    assert ended.code == 3
    assert_harmless(ended.err)
    assert_harmless(run("plan", *options(warehouse)).out)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["query"],
        ["query", "--sql", "SELECT range FROM range(50_000)"],
        ["query", "--json", "--sql", "SELECT range FROM range(50_000)"],
        ["status"],
        ["--help"],
    ],
    ids=["short", "long", "json", "status", "help"],
)
def test_closed_pipe_is_not_an_error(settled: Config, arguments: list[str]) -> None:
    place = [] if arguments == ["--help"] else at(settled)
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [*COMMAND, *arguments, *place],
            env=environment(), stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert "Error" not in ended.stderr
    assert "Exception" not in ended.stderr
    assert ended.returncode == 0


def test_head_of_a_long_table(settled: Config) -> None:
    command = shlex.join([*COMMAND, "query", *at(settled), "-q", "--sql", "SELECT range FROM range(50_000)"])
    ended = subprocess.run(
        f"{command} | head -1", shell=True, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert (ended.stdout, ended.stderr) == ("range\n", "")


def test_output_in_a_narrow_encoding(settled: Config) -> None:
    sql = "SELECT 'Żółw' AS name"
    ended = run_process("query", *at(settled), "--sql", sql, "-q", PYTHONIOENCODING="ascii")
    assert ended.code == 0
    assert ended.out.splitlines()[-1].endswith("w")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_json_is_json_in_every_encoding(settled: Config, tmp_path: Path, encoding: str) -> None:
    r"""An escape of JSON has four digits: \xe9 and \U0001f422 are none. Read as UTF-8, as JSON is."""
    sql = """SELECT 'é ż 🐢' AS "é🐢" """
    answer = run_process("query", *at(settled), "--sql", sql, "--json", PYTHONIOENCODING=encoding)
    assert (answer.code, answer.json()) == (0, {"columns": ["é🐢"], "rows": [["é ż 🐢"]]})
    path = str(tmp_path / "é🐢.duckdb")
    made = run_process("create", "-q", "--warehouse", path, "--json", PYTHONIOENCODING=encoding)
    assert (made.code, made.json()["warehouse"]) == (0, path)


# ---- settings ----


def test_option_then_environment_then_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def warehouse(*arguments: str) -> str:
        answer = run("create", "--json", *arguments)
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
def test_settings_file_that_is_wrong(run: Run, delivered: Config, text: str, words: str) -> None:
    Path("dwh.cfg").write_text(text, encoding="utf-8")
    ended = run("load", *options(delivered))
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert not Path(delivered.warehouse_address).exists()


@pytest.mark.parametrize(
    ("option", "value"), [("--memory-limit", "lots"), ("--threads", "0"), ("--config", "missing.cfg")]
)
def test_setting_that_is_wrong(run: Run, delivered: Config, option: str, value: str) -> None:
    ended = run("load", *options(delivered), option, value)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("sparkify: ")
    assert "Traceback" not in ended.err


def test_sections_of_others_are_named_in_a_note(run: Run, settled: Config) -> None:
    Path("dwh.cfg").write_text("[AWS]\nKEY=k\n[DWH]\nCLUSTER_TYPE=multi-node\n", encoding="utf-8")
    ended = run("plan", *options(settled))
    assert ended.code == 0
    assert ended.err.splitlines()[0] == "dwh.cfg: [AWS], [DWH] ignored: sparkify has no such section"
    assert run("plan", *options(settled), "-q").err == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["query", "levels", "--from", "2018-11-01", "--from", "2018-11-02"],
        ["load", "--threads=2", "--threads=2"],
        ["simulate", "data", "--seed", "1", "--seed", "2"],
        ["report", "-o", "a", "--output", "b"],
    ],
)
def test_option_that_is_given_twice(run: Run, arguments: list[str]) -> None:
    ended = run(*arguments)
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


def test_switch_that_is_given_twice(run: Run, settled: Config) -> None:
    assert run("check", "-q", "-q", *at(settled)) == Ran(0, "", "")


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
def test_a_command_offers_the_settings_that_it_uses(run: Run, verb: str, offered: set[str]) -> None:
    of_warehouse = {"--warehouse", "--wait", "--log-sql"}
    everywhere = {"--memory-limit", "--threads", "--config", "--json", "--quiet"}
    found = set(re.findall(r"--[a-z-]+", run(verb, "--help").out.partition("Options:")[2]))
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
    assert run_process("check", *at(warehouse)).code == 0


# ---- simulate, demo ----


def test_simulate(run: Run) -> None:
    written = run("simulate", "data", "--events", "100", "--songs", "5", "--days", "2", "--seed", "7")
    assert (written.code, written.out) == (0, "")
    assert written.err.splitlines()[0] == "log data:  100 events in 2 files, data/log_data"
    answer = run("simulate", "same", "--events", "100", "--songs", "5", "--days", "2", "--seed", "7", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert (answer.json()["events"], answer.json()["song_files"]) == (100, 5)
    files = sorted(path.relative_to("data") for path in Path("data").rglob("*") if path.is_file())
    assert len(files) == 8
    assert all(Path("same", file).read_bytes() == Path("data", file).read_bytes() for file in files)
    assert run("simulate", "quiet", "--events", "1", "--songs", "1", "-q") == Ran(0, "", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["data", "--start", "yesterday"],
        ["data", "--events", "-1"],
        ["data", "--dirty", "2"],
        ["file/data"],
        ["d" * 300],
        *(["data", option, "9" * 20] for option in ("--events", "--users", "--songs", "--days")),
    ],
)
def test_simulate_that_is_refused(run: Run, arguments: list[str]) -> None:
    Path("file").touch()
    ended = run("simulate", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("sparkify: ")
    assert not Path("data").exists()


def printed_commands(shown: str) -> list[list[str]]:
    """The commands that a demo ends with, as a shell reads them."""
    _, _, after = shown.partition("Three things to try next:\n")
    return [shlex.split(line) for line in after.splitlines()]


@pytest.mark.slow
def test_demo() -> None:
    folder = "my first demo"
    # The user's settings do not affect the demo.
    Path("dwh.cfg").write_text("[SPARKIFY]\nWAREHOUSE=mine.duckdb\n[S3]\nLOG_DATA=mine\n", encoding="utf-8")
    shown = run_process("demo", folder)
    assert shown.code == 0
    # It loads planted faults, and says so as a load does.
    assert shown.err
    assert all(line.startswith("warning: ") for line in shown.err.splitlines())
    assert f"The report is {folder}/report.html" in shown.out
    assert Path(folder, "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert f"The warehouse is {folder}/sparkify.duckdb." in shown.out
    assert " 0 failed, 0 warnings" in shown.out
    assert "artist_name" in shown.out
    commands = printed_commands(shown.out)
    assert len(commands) == 3
    for program, *arguments in commands:
        assert program == "sparkify"
        tried = run_process(*arguments)
        assert tried.code == 0, tried.err
        assert len(tried.out.splitlines()) > 2
    assert {path.name for path in Path().iterdir()} == {"dwh.cfg", folder}


@pytest.mark.slow
def test_demo_as_json(run: Run) -> None:
    # Not even a file that cannot be read.
    Path("dwh.cfg").write_text("no section", encoding="utf-8")
    answer = run("demo", "--json")
    assert (answer.code, answer.err) == (0, "")
    found = answer.json()
    assert found["warehouse"] == "sparkify-demo/sparkify.duckdb"
    assert found["load"]["status"] == "loaded"
    again = run("demo")
    assert (again.code, again.out) == (2, "")
    assert "sparkify-demo" in again.err


# ---- interruptions ----


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Enough data for a signal to arrive during the load; the warehouse is that of an undisturbed load."""
    folder = tmp_path_factory.mktemp("corpus")
    simulate(folder, SimulateOptions(events=30_000, songs=100, days=3, dirty=0.001))
    return new_warehouse(folder)


@pytest.fixture(scope="module")
def left_alone(corpus: Config) -> Config:
    """The warehouse of an undisturbed load."""
    sparkify.load(corpus)
    return corpus


def differing_rows(one: Config, other: Config) -> dict[str, int]:
    """Rows of each table of the star that only one of two warehouses has; empty if they are equal."""
    connection = duckdb.connect()
    try:
        for name, config in (("one", one), ("other", other)):
            connection.execute(f"ATTACH '{config.warehouse_address}' AS {name} (READ_ONLY)")
        found = {}
        for table in STAR:
            first, second = f'SELECT * FROM one."{table}"', f'SELECT * FROM other."{table}"'
            sql = f"SELECT count(*) FROM (({first} EXCEPT ALL {second}) UNION ALL ({second} EXCEPT ALL {first}))"
            found[table] = connection.execute(sql).fetchall()[0][0]
    finally:
        connection.close()
    return {table: rows for table, rows in found.items() if rows}


def send_at(config: Config, statement: str, number: signal.Signals) -> Ran:
    """Send a signal to a load when it sends a statement. The load cannot go on, because its log is not read further."""
    ours, theirs = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, 4096)
    with os.fdopen(ours, "rb", buffering=0) as log, subprocess.Popen(
        [*COMMAND, "load", *options(config), "--log-sql", f"/dev/fd/{theirs}"], pass_fds=[theirs],
        env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        sent = b""
        while statement.encode() not in sent:
            block = log.read(256)
            assert block, "the load ended before"
            sent += block
        process.send_signal(number)
        rest = threading.Thread(target=log.read)
        rest.start()
        out, err = process.communicate(timeout=60)
        rest.join()
    return Ran(process.returncode, out, strip_progress(err))


def elsewhere(config: Config, folder: Path) -> Config:
    """The same sources, and a warehouse that does not exist yet."""
    return structs.replace(config, warehouse=str(folder / "interrupted.duckdb"))


# While opening, staging, computing the star and checking: different code waits for the signal each time.
MOMENTS = [
    "CREATE TABLE IF NOT EXISTS staging_events",
    "INSERT INTO normalized_texts",
    "INSERT INTO songplays",
    "AS broken",
]


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c(left_alone: Config, tmp_path: Path, moment: str) -> None:
    config = elsewhere(left_alone, tmp_path)
    assert send_at(config, moment, signal.SIGINT) == Ran(130, "", "\ninterrupted\n")
    assert sparkify.load(config).status == "loaded"
    assert differing_rows(config, left_alone) == {}


@pytest.mark.slow
def test_kill(left_alone: Config, tmp_path: Path) -> None:
    config = elsewhere(left_alone, tmp_path)
    assert send_at(config, "INSERT INTO songplays", signal.SIGKILL).code == -signal.SIGKILL
    assert sparkify.load(config).status == "loaded"
    assert differing_rows(config, left_alone) == {}
    assert failing_checks(config) == []
    # The killed load is in the history.
    assert fetch(config, "SELECT status FROM load_history ORDER BY load_id") == [("interrupted",), ("loaded",)]


@pytest.mark.slow
def test_two_loads_at_once(left_alone: Config, tmp_path: Path) -> None:
    config = elsewhere(left_alone, tmp_path)
    command = [*COMMAND, "load", *options(config), "-q"]
    processes = [subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    codes = sorted(process.returncode for process in processes)
    # The second load fails because of the first, or finds nothing left to do.
    assert codes in ([0, 4], [0, 0])
    assert codes == [0, 0] or any("is in use by process" in error for error in errors)
    assert differing_rows(config, left_alone) == {}
    assert fetch(config, "SELECT count(*) FROM load_history") == [(1,)]
