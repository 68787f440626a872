"""What a load tells: the result that the command prints, and prints as JSON."""

from dataclasses import dataclass, field
from typing import Literal

from sparkify.formats import Shown
from sparkify.loads.warnings import Replaced, TakenName
from sparkify.sources.listing import LeftOut
from sparkify.star.changes import Mode


@dataclass(frozen=True, repr=False)
class LoadResult(Shown):
    """What a load did. `reasons` counts its rejects by code, `tables` the rows of each table after it.

    `taken_names` are names that fields were read from in place of their own; `unknown_keys` are kept in `other`.
    `shapes` counts the loaded files by shape. `left_out` is what is below the roots and is no data. `replaced` has the
    records that left and entered with each changed file.
    `warnings` are sentences.
    `judged_by` says how the records were judged: `native`, by the native library, or `sql`; None if none were.
    `broken_checks` are the checks of severity warn that found rows. A check of severity fail makes the load fail.
    """

    load_id: int | None
    status: Literal["loaded", "nothing_to_do", "partial", "failed"]
    files: dict[str, int]
    records: dict[str, int]
    reasons: dict[str, int]
    tables: dict[str, int]
    match_rate: dict[str, float | None]
    seconds: float
    mode: Mode | None = None
    judged_by: Literal["native", "sql"] | None = None
    unknown_keys: dict[str, list[str]] = field(default_factory=dict)
    taken_names: dict[str, list[TakenName]] = field(default_factory=dict)
    shapes: dict[str, int] = field(default_factory=dict)
    left_out: LeftOut = field(default_factory=lambda: LeftOut(0, {}, []))
    replaced: list[Replaced] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    broken_checks: list[str] = field(default_factory=list)
