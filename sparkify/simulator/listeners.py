"""The users, and the songs that they play.

It decides how often each is drawn, and makes its part of the text of an event.
"""

from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate, repeat
from random import Random
from typing import NamedTuple

from sparkify.simulator import pages, vocabulary
from sparkify.simulator.catalogue import Pair, Song, render_length
from sparkify.simulator.options import DAY, SimulateOptions, midnight
from sparkify.simulator.text import cut_record, quote
from sparkify.validation.fields import FIELDS
from sparkify.validation.texts import normalize_text

_PAID_SHARE = 0.82
# A song of similar texts is a play's song if their lengths differ by at most 10 s, in units of 10 µs.
_NEAR = 1_000_000


class _Track(NamedTuple):
    """A song's parts of the text of a play, as JSON."""

    artist: str
    length: str
    song: str
    is_matched: bool


class Playlist:
    """Draws what comes next in a session. A few songs get most of the plays."""

    def __init__(
        self, rng: Random, catalogue: Sequence[Song], strangers: Sequence[tuple[Pair, int]], match_rate: float
    ) -> None:
        known = [((song.title, song.artist_name), song.length) for song in catalogue]
        self.tracks = [_Track("", "", "", False)] * pages.FIRST_SONG
        self.durations = [0] * pages.FIRST_SONG  # in milliseconds
        weights = [*pages.RATES, *repeat(0.0, pages.FIRST_SONG - len(pages.RATES))]
        self._similar: dict[tuple[str | None, str | None], list[int]] = {}
        for pair, length in known:
            self._similar.setdefault(_normalize(pair), []).append(length)
        matched = match_rate if known else 0.0
        for songs, share in ((known, matched), (strangers, 1 - matched)):
            if share > 0:
                weights += _share_out(share, len(songs))
                for pair, length in songs:
                    self._add_track(rng, pair, length, songs is known)
        self.cumulative = list(accumulate(weights))

    def _add_track(self, rng: Random, pair: Pair, length: int, is_known: bool) -> None:
        title, artist = pair
        escaped = rng.random() < 0.3
        # The length in the log and in the catalogue are not always equal.
        logged = length if rng.random() < 0.8 else length + int((rng.random() - 0.5) * 100_000)
        self.tracks.append(
            _Track(
                quote("events", artist, escaped=escaped),
                render_length(logged),
                quote("events", title, escaped=escaped),
                is_known or any(abs(logged - other) <= _NEAR for other in self._similar.get(_normalize(pair), ())),
            )
        )
        self.durations.append(logged // 100)


def _normalize(pair: Pair) -> tuple[str | None, str | None]:
    """A title and an artist's name, by which a load finds songs whose texts are similar."""
    title, artist = pair
    return normalize_text(title), normalize_text(artist)


def _share_out(share: float, count: int) -> list[float]:
    weights = [1 / (rank + 25) for rank in range(count)]
    # Not sum(): it rounds differently since Python 3.12.
    total = list(accumulate(weights))[-1]
    return [weight * share / total for weight in weights]


# The fields that differ between events of one user, for plays and for other events.
_PLAY_SLOTS = ("artist", "itemInSession", "length", "level", "sessionId", "song", "ts")
_PAGE_SLOTS = ("auth", "itemInSession", "level", "method", "page", "sessionId", "status", "ts")
_NULLS = {field.name: "null" for field in FIELDS["events"]}


class Person(NamedTuple):
    """A user's parts of the text of an event: the text around the slots."""

    play: tuple[str, ...]
    page: tuple[str, ...]


# A user who is logged out.
NOBODY = Person((), cut_record("events", _NULLS | {"userId": '""'}, _PAGE_SLOTS))


class Users:
    """The users by rank, the most active first."""

    def __init__(self, rng: Random, options: SimulateOptions) -> None:
        count = options.users
        self._ids = array("I", range(1, count + 1))
        for last in range(count - 1, 0, -1):
            other = int(rng.random() * (last + 1))
            self._ids[last], self._ids[other] = self._ids[other], self._ids[last]
        self._traits = array("Q", (rng.getrandbits(64) for _ in range(count)))
        self.is_paid = bytearray(rank % 4 == 1 for rank in range(count))
        self.is_gone = bytearray(count)
        self.cumulative = array("d", accumulate(self._weigh(count)))
        self._opening = midnight(options.start)

    def _weigh(self, count: int) -> Iterator[float]:
        weights = [1 / (rank + 20) for rank in range(count)]
        totals = [0.0, 0.0]
        for rank, weight in enumerate(weights):
            totals[self.is_paid[rank]] += weight
        boost = _PAID_SHARE / (1 - _PAID_SHARE) * totals[0] / totals[1] if totals[1] else 1.0
        return (weight * boost if self.is_paid[rank] else weight for rank, weight in enumerate(weights))

    def render(self, rank: int) -> Person:
        traits = self._traits[rank]

        def choose(items: Sequence[str]) -> str:
            nonlocal traits
            traits, index = divmod(traits, len(items))
            return items[index]

        gender = choose("FFM")
        first_name = choose(vocabulary.WOMEN if gender == "F" else vocabulary.MEN)
        last_name = choose(vocabulary.SURNAME_STEMS) + choose(vocabulary.SURNAME_ENDINGS)
        location, agent = choose(vocabulary.METROS), choose(vocabulary.AGENTS)
        registered = self._opening - 1 - traits % (120 * DAY)
        page = _NULLS | {
            "firstName": quote("events", first_name),
            "gender": quote("events", gender),
            "lastName": quote("events", last_name),
            "location": quote("events", location),
            "registration": f"{registered}.0",
            "userAgent": quote("events", agent),
            "userId": quote("events", str(self._ids[rank])),
        }
        play = page | {"auth": '"Logged In"', "method": '"PUT"', "page": '"NextSong"', "status": "200"}
        return Person(cut_record("events", play, _PLAY_SLOTS), cut_record("events", page, _PAGE_SLOTS))
