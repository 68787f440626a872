"""Work for a verb, and processes that do it: to the end, or killed at a given statement."""

import logging
import multiprocessing
import os
import signal
import sys
from multiprocessing.context import ForkServerProcess

import sparkify
from sparkify.loads.shares import stage
from sparkify.settings import Config
from sparkify.warehouses import open_warehouse
from tests.support import TIMES, Star, event, log_file, play, settle, snapshot, song, song_file, write_file

VERBS = ["load", "undo", "replay"]
KILLED = 9
_FILE_STEPS = {"tempfile.mkdtemp", "os.chown", "os.chmod", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"}
# A process is killed at every so many statements. `make test-long` takes all statements.
EVERY = max(1, 41 // TIMES)
# The variables for S3 and the stand-in: a child is forked from a process that was started before they were set.
_INHERITED = ("AWS_", "SSL_CERT_FILE")
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(
    [
        "tests.engines.crash",
        "sparkify.validation.arrow",
        "sparkify.warehouses.duckdb.session",
        "sparkify.warehouses.redshift.session",
    ]
)


def prepare(config: Config, verb: str) -> None:
    """Two loads, and work for the verb: a replaced and a new file, a load to undo, or a reject that passes now."""
    write_file(log_file(config, "a.json"), [play(), play(userId=2, song="Starlight"), "no JSON"])
    write_file(log_file(config, "b.json"), [event(itemInSession=item) for item in range(30)])
    settle(write_file(song_file(config), [song()]))
    sparkify.load(config)
    settle(write_file(log_file(config, "c.json"), [play(userId=5), "nor this"]))
    sparkify.load(config)
    if verb == "replay":
        with open_warehouse(config) as engine:
            engine.execute(
                'UPDATE rejected_records SET "raw" = \'{"page":"Home","ts":1541105830796,"sessionId":9,'
                '"itemInSession":0,"userId":7,"level":"paid"}\' WHERE load_id = 2'
            )
    elif verb == "load":
        write_file(log_file(config, "a.json"), [play(), play(userId=3, level="paid"), "[]"])
        write_file(log_file(config, "d.json"), [play(itemInSession=5, userId=4)])
        settle(log_file(config, "c.json").rename(log_file(config, "moved.json")))


def rows_of(config: Config) -> Star:
    """Every row, without the ids and times of loads that did not end."""
    tables = snapshot(config)
    tables["load_history"] = [row[3:5] + row[5:9] for row in tables["load_history"]]
    tables["load_files"] = [row[:1] + row[2:11] for row in tables["load_files"]]
    tables["rejected_records"] = [row[:1] + row[2:] for row in tables["rejected_records"]]
    return tables


class _Killer(logging.Handler):
    """Ends the process before its step number N: a statement, which is logged before it is sent, or a file step."""

    def __init__(self, number: int) -> None:
        super().__init__(logging.DEBUG)
        self.left = number

    def emit(self, record: logging.LogRecord) -> None:
        if hasattr(record, "statement"):
            self.step()

    def audit(self, event: str, arguments: tuple[object, ...]) -> None:
        """A hook for what Python is about to do."""
        if event in _FILE_STEPS:
            self.step()

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os._exit(KILLED)


def run_verb(config: Config, verb: str) -> None:
    """Load, undo the last load, replay, migrate, `stage PLAN PART`, load what is `staged PLAN`, or nothing."""
    if verb == "undo":
        sparkify.undo(config, 2)
    elif verb == "replay":
        sparkify.replay(config)
    elif verb == "migrate":
        sparkify.migrate(config)
    elif verb == "load":
        sparkify.load(config)
    elif verb == "compact":
        sparkify.compact(config)
    elif verb.startswith("stage "):
        _, plan, part = verb.split(" ")
        stage(config, plan, part)
    elif verb.startswith("staged "):
        sparkify.load(config, staged=verb.split(" ")[1])


def _run(config: Config, verb: str, number: int, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    logger = logging.getLogger("sparkify")
    logger.setLevel(logging.DEBUG)
    killer = _Killer(number)
    logger.addHandler(killer)
    if verb == "compact":
        sys.addaudithook(killer.audit)
    run_verb(config, verb)


def race(config: Config, *verbs: str) -> None:
    """Run verbs at the same time, each in its own process, and wait until all have succeeded."""
    for process in [_start(config, verb, 0) for verb in verbs]:
        process.join(120)
        assert process.exitcode == 0


def was_killed(config: Config, verb: str, number: int) -> bool:
    """Run a verb and kill it at that statement; false if it ended before."""
    process = _start(config, verb, number)
    process.join(600)
    assert process.exitcode in (0, KILLED)
    return process.exitcode == KILLED


def kill_after(config: Config, verb: str, seconds: float) -> None:
    """Run a verb and kill it from outside after so many seconds, if it has not ended before."""
    process = _start(config, verb, 0)
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)


def _start(config: Config, verb: str, number: int) -> ForkServerProcess:
    environment = {name: value for name, value in os.environ.items() if name.startswith(_INHERITED)}
    process = _processes.Process(target=_run, args=(config, verb, number, environment))
    process.start()
    return process
