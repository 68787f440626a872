"""Synthetic log and song data in the shape of the real ones, and a truth file of what a load of them must find.

Owns the generator and every fault it can plant. Must never read a clock, an environment variable or a set's order: the
same seed and options give the same bytes on every machine. For that reason randomness is taken as `random()` and
`getrandbits()` only, and floats meet nothing but the four basic operations, which IEEE 754 fixes to the last bit.
"""

import datetime
import json
import os
import re
from array import array
from bisect import bisect, bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import accumulate, cycle, repeat, zip_longest
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

from sparkify import vocabulary
from sparkify.errors import UsageError


@dataclass(frozen=True)
class SimulateOptions:
    """What to simulate. `events` and `songs` count all records written, planted faults included."""

    events: int = 50_000
    users: int = 200
    days: int = 30
    songs: int = 1_000
    start: datetime.date = datetime.date(2018, 11, 1)
    match_rate: float = 0.8  # share of plays whose song is in the catalogue
    dirty: float = 0.0  # share of the records of both datasets that are planted faults
    seed: int = 0


@dataclass(frozen=True)
class SimulateResult:
    """Where the data lies and how much of it there is. `faults` counts the planted ones by reason code."""

    log_data: Path
    song_data: Path
    truth: Path
    event_files: int
    song_files: int
    events: int
    songs: int
    faults: dict[str, int]


_DEFAULTS = SimulateOptions()


def simulate(
    directory: str | os.PathLike[str],
    options: SimulateOptions = _DEFAULTS,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> SimulateResult:
    """Write DIRECTORY/log_data, DIRECTORY/song_data and, last, DIRECTORY/truth.json.

    `on_progress` gets records written and records to write. Raises UsageError for impossible options, and when the
    folders hold data already; nothing is written then.
    """
    _check_options(options)
    root = Path(directory)
    log_data, song_data, truth_file = root / "log_data", root / "song_data", root / "truth.json"
    _claim_folders(log_data, song_data)
    truth = _Truth(options, on_progress)
    catalogue, taken = _build_catalogue(_stream(options, "catalogue"), options.songs)
    loaded = _write_songs(song_data, catalogue, truth)
    rng = _stream(options, "playlist")
    playlist = _Playlist(rng, loaded, _invent_strangers(rng, catalogue, taken), options.match_rate)
    users = _Users(_stream(options, "users"), options)
    event_files = _write_events(log_data, users, playlist, truth)
    truth_file.write_text(json.dumps(truth.as_json(), indent=2) + "\n", encoding="utf-8", newline="\n")
    return SimulateResult(
        log_data, song_data, truth_file, event_files, options.songs, options.events, options.songs, truth.count_faults()
    )


def _stream(options: SimulateOptions, purpose: str) -> Random:
    # Seeded by text, because Random(-1) and Random(1) are the same.
    return Random(f"{purpose} {options.seed}")


def _check_options(options: SimulateOptions) -> None:
    for name, least in (("events", 0), ("users", 1), ("days", 1), ("songs", 1)):
        if getattr(options, name) < least:
            raise UsageError(f"{name} must be at least {least}, not {getattr(options, name)}")
    for name in ("match_rate", "dirty"):
        if not 0 <= getattr(options, name) <= 1:
            raise UsageError(f"{name} must be between 0 and 1, not {getattr(options, name)}")
    # Beyond these dates a load would rightly reject every event.
    first, end = datetime.date(2000, 1, 1), datetime.date(2100, 1, 1)
    if options.start < first or options.start >= end or options.days > (end - options.start).days:
        raise UsageError(f"{options.days} days from {options.start} are not all from {first} up to {end}")


def _claim_folders(*folders: Path) -> None:
    for folder in folders:
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"{folder} already holds data: remove it, or simulate into another folder")
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot create the folder {folder}: {error.strerror}: choose another one") from error


# ---- What a load must find ----


@dataclass
class _Counts:
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


class _Truth:
    def __init__(self, options: SimulateOptions, on_progress: Callable[[int, int], None] | None) -> None:
        self.options = options
        self.events = _Counts()
        self.songs = _Counts()
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


# ---- Faults, which a load must reject, and oddities, which it must not ----


class _Dataset(NamedTuple):
    fields: dict[str, str]  # the keys in the contract's order, each with its kind
    required: tuple[str, ...]
    text_field: str  # where broken text goes
    dump: Callable[[Mapping[str, object]], str]
    prepare: Callable[[dict[str, object]], object]  # makes a record one that every fault can be planted in
    oddities: dict[str, Callable[[str], str]]


_A_PLAY = {
    "artist": "The Idle Otters", "auth": "Logged In", "length": 213.5, "method": "PUT", "page": "NextSong",
    "song": "Slow Train", "status": 200, "userId": "1",
}  # fmt: skip


def _dump_event(record: Mapping[str, object]) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")


def _make_play(record: dict[str, object]) -> None:
    if record["page"] != "NextSong":
        record.update(_A_PLAY)


_EVENTS = _Dataset(
    fields={
        "artist": "text", "auth": "text", "firstName": "text", "gender": "text", "itemInSession": "whole",
        "lastName": "text", "length": "decimal", "level": "text", "location": "text", "method": "text", "page": "text",
        "registration": "whole", "sessionId": "whole", "song": "text", "status": "whole", "ts": "whole",
        "userAgent": "text", "userId": "whole",
    },
    required=("ts", "page", "sessionId", "itemInSession", "userId", "song", "artist"),
    text_field="song",
    dump=_dump_event,
    prepare=_make_play,
    oddities={
        "extra_key": lambda line: line[:-1] + ',"device":{"type":"speaker"}}',
        "carriage_return": lambda line: line + "\r",
        "blank_line": lambda line: line + "\n",
        "ts_text": lambda line: re.sub(r'"ts":(\d+)', r'"ts":"\1"', line),
        "ts_decimal": lambda line: re.sub(r'"ts":(\d+)', r'"ts":\1.0', line),
        "twice": lambda line: line,
        "user_id_number": lambda line: re.sub(r'"userId":"(\d+)"', r'"userId":\1', line),
        "numbers_as_text": lambda line: re.sub(r'"(sessionId|itemInSession|status)":(\d+)', r'"\1":"\2"', line),
        "other_key_order": lambda line: json.dumps(dict(reversed(json.loads(line).items()))),
        "nested_known_key": lambda line: '{"context":{"page":"NextSong","ts":"none"},' + line[1:],
        "blank_line_with_carriage_return": lambda line: "  " + line + "\r\n\r",
    },
)  # fmt: skip
_SONGS = _Dataset(
    fields={
        "num_songs": "whole", "artist_id": "text", "artist_latitude": "decimal", "artist_longitude": "decimal",
        "artist_location": "text", "artist_name": "text", "song_id": "text", "title": "text", "duration": "decimal",
        "year": "whole",
    },
    required=("song_id", "title", "artist_id", "artist_name"),
    text_field="title",
    dump=json.dumps,
    prepare=lambda record: None,
    oddities={
        "extra_key": lambda line: line[:-1] + ', "genre": ["pop"]}',
        "line_feed": lambda line: line + "\n",
        "carriage_return": lambda line: line + "\r\n",
        "byte_order_mark": lambda line: "\ufeff" + line,
        "twice": lambda line: line,
        "year_text": lambda line: re.sub(r'"year": (\d+)', r'"year": "\1"', line),
        "num_songs_decimal": lambda line: line.replace('"num_songs": 1', '"num_songs": 1.0'),
        "blank_line": lambda line: "\n\r\n" + line + "\n\n",
    },
)  # fmt: skip

_Spoil = Callable[[dict[str, object]], bytes]


def _list_faults(dataset: _Dataset) -> list[tuple[str, _Spoil]]:
    """Every fault with its reason code, in the order of planting: first one of each code, from all rules in turn."""
    codes = [entry for group in zip_longest(*_list_rules(dataset)) for entry in group if entry]
    variants = max(len(spoils) for _, spoils in codes)
    return [(code, spoils[variant]) for variant in range(variants) for code, spoils in codes if variant < len(spoils)]


def _list_rules(dataset: _Dataset) -> list[list[tuple[str, list[_Spoil]]]]:
    """Each rule's codes, each code with all ways to break it."""
    texts = [name for name, kind in dataset.fields.items() if kind == "text"]
    wholes = [name for name, kind in dataset.fields.items() if kind == "whole"]
    values = [_spoil_field(dataset, dataset.text_field, raw) for raw in vocabulary.NOT_JSON_VALUES]
    lines = [_spoil_line(dataset, cut, suffix) for cut, suffix in vocabulary.NOT_JSON_LINES]
    ranges = vocabulary.OUT_OF_RANGE
    return [
        [("bad_encoding", [_spoil_field(dataset, dataset.text_field, raw) for raw in vocabulary.BAD_UTF8])],
        [("not_json", [spoil for pair in zip_longest(values, lines) for spoil in pair if spoil])],
        [("not_object", [_spoil_line(dataset, 0, raw) for raw in vocabulary.NOT_OBJECTS])],
        [_spoil_values(dataset, "bad_type", name, vocabulary.BAD_TYPES[kind]) for name, kind in dataset.fields.items()],
        [_spoil_values(dataset, "out_of_range", name, ranges.get(name, ranges[""])) for name in wholes],
        [_spoil_values(dataset, "too_long", name, vocabulary.TOO_LONG) for name in texts],
        [_spoil_values(dataset, "nul_character", name, vocabulary.NUL_CHARACTERS) for name in texts],
        [(f"missing:{name}", [_spoil_field(dataset, name, raw) for raw in vocabulary.MISSING])
         for name in dataset.fields if name in dataset.required],
    ]  # fmt: skip


def _spoil_values(dataset: _Dataset, rule: str, name: str, raws: Sequence[bytes]) -> tuple[str, list[_Spoil]]:
    spoils = [_spoil_field(dataset, name, raw) for raw in raws]
    # Once more with a required field missing as well: the earlier rule has to give the reason.
    other = next(required for required in dataset.required if required != name)
    return f"{rule}:{name}", [*spoils, _spoil_field(dataset, name, raws[0], also_missing=other)]


def _spoil_field(dataset: _Dataset, name: str, raw: bytes | None, *, also_missing: str | None = None) -> _Spoil:
    def spoil(record: dict[str, object]) -> bytes:
        if also_missing:
            record[also_missing] = None
        if raw is None:
            del record[name]
            return dataset.dump(record).encode()
        record[name] = "<spoiled>"
        return dataset.dump(record).encode().replace(b'"<spoiled>"', raw)

    return spoil


def _spoil_line(dataset: _Dataset, cut: int | None, suffix: bytes) -> _Spoil:
    return lambda record: dataset.dump(record).encode()[:cut] + suffix


class _Specials:
    """Which records become faults or oddities, and what becomes of them."""

    def __init__(self, rng: Random, dataset: _Dataset, counts: _Counts, total: int, dirty: float) -> None:
        self._dataset = dataset
        self._counts = counts
        self._faults = cycle(_list_faults(dataset))
        self._oddities = cycle(dataset.oddities.items())
        self._plan = _plan_specials(rng, total, dirty, len(dataset.oddities))
        self.position, self._is_fault = next(self._plan, (-1, False))  # of the next special record

    def apply(self, line: str, previous: str) -> tuple[str, bool]:
        """The text to write for the record at `position`, and whether the record still stands for itself.

        `previous` is an earlier record that may be delivered again in this one's place, or empty. Bytes that are not
        UTF-8 come as surrogate escapes.
        """
        is_fault = self._is_fault
        self.position, self._is_fault = next(self._plan, (-1, False))
        if is_fault:
            code, spoil = next(self._faults)
            record = json.loads(line)
            self._dataset.prepare(record)
            _add_one(self._counts.reasons, code)
            return spoil(record).decode("utf-8", "surrogateescape"), False
        name, alter = next(self._oddities)
        if name == "twice" and not previous:
            return line, True
        _add_one(self._counts.oddities, name)
        return (previous, False) if name == "twice" else (alter(line), True)


def _plan_specials(rng: Random, total: int, dirty: float, kinds: int) -> Iterator[tuple[int, bool]]:
    """Positions in ascending order, evenly spread, each with whether it is a fault."""
    if dirty == 0 or total == 0:
        return
    faults = min(total, max(1, int(total * dirty + 0.5)))
    count = faults + min(total - faults, max(kinds, faults // 2))
    for number in range(count):
        first, end = number * total // count, (number + 1) * total // count
        yield first + int(rng.random() * (end - first)), (number + 1) * faults // count > number * faults // count


def _add_one(counts: dict[str, int], key: str) -> None:
    counts[key] = counts.get(key, 0) + 1


# ---- Catalogue ----


class _Artist(NamedTuple):
    artist_id: str
    name: str
    location: str
    coordinates: tuple[str, str]


class _Song(NamedTuple):
    song_id: str
    title: str
    artist: _Artist
    artist_name: str  # as recorded with this song
    length: int  # in units of 10 µs: durations have five decimals
    year: int


_NOWHERE = ("null", "null")
_Pair = tuple[str, str]  # a title and an artist's name


_T = TypeVar("_T")


def _pick(rng: Random, items: Sequence[_T]) -> _T:
    return items[int(rng.random() * len(items))]


def _fill(rng: Random, templates: Sequence[str]) -> str:
    return re.sub(r"<(\w+)>", lambda word: _pick(rng, vocabulary.WORDS[word[1]]), _pick(rng, templates))


def _identify(rng: Random, prefix: str, marker: str, number: int) -> str:
    """An identifier in the style of the Million Song Dataset, distinct for distinct numbers below 2^32."""
    letters = "".join(chr(65 + int(rng.random() * 26)) for _ in range(5))
    return f"{prefix}{letters}{marker}{number * 2_654_435_761 & 0xFFFFFFFF:08X}"


def _invent_artist(rng: Random, number: int) -> _Artist:
    name = _fill(rng, vocabulary.ARTIST_TEMPLATES)
    place, latitude, longitude = _pick(rng, vocabulary.PLACES)
    return _Artist(
        _identify(rng, "AR", "118", number),
        name,
        place if rng.random() < 0.6 else "",
        (latitude, longitude) if rng.random() < 0.45 else _NOWHERE,
    )


def _invent_title(rng: Random, artist_name: str, taken: set[_Pair]) -> str:
    title = base = _fill(rng, vocabulary.TITLE_TEMPLATES)
    while (title, artist_name) in taken:
        title = f"{base}, No. {1 + int(rng.random() * (len(taken) + 9))}"
    taken.add((title, artist_name))
    return title


def _invent_length(rng: Random) -> int:
    seconds = 90 + 150 * (rng.random() + rng.random())
    return int(100_000 * (seconds * 3 if rng.random() < 0.02 else seconds))


def _build_catalogue(rng: Random, count: int) -> tuple[list[_Song], set[_Pair]]:
    """`count` recordings, and the titles and artists' names they use."""
    artists = [_invent_artist(rng, number) for number in range(count * 2 // 3 + 1)]
    songs: list[_Song] = []
    taken: set[_Pair] = set()
    for number in range(count):
        roll, depth = rng.random(), rng.random()
        known = _pick(rng, songs) if songs else None
        if known and roll < 0.03:  # the same title by the same artist, recorded twice: only its length tells which
            song = known._replace(song_id=_identify(rng, "SO", "12A", number), length=_invent_length(rng))
        elif known and roll < 0.05:  # one song, recorded under another name of its artist
            song = known._replace(artist_name=f"{known.artist.name} feat. {_pick(rng, artists).name}")
        else:
            song = _invent_song(rng, number, artists[int(depth * depth * len(artists))], artists, taken)
        taken.add((song.title, song.artist_name))
        songs.append(song)
    return songs, taken


def _invent_song(rng: Random, number: int, artist: _Artist, artists: Sequence[_Artist], taken: set[_Pair]) -> _Song:
    name = artist.name if rng.random() < 0.9 else f"{artist.name} feat. {_pick(rng, artists).name}"
    return _Song(
        song_id=_identify(rng, "SO", "12A", number),
        title=_invent_title(rng, name, taken),
        artist=artist if rng.random() < 0.9 else artist._replace(coordinates=_NOWHERE),
        artist_name=name,
        length=_invent_length(rng),
        year=0 if rng.random() < 0.6 else 2010 - int(rng.random() * rng.random() * 55),
    )


def _invent_strangers(rng: Random, catalogue: Sequence[_Song], taken: set[_Pair]) -> list[tuple[_Pair, int]]:
    """Songs that are played but not in the catalogue, with their lengths. Some differ from one that is by case only."""
    strangers: list[tuple[_Pair, int]] = []
    name = ""
    for number in range(max(100, min(len(catalogue), 20_000))):
        known = _pick(rng, catalogue)
        shouted = (known.title.upper(), known.artist_name)
        if rng.random() < 0.05 and shouted not in taken:
            taken.add(shouted)
            strangers.append((shouted, known.length))
            continue
        if number % 3 == 0 or not name:
            name = _fill(rng, vocabulary.ARTIST_TEMPLATES)
        strangers.append(((_invent_title(rng, name, taken), name), _invent_length(rng)))
    return strangers


def _render_length(length: int) -> str:
    return f"{length // 100_000}.{length % 100_000:05d}".rstrip("0").removesuffix(".") or "0"


def _render_song(song: _Song, *, escaped: bool) -> str:
    def quote(text: str) -> str:
        return json.dumps(text, ensure_ascii=escaped)

    artist = song.artist
    latitude, longitude = artist.coordinates
    return (
        f'{{"num_songs": 1, "artist_id": "{artist.artist_id}", "artist_latitude": {latitude}, '
        f'"artist_longitude": {longitude}, "artist_location": {quote(artist.location)}, '
        f'"artist_name": {quote(song.artist_name)}, "song_id": "{song.song_id}", "title": {quote(song.title)}, '
        f'"duration": {_render_length(song.length)}, "year": {song.year}}}'
    )


def _write_songs(folder: Path, songs: Sequence[_Song], truth: _Truth) -> list[_Song]:
    """Write a file for each song and return the songs that a load keeps."""
    rng = _stream(truth.options, "song files")
    counts = truth.songs
    specials = _Specials(rng, _SONGS, counts, len(songs), truth.options.dirty)
    loaded: list[_Song] = []
    previous = ""
    made: set[str] = set()
    for number, song in enumerate(songs):
        text = plain = _render_song(song, escaped=rng.random() < 0.7)
        stands = True
        if number == specials.position:
            text, stands = specials.apply(plain, previous)
        if stands:
            previous = plain
            loaded.append(song)
        _write_song_file(folder, _identify_track(rng, number), text, made)
        counts.read += 1
        if counts.read % 1000 == 0:
            truth.progress()
    truth.star["songs"] = len({song.song_id for song in loaded})
    truth.star["artists"] = len({song.artist.artist_id for song in loaded})
    return loaded


def _identify_track(rng: Random, number: int) -> str:
    # The third letter is the first folder: the real dataset keeps some 15,000 songs in each.
    return f"TR{chr(65 + number // 15_000 % 26)}{_identify(rng, '', '128', number)[1:]}"


def _write_song_file(folder: Path, track: str, text: str, made: set[str]) -> None:
    parent = f"{folder}/{track[2]}/{track[3]}/{track[4]}"
    if parent not in made:
        Path(parent).mkdir(parents=True)
        made.add(parent)
    # Unbuffered, and no Path: at 15,000 files they would cost more than the writing.
    with open(f"{parent}/{track}.json", "xb", buffering=0) as file:  # noqa: PTH123
        file.write(text.encode("utf-8", "surrogateescape"))


# ---- What is played, and by whom ----

# Codes of what a session can contain. Those up to _RELOGIN come between plays, the songs' codes follow the last page's.
(_HOME, _SETTINGS, _HELP, _ABOUT, _SAVE, _ERROR, _LEVEL, _UPGRADE, _DOWNGRADE, _RELOGIN, _LOGOUT, _CANCEL, _CANCELLED,
 _HOME_OUT, _LOGIN_OUT, _HELP_OUT, _ABOUT_OUT, _FIRST_SONG) = range(18)  # fmt: skip
# How many there are for each play.
_PAGE_RATES = (0.025, 0.006, 0.006, 0.003, 0.0015, 0.0013, 0.011, 0.0024, 0.0006, 0.006)
_PAID_SHARE = 0.82
# While the share of paid plays is outside, nobody submits what would take it farther away: one busy user's change of
# mind would otherwise show in every number.
_LEAST_PAID, _MOST_PAID = 0.74, 0.82
_CHAINS = {
    _SAVE: (_SETTINGS, _SAVE),
    _UPGRADE: (_LEVEL, _UPGRADE, _HOME),
    _DOWNGRADE: (_LEVEL, _DOWNGRADE, _HOME),
    _RELOGIN: (_LOGOUT, _HOME_OUT, _LOGIN_OUT, _HOME),
}
_PAGES = {
    _HOME: ("Home", "GET", 200),
    _SETTINGS: ("Settings", "GET", 200),
    _HELP: ("Help", "GET", 200),
    _ABOUT: ("About", "GET", 200),
    _SAVE: ("Save Settings", "PUT", 307),
    _ERROR: ("Error", "GET", 404),
    _LOGOUT: ("Logout", "PUT", 307),
    _CANCEL: ("Cancel", "PUT", 307),
    _CANCELLED: ("Cancellation Confirmation", "GET", 200),
    _HOME_OUT: ("Home", "GET", 200),
    _LOGIN_OUT: ("Login", "PUT", 307),
    _HELP_OUT: ("Help", "GET", 200),
    _ABOUT_OUT: ("About", "GET", 200),
}


def _quote(text: str, *, escaped: bool = False) -> str:
    return json.dumps(text, ensure_ascii=escaped).replace("/", "\\/")


class _Track(NamedTuple):
    """A song's share of the text of a play, in the order of the text."""

    head: str
    length: str
    tail: str
    is_matched: bool


class _Playlist:
    """Draws what comes next in a session. Few songs make most of the plays."""

    def __init__(
        self, rng: Random, catalogue: Sequence[_Song], strangers: Sequence[tuple[_Pair, int]], match_rate: float
    ) -> None:
        known = [((song.title, song.artist_name), song.length) for song in catalogue]
        self.tracks = [_Track("", "", "", False)] * _FIRST_SONG
        self.durations = [0] * _FIRST_SONG  # in milliseconds
        weights = [*_PAGE_RATES, *repeat(0.0, _FIRST_SONG - len(_PAGE_RATES))]
        matched = match_rate if known else 0.0
        for songs, share, is_matched in ((known, matched, True), (strangers, 1 - matched, False)):
            if share > 0:
                weights += _share_out(share, len(songs))
                for pair, length in songs:
                    self._add_track(rng, pair, length, is_matched)
        self.cumulative = list(accumulate(weights))

    def _add_track(self, rng: Random, pair: _Pair, length: int, is_matched: bool) -> None:
        title, artist = pair
        escaped = rng.random() < 0.3
        # The player's clock and the catalogue's do not always agree.
        logged = length if rng.random() < 0.8 else length + int((rng.random() - 0.5) * 100_000)
        self.tracks.append(
            _Track(
                f'{{"artist":{_quote(artist, escaped=escaped)},"auth":"Logged In"',
                _render_length(logged),
                f',"song":{_quote(title, escaped=escaped)},"status":200,"ts":',
                is_matched,
            )
        )
        self.durations.append(logged // 100)


def _share_out(share: float, count: int) -> list[float]:
    weights = [1 / (rank + 25) for rank in range(count)]
    # Not sum(): it rounds otherwise from Python 3.12 on.
    total = list(accumulate(weights))[-1]
    return [weight * share / total for weight in weights]


class _Person(NamedTuple):
    """A user's share of the text of an event, in the order of the text."""

    names: str
    surname: str
    plays: tuple[str, str]  # free, paid
    places: tuple[str, str]  # free, paid
    registration: str
    agent: str


class _Users:
    """Everyone by rank, the most active first."""

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
        self._opening = _midnight(options.start)

    def _weigh(self, count: int) -> Iterator[float]:
        weights = [1 / (rank + 20) for rank in range(count)]
        totals = [0.0, 0.0]
        for rank, weight in enumerate(weights):
            totals[self.is_paid[rank]] += weight
        boost = _PAID_SHARE / (1 - _PAID_SHARE) * totals[0] / totals[1] if totals[1] else 1.0
        return (weight * boost if self.is_paid[rank] else weight for rank, weight in enumerate(weights))

    def render(self, rank: int) -> _Person:
        traits = self._traits[rank]

        def choose(items: Sequence[str]) -> str:
            nonlocal traits
            traits, index = divmod(traits, len(items))
            return items[index]

        gender = choose("FFM")
        first_name = choose(vocabulary.WOMEN if gender == "F" else vocabulary.MEN)
        last_name = choose(vocabulary.SURNAME_STEMS) + choose(vocabulary.SURNAME_ENDINGS)
        location, agent = choose(vocabulary.METROS), choose(vocabulary.AGENTS)
        registered = self._opening - 1 - traits % (120 * _DAY)
        registration = f',"registration":{registered}.0,"sessionId":'
        free, paid = (f',"level":"{level}","location":{_quote(location)},' for level in ("free", "paid"))
        play = f'"method":"PUT","page":"NextSong"{registration}'
        return _Person(
            f',"firstName":{_quote(first_name)},"gender":"{gender}","itemInSession":',
            f',"lastName":{_quote(last_name)},"length":',
            (free + play, paid + play),
            (free, paid),
            registration,
            f',"userAgent":{_quote(agent)},"userId":"{self._ids[rank]}"}}',
        )


# ---- Sessions ----

_DAY = 86_400_000  # milliseconds
_HOURS = [hour for hour, weight in enumerate(vocabulary.HOUR_WEIGHTS) for _ in range(weight)]


def _midnight(date: datetime.date) -> int:
    return (date - datetime.date(1970, 1, 1)).days * _DAY


class _Session(NamedTuple):
    rank: int  # of its user
    person: _Person
    session_id: str


class _Day:
    """The events of one UTC day, as numbers: the text of a busy day would not fit into memory.

    A key is an event's time since midnight, shifted left, plus its row. So sorting plain integers sorts the events.
    """

    def __init__(self, quota: int) -> None:
        self.quota = quota
        self.shift = quota.bit_length()
        self.keys: list[int] = []
        self.sessions: list[_Session] = []
        self.owners = array("I")  # of each row: where its session stands in `sessions`
        self.items = array("I")
        self.codes = array("I")

    @property
    def room(self) -> int:
        return self.quota - len(self.keys)

    def add(self, session: _Session, first_item: int, codes: Sequence[int], times: Sequence[int]) -> None:
        shift = self.shift
        self.keys += [(time << shift) + row for row, time in enumerate(times, len(self.keys))]
        self.owners.extend(repeat(len(self.sessions), len(codes)))
        self.items.extend(range(first_item, first_item + len(codes)))
        self.codes.extend(codes)
        self.sessions.append(session)


class _Sessions:
    """Fills day after day with sessions. What runs past midnight is carried into the next day."""

    def __init__(self, users: _Users, playlist: _Playlist, options: SimulateOptions) -> None:
        rng = _stream(options, "sessions")
        self._rng = rng
        self._users = users
        self._playlist = playlist
        self._last_id = 0
        self._persons: dict[int, _Person] = {}
        self._busy: dict[int, list[tuple[int, int]]] = {}
        self._carried: list[tuple[_Session, int, list[int], list[int]]] = []
        self._leavers: dict[int, list[int]] = {}
        count = len(users.is_gone)
        for _ in range(min(count // 50, options.events // 2_000)):  # who cancels: none of the most active
            rank = count // 4 + int(rng.random() * (count - count // 4))
            self._leavers.setdefault(int(rng.random() * options.days), []).append(rank)

    def fill(self, number: int, quota: int) -> _Day:
        day = _Day(quota)
        self._persons.clear()
        self._busy = {
            rank: late for rank, spans in self._busy.items() if (late := [(0, e - _DAY) for _, e in spans if e > _DAY])
        }
        carried, self._carried = self._carried, []
        for session, first_item, codes, times in carried:
            self._add(day, session, first_item, codes, times)
        for rank in self._leavers.get(number, ()):
            if day.room and not self._users.is_gone[rank]:
                codes, offsets, _ = self._compose(leaving=True)
                start = max([int(self._rng.random() * _DAY), *(end + 1 for _, end in self._busy.get(rank, ()))])
                self._open(day, rank, codes, [start + offset for offset in offsets])
            self._users.is_gone[rank] = True
        while day.room:
            codes, offsets, duration = self._compose()
            rank, start = self._pick_slot(duration)
            self._open(day, rank, codes, [start + offset for offset in offsets])
        return day

    def _open(self, day: _Day, rank: int, codes: list[int], times: list[int]) -> None:
        person = self._persons.get(rank)
        if person is None:
            person = self._persons[rank] = self._users.render(rank)
        self._last_id += 1 + self._rng.getrandbits(1)
        self._add(day, _Session(rank, person, str(self._last_id)), 0, codes, times)

    def _add(self, day: _Day, session: _Session, first_item: int, codes: list[int], times: list[int]) -> None:
        inside = bisect_left(times, _DAY)
        kept = min(inside, day.room)
        day.add(session, first_item, codes[:kept], times[:kept])
        if kept == inside < len(codes):
            later = [time - _DAY for time in times[inside:]]
            self._carried.append((session, first_item + inside, codes[inside:], later))

    def _pick_slot(self, duration: int) -> tuple[int, int]:
        """Who starts a session and when: if possible, while no other session of the same user runs."""
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
            # With more events than the users' days can hold, sessions do overlap.
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
            if code < _FIRST_SONG:
                at = self._visit(codes, offsets, at, _CHAINS.get(code, (code,)))
            else:
                codes.append(code)
                offsets.append(at)
                at += durations[code]
                plays -= 1
        at = self._visit(codes, offsets, at, closing)
        return codes, offsets, at

    def _outline(self, leaving: bool) -> tuple[Sequence[int], int, Sequence[int]]:
        """The pages a session opens with, its number of plays, and the pages it ends with."""
        roll, plays = self._rng.random(), _pick(self._rng, vocabulary.SESSION_PLAYS)
        if leaving:
            return (_HOME,), plays, (_SETTINGS, _CANCEL, _CANCELLED)
        if roll < 0.07:  # somebody only looks at the front page
            return (_HOME_OUT,), 0, ((), (_HELP_OUT,), (), (_ABOUT_OUT,))[self._rng.getrandbits(2)]
        opening = (_LOGIN_OUT, _HOME) if roll < 0.1 else (_HOME,) if roll < 0.4 or not plays else ()
        end = self._rng.random()
        return opening, plays, (_LOGOUT, _HOME_OUT) if end < 0.02 else (_LOGOUT,) if end < 0.05 else ()

    def _visit(self, codes: list[int], offsets: list[int], at: int, pages: Sequence[int]) -> int:
        for page in pages:
            codes.append(page)
            offsets.append(at)
            at += 1000 + int(self._rng.random() * 59_000)
        return at


# ---- Log files ----

_CHUNK = 8192  # events rendered at once


def _write_events(folder: Path, users: _Users, playlist: _Playlist, truth: _Truth) -> int:
    """Write a file for each day that has events and return how many there are."""
    options = truth.options
    sessions = _Sessions(users, playlist, options)
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
    def __init__(self, users: _Users, playlist: _Playlist, truth: _Truth) -> None:
        options = truth.options
        self._is_paid = users.is_paid
        self._tracks = playlist.tracks
        self._truth = truth
        self._seen = bytearray(options.users)
        self._specials = _Specials(_stream(options, "log files"), _EVENTS, truth.events, options.events, options.dirty)
        self._previous = ""  # the last play of the file that a load keeps
        self._last_start = -1

    def write_day(self, folder: Path, date: datetime.date, day: _Day) -> None:
        path = folder / f"{date:%Y}" / f"{date:%m}" / f"{date:%Y-%m-%d}-events.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._previous = ""
        day.keys.sort()
        with path.open("xb") as file:
            if self._truth.options.dirty and date.toordinal() % 3 == 0:
                file.write(b"\xef\xbb\xbf")
                _add_one(self._truth.events.oddities, "byte_order_mark")
            for first in range(0, day.quota, _CHUNK):
                lines = self._render(day, day.keys[first : first + _CHUNK], _midnight(date))
                text = "\n".join(lines if first == 0 else ["", *lines])
                file.write(text.encode("utf-8", "surrogateescape"))
                self._truth.progress()
        self._truth.star["users"] = sum(self._seen)

    def _render(self, day: _Day, keys: list[int], midnight: int) -> list[str]:
        """The lines of some events in order, counted into the truth."""
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
            if code >= _FIRST_SONG:
                names, surname, plays, _, _, agent = person
                head, length, tail, _ = tracks[code]
                line = f"{head}{names}{items[row]}{surname}{length}{plays[paid]}{session_id}{tail}{start}{agent}"
            else:
                line = self._render_page(session, items[row], code, start)
            plain = line
            if position == specials.position:
                line, stands = specials.apply(line, self._previous)
                if not stands:
                    lines.append(line)
                    continue
            lines.append(line)
            if code >= _FIRST_SONG:
                self._previous = plain
                kept.append((start, paid, tracks[code].is_matched))
                seen[rank] = 1
            elif code < _HOME_OUT:
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
        # Plays come in order of time, so that only the last one counted can share its start with these.
        star["time"] += len({start for start, _, _ in plays}) - (plays[0][0] == self._last_start)
        self._last_start = plays[-1][0]

    def _render_page(self, session: _Session, item: int, code: int, start: int) -> str:
        """The line of an event that is no play. A submitted upgrade or downgrade holds from the next event on."""
        rank, person, session_id = session
        paid = self._is_paid[rank]
        if self._is_submitted(code, paid):
            self._is_paid[rank] = not paid
            page, method, status = "Submit Downgrade" if paid else "Submit Upgrade", "PUT", 307
        elif code == _LEVEL:
            page, method, status = "Downgrade" if paid else "Upgrade", "GET", 200
        else:
            page, method, status = _PAGES.get(code, _PAGES[_SETTINGS])
        if _HOME_OUT <= code < _FIRST_SONG:
            return (
                f'{{"artist":null,"auth":"Logged Out","firstName":null,"gender":null,"itemInSession":{item},'
                f'"lastName":null,"length":null,"level":"{"paid" if paid else "free"}","location":null,'
                f'"method":"{method}","page":"{page}","registration":null,"sessionId":{session_id},"song":null,'
                f'"status":{status},"ts":{start},"userAgent":null,"userId":""}}'
            )
        auth = "Cancelled" if code == _CANCELLED else "Logged In"
        return (
            f'{{"artist":null,"auth":"{auth}"{person.names}{item}{person.surname}null{person.places[paid]}'
            f'"method":"{method}","page":"{page}"{person.registration}{session_id},"song":null,'
            f'"status":{status},"ts":{start}{person.agent}'
        )

    def _is_submitted(self, code: int, paid: int) -> bool:
        star = self._truth.star
        plays = max(1, star["songplays"])
        if code == _UPGRADE:
            return not paid and star["paid"] < _MOST_PAID * plays
        return code == _DOWNGRADE and bool(paid) and star["paid"] > _LEAST_PAID * plays
