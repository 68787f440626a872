"""Which songs win: a ranking."""

from collections.abc import Sequence

from sparkify.formats import count_of
from sparkify.report.marks import Record, Spec
from sparkify.report.words import isolate, name_winners, note_hidden, ranking


def draw(records: Sequence[Record]) -> Spec | None:
    return ranking(
        records,
        "Songs with the most plays",
        name=lambda record: record["song_title"],
        details=lambda record: [record["artist_name"], count_of(record["listeners"], "listener")],
    )


def note(records: Sequence[Record]) -> str | None:
    return note_hidden(records)


def describe(records: Sequence[Record]) -> str | None:
    return name_winners(records, _name)


def _name(record: Record) -> str:
    return f"“{isolate(record['song_title'])}” by {isolate(record['artist_name'])}"
