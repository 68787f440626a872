"""Retries after a conflict with another session."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sparkify.errors import ConflictError

_MOST_ATTEMPTS = 4

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
