"""The days and their sessions: when a session starts, and what it contains.

A session that runs past midnight is continued on the next day.
"""

from array import array
from bisect import bisect, bisect_left
from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

from sparkify.simulator import pages, vocabulary
from sparkify.simulator.listeners import Person, Playlist, Users
from sparkify.simulator.options import DAY, SimulateOptions
from sparkify.simulator.sampling import pick, stream

_HOURS = [hour for hour, weight in enumerate(vocabulary.HOUR_WEIGHTS) for _ in range(weight)]


class Session(NamedTuple):
    rank: int  # of its user
    person: Person
    session_id: str


class Day:
    """The events of one UTC day, as numbers: the text of a busy day would not fit in memory.

    A key is an event's time since midnight, shifted left, plus its row: sorting these integers sorts the events.
    """

    def __init__(self, quota: int) -> None:
        self.quota = quota
        self.shift = quota.bit_length()
        self.keys: list[int] = []
        self.sessions: list[Session] = []
        self.owners = array("I")  # of each row: where its session is in `sessions`
        self.items = array("I")
        self.codes = array("I")

    @property
    def room(self) -> int:
        return self.quota - len(self.keys)

    def add(self, session: Session, first_item: int, codes: Sequence[int], times: Sequence[int]) -> None:
        shift = self.shift
        self.keys += [(time << shift) + row for row, time in enumerate(times, len(self.keys))]
        self.owners.extend(repeat(len(self.sessions), len(codes)))
        self.items.extend(range(first_item, first_item + len(codes)))
        self.codes.extend(codes)
        self.sessions.append(session)


class Sessions:
    """Fills one day after the other with sessions."""

    def __init__(self, users: Users, playlist: Playlist, options: SimulateOptions) -> None:
        rng = stream(options.seed, "sessions")
        self._rng = rng
        self._users = users
        self._playlist = playlist
        self._last_id = 0
        self._persons: dict[int, Person] = {}
        self._busy: dict[int, list[tuple[int, int]]] = {}
        self._carried: list[tuple[Session, int, list[int], list[int]]] = []
        self._leavers: dict[int, list[int]] = {}
        count = len(users.is_gone)
        for _ in range(
            min(count // 50, options.events // 2_000)
        ):  # users who cancel, none of them among the most active
            rank = count // 4 + int(rng.random() * (count - count // 4))
            self._leavers.setdefault(int(rng.random() * options.days), []).append(rank)

    def fill(self, number: int, quota: int) -> Day:
        day = Day(quota)
        self._persons.clear()
        self._busy = {
            rank: late for rank, spans in self._busy.items() if (late := [(0, e - DAY) for _, e in spans if e > DAY])
        }
        carried, self._carried = self._carried, []
        for session, first_item, codes, times in carried:
            self._add(day, session, first_item, codes, times)
        for rank in self._leavers.get(number, ()):
            if day.room and not self._users.is_gone[rank]:
                codes, offsets, _ = self._compose(leaving=True)
                start = max([int(self._rng.random() * DAY), *(end + 1 for _, end in self._busy.get(rank, ()))])
                self._open(day, rank, codes, [start + offset for offset in offsets])
            self._users.is_gone[rank] = True
        while day.room:
            codes, offsets, duration = self._compose()
            rank, start = self._pick_slot(duration)
            self._open(day, rank, codes, [start + offset for offset in offsets])
        return day

    def _open(self, day: Day, rank: int, codes: list[int], times: list[int]) -> None:
        person = self._persons.get(rank)
        if person is None:
            person = self._persons[rank] = self._users.render(rank)
        self._last_id += 1 + self._rng.getrandbits(1)
        self._add(day, Session(rank, person, str(self._last_id)), 0, codes, times)

    def _add(self, day: Day, session: Session, first_item: int, codes: list[int], times: list[int]) -> None:
        inside = bisect_left(times, DAY)
        kept = min(inside, day.room)
        day.add(session, first_item, codes[:kept], times[:kept])
        if kept == inside < len(codes):
            later = [time - DAY for time in times[inside:]]
            self._carried.append((session, first_item + inside, codes[inside:], later))

    def _pick_slot(self, duration: int) -> tuple[int, int]:
        """The user and the start of a session; if possible, no other session of this user runs at that time."""
        random, cumulative = self._rng.random, self._users.cumulative
        last = len(cumulative) - 1
        tries = 0
        while True:
            rank = bisect(cumulative, random() * cumulative[last], 0, last)
            if self._users.is_gone[rank]:
                continue
            start = (_HOURS[int(random() * len(_HOURS))] * 3_600_000) + int(random() * 3_600_000)
            spans = self._busy.setdefault(rank, [])
            tries += 1
            # If there are more events than fit into the users' days, sessions overlap.
            few = len(spans) < 16
            if tries == 4 or (few and all(start > e or start + duration < s for s, e in spans)):
                if few:
                    spans.append((start, start + duration))
                return rank, start

    def _compose(self, *, leaving: bool = False) -> tuple[list[int], list[int], int]:
        """The codes of one session, the time of each in ms from the session's start, and how long the session is."""
        random = self._rng.random
        cumulative, durations = self._playlist.cumulative, self._playlist.durations
        total, last = cumulative[-1], len(cumulative) - 1
        codes: list[int] = []
        offsets: list[int] = []
        opening, plays, closing = self._outline(leaving)
        at = self._visit(codes, offsets, 0, opening)
        while plays:
            code = bisect(cumulative, random() * total, 0, last)
            if code < pages.FIRST_SONG:
                at = self._visit(codes, offsets, at, pages.CHAINS.get(code, (code,)))
            else:
                codes.append(code)
                offsets.append(at)
                at += durations[code]
                plays -= 1
        at = self._visit(codes, offsets, at, closing)
        return codes, offsets, at

    def _outline(self, leaving: bool) -> tuple[Sequence[int], int, Sequence[int]]:
        """The pages a session opens with, its number of plays, and the pages it ends with."""
        roll, plays = self._rng.random(), pick(self._rng, vocabulary.SESSION_PLAYS)
        if leaving:
            return (pages.HOME,), plays, (pages.SETTINGS, pages.CANCEL, pages.CANCELLED)
        if roll < 0.07:  # a visitor who only sees the front page
            return (pages.HOME_OUT,), 0, ((), (pages.HELP_OUT,), (), (pages.ABOUT_OUT,))[self._rng.getrandbits(2)]
        opening = (pages.LOGIN_OUT, pages.HOME) if roll < 0.1 else (pages.HOME,) if roll < 0.4 or not plays else ()
        end = self._rng.random()
        return opening, plays, (pages.LOGOUT, pages.HOME_OUT) if end < 0.02 else (pages.LOGOUT,) if end < 0.05 else ()

    def _visit(self, codes: list[int], offsets: list[int], at: int, visited: Sequence[int]) -> int:
        for page in visited:
            codes.append(page)
            offsets.append(at)
            at += 1000 + int(self._rng.random() * 59_000)
        return at
