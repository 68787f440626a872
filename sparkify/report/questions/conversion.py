"""Who starts to pay: two shares."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_number, format_share
from sparkify.report.marks import MAIN, SECOND, Record, Spec, share_of, shares


def draw(records: Sequence[Record]) -> Spec | None:
    answer = records[0]
    if not (answer["first_free_users"] or answer["active_free_users"]):
        return None
    pairs = [
        ("A: first seen free, then upgraded", answer["first_free_converters"], answer["first_free_users"]),
        ("B: upgrades over free players", answer["conversions"], answer["active_free_users"]),
    ]
    rows = [
        {"name": name, "share": count / total, "text": share_of(count, total), "color": color}
        for (name, count, total), color in zip(pairs, (MAIN, SECOND), strict=True)
        if total
    ]
    return shares(rows, "Shares of free users who upgrade", "share of users")


def describe(records: Sequence[Record]) -> str | None:
    answer = records[0]
    if not (answer["first_free_users"] or answer["active_free_users"]):
        return None
    text = (
        f"{count_of(answer['conversions'], 'user')} upgraded. Of those first seen free "
        f"{format_share(answer['share_a'])} did (A); over the free players of the period it is "
        f"{format_share(answer['share_b'])} (B)."
    )
    days = answer["median_days_since_registration"]
    return text if days is None else text + f" Half did within {format_number(days)} days of registering."
