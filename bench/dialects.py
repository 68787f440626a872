"""Measure `sparkify load` and others on what other writers of logs do: each dialect of bench/corpora.py in turn.

    python bench/dialects.py [--size S|M|L] [--rounds N] [--contenders NAME …] [--folder DIR]

The records are the same in every dialect, and each contender reads it in the form that suits it best.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from bench import load, results
from bench.corpora import DIALECTS, SIZES, Corpus, make_dialect, make_sized_corpus

_CONTENDERS = ["sparkify", "sql", "handwritten", "polars", "pandas"]


def measure(corpus: Corpus, names: list[str], rounds: int, folder: Path) -> dict[str, Any]:
    """What a contest gives, by dialect."""
    found = {}
    for dialect in DIALECTS:
        print(dialect, file=sys.stderr, flush=True)
        found[dialect] = load.measure(make_dialect(corpus, dialect), names, rounds, folder)
    return found


def main() -> None:
    """Simulate where needed, measure, keep the results, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="M")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--contenders", nargs="*", choices=_CONTENDERS, default=_CONTENDERS, metavar="NAME")
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    names = load.choose_contenders(options.contenders)
    corpus = make_sized_corpus(options.folder, options.size)
    found = {options.size: measure(corpus, names, options.rounds, options.folder)}
    results.keep(options.folder, "dialects", found)
    print(results.render_dialects(found))


if __name__ == "__main__":
    main()
