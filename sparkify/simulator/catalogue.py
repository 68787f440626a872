"""The songs of the catalogue, and their files.

It invents artists, titles and recordings with the traps of the real catalogue, also songs that are played but have no
file, and writes the song files.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from sparkify.simulator import vocabulary
from sparkify.simulator.faults import SONGS, Specials
from sparkify.simulator.sampling import pick, stream
from sparkify.simulator.shapes import LAYOUTS
from sparkify.simulator.text import quote, render_record
from sparkify.simulator.truth import Truth

_NOWHERE = ("null", "null")
Pair = tuple[str, str]  # a title and an artist's name


class _Artist(NamedTuple):
    artist_id: str
    name: str
    location: str
    coordinates: tuple[str, str]


class Song(NamedTuple):
    song_id: str
    title: str
    artist: _Artist
    artist_name: str  # as recorded with this song
    length: int  # in units of 10 µs: durations have five decimals
    year: int


def _fill(rng: Random, templates: Sequence[str]) -> str:
    return re.sub(r"<(\w+)>", lambda word: pick(rng, vocabulary.WORDS[word[1]]), pick(rng, templates))


def _identify(rng: Random, prefix: str, marker: str, number: int) -> str:
    """An identifier in the style of the Million Song Dataset, distinct for distinct numbers below 2^32."""
    letters = "".join(chr(65 + int(rng.random() * 26)) for _ in range(5))
    return f"{prefix}{letters}{marker}{number * 2_654_435_761 & 0xFFFFFFFF:08X}"


def _invent_artist(rng: Random, number: int) -> _Artist:
    name = _fill(rng, vocabulary.ARTIST_TEMPLATES)
    place, latitude, longitude = pick(rng, vocabulary.PLACES)
    return _Artist(
        _identify(rng, "AR", "118", number),
        name,
        place if rng.random() < 0.6 else "",
        (latitude, longitude) if rng.random() < 0.45 else _NOWHERE,
    )


def _invent_title(rng: Random, artist_name: str, taken: set[Pair]) -> str:
    title = base = _fill(rng, vocabulary.TITLE_TEMPLATES)
    while (title, artist_name) in taken:
        title = f"{base}, No. {1 + int(rng.random() * (len(taken) + 9))}"
    taken.add((title, artist_name))
    return title


def _invent_length(rng: Random) -> int:
    seconds = 90 + 150 * (rng.random() + rng.random())
    return int(100_000 * (seconds * 3 if rng.random() < 0.02 else seconds))


def build_catalogue(rng: Random, count: int) -> tuple[list[Song], set[Pair]]:
    """`count` recordings, and the titles and artists' names they use."""
    artists = [_invent_artist(rng, number) for number in range(count * 2 // 3 + 1)]
    songs: list[Song] = []
    taken: set[Pair] = set()
    for number in range(count):
        roll, depth = rng.random(), rng.random()
        known = pick(rng, songs) if songs else None
        if known and roll < 0.03:  # same title and artist, recorded twice: only the length differs
            song = known._replace(song_id=_identify(rng, "SO", "12A", number), length=_invent_length(rng))
        elif known and roll < 0.05:  # the same song under another name of its artist
            song = known._replace(artist_name=f"{known.artist.name} feat. {pick(rng, artists).name}")
        else:
            song = _invent_song(rng, number, artists[int(depth * depth * len(artists))], artists, taken)
        taken.add((song.title, song.artist_name))
        songs.append(song)
    return songs, taken


def _invent_song(rng: Random, number: int, artist: _Artist, artists: Sequence[_Artist], taken: set[Pair]) -> Song:
    name = artist.name if rng.random() < 0.9 else f"{artist.name} feat. {pick(rng, artists).name}"
    return Song(
        song_id=_identify(rng, "SO", "12A", number),
        title=_invent_title(rng, name, taken),
        artist=artist if rng.random() < 0.9 else artist._replace(coordinates=_NOWHERE),
        artist_name=name,
        length=_invent_length(rng),
        year=0 if rng.random() < 0.6 else 2010 - int(rng.random() * rng.random() * 55),
    )


def invent_strangers(rng: Random, catalogue: Sequence[Song], taken: set[Pair]) -> list[tuple[Pair, int]]:
    """Songs that are played but not in the catalogue, with their lengths. Some differ from a known one only by case."""
    strangers: list[tuple[Pair, int]] = []
    name = ""
    for number in range(max(100, min(len(catalogue), 20_000))):
        known = pick(rng, catalogue)
        shouted = (known.title.upper(), known.artist_name)
        if rng.random() < 0.05 and shouted not in taken:
            taken.add(shouted)
            strangers.append((shouted, known.length))
            continue
        if number % 3 == 0 or not name:
            name = _fill(rng, vocabulary.ARTIST_TEMPLATES)
        strangers.append(((_invent_title(rng, name, taken), name), _invent_length(rng)))
    return strangers


def render_length(length: int) -> str:
    return f"{length // 100_000}.{length % 100_000:05d}".rstrip("0").removesuffix(".") or "0"


def _render_song(song: Song, *, escaped: bool) -> str:
    artist = song.artist
    latitude, longitude = artist.coordinates
    return render_record(
        "songs",
        {
            "num_songs": "1",
            "artist_id": quote("songs", artist.artist_id),
            "artist_latitude": latitude,
            "artist_longitude": longitude,
            "artist_location": quote("songs", artist.location, escaped=escaped),
            "artist_name": quote("songs", song.artist_name, escaped=escaped),
            "song_id": quote("songs", song.song_id),
            "title": quote("songs", song.title, escaped=escaped),
            "duration": render_length(song.length),
            "year": str(song.year),
        },
    )


def write_songs(folder: Path, songs: Sequence[Song], truth: Truth) -> list[Song]:
    """Write a file for each song and return the songs that a load keeps."""
    rng = stream(truth.options.seed, "song files")
    counts = truth.songs
    specials = Specials(rng, SONGS, counts, len(songs), truth.options)
    layout = LAYOUTS[truth.options.shape]
    loaded: list[Song] = []
    previous = ""
    made: set[str] = set()
    for number, song in enumerate(songs):
        text = plain = _render_song(song, escaped=rng.random() < 0.7)
        is_kept = True
        if number == specials.position:
            text, is_kept, _ = specials.apply(plain, previous)
        if is_kept:
            previous = plain
            loaded.append(song)
        content = f"{layout.opening}{layout.lay_out([text], is_first=True)}{layout.closing}"
        _write_song_file(folder, _identify_track(rng, number), content, made)
        counts.read += 1
        if counts.read % 1000 == 0:
            truth.progress()
    truth.star["songs"] = len({song.song_id for song in loaded})
    truth.star["artists"] = len({song.artist.artist_id for song in loaded})
    return loaded


def _identify_track(rng: Random, number: int) -> str:
    # The third letter is the first folder: the real dataset has about 15,000 songs in each.
    return f"TR{chr(65 + number // 15_000 % 26)}{_identify(rng, '', '128', number)[1:]}"


def _write_song_file(folder: Path, track: str, text: str, made: set[str]) -> None:
    parent = f"{folder}/{track[2]}/{track[3]}/{track[4]}"
    if parent not in made:
        Path(parent).mkdir(parents=True)
        made.add(parent)
    # Without buffering and Path: for 15,000 files they would cost more than the writing.
    with open(f"{parent}/{track}.json", "xb", buffering=0) as file:  # noqa: PTH123
        file.write(text.encode("utf-8", "surrogateescape"))
