"""The days that drawings show: a single wrong clock would stretch them over a century.

Active days more than a year apart belong to different groups, and drawings show the group with the most activity. The
numbers have all days.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sparkify.formats import count_of, format_day
from sparkify.report.marks import Record

_FAR = dt.timedelta(366)
_MOST_NAMED = 3
# The fields that place a record in time.
_PLACES = ("day", "week", "cohort_week")


class Bulk(NamedTuple):
    """The first and the last day that drawings show, and the active days that they leave out."""

    first: dt.date
    last: dt.date
    far: tuple[dt.date, ...]

    def holds(self, record: Record) -> bool:
        """Whether a record is drawn. One without a day is; a week is if it has a day of the bulk."""
        field = next((name for name in _PLACES if record.get(name) is not None), None)
        if field is None:
            return True
        day: dt.date = record[field]
        if field == "day":
            return self.first <= day <= self.last
        # A cohort is drawn for the weeks of the bulk.
        end = day + dt.timedelta(7 * record.get("week_number", 0))
        return self.first - dt.timedelta(6) <= day <= end <= self.last

    def describe(self) -> str:
        """The days that are left out."""
        named = ", ".join(map(format_day, self.far[:_MOST_NAMED])) + (" …" if len(self.far) > _MOST_NAMED else "")
        verb = "is" if len(self.far) == 1 else "are"
        return (
            f"{count_of(len(self.far), 'day')} more than a year away from the others {verb} not drawn: {named}. "
            "The numbers have all days."
        )


def find_bulk(activity: Iterable[tuple[dt.date, int]]) -> Bulk | None:
    """The group of days with the most activity, of equal ones the first; None if there is only one group."""
    amounts: dict[dt.date, int] = {}
    for day, amount in activity:
        amounts[day] = amounts.get(day, 0) + amount
    groups: list[list[dt.date]] = []
    for day in sorted(amounts):
        if groups and day - groups[-1][-1] <= _FAR:
            groups[-1].append(day)
        else:
            groups.append([day])
    if len(groups) < 2:
        return None
    bulk = max(groups, key=lambda group: sum(amounts[day] for day in group))
    far = tuple(day for group in groups if group is not bulk for day in group)
    return Bulk(bulk[0], bulk[-1], far)


def split_far(records: Sequence[Record], bulk: Bulk | None) -> tuple[list[Record], str | None]:
    """The records to draw, and a sentence where others are left out."""
    drawn = [record for record in records if bulk is None or bulk.holds(record)]
    return drawn, bulk.describe() if bulk is not None and len(drawn) < len(records) else None
