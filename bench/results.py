"""What was measured, as JSON below the bench's folder, and as the tables of docs/performance.md.

    python bench/results.py [--folder DIR]

writes the tables anew of what the folder holds. A table stands between `<!-- bench: NAME -->` and `<!-- end -->`.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.contest import CONTENDERS, OURS
from bench.picture import draw_growth
from bench.processes import HERE
from sparkify.settings import Config

DOCS = HERE.parent / "docs"
DEFAULT_FORMAT = Config().storage_version
Result = dict[str, Any]


# ---- keeping ----


def read(folder: Path) -> Result:
    """All results of a folder, by kind."""
    path = folder / "results.json"
    found: Result = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def keep(folder: Path, kind: str, found: Result) -> None:
    """Add results to those of their kind, in place of older ones of the same name."""
    kept = read(folder)
    kept[kind] = kept.get(kind, {}) | found
    (folder / "results.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


# ---- figures ----


def ratio(runs: Result, name: str, other: str, figure: str = "wall") -> float:
    """How many times one contender's figure is another's: the median of the rounds' own ratios."""
    # A slow contender has fewer rounds than the other.
    pairs = zip(runs[name], runs[other], strict=False)
    return float(statistics.median(one[figure] / two[figure] for one, two in pairs))


def day_ratio(days: list[Result], empty: list[Result], step: str) -> float:
    """How many times the load of a day into an empty warehouse a step of that day takes, the rounds' median."""
    return float(statistics.median(one[step] / two["load"] for one, two in zip(days, empty, strict=True)))


def median(runs: Sequence[Result], figure: str) -> float:
    """The median of one figure."""
    return float(statistics.median(one[figure] for one in runs))


def format_events(events: int) -> str:
    """A number of events, in millions where it is large."""
    return f"{events / 1e6:g} M" if events >= 100_000 else f"{events:,}"


def describe(machine: Result) -> str:
    """The machine, as part of a sentence."""
    return (
        f"{machine['cores']} cores, {machine['memory_gb']} GB of memory, {machine['system']}, Python "
        f"{machine['python']}, DuckDB {machine['duckdb']}"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


# ---- tables ----


def render_load(found: Result) -> str:
    """One size: every contender's figures, its time as a multiple of ours, and the rows that all agreed on."""
    runs = found["runs"]
    rows = []
    for name, measured in runs.items():
        walls = [one["wall"] for one in measured]
        spread = f" ({min(walls):.1f}–{max(walls):.1f})" if len(walls) > 1 else ""
        rows.append([
            CONTENDERS[name].label, f"{statistics.median(walls):.1f}{spread}", f"{ratio(runs, name, OURS):.2f}",
            f"{median(measured, 'cpu'):.1f}", f"{max(one['peak'] for one in measured):,.0f}", str(len(walls)),
        ])  # fmt: skip
    rows += [[CONTENDERS[name].label, why, "", "", "", ""] for name, why in found["left_out"].items()]
    head = ["contender", "wall s (min–max)", "times ours", "CPU s", "peak MB", "rounds"]
    title = (
        f"{format_events(found['events'])} events ({found['bytes'] / 1e6:,.0f} MB in {found['files']} log files and "
        f"{found['songs']:,} song files); {describe(found['machine'])}:"
    )
    counted = ", ".join(f"{table} {count:,}" for table, count in found["rows"].items())
    ours = [
        f"{ratio(runs, OURS, name):.2f} of the time of {words}"
        for name, words in (("handwritten", "the hand-written script"), ("floor", "the floor"))
        if name in runs
    ]
    told = f"`sparkify load` takes {' and '.join(ours)}. " if ours else ""
    return f"{title}\n\n{_table(head, rows)}\n\n{told}Rows that all agree on: {counted}."


def render_loads(found: Result) -> str:
    """Every size measured, the smallest first."""
    return "\n\n".join(render_load(one) for one in sorted(found.values(), key=lambda one: one["events"]))


def render_growth(found: Result) -> str:
    """Time and memory of a first load, by size."""
    rows = [
        [
            format_events(one["events"]), f"{median(one['loads'], 'wall'):.1f}", f"{median(one['loads'], 'cpu'):.1f}",
            f"{one['events'] / median(one['loads'], 'wall'):,.0f}",
            f"{max(load['peak'] for load in one['loads']):,.0f}",
        ]
        for one in _by_events(found)
    ]  # fmt: skip
    table = _table(["events", "wall s", "CPU s", "events a second", "peak MB"], rows)
    return f"{_told_rounds(found)}\n\n{table}"


def render_day(found: Result) -> str:
    """One more day, by what the warehouse holds before; in brackets times the day into an empty one."""
    sizes = _by_events(found)
    columns = [(sizes[0]["empty"], sizes[0]["empty"]), *((one["days"], one["empty"]) for one in sizes)]
    rows = []
    for step in sizes[0]["empty"][0]:
        cells = [step]
        for days, empty in columns:
            cells.append(f"{median(days, step):.2f} ({day_ratio(days, empty, step):.1f})")
        rows.append(cells)
    head = ["step", "into an empty warehouse", *(f"into {format_events(one['events'])}" for one in sizes)]
    return f"{_told_rounds(found)}\n\n{_table(head, rows)}"


def render_space(found: Result) -> str:
    """Bytes an event of the files, of the warehouse, and of Parquet with the same rows."""
    kinds = {"ndjson": "log and song files", "warehouse": "warehouse", "parquet": "Parquet of the same rows"}
    rows = [
        [format_events(one["events"]), *(f"{one['bytes'][kind] / one['events']:,.0f}" for kind in kinds)]
        for one in _by_events(found)
    ]
    return _table(["events", *kinds.values()], rows)


def render_xl(found: Result) -> str:
    """What a large warehouse asks, step by step, by size and memory limit."""
    return "\n\n".join(_render_steps(one) for one in found.values())


def _render_steps(found: Result) -> str:
    rows = [
        [name, f"{one['wall']:.1f}", f"{one['cpu']:.1f}", f"{one['peak']:,.0f}"] for name, one in found["runs"].items()
    ]
    limit = f"a memory limit of {found['limit']}" if found["limit"] else "the default memory limit"
    title = (
        f"{format_events(found['events'])} events in {found['bytes'] / 1e9:.1f} GB of files, a day of "
        f"{found['day']:,} more, {limit}; {describe(found['machine'])}:"
    )
    return f"{title}\n\n{_table(['step', 'wall s', 'CPU s', 'peak MB'], rows)}"


def render_dialects(found: Result) -> str:
    """Every contender's seconds on each dialect, ours also as a multiple of those on plain lines."""
    return "\n\n".join(_render_dialects(one) for one in found.values())


def _render_dialects(found: Result) -> str:
    plain = found["plain"]
    rows = []
    for dialect, one in found.items():
        cells = [dialect]
        for name in plain["runs"]:
            if name in one["left_out"]:
                cells.append(one["left_out"][name])
                continue
            times = ratio({"this": one["runs"][name], "plain": plain["runs"][name]}, "this", "plain", "cpu")
            cells.append(
                f"{median(one['runs'][name], 'wall'):.1f} / {median(one['runs'][name], 'cpu'):.1f} ({times:.2f})"
            )
        rows.append(cells)
    title = (
        f"{format_events(plain['events'])} events, {_rounds(plain['rounds'])}: wall s / CPU s (times that "
        f"of plain lines); {describe(plain['machine'])}:"
    )
    return f"{title}\n\n{_table(['log files', *(CONTENDERS[name].label for name in plain['runs'])], rows)}"


def render_cores(found: Result) -> str:
    """The phases of a first load by the number of cores, and what they would take on more, by Amdahl's law."""
    return "\n\n".join(_render_phases(one) for one in found.values())


# Cores that are not measured.
_ESTIMATED = (8, 16)


def _render_phases(found: Result) -> str:
    measured = {int(cores): rounds for cores, rounds in found["phases"].items()}
    rows = []
    for phase in next(iter(measured.values()))[0]:
        seconds = {cores: median(rounds, phase) for cores, rounds in measured.items()}
        told = [f"{value:.2f}" for value in seconds.values()]
        rows.append([phase, *told, *(f"{_on_cores(seconds, cores):.2f}" for cores in _ESTIMATED)])
    # A sum of parts: each has its own share that no further core makes shorter.
    for place in range(len(measured) + 1, len(rows[-1])):
        rows[-1][place] = f"{sum(float(row[place]) for row in rows[:-1]):.2f}"
    head = [
        "phase",
        *(f"{cores} core{'s' if cores > 1 else ''}, s" for cores in measured),
        *(f"{cores} cores, estimated" for cores in _ESTIMATED),
    ]
    title = f"{format_events(found['events'])} events, {_rounds(found['rounds'])}; {describe(found['machine'])}:"
    return f"{title}\n\n{_table(head, rows)}"


def _on_cores(seconds: dict[int, float], cores: int) -> float:
    """Seconds on more cores, by Amdahl's law, from those on the fewest and on the most that were measured."""
    few, many = min(seconds), max(seconds)
    if few == many:
        return seconds[many]
    parallel = (seconds[few] - seconds[many]) / (1 / few - 1 / many)
    parallel = min(max(parallel, 0.0), seconds[few] * few)
    return seconds[few] - parallel / few + parallel / cores


def render_formats(found: Result) -> str:
    """What each format of the file costs in a first load, CPU time also as a multiple of the default's."""
    runs = found["runs"]
    rows = [
        [
            f"{name}{', the default' if name == DEFAULT_FORMAT else ''}", f"{median(measured, 'cpu'):.1f}",
            f"{ratio(runs, name, DEFAULT_FORMAT, 'cpu'):.2f}", f"{found['bytes'][name] / 1e6:.1f}",
        ]
        for name, measured in runs.items()
    ]  # fmt: skip
    title = f"{format_events(found['events'])} events, {found['rounds']} rounds; {describe(found['machine'])}:"
    return f"{title}\n\n{_table(['format', 'CPU s', 'times the default', 'file, MB'], rows)}"


def render_replacements(found: Result) -> str:
    """The size of a file by the number of days that were replaced in it, also as a multiple of a fresh load's."""
    fresh, sizes = found["fresh"], {int(number): size for number, size in found["sizes"].items()}
    chosen = [number for number in (0, 1, 10, 50, 100, 200) if number in sizes]
    rows = [[f"{number:,}", f"{sizes[number] / 1e6:.1f}", f"{sizes[number] / fresh:.2f}"] for number in chosen]
    rows += [["then compacted", f"{found['compacted'] / 1e6:.1f}", f"{found['compacted'] / fresh:.2f}"]]
    title = f"{format_events(found['events'])} events, {found['day']:,} of them on the day that is replaced:"
    return f"{title}\n\n{_table(['replacements', 'file, MB', 'times a fresh load'], rows)}"


def _by_events(found: Result) -> list[Result]:
    return sorted(found.values(), key=lambda one: int(one["events"]))


def _told_rounds(found: Result) -> str:
    last = _by_events(found)[-1]
    return f"{_rounds(last['rounds']).capitalize()}; {describe(last['machine'])}:"


def _rounds(number: int) -> str:
    return f"medians of {number} rounds" if number > 1 else "one round"


# ---- the documentation ----

# The parts of docs/performance.md, each with the kind of result that it shows.
PARTS: dict[str, tuple[str, Callable[[Result], str]]] = {
    "load": ("load", render_loads),
    "growth": ("growth", render_growth),
    "day": ("growth", render_day),
    "space": ("growth", render_space),
    "xl": ("xl", render_xl),
    "cores": ("cores", render_cores),
    "dialects": ("dialects", render_dialects),
    "formats": ("formats", render_formats),
    "replacements": ("replacements", render_replacements),
}


def fill(text: str, kept: Result) -> str:
    """A text with the parts anew of which there are results. Raises ValueError where one has no place in it."""
    for name, (kind, render) in PARTS.items():
        if kind not in kept:
            continue
        start, end = f"<!-- bench: {name} -->", "<!-- end -->"
        before, found, rest = text.partition(start)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"there is no place for the part {name}: {start} … {end}")
        text = f"{before}{start}\n\n{render(kept[kind])}\n\n{end}{after}"
    return text


def write_docs(folder: Path, docs: Path = DOCS) -> None:
    """Write the tables, and the picture of growth, of what a folder holds."""
    kept = read(folder)
    page = docs / "performance.md"
    page.write_text(fill(page.read_text(encoding="utf-8"), kept), encoding="utf-8")
    if "growth" in kept:
        (docs / "growth.svg").write_text(draw_growth(kept["growth"]), encoding="utf-8")


def main() -> None:
    """Write what the folder holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    write_docs(parser.parse_args().folder)


if __name__ == "__main__":
    main()
