"""The limit of rejects of a load, and the error when it is exceeded."""

from dataclasses import dataclass

from sparkify.errors import TooManyRejectsError, UsageError
from sparkify.warehouses import Warehouse

_NAMED_REASONS = 5
_MOST_SHOWN = 60


@dataclass(frozen=True)
class RejectLimit:
    """The most rejects that a load may have: a number of records, or a percentage of those read."""

    number: float
    is_percentage: bool

    @classmethod
    def parse(cls, given: str | int | None) -> "RejectLimit | None":
        """Read `100`, also as a number, or `1%`; None stays None. Raises UsageError for anything else."""
        if given is None:
            return None
        text = str(given)
        try:
            number = float(text.removesuffix("%")) if text.endswith("%") else int(text)
        except ValueError:
            number = -1
        if not 0 <= number < float("inf"):
            shown = text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
            raise UsageError(f"{shown!r} is not a limit of rejects; give a number of records or a share, such as 1%")
        return cls(number, text.endswith("%"))

    def is_exceeded(self, read: int, rejected: int) -> bool:
        return rejected > (self.number * read / 100 if self.is_percentage else self.number)

    def __str__(self) -> str:
        return f"{self.number:g}{'%' if self.is_percentage else ''}"


def refuse(
    warehouse: Warehouse, load_id: int, limit: RejectLimit, *, records: dict[str, int], reasons: dict[str, int]
) -> TooManyRejectsError:
    """The error of a load with too many rejects: the most frequent reasons, and three examples."""
    named = ", ".join(f"{reason} {count:,}" for reason, count in list(reasons.items())[:_NAMED_REASONS])
    sql = 'SELECT url, line, reason, "raw" FROM rejected_records WHERE load_id = $1 ORDER BY url, line LIMIT 3'
    examples = "; ".join(
        f"{url}, line {line:,}, {reason}: {raw[:80]}" for url, line, reason, raw in warehouse.fetch(sql, [load_id])
    )
    return TooManyRejectsError(
        f"{records['rejected']:,} of {records['read']:,} records were rejected ({named}), the limit is {limit}: "
        f"nothing was loaded. Examples: {examples}. sparkify rejects --load {load_id} shows them all; fix the files "
        "or raise --max-rejects"
    )
