"""How much music is offered: bars of hours by day and level."""

from collections.abc import Sequence

from sparkify.formats import format_number, format_share
from sparkify.report.marks import Record, Spec, tooltip_of
from sparkify.report.spans import level_bars


def draw(records: Sequence[Record]) -> Spec | None:
    tooltip = tooltip_of(level="level", mean="hours a day", plays="plays", days="days")
    description = "Hours of music that began to play, by day and level"
    return level_bars(records, "hours", description, title="hours of music a day", tooltip=tooltip)


def describe(records: Sequence[Record]) -> str | None:
    whole = records[-1]
    if whole["day"] is not None or whole["hours"] is None:
        return None
    return (
        f"{format_number(whole['hours'])} hours of music began to play. The ten heaviest listeners have "
        f"{format_share(whole['heaviest_users_share'])} of the plays."
    )
