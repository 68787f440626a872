"""sparkify config."""

from typing import Any, get_args

from sparkify.addresses import mask
from sparkify.cli.options import command, echo_json, output, settings_of
from sparkify.console import print_table, say
from sparkify.datasets import Key
from sparkify.field_keys import KEY_SETTINGS
from sparkify.formats import format_value
from sparkify.setting import Group, Secret
from sparkify.settings import SETTINGS, Found, find_settings, load_config

_HIDDEN = "(set, not shown)"
_DEFAULTS = {setting.name: setting.default_in_words for setting in SETTINGS}


@command("sparkify config")
@settings_of(*get_args(Group))
@output
def config(given: dict[str, Any], as_json: bool, quiet: bool) -> None:
    """Show each setting, its value and where it comes from. Secrets are not shown."""
    path, found = find_settings(on_note=None if quiet else say, **given)
    # Refuses what every command would refuse.
    resolved = load_config(**given)
    names = [*_DEFAULTS, *(name for name in KEY_SETTINGS if name in found)]
    shown = [_describe(name, getattr(resolved, name), found.get(name)) for name in names]
    if as_json:
        file = str(path) if path.is_file() else None
        echo_json({"config_file": file, "warehouse": resolved.warehouse_address, "settings": shown})
        return
    rows = [[one["name"], _in_words(one), one["place"] or one["source"]] for one in shown]
    print_table(["setting", "value", "comes from"], rows)
    if not quiet:
        say(f"the file of settings is {path}" if path.is_file() else f"there is no file of settings {path}")


def _describe(name: str, value: Any, found: Found | None) -> dict[str, Any]:
    """A setting as it is shown; `place` is the option, the variable, or the file and section."""
    if isinstance(value, dict):
        value = {field: _write_key(key) for field, key in value.items()}
    elif isinstance(value, Secret):
        value = _HIDDEN
    elif isinstance(value, str):
        value = mask(value, is_address=True)
    return {
        "name": name,
        "value": value,
        "source": "default" if found is None else found.source,
        "place": None if found is None else found.place,
    }


def _write_key(key: Key) -> str:
    """A key as a file of settings has it: a constant in quotes."""
    return f"'{key.constant}'" if key.name is None else key.name


def _in_words(one: dict[str, Any]) -> str:
    value = one["value"]
    if isinstance(value, float):
        return format_value(value)
    if one["source"] == "default":
        return _DEFAULTS[one["name"]]
    if isinstance(value, dict):
        return ", ".join(f"{field} = {key}" for field, key in value.items())
    return (
        ", ".join(value) if isinstance(value, tuple) else str(value).lower() if isinstance(value, bool) else str(value)
    )
