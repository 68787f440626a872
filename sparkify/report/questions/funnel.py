"""Where they stop on the way to paying: shares of steps."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_number
from sparkify.report.marks import MAIN, Record, Spec, share_of, shares


def draw(records: Sequence[Record]) -> Spec | None:
    first = records[0]["users"]
    if not first:
        return None
    rows = [
        {"name": f"{r['step']}. {r['reached']}", "share": r["users"] / first, "text": share_of(r["users"], first),
         "color": MAIN}
        for r in records
    ]  # fmt: skip
    return shares(rows, "Users who reach each step on the way to paying", "share of users first seen free")


def describe(records: Sequence[Record]) -> str | None:
    users = {record["step"]: record["users"] for record in records}
    if not users[1]:
        return None
    return (
        f"Of {count_of(users[1], 'user')} first seen free, {format_number(users[2])} played, "
        f"{format_number(users[3])} then opened Upgrade, and {format_number(users[4])} then sent it."
    )
