"""Answers: to one question, to any SELECT, and to all questions at once for a report. Changes nothing."""

import datetime as dt
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sparkify.addresses import is_unicode
from sparkify.arguments import checked
from sparkify.errors import UsageError
from sparkify.formats import require_distinct
from sparkify.questions.catalogue import Question, get_question, list_questions, list_values, require_taken
from sparkify.questions.clock import UTC_CLOCK, Clock, find_clock
from sparkify.questions.cut import COPIES, CUTTING, KEPT, SUMMARIES, WHOLE_LOG, Cut, cut_own_sql, cut_sql, kept_name
from sparkify.questions.own import OwnQuestion, tell_mistake
from sparkify.questions.parameters import Value, fill_parameters
from sparkify.questions.points import Point, read_points, take_rows
from sparkify.questions.result import Result
from sparkify.settings import Config
from sparkify.star import checks
from sparkify.star.checks import CheckResult
from sparkify.star.version import open_to_read
from sparkify.timezones import UTC
from sparkify.warehouses import Row, Warehouse, engine_of, fetch_dicts, open_warehouse

# Compared if the log does not go back far enough before the period.
_LAST_DAYS = 7
# The loads that a report lists.
_LAST_LOADS = 10
# As both engines tell it of a user's SQL.
_PLACE = re.compile(r"LINE (\d+):")
_REPAIRED = """
SELECT load_id, cast(coalesce(sum(repaired), 0) AS BIGINT) FROM load_files WHERE load_id >= {first} GROUP BY load_id
"""
_REASONS = """
SELECT reason, dataset, count(*) AS records FROM rejected_records GROUP BY reason, dataset
ORDER BY records DESC, reason, dataset LIMIT 20
"""


@dataclass(frozen=True)
class Answer:
    """A question's answer, with the values of its parameters by name, and the whole SQL."""

    question: Question
    values: dict[str, Any]
    sql: str
    columns: list[str]
    rows: list[Row]

    @property
    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class OwnAnswer:
    """The answer to a question of a user's own, or a sentence that says why there is none, or no drawing.

    It has the first rows, with long texts shortened: `is_shortened` says whether it has less than everything. `points`
    are what its drawing shows.
    """

    asked: OwnQuestion
    answer: Answer | None
    mistake: str | None = None
    points: list[Point] | None = None
    is_shortened: bool = False


@dataclass(frozen=True)
class Comparison:
    """The overview of two periods of `days` days, one right before the other."""

    days: int
    later: dict[str, Any]
    earlier: dict[str, Any]


@dataclass(frozen=True)
class Answers:
    """Every question's answer for one cut of the log, in reading order, and facts about the data.

    Days, weeks, months and hours are those of `timezone`; moments that are no part of an answer are UTC.
    `comparison` compares the period with as many days before it, or its last week with the week before; None if the log
    is too short for both. `last_load` is a row of load_history, None before the first load;
    `last_loads` are the newest ten, the last first, with their records `repaired`. `reasons` counts the rejected
    `records` by `reason` and `dataset`, the commonest first. `newest_event` is that of
    the whole warehouse; `lag_seconds` is its age when the last successful load ended.
    """

    cut: Cut
    timezone: str
    answers: list[Answer]
    comparison: Comparison | None
    last_load: dict[str, Any] | None
    last_loads: list[dict[str, Any]]
    reasons: list[dict[str, Any]]
    newest_event: dt.datetime | None
    lag_seconds: float | None
    checks: list[CheckResult]
    own: Sequence[OwnAnswer] = ()

    def of(self, name: str) -> Answer:
        """The answer to the question of that name."""
        return next(answer for answer in self.answers if answer.question.name == name)


@checked
def query(config: Config, name: str, *, cut: Cut = WHOLE_LOG, on_note: Callable[[str], None] | None = None) -> Result:
    """Answer a prepared question: `columns, rows = query(...)`, or the result as a table.

    Days, weeks and hours are those of the setting `timezone`. `on_note` is called with a sentence if there are no
    events. Raises UsageError for an unknown name, and for a parameter that the question does not take.
    """
    question = get_question(name)
    require_taken(question, cut)
    with open_to_read(config) as warehouse:
        clock = find_clock(warehouse, config.timezone)
        answer = _answer(warehouse, question, cut, clock)
        types = warehouse.column_types
        if on_note is not None and (note := _explain_nothing(warehouse, cut, clock)):
            on_note(note)
        return Result(answer.columns, answer.rows, types, clock.timezone)


@checked
def query_sql(config: Config, sql: str, parameters: Mapping[str, Value] | None = None) -> Result:
    """Run one SELECT or PIVOT, or EXPLAIN of one, read-only. The result is like that of `query`.

    `$name` in the SQL is replaced by the literal of a parameter. Raises UsageError for anything else.
    """
    sql = fill_parameters(sql, parameters or {}, engine_of(config.warehouse_address))
    with _open_to_ask(config, sql) as warehouse:
        columns, rows = warehouse.stream_user_query(sql)
        return Result(columns, list(rows), warehouse.column_types)


@contextmanager
def open_sql(config: Config, sql: str) -> Iterator[tuple[list[str], Iterator[Row]]]:
    """Like `query_sql`, with the rows as they come, and nothing replaced."""
    with _open_to_ask(config, sql) as warehouse:
        yield warehouse.stream_user_query(sql)


@contextmanager
def _open_to_ask(config: Config, sql: str) -> Iterator[Warehouse]:
    if not is_unicode(sql):
        raise UsageError("the SQL cannot be read: it is not UTF-8; write it in UTF-8")
    with open_warehouse(config, read_only=True) as warehouse:
        yield warehouse


def _explain_nothing(warehouse: Warehouse, cut: Cut, clock: Clock) -> str | None:
    """A sentence if the warehouse has no events, or none in the cut; else None."""
    # Most cuts have a play, which is found at once.
    any_play = cut_sql("SELECT 1 FROM plays LIMIT 1", cut.values, clock=clock)
    if warehouse.fetch(any_play) or _log_days(warehouse, cut, clock)[0] is not None:
        return None
    first, last = _log_days(warehouse, WHOLE_LOG, clock)
    if first is None:
        return f"the warehouse {warehouse.address} holds no events yet; run sparkify load --log-data ROOT"
    given = ", ".join(f"{name} {value}" for name, value in cut.values.items() if name in CUTTING)
    return f"no event matches {given}; the log has events from {first} to {last}"


def _log_days(
    warehouse: Warehouse, cut: Cut, clock: Clock, *, kept: Collection[str] = ()
) -> tuple[dt.date | None, dt.date | None]:
    """The days of the first and the last event in a cut; None for both without events."""
    sql = cut_sql("SELECT min(day), max(day) FROM events", cut.values, kept=kept, clock=clock)
    first, last = warehouse.fetch(sql)[0]
    return first, last


def answer_all(
    config: Config,
    *,
    cut: Cut = WHOLE_LOG,
    own: Sequence[OwnQuestion] = (),
    on_step: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> Answers:
    """Answer every prepared question, each with the parameters that it takes, and those of `own`, and run every check.

    A mistake in one of `own` is part of its answer. `on_step` is called before each step with what it does, the number
    of steps that are done, and that of all.
    """
    questions = list_questions()
    # Before the questions is what they share, and after them are the comparison and the checks.
    steps = len(questions) + len(own) + 3
    with open_to_read(config) as warehouse:
        clock = find_clock(warehouse, config.timezone)
        answers = _answer_prepared(warehouse, questions, cut, clock, lambda step, done: on_step(step, done, steps))
        found = []
        # A mistake would end the transaction of the others.
        for done, one in enumerate(own, steps - len(own)):
            on_step(f"answering {one.file}", done, steps)
            found.append(answer_own(warehouse, one, cut, clock, kept=COPIES))
        return replace(answers, own=found)


def _answer_prepared(
    warehouse: Warehouse, questions: Sequence[Question], cut: Cut, clock: Clock, on_step: Callable[[str, int], None]
) -> Answers:
    # In one transaction: otherwise a load could commit between two questions.
    with warehouse.transaction():
        loads = fetch_dicts(warehouse, "SELECT * FROM load_history ORDER BY load_id")
        newest = find_newest_event(warehouse)
        on_step("summing up the log", 0)
        compared = _keep(warehouse, cut, clock)
        answers = []
        for done, question in enumerate(questions, 1):
            on_step(f"answering {question.name}", done)
            answers.append(_answer(warehouse, question, cut, clock, kept=KEPT))
        on_step("comparing", len(questions) + 1)
        comparison = None if compared is None else _compare(warehouse, cut, clock, *compared)
        on_step("checking", len(questions) + 2)
        results = checks.run_checks(warehouse, checks.list_checks())
        last_load = loads[-1] if loads else None
        return Answers(
            cut,
            clock.timezone,
            answers,
            comparison,
            last_load,
            _find_last_loads(warehouse, loads),
            fetch_dicts(warehouse, _REASONS),
            newest,
            count_lag(loads, newest),
            results,
        )


def answer_own(
    warehouse: Warehouse, asked: OwnQuestion, cut: Cut, clock: Clock = UTC_CLOCK, *, kept: Collection[str] = ()
) -> OwnAnswer:
    """The answer to a question of a user's own. Needs no open transaction, which a mistake would end."""
    if asked.mistake is not None:
        return OwnAnswer(asked, None, asked.mistake)
    values = list_values(asked.question, cut)
    sql, lines_before = cut_own_sql(asked.question.sql, values, kept=kept, clock=clock)
    try:
        columns, coming = warehouse.stream_user_query(sql)
        require_distinct(columns)
        rows, is_shortened = take_rows(coming)
    except UsageError as error:
        return OwnAnswer(asked, None, _place_mistake(asked, error, lines_before))
    # Without the tables that this session keeps, it runs anywhere.
    answer = Answer(asked.question, values, cut_own_sql(asked.question.sql, values, clock=clock)[0], columns, rows)
    try:
        points = None if asked.chart is None else read_points(asked.chart, columns, rows)
    except ValueError as error:
        line = None if asked.chart is None else asked.chart.line
        return OwnAnswer(asked, answer, tell_mistake(asked.file, line, str(error)), is_shortened=is_shortened)
    return OwnAnswer(asked, answer, None, points, is_shortened)


def _place_mistake(asked: OwnQuestion, error: UsageError, lines_before: int) -> str:
    """An error in a user's SQL, with the line of the file if the engine tells that of the SQL."""
    notes = " ".join(getattr(error, "__notes__", []))
    place = _PLACE.match(notes)
    line = 0 if place is None else int(place[1]) - lines_before
    return tell_mistake(asked.file, asked.sql_line + max(line - 1, 0), " ".join(str(error).split()))


def _find_last_loads(warehouse: Warehouse, loads: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    last = loads[: -_LAST_LOADS - 1 : -1]
    if not last:
        return []
    repaired: dict[int, int] = dict(warehouse.fetch(_REPAIRED.format(first=last[-1]["load_id"])))
    return [load | {"repaired": repaired.get(load["load_id"], 0)} for load in last]


def _keep(warehouse: Warehouse, cut: Cut, clock: Clock) -> tuple[dt.date, int] | None:
    """Compute once, in temporary tables, what the questions share; returns what is compared, as `_find_compared` does.

    The summaries are of the days of the cut and of those that they are compared with, at every level.
    """
    for number, name in enumerate(COPIES):
        _keep_one(warehouse, name, WHOLE_LOG, clock, kept=COPIES[:number])
    _keep_one(warehouse, "days", cut, clock)
    compared = _find_compared(cut, *_log_days(warehouse, WHOLE_LOG, clock, kept=COPIES))
    first = cut.first_day
    if first is not None and compared is not None:
        last, days = compared
        first = min(first, last - dt.timedelta(2 * days - 1))
    for name in SUMMARIES:
        _keep_one(warehouse, name, Cut(first_day=first, last_day=cut.last_day), clock)
    return compared


def _keep_one(warehouse: Warehouse, name: str, cut: Cut, clock: Clock, *, kept: Collection[str] = COPIES) -> None:
    sql = cut_sql(f"SELECT * FROM {name}", cut.values, kept=kept, clock=clock)
    warehouse.execute(f"CREATE TEMP TABLE {kept_name(name)} AS\n{sql}")


def find_newest_event(warehouse: Warehouse) -> dt.datetime | None:
    """When the newest event of the whole warehouse happened, in UTC."""
    newest: int | None = warehouse.fetch("SELECT max(ts) FROM staging_events")[0][0]
    return None if newest is None else dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=newest)


def count_lag(loads: Sequence[dict[str, Any]], newest_event: dt.datetime | None) -> float | None:
    """Seconds from the newest event to the end of the last successful load."""
    ends: list[dt.datetime] = [load["finished_at"] for load in loads if load["status"] in ("loaded", "partial")]
    return None if newest_event is None or not ends else (max(ends) - newest_event).total_seconds()


def _answer(warehouse: Warehouse, question: Question, cut: Cut, clock: Clock, *, kept: Collection[str] = ()) -> Answer:
    values = list_values(question, cut)
    question = replace(question, definition=question.definition.replace(UTC, clock.timezone))
    columns, rows = warehouse.fetch_table(cut_sql(question.sql, values, kept=kept, clock=clock))
    return Answer(question, values, cut_sql(question.sql, values, clock=clock), columns, rows)


def _compare(warehouse: Warehouse, cut: Cut, clock: Clock, last: dt.date, days: int) -> Comparison:
    spans = (_span(cut, last - dt.timedelta(days * back), days) for back in (0, 1))
    overviews = (_answer(warehouse, get_question("overview"), span, clock, kept=KEPT).records[0] for span in spans)
    return Comparison(days, *overviews)


def _find_compared(cut: Cut, log_first: dt.date | None, log_last: dt.date | None) -> tuple[dt.date, int] | None:
    """The last of the days to compare with as many before them, and their number, for a log of these days.

    None if it is too short for both.
    """
    if log_first is None or log_last is None:
        return None
    first = max(cut.first_day or log_first, log_first)
    last = min(cut.last_day or log_last, log_last)
    days = (last - first).days + 1
    if days < 1:
        return None
    if log_first > first - dt.timedelta(days):
        days = _LAST_DAYS
        if last - dt.timedelta(2 * days - 1) < first:
            return None
    return last, days


def _span(cut: Cut, last: dt.date, days: int) -> Cut:
    """The cut of `days` days that end with `last`."""
    return replace(cut, first_day=last - dt.timedelta(days - 1), last_day=last)
