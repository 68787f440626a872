"""Who pays: bars of users by day and level."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_number, format_share
from sparkify.report.marks import Record, Spec, by_day, level_bars, tooltip_of


def draw(records: Sequence[Record]) -> Spec | None:
    rows = by_day(records)
    if not rows:
        return None
    tooltip = tooltip_of(label="day", level="level", users_at_end="users at the end of the day", plays="plays")
    return {
        "description": "Users by their level at the end of each day",
        **level_bars(rows, "users_at_end", "users, by their last event of the day", tooltip),
    }


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
