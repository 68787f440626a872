"""In which states they are: a ranking of states."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_number
from sparkify.report.marks import Record, Spec
from sparkify.report.words import hide_single, isolate, note_hidden, ranking


def draw(records: Sequence[Record]) -> Spec | None:
    return ranking(
        records,
        "States with the most plays",
        name=lambda record: record["state"] or "without a state",
        details=lambda record: [count_of(record["listeners"], "listener")],
    )


def note(records: Sequence[Record]) -> str | None:
    return note_hidden(records)


def describe(records: Sequence[Record]) -> str | None:
    known = [record for record in records if record["state"] is not None]
    if not known:
        return None
    # Those of a single listener are not counted: the page may be without them.
    several = sum(record["listeners"] > 1 for record in known)
    among = "" if any(record["listeners"] == 1 for record in records) else "Of states with more than one listener, "
    return (
        f"{among}{isolate(known[0]['state'])} has the most plays: {format_number(known[0]['plays'])}, by "
        f"{count_of(known[0]['listeners'], 'listener')}. {count_of(several, 'state')} "
        f"{'has' if several == 1 else 'have'} more than one listener."
    )


def hide_people(records: list[Record]) -> tuple[list[Record], str | None]:
    return hide_single(records, "listeners", "state")
