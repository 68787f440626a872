"""How plays are matched with the catalogue: a share for each kind of match."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_share
from sparkify.report.marks import Record, Spec, bar, bars_of

_NAMES = {
    "exact": ("exact: title and artist", "main"),
    "similar": ("similar title and artist", "main"),
    "artist": ("the artist alone", "second"),
    "none": ("not in the catalogue", "quiet"),
}


def draw(records: Sequence[Record]) -> Spec | None:
    bars = [
        bar(
            _NAMES[record["match"]][0],
            record["play_share"],
            format_share(record["play_share"]),
            details=[count_of(record["plays"], "play")],
            color=_NAMES[record["match"]][1],
        )
        for record in records
        if record["play_share"] is not None
    ]
    return bars_of(bars, "Shares of plays by the kind of match with the catalogue")


def describe(records: Sequence[Record]) -> str | None:
    share = {record["match"]: record["play_share"] for record in records}
    if share["none"] is None:
        return None
    return (
        f"The catalogue has the song of {format_share(share['exact'] + share['similar'])} of plays "
        f"({format_share(share['similar'])} by similar texts), and the artist alone of {format_share(share['artist'])}."
    )
