"""Which key of a record each field is read from, and what is in `other`. DuckDB's SQL.

A field is read from its mapped key, else from the key of its exact name, else from the first key that differs only in
case and underscores. A field with a constant is read from no key. Of a key that stands twice, the first counts. A key
that no field is read from belongs to `other`.

A place is the position of a key in its record, from 1.
"""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sparkify.datasets import Dataset, Key
from sparkify.sql import quote
from sparkify.validation.fields import FIELDS, Field

Keys = Mapping[str, Key]
NO_KEYS: Keys = {}

_UPPER_CASE = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# A JSON string.
STRING = r'(?s)"(?:[^"\\]|\\.)*"'


class KeyList(NamedTuple):
    """The keys of a record in order, and the place of each field's key, None if it has none."""

    names: tuple[str, ...]
    places: tuple[int | None, ...]

    @property
    def unknown_places(self) -> list[int]:
        first = {name: place for place, name in reversed([*enumerate(self.names, start=1)])}
        return sorted({*first.values()} - {*self.places})

    def name_taken(self, field: int) -> str | None:
        """The name of the key of the field with that index."""
        place = self.places[field]
        return None if place is None else self.names[place - 1]


def standard_list(dataset: Dataset, keys: Keys) -> KeyList:
    """The list of exactly the known keys."""
    names = tuple(field.name for field in FIELDS[dataset])
    places: list[int | None] = []
    for name in names:
        mapped, constant = keys.get(name, Key())
        taken = mapped if mapped in names else name
        places.append(None if constant is not None else names.index(taken) + 1)
    return KeyList(names, tuple(places))


def names_sql(names: Sequence[str]) -> str:
    """A list of names as a literal."""
    return "[" + ", ".join(map(quote, names)) + "]"


def plain_sql(names: str) -> str:
    """A list of names without what may differ: case and underscores."""
    return f"list_transform({names}, LAMBDA name: translate(name, '{_UPPER_CASE}_', '{_UPPER_CASE.lower()}'))"


def place_sql(field: str, keys: Keys, names: str, plain_names: str) -> str:
    """The place of a field's key, NULL if there is none."""
    mapped, constant = keys.get(field, Key())
    if constant is not None:
        return "CAST(NULL AS BIGINT)"
    plain = field.replace("_", "").lower()
    tries = [
        *([f"list_position({names}, {quote(mapped)})"] if mapped is not None else []),
        f"list_position({names}, {quote(field)})",
        f"list_position({plain_names}, {quote(plain)})",
    ]
    return f"coalesce({', '.join(tries)})"


def constant_of(field: Field, keys: Keys) -> str | None:
    """The constant of a field, if it has one."""
    return keys.get(field.name, Key()).constant


def other_sql(names: str, values: str, places: str) -> str:
    """The JSON object of the keys at `places`, without white space; `values` are the JSON texts of all keys."""
    member = f"concat(CAST(to_json({names}[place]) AS VARCHAR), ':', {values}[place])"
    return f"""concat('{{', array_to_string(list_transform({places}, LAMBDA place: {member}), ','), '}}')"""


def json_text(text: str) -> str:
    """A text as JSON has it."""
    return json.dumps(text, ensure_ascii=False)
