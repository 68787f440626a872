"""Which artists win: a ranking."""

from collections.abc import Sequence

from sparkify.formats import count_of
from sparkify.report.marks import Record, Spec
from sparkify.report.words import isolate, name_winners, note_hidden, ranking


def draw(records: Sequence[Record]) -> Spec | None:
    return ranking(
        records,
        "Artists with the most plays",
        name=lambda record: record["artist_name"],
        details=lambda record: [count_of(record["songs"], "song"), count_of(record["listeners"], "listener")],
    )


def note(records: Sequence[Record]) -> str | None:
    return note_hidden(records)


def describe(records: Sequence[Record]) -> str | None:
    return name_winners(records, lambda record: isolate(record["artist_name"]))
