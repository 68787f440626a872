"""Answers to prepared questions and to any SELECT. Changes nothing."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from sparkify import questions
from sparkify.questions import WHOLE_LOG, Cut
from sparkify.settings import Config
from sparkify.star.tables import require_tables
from sparkify.warehouses import Warehouse, open_warehouse


def query(
    config: Config, name: str, *, cut: Cut = WHOLE_LOG, on_note: Callable[[str], None] | None = None
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Answer a prepared question; returns column names and rows.

    `on_note` is told, in a sentence, where there is no event to answer from. Raises UsageError for an unknown name, and
    for a cut by what the question does not take.
    """
    question = questions.get_question(name)
    questions.require_taken(question, cut)
    with open_warehouse(config, read_only=True) as warehouse:
        require_tables(warehouse)
        answer = warehouse.fetch_table(question.sql, questions.bind(question, cut))
        if on_note is not None and (note := explain_nothing(warehouse, cut)):
            on_note(note)
        return answer


def explain_nothing(warehouse: Warehouse, cut: Cut = WHOLE_LOG) -> str | None:
    """A sentence where the warehouse holds no event, or none in the cut; None where there is one."""
    if _log_days(warehouse, cut)[0] is not None:
        return None
    first, last = _log_days(warehouse, WHOLE_LOG)
    if first is None:
        return f"the warehouse {warehouse.address} holds no events yet; run sparkify load --log-data ROOT"
    given = ", ".join(f"{name} {value}" for name, value in cut.values.items() if name in ("from", "to", "level"))
    return f"no event is in the cut ({given}); the log has events from {first} to {last}"


def _log_days(warehouse: Warehouse, cut: Cut) -> tuple[dt.date | None, dt.date | None]:
    """The days of the first and the last event in a cut; None for both where there is none."""
    overview = questions.get_question("overview")
    first, last, *_ = warehouse.fetch(overview.sql, questions.bind(overview, cut))[0]
    return first, last


def query_sql(config: Config, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Run one SELECT, read-only; returns column names and rows. Raises UsageError for anything else."""
    with open_warehouse(config, read_only=True) as warehouse:
        return warehouse.fetch_user_query(sql)
