"""Measure `sparkify load` against others that make staging and the star of the same folders; whole processes in turn.

    python bench/load.py [--size S|M|L] [--rounds N] [--contenders NAME …] [--folder DIR]

The corpus is simulated once into the folder and kept. Each round runs every contender, one after the other, each into
an empty target; a slow one runs in the first round only. Figures are medians, and a ratio is the median of the rounds'
own ratios to `sparkify load`, so that a machine whose speed drifts does not decide. The rows that all must agree on are
compared after each run. A contender that takes more than 10 minutes, or 60 % of the memory, is ended and left out of
that size. Contenders with packages of their own get an environment below the folder, from the locked bench/*.txt.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import results
from bench.contest import CONTENDERS, OURS, Facts, compare_facts, find_missing, open_server, run_contender
from bench.corpora import SIZES, Corpus, make_sized_corpus
from bench.processes import LimitExceeded, Run, describe_machine


def measure(corpus: Corpus, names: list[str], rounds: int, folder: Path) -> dict[str, Any]:
    """Run the contenders in turn; returns their runs, who was left out and why, and the rows all agree on.

    `sparkify load` has to be the first. Raises RuntimeError where a contender's rows are not those it made.
    """
    runs: dict[str, list[Run]] = {name: [] for name in names}
    left_out: dict[str, str] = {}
    expected: Facts = {}
    corpus.warm()
    with open_server(names) as server:
        for turn in range(rounds):
            for name in names:
                if name in left_out or (turn and CONTENDERS[name].slow):
                    continue
                print(f"round {turn + 1} of {rounds}: {CONTENDERS[name].label}", file=sys.stderr, flush=True)
                try:
                    measured, facts = run_contender(name, corpus, folder, server)
                except LimitExceeded as error:
                    if name == OURS:
                        raise
                    left_out[name] = str(error)
                    continue
                expected = expected or facts
                compare_facts(name, facts, expected)
                runs[name].append(measured)
    return {
        "machine": describe_machine(),
        "events": corpus.events,
        "songs": corpus.songs,
        "bytes": corpus.bytes,
        "files": len(corpus.log_files),
        "rounds": rounds,
        "runs": {name: [asdict(one) for one in found] for name, found in runs.items() if name not in left_out},
        "left_out": left_out,
        "rows": {table: values[0] for table, values in expected.items()},
    }


def choose_contenders(names: list[str]) -> list[str]:
    """Those that can run here, `sparkify load` first; says who cannot and why."""
    chosen = [OURS, *(name for name in names if name != OURS)]
    missing = {name: sentence for name in chosen if (sentence := find_missing(name))}
    for sentence in missing.values():
        print(sentence, file=sys.stderr)
    return [name for name in chosen if name not in missing]


def main() -> None:
    """Simulate where needed, measure, keep the results, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="M", help="0.1, 1 or 10 million events (default: M)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--contenders", nargs="*", choices=CONTENDERS, default=list(CONTENDERS), metavar="NAME")
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    names = choose_contenders(options.contenders)
    found = measure(make_sized_corpus(options.folder, options.size), names, options.rounds, options.folder)
    results.keep(options.folder, "load", {options.size: found})
    print(results.render_load(found))


if __name__ == "__main__":
    main()
