"""What the text of a rejected record looks like, where that can be told.

Pure: it works on samples, a few texts at a time.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from sparkify.datasets import DATASETS, Dataset
from sparkify.validation.fields import FIELDS

TITLES: dict[Dataset, str] = {"events": "log data", "songs": "song data"}
# An object with so many of a dataset's keys is one of its records.
_FEWEST_KEYS = 3
_MOST_TRIED = 50
# A key, and the brace of an object that is its value or the first of a list that is.
_INNER = re.compile(r'"((?:[^"\\]|\\.){1,100})"\s*:\s*(?:\[\s*)?(?=\{)')
_PYTHON = re.compile(r"\s*\{(?:\s*u?'|.*:\s*(?:None|True|False)\s*[,}])", re.DOTALL)
_JAVASCRIPT = re.compile(r"\s*\{\s*[A-Za-z_$][\w$]*\s*:")
_COMMENT = re.compile(r"\s*(?://|#|/\*)")
_LAST_COMMA = re.compile(r",(?=\s*[}\]])")
_DAY = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d|\d{1,2}[-/.]\d{1,2}[-/.]\d{2}")
_TAKES = {"text": "takes a text or a number", "whole": "takes a whole number", "decimal": "takes a number"}
_MOST_SHOWN = 40


def describe_record(raw: str, reason: str, dataset: Dataset) -> str | None:
    """What rejected records like this one are, where that can be told: the end of a sentence."""
    if reason.startswith("not_json"):
        return _describe_no_json(raw, reason)
    if reason == "bad_encoding" and raw.startswith("PK\x03\x04"):
        return "a zip archive whose files are not compressed; unpack it"
    if reason == "bad_encoding":
        return "text that is not UTF-8; if it is Windows-1252 or Latin-1, iconv -f WINDOWS-1252 -t UTF-8 converts it"
    value = _loads(raw)
    if isinstance(value, str) and _is_object(value):
        return "JSON that was written as a text once more; write the object itself"
    if isinstance(value, list):
        if any(isinstance(one, dict) and count_known(one, dataset) >= _FEWEST_KEYS for one in value):
            return "lists of records among other values; write each record by itself"
        return "lists of values; a record is an object with a name for each value"
    if not isinstance(value, dict):
        return None
    return next((look for describe in _DESCRIBE_OBJECT if (look := describe(value, reason, dataset))), None)


def describe_value(raw: str, reason: str, dataset: Dataset) -> str | None:
    """The value that a record was rejected for, and why it does not fit: the end of a sentence."""
    code, _, name = reason.partition(":")
    field = next((field for field in FIELDS[dataset] if field.name == name), None)
    value = _loads(raw)
    if field is None or code not in ("bad_type", "out_of_range") or not isinstance(value, dict):
        return None
    key = min((key for key in value if _plain(key) == _plain(name)), key=lambda key: key != name, default=None)
    if key is None:
        return None
    shown = json.dumps(value[key], ensure_ascii=False)
    shown = shown if len(shown) <= _MOST_SHOWN else shown[:_MOST_SHOWN] + "…"
    return f"{shown} for {name}, which {_TAKES[field.kind] if code == 'bad_type' else 'is out of its range'}"


def _describe_no_json(raw: str, reason: str) -> str | None:
    if reason == "not_json:nan":
        return "numbers written as NaN or Infinity, which JSON does not have; its word for no number is null"
    if _PYTHON.match(raw):
        return "Python dictionaries; json.dumps writes JSON"
    if _JAVASCRIPT.match(raw):
        return "JavaScript objects; in JSON each key is in double quotes"
    if _COMMENT.match(raw):
        return "comments, which JSON does not have"
    if (without := _LAST_COMMA.sub("", raw)) != raw and isinstance(_loads(without), dict | list):
        return "JSON but for a comma after the last value, which JSON does not allow"
    return None


def find_inner_key(raw: str, dataset: Dataset) -> str | None:
    """The key of a record under which another record, a list of such, or one as a text lies.

    The text may be cut: the first record below it suffices.
    """
    for found in list(_INNER.finditer(raw))[:_MOST_TRIED]:
        if (inner := _decode(raw, found.end())) is not None and count_known(inner, dataset) >= _FEWEST_KEYS:
            return _unescape(found[1])
    value = _loads(raw)
    texts = ((key, text) for key, text in _pairs(value) if isinstance(text, str) and _is_object(text))
    return next((key for key, text in texts if count_known(json.loads(text), dataset) >= _FEWEST_KEYS), None)


def count_known(record: dict[str, Any], dataset: Dataset) -> int:
    """How many keys of a record are those of a dataset, in any spelling."""
    return len({*map(_plain, record)} & {_plain(field.name) for field in FIELDS[dataset]})


def is_of_other(raw: str, dataset: Dataset) -> bool:
    """Whether a record has the keys of the other dataset."""
    value = _loads(raw)
    return isinstance(value, dict) and bool(_describe_other(value, "", dataset))


# ---- objects ----


def _describe_wrapped(record: dict[str, Any], reason: str, dataset: Dataset) -> str | None:
    values = list(record.values())
    if values and all(isinstance(value, dict) and value and all(map(str.isdigit, value)) for value in values):
        return (
            "values wrapped by row number, as a data frame writes them; "
            "to_json(orient='records', lines=True) writes records"
        )
    if len(values) > 1 and all(isinstance(value, list) for value in values):
        return "whole columns, a list of values for each key; write a record a line"
    return None


def _describe_other(record: dict[str, Any], reason: str, dataset: Dataset) -> str | None:
    (other,) = set(DATASETS) - {dataset}
    known = count_known(record, other)
    return TITLES[other] if known >= _FEWEST_KEYS and known > count_known(record, dataset) else None


def _describe_jsonpaths(record: dict[str, Any], reason: str, dataset: Dataset) -> str | None:
    return "a JSONPaths file, which is no data" if set(record) == {"jsonpaths"} else None


def _describe_time(record: dict[str, Any], reason: str, dataset: Dataset) -> str | None:
    if reason not in ("out_of_range:ts", "bad_type:ts"):
        return None
    value = next((value for key, value in record.items() if key.lower() == "ts"), None)
    number = _to_number(value)
    if unit := "seconds" if 5e8 < number < 5e9 else "micro- or nanoseconds" if number > 1e14 else "":
        return f"times in {unit}, and ts has milliseconds"
    if isinstance(value, str) and _DAY.match(value):
        return f"times as text, such as {value[:30]}, and ts has milliseconds since 1970 in UTC"
    return None


def _describe_typed(record: dict[str, Any], reason: str, dataset: Dataset) -> str | None:
    value = record.get(reason.partition(":")[2])
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith("$"):
        return f"MongoDB's own JSON, with values such as {json.dumps(value)[:_MOST_SHOWN]}; write the values themselves"
    return None


def _describe_strange(record: dict[str, Any], reason: str, dataset: Dataset) -> str | None:
    if not record or count_known(record, dataset):
        return None
    return f"objects of another kind, with keys such as {', '.join(repr(key[:40]) for key in list(record)[:5])}"


_DESCRIBE_OBJECT: tuple[Callable[[dict[str, Any], str, Dataset], str | None], ...] = (
    _describe_wrapped, _describe_other, _describe_jsonpaths, _describe_typed, _describe_time,
    _describe_strange,
)  # fmt: skip


def _to_number(value: object) -> float:
    """A number or a text that holds one as a number, anything else as 0."""
    try:
        return float(value) if isinstance(value, int | float | str) else 0
    except (ValueError, OverflowError):
        return 0


def _is_object(text: str) -> bool:
    return text.lstrip().startswith("{") and isinstance(_loads(text), dict)


def _loads(text: str) -> Any:
    """The value of a JSON text, or None if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _plain(key: str) -> str:
    return key.lower().replace("_", "")


def _pairs(value: object) -> Iterator[tuple[str, Any]]:
    return iter(value.items() if isinstance(value, dict) else ())


def _decode(text: str, start: int) -> dict[str, Any] | None:
    """The object that begins at a place of a text."""
    try:
        value, _ = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _unescape(key: str) -> str:
    try:
        return str(json.loads(f'"{key}"'))
    except ValueError:
        return key
