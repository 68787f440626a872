"""How plays are matched with the catalogue: one sentence; `match_days` draws the shares."""

from collections.abc import Sequence

from sparkify.formats import format_share
from sparkify.report.marks import Record, Spec


def draw(records: Sequence[Record]) -> Spec | None:
    return None


def describe(records: Sequence[Record]) -> str | None:
    share = {record["match"]: record["play_share"] for record in records}
    if share["none"] is None:
        return None
    return (
        f"The catalogue has the song of {format_share(share['exact'] + share['similar'])} of plays "
        f"({format_share(share['similar'])} by similar texts), and the artist alone of {format_share(share['artist'])}."
    )
