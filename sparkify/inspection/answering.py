"""All questions at once, of one state of a warehouse: what a report is made of. Changes nothing."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sparkify import questions
from sparkify.inspection.status import count_lag, find_newest_event
from sparkify.questions import WHOLE_LOG, Cut, Question
from sparkify.settings import Config
from sparkify.star import checks
from sparkify.star.checks import CheckResult
from sparkify.star.tables import require_tables
from sparkify.warehouses import Row, Warehouse, fetch_dicts, open_warehouse

# What is compared where the log does not reach back far enough before the period.
_LAST_DAYS = 7


@dataclass(frozen=True)
class Answer:
    """A question's answer, with the values that its parameters had, by name."""

    question: Question
    values: dict[str, Any]
    columns: list[str]
    rows: list[Row]

    @property
    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Comparison:
    """The overview of two spans of so many days, the one right before the other."""

    days: int
    later: dict[str, Any]
    earlier: dict[str, Any]


@dataclass(frozen=True)
class Answers:
    """Every question's answer for one cut of the log, in reading order, and what to make of the data.

    `comparison` holds the period against as many days before it, or the last week of it against the week before; None
    where the log is too short for both. `last_load` is a row of load_history, None before the first. `newest_event` is
    that of the whole warehouse, `lag_seconds` before the end of the last load that brought something.
    """

    cut: Cut
    answers: list[Answer]
    comparison: Comparison | None
    last_load: dict[str, Any] | None
    newest_event: dt.datetime | None
    lag_seconds: float | None
    checks: list[CheckResult]

    def of(self, name: str) -> Answer:
        """The answer to the question of that name."""
        return next(answer for answer in self.answers if answer.question.name == name)


def answer_all(config: Config, *, cut: Cut = WHOLE_LOG) -> Answers:
    """Answer every prepared question, each for what it takes of the cut, and run every check."""
    # A load may commit between two questions where readers do not keep it out.
    with open_warehouse(config, read_only=True) as warehouse, warehouse.transaction():
        require_tables(warehouse)
        loads = fetch_dicts(warehouse, "SELECT * FROM load_history ORDER BY load_id")
        newest = find_newest_event(warehouse)
        answers = [_answer(warehouse, question, cut) for question in questions.list_questions()]
        return Answers(
            cut,
            answers,
            _compare(warehouse, cut, answers),
            loads[-1] if loads else None,
            newest,
            count_lag(loads, newest),
            checks.run_checks(warehouse, checks.list_checks()),
        )


def _answer(warehouse: Warehouse, question: Question, cut: Cut) -> Answer:
    bound = questions.bind(question, cut)
    names = [parameter.name for parameter in question.parameters]
    return Answer(question, dict(zip(names, bound, strict=True)), *warehouse.fetch_table(question.sql, bound))


def _overview(warehouse: Warehouse, cut: Cut) -> dict[str, Any]:
    return _answer(warehouse, questions.get_question("overview"), cut).records[0]


def _compare(warehouse: Warehouse, cut: Cut, answers: Sequence[Answer]) -> Comparison | None:
    asked = next(answer for answer in answers if answer.question.name == "overview")
    log = _overview(warehouse, WHOLE_LOG) if any(asked.values.values()) else asked.records[0]
    if log["first_day"] is None:
        return None
    first = max(cut.first_day or log["first_day"], log["first_day"])
    last = min(cut.last_day or log["last_day"], log["last_day"])
    days = (last - first).days + 1
    if days < 1:
        return None
    if log["first_day"] > first - dt.timedelta(days):
        days = _LAST_DAYS
        if last - dt.timedelta(2 * days - 1) < first:
            return None
    spans = [_span(cut, last - dt.timedelta(days * back), days) for back in (0, 1)]
    return Comparison(days, *(_overview(warehouse, span) for span in spans))


def _span(cut: Cut, last: dt.date, days: int) -> Cut:
    """As many days as are given, up to the last."""
    return replace(cut, first_day=last - dt.timedelta(days - 1), last_day=last)
