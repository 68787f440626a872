"""How much is judged at a time, so that the engine stays within its memory limit."""

import re
from array import array
from collections.abc import Iterator
from itertools import pairwise
from operator import sub

from sparkify.machine import available_memory
from sparkify.settings import Config
from sparkify.sources.bundles import Bundle
from sparkify.sources.records import LONG_RECORD, LONGEST_RECORD, MOST_TIMES, TIMES, estimate_cost

_SIZE = re.compile(r"\s*([\d.]+)\s*([KMGT]?)(i?)B?\s*", re.IGNORECASE)
# At most this, and at most half of what the process may have: the loader streams, so more would not make it faster.
_MOST_MEMORY = 1_228 << 20
# Each INSERT leaves a partly filled row group per thread, and DuckDB merges these when it closes the file, which is
# slow. So each INSERT gets as much as memory allows.
_MOST_RUN_BYTES = 448 << 20
# What went the full way is a row each in memory, however short it is.
MOST_RUN_RECORDS = 1 << 20
# Each thread of DuckDB takes 2,048 records of one bundle at a time, beside what is always taken.
_RECORDS_AT_A_TIME = 2_048
_ALWAYS_TAKEN = 96 << 20


def limit_in_words(config: Config) -> str:
    """The memory limit as DuckDB takes it."""
    return config.memory_limit or f"{min(available_memory() // 2, _MOST_MEMORY) >> 20}MiB"


def read_size(text: str) -> int:
    """The bytes of a size as DuckDB reads and writes it, such as 1.5GB or 244.1 MiB; of another text a great number."""
    found = _SIZE.fullmatch(text)
    if found is None:
        return 1 << 40
    base = 1024 if found[3] else 1000
    return int(float(found[1]) * base ** " KMGT".index(found[2].upper() or " "))


def longest_record(limit: int) -> int:
    """The bytes of the longest record that is judged within a memory limit."""
    return max(LONG_RECORD, min(LONGEST_RECORD, (limit - _ALWAYS_TAKEN) // TIMES))


def run_bytes(limit: int) -> int:
    """The bytes of records that are held in one run within a memory limit, beside the engine."""
    return min(_MOST_RUN_BYTES, limit // 4)


def engine_bytes(limit: int, *, is_heavy: bool) -> int:
    """What the engine may take of a memory limit in a run: the rest is for the records. A heavy run has few of them."""
    return limit if is_heavy else max(limit - run_bytes(limit), min(limit, _ALWAYS_TAKEN))


def count_together(bundle: Bundle, limit: int, threads: int) -> int:
    """How many bundles like this one can be judged at the same time within a memory limit: 0 if not even one can.

    A number of at least `threads` says that there is no bound.
    """
    room = max(0, limit - _ALWAYS_TAKEN)
    if bundle.has_long:
        return 0
    lengths = list(map(sub, bundle.ends[1:], bundle.ends))
    # Most bundles have short records, which need no look. Sorting all lengths would take four times as long.
    if max(lengths, default=0) * _RECORDS_AT_A_TIME * MOST_TIMES * threads <= room:
        return threads
    # Whichever they are: the quick way may leave just the longest ones, side by side.
    cost: int = sum(sorted(lengths)[-_RECORDS_AT_A_TIME:]) * MOST_TIMES
    if cost * threads <= room:
        return threads
    return room // max(1, min(estimate_cost(bundle.data), cost))


def split_heavy(bundle: Bundle, limit: int) -> Iterator[Bundle]:
    """The bundle in pieces that can be judged one by one within a memory limit."""
    # Half of the longest record: several take more than one, and what one run took is not all free in the next.
    most = longest_record(limit) * TIMES // 2
    view = memoryview(bundle.data)
    costs = [estimate_cost(bytes(view[start:end])) for start, end in pairwise(bundle.ends)]
    first = cost = 0
    for end in range(1, len(bundle) + 1):
        is_last = end == len(bundle)
        cost += costs[end - 1]
        if is_last or cost + costs[end] > most:
            start = bundle.ends[first]
            yield Bundle(
                bytes(view[start : bundle.ends[end]]),
                array("i", (place - start for place in bundle.ends[first : end + 1])),
                bundle.source_ids[first:end],
                bundle.lines[first:end],
                bundle.finished if is_last else [],
                bundle.has_long,
            )
            first, cost = end, 0
