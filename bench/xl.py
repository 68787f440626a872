"""Measure what a large warehouse asks of an embedded engine: its load, and all that is asked of it later.

    python bench/xl.py [--size XL|L] [--memory-limit SIZE] [--warehouse FILE] [--folder DIR]

Each step is a process of its own: the load, the same load again with nothing to do, a check, the status, every
question, the report, and one more day in the same folder, beside the same day into a warehouse that has only the songs.
XL is 100 million events over a year (45 GB, compressed to 4): it takes about an hour, and 20 GB of disk. --warehouse
names a file that is kept; where it is there already, it has to hold the corpus, and the load is not measured.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import results
from bench.corpora import SIZES, XL, Corpus, compress, make_corpus, make_sized_corpus
from bench.processes import Run, describe_machine, run
from sparkify.questions.catalogue import list_questions
from sparkify.simulator import SimulateOptions

# The mean of a day at XL, and the day after its last.
_DAY = SimulateOptions(events=270_000, users=200_000, days=1, songs=1, start=date(2019, 11, 1), seed=1)


@dataclass(frozen=True)
class Options:
    """What is asked: the memory limit of all (None for the default), a warehouse that is kept, questions."""

    limit: str | None = None
    warehouse: Path | None = None
    questions: Sequence[str] = tuple(question.name for question in list_questions())


def measure(corpus: Corpus, day: Corpus, options: Options, folder: Path) -> dict[str, Any]:
    """The run of every step, by its name."""
    with TemporaryDirectory(dir=folder, prefix="xl-") as scratch:
        measured = dict(_measure_steps(corpus, day, options, Path(scratch)))
    return {
        "machine": describe_machine(),
        "events": corpus.events,
        "bytes": corpus.bytes,
        "day": day.events,
        "limit": options.limit,
        "runs": {name: asdict(one) for name, one in measured.items()},
    }


def _measure_steps(corpus: Corpus, day: Corpus, options: Options, scratch: Path) -> Iterator[tuple[str, Run]]:
    environment = os.environ | ({"SPARKIFY_MEMORY_LIMIT": options.limit} if options.limit else {})

    def sparkify(*words: str, into: Path) -> Run:
        print(f"sparkify {' '.join(words)}", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "sparkify", *words, "--warehouse", str(into)]
        return run(command, environment, log=scratch / "log.txt", seconds=7_200)

    # Links, so that a day can be added to the folder and the corpus stays as it is.
    logs = scratch / "log_data"
    shutil.copytree(corpus.log_data, logs, copy_function=os.link)
    load = ["load", "-q", "--log-data", str(logs), "--song-data", corpus.song_data]
    large = options.warehouse or scratch / "large.duckdb"
    if not large.exists():
        yield "load", sparkify(*load, into=large)
    yield "load, nothing to do", sparkify(*load, into=large)
    yield "check", sparkify("check", into=large)
    yield "status", sparkify("status", into=large)
    for name in options.questions:
        yield f"query {name}", sparkify("query", name, "--format", "json", into=large)
    yield "report", sparkify("report", "-q", "-o", str(scratch / "report.html"), into=large)
    songs_only = scratch / "songs.duckdb"
    sparkify("load", "-q", "--song-data", corpus.song_data, into=songs_only)
    yield "load of a day, of songs only before", sparkify("load", "-q", "--log-data", day.log_data, into=songs_only)
    (file,) = day.log_files
    os.link(file, logs / file.name)
    yield "load of a day", sparkify(*load, into=large)


def make_day(folder: Path) -> Corpus:
    """A day after the year, of its users; its file is compressed as theirs are."""
    day = make_corpus(folder / f"day-{_DAY.events}", _DAY)
    compress(Path(day.log_data).rglob("*.json"))
    return day


def main() -> None:
    """Simulate where needed, measure, keep the results, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=[*SIZES, "XL"], default="XL")
    parser.add_argument("--memory-limit", metavar="SIZE", help="that of sparkify; the default is the command's own")
    parser.add_argument("--warehouse", type=Path, help="a file that is kept; loaded where it is missing")
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    folder: Path = options.folder
    if options.size == "XL":
        corpus = make_corpus(folder / f"{XL.events}-{XL.songs}", XL, compressed=True)
    else:
        corpus = make_sized_corpus(folder, options.size)
    found = measure(corpus, make_day(folder), Options(options.memory_limit, options.warehouse), folder)
    results.keep(folder, "xl", {f"{options.size} {options.memory_limit or 'default'}": found})
    print(results.render_xl(results.read(folder)["xl"]))


if __name__ == "__main__":
    main()
