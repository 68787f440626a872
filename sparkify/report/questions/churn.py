"""Who leaves: shares."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_number, format_share
from sparkify.report.marks import Record, Spec, bars_of, share_bar

_CHURN = {
    "cancelled": ("cancelled, of all users", "second"),
    "downgraded": ("downgraded, of paid users", "second"),
    "silent": ("silent, of players", "main"),
    "censored": ("not known yet, of players", "quiet"),
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
    silent = answer["silent"]
    if not silent["of_users"]:
        return None
    return (
        f"{format_number(silent['users'])} of {count_of(silent['of_users'], 'player')} "
        f"({format_share(silent['share'])}) have been silent for {silent['silent_days']} days or more. "
        f"{format_number(answer['cancelled']['users'])} cancelled, "
        f"{format_number(answer['downgraded']['users'])} downgraded. Of the other "
        f"{format_number(answer['censored']['users'])} players it is not known yet."
    )
