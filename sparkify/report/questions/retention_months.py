"""Who stays for months: cohorts by month."""

from collections.abc import Sequence

from sparkify.formats import format_number, format_share
from sparkify.report.marks import Record, Spec, cohort_row, grid_of

_MOST_MONTHS = 12


def draw(records: Sequence[Record]) -> Spec | None:
    found = sorted({record["cohort_month"] for record in records})
    # Months without a new listener have no cohort.
    shown = found[-_MOST_MONTHS:]
    months = range(1, min(_MOST_MONTHS, max(record["month_number"] for record in records)) + 1)
    if not months:
        return None
    cells = {(record["cohort_month"], record["month_number"]): record for record in records}
    rows = [
        cohort_row(f"{month:%b %Y}", cells[month, 0], [cells.get((month, k)) for k in months], "is_month_in_part")
        for month in shown
    ]
    partly = any(cell and cell["part"] for row in rows for cell in row["cells"])
    return grid_of(
        rows,
        "Share of each month's new listeners who listen so many months later",
        corner="first play in",
        columns=[str(number) for number in months],
        notes=[
            "Hatched: the log has only a part of that month, so fewer could listen." if partly else "",
            "* It is the log's first month, so not all of them may be new." if rows[0]["starred"] else "",
            f"The last {len(shown)} of {len(found)} months are shown." if shown != found else "",
        ],
    )


def describe(records: Sequence[Record]) -> str | None:
    # Users of the log's first month may have come long before; a partial month has fewer days to come back.
    second = [
        record
        for record in records
        if record["month_number"] == 1 and not (record["is_month_in_part"] or record["is_cut_off_on_left"])
    ]
    users = sum(record["cohort_users"] for record in second)
    if not users:
        return "The log is too short to say who comes back in the month after."
    active = sum(record["active_users"] for record in second)
    of = f"{format_number(active)} of {format_number(users)}"
    return f"{format_share(active / users)} of new listeners listened in the month after their first ({of})."
