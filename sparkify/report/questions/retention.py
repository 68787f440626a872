"""Who stays: cohorts by week."""

from sparkify.report.cohorts import Cohorts

# Half a year of cohorts, and a quarter of weeks for each; the table has all.
_WEEKS = Cohorts(
    "week",
    most_cohorts=26,
    most_later=12,
    name=lambda week: f"{week.day} {week:%b %Y}",
    corner="first play in the week of",
    cut_off="The log begins less than a week before",
    too_short="The log is too short to say who comes back.",
)
draw, describe = _WEEKS.draw, _WEEKS.describe
