"""Measure what more events cost: a first load, one more day, and space on disk, by size; whole processes.

    python bench/growth.py [--sizes S M L] [--rounds N] [--day N] [--folder DIR]

Each corpus is loaded into an empty warehouse. A day of simulated log is then added to its folder, and the whole folder
is loaded again, so that a cost of what is loaded already would show. A corrected day replaces it, and is undone.
The same is done with an empty folder. Each round does all of it for every size, so that a machine whose speed drifts
does not decide; ratios are medians of the rounds' own ratios. The corpora are simulated once into the folder and kept.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from bench import results
from bench.corpora import SIZES, Corpus, make_corpus, make_sized_corpus
from bench.processes import Run, describe_machine, run
from sparkify.simulator import SimulateOptions
from sparkify.star.tables import TABLES

Steps = dict[str, float]


def sparkify(verb: str, warehouse: Path, *options: str) -> Run:
    """A command as a process of its own. A large load takes what it takes."""
    command = [sys.executable, "-m", "sparkify", verb, "-q", "--warehouse", str(warehouse), *options]
    return run(command, seconds=3_600)


class Place:
    """A warehouse, and the roots that are loaded into it: a folder with the history, if any, and room for one day more.

    The history is a link, so the corpus stays as it is.
    """

    def __init__(self, warehouse: Path, logs: Path, songs: str, history: str | None = None) -> None:
        self.warehouse = warehouse
        self.day = logs / "day.json"
        self._roots = ("--log-data", str(logs), "--song-data", songs)
        if history is not None:
            (logs / "history").symlink_to(Path(history).absolute())
        warehouse.unlink(missing_ok=True)

    def load(self) -> Run:
        """Load what is new in the folder."""
        return sparkify("load", self.warehouse, *self._roots)

    def undo(self) -> Run:
        """Undo the last load."""
        return sparkify("undo", self.warehouse, last_load(self.warehouse), "--yes")


@contextmanager
def open_place(warehouse: Path, songs: str, history: str | None = None) -> Iterator[Place]:
    """A place with an empty warehouse; the folder of the logs is temporary."""
    with TemporaryDirectory(dir=warehouse.parent) as logs:
        yield Place(warehouse, Path(logs), songs, history)


def add_day(place: Place, day: Corpus) -> Steps:
    """Seconds of the load of a day, of its replacement by one that lacks an event, and of the undo of the latter."""
    (log,) = day.log_files
    lines = log.read_bytes().splitlines(keepends=True)
    place.day.write_bytes(b"".join(lines))
    steps = {"load": place.load().wall}
    place.day.write_bytes(b"".join(lines[1:]))
    steps["replacement"] = place.load().wall
    steps["undo"] = place.undo().wall
    return steps


def last_load(warehouse: Path) -> str:
    """The id of the last load."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return str(connection.execute("SELECT max(load_id) FROM load_history").fetchall()[0][0])


def measure_space(warehouse: Path, corpus: Corpus) -> dict[str, int]:
    """Bytes of the files of a corpus, of the warehouse with them, and of its tables as Parquet, with Zstandard."""
    with TemporaryDirectory(dir=warehouse.parent) as folder, duckdb.connect(str(warehouse), read_only=True) as tables:
        for table in TABLES:
            tables.execute(f"COPY {table} TO '{folder}/{table}.parquet' (COMPRESSION zstd)")
        parquet = sum(path.stat().st_size for path in Path(folder).iterdir())
    return {"ndjson": corpus.bytes, "warehouse": warehouse.stat().st_size, "parquet": parquet}


def measure(corpora: dict[str, Corpus], day: Corpus, rounds: int, folder: Path) -> dict[str, Any]:
    """First loads, days and space of every corpus, by its name."""
    loads: dict[str, list[Run]] = {name: [] for name in corpora}
    days: dict[str, list[Steps]] = {name: [] for name in corpora}
    empty: list[Steps] = []
    space: dict[str, dict[str, int]] = {}
    warehouse = folder / "growing.duckdb"
    for turn in range(rounds):
        print(f"round {turn + 1} of {rounds}", file=sys.stderr, flush=True)
        with open_place(warehouse, day.song_data) as place:
            empty.append(add_day(place, day))
        for name, corpus in corpora.items():
            corpus.warm()
            with open_place(warehouse, corpus.song_data, corpus.log_data) as place:
                loads[name].append(place.load())
                if not turn:
                    space[name] = measure_space(warehouse, corpus)
                days[name].append(add_day(place, day))
    warehouse.unlink()
    common = {"machine": describe_machine(), "rounds": rounds, "empty": empty, "day": day.events}
    return {
        name: common
        | {
            "events": corpus.events,
            "loads": [asdict(one) for one in loads[name]],
            "days": days[name],
            "bytes": space[name],
        }
        for name, corpus in corpora.items()
    }


def make_day(folder: Path, events: int) -> Corpus:
    """A day of log, of users that the larger corpora know."""
    options = SimulateOptions(events=events, users=2_000, days=1, songs=1, seed=1)
    return make_corpus(folder / f"day-{events}", options)


def main() -> None:
    """Simulate where needed, measure, keep the results, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES), metavar="SIZE")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--day", type=int, default=30_000, help="events of the day")
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    corpora = {size: make_sized_corpus(options.folder, size) for size in options.sizes}
    found = measure(corpora, make_day(options.folder, options.day), options.rounds, options.folder)
    results.keep(options.folder, "growth", found)
    for render in (results.render_growth, results.render_day, results.render_space):
        print(render(found), end="\n\n")


if __name__ == "__main__":
    main()
