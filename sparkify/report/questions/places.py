"""Where they are: a ranking of places."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_number
from sparkify.report.marks import Record, Spec
from sparkify.report.words import hide_single, isolate, note_hidden, ranking


def draw(records: Sequence[Record]) -> Spec | None:
    return ranking(
        records,
        "Places with the most plays",
        name=lambda record: record["location"] or "not logged",
        details=lambda record: [count_of(record["users"], "listener")],
    )


def note(records: Sequence[Record]) -> str | None:
    return note_hidden(records)


def describe(records: Sequence[Record]) -> str | None:
    first = records[0]
    # The page may be without the places of a single listener, and one of these may have more plays.
    among = "" if any(record["users"] == 1 for record in records) else "Of places with more than one listener, "
    place = isolate(first["location"] or "what was not logged")
    return (
        f"{among}{place} has the most plays: {format_number(first['plays'])}, by "
        f"{count_of(first['users'], 'listener')}."
    )


def hide_people(records: list[Record]) -> tuple[list[Record], str | None]:
    return hide_single(records, "users", "place")
