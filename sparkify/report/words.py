"""Names that cannot change the writing direction around them, and the texts of rankings."""

import unicodedata
from collections.abc import Callable, Sequence
from itertools import groupby

from sparkify.formats import count_of, format_number
from sparkify.report.marks import Record, Spec, bar, bars_of

_MOST_DRAWN = 40
_MOST_PLACES = 20
# Classes of Unicode's bidirectional algorithm that can make text run from right to left.
_TURNING = {"R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI", "PDF", "PDI"}
_OPENING, _CLOSING = {"LRI", "RLI", "FSI"}, {"PDI"}


def isolate(name: str) -> str:
    """A name from the data that is safe within other text: it does not change the writing direction around it.

    Isolates that the name closes are opened before it, those that it opens are closed after it, and one more pair is
    put around it. Paragraph separators would end all isolates, so they become blanks.
    """
    classes = [unicodedata.bidirectional(letter) for letter in name]
    if _TURNING.isdisjoint(classes):
        return name
    opened, closed = (sum(one in kind for one in classes) for kind in (_OPENING, _CLOSING))
    text = "".join(" " if one == "B" else letter for one, letter in zip(classes, name, strict=True))
    return "\u2068" * (closed + 1) + text + "\u2069" * (opened + 1)


def shorten_number(number: int) -> str:
    """A number of at most five letters: 9,999, 12k, 999k, 1.2M."""
    if number < 10_000:
        return f"{number:,}"
    return f"{number / 1_000:.0f}k" if number < 999_500 else f"{number / 1_000_000:,.1f}M"


def list_places(records: Sequence[Record]) -> list[Record]:
    """The rows that a drawing of a ranking shows: the first places by plays, each with all rows that share it.

    A place that does not fit completely is left out, with all places after it.
    """
    shown: list[Record] = []
    for _, group in groupby(records, lambda record: record["plays"]):
        rows = list(group)
        if len(shown) >= _MOST_PLACES or len(shown) + len(rows) > _MOST_DRAWN:
            break
        shown += rows
    return shown


def ranking(
    records: Sequence[Record],
    description: str,
    *,
    name: Callable[[Record], str],
    details: Callable[[Record], list[str]],
) -> Spec | None:
    """Bars of plays in the given order, which is that of plays, each with its place if the answer has it."""
    shown = list_places(records)
    most = shown[0]["plays"] if shown else 0
    bars = [
        bar(
            name(record),
            record["plays"] / most,
            format_number(record["plays"]),
            place=f"{record['place']}." if "place" in record else "",
            details=details(record),
        )
        for record in shown
    ]
    return bars_of(bars, description)


def hide_single(records: list[Record], listeners: str, what: str) -> tuple[list[Record], str | None]:
    """The records without those of a single listener, counted in the key `listeners`, and what was left out."""
    left_out = [record for record in records if record[listeners] == 1]
    if not left_out:
        return records, None
    plays = sum(record["plays"] for record in left_out)
    kept = [record for record in records if record[listeners] > 1]
    return kept, f"{count_of(len(left_out), what)} of a single listener ({count_of(plays, 'play')}) left out."


def note_hidden(records: Sequence[Record]) -> str | None:
    """The note about the rows for which a drawing of a ranking has no room."""
    hidden = len(records) - len(list_places(records))
    if not hidden:
        return None
    return f"Who shares a place is drawn with all of it or not at all: {count_of(hidden, 'more row')} in the numbers."


def name_winners(records: Sequence[Record], name: Callable[[Record], str]) -> str:
    """The first place of a ranking, with its plays."""
    first = [record for record in records if record["place"] == 1]
    plays = count_of(first[0]["plays"], "play")
    if len(first) > 3:
        return f"{format_number(len(first))} share the first place with {plays} each."
    return f"{' and '.join(map(name, first))} {'lead' if len(first) > 1 else 'leads'} with {plays}."
