"""A file of settings: its sections and what stands in them, as text. No message repeats what may be a secret.

`unquote`, `shown`, `closest` and `did_you_mean` are for values and names that come from elsewhere, too.
"""

import os
import re
import stat
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sparkify.addresses import mask
from sparkify.errors import ConfigError

if TYPE_CHECKING:
    from configparser import ConfigParser

_MOST_CHARACTERS = 1_000_000


def is_there(path: Path) -> bool:
    """Whether a settings file is there. Raises ConfigError for what is there and no file: it is never opened."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError) and not path.is_symlink():
            return False
        words = getattr(error, "strerror", None) or "it is no path"
        leads = "it is a link that leads to no file" if os.path.islink(path) else words  # noqa: PTH114
        raise ConfigError(
            f"cannot read the configuration file {path}: {leads}; give --config with a regular file"
        ) from None
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a named pipe" if stat.S_ISFIFO(mode) else "a socket or a device"
        raise ConfigError(f"cannot read the configuration file {path}: it is {what}; give --config with a regular file")
    return True


def parse_file(path: Path, ours: Collection[str], keys: Collection[str]) -> "tuple[ConfigParser, list[str]]":
    """The sections of a file that are ours, and the names of the others. Raises ConfigError.

    `ours` are names of sections in capitals, `keys` those of settings in small letters.
    """
    import configparser

    # Interpolation would fail on a % in a password.
    # A [DEFAULT] section is like any other; the parser would copy it into all.
    parser = configparser.ConfigParser(interpolation=None, default_section="\n")
    try:
        with path.open(encoding="utf-8-sig") as stream:
            content = stream.read(_MOST_CHARACTERS + 1)
        if len(content) > _MOST_CHARACTERS:
            raise ConfigError(
                f"cannot read {path}: it has more than {_MOST_CHARACTERS:,} characters, which are no settings; "
                "give --config with another file"
            )
        text, foreign = _blank_foreign(content, path, ours)
        parser.read_string(text, source=str(path))
    except (configparser.Error, OSError, UnicodeDecodeError) as error:
        # The parser's message may hold the bad line, and the line a password.
        lines = [number for number, _ in getattr(error, "errors", [])] + [getattr(error, "lineno", None)]
        where = f"{path}, line {lines[0]}" if lines[0] else str(path)
        raise ConfigError(f"cannot read {where}: {_explain(error, keys)}") from None
    return parser, foreign


def _blank_foreign(text: str, path: Path, ours: Collection[str]) -> tuple[str, list[str]]:
    """The text with the lines of other programs' sections left blank, whatever they hold, and these sections' names.

    Raises ConfigError for a section that looks like a misspelling of one of ours.
    """
    lines, foreign, is_foreign = text.split("\n"), dict[str, None](), False
    for place, line in enumerate(lines):
        if found := re.match(r"\[(.+)\]", line):
            is_foreign = found[1].upper() not in ours
            if is_foreign and (close := closest(found[1].upper(), ours, 0.8)):
                raise ConfigError(f"unknown section [{shown(found[1])}] in {path}; did you mean {close}?")
            foreign |= {found[1]: None} if is_foreign else {}
        lines[place] = "" if is_foreign else line
    return "\n".join(lines), list(foreign)


def _explain(error: Exception, keys: Collection[str]) -> str:
    """What is wrong with the file, in words that repeat no value of it."""
    import configparser

    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text; save it as UTF-8"
    if isinstance(error, OSError):
        return f"{error.strerror}; check its permissions"
    # Only the name of a setting is surely no part of a password.
    if isinstance(error, configparser.DuplicateOptionError) and error.option.lower() in keys:
        return f"{error.option.upper()} stands twice in [{error.section}]; give it once"
    if isinstance(error, configparser.DuplicateSectionError):
        return f"the section [{error.section}] begins twice; write it once"
    return f"{type(error).__name__}; each line is KEY=value in a [SECTION]"


def without_comment(value: str) -> str:
    """The value without a comment after ` #` or ` ;`. Inside quotes there are no comments."""
    quoted = re.match(r"""(['"]).*?\1(?=\s+[#;]|$)""", value)
    return quoted[0] if quoted else re.split(r"(?:^|\s+)[#;]", value, maxsplit=1)[0]


def unquote(value: str) -> str:
    """The value without the quotes around it. A single quote mark is part of the value."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def shown(name: str) -> str:
    """A name in a file as it may be shown: a line without a key may be a secret, which has more digits."""
    return name if re.fullmatch(r"(?!(?:.*\d){3})[\w .:-]{1,40}", name) and mask(name) == name else "…"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about a name that is not known."""
    close = closest(word, known, 0.6)
    return f"; did you mean {close}?" if close else f"; the known ones are {', '.join(known)}"


def closest(word: str, known: Iterable[str], likeness: float) -> str | None:
    """The known name that is most like a word, if one is as like as that (0 to 1)."""
    import difflib

    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=likeness)), None)
