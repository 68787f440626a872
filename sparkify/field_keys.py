"""The sections [EVENT_KEYS] and [SONG_KEYS] of a file of settings: which key of a record each field is read from."""

import math
from collections.abc import Iterable, Iterator, Mapping

from sparkify.datasets import Key
from sparkify.errors import ConfigError
from sparkify.settings_file import closest, shown, unquote, without_comment
from sparkify.sql import list_columns

# The settings, and the staging table whose columns are the fields of each.
KEY_SETTINGS = {"event_keys": "staging_events", "song_keys": "staging_songs"}
_NO_FIELDS = ("source_id", "line", "other")


def _read_keys(items: Iterable[tuple[str, str | Key]]) -> Iterator[tuple[str, Key]]:
    """A section of keys: a value in quotes is a constant, any other the name of a key, an empty one is not given."""
    for field, value in items:
        if isinstance(value, Key):
            yield field, value
            continue
        text = without_comment(value.strip())
        if (constant := unquote(text)) != text:
            yield field, Key(constant=constant)
        elif text:
            yield field, Key(name=text)


def check_keys(setting: str, keys: object) -> dict[str, Key]:
    """The keys under the exact names of their fields, each as a Key or as a file has it.

    Raises ConfigError for what is no field, or not of its type.
    """
    if not isinstance(keys, Mapping) or not all(isinstance(one, str | Key) for pair in keys.items() for one in pair):
        raise ConfigError(
            f"the setting {setting} is not valid: it must be a dictionary from names of fields to names of keys, or to "
            "constants in quotes"
        )
    types = {name: kind for name, kind in list_columns(KEY_SETTINGS[setting]).items() if name not in _NO_FIELDS}
    names = {_plain(name): name for name in types}
    checked: dict[str, Key] = {}
    for written, key in _read_keys(keys.items()):
        name = names.get(_plain(written))
        if name is None:
            close = closest(_plain(written), names, 0.75)
            meant = f"did you mean {names[close]}?" if close else "it must be FIELD = name of the key."
            raise ConfigError(
                f"{shown(written)} in [{setting.upper()}] is no field; {meant} The fields are {', '.join(types)}"
            )
        if name in checked:
            raise ConfigError(f"{name} stands twice in [{setting.upper()}]; give it once")
        if key.constant and types[name] != "VARCHAR" and not _is_number(key.constant):
            raise ConfigError(
                f"{name} in [{setting.upper()}] is a number, and its value in quotes is a constant that is none; "
                "write the name of a key without quotes"
            )
        checked[name] = key
    return checked


def _plain(name: str) -> str:
    """A name as names of fields are compared: without case and underscores."""
    return name.lower().replace("_", "")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
