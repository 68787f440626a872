"""What a visit is like, in words: its minutes are drawn with the lengths of sessions."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_number, format_share
from sparkify.report.marks import Record, Spec


def draw(records: Sequence[Record]) -> Spec | None:
    return None


def describe(records: Sequence[Record]) -> str | None:
    answer = records[0]
    if not answer["sessions"]:
        return None
    mean = format_number(answer["mean_minutes"])
    pulled = answer["mean_minutes"] > answer["median_minutes"]
    return (
        f"Half of the {count_of(answer['sessions'], 'session')} took at most "
        f"{format_number(answer['median_minutes'])} minutes, and nine of ten at most "
        f"{format_number(answer['p90_minutes'])}. {'Long ones pull the mean up to' if pulled else 'The mean is'} "
        f"{mean} minutes. A session has {format_number(answer['mean_plays'])} plays on average, and "
        f"{format_share(answer['one_event_share'])} of them are a single event."
    )
