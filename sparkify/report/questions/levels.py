"""Who pays: bars of users by day and level."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_number, format_share
from sparkify.report.marks import Record, Spec, tooltip_of
from sparkify.report.spans import level_bars


def draw(records: Sequence[Record]) -> Spec | None:
    tooltip = tooltip_of(level="level", mean="users at the end of the day", plays="plays", days="days")
    description = "Users by their level at the end of each day"
    return level_bars(records, "users_at_end", description, title="users at the end of the day", tooltip=tooltip)


def describe(records: Sequence[Record]) -> str | None:
    whole = {record["level"]: record for record in records if record["day"] is None}
    plays, users = (sum(record[field] for record in whole.values()) for field in ("plays", "users_at_end"))
    if not users:
        return None
    paid = whole.get("paid", {"plays": 0, "users_at_end": 0})
    played = f"{format_share(paid['plays'] / plays)} of plays were at the level paid. " if plays else ""
    return (
        f"{played}At their last event {format_number(paid['users_at_end'])} of {count_of(users, 'user')} paid "
        f"({format_share(paid['users_at_end'] / users)})."
    )
