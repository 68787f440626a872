"""How long visits last: bars of the sessions in each bin, which name the bins of the median and the 90th percentile."""

from collections.abc import Sequence
from itertools import accumulate

from sparkify.formats import format_number, format_share
from sparkify.report.marks import Record, Spec, bar, bars_of

_PARTS = (("median", 0.5, "second"), ("90th percentile", 0.9, "third"))


def draw(records: Sequence[Record]) -> Spec | None:
    so_far = list(accumulate(record["session_share"] for record in records))
    # The bins of the median and the 90th percentile, which may be one.
    held: dict[int, list[tuple[str, str]]] = {}
    for name, part, color in _PARTS:
        place = next(place for place, share in enumerate(so_far) if share >= part - 1e-9)
        held.setdefault(place, []).append((name, color))
    most = max(record["session_share"] for record in records)
    bars = [
        bar(
            _name_bin(record),
            record["session_share"] / most,
            f"{format_share(record['session_share'])} ({format_number(record['sessions'])})",
            details=[" and ".join(name for name, _ in held.get(place, []))] if place in held else [],
            color=held[place][0][1] if place in held else "main",
        )
        for place, record in enumerate(records)
    ]
    return bars_of(bars, "Sessions by their length, with the bins that hold the median and the 90th percentile")


def describe(records: Sequence[Record]) -> str | None:
    sessions = sum(record["sessions"] for record in records)
    moments = sum(record["sessions"] for record in records if record["to_minutes"] == 0)
    long = sum(record["sessions"] for record in records if (record["over_minutes"] or 0) >= 60)
    return (
        f"{format_share(moments / sessions)} of sessions are over in the moment they begin, and "
        f"{format_share(long / sessions)} last longer than an hour."
    )


def _name_bin(record: Record) -> str:
    over, to = record["over_minutes"], record["to_minutes"]
    if over is None:
        return "no time at all"
    return f"over {over} minutes" if to is None else f"over {over} to {to} minutes"
