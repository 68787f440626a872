"""Who stays for months: cohorts by month."""

from sparkify.report.cohorts import Cohorts

_MONTHS = Cohorts(
    "month",
    most_cohorts=12,
    most_later=12,
    name=lambda month: f"{month:%b %Y}",
    corner="first play in",
    cut_off="It is the log's first month",
    too_short="The log is too short to say who comes back in the month after.",
)
draw, describe = _MONTHS.draw, _MONTHS.describe
