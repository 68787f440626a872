"""SQL text as tokens: what Redshift's and PostgreSQL's scanners agree on, and the refusal of all else."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tests.redshift.wire import WireError

Kind = Literal["word", "quoted", "string", "number", "parameter", "operator"]


@dataclass(frozen=True)
class Token:
    """`value` is the folded name, the content of a literal, or the text itself; `text` is what PostgreSQL gets."""

    kind: Kind
    text: str
    value: str

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.value in words

    def is_operator(self, *operators: str) -> bool:
        return self.kind == "operator" and self.value in operators

    @property
    def is_name(self) -> bool:
        return self.kind in ("word", "quoted")


_SCAN = re.compile(
    r"""(?P<space>\s+|--[^\n]*)
      | (?P<comment>/\*)
      | (?P<string>'(?:[^'\\]|''|\\.)*')
      | (?P<quoted>"(?:[^"]|"")+")
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<parameter>\$\d+)
      | (?P<word>[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*)
      | (?P<operator>::|<>|!=|<=|>=|\|\||!~~\*|!~~|~~\*|~~|!~\*|!~|~\*|[-+*/%^<>=~.,();:&|\#@!?\[\]{}`\\$"'])
    """,
    re.VERBOSE | re.DOTALL,
)
# Prefixes that make PostgreSQL read the literal after them in another way.
_LITERAL_PREFIXES = ("e", "b", "x", "n", "u")
# PostgreSQL cuts a longer name in silence; Redshift takes 127 bytes: DG r_names.
_LONGEST_NAME = 63


def tokenize(text: str) -> list[Token]:
    """Tokens without space and comments. Names in double quotes fold to lower case: DG r_names."""
    tokens: list[Token] = []
    place = 0
    while place < len(text):
        found = _SCAN.match(text, place)
        if found is None:
            raise syntax_error(text[place])
        if found.lastgroup == "comment":
            place = _end_of_comment(text, place)
            continue
        if found.lastgroup != "space":
            tokens.append(_token(found.lastgroup or "", found[0]))
            _check_literal_prefix(tokens, text, place)
        place = found.end()
    return tokens


def syntax_error(near: str) -> WireError:
    return WireError("42601", f'syntax error at or near "{near}"')


def unknown(what: str) -> WireError:
    """The stand-in refuses what it has no source for, rather than take PostgreSQL's word."""
    return WireError("0A000", f"the stand-in does not know {what}")


def unsupported(what: str) -> WireError:
    return WireError("0A000", f"{what} is not supported")


def join(tokens: Iterable[Token]) -> str:
    return " ".join(token.text for token in tokens)


def word(text: str) -> Token:
    return Token("word", text, text.lower())


def operator(text: str) -> Token:
    return Token("operator", text, text)


def string(value: str) -> Token:
    return Token("string", quote(value), value)


def quote(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def closing(tokens: list[Token], opening: int) -> int:
    """The place of the bracket that closes the one at `opening`."""
    depth = 0
    for place in range(opening, len(tokens)):
        depth += tokens[place].is_operator("(") - tokens[place].is_operator(")")
        if depth == 0:
            return place
    raise WireError("42601", "syntax error at end of input")


def split(tokens: list[Token]) -> list[list[Token]]:
    """The parts between the commas that stand in no bracket."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += token.is_operator("(") - token.is_operator(")")
        if depth == 0 and token.is_operator(","):
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _token(kind: str, text: str) -> Token:
    if kind == "string":
        value = re.sub(r"\\(.)", _unescape, text[1:-1].replace("''", "'"), flags=re.DOTALL)
        # A backslash escapes in Redshift's literals, as in the PostgreSQL 8.0 it comes from: DG REGEXP_REPLACE doubles
        # each one that a pattern is to see.
        return Token("string", ("E" + text) if "\\" in text else text, value)
    if kind == "quoted":
        value = text[1:-1].replace('""', '"').lower()
        return Token("quoted", quote_name(value), _short(value))
    if kind == "word":
        return Token("word", text, _short(text.lower()))
    if kind == "number":
        return Token("number", text, text)
    if kind == "parameter":
        return Token("parameter", text, text)
    return Token("operator", text, text)


def _unescape(found: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}.get(found[1], found[1])


def _short(name: str) -> str:
    if len(name.encode()) > _LONGEST_NAME:
        raise unknown(f"names over {_LONGEST_NAME} bytes: {name}")
    return name


def _check_literal_prefix(tokens: list[Token], text: str, place: int) -> None:
    if len(tokens) < 2 or tokens[-1].kind != "string" or not tokens[-2].is_word(*_LITERAL_PREFIXES):
        return
    if text[place - 1] == tokens[-2].text:
        raise unknown(f"literals such as {tokens[-2].text}'...'")


def _end_of_comment(text: str, place: int) -> int:
    depth = 0
    for found in re.compile(r"/\*|\*/").finditer(text, place):
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return found.end()
    raise WireError("42601", "unterminated /* comment")
