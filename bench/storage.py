"""Measure what the format of the file costs, and what replaced files leave in it.

    python bench/storage.py [--size S|M|L] [--rounds N] [--replacements N] [--folder DIR]

Formats: each round loads the corpus into a new file of every format in turn, as a process of its own. Replacements: a
month of logs is loaded, and one day of it replaced many times, each time by another day; the file's size is compared
with that of a fresh load of the files as they are at the end. Corpora are simulated once into the folder and kept.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sparkify
from bench import results
from bench.corpora import SIZES, Corpus, make_corpus, make_sized_corpus
from bench.processes import Run, describe_machine, run
from sparkify.settings import Config, load_config
from sparkify.simulator import SimulateOptions

FORMATS = ("v1.0.0", "v1.2.0", "v1.3.0", "v1.4.0", "v1.5.0", "v2.0.0")
MONTH = SimulateOptions(events=1_000_000, users=2_000, days=30, songs=1_000)


def measure_formats(corpus: Corpus, rounds: int, folder: Path, formats: Sequence[str] = FORMATS) -> dict[str, Any]:
    """Runs of a first load, and the bytes of the file, by format."""
    runs: dict[str, list[Run]] = {name: [] for name in formats}
    sizes: dict[str, int] = {}
    warehouse = folder / "format.duckdb"
    command = [sys.executable, "-m", "sparkify", "load", "-q", "--warehouse", str(warehouse)]
    command += ["--log-data", corpus.log_data, "--song-data", corpus.song_data]
    corpus.warm()
    for turn in range(rounds):
        for name in formats:
            print(f"round {turn + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
            warehouse.unlink(missing_ok=True)
            runs[name].append(run([*command, "--storage-version", name]))
            sizes[name] = warehouse.stat().st_size
    warehouse.unlink()
    return {
        "machine": describe_machine(),
        "rounds": rounds,
        "events": corpus.events,
        "runs": {name: [asdict(one) for one in found] for name, found in runs.items()},
        "bytes": sizes,
    }


def measure_replacements(month: Corpus, replacements: int, folder: Path) -> dict[str, Any]:
    """Bytes of a file by the number of times that a day was replaced, and of a fresh load of the same files."""
    with TemporaryDirectory(dir=folder) as place:
        root = Path(place, "log_data")
        shutil.copytree(month.log_data, root)
        days = sorted(root.rglob("*.json"))
        day = days[len(days) // 2]
        lines = day.read_bytes().splitlines(keepends=True)

        def load(name: str) -> Config:
            warehouse = str(Path(place, name))
            config = load_config(warehouse=warehouse, log_data=str(root), song_data=month.joined_songs)
            sparkify.load(config)
            return config

        sizes = {0: size_of(load("replaced.duckdb"))}
        for number in range(1, replacements + 1):
            left_out = number % len(lines)
            day.write_bytes(b"".join(lines[:left_out] + lines[left_out + 1 :]))
            sizes[number] = size_of(load("replaced.duckdb"))
        fresh, replaced = load("fresh.duckdb"), load("replaced.duckdb")
        sparkify.compact(replaced)
        return {
            "events": month.events,
            "day": len(lines),
            "sizes": sizes,
            "fresh": size_of(fresh),
            "compacted": size_of(replaced),
        }


def size_of(warehouse: Config) -> int:
    """Bytes of the file of a warehouse."""
    return Path(warehouse.warehouse_address).stat().st_size


def main() -> None:
    """Simulate where needed, measure, keep the results, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="M", help="0.1, 1 or 10 million events (default: M)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--replacements", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    if options.replacements:
        month = make_corpus(options.folder / "month", MONTH)
        found = measure_replacements(month, options.replacements, options.folder)
        results.keep(options.folder, "replacements", found)
        print(results.render_replacements(found), end="\n\n")
    if options.rounds:
        corpus = make_sized_corpus(options.folder, options.size)
        found = measure_formats(corpus, options.rounds, options.folder)
        results.keep(options.folder, "formats", found)
        print(results.render_formats(found))


if __name__ == "__main__":
    main()
