"""What a load tells while it runs: how far it is, each of its steps as an event, and the seconds that each took."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sparkify.datasets import Dataset
from sparkify.sources.bundles import Bundle


@dataclass(frozen=True)
class Progress:
    """How far a load is. Bytes are as stored for whole files, and of their lines where files are compressed."""

    step: str
    files: int = 0
    total_files: int = 0
    bytes: int = 0
    total_bytes: int = 0
    records: int = 0


OnProgress = Callable[[Progress], None]
OnEvent = Callable[[dict[str, Any]], None]


@dataclass
class Teller:
    """Tells whoever listens. `load_id` is that of the load, once it has one; `seconds` those of each step so far."""

    on_progress: OnProgress
    on_event: OnEvent | None
    total_files: int
    total_bytes: int
    load_id: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    _files: int = 0
    _bytes: int = 0
    _records: int = 0

    def tell(self, step: str) -> None:
        """Say what the load is at now."""
        state = Progress(step, self._files, self.total_files, self._bytes, self.total_bytes, self._records)
        self.on_progress(state)

    def tell_bundle(self, dataset: Dataset, bundle: Bundle) -> None:
        """Say that some lines more are being staged."""
        self._bytes += len(bundle.data)
        self.add(len(bundle.finished), len(bundle))
        self.tell(f"staging {dataset}")

    def add(self, files: int, records: int) -> None:
        """Count what is staged."""
        self._files += files
        self._records += records

    def emit(self, event: str, **values: Any) -> None:
        """Tell of an event, with the time and the load."""
        if self.on_event is not None:
            self.on_event({"event": event, "at": f"{utc_now().isoformat()}Z", "load_id": self.load_id} | values)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Keep the seconds that a step takes."""
        started = time.monotonic()
        yield
        self.seconds[step] = seconds_since(started)


def utc_now() -> dt.datetime:
    """The time in UTC, without a zone, as the ledger keeps it."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def seconds_since(started: float) -> float:
    """Seconds, to the millisecond, since a moment of the monotonic clock."""
    return round(time.monotonic() - started, 3)
