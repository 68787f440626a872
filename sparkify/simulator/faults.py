"""Faults, which a load must reject, and oddities, which it must accept.

It decides which records become faults or oddities, and how. The bad values themselves are in `vocabulary`.
"""

import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from itertools import chain, cycle, zip_longest
from random import Random
from typing import NamedTuple

from sparkify.datasets import Dataset
from sparkify.simulator import vocabulary
from sparkify.simulator.options import SimulateOptions
from sparkify.simulator.shapes import NO_LINE_END, Shape
from sparkify.simulator.text import dump_record
from sparkify.simulator.truth import Counts, add_one
from sparkify.validation.fields import FIELDS, OTHER, Field
from sparkify.validation.rules import RULES, FieldRule, Rule


class _Plan(NamedTuple):
    """How a dataset's records are made faulty or odd."""

    dataset: Dataset
    text_field: str  # where broken text goes
    prepare: Callable[[dict[str, object]], object]  # changes a record so that every fault can be planted in it
    oddities: dict[str, Callable[[str], str]]


_TEXT = r'"(?:[^"\\]|\\.)*"'


def _double_utf8(dataset: Dataset, line: str, *, otherwise: tuple[str, str]) -> str:
    """The texts of a record as they are where UTF-8 was read as windows-1252 and written as UTF-8 again."""
    record = json.loads(line)
    if all(value.isascii() for value in record.values() if isinstance(value, str)):
        record |= [otherwise]
    doubled = {key: _double(value) if isinstance(value, str) else value for key, value in record.items()}
    return dump_record(dataset, doubled)


def _double(text: str) -> str:
    # windows-1252 has no character for five of the bytes.
    return "".join(
        bytes([byte]).decode("cp1252") if 0x80 <= byte < 0xA0 and byte not in b"\x81\x8d\x8f\x90\x9d" else chr(byte)
        for byte in text.encode()
    )


def _spell_otherwise(line: str) -> str:
    """Keys in another case, or with underscores."""
    other = {"userId": "user_id", "sessionId": "SESSIONID", "itemInSession": "item_in_session", "ts": "TS"}
    other |= {"artist_name": "artistName", "song_id": "SONG_ID", "title": "Title"}
    return re.sub(r'"(\w+)":', lambda key: f'"{other.get(key[1], key[1])}":', line)


def _pack(data: bytes) -> bytes:
    """A gzip file that has the same bytes whatever made zlib: its blocks are not compressed."""
    blocks = [data[start : start + 0xFFFF] for start in range(0, len(data), 0xFFFF)]
    stored = b"".join(
        struct.pack("<BHH", block is blocks[-1], len(block), len(block) ^ 0xFFFF) + block for block in blocks
    )
    header = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    return header + stored + struct.pack("<II", zlib.crc32(data), len(data))


# Fields of a play that other events may lack.
_OF_A_PLAY = ("artist", "auth", "length", "method", "page", "song", "status", "userId")
_A_PLAY = {field.name: json.loads(field.example) for field in FIELDS["events"] if field.name in _OF_A_PLAY}


def _make_play(record: dict[str, object]) -> None:
    if record["page"] != "NextSong":
        record.update(_A_PLAY)


EVENTS = _Plan(
    "events",
    text_field="song",
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
        "doubled_utf8": lambda line: _double_utf8("events", line, otherwise=("location", "Mayagüez, PR")),
        "other_spelling": _spell_otherwise,
        "number_in_text": lambda line: re.sub(rf'"firstName":({_TEXT}|null)', '"firstName":311', line),
        "other_page": lambda line: line.replace('"page":"NextSong"', '"page":"nextSong"'),
        "no_line_end": lambda line: line + NO_LINE_END,
        "byte_order_mark_within": lambda line: "\ufeff" + line,
    },
)
SONGS = _Plan(
    "songs",
    text_field="title",
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
        "doubled_utf8": lambda line: _double_utf8("songs", line, otherwise=("artist_location", "Göteborg, Sweden")),
        "other_spelling": _spell_otherwise,
        "number_in_text": lambda line: re.sub(rf'"artist_location": {_TEXT}', '"artist_location": 90210', line),
        "gzip_by_another_ending": lambda line: _pack(line.encode()).decode("utf-8", "surrogateescape"),
    },
)

# A mark stands at the beginning of a line, a file is packed as a whole, and other shapes have no line ends to lack.
_OF_LINES = ("byte_order_mark", "byte_order_mark_within", "no_line_end", "gzip_by_another_ending")

_Spoil = Callable[[dict[str, object]], bytes]


def _list_faults(plan: _Plan, shape: Shape) -> list[tuple[str, _Spoil]]:
    """Every fault with its reason code, in the order of planting: first one for each code, rule by rule."""
    grouped = zip_longest(*(_list_codes(plan, rule) for rule in RULES))
    found = [
        (code, [spoil for spoil in spoils if _fits(plan, spoil, shape)])
        for code, spoils in filter(None, chain.from_iterable(grouped))
    ]
    codes = [(code, spoils) for code, spoils in found if spoils]
    variants = max(len(spoils) for _, spoils in codes)
    return [(code, spoils[variant]) for variant in range(variants) for code, spoils in codes if variant < len(spoils)]


def _fits(plan: _Plan, spoil: _Spoil, shape: Shape) -> bool:
    """Whether a fault stays in its record, whatever the rest of the file: a line of several is a record by itself."""
    if plan.dataset == "events" and shape == "lines":
        return True
    spoiled = spoil({field.name: json.loads(field.example) for field in FIELDS[plan.dataset]})
    text = spoiled.decode("utf-8", "surrogateescape")
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        # Text without an end is one record up to the end of the file.
        return plan.dataset == "songs" and shape != "array"
    # A list would be an array of records, and a file of one other value is no JSON file.
    return end == len(text) and (isinstance(value, dict) or (shape == "array" and not isinstance(value, list)))


def _list_codes(plan: _Plan, rule: Rule) -> list[tuple[str, list[_Spoil]]]:
    """The reason codes of a rule, each with all ways to break the rule."""
    if isinstance(rule, FieldRule):
        fields = [field for field in (*FIELDS[plan.dataset], OTHER) if rule.concerns(field)]
        return [(f"{rule.code}:{field.name}", _list_field_spoils(plan, rule, field)) for field in fields]
    values = [_spoil_field(plan, plan.text_field, raw) for raw in vocabulary.BAD_TEXTS.get(rule.code, ())]
    lines = [_spoil_line(plan, cut, suffix) for cut, suffix in vocabulary.BAD_LINES.get(rule.code, ())]
    return [(rule.code, [spoil for pair in zip_longest(values, lines) for spoil in pair if spoil])]


def _list_field_spoils(plan: _Plan, rule: FieldRule, field: Field) -> list[_Spoil]:
    by_field = vocabulary.BAD_VALUES[rule.code]
    raws = by_field.get(field.name) or by_field[field.kind]
    spoils = [_spoil_field(plan, field.name, raw) for raw in raws]
    if rule.code == "missing":
        return spoils
    # Once more with a needed field missing too: the reason must be that of the earlier rule.
    other = next(needed.name for needed in FIELDS[plan.dataset] if needed.needed and needed != field)
    return [*spoils, _spoil_field(plan, field.name, raws[0], also_missing=other)]


def _spoil_field(plan: _Plan, name: str, raw: bytes | None, *, also_missing: str | None = None) -> _Spoil:
    def spoil(record: dict[str, object]) -> bytes:
        if also_missing:
            record[also_missing] = None
        if raw is None:
            del record[name]
            return dump_record(plan.dataset, record).encode()
        record[name] = "<spoiled>"
        return dump_record(plan.dataset, record).encode().replace(b'"<spoiled>"', raw)

    return spoil


def _spoil_line(plan: _Plan, cut: int | None, suffix: bytes) -> _Spoil:
    return lambda record: dump_record(plan.dataset, record).encode()[:cut] + suffix


def _list_oddities(plan: _Plan, shape: Shape) -> list[tuple[str, Callable[[str], str]]]:
    """Every oddity that a file of this shape may have."""
    return [(name, alter) for name, alter in plan.oddities.items() if shape == "lines" or name not in _OF_LINES]


class Special(NamedTuple):
    """The text to write for a record, and whether a load keeps the record, and its play if it is one."""

    text: str
    is_loaded: bool = True
    is_play: bool = True


class Specials:
    """Decides which records become faults or oddities, and changes them."""

    def __init__(self, rng: Random, plan: _Plan, counts: Counts, total: int, options: SimulateOptions) -> None:
        self._prepare = plan.prepare
        self._counts = counts
        self._faults = cycle(_list_faults(plan, options.shape))
        self._oddities = cycle(_list_oddities(plan, options.shape))
        self._coming = _plan_specials(rng, total, options.dirty, len(_list_oddities(plan, options.shape)))
        self.position, self._is_fault = next(self._coming, (-1, False))  # of the next special record

    def apply(self, line: str, previous: str) -> Special:
        """What to write for the record at `position`.

        `previous` is an earlier record that may be repeated instead of this one, or empty. Bytes that are not UTF-8 are
        given as surrogate escapes.
        """
        is_fault, position = self._is_fault, self.position
        self.position, self._is_fault = next(self._coming, (-1, False))
        if is_fault:
            code, spoil = next(self._faults)
            record = json.loads(line)
            self._prepare(record)
            add_one(self._counts.reasons, code)
            return Special(spoil(record).decode("utf-8", "surrogateescape"), is_loaded=False)
        name, alter = next(self._oddities)
        # A record that shares its line with something broken is broken with it.
        if (name == "twice" and not previous) or (name == "no_line_end" and self.position == position + 1):
            return Special(line)
        add_one(self._counts.oddities, name)
        if name == "twice":
            return Special(previous, is_loaded=False)
        return Special(alter(line), is_play=name != "other_page")


def _plan_specials(rng: Random, total: int, dirty: float, kinds: int) -> Iterator[tuple[int, bool]]:
    """Positions in ascending order, evenly spread, each with whether it is a fault."""
    if dirty == 0 or total == 0:
        return
    faults = min(total, max(1, int(total * dirty + 0.5)))
    count = faults + min(total - faults, max(kinds, faults // 2))
    for number in range(count):
        first, end = number * total // count, (number + 1) * total // count
        yield first + int(rng.random() * (end - first)), (number + 1) * faults // count > number * faults // count
