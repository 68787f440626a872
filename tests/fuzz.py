"""Hostile calls of every command, and what is wrong with how they end.

`draw(seed)` makes a call of several odd things, `list_single()` a call for each odd thing; `Bench.run` runs a call in
this process. A call may do its work or fail, but only with a sentence and an exit code, and it changes nothing that is
not its own. `python -m tests.fuzz FIRST LAST [COMMAND ...]` runs the calls of these seeds and lists what is
wrong; with the variable PROCESS, each as its own process.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import sparkify
from sparkify.cli import main
from sparkify.settings import SETTINGS
from tests import hostile_values as odd
from tests.engines.commands import ROOT
from tests.support import event, log_file, new_warehouse, play, song, song_file, write_file

_CHANGING = ("create", "load", "undo", "replay", "rebuild", "migrate", "compact")
_READING = ("plan", "status", "rejects", "check", "doctor", "config", "compare", "query")
QUICK = (*_CHANGING, *_READING, "simulate", "export", "stage", "help")
# They take seconds where they succeed.
DRAWING = ("report", "demo")
_WITHOUT_SETTINGS = ("simulate", "demo", "help")
_OPTIONS: dict[str, tuple[str, ...]] = {
    "plan": ("--output",),
    "stage": ("--plan", "--part"),
    "load": ("--max-rejects", "--log-json", "--staged"),
    "rejects": ("--reason", "--load", "--file", "--dataset", "--export"),
    "query": ("--sql", "--from", "--to", "--level", "--top", "--days", "--format"),
    "export": ("--format", "--tables", "--from", "--to"),
    "report": ("--output", "--from", "--to", "--level", "--top", "--days"),
    "simulate": (
        "--events", "--users", "--days", "--songs", "--start", "--match-rate", "--dirty", "--shape", "--seed",
    ),
    "demo": ("--seed",),
}  # fmt: skip
_FLAGS: dict[str, tuple[str, ...]] = {
    "create": ("--drop", "-n"),
    "plan": ("--files", "--reread", "--verify"),
    "load": ("--reread", "--verify", "-n"),
    "rejects": ("--list",),
    "undo": ("-n",),
    "replay": ("-n",),
    "rebuild": ("-n",),
    "compact": ("-n",),
    "check": ("-n",),
    "report": ("--with-people",),
    "export": ("--with-people",),
}
_GROUPS: dict[str, tuple[str, ...]] = {
    "create": ("format",),
    "plan": ("sources", "access", "stage"),
    "load": ("format", "sources", "access", "stage"),
    "status": ("sources", "access"),
    "replay": ("stage",),
    "migrate": ("stage",),
    "compact": ("format",),
    "doctor": ("sources", "access", "stage"),
    "stage": ("access",),
    "config": ("format", "sources", "access", "stage"),
}
# The pools of values of an option or setting; of others they are numbers.
_Pools = tuple[tuple[str, ...], ...]
_FILES: _Pools = (odd.PATHS, odd.TEXTS)
# How long it takes to list the whole machine is none of the tests' business.
_ROOTS: _Pools = tuple(
    tuple(text for text in pool if text.removeprefix("file:").strip("/"))
    for pool in (odd.PATHS, odd.ADDRESSES, odd.TEXTS)
)
_POOLS: dict[str, _Pools] = {
    "--warehouse": (odd.PATHS, odd.ADDRESSES, odd.TEXTS),
    "--log-data": _ROOTS,
    "--song-data": _ROOTS,
    "--stage": (odd.ADDRESSES, odd.TEXTS),
    "--memory-limit": (odd.SIZES, odd.TEXTS),
    "--log-pattern": (odd.GLOBS, odd.TEXTS),
    "--song-pattern": (odd.GLOBS, odd.TEXTS),
    "--storage-version": (odd.VERSIONS, odd.TEXTS),
    "--from": (odd.DAYS,),
    "--to": (odd.DAYS,),
    "--start": (odd.DAYS,),
    "--level": (("free", "paid", "FREE"), odd.TEXTS),
    "--dataset": (("events", "songs"), odd.TEXTS),
    "--format": (("csv", "json", "ndjson", "table", "parquet"), odd.TEXTS),
    "--tables": (("songplays", "songplays,users", "events,,songplays", "songplays;users"), odd.TEXTS),
    "--shape": (("lines", "objects", "array", "indented"), odd.TEXTS),
    "--reason": (("missing", "missing:ts", "bad_type", ":"), odd.TEXTS),
    "--max-rejects": (odd.NUMBERS, ("5%", "-5%", "%", "5%%", "1e999%", "nan%", "٣%")),
    "--sql": (odd.QUERIES,),
    **dict.fromkeys(
        ("--file", "--config", "--log-sql", "--log-json", "--export", "--output", "--plan", "--staged"), _FILES
    ),
}


@dataclass
class Call:
    """A call of a command. `{folder}` in a text is the folder in which it runs."""

    arguments: list[str]
    variables: dict[str, str] = field(default_factory=dict)
    config: bytes | None = None

    def __post_init__(self) -> None:
        # Neither arguments nor the environment of a process can hold it.
        self.arguments = [argument.replace("\0", "") for argument in self.arguments]
        self.variables = {name: value.replace("\0", "") for name, value in self.variables.items()}

    def __str__(self) -> str:
        parts = (self.arguments, self.variables, self.config and self.config[:80])
        return " ".join(f"{part!r:.300}" for part in parts if part)


# ---- what is drawn ----


def draw(seed: int, commands: tuple[str, ...] = QUICK) -> Call:
    """The call of a seed."""
    chance = random.Random(seed)
    command = chance.choice(commands)
    has_settings = command not in _WITHOUT_SETTINGS
    options = [*_OPTIONS.get(command, ()), *_list_settings(command)] + ["--config", "--log-sql"] * has_settings
    arguments = [command]
    # One odd thing shows its own error; several show how they meet.
    for option in chance.sample(options, min(len(options), chance.choice([0, 1, 1, 1, 2, 3]))):
        arguments += [option, _value_of(option, chance)]
    arguments += [flag for flag in (*_FLAGS.get(command, ()), "--json", "-q") if chance.random() < 0.25]
    arguments += _draw_positional(arguments, chance)
    variables, config = {}, None
    if has_settings and chance.random() < 0.35:
        for setting in chance.sample(SETTINGS, chance.choice([1, 1, 2])):
            variables[setting.variable] = _value_of(setting.option or "--reason", chance)
    if chance.random() < 0.2:
        name = chance.choice(odd.AWS_NAMES + odd.OTHER_NAMES)
        is_address = "ENDPOINT" in name or "PROXY" in name
        variables[name] = chance.choice(odd.ENDPOINTS if is_address else odd.TEXTS)
    if has_settings and chance.random() < 0.25:
        config = chance.choice(odd.CONFIGS)
    return Call(arguments, variables, config)


def _list_settings(command: str) -> list[str]:
    groups = ("warehouse", "wait", "engine", *_GROUPS.get(command, ())) if command not in _WITHOUT_SETTINGS else ()
    return [setting.option for setting in SETTINGS if setting.group in groups and setting.type is not bool]


def _value_of(option: str, chance: random.Random) -> str:
    return odd.fill(chance.choice(chance.choice(_POOLS.get(option, (odd.NUMBERS,)))))


def _draw_positional(arguments: list[str], chance: random.Random) -> list[str]:
    command = arguments[0]
    if command == "undo":
        values = ["--yes", "--", chance.choice(("1", "2", *odd.NUMBERS))]
    elif command == "create":
        values = ["--yes"] * (chance.random() < 0.9)
    elif command == "compare":
        values = [_value_of("--warehouse", chance) for _ in range(2)]
    elif command == "query" and "--sql" not in arguments:
        values = [chance.choice(odd.QUESTIONS)]
    elif command == "simulate":
        # By default it writes many files.
        values = [*(["--events=60", "--songs=9"] if len(arguments) < 3 else []), chance.choice(odd.PATHS)]
    elif command == "help":
        values = [chance.choice((*QUICK, *odd.QUESTIONS)), *(["churn"] if chance.random() < 0.2 else [])]
    elif command in ("demo", "export"):
        values = [chance.choice(odd.PATHS)]
    else:
        values = []
    return values


def list_single() -> list[Call]:
    """A call for each odd value, with nothing else that is odd."""
    roots = ["--log-data", "log_data", "--song-data", "song_data"]
    simulate = ["simulate", "new", "--songs=9", "--events=60"]
    forms: tuple[tuple[str, ...], ...] = ((), ("--json",), ("--format", "csv"))
    values = ("x", "-1", "\udcff", "9" * 400, "x" * 6000, "\x1b[1m", "٣")
    return [
        *(Call(["query", "--sql", odd.fill(text), *form]) for text in odd.QUERIES for form in forms),
        *(Call([command], config=config) for config in odd.CONFIGS for command in ("plan", "load")),
        *(Call(["status", "--warehouse", text]) for text in odd.ADDRESSES),
        *(Call(["load", *roots, "--warehouse", text]) for text in odd.ADDRESSES),
        *(Call(["plan", "--log-data", text]) for pool in _ROOTS for text in pool),
        *(Call(["load", "-q", "--log-pattern", text]) for text in odd.GLOBS),
        *(Call(["status"], {"SPARKIFY_MEMORY_LIMIT": text}) for text in odd.SIZES),
        *(Call(["query", "overview", "--from", text]) for text in odd.DAYS),
        *(Call([*command, text]) for text in odd.NUMBERS for command in (
            ["query", "top_songs", "--top"], ["rejects", "--load"], ["undo", "--yes", "--"], [*simulate, "--days"],
        )),
        *(Call([*simulate, "--start", text]) for text in odd.DAYS),
        *(Call(["status"], {setting.variable: value}) for setting in SETTINGS for value in values),
        *(Call(["status"], {"SPARKIFY_WAREHOUSE": f"redshift://u@{odd.NOWHERE}/d", setting.variable: value})
          for setting in SETTINGS if setting.section in ("CLUSTER", "IAM_ROLE") for value in values),
    ]  # fmt: skip


# ---- how it ends ----

_LONGEST_SECONDS = 60


# The exit code, or what was raised, and stderr.
_Ended = tuple[int | None, BaseException | None, str]


class _TooLong(BaseException):
    pass


class Bench:
    """A loaded warehouse and what must not change beside it; every call gets its own copy of all."""

    def __init__(self, folder: Path, stderr: io.BufferedRandom) -> None:
        self._made, self._here, self._stderr = folder / "made", folder / "here", stderr
        config = new_warehouse(self._made)
        write_file(log_file(config, "a.json"), [play(), play(userId=2, song="Starlight"), "no JSON", event(ts="x")])
        write_file(song_file(config), [song()])
        sparkify.load(config)
        write_file(log_file(config, "b.json"), [play(userId=3, location="Ay"), "[]"])
        sparkify.load(config)
        write_file(log_file(config, "c.json"), [play(userId=4)])
        (self._made / "precious.txt").write_text("not to be lost\n")
        shutil.copyfile(config.warehouse_address, self._made / "other.duckdb")
        (self._made / "binary").write_bytes(bytes(range(256)) * 20)
        settings = "[SPARKIFY]\nWAREHOUSE=warehouse.duckdb\n[S3]\nLOG_DATA=log_data\nSONG_DATA=song_data\n"
        (self._made / "dwh.cfg").write_text(settings)

    @classmethod
    @contextlib.contextmanager
    def made(cls, folder: Path) -> Iterator[Bench]:
        with (folder / "stderr").open("w+b") as stderr:
            yield cls(folder, stderr)

    def made_by(self, call: Call) -> tuple[set[str], list[str]]:
        """What a call makes below its folder, and what is wrong with how it ended."""
        wrong = self.run(call)
        return {str(path.relative_to(self._here)) for path in self._here.rglob("*")}, wrong

    def run(self, call: Call, *, as_process: bool = False) -> list[str]:
        """Run a call, in this process or as its own; returns what is wrong with how it ended."""
        shutil.rmtree(self._here, ignore_errors=True)
        shutil.copytree(self._made, self._here)
        (self._here / "link").symlink_to("log_data")
        (self._here / "circle").symlink_to("circle")
        (self._here / "locked").mkdir(mode=0o000)
        if call.config is not None:
            (self._here / "dwh.cfg").write_bytes(call.config)
        before = self._look()
        arguments = [argument.replace("{folder}", str(self._here)) for argument in call.arguments]
        variables = {name: value.replace("{folder}", str(self._here)) for name, value in call.variables.items()}
        variables.setdefault("HOME", str(self._here / "home"))
        code, error, err = (self._start if as_process else self._call)(arguments, variables)
        after = self._look()
        # So that it can be removed.
        (self._here / "locked").chmod(0o700)
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        return [*_judge(code, error, err), *_judge_files(call, code, changed, set(before))]

    def _start(self, arguments: list[str], variables: dict[str, str]) -> _Ended:
        command = [sys.executable, "-m", "sparkify", *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
        try:
            ended = subprocess.run(
                command, cwd=self._here, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                timeout=_LONGEST_SECONDS,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return None, error, ""
        return ended.returncode, None, ended.stderr.decode(errors="replace")

    def _call(self, arguments: list[str], variables: dict[str, str]) -> _Ended:
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", write_through=True) for _ in range(2))
        code, error = None, None
        with (
            _at(self._here, variables),
            _stderr_to(self._stderr),
            _ended_after(_LONGEST_SECONDS),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main(arguments)
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else -1
            except BaseException as raised:
                error = raised
        self._stderr.seek(0)
        native = self._stderr.read().decode(errors="replace")
        self._stderr.truncate(0)
        texts = [stream.detach().getvalue().decode() for stream in (out, err)]
        return code, error, texts[1] + native

    def _look(self) -> dict[str, str]:
        """Each file and folder, and what is in it."""
        found = {}
        for path in self._here.rglob("*"):
            is_file = path.is_file() and not path.is_symlink()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if is_file else "folder or link"
            found[str(path.relative_to(self._here))] = content
        return found


def _judge(code: int | None, error: BaseException | None, err: str) -> Iterator[str]:
    if error is not None:
        yield f"raised {type(error).__name__}: {str(error)[:200]}"
    elif code not in (0, 2, 3, 4, 5):
        yield f"exit code {code}: {err[:300]}"
    elif code and not any(line.startswith(("sparkify: ", "Error: ")) for line in err.splitlines()):
        yield f"no sentence: {err[:300]}"
    for words in ("Traceback", "panicked", "Exception ignored", "did not expect"):
        if words in err:
            yield f"stderr has {words}"
    # A terminal would take them as orders.
    if any(letter in err for letter in "\x1b\x07\x08\x85\u202e\u2028"):
        yield "stderr has control characters"


def _judge_files(call: Call, code: int | None, changed: set[str], before: set[str]) -> Iterator[str]:
    command = call.arguments[0]
    changes_warehouse = command in _CHANGING and "-n" not in call.arguments
    for name in changed & before:
        if not (changes_warehouse and name in ("warehouse.duckdb", "other.duckdb")):
            yield f"{name} was changed or removed"
    # A log of statements stays. A load that fails may leave the warehouse that it made, with the failure in its ledger.
    may_leave = command in (*_CHANGING, *DRAWING, "simulate", "export") or "--log-sql" in call.arguments
    may_make = may_leave or "--export" in call.arguments
    for name in changed - before:
        if not may_make:
            yield f"{name[:80]} was made by a command that only reads"
        elif code and not may_leave:
            yield f"{name[:80]} was made, although the command failed"


@contextlib.contextmanager
def _at(folder: Path, variables: dict[str, str]) -> Iterator[None]:
    environment, place = dict(os.environ), Path.cwd()
    os.environ.update(variables)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(place)
        os.environ.clear()
        os.environ.update(environment)


@contextlib.contextmanager
def _stderr_to(file: io.BufferedRandom) -> Iterator[None]:
    """Catch what the libraries below write to the descriptor itself, such as a panic."""
    kept = os.dup(2)
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextlib.contextmanager
def _ended_after(seconds: int) -> Iterator[None]:
    def end(*_: object) -> None:
        raise _TooLong(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _main(first: int, last: int, commands: tuple[str, ...]) -> None:
    single = list_single()
    as_process = "PROCESS" in os.environ
    started, wrong = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, Bench.made(Path(folder)) as bench:
        for seed in range(first, last):
            call = single[seed] if commands == ("single",) else draw(seed, commands or QUICK)
            began = time.monotonic()
            found = bench.run(call, as_process=as_process)
            if (took := time.monotonic() - began) > 3:
                found.append(f"took {took:.1f} s")
            if found:
                wrong += 1
                print(seed, found, call, flush=True)
    print(f"{last - first} calls, {wrong} wrong, {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]), tuple(sys.argv[3:]))
