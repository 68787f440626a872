"""Random numbers that depend on the seed alone.

Each purpose has its own stream: what one step draws does not change what another step gets.
"""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

_T = TypeVar("_T")


def stream(seed: int, purpose: str) -> Random:
    # Seeded by text, because Random(-1) and Random(1) are the same.
    return Random(f"{purpose} {seed}")


def pick(rng: Random, items: Sequence[_T]) -> _T:
    return items[int(rng.random() * len(items))]
