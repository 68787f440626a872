"""Who stays: cohorts by week."""

from collections.abc import Sequence

from sparkify.formats import format_number, format_share
from sparkify.report.marks import BAR_HEIGHT, INK, MAIN, Record, Spec, data_of, share_of, tooltip_of

# Half a year; the table has all.
_MOST_COHORTS = 26


def draw(records: Sequence[Record]) -> Spec | None:
    cohorts_found = sorted({record["cohort_week"] for record in records})
    drawn = cohorts_found[-_MOST_COHORTS:]
    rows = [
        record
        | {
            "cohort": _name_cohort(record),
            "share_text": format_share(record["active_share"]),
            "of": share_of(record["active_users"], record["cohort_users"]),
            "whole": "only in part" if record["is_week_in_part"] else "whole",
        }
        for record in records
        if record["active_share"] is not None and record["cohort_week"] in drawn
    ]
    if not rows:
        return None
    weeks: Spec = {
        "field": "week_number", "type": "ordinal", "title": "weeks after the first play",
        "axis": {"labelAngle": 0, "orient": "top", "domain": False, "ticks": False, "labelOverlap": True},
    }  # fmt: skip
    cohorts: Spec = {
        "field": "cohort", "type": "ordinal", "sort": None, "title": "week of the first play",
        "axis": {"domain": False, "ticks": False},
    }  # fmt: skip
    cells: Spec = {
        "mark": {"type": "rect", "color": MAIN, "cornerRadius": 2, "stroke": "var(--paper)", "strokeWidth": 2},
        "encoding": {
            "opacity": {
                "field": "active_share", "type": "quantitative", "legend": None,
                "scale": {"domain": [0, 1], "range": [0.04, 0.55]},
            },
            "tooltip": tooltip_of(cohort="first play in the week of", cohort_users="users", week_number="weeks after",
                                of="active", whole="the log has the week"),
        },
    }  # fmt: skip
    texts: Spec = {
        "mark": {"type": "text", "color": INK},
        "encoding": {
            "text": {"field": "share_text"},
            "opacity": {"condition": {"test": "datum.is_week_in_part", "value": 0.75}, "value": 1},
        },
    }
    return {
        "description": "Share of each week's new listeners who listen in later weeks; "
        "* the log begins less than a week before, so not all of them may be new"
        f"{'' if drawn == cohorts_found else f'; the last {len(drawn)} of {len(cohorts_found)} weeks are drawn'}",
        "height": BAR_HEIGHT * len({row["cohort"] for row in rows}),
        "data": data_of(rows),
        "encoding": {"x": weeks, "y": cohorts},
        "layer": [cells, texts],
    }


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


def _name_cohort(record: Record) -> str:
    week = record["cohort_week"]
    return f"{week.day} {week:%b %Y}{' *' if record['is_cut_off_on_left'] else ''}"
