"""Who starts to pay: two shares."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_number, format_share
from sparkify.report.marks import Record, Spec, bars_of, share_bar


def draw(records: Sequence[Record]) -> Spec | None:
    answer = records[0]
    pairs = [
        ("A: first seen free, then upgraded", answer["first_free_converters"], answer["first_free_users"], "main"),
        ("B: upgrades over free players", answer["conversions"], answer["active_free_users"], "second"),
    ]
    # Who upgrades need not have played while free, so B may be above 1.
    most = max([1.0, *(count / total for _, count, total, _ in pairs if total)])
    bars = [share_bar(name, count, total, color=color, most=most) for name, count, total, color in pairs if total]
    return bars_of(bars, "Shares of free users who upgrade")


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
