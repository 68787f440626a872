"""Retries: after a conflict with another session, and for the lock."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from sparkify.errors import ConflictError, LockedError, LostSessionError
from sparkify.warehouses import Warehouse

_MOST_ATTEMPTS = 4
# Another load could take this one for dead after 15 minutes.
_MOST_SECONDS_TO_LOCK = 600
# A cluster that is patched is away for some minutes.
_MOST_SECONDS_TO_PAUSE = 10.0

T = TypeVar("T")


class Attempts:
    """Four attempts in all, of a whole and of its parts together."""

    def __init__(self) -> None:
        self._made = 1

    def run(self, work: Callable[[], T]) -> T:
        """Call `work`, again if it raises ConflictError, while there are attempts left."""
        while True:
            try:
                return work()
            except ConflictError:
                if self._made == _MOST_ATTEMPTS:
                    raise
                # A random wait, so that the two sessions do not meet again.
                time.sleep(random.uniform(0, self._made))
                self._made += 1


def retry_conflicts(work: Callable[[], T]) -> T:
    """Call `work`, again from the start if it raises ConflictError, at most four times in all."""
    return Attempts().run(work)


@contextmanager
def lock_again(warehouse: Warehouse) -> Iterator[None]:
    """The transaction that brings what was judged before it.

    What was read for hours is not given up for an undo of minutes, nor for a session that has ended meanwhile.
    """
    end, pause = time.monotonic() + _MOST_SECONDS_TO_LOCK, 0.1
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(warehouse.load_transaction())
                break
            except (LockedError, LostSessionError) as error:
                if time.monotonic() > end:
                    raise
                if isinstance(error, LostSessionError):
                    time.sleep(pause)
                    pause = min(2 * pause, _MOST_SECONDS_TO_PAUSE)
        yield
