"""The options of a simulation.

Also their limits, and their days in milliseconds.
"""

import datetime
from dataclasses import dataclass

from sparkify.arguments import check_fields
from sparkify.errors import UsageError
from sparkify.simulator.shapes import Shape

DAY = 86_400_000  # milliseconds
# The songs, the users and the events of a day are held in memory: each of these takes up to two gigabytes.
_MOST_SONGS = 1_000_000
_MOST_USERS = 10_000_000
_MOST_EVENTS_A_DAY = 10_000_000
# At least so many bytes take a record of the log and a song's file on a disk.
_LEAST_EVENT, _LEAST_SONG = 300, 200


@dataclass(frozen=True)
class SimulateOptions:
    """What to simulate. `events` and `songs` count all records written, planted faults included.

    Raises UsageError for a value of another type.
    """

    events: int = 50_000
    users: int = 200
    days: int = 30
    songs: int = 1_000
    start: datetime.date = datetime.date(2018, 11, 1)
    match_rate: float = 0.8  # share of plays whose song is in the catalogue
    dirty: float = 0.0  # share of the records of both datasets that are planted faults
    seed: int = 0
    shape: Shape = "lines"

    def __post_init__(self) -> None:
        check_fields(self)


def check_options(options: SimulateOptions) -> None:
    if options.days < 1:
        raise UsageError(f"days must be at least 1, not {options.days:,}")
    # Outside of these dates a load would reject every event.
    first, end = datetime.date(2000, 1, 1), datetime.date(2100, 1, 1)
    if options.start < first or options.start >= end or options.days > (end - options.start).days:
        raise UsageError(f"{options.days:,} days from {options.start} are not all between {first} and {end}")
    most_events = _MOST_EVENTS_A_DAY * options.days
    for name, least, most in (("users", 1, _MOST_USERS), ("songs", 1, _MOST_SONGS), ("events", 0, most_events)):
        if not least <= (number := getattr(options, name)) <= most:
            raise UsageError(f"{name} must be from {least} to {most:,}, not {number:,}")
    for name in ("match_rate", "dirty"):
        if not 0 <= getattr(options, name) <= 1:
            raise UsageError(f"{name} must be between 0 and 1, not {getattr(options, name)}")


def least_bytes(options: SimulateOptions) -> int:
    """The data take more than so many bytes."""
    return options.events * _LEAST_EVENT + options.songs * _LEAST_SONG


def midnight(date: datetime.date) -> int:
    return (date - datetime.date(1970, 1, 1)).days * DAY
