"""Standard output and error: a command runs to its own end and exit code, even if its output cannot be written."""

import errno
import io
import itertools
import os
import select
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


_Row = TypeVar("_Row")


class Output(io.FileIO):
    """A file descriptor for output. After an OSError, kept as `failure`, all further output is dropped."""

    failure: OSError | None = None

    def write(self, data: "ReadableBuffer", /) -> int:
        if self.failure is None:
            try:
                return super().write(data)
            except OSError as error:
                self.failure = error
        return memoryview(data).nbytes


class Log(Output):
    """A log beside the output. A reader that takes nothing for some seconds counts as gone.

    Who waits for it may hold the warehouse.
    """

    def __init__(self, descriptor: int, *, patience: float = 10) -> None:
        super().__init__(descriptor, "w")
        self._patience = patience
        self._ready = select.poll()
        self._ready.register(descriptor, select.POLLOUT)

    def write(self, data: "ReadableBuffer", /) -> int:
        if self.failure is None:
            # If Ctrl-C ends the wait, what is left is not to be waited for again.
            self.failure = InterruptedError(errno.EINTR, os.strerror(errno.EINTR))
            is_ready = self._ready.poll(1_000 * self._patience)
            self.failure = None if is_ready else TimeoutError(errno.ETIMEDOUT, "its reader takes nothing")
        # A pipe that is ready takes so many bytes at once.
        return super().write(memoryview(data)[: select.PIPE_BUF])


def open_outputs() -> Output | None:
    """Put an Output behind stdout and stderr, and return stdout's; None if the caller has replaced stdout."""
    _open_closed()
    outputs = [_replace(name, number) for number, name in ((1, "stdout"), (2, "stderr"))]
    return outputs[0]


def is_lost() -> bool:
    """Whether what goes to stdout is dropped, because it cannot be written or nobody reads it any more."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, Output) and raw.failure is not None


def while_read(rows: Iterable[_Row]) -> Iterator[_Row]:
    """The rows, as long as what goes to stdout is not lost."""
    return itertools.takewhile(lambda _: not is_lost(), rows)


def _open_closed() -> None:
    """Point closed descriptors (`2>&-`) to /dev/null: the warehouse's file would get the number, and messages in it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free.
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, closefd=False, encoding="utf-8")


def _replace(name: str, number: int) -> Output | None:
    stream = getattr(sys, name)
    if stream is not getattr(sys, f"__{name}__"):
        return None
    with suppress(AttributeError, OSError):
        stream.flush()
    output = Output(number, "w", closefd=False)
    text = io.TextIOWrapper(
        io.BufferedWriter(output),
        encoding=stream.encoding if stream else "utf-8",
        # A terminal that cannot show a character gets an escape.
        errors="backslashreplace",
        # With PYTHONUNBUFFERED, Python writes at once, not line by line.
        line_buffering=bool(stream) and (stream.line_buffering or stream.write_through),
    )
    setattr(sys, name, text)
    return output
