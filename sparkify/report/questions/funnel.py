"""Where they stop on the way to paying: shares of steps."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_number
from sparkify.report.marks import Record, Spec, bars_of, share_bar


def draw(records: Sequence[Record]) -> Spec | None:
    first = records[0]["users"]
    bars = [share_bar(f"{r['step']}. {r['reached']}", r["users"], first) for r in records if first]
    return bars_of(bars, "Users who reach each step on the way to paying, of those first seen free")


def describe(records: Sequence[Record]) -> str | None:
    users = {record["step"]: record["users"] for record in records}
    if not users[1]:
        return None
    return (
        f"Of {count_of(users[1], 'user')} first seen free, {format_number(users[2])} played, "
        f"{format_number(users[3])} then opened Upgrade, and {format_number(users[4])} then sent it."
    )
