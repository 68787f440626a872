"""Ctrl-C, SIGTERM and SIGHUP: the command ends with one word and exit code 130, 143 or 129, whatever it waits for.

Until it has something to clean up, it ends on the spot. After that, the first signal raises KeyboardInterrupt, and two
seconds later the process ends in any case: a library that waits for a server may not answer, or lose the exception.

In a program that uses the package, Ctrl-C stays Python's. This module imports only what the interpreter has loaded
already, so that it is there first: the module `signal` would make its enumerations before.
"""

import _thread
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable
    from types import FrameType
else:
    import _signal

_ENDING = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP)
_SECONDS_TO_CLEAN_UP = 2.0

_heeded: list[int] = []
_received = 0
_is_told = False


def end_at_once() -> None:
    """From now on a signal ends the process on the spot. One that is ignored, as under nohup, stays ignored."""
    _heeded[:] = [number for number in _ENDING if _signal.getsignal(number) is not _signal.SIG_IGN]
    _handle(_end)


def raise_from_now() -> None:
    """From now on the first signal raises KeyboardInterrupt. Two seconds later the process ends in any case.

    Does nothing unless `end_at_once` was called.
    """
    if not _heeded or _signal.getsignal(_heeded[0]) is not _end:
        return
    # A handler in Python waits until the main thread runs Python code again. To the pipe, the system's writes at once.
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    _signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    _thread.start_new_thread(_watch, (reading,))
    sys.unraisablehook = _pass_over
    _handle(_raise)


def leave() -> None:
    """End the process if a signal came, also where the KeyboardInterrupt was lost; threads are not waited for."""
    if _received:
        # The one who caught it, click, has begun a line.
        _end(_received, word=b"interrupted\n")


def ignore() -> None:
    """From now on signals are ignored: the command is over, and its exit code counts."""
    _handle(_signal.SIG_IGN)


def _handle(handler: "Callable[[int, FrameType | None], None] | _signal.Handlers") -> None:
    for number in _heeded:
        _signal.signal(number, handler)


def _end(number: int, frame: "FrameType | None" = None, *, word: bytes = b"\ninterrupted\n") -> None:
    global _is_told
    if not _is_told:
        # Before the word is written: that may block.
        _is_told = True
        try:  # noqa: SIM105
            os.write(2, word)
        except OSError:
            pass
    os._exit(128 + number)


def _raise(number: int, frame: "FrameType | None") -> None:
    global _received
    # A key that is held down must not disturb the cleaning up.
    if not _received:
        _received = number
        raise KeyboardInterrupt


def _watch(reading: int) -> None:
    while (number := os.read(reading, 1)[0]) not in _heeded:
        pass
    time.sleep(_SECONDS_TO_CLEAN_UP)
    _end(number)


def _pass_over(lost: "sys.UnraisableHookArgs") -> None:
    """Say nothing of what follows where a KeyboardInterrupt cannot be raised: `leave` knows of it."""
    if not _received:
        sys.__unraisablehook__(lost)
