"""Who leaves: shares."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_number, format_share
from sparkify.report.marks import MAIN, QUIET, SECOND, Record, Spec, share_of, shares

_CHURN = {
    "cancelled": ("cancelled, of all users", SECOND),
    "downgraded": ("downgraded, of paid users", SECOND),
    "silent": ("silent, of players", MAIN),
    "censored": ("not known yet, of players", QUIET),
}


def draw(records: Sequence[Record]) -> Spec | None:
    rows = [
        {"name": _CHURN[r["outcome"]][0], "share": r["share"], "text": share_of(r["users"], r["of_users"]),
         "color": _CHURN[r["outcome"]][1]}
        for r in records
        if r["of_users"]
    ]  # fmt: skip
    return shares(rows, "Users who left, and those of whom it is not known", "share of users") if rows else None


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
