"""The tiles of the page: key figures, and what they are compared with."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from sparkify.formats import count_of, format_change, format_number, format_share
from sparkify.questions.answers import Answers, Comparison
from sparkify.report.bulk import Bulk
from sparkify.report.marks import Record


@dataclass(frozen=True)
class Tile:
    """A key figure, with its change if there is something to compare with; `recent` is the later of the two numbers.

    `spark` is the points of a line.
    """

    name: str
    label: str
    value: str
    recent: str | None
    change: str | None
    spark: str | None


@dataclass(frozen=True)
class Filter:
    """What a reader can choose from: days with events, those that are drawn, and levels, none if the page is of one."""

    first: dt.date
    last: dt.date
    drawn_first: dt.date
    drawn_last: dt.date
    levels: list[str]


_TILES = {
    "plays": "Plays",
    "listeners": "Listeners",
    "sessions": "Sessions",
    "hours": "Hours of music",
    "paid_share": "Plays at level paid",
}


def list_tiles(overview: Record, comparison: Comparison | None, sparks: Mapping[str, str]) -> list[Tile]:
    return [
        Tile(name, label, *_figure(name, overview, comparison), sparks.get(name) if overview[name] else None)
        for name, label in _TILES.items()
    ]


def _figure(name: str, overview: Record, comparison: Comparison | None) -> tuple[str, str | None, str | None]:
    """A key figure, that of the days that are compared if they are others, and its change."""
    show = format_share if name == "paid_share" else format_number
    value = show(overview[name] if overview[name] is not None or name == "paid_share" else 0)
    if comparison is None:
        return value, None, None
    later, earlier = comparison.later[name], comparison.earlier[name]
    recent = None if comparison.later == overview else f"last {comparison.days} days {show(later)},"
    if name == "paid_share":
        points = None if later is None or earlier is None else 100 * (later - earlier)
        return value, recent, None if points is None else f"{points:+.1f} points".replace("-", "−")
    return value, recent, format_change(later, earlier)


def find_filter(answers: Answers, bulk: Bulk | None) -> Filter | None:
    """The choice of days and levels; None where there is nothing to choose from."""
    days = [record["day"] for record in answers.of("service_days").records if record["events"]]
    if len(days) < 2:
        return None
    first, last = (bulk.first, bulk.last) if bulk is not None else (days[0], days[-1])
    levels = {record["level"] for record in answers.of("levels").records}
    return Filter(days[0], days[-1], first, last, [] if answers.cut.level else sorted(levels))


def tell_compared(answers: Answers, overview: Record) -> str:
    comparison = answers.comparison
    if overview["first_day"] is None:
        return "The log has no event of this period."
    if comparison is None:
        return "The log is too short to compare these figures with those of earlier days."
    if comparison.later == overview:
        return f"Changes are against the {count_of(comparison.days, 'day')} before."
    return (
        f"The log has no {_length(answers, overview)} before these to compare with, so changes are those of the last "
        f"{comparison.days} days against the {comparison.days} days before them."
    )


def _length(answers: Answers, overview: Record) -> str:
    first = answers.cut.first_day or overview["first_day"]
    last = answers.cut.last_day or overview["last_day"]
    return count_of((last - first).days + 1, "day")
