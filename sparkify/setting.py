"""One setting: what it is, and its value from a text.

`settings` has the table of them, and finds where each is set.
"""

import os
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, Literal, get_args

import msgspec

from sparkify.addresses import LONGEST, is_unicode, mask, may_hold_secret
from sparkify.errors import ConfigError
from sparkify.settings_file import unquote

# A setting of a group is an option of each command that uses the group.
Group = Literal["warehouse", "wait", "engine", "format", "sources", "access", "stage", "timezone"]


class Secret:
    """A text that is never printed by accident: `reveal` returns its value."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret('**********')"

    def reveal(self) -> str:
        return self._value


class Setting(msgspec.Struct, frozen=True):
    """A setting. Its name, type and default are those of its field in Config.

    `section` is its section of dwh.cfg. `unset` says what is used if the setting is absent, and `must_be` which values
    are allowed if type and bounds do not say it. `read` gives an address its one form; it raises ValueError with a
    sentence that repeats no secret. `names_secrets` says that `must_be` tells where a secret belongs.
    """

    section: str
    help: str
    group: Group | None = None
    metavar: str | None = None
    unset: str = ""
    bounds: tuple[float, float] | None = None
    read: Callable[[str], str] | None = None
    pattern: str = ""
    must_be: str = ""
    names_secrets: bool = False
    # Filled in from the field.
    name: str = ""
    type: Any = str
    default: Any = None

    @property
    def key(self) -> str:
        """The key in dwh.cfg."""
        return self.name.upper()

    @property
    def variable(self) -> str:
        """The variable in the environment."""
        return f"SPARKIFY_{self.key}"

    @property
    def option(self) -> str:
        """The option of commands, or an empty text."""
        return "--" + self.name.replace("_", "-") if self.group else ""

    @property
    def allowed(self) -> str:
        """What a value must be, in words."""
        words = {int: "a whole number", float: "a number", bool: "true or false"}.get(self.type)
        if self.bounds:
            return f"{words} from {self.bounds[0]} to {self.bounds[1]}"
        return self.must_be or words or " or ".join(get_args(self.type)) or "text"

    @property
    def default_in_words(self) -> str:
        """What is used if the setting is absent, in words."""
        default = str(self.default).lower() if isinstance(self.default, bool) else self.default
        return self.unset or ("" if default is None else str(default))

    def convert(self, value: Any) -> Any:
        """Convert a text or a path to the setting's type; a value of that type is kept. Raises ConfigError."""
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if self.type is tuple:
            parts = list(_split(value)) if isinstance(value, str) else value
            if not isinstance(parts, Collection) or not all(isinstance(part, str) for part in parts):
                raise self._refusal()
            return tuple(text for part in parts if (text := unquote(part.strip())))
        if isinstance(value, str):
            # Line ends and white space come from the output of a script or a file, but a password may end in a space.
            stripped = value.strip()
            is_bare = self.type is Secret and unquote(stripped) == stripped
            value = value.strip("\r\n") if is_bare else unquote(stripped)
            value = self._check_text(value if self.type is Secret else self._read(expand_home(value)))
            value = Secret(value) if self.type is Secret else value
        try:
            if self.type is bool:
                return msgspec.convert(_SWITCHES.get(str(value).lower(), value), bool)
            converted = msgspec.convert(value, self.type, strict=False)
        except msgspec.ValidationError:
            # The library's message may repeat the value.
            raise self._refusal() from None
        if self.bounds and not self.bounds[0] <= converted <= self.bounds[1]:
            raise self._refusal()
        if self.pattern and not re.match(self.pattern, converted):
            raise self._refusal()
        return converted

    def _read(self, value: str) -> str:
        """The one form of a text. One that may hold a secret is refused: messages and process lists show it."""
        if len(value) > LONGEST:
            raise ConfigError(
                f"the setting {self.name} is not valid: it has {len(value):,} characters; at most {LONGEST:,} are read"
            )
        try:
            found = self.read(value) if self.read else value
        except ValueError as error:
            if self.names_secrets and may_hold_secret(value):
                raise self._refusal() from None
            raise ConfigError(f"the setting {self.name} is not valid: {mask(str(error))}") from None
        if may_hold_secret(value) or may_hold_secret(found):
            if self.names_secrets:
                raise self._refusal()
            raise ConfigError(
                f"the setting {self.name} is not valid: it must be without a password, a key or a token; set "
                "SPARKIFY_DB_PASSWORD for Redshift, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for S3"
            )
        return found

    def _check_text(self, value: str) -> str:
        """The value, if everything that gets it can take it. Only addresses may name a file in other bytes."""
        if "\0" in value:
            raise ConfigError(f"the setting {self.name} is not valid: it holds a zero byte; write it without")
        if self.read is None and not is_unicode(value):
            raise ConfigError(f"the setting {self.name} is not valid: it is not UTF-8; write it in UTF-8")
        return value

    def _refusal(self) -> ConfigError:
        return ConfigError(f"the setting {self.name} is not valid: it must be {self.allowed}")


_SWITCHES = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)


def _split(value: str) -> Iterator[str]:
    """The parts of a list with commas. Quotes may stand around each part, or around all of them."""
    for part in re.findall(r"""'[^']*'|"[^"]*"|[^,]+""", value):
        yield from unquote(part.strip()).split(",")


def expand_home(value: str) -> str:
    """The value with a leading `~` replaced by the home folder."""
    scheme, path = ("duckdb:", value[7:]) if value.startswith("duckdb:~/") else ("", value)
    # Unlike Path's, this keeps the path if there is no home folder.
    return scheme + os.path.expanduser(path) if path.startswith("~/") else value  # noqa: PTH111
