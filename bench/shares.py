"""Measure the judging of one load into Redshift by several processes, and the load that brings their parts together.

    python bench/shares.py [--events N] [--processes N …] [--rounds N] [--folder DIR]

The warehouse is the tests' stand-in for Redshift, and the stage a real S3 server on this machine: both take part of its
cores. Each process of `sparkify stage` has one thread, as if it were a machine with one core. The load's own seconds
are those of PostgreSQL behind the stand-in, and say nothing about Redshift.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import results
from bench.corpora import Corpus, make_corpus
from bench.processes import describe_machine
from sparkify.simulator import SimulateOptions
from tests.engines.conftest import ROLE
from tests.redshift.roles import Role
from tests.redshift.server import Redshift, run_redshift
from tests.s3_server import BUCKET, SECRET, WRITE_KEY, run_s3_server

Seconds = tuple[float, float]


@contextmanager
def serve() -> Iterator[tuple[Redshift, dict[str, str]]]:
    """The stand-in, and the variables of a user's environment."""
    with run_s3_server() as s3, run_redshift() as redshift:
        redshift.roles[ROLE] = Role(s3.endpoint, WRITE_KEY, SECRET)
        variables = {
            "SSL_CERT_FILE": str(redshift.ca_file),
            "SPARKIFY_DB_PASSWORD": redshift.password,
            "SPARKIFY_STAGE": f"s3://{BUCKET}/stage",
            "SPARKIFY_ARN": ROLE,
        }
        yield redshift, dict(os.environ) | s3.environment() | variables


def measure(corpus: Corpus, processes: int, redshift: Redshift, variables: dict[str, str], folder: Path) -> Seconds:
    """Seconds until all parts of a first load are staged, and of the load of them, into a warehouse of their own."""
    warehouse = f"redshift://{redshift.user}@{redshift.host}:{redshift.port}/{redshift.new_database()}"
    own = variables | {
        "SPARKIFY_WAREHOUSE": warehouse,
        "SPARKIFY_LOG_DATA": corpus.log_data,
        "SPARKIFY_SONG_DATA": corpus.joined_songs,
        "SPARKIFY_THREADS": "1",
    }
    plan = folder / "plan.json"

    def start(*words: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "sparkify", *words, "-q"]
        return subprocess.Popen(command, env=own, stdout=subprocess.DEVNULL)

    def wait(*running: "subprocess.Popen[bytes]") -> float:
        started = time.perf_counter()
        codes = [process.wait() for process in running]
        if any(codes):
            raise RuntimeError("a process failed; its message stands above")
        return time.perf_counter() - started

    wait(start("create"))
    wait(start("plan", "-o", str(plan)))
    started = time.perf_counter()
    wait(*[start("stage", "--plan", str(plan), "--part", f"{part + 1}/{processes}") for part in range(processes)])
    staged = time.perf_counter() - started
    loaded = wait(start("load", "--staged", str(plan)))
    plan.unlink()
    return staged, loaded


def main() -> None:
    """Simulate where needed, measure in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    month = SimulateOptions(events=options.events, users=2_000, days=30, songs=1_000)
    corpus = make_corpus(options.folder / f"month-{options.events}", month)
    corpus.warm()
    found: dict[int, list[Seconds]] = {number: [] for number in options.processes}
    with TemporaryDirectory() as scratch, serve() as (redshift, variables):
        for turn in range(options.rounds):
            print(f"round {turn + 1} of {options.rounds}", file=sys.stderr, flush=True)
            for number, runs in found.items():
                runs.append(measure(corpus, number, redshift, variables, Path(scratch)))
    print(render(corpus, found))


def render(corpus: Corpus, found: dict[int, list[Seconds]]) -> str:
    """The medians of the rounds, by the number of processes."""
    medians = {
        number: [statistics.median(one[place] for one in runs) for place in (0, 1)] for number, runs in found.items()
    }
    alone = next(iter(medians.values()))[0]
    rows = [
        f"| {number} | {staged:.1f} | {alone / staged:.2f} | {loaded:.1f} |"
        for number, (staged, loaded) in medians.items()
    ]
    title = f"{corpus.events:,} events in {len(corpus.log_files)} files; {results.describe(describe_machine())}:"
    head = ["| processes | staged, s | speed-up | load of the parts, s |", "| --- | --- | --- | --- |"]
    return "\n".join([title, "", *head, *rows])


if __name__ == "__main__":
    main()
