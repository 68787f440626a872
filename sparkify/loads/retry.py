"""Retries after a conflict with another session."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sparkify.errors import ConflictError

_ATTEMPTS = 4

T = TypeVar("T")


def retry_conflicts(work: Callable[[], T]) -> T:
    """Call `work`, again from the start if it raises ConflictError, at most four times in all."""
    for attempt in range(1, _ATTEMPTS):
        try:
            return work()
        except ConflictError:
            # A random wait, so that the two sessions do not meet again.
            time.sleep(random.uniform(0, attempt))
    return work()
