"""Measure what one more day costs a warehouse that is large, against the same day in an empty one; whole processes.

    python bench/growth.py [--events N] [--day N] [--rounds N] [--folder DIR]

A day of simulated log is loaded into an empty warehouse, loaded into one that holds many events already, replaced there
by a corrected day, and undone. Each round does all four, so that a machine whose speed drifts does not decide; the
ratios are medians of the rounds' own ratios. Both corpora are simulated once into the folder and kept.
"""

import argparse
import shutil
import statistics
import sys
from pathlib import Path

from bench.load import run
from sparkify.simulator import SimulateOptions, simulate

STEPS = ("day into an empty warehouse", "day into a large one", "replacement of the day", "undo of it")


def sparkify(verb: str, warehouse: Path, *options: str) -> float:
    """Seconds that a command takes as a process of its own."""
    command = [sys.executable, "-m", "sparkify", verb, "-q", "--warehouse", str(warehouse), *options]
    return run(command).wall


def simulate_once(folder: Path, options: SimulateOptions) -> Path:
    """A simulated corpus, kept from the first run on."""
    if not (folder / "truth.json").exists():
        simulate(folder, options)
    return folder


def measure(folder: Path, large: Path, day: Path, rounds: int) -> list[dict[str, float]]:
    """The seconds of each step, round by round."""
    filled, warehouse, root = folder / "filled.duckdb", folder / "warehouse.duckdb", folder / "day"
    filled.unlink(missing_ok=True)
    sparkify("load", filled, "--log-data", str(large / "log_data"), "--song-data", str(large / "song_data"))
    (first,) = day.glob("log_data/**/*.json")
    lines = first.read_bytes().splitlines(keepends=True)
    found = []
    for _ in range(rounds):
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        (root / "day.json").write_bytes(first.read_bytes())
        seconds = {}
        warehouse.unlink(missing_ok=True)
        seconds[STEPS[0]] = sparkify("load", warehouse, "--log-data", str(root))
        shutil.copyfile(filled, warehouse)
        seconds[STEPS[1]] = sparkify("load", warehouse, "--log-data", str(root))
        (root / "day.json").write_bytes(b"".join(lines[1:]))
        seconds[STEPS[2]] = sparkify("load", warehouse, "--log-data", str(root))
        seconds[STEPS[3]] = sparkify("undo", warehouse, "3", "--yes")
        found.append(seconds)
    return found


def render(rounds: list[dict[str, float]]) -> str:
    """The figures as a Markdown table."""
    lines = ["| step | wall s (min–max) | times the day into an empty one |", "|---|---|---|"]
    for step in STEPS:
        walls = [seconds[step] for seconds in rounds]
        ratio = statistics.median(seconds[step] / seconds[STEPS[0]] for seconds in rounds)
        lines.append(f"| {step} | {statistics.median(walls):.2f} ({min(walls):.2f}–{max(walls):.2f}) | {ratio:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Simulate where needed, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--day", type=int, default=30_000, help="events of the day")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    large = simulate_once(
        options.folder / f"{options.events}-15000",
        SimulateOptions(events=options.events, users=2_000, days=7, songs=15_000),
    )
    day = simulate_once(
        options.folder / f"day-{options.day}",
        SimulateOptions(events=options.day, users=2_000, days=1, songs=1, seed=1),
    )
    print(render(measure(options.folder, large, day, options.rounds)))


if __name__ == "__main__":
    main()
