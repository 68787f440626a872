"""Measure `sparkify load` against the hand-written script, whole processes in turn on the same folders.

    python bench/load.py [--events N] [--songs N] [--rounds N] [--folder DIR]

The corpus is simulated once into the folder (build/bench by default) and kept. Each round runs both contenders on an
empty warehouse, one after the other; the figures are medians of the rounds, and the ratio is the median of the rounds'
own ratios, so that a machine whose speed drifts does not decide. Rows that both must agree on are compared.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from sparkify.simulator import SimulateOptions, simulate

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Run:
    """One process: wall and CPU seconds, peak memory in MB."""

    wall: float
    cpu: float
    peak: float


def run(command: list[str], environment: Mapping[str, str] = os.environ) -> Run:
    """Run a process to its end. Raises RuntimeError if it fails."""
    # As for most users, compiled modules are kept: where this forbids it, every run would compile them anew.
    kept = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    # Its own resource usage, not that of every child so far, is what wait4 gives.
    process = os.posix_spawn(command[0], command, kept)
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - started
    if code := os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"{' '.join(command)} ended with {code}")
    # Linux counts in kB, macOS in bytes.
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)


def count_rows(warehouse: Path) -> dict[str, int]:
    """Rows of the tables that both contenders must agree on."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = ("staging_events", "staging_songs", "users", "songs", "artists")
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in tables}


def measure(folder: Path, rounds: int) -> dict[str, list[Run]]:
    """Run the contenders in turn; returns their runs."""
    corpus = [str(folder / "log_data"), str(folder / "song_data")]
    runs: dict[str, list[Run]] = {"sparkify load": [], "hand-written script": []}
    rows: list[dict[str, int]] = []
    for _ in range(rounds):
        for name, results in runs.items():
            warehouse = folder / "warehouse.duckdb"
            warehouse.unlink(missing_ok=True)
            if name == "sparkify load":
                roots = ["--log-data", corpus[0], "--song-data", corpus[1]]
                command = [sys.executable, "-m", "sparkify", "load", "-q", "--warehouse", str(warehouse), *roots]
            else:
                command = [sys.executable, str(HERE / "handwritten.py"), str(warehouse), *corpus]
            results.append(run(command))
            rows.append(count_rows(warehouse))
    if any(row != rows[0] for row in rows):
        raise RuntimeError(f"the contenders disagree about the rows: {rows}")
    return runs


def render(runs: dict[str, list[Run]]) -> str:
    """The figures as a Markdown table."""
    ours, theirs = runs["sparkify load"], runs["hand-written script"]
    ratio = statistics.median(a.wall / b.wall for a, b in zip(ours, theirs, strict=True))
    lines = ["| contender | wall s (min–max) | CPU s | peak MB |", "|---|---|---|---|"]
    for name, results in runs.items():
        walls = [result.wall for result in results]
        cpu = statistics.median(result.cpu for result in results)
        peak = max(result.peak for result in results)
        lines.append(
            f"| {name} | {statistics.median(walls):.2f} ({min(walls):.2f}–{max(walls):.2f}) | {cpu:.1f} | {peak:.0f} |"
        )
    lines.append(f"\nRatio of wall times, median of {len(ours)} rounds: **{ratio:.2f}**")
    lines.append(f"({os.cpu_count()} cores, Python {platform.python_version()}, DuckDB {duckdb.__version__})")
    return "\n".join(lines)


def main() -> None:
    """Simulate where needed, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--songs", type=int, default=15_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    folder = options.folder / f"{options.events}-{options.songs}"
    if not (folder / "truth.json").exists():
        simulate(folder, SimulateOptions(events=options.events, users=2_000, days=7, songs=options.songs))
    print(render(measure(folder, options.rounds)))


if __name__ == "__main__":
    main()
