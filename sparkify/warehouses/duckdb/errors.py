"""Turns DuckDB's errors into ours, and handles Ctrl-C while a statement runs."""

import errno
import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from sparkify.errors import EngineError, SchemaError

# What failed while a file was written stands in the message as JSON.
_INNER = re.compile(r'\{"exception_type":.*?"exception_message":("(?:[^"\\]|\\.)*").*\}', re.DOTALL)
# How DuckDB says that a block of a file is cut off or has other content than was written.
_DAMAGED = re.compile(r"^IO Error: (?:Could not read enough bytes|Corrupt database file)")
# How the system says that a file cannot grow: the disk is full, or a quota or limit is reached.
_NO_SPACE = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


@contextmanager
def mapped_errors(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Raise EngineError for DuckDB's own errors, and KeyboardInterrupt for Ctrl-C, once the statement has ended."""
    try:
        with _stopped_by_ctrl_c(connection):
            yield
    except duckdb.OutOfMemoryException as error:
        raise out_of_memory(error) from error
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except (duckdb.BinderException, duckdb.CatalogException, duckdb.ConversionException) as error:
        raise SchemaError(f"the warehouse refused a statement: {words_of(error)}") from error
    except duckdb.Error as error:
        words = words_of(error)
        if lacks_space(words):
            raise EngineError(f"there is no space for a file: {words}; free some, and run the command again") from error
        if _DAMAGED.search(words):
            raise EngineError(f"the file of the warehouse is damaged: {words}; put a copy in its place") from error
        raise EngineError(f"the warehouse refused a statement: {words}") from error
    except RuntimeError as error:
        # How the Python client reports Ctrl-C during a statement.
        if "interrupted" in str(error):
            raise KeyboardInterrupt from error
        raise


def out_of_memory(error: duckdb.OutOfMemoryException) -> EngineError:
    return EngineError(f"the engine ran out of memory: {words_of(error)}; raise --memory-limit")


def lacks_space(words: str) -> bool:
    """Whether DuckDB's words say that a file cannot grow."""
    return words.endswith(_NO_SPACE)


def words_of(error: duckdb.Error) -> str:
    """DuckDB's message in one line, without its excerpt of the statement and its advice on settings."""
    text = str(error)
    if inner := _INNER.search(text):
        text = f"{text[: inner.start()]}{json.loads(inner[1])}"
    return re.sub(r"\s+", " ", re.split(r"\n\nLINE |\s+Possible solutions:", text)[0]).strip()


@contextmanager
def _stopped_by_ctrl_c(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Ctrl-C stops the running statement: by itself, DuckDB would first run it to the end.

    KeyboardInterrupt is raised only after the statement has ended, because it must not be raised inside DuckDB's
    callbacks. A second Ctrl-C raises at once.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield
        return
    is_pressed = False

    def interrupt(number: int, frame: object) -> None:
        nonlocal is_pressed
        if is_pressed:
            raise KeyboardInterrupt
        is_pressed = True
        connection.interrupt()

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if is_pressed:
            raise KeyboardInterrupt
