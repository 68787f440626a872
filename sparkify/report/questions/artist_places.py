"""Where the artists come from: a ranking of places."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_share
from sparkify.report.marks import Record, Spec
from sparkify.report.words import isolate, name_winners, note_hidden, ranking


def draw(records: Sequence[Record]) -> Spec | None:
    return ranking(
        records,
        "Places of artists with the most plays",
        name=lambda record: record["location"],
        details=lambda record: [count_of(record["artists"], "artist"), count_of(record["listeners"], "listener")],
    )


def note(records: Sequence[Record]) -> str | None:
    return note_hidden(records)


def describe(records: Sequence[Record]) -> str:
    shown = format_share(sum(record["play_share"] for record in records))
    return (
        f"{name_winners(records, lambda record: isolate(record['location']))} The places shown have {shown} of plays."
    )
