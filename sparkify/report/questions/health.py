"""Whether the service and the data are sound: three shares."""

from collections.abc import Sequence

from sparkify.formats import count_of, format_number, format_share
from sparkify.report.marks import Record, Spec, bar, bars_of

_SHARES = {
    "plays found in the catalogue": ("match_rate", "main"),
    "events while logged out": ("logged_out_share", "second"),
    "records rejected": ("rejected_share", "second"),
}


def draw(records: Sequence[Record]) -> Spec | None:
    answer = records[0]
    bars = [
        bar(name, answer[field], format_share(answer[field]), color=color)
        for name, (field, color) in _SHARES.items()
        if answer[field] is not None
    ]
    return bars_of(bars, "Match rate, logged-out share and rejected share")


def describe(records: Sequence[Record]) -> str | None:
    answer = records[0]
    if not answer["events"]:
        return None
    text = (
        f"{count_of(answer['errors'], 'error')} in {count_of(answer['events'], 'event')} "
        f"({format_number(answer['errors_per_1000_events'])} per 1,000) hit "
        f"{count_of(answer['sessions_hit'], 'session')}. {format_share(answer['rejected_share'])} of the records were "
        "rejected."
    )
    matched = answer["match_rate"]
    return text if matched is None else f"{text} The catalogue knows the songs of {format_share(matched)} of plays."
