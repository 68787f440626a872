"""Whether the service and the data are sound: three shares."""

from collections.abc import Sequence

from sparkify.formats import count_of, exact_share, format_number, format_share
from sparkify.report.marks import MAIN, SECOND, Record, Spec, shares


def draw(records: Sequence[Record]) -> Spec | None:
    answer = records[0]
    named = {
        "plays found in the catalogue": ("match_rate", MAIN),
        "events while logged out": ("logged_out_share", SECOND),
        "records rejected": ("rejected_share", SECOND),
    }
    rows = [
        {
            "name": name,
            "share": answer[field],
            "text": format_share(answer[field]),
            "exact": exact_share(answer[field]),
            "color": color,
        }
        for name, (field, color) in named.items()
        if answer[field] is not None
    ]
    return shares(rows, "Match rate, logged-out share and rejected share", "share") if rows else None


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
