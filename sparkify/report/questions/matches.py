"""How plays are matched with the catalogue: a share for each kind of match."""

from collections.abc import Sequence

from sparkify.formats import exact_share, format_share
from sparkify.report.marks import MAIN, QUIET, SECOND, Record, Spec, shares

_NAMES = {
    "exact": ("exact: title and artist", MAIN),
    "similar": ("similar title and artist", MAIN),
    "artist": ("the artist alone", SECOND),
    "none": ("not in the catalogue", QUIET),
}


def draw(records: Sequence[Record]) -> Spec | None:
    rows = [
        {
            "name": _NAMES[record["match"]][0],
            "share": record["play_share"],
            "text": format_share(record["play_share"]),
            "exact": exact_share(record["play_share"]),
            "color": _NAMES[record["match"]][1],
        }
        for record in records
        if record["play_share"] is not None
    ]
    return shares(rows, "Shares of plays by the kind of match with the catalogue", "share of plays") if rows else None


def describe(records: Sequence[Record]) -> str | None:
    share = {record["match"]: record["play_share"] for record in records}
    if share["none"] is None:
        return None
    return (
        f"The catalogue has the song of {format_share(share['exact'] + share['similar'])} of plays "
        f"({format_share(share['similar'])} by similar texts), and the artist alone of {format_share(share['artist'])}."
    )
