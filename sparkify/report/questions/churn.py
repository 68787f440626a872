"""Who leaves: shares."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_number, format_share
from sparkify.report.marks import Record, Spec, bars_of, share_bar

_CHURN = {
    "cancelled": ("cancelled, of all users", "second"),
    "downgraded": ("downgraded, of paid users", "second"),
    "silent": ("silent, of the players at risk", "main"),
    "active": ("active, of the players at risk", "quiet"),
    "censored": ("too new to know, of all players", "quiet"),
}


def draw(records: Sequence[Record]) -> Spec | None:
    bars = [
        share_bar(_CHURN[r["outcome"]][0], r["users"], r["of_users"], color=_CHURN[r["outcome"]][1])
        for r in records
        if r["of_users"]
    ]
    return bars_of(bars, "Users who left, and those of whom it is not known")


def describe(records: Sequence[Record]) -> str | None:
    answer = {record["outcome"]: record for record in records}
    silent, censored = answer["silent"], answer["censored"]
    if not censored["of_users"]:
        return None
    days = count_of(silent["silent_days"], "day")
    left = (
        f"{format_number(answer['cancelled']['users'])} cancelled, {format_number(answer['downgraded']['users'])} "
        "downgraded."
    )
    if not silent["of_users"]:
        return f"No player began {days} before the end of the log, so none can be silent for that long. {left}"
    new = f" {count_of(censored['users'], 'player')} began later and cannot be told yet." if censored["users"] else ""
    return (
        f"Of {count_of(silent['of_users'], 'player')} who began at least {days} before the end of the log, "
        f"{format_number(silent['users'])} ({format_share(silent['share'])}) have been silent for that long.{new} "
        f"{left}"
    )
