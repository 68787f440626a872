"""Retention as the triangle that readers know: a row for each cohort, a column for each week after its first."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from sparkify.table import Right

NOTE = "* the log has that week only in part; < the log begins less than seven days before"


def as_triangle(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> tuple[list[str], list[list[Any]]]:
    """The columns and rows of the triangle, from an answer to `retention` in its order: cohort by cohort."""
    cohorts: dict[dt.date, list[Any]] = {}
    weeks = 0
    for row in rows:
        cell = dict(zip(columns, row, strict=True))
        mark = " <" if cell["is_cut_off_on_left"] else ""
        line = cohorts.setdefault(cell["cohort_week"], [f"{cell['cohort_week']}{mark}", cell["cohort_users"]])
        if cell["active_share"] is not None:
            line.append(Right(f"{100 * cell['active_share']:.0f}%{'*' if cell['is_week_in_part'] else ' '}"))
            weeks = max(weeks, len(line) - 2)
    names = ["cohort_week", "users", *(f"+{week}" for week in range(weeks))]
    return names, [line + [None] * (len(names) - len(line)) for line in cohorts.values()]
