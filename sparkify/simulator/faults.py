"""Faults, which a load must reject, and oddities, which it must not.

Owns what can be wrong or odd in a record of either dataset, and which records become so. The spoiled values themselves
stand in `vocabulary`.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle, zip_longest
from random import Random
from typing import NamedTuple

from sparkify.simulator import vocabulary
from sparkify.simulator.truth import Counts, add_one


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


EVENTS = _Dataset(
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
SONGS = _Dataset(
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


class Specials:
    """Which records become faults or oddities, and what becomes of them."""

    def __init__(self, rng: Random, dataset: _Dataset, counts: Counts, total: int, dirty: float) -> None:
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
            add_one(self._counts.reasons, code)
            return spoil(record).decode("utf-8", "surrogateescape"), False
        name, alter = next(self._oddities)
        if name == "twice" and not previous:
            return line, True
        add_one(self._counts.oddities, name)
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
