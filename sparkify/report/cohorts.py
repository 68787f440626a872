"""Who stays: cohorts of weeks and of months, as a table of shares and as a sentence."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sparkify.formats import format_number, format_share
from sparkify.report.marks import Record, Spec, cohort_row, grid_of


@dataclass(frozen=True)
class Cohorts:
    """Cohorts of one unit, `week` or `month`, which names the columns of the answer.

    The table has the last `most_cohorts`, and `most_later` units after each. `cut_off` says what a star means.
    """

    unit: str
    most_cohorts: int
    most_later: int
    name: Callable[[dt.date], str]
    corner: str
    cut_off: str
    too_short: str

    def draw(self, records: Sequence[Record]) -> Spec | None:
        cohort, number = f"cohort_{self.unit}", f"{self.unit}_number"
        found = sorted({record[cohort] for record in records})
        # Units without a new listener have no cohort.
        shown = found[-self.most_cohorts :]
        # In its own unit all of a cohort listen.
        later = range(1, min(self.most_later, max(record[number] for record in records)) + 1)
        if not later:
            return None
        cells = {(record[cohort], record[number]): record for record in records}
        rows = [
            cohort_row(self.name(one), cells[one, 0], [cells.get((one, k)) for k in later], f"is_{self.unit}_in_part")
            for one in shown
        ]
        partly = any(cell and cell["part"] for row in rows for cell in row["cells"])
        return grid_of(
            rows,
            f"Share of each {self.unit}'s new listeners who listen so many {self.unit}s later",
            corner=self.corner,
            columns=[str(k) for k in later],
            notes=[
                f"Hatched: the log has only a part of that {self.unit}, so fewer could listen." if partly else "",
                f"* {self.cut_off}, so not all of them may be new." if rows[0]["starred"] else "",
                f"The last {len(shown)} of {len(found)} {self.unit}s are shown." if shown != found else "",
            ],
        )

    def describe(self, records: Sequence[Record]) -> str:
        # Users of the log's beginning may have come long before; a partial unit has fewer days to come back.
        second = [
            record
            for record in records
            if record[f"{self.unit}_number"] == 1
            and record["active_users"] is not None
            and not (record[f"is_{self.unit}_in_part"] or record["is_cut_off_on_left"])
        ]
        users = sum(record["cohort_users"] for record in second)
        if not users:
            return self.too_short
        active = sum(record["active_users"] for record in second)
        of = f"{format_number(active)} of {format_number(users)}"
        return f"{format_share(active / users)} of new listeners listened in the {self.unit} after their first ({of})."
