"""The SQL of a question, complete, and answers written into files."""

from collections.abc import Iterable, Iterator, Sequence

from sparkify.questions.catalogue import Question, get_question, list_values, require_taken
from sparkify.questions.clock import UTC_CLOCK, Clock, find_clock
from sparkify.questions.cut import WHOLE_LOG, Cut, cut_sql
from sparkify.settings import Config
from sparkify.star.version import open_to_read
from sparkify.timezones import UTC
from sparkify.warehouses import Row, Target, Written, open_warehouse


def compose_sql(config: Config, name: str, cut: Cut = WHOLE_LOG) -> str:
    """The whole SQL of a prepared question, as it is sent: it runs in any client. Raises UsageError like `query`.

    The warehouse is opened for a time zone other than UTC, whose changes of the clock are those in the log.
    """
    question = get_question(name)
    require_taken(question, cut)
    if config.timezone == UTC:
        return _compose(question, cut, UTC_CLOCK)
    with open_to_read(config) as warehouse:
        return _compose(question, cut, find_clock(warehouse, config.timezone))


def _compose(question: Question, cut: Cut, clock: Clock) -> str:
    return cut_sql(question.sql, list_values(question, cut), clock=clock)


def leave_out_totals(question: Question, columns: Sequence[str], rows: Iterable[Row]) -> Iterator[Row]:
    """The rows that are no totals of others, so that a reader who adds them up counts nothing twice."""
    if question.totals is None:
        yield from rows
        return
    place = list(columns).index(question.totals)
    yield from (row for row in rows if row[place] is not None)


def write_answer(config: Config, name: str, target: Target, *, cut: Cut = WHOLE_LOG) -> Written:
    """Write the answer to a prepared question, without totals, into a file."""
    question = get_question(name)
    require_taken(question, cut)
    with open_to_read(config) as warehouse, warehouse.transaction():
        select = _compose(question, cut, find_clock(warehouse, config.timezone))
        if question.totals is not None:
            select = f"SELECT * FROM (\n{select}\n) AS answer\nWHERE {question.totals} IS NOT NULL"
        return warehouse.write_file(select, target)


def write_sql(config: Config, sql: str, target: Target) -> Written:
    """Write the rows of a user's SQL into a file."""
    with open_warehouse(config, read_only=True) as warehouse:
        return warehouse.write_user_query(sql, target)
