"""What a load of the simulated data must find.

The counts that every writer adds to, the form of truth.json, and the progress.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from sparkify.simulator.options import SimulateOptions


@dataclass
class Counts:
    read: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    oddities: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        rejected = sum(self.reasons.values())
        return {
            "read": self.read,
            "loaded": self.read - rejected,
            "rejected": rejected,
            "reasons": dict(sorted(self.reasons.items())),
            "oddities": dict(sorted(self.oddities.items())),
        }


class Truth:
    def __init__(self, options: SimulateOptions, on_progress: Callable[[int, int], None] | None) -> None:
        self.options = options
        self.events = Counts()
        self.songs = Counts()
        self.star = dict.fromkeys(("songplays", "users", "songs", "artists", "time", "matched", "paid", "free"), 0)
        self._on_progress = on_progress

    def progress(self) -> None:
        if self._on_progress:
            self._on_progress(self.events.read + self.songs.read, self.options.events + self.options.songs)

    def count_faults(self) -> dict[str, int]:
        codes = sorted({**self.events.reasons, **self.songs.reasons})
        return {code: self.events.reasons.get(code, 0) + self.songs.reasons.get(code, 0) for code in codes}

    def as_json(self) -> dict[str, object]:
        return {
            "seed": self.options.seed,
            "options": asdict(self.options) | {"start": self.options.start.isoformat()},
            "datasets": {"events": self.events.as_json(), "songs": self.songs.as_json()},
            "star": self.star,
        }


def add_one(counts: dict[str, int], key: str) -> None:
    counts[key] = counts.get(key, 0) + 1
