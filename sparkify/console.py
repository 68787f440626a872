"""What a user sees in a terminal: progress, tables, summaries. Formats results, computes nothing.

Progress and messages go to stderr, data to stdout. `rich` is slow to import, so it is imported where it is used.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sparkify.addresses import mask
from sparkify.formats import (
    count_of,
    describe_lag,
    format_bytes,
    format_share,
    format_value,
    name_some,
    printable,
)
from sparkify.table import print_rows

if TYPE_CHECKING:
    # Every command imports this module, and these are slow to import.
    from sparkify.exports.export import ExportProgress, ExportResult
    from sparkify.inspection.status import Status
    from sparkify.loads.compact import CompactResult
    from sparkify.loads.progress import Progress
    from sparkify.loads.rebuild import RebuildResult
    from sparkify.loads.replay import ReplayResult
    from sparkify.loads.result import LoadResult
    from sparkify.loads.undo import UndoResult
    from sparkify.star.checks import CheckResult
    from sparkify.star.comparison import Difference, TableComparison
    from sparkify.warehouses import Finding, StoredFile

# Shorter work shows no bar. Without a terminal, a line is written this often.
_DRAW_AFTER_SECONDS = 1.0
_DRAW_EVERY_SECONDS = 0.1
_LINE_EVERY_SECONDS = 5.0
# How many reasons a summary lists.
_REASONS = 8

# The step, how much is done, of how much, and both in words.
_Show = Callable[[str, int, int, str], None]


def say(text: str) -> None:
    """Write a line for the user to stderr."""
    print(printable(mask(text)), file=sys.stderr, flush=True)


@contextmanager
def show_load(quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """Show a load's progress: a bar on a terminal, a line from time to time elsewhere, nothing if quiet."""
    started = time.monotonic()

    def describe(state: Progress) -> str:
        seconds = time.monotonic() - started
        rate = state.records / seconds if seconds else 0
        files = f"{state.files:,}/{state.total_files:,} files"
        return f"{files}, {format_bytes(state.bytes)}, {count_of(state.records, 'record')}, {rate:,.0f}/s"

    with _open_display("planning", quiet) as show:
        yield lambda state: show(state.step, min(state.bytes, state.total_bytes), state.total_bytes, describe(state))


@contextmanager
def show_simulation(quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a simulation's progress, like a load's."""
    with _open_display("writing", quiet) as show:
        yield lambda done, total: show("writing", done, total, f"{done:,}/{total:,} records")


@contextmanager
def show_checks(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Show what is being checked, like a load's progress."""
    with _open_display("checking", quiet) as show:
        yield lambda name, done, total: show(f"checking {name}", done, total, f"{done}/{total} checks")


@contextmanager
def show_report(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Show what a report computes, like a load's progress."""
    with _open_display("summing up", quiet) as show:
        yield lambda step, done, total: show(step, done, total, f"{done}/{total} steps")


@contextmanager
def show_export(quiet: bool) -> Iterator[Callable[[ExportProgress], None]]:
    """Show an export's progress, like a load's."""
    with _open_display("exporting", quiet) as show:
        yield lambda state: show(
            "exporting",
            state.files,
            state.total_files,
            f"{state.files:,}/{state.total_files:,} files, {state.file} {format_bytes(state.bytes)}",
        )


@contextmanager
def show_step(step: str, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show that a step is being done whose end is not known, like a load's progress. Another can take its place."""
    with _open_display(step, quiet) as show:
        yield lambda other: show(other, 0, 0, "")


@contextmanager
def _open_display(step: str, quiet: bool) -> Iterator[_Show]:
    if quiet:
        yield lambda step, done, total, words: None
        return
    display = Display(step)
    try:
        yield display.show
    finally:
        display.close()


class Display:
    """Shows the last state from a thread of its own: a step may take long, and say nothing.

    On a terminal it is a bar, after so many seconds and until `close`, elsewhere a line every so many seconds.
    """

    def __init__(
        self, step: str, *, after: float = _DRAW_AFTER_SECONDS, line_every: float = _LINE_EVERY_SECONDS
    ) -> None:
        self._state = (step, 0, 0, "")
        self._after = after
        self._line_every = line_every
        self._started = time.monotonic()
        self._is_over = threading.Event()
        draw = self._draw_bar if sys.stderr.isatty() else self._write_lines
        self._thread = threading.Thread(target=draw, daemon=True)
        # Where not even a thread can be had, the work counts.
        with suppress(RuntimeError):
            self._thread.start()

    def show(self, step: str, done: int, total: int, words: str) -> None:
        """Take the place of the last state: the step, how much is done, of how much, and both in words."""
        self._state = (step, done, total, words)

    def close(self) -> None:
        """Show nothing any more, and remove the bar."""
        self._is_over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _write_lines(self) -> None:
        while not self._is_over.wait(self._line_every):
            step, _, _, words = self._state
            say(f"{step}: {words or f'{time.monotonic() - self._started:,.0f} s'}")

    def _draw_bar(self) -> None:
        # Most work ends before.
        if self._is_over.wait(self._after):
            return
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        shown = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"), TimeElapsedColumn())
        console = Console(stderr=True)
        # What is printed on the same terminal stands above the bar.
        is_same = sys.stdout.isatty()
        with Bar(*shown, console=console, transient=True, auto_refresh=False, redirect_stdout=is_same) as bar:
            task = bar.add_task("", total=None, words="")
            bar.tasks[0].start_time = self._started
            is_over = False
            while not is_over:
                step, done, total, words = self._state
                bar.update(task, description=step, total=total or None, completed=done, words=words, refresh=True)
                is_over = self._is_over.wait(_DRAW_EVERY_SECONDS)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, separated: bool = False, quiet: bool = False
) -> bool:
    """Print a table to stdout, as `table.print_rows` does, and tell what a terminal does not show, unless quiet.

    Returns whether that says how many rows there are.
    """
    shown = print_rows(columns, rows, separated=separated)
    if shown.hint and not quiet:
        say(shown.hint)
    return shown.tells_rows


def _cell(value: Any) -> str:
    return printable(format_value(value))


def print_load(result: LoadResult) -> None:
    """Print what a load did; its warnings go to stderr."""
    files = ", ".join(f"{count:,} {state}" for state, count in result.files.items() if count)
    is_nothing = result.records["read"] and not result.records["loaded"]
    print(f"{result.status.replace('_', ' ')}: {files or 'no files'}{'; no record of them' if is_nothing else ''}")
    if result.load_id is None and result.files["moved"]:
        print("  the ledger has the new places of the moved files")
    if result.load_id is not None:
        counts = result.records
        print(f"load {result.load_id}: {count_of(counts['read'], 'record')} read = {counts['loaded']:,} loaded", end="")
        print(f" + {counts['rejected']:,} rejected, in {result.seconds:.2f} s")
    reasons = list(result.reasons.items())
    for reason, count in reasons[:_REASONS]:
        print(f"  rejected {count:,} {reason}")
    if more := reasons[_REASONS:]:
        print(f"  rejected {sum(count for _, count in more):,} for {count_of(len(more), 'other reason')}")
    if set(result.shapes) - {"lines", "empty"}:
        print("  shapes " + ", ".join(f"{shape} {count:,}" for shape, count in result.shapes.items()))
    if result.records["repaired"]:
        repaired = count_of(result.records["repaired"], "record")
        print(f"  repaired {repaired}, with text that was encoded as UTF-8 twice")
    for one in result.replaced[:_REASONS]:
        print(f"  replaced {printable(one.url)}: {one.left:,} left, {one.entered:,} entered")
    if others := result.replaced[_REASONS:]:
        left, entered = (sum(getattr(one, what) for one in others) for what in ("left", "entered"))
        print(f"  replaced {count_of(len(others), 'other file')}: {left:,} left, {entered:,} entered")
    print_counts(result.tables)
    _print_match_rates(result.match_rate)
    if result.judged_by == "sql":
        print("judged by SQL, not by the native library; `sparkify doctor` says why")
    for broken in result.broken_checks:
        print(f"warning from check {printable(broken)}")
    for warning in result.warnings:
        say(f"warning: {warning}")


def _print_match_rates(rates: Mapping[str, float | None]) -> None:
    song, artist = map(format_share, (rates["song"], rates["artist"]))
    print(f"match rate: {song} of plays have a song of the catalogue, {artist} an artist")


def print_counts(tables: Mapping[str, int]) -> None:
    """Print the rows of each table."""
    width = max(map(len, tables))
    for table, rows in tables.items():
        print(f"  {table.ljust(width)}  {rows:>12,}")


def print_status(status: Status) -> None:
    """Print what a warehouse holds."""
    print(f"warehouse: {printable(status.warehouse)}")
    print(f"version: {status.version}")
    if status.file is not None:
        free = f"sparkify compact frees about {format_bytes(status.file.free_bytes)}"
        print(f"file: {format_bytes(status.file.bytes)}, of which {free}; {_describe_format(status.file)}")
    print_counts(status.tables)
    counts = status.records
    print(f"records: {counts['read']:,} read = {counts['loaded']:,} loaded + {counts['rejected']:,} rejected")
    print("files: " + (", ".join(f"{count:,} {state}" for state, count in status.files.items()) or "none"))
    _print_match_rates(status.match_rate)
    if status.newest_event is not None:
        age = describe_lag(status.lag_seconds)
        print(f"newest event: {format_value(status.newest_event)} UTC{', ' if age else ''}{age}")
    if status.newest_play is not None:
        print(f"newest play: {format_value(status.newest_play)} UTC")
    if status.pending is None:
        print("pending: unknown; give --log-data and --song-data to see")
    else:
        print("pending: " + ", ".join(f"{count:,} {state}" for state, count in status.pending.items()))
    if status.loads:
        # As many columns as fit a terminal of 80; --json has the others.
        names = ["load_id", "started_at", "status", "mode", "files", "read", "rejected", "seconds"]
        rows = [[load[name] for name in names] for load in status.loads[-10:]]
        for row in rows:
            row[1] = f"{row[1]:%Y-%m-%d %H:%M}"
        print()
        print_table(["load", *names[1:]], rows, separated=True)


def print_compact(result: CompactResult) -> None:
    """Print what compacting did, or would do."""
    if result.before is None:
        print(f"nothing to do: {printable(result.warehouse)} is not a file, and frees space by itself")
    elif result.after is None:
        free = format_bytes(result.before.free_bytes)
        print(f"would be compacted: {format_bytes(result.before.bytes)}, of which about {free} would be freed")
    else:
        sizes = f"{format_bytes(result.before.bytes)} before, {format_bytes(result.after.bytes)} now"
        print(f"compacted: {sizes}; {_describe_format(result.after)}")


def _describe_format(file: StoredFile) -> str:
    return f"DuckDB {file.version[1:]} and later open it"


def print_export(result: ExportResult) -> None:
    """Print what an export wrote."""
    print_counts(result.tables)
    print(
        f"{printable(result.folder)}: {count_of(result.files, 'file')}, {format_bytes(result.bytes)}, and manifest.json"
    )
    if result.removed:
        print(f"removed {count_of(len(result.removed), 'file')} of the earlier export: {name_some(result.removed)}")


def print_checks(results: Sequence[CheckResult]) -> None:
    """Print each check's outcome, and their number."""
    for result in results:
        print_check(result)
    print_check_counts(results)


def print_check(result: CheckResult) -> None:
    """Print a check's outcome at once, and why a broken one matters: the next may take a while."""
    outcome = "ok  " if result.passed else result.check.severity
    lines = [f"{outcome}  {result.check.qualified_name}"]
    if not result.passed:
        lines.append(f"      {result.rows:,} found. {result.check.why}")
        for example in result.examples:
            named = zip(result.columns, example, strict=True)
            lines.append("      " + ", ".join(f"{name}={_cell(value)}" for name, value in named))
    print("\n".join(lines), flush=True)


def print_check_counts(results: Sequence[CheckResult]) -> None:
    """Print how many checks there were, and how they went."""
    broken = [result for result in results if not result.passed]
    failed = sum(result.check.severity == "fail" for result in broken)
    outcomes = f"{len(results) - len(broken)} ok, {failed} failed, {count_of(len(broken) - failed, 'warning')}"
    print(f"{count_of(len(results), 'check')}: {outcomes}")


def print_comparison(compared: Sequence[TableComparison]) -> None:
    """Print how two stars compare, with the first differences of each table."""
    for table in compared:
        rows = f"{'' if table.equal else f'{table.rows[0]:,} and '}{count_of(table.rows[1], 'row')}"
        print(f"{'equal' if table.equal else 'DIFFERS'}  {table.table}, {rows}")
        for difference in table.differences:
            print(f"    {_cell(difference.key)}: {_describe_difference(difference)}")


def _describe_difference(difference: Difference) -> str:
    if difference.only_in is not None:
        place = 0 if difference.only_in == "first" else 1
        values = (f"{name} {_quoted(pair[place])}" for name, pair in difference.columns.items())
        return f"only in the {difference.only_in}, {', '.join(values)}"
    pairs = difference.columns.items()
    return ", ".join(f"{name} {_quoted(one)} and {_quoted(other)}" for name, (one, other) in pairs)


def _quoted(value: str | None) -> str:
    return "NULL" if value is None else repr(_cell(value))


def print_finding(finding: Finding) -> None:
    """Print a finding at once: the next may take a while."""
    print(f"{'ok  ' if finding.passed else 'FAIL'}  {finding.name}: {printable(finding.detail)}", flush=True)


def print_undo(result: UndoResult, *, to_stderr: bool = False) -> None:
    """Print what undoing a load did, or would do."""
    stream = sys.stderr if to_stderr else sys.stdout
    done = "is undone" if result.status == "undone" else "would be undone"
    counts = result.records
    taken = f"{count_of(counts['loaded'], 'record')} and {count_of(counts['rejected'], 'reject')}"
    print(f"load {result.load_id} {done}: {taken}", file=stream)
    print(f"pending again: {count_of(len(result.pending), 'file')}, for the next load", file=stream)
    for url in result.replaced:
        print(f"  {printable(url)} had an older version, whose rows cannot be restored", file=stream)


def print_rebuild(result: RebuildResult) -> None:
    """Print what recomputing the star changed, or would change."""
    print("the star is recomputed" if result.status == "rebuilt" else "the star would be recomputed")
    print_table(
        ["table", "rows before", "rows after", "rows that differ"],
        [[name, table.before, table.after, table.changed] for name, table in result.tables.items()],
        separated=True,
    )


def print_replay(result: ReplayResult) -> None:
    """Print what a replay did, or would do."""
    counts = result.records
    rejects = count_of(counts["replayed"], "reject")
    if result.status == "would_replay":
        print(f"{rejects} would be judged again:")
    elif result.status == "nothing_to_do":
        print("there are no rejects to judge again")
    else:
        print(f"{rejects} judged again: {counts['loaded']:,} loaded, {counts['rejected']:,} still rejected")
    for reason, count in list(result.reasons.items())[:_REASONS]:
        print(f"  rejected {count:,} {reason}")
