"""The log files.

It writes a file for each day and counts what a load must find in it. Levels change here, because the events are written
in order.
"""

import datetime
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from sparkify.simulator import pages, vocabulary
from sparkify.simulator.faults import EVENTS, Specials
from sparkify.simulator.listeners import NOBODY, Playlist, Users
from sparkify.simulator.options import SimulateOptions, midnight
from sparkify.simulator.sampling import stream
from sparkify.simulator.sessions import Day, Session, Sessions
from sparkify.simulator.shapes import LAYOUTS
from sparkify.simulator.truth import Truth, add_one

_CHUNK = 8192  # events rendered at once
_LEVELS = ('"free"', '"paid"')
# While the share of paid plays is outside of these bounds, no user changes the level in the wrong direction: otherwise
# one busy user would change every number.
_LEAST_PAID, _MOST_PAID = 0.74, 0.82


def write_events(folder: Path, users: Users, playlist: Playlist, truth: Truth) -> int:
    """Write a file for each day with events; returns the number of files."""
    options = truth.options
    sessions = Sessions(users, playlist, options)
    writer = _LogWriter(users, playlist, truth)
    files = 0
    for number, quota in enumerate(_share_days(options)):
        day = sessions.fill(number, quota)
        if quota:
            writer.write_day(folder, options.start + datetime.timedelta(number), day)
            files += 1
    truth.progress()
    return files


def _share_days(options: SimulateOptions) -> Iterator[int]:
    weekday, weights = options.start.weekday(), vocabulary.WEEKDAY_WEIGHTS
    totals = list(accumulate(weights[(weekday + number) % 7] for number in range(options.days)))
    shares = [options.events * total // totals[-1] for total in totals]
    return (share - before for before, share in zip([0, *shares], shares, strict=False))


class _LogWriter:
    def __init__(self, users: Users, playlist: Playlist, truth: Truth) -> None:
        options = truth.options
        self._is_paid = users.is_paid
        self._tracks = playlist.tracks
        self._truth = truth
        self._seen = bytearray(options.users)
        rng = stream(options.seed, "log files")
        self._specials = Specials(rng, EVENTS, truth.events, options.events, options)
        self._previous = ""  # the last play of this file that a load keeps
        self._last_start = -1

    def write_day(self, folder: Path, date: datetime.date, day: Day) -> None:
        path = folder / f"{date:%Y}" / f"{date:%m}" / f"{date:%Y-%m-%d}-events.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._previous = ""
        day.keys.sort()
        layout = LAYOUTS[self._truth.options.shape]
        with path.open("xb") as file:
            if self._truth.options.dirty and date.toordinal() % 3 == 0:
                file.write(b"\xef\xbb\xbf")
                add_one(self._truth.events.oddities, "byte_order_mark")
            file.write(layout.opening.encode())
            for first in range(0, day.quota, _CHUNK):
                lines = self._render(day, day.keys[first : first + _CHUNK], midnight(date))
                text = layout.lay_out(lines, is_first=first == 0)
                file.write(text.encode("utf-8", "surrogateescape"))
                self._truth.progress()
            file.write(layout.closing.encode())
        self._truth.star["users"] = sum(self._seen)

    def _render(self, day: Day, keys: list[int], midnight: int) -> list[str]:
        """The lines of some events in order; adds them to the truth."""
        tracks, is_paid, seen, specials = self._tracks, self._is_paid, self._seen, self._specials
        sessions, owners, items, codes = day.sessions, day.owners, day.items, day.codes
        shift, mask = day.shift, (1 << day.shift) - 1
        kept: list[tuple[int, int, bool]] = []  # start, level and match of the plays that a load keeps
        lines: list[str] = []
        for position, key in enumerate(keys, self._truth.events.read):
            row = key & mask
            start = midnight + (key >> shift)
            session = sessions[owners[row]]
            code = codes[row]
            rank, person, session_id = session
            paid = is_paid[rank]
            if code >= pages.FIRST_SONG:
                artist, length, song, _ = tracks[code]
                # The text around the slots. Unpacked, because most of the time is spent here.
                a, b, c, d, e, f, g, h = person.play
                item, level = items[row], _LEVELS[paid]
                line = f"{a}{artist}{b}{item}{c}{length}{d}{level}{e}{session_id}{f}{song}{g}{start}{h}"
            else:
                line = self._render_page(session, items[row], code, start)
            plain = line
            if position == specials.position:
                line, is_loaded, is_play = specials.apply(line, self._previous)
                if not is_loaded:
                    lines.append(line)
                    continue
                if not is_play and code >= pages.FIRST_SONG:
                    code = pages.HOME
            lines.append(line)
            if code >= pages.FIRST_SONG:
                self._previous = plain
                kept.append((start, paid, tracks[code].is_matched))
                seen[rank] = 1
            elif code < pages.HOME_OUT:
                seen[rank] = 1
        self._truth.events.read += len(keys)
        self._count_plays(kept)
        return lines

    def _count_plays(self, plays: Sequence[tuple[int, int, bool]]) -> None:
        if not plays:
            return
        star = self._truth.star
        paid = sum(paid for _, paid, _ in plays)
        star["songplays"] += len(plays)
        star["paid"] += paid
        star["free"] += len(plays) - paid
        star["matched"] += sum(is_matched for _, _, is_matched in plays)
        # Plays are in order of time, so only the last one counted can have the same start as these.
        star["time"] += len({start for start, _, _ in plays}) - (plays[0][0] == self._last_start)
        self._last_start = plays[-1][0]

    def _render_page(self, session: Session, item: int, code: int, start: int) -> str:
        """The line of an event that is not a play. A submitted change of level takes effect with the next event."""
        rank, person, session_id = session
        paid = self._is_paid[rank]
        if self._is_submitted(code, paid):
            self._is_paid[rank] = not paid
            page, method, status = "Submit Downgrade" if paid else "Submit Upgrade", "PUT", 307
        elif code == pages.LEVEL:
            page, method, status = "Downgrade" if paid else "Upgrade", "GET", 200
        else:
            page, method, status = pages.REQUESTS.get(code, pages.REQUESTS[pages.SETTINGS])
        if pages.HOME_OUT <= code < pages.FIRST_SONG:
            auth, person = "Logged Out", NOBODY
        else:
            auth = "Cancelled" if code == pages.CANCELLED else "Logged In"
        a, b, c, d, e, f, g, h, i = person.page
        level = _LEVELS[paid]
        return f'{a}"{auth}"{b}{item}{c}{level}{d}"{method}"{e}"{page}"{f}{session_id}{g}{status}{h}{start}{i}'

    def _is_submitted(self, code: int, paid: int) -> bool:
        star = self._truth.star
        plays = max(1, star["songplays"])
        if code == pages.UPGRADE:
            return not paid and star["paid"] < _MOST_PAID * plays
        return code == pages.DOWNGRADE and bool(paid) and star["paid"] > _LEAST_PAID * plays
