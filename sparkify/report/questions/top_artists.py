"""Which artists win: a ranking."""

from collections.abc import Sequence

from sparkify.report.marks import Record, Spec, ranking, tooltip_of
from sparkify.report.words import isolate, list_places, name_winners, note_hidden


def draw(records: Sequence[Record]) -> Spec | None:
    rows = [record | {"name": f"{record['place']}. {record['artist_name']}"} for record in list_places(records)]
    tooltip = tooltip_of(
        place="place", artist_name="artist", plays="plays", listeners="distinct listeners", songs="distinct songs"
    )
    return ranking(rows, "Artists with the most plays", tooltip)


def note(records: Sequence[Record]) -> str | None:
    return note_hidden(records)


def describe(records: Sequence[Record]) -> str | None:
    return name_winners(records, lambda record: isolate(record["artist_name"]))
