"""How much is judged at a time, so that the engine stays within its memory limit."""

import re
from array import array
from collections.abc import Iterator

from sparkify.sources.bundles import Bundle
from sparkify.sources.records import LONG_RECORD, LONGEST_RECORD

_SIZE = re.compile(r"\s*([\d.]+)\s*([KMGT]?)(i?)B?\s*", re.IGNORECASE)
# Each INSERT leaves a partly filled row group per thread, and DuckDB merges these when it closes the file, which is
# slow. So each INSERT gets as much as memory allows: a run is held in memory.
_MOST_RUN_BYTES = 448 << 20
# What went the full way is a row each in memory, however short it is.
MOST_RUN_RECORDS = 1 << 20
# DuckDB takes 2,048 records at a time, and judging takes some 70 times their bytes, beside what it always takes.
_TIMES = 70
_ALWAYS_TAKEN = 96 << 20
_SHORT_RECORD = 4 << 10


def read_size(text: str) -> int:
    """The bytes of a size as DuckDB reads and writes it, such as 1.5GB or 244.1 MiB; of another text a great number."""
    found = _SIZE.fullmatch(text)
    if found is None:
        return 1 << 40
    base = 1024 if found[3] else 1000
    return int(float(found[1]) * base ** " KMGT".index(found[2].upper() or " "))


def longest_record(limit: int) -> int:
    """The bytes of the longest record that is judged within a memory limit."""
    return max(LONG_RECORD, min(LONGEST_RECORD, (limit - _ALWAYS_TAKEN) // _TIMES))


def run_bytes(limit: int) -> int:
    """The bytes of records that are judged in one run within a memory limit."""
    return min(_MOST_RUN_BYTES, limit // 3)


def is_heavy(bundle: Bundle) -> bool:
    """Whether the records of a bundle are so long that it has to be judged alone."""
    return bundle.has_long or len(bundle.data) > _SHORT_RECORD * len(bundle)


def split_heavy(bundle: Bundle, limit: int) -> Iterator[Bundle]:
    """The bundle, or pieces of it that can be judged one by one within a memory limit."""
    if not is_heavy(bundle):
        yield bundle
        return
    # Half of the longest record: several take more than one, and what one run took is not all free in the next.
    most_bytes = longest_record(limit) // 2
    first = 0
    for end in range(1, len(bundle) + 1):
        is_last = end == len(bundle)
        if is_last or bundle.ends[end + 1] - bundle.ends[first] > most_bytes:
            start = bundle.ends[first]
            yield Bundle(
                bundle.data[start : bundle.ends[end]],
                array("i", (place - start for place in bundle.ends[first : end + 1])),
                bundle.source_ids[first:end],
                bundle.lines[first:end],
                bundle.finished if is_last else [],
                bundle.has_long,
            )
            first = end
