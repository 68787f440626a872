"""How much music is offered: bars of hours by day and level."""

from collections.abc import Sequence

from sparkify.formats import format_number, format_share, format_value
from sparkify.report.marks import Record, Spec, by_day, level_bars, tooltip_of


def draw(records: Sequence[Record]) -> Spec | None:
    rows = [record | {"hours_text": format_value(record["hours"])} for record in by_day(records)]
    if not rows:
        return None
    tooltip = tooltip_of(label="day", level="level", hours_text="hours", plays="plays")
    return {
        "description": "Hours of music that began to play, by day and level",
        **level_bars(rows, "hours", "hours of music", tooltip),
    }


def describe(records: Sequence[Record]) -> str | None:
    whole = records[-1]
    if whole["day"] is not None or whole["hours"] is None:
        return None
    return (
        f"{format_number(whole['hours'])} hours of music began to play. The ten heaviest listeners have "
        f"{format_share(whole['heaviest_users_share'])} of the plays."
    )
