"""Measure a first load on one core and on more, phase by phase, and estimate it for more than are here. Linux only.

    python bench/cores.py [--size S|M|L] [--rounds N] [--cores N …] [--folder DIR]

Each load is a process of its own that is held to so many cores, with as many threads of the engine. The phases are
those that the load itself measures; `the rest` is the start, the listing, planning and the commit.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import duckdb

from bench import results
from bench.corpora import SIZES, Corpus, make_sized_corpus
from bench.processes import describe_machine, run

Phases = dict[str, float]


def load(corpus: Corpus, cores: int, folder: Path) -> Phases:
    """Seconds of each phase of a first load on so many cores, and of `all`, the whole process."""
    taskset = shutil.which("taskset")
    if taskset is None:
        raise SystemExit("taskset holds a process to some cores, and is not here: install util-linux")
    warehouse = folder / "cores.duckdb"
    warehouse.unlink(missing_ok=True)
    command = [taskset, "--cpu-list", f"0-{cores - 1}", sys.executable, "-m", "sparkify", "load", "-q"]
    command += ["--warehouse", str(warehouse), "--threads", str(cores)]
    whole = run([*command, "--log-data", corpus.log_data, "--song-data", corpus.song_data])
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        ((detail,),) = connection.execute("SELECT detail FROM load_history").fetchall()
    warehouse.unlink()
    phases: Phases = json.loads(detail)["seconds"]
    return phases | {"the rest": whole.wall - sum(phases.values()), "all": whole.wall}


def measure(corpus: Corpus, cores: list[int], rounds: int, folder: Path) -> dict[str, Any]:
    """The phases of each round, by the number of cores."""
    corpus.warm()
    found: dict[int, list[Phases]] = {number: [] for number in cores}
    for turn in range(rounds):
        print(f"round {turn + 1} of {rounds}", file=sys.stderr, flush=True)
        for number in cores:
            found[number].append(load(corpus, number, folder))
    return {"machine": describe_machine(), "events": corpus.events, "rounds": rounds, "phases": found}


def main() -> None:
    """Simulate where needed, measure, keep the results, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="M")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, nargs="+", default=[1, os.cpu_count() or 1])
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    corpus = make_sized_corpus(options.folder, options.size)
    # In the file its keys are texts.
    found = json.loads(json.dumps(measure(corpus, options.cores, options.rounds, options.folder)))
    results.keep(options.folder, "cores", {options.size: found})
    print(results.render_cores({options.size: found}))


if __name__ == "__main__":
    main()
