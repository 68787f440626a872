"""The text of a record as the app or the catalogue writes it: the fields of the dataset in order.

Values are given as JSON text. If many records share most values, the record is cut at the other fields, the slots, so
that the text between them is made only once.
"""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sparkify.datasets import Dataset
from sparkify.validation.fields import FIELDS


class _Style(NamedTuple):
    comma: str
    colon: str
    slash: str
    escapes_all: bool  # in records that are parsed and written again


_STYLES: dict[Dataset, _Style] = {
    "events": _Style(",", ":", "\\/", escapes_all=False),
    "songs": _Style(", ", ": ", "/", escapes_all=True),
}


def quote(dataset: Dataset, text: str, *, escaped: bool = False) -> str:
    """A text as JSON; `escaped` leaves nothing but ASCII."""
    return json.dumps(text, ensure_ascii=escaped).replace("/", _STYLES[dataset].slash)


def dump_record(dataset: Dataset, record: Mapping[str, object]) -> str:
    """A record that was parsed and changed."""
    comma, colon, slash, escapes_all = _STYLES[dataset]
    return json.dumps(record, ensure_ascii=escapes_all, separators=(comma, colon)).replace("/", slash)


def render_record(dataset: Dataset, values: Mapping[str, str]) -> str:
    """A record with a value for each of its fields."""
    return cut_record(dataset, values, ())[0]


def cut_record(dataset: Dataset, values: Mapping[str, str], slots: Sequence[str]) -> tuple[str, ...]:
    """The text before, between and after the slots. Slots are field names, in the dataset's order."""
    comma, colon, _, _ = _STYLES[dataset]
    names = [field.name for field in FIELDS[dataset]]
    if [name for name in names if name in slots] != list(slots):
        raise ValueError(f"{slots} are not fields of {dataset} in their order")
    pieces = []
    text = "{"
    for name in names:
        text += f'"{name}"{colon}'
        if name in slots:
            pieces.append(text)
            text = ""
        else:
            text += values[name]
        text += comma
    return (*pieces, f"{text.removesuffix(comma)}}}")
