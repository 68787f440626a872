"""What a load reports while it runs: its progress, an event for each step, and the seconds of each step."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from sparkify.datasets import Dataset
from sparkify.sources.bundles import Bundle


@dataclass(frozen=True)
class Progress:
    """How far a load is. `bytes` counts decompressed lines, `total_bytes` the files as stored, which may be fewer."""

    step: str
    files: int = 0
    total_files: int = 0
    bytes: int = 0
    total_bytes: int = 0
    records: int = 0


# `fault` is an error that no part of the program has turned into its own.
Event = Literal["started", "file", "refreshed", "committed", "failed", "fault"]
EVENTS: tuple[Event, ...] = get_args(Event)

OnProgress = Callable[[Progress], None]
OnEvent = Callable[[dict[str, Any]], None]


@dataclass
class Reporter:
    """Calls the callbacks of one load. `seconds` holds the time of each finished step."""

    on_progress: OnProgress
    on_event: OnEvent | None
    total_files: int
    total_bytes: int
    load_id: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    _files: int = 0
    _bytes: int = 0
    _records: int = 0

    def report(self, step: str) -> None:
        """Report the step that the load is at."""
        state = Progress(step, self._files, self.total_files, self._bytes, self.total_bytes, self._records)
        self.on_progress(state)

    def report_bundle(self, dataset: Dataset, bundle: Bundle) -> None:
        """Report that a bundle is being appended to staging."""
        self._bytes += len(bundle.data)
        self.add(len(bundle.finished), len(bundle))
        self.report(f"staging {dataset}")

    def add(self, files: int, records: int) -> None:
        """Add to the counts of staged files and records."""
        self._files += files
        self._records += records

    def emit(self, event: Event, **values: Any) -> None:
        """Report an event, with its time and the load."""
        if self.on_event is not None:
            self.on_event({"event": event, "at": f"{utc_now().isoformat()}Z", "load_id": self.load_id} | values)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Measure the seconds of a step."""
        started = time.monotonic()
        yield
        self.seconds[step] = seconds_since(started)


def utc_now() -> dt.datetime:
    """The current time in UTC without a time zone, as in the ledger."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def seconds_since(started: float) -> float:
    """Seconds since a `time.monotonic()`, rounded to milliseconds."""
    return round(time.monotonic() - started, 3)
