"""Where the artists come from: a ranking of places."""

from collections.abc import Sequence

from sparkify.formats import format_share
from sparkify.report.marks import Record, Spec, ranking, tooltip_of
from sparkify.report.words import isolate, list_places, name_winners, note_hidden


def draw(records: Sequence[Record]) -> Spec | None:
    rows = [record | {"name": isolate(record["location"])} for record in list_places(records)]
    tooltip = tooltip_of(name="place", plays="plays", artists="artists", listeners="listeners")
    return ranking(rows, "Places of artists with the most plays", tooltip)


def note(records: Sequence[Record]) -> str | None:
    return note_hidden(records)


def describe(records: Sequence[Record]) -> str:
    shown = format_share(sum(record["play_share"] for record in records))
    return (
        f"{name_winners(records, lambda record: isolate(record['location']))} The places shown have {shown} of plays."
    )
