"""A table as text: aligned, and on a terminal cut to its width.

Widths are counted in cells of a terminal: a Chinese character takes two, a combining accent none. Where stdout is not a
terminal, everything is printed.
"""

import itertools
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sparkify.formats import count_of, format_value, printable

# So many rows are held to align the columns. A terminal shows so many, and of those after them so many are counted.
_ROWS_TO_ALIGN = 1_000
_ROWS_ON_TERMINAL = 100
_ROWS_TO_COUNT = 100_000
# A text is cut to no fewer cells: before that, columns in the middle are left out.
_LEAST_CELLS = 12
_CUT = (str, bytes, list, dict)
_GAP = "  "
_MORE = "…"


class Right(str):
    """A text that stands at the right of its column, like a number."""


@dataclass(frozen=True)
class Shown:
    """What a table shows of its rows and columns. `rows` is None if there are more than were counted."""

    shown_rows: int
    rows: int | None
    shown_columns: int
    columns: int
    has_cut_texts: bool

    @property
    def tells_rows(self) -> bool:
        """Whether the hint says how many rows there are."""
        return self.shown_rows != self.rows

    @property
    def hint(self) -> str:
        """What is not shown, and how to see it: a sentence, or an empty text."""
        parts = []
        if self.tells_rows:
            rows = f"more than {_ROWS_TO_COUNT:,} rows" if self.rows is None else count_of(self.rows, "row")
            parts.append(f"{self.shown_rows:,} of {rows}")
        if self.shown_columns < self.columns:
            parts.append(f"{self.shown_columns} of {count_of(self.columns, 'column')}")
        if self.has_cut_texts:
            parts.append("the beginning of long texts" if parts else "only the beginning of long texts")
        return f"shown: {', '.join(parts)}; add | less -S to see all" if parts else ""


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, separated: bool = False) -> Shown:
    """Print a table to stdout: numbers to the right, other values to the left, NULL as an empty cell.

    `separated` writes whole numbers with separators of thousands: for counts, not for ids and years. The first 1,000
    rows decide about the widths, and the others are printed as they come.
    """
    names = [printable(name) for name in columns]
    coming = iter(rows)
    is_terminal = sys.stdout.isatty()
    first = list(itertools.islice(coming, _ROWS_ON_TERMINAL if is_terminal else _ROWS_TO_ALIGN))
    right = [
        all(isinstance(row[place], int | float | Right) or row[place] is None for row in first)
        for place in range(len(names))
    ]
    cells = [[_cell(value, separated) for value in row] for row in first]
    layout = _Layout(_measure(names, cells), list(range(len(names))), right)
    if is_terminal:
        can_be_cut = [any(isinstance(row[place], _CUT) for row in first) for place in range(len(names))]
        layout = _fit_columns(layout, can_be_cut, shutil.get_terminal_size().columns)
    print(layout.line(names))
    print(layout.line(["-" * width for width in layout.widths]))
    for texts in cells:
        print(layout.line(texts))
    total: int | None = len(first)
    if is_terminal:
        left = sum(1 for _ in itertools.islice(coming, _ROWS_TO_COUNT))
        total = len(first) + left if left < _ROWS_TO_COUNT else None
        if left:
            print(_MORE)
    else:
        for row in coming:
            print(layout.line([_cell(value, separated) for value in row]))
    return Shown(len(first), total, len(layout.kept), len(names), layout.has_cut_texts)


def _cell(value: Any, separated: bool) -> str:
    if separated and isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return printable(format_value(value))


@dataclass
class _Layout:
    """The width of each column, which are printed, and which stand at the right."""

    widths: list[int]
    kept: list[int]
    right: list[bool]
    has_cut_texts: bool = False

    def line(self, texts: Sequence[str]) -> str:
        """One line of the table."""
        return _GAP.join(self._parts(texts)).rstrip()

    def _parts(self, texts: Sequence[str]) -> Iterator[str]:
        from rich.cells import cell_len

        before = -1
        for place in self.kept:
            if place != before + 1:
                yield _MORE
            before = place
            # Elsewhere than on a terminal a later row may be wider than the first ones.
            text = _fit(texts[place], self.widths[place]) if self.has_cut_texts else texts[place]
            blanks = " " * (self.widths[place] - cell_len(text))
            yield blanks + text if self.right[place] else text + blanks
        if before != len(self.widths) - 1:
            yield _MORE


def _measure(names: Sequence[str], cells: Sequence[Sequence[str]]) -> list[int]:
    """The width of each column if nothing is cut."""
    from rich.cells import cell_len

    return [max(map(cell_len, column)) for column in zip(names, *cells, strict=True)]


def _fit_columns(layout: _Layout, can_be_cut: Sequence[bool], most: int) -> _Layout:
    """The layout in at most so many cells: without columns in the middle if need be, the rest shared by the others."""
    full, kept = layout.widths, list(layout.kept)
    widths = [min(width, _LEAST_CELLS) if cut else width for width, cut in zip(full, can_be_cut, strict=True)]
    while len(kept) > 1 and _sum([widths[place] for place in kept], len(kept) < len(full)) > most:
        del kept[len(kept) // 2]
    if len(kept) == 1:
        beside = _sum([0], len(full) > 1)
        widths[kept[0]] = min(full[kept[0]], max(1, most - beside))
    room = most - _sum([widths[place] for place in kept], len(kept) < len(full))
    # The narrowest first: what one does not need is left for the others.
    wanting = sorted((place for place in kept if full[place] > widths[place]), key=full.__getitem__)
    for number, place in enumerate(wanting):
        more = min(full[place] - widths[place], max(0, room) // (len(wanting) - number))
        widths[place] += more
        room -= more
    return _Layout(widths, kept, layout.right, any(widths[place] < full[place] for place in kept))


def _sum(widths: Sequence[int], has_gap: bool) -> int:
    """The cells of a line, with a mark where columns are left out."""
    number = len(widths) + has_gap
    return sum(widths) + has_gap + len(_GAP) * (number - 1)


def _fit(text: str, width: int) -> str:
    """A text in so many cells: its beginning, of a path its end."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    if "/" in text and " " not in text:
        return _MORE + next(text[place:] for place in range(1, len(text) + 1) if cell_len(text[place:]) < width)
    return set_cell_size(text, max(0, width - 1)).rstrip() + _MORE
