"""Trying again what another session got in the way of."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sparkify.errors import ConflictError

_ATTEMPTS = 4

T = TypeVar("T")


def retry_conflicts(work: Callable[[], T]) -> T:
    """Do some work, from the start again where it raises ConflictError, four times in all."""
    for attempt in range(1, _ATTEMPTS):
        try:
            return work()
        except ConflictError:
            # Two that met once should not meet again.
            time.sleep(random.uniform(0, attempt))
    return work()
