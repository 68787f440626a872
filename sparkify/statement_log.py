"""The log of the statements sent to a warehouse.

Each is logged at DEBUG by the logger `sparkify` before it is sent, as the record's attribute `statement`, and again
when it has ended, with the attributes `seconds` and `rows` (None if the engine does not report them). Bound values are
not logged: on Redshift those are the rows of an INSERT.
"""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

# How a file that `write_statements` wrote begins.
BEGINNING = re.compile(rb"-- \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n")

_logger = logging.getLogger("sparkify")


# Libraries that write tokens and parts of secrets to their loggers at DEBUG.
_TALKATIVE = ("boto3", "botocore", "redshift_connector", "s3transfer", "urllib3")


def keep_secrets_from_logs() -> None:
    """Let the loggers of libraries that sign in say nothing at DEBUG, unless a program has set their level itself."""
    for name in _TALKATIVE:
        if (logger := logging.getLogger(name)).level == logging.NOTSET:
            logger.setLevel(logging.INFO)


@dataclass
class Sent:
    """A statement that was sent. `rows` is the number returned or changed, if the engine reports it."""

    rows: int | None = None


@contextmanager
def logged(sql: str) -> Iterator[Sent]:
    """Log a statement before the block sends it, and its seconds and rows after the block."""
    sent = Sent()
    if not _logger.isEnabledFor(logging.DEBUG):
        yield sent
        return
    _logger.debug("%s", sql, extra={"statement": sql})
    started = time.perf_counter()
    ended = "failed after %.3f s"
    try:
        yield sent
        ended = "%.3f s" if sent.rows is None else f"%.3f s, {sent.rows:,} rows"
    finally:
        seconds = time.perf_counter() - started
        _logger.debug(ended, seconds, extra={"seconds": seconds, "rows": sent.rows})


@contextmanager
def write_statements(stream: TextIO | None) -> Iterator[None]:
    """Write every statement sent during the block to a stream, if any, with its time, seconds and rows.

    The text is SQL; everything else is in comments. A statement is written before it is sent.
    """
    if stream is None:
        yield
        return
    handler, level = _StatementHandler(stream), _logger.level
    _logger.addHandler(handler)
    _logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        _logger.removeHandler(handler)
        _logger.setLevel(level)


class _StatementHandler(logging.Handler):
    def __init__(self, stream: TextIO) -> None:
        super().__init__(logging.DEBUG)
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        if hasattr(record, "statement"):
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(record.created))
            self._stream.write(f"-- {when} UTC\n{end_statement(record.statement)}\n")
        elif hasattr(record, "seconds"):
            self._stream.write(f"-- {record.getMessage()}\n\n")
        self._stream.flush()


def end_statement(sql: str) -> str:
    """A statement with its semicolon, on a line of its own after a comment."""
    return f"{sql}\n;" if "--" in sql.splitlines()[-1] else f"{sql};"
