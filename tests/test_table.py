"""What people see: tables that fit a terminal, and the progress of what takes long."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from sparkify.cli.triangle import as_triangle
from sparkify.console import Display, print_table, show_step
from sparkify.table import Shown, print_rows

TEXTS = st.text("aé日🎵e\u0301 /", max_size=40)
VALUES = st.one_of(TEXTS, st.none(), st.integers(), st.dates(), st.booleans())


class Terminal(io.StringIO):
    """What a command takes for a terminal."""

    def isatty(self) -> bool:
        return True


def show(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], width: int | None, *, separated: bool = False
) -> tuple[Shown, list[str]]:
    """Print a table, on a terminal of that width if one is given."""
    stream = io.StringIO() if width is None else Terminal()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(stream):
        patch.setenv("COLUMNS", str(width or 80))
        shown = print_rows(columns, rows, separated=separated)
    return shown, stream.getvalue().splitlines()


@given(st.data(), st.integers(1, 6), st.integers(20, 120))
def test_a_table_fits_the_terminal(data: st.DataObject, number: int, width: int) -> None:
    columns = data.draw(st.lists(st.text("ab_", min_size=1, max_size=15), min_size=number, max_size=number))
    rows = data.draw(st.lists(st.tuples(*[VALUES] * number), max_size=5))
    shown, lines = show(columns, rows, width)
    _, whole = show(columns, rows, None)
    assert len(lines) == len(whole) == len(rows) + 2
    assert all(cell_len(line) <= width for line in lines)
    if all(cell_len(line) <= width for line in whole) and cell_len(whole[1]) <= width:
        assert (lines, shown.hint) == (whole, "")
    else:
        assert shown.hint.startswith("shown: ")
    # One mark stands where columns are left out.
    assert len(lines[1].split("  ")) == shown.shown_columns + (shown.shown_columns < number)


def test_middle_columns_and_long_texts_are_left_out() -> None:
    row = [1, "x" * 30, dt.datetime(2018, 11, 1, 0, 0, 1), "日本" * 20, None, "/data/2018/11/events.json", 12345]
    names = ["id", "text", "moment", "cjk", "none", "path", "bytes"]
    shown, lines = show(names, [row], 85)
    assert lines == [
        "id  text            moment               cjk              none  path            bytes",
        "--  --------------  -------------------  ---------------  ----  --------------  -----",
        " 1  xxxxxxxxxxxxx…  2018-11-01 00:00:01  日本日本日本日…        …1/events.json  12345",
    ]
    assert shown.hint == "shown: only the beginning of long texts; add | less -S to see all"
    shown, lines = show(names, [row], 60)
    assert lines == [
        "id  text                    …  path                    bytes",
        "--  ----------------------  …  ----------------------  -----",
        " 1  xxxxxxxxxxxxxxxxxxxxx…  …  …a/2018/11/events.json  12345",
    ]
    assert shown.hint == "shown: 4 of 7 columns, the beginning of long texts; add | less -S to see all"


def test_a_terminal_shows_the_first_rows_and_a_pipe_all() -> None:
    rows = [[number] for number in range(1_234)]
    shown, lines = show(["n"], rows, 80)
    assert (len(lines), lines[-2:]) == (103, ["99", "…"])
    assert (shown.hint, shown.tells_rows) == ("shown: 100 of 1,234 rows; add | less -S to see all", True)
    shown, lines = show(["n"], rows, None)
    assert (len(lines), shown.hint, shown.tells_rows) == (1_236, "", False)
    shown, _ = show(["n"], [[0]] * 200_000, 80)
    assert shown.hint == "shown: 100 of more than 100,000 rows; add | less -S to see all"
    assert show(["n"], rows[:100], 80)[0].hint == ""


def test_separators_of_thousands_are_for_counts() -> None:
    rows = [[1234567, 1234.5, True, 2018]]
    assert show(["a", "b", "c", "d"], rows, None)[1][2] == "1234567  1,234.5  True  2018"
    assert show(["a", "b", "c", "d"], rows, None, separated=True)[1][2] == "1,234,567  1,234.5  True  2,018"


def test_retention_is_a_triangle() -> None:
    columns = ["cohort_week", "is_cut_off_on_left", "cohort_users", "week_number", "active_users", "active_share",
               "is_week_in_part"]  # fmt: skip
    first, second = dt.date(2018, 10, 29), dt.date(2018, 11, 5)
    rows = [
        (first, True, 41, 0, 41, 1.0, False), (first, True, 41, 1, 35, 0.8537, True),
        (second, False, 3, 0, 3, 1.0, True), (second, False, 3, 1, None, None, None),
    ]  # fmt: skip
    _, lines = show(*as_triangle(columns, rows), None)
    assert lines == [
        "cohort_week   users     +0    +1",
        "------------  -----  -----  ----",
        "2018-10-29 <     41  100%   85%*",
        "2018-11-05        3  100%*",
    ]


def test_the_hint_goes_to_stderr_unless_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    for quiet, said in ((False, "shown: 100 of 101 rows; add | less -S to see all\n"), (True, "")):
        with contextlib.redirect_stdout(Terminal()):
            assert print_table(["n"], [[0]] * 101, quiet=quiet)
        assert capsys.readouterr().err == said


# ---- progress ----


def wait_for(stream: io.StringIO, words: str) -> str:
    """What is written to a stream, once the words are there."""
    until = time.monotonic() + 60
    while words not in stream.getvalue() and time.monotonic() < until:
        time.sleep(0.01)
    return stream.getvalue()


def test_progress_is_a_line_from_time_to_time() -> None:
    stream = io.StringIO()
    with contextlib.redirect_stderr(stream):
        display = Display("migrating", line_every=0.01)
        assert wait_for(stream, "migrating: ").startswith("migrating: 0 s\n")
        display.show("writing", 3, 4, "3/4 files")
        wait_for(stream, "writing: 3/4 files\n")
        display.close()
        written = stream.getvalue()
        print("more", file=stream)
    assert stream.getvalue() == f"{written}more\n"


def test_progress_is_a_bar_on_a_terminal_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream, out = Terminal(), io.StringIO()
    with contextlib.redirect_stderr(stream), contextlib.redirect_stdout(out):
        display = Display("migrating", after=0.01)
        wait_for(stream, "migrating")
        # A result is printed, and is no part of the bar.
        print("result")
        display.show("writing", 3, 4, "3/4 files")
        assert "3/4 files" in wait_for(stream, "3/4 files")
        display.close()
    assert out.getvalue() == "result\n"
    # The last thing is that its line is erased.
    assert stream.getvalue().endswith("\x1b[2K")


def test_what_is_quick_or_quiet_shows_no_progress() -> None:
    for stream, quiet in ((Terminal(), False), (io.StringIO(), False), (io.StringIO(), True)):
        with contextlib.redirect_stderr(stream), show_step("asking", quiet) as on_step:
            on_step("answering")
        assert stream.getvalue() == ""
