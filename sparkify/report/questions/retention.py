"""Who stays: cohorts by week."""

from collections.abc import Sequence

from sparkify.formats import format_number, format_share
from sparkify.report.marks import Record, Spec, cohort_row, grid_of

# Half a year of cohorts, and a quarter of weeks for each; the table has all.
_MOST_COHORTS = 26
_MOST_WEEKS = 12


def draw(records: Sequence[Record]) -> Spec | None:
    found = sorted({record["cohort_week"] for record in records})
    shown = found[-_MOST_COHORTS:]
    # In its own week all of a cohort listen.
    weeks = range(1, min(_MOST_WEEKS, max(record["week_number"] for record in records)) + 1)
    cells = {(record["cohort_week"], record["week_number"]): record for record in records}
    rows = [
        cohort_row(f"{one.day} {one:%b %Y}", cells[one, 0], [cells[one, week] for week in weeks], "is_week_in_part")
        for one in shown
    ]
    partly = any(cell and cell["part"] for row in rows for cell in row["cells"])
    return grid_of(
        rows,
        "Share of each week's new listeners who listen so many weeks later",
        corner="first play in the week of",
        columns=[str(number) for number in weeks],
        notes=[
            "Hatched: the log has only a part of that week, so fewer could listen." if partly else "",
            "* The log begins less than a week before, so not all of them may be new." if rows[0]["starred"] else "",
            f"The last {len(shown)} of {len(found)} weeks are shown." if shown != found else "",
        ],
    )


def describe(records: Sequence[Record]) -> str | None:
    # Users of the log's first days may have come long before; a partial week has fewer days to come back.
    second = [
        record
        for record in records
        if record["week_number"] == 1
        and record["active_users"] is not None
        and not (record["is_week_in_part"] or record["is_cut_off_on_left"])
    ]
    users = sum(record["cohort_users"] for record in second)
    if not users:
        return "The log is too short to say who comes back."
    active = sum(record["active_users"] for record in second)
    of = f"{format_number(active)} of {format_number(users)}"
    return f"{format_share(active / users)} of new listeners listened in the week after their first ({of})."
