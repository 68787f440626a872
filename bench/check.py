"""Tell whether the load has become slower, by ratios to others measured in the same minutes; never by absolute times.

    python bench/check.py [--record] [--rounds N] [--folder DIR]

Measures `sparkify load`, the hand-written script and the floor, and one more day, and compares the ratios with those of
bench/recorded.json. Says what got worse by more than 15 %, and then ends with 1. With --record the ratios are written
there instead.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bench import growth, load, results
from bench.contest import OURS
from bench.corpora import Corpus, make_sized_corpus
from bench.processes import HERE, describe_machine

RECORDED = HERE / "recorded.json"
SIZE = "M"
ROUNDS = 3
DAY = 30_000
TOLERANCE = 0.15
OTHERS = ("handwritten", "floor")
FIGURES = {"wall": "time", "cpu": "CPU time", "peak": "peak memory"}
STEPS = ("load", "replacement", "undo")


def measure_ratios(corpus: Corpus, day: Corpus, rounds: int, folder: Path) -> dict[str, float]:
    """Measure, and derive each ratio."""
    contest = load.measure(corpus, [OURS, *OTHERS], rounds, folder)
    (grown,) = growth.measure({SIZE: corpus}, day, rounds, folder).values()
    return derive_ratios(contest["runs"], grown)


def derive_ratios(runs: dict[str, Any], grown: dict[str, Any]) -> dict[str, float]:
    """Each ratio by what it is of what; more is worse."""
    ratios = {
        f"{words} of a load, by that of {other}": results.ratio(runs, OURS, other, figure)
        for other in OTHERS
        for figure, words in FIGURES.items()
    }
    ratios |= {
        f"{step} of a day in a large warehouse, by its load into an empty one": results.day_ratio(
            grown["days"], grown["empty"], step
        )
        for step in STEPS
    }
    return {name: round(value, 3) for name, value in ratios.items()}


def find_slips(found: dict[str, float], recorded: dict[str, float]) -> list[str]:
    """A sentence for each ratio that is worse than the recorded one by more than the tolerance."""
    return [
        f"{name}: {found[name]:.2f}, recorded {before:.2f}: worse by {found[name] / before - 1:.0%}"
        for name, before in recorded.items()
        if found[name] > before * (1 + TOLERANCE)
    ]


def compare(found: dict[str, float], recorded: dict[str, Any]) -> int:
    """Print every ratio beside the recorded one, and what slipped; returns the exit code."""
    for name, value in found.items():
        print(f"{value:6.2f}  recorded {recorded['ratios'][name]:6.2f}  {name}")
    cores = describe_machine()["cores"]
    if cores != recorded["machine"]["cores"]:
        print(f"recorded on {recorded['machine']['cores']} cores, this machine has {cores}: ratios may differ")
    slips = find_slips(found, recorded["ratios"])
    for slip in slips:
        print(f"slipped: {slip}")
    if not slips:
        print(f"nothing is worse by more than {TOLERANCE:.0%}")
    if any(found[name] < before * (1 - TOLERANCE) for name, before in recorded["ratios"].items()):
        print("some are better by more than that: once it is meant to stay, record it with --record")
    return 1 if slips else 0


def main() -> int:
    """Measure, then record or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="write the ratios to bench/recorded.json")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    corpus, day = make_sized_corpus(options.folder, SIZE), growth.make_day(options.folder, DAY)
    found = measure_ratios(corpus, day, options.rounds, options.folder)
    if not options.record:
        return compare(found, json.loads(RECORDED.read_text(encoding="utf-8")))
    kept = {"size": SIZE, "rounds": options.rounds, "machine": describe_machine(), "ratios": found}
    RECORDED.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    print(f"recorded {len(found)} ratios in bench/{RECORDED.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
