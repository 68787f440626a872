"""Runs a verb in a process of its own that really ends at one statement, as a kill would end it."""

import logging
import multiprocessing
import os

from sparkify import pipeline
from sparkify.config import Config

KILLED = 9
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.engines.crash", "sparkify.arrow", "sparkify.engines.duckdb"])


class _Killer(logging.Handler):
    """Ends the process before its statement of a number is sent: statements are logged before that."""

    def __init__(self, number: int) -> None:
        super().__init__(logging.DEBUG)
        self.left = number

    def emit(self, record: logging.LogRecord) -> None:
        self.left -= 1
        if self.left == 0:
            os._exit(KILLED)


def run_verb(config: Config, verb: str) -> None:
    """Load, undo the last load, or replay."""
    if verb == "undo":
        pipeline.undo(config, 2)
    elif verb == "replay":
        pipeline.replay(config)
    else:
        pipeline.load(config)


def _run(config: Config, verb: str, number: int) -> None:
    logger = logging.getLogger("sparkify")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(_Killer(number))
    run_verb(config, verb)


def race(config: Config, verb: str, runners: int) -> None:
    """Run a verb in some processes at a time, and wait until all have ended well."""
    processes = [_processes.Process(target=run_verb, args=(config, verb)) for _ in range(runners)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0


def was_killed(config: Config, verb: str, number: int) -> bool:
    """Run a verb and kill it at its statement of that number; false where it ended before."""
    process = _processes.Process(target=_run, args=(config, verb, number))
    process.start()
    process.join(60)
    assert process.exitcode in (0, KILLED)
    return process.exitcode == KILLED
