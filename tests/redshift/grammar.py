# ruff: noqa: RUF012 (a dialect of sqlglot is made of such attributes of classes)
"""Redshift's grammar as sqlglot knows it, and errors in the words of the server.

Nothing is judged here except syntax: what a statement may be made of is in queries.py and tables.py.
"""

import logging
from collections.abc import Callable
from typing import Any

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.dialects.redshift import Redshift
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers.redshift import RedshiftParser
from sqlglot.tokenizer_core import Token, TokenType

from tests.redshift import words
from tests.redshift.wire import WireError

# Words of other databases that sqlglot accepts for Redshift: names of types, then operators.
_FOREIGN = {"INT16", "SHORT", "INT32", "INT64", "LONG", "DEC", "NUMBER", "FIXED", "DOUBLE", "VARCHAR2", "NVARCHAR2",
            "STR", "STRING", "CLOB", "LONGVARCHAR", "==", "|>", "RLIKE", "REGEXP", "ISNULL", "NOTNULL"}  # fmt: skip
LITERALS = (TokenType.STRING, TokenType.IDENTIFIER)
# sqlglot logs a warning when it parses a Command, which is refused here.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


class Grammar(Redshift):
    class Tokenizer(Redshift.Tokenizer):
        # Otherwise the rest of such a statement would be one token.
        COMMANDS = set()
        KEYWORDS = {word: kind for word, kind in Redshift.Tokenizer.KEYWORDS.items() if word not in _FOREIGN}

    class Parser(RedshiftParser):
        # A function keeps its name, to be checked by name.
        FUNCTIONS = {}
        FUNCTION_PARSERS = {
            "EXTRACT": lambda self: self._parse_extract(),
            **{name: RedshiftParser.FUNCTION_PARSERS[name] for name in ("CAST", "POSITION", "SUBSTRING", "TRIM")},
        }
        NO_PAREN_FUNCTION_PARSERS = {
            name: RedshiftParser.NO_PAREN_FUNCTION_PARSERS[name] for name in ("CASE", "SYSDATE")
        }

        def _parse_extract(self) -> exp.Extract:
            part = self._parse_var(any_token=True)
            if self._prev.token_type == TokenType.STRING or not self._match(TokenType.FROM):
                self.raise_error("not EXTRACT (part FROM value)")
            return self.expression(exp.Extract(this=part, expression=self._parse_bitwise()))

        def _parse_ordered(self, parse_method: Callable[[], exp.Expr | None] | None = None) -> exp.Ordered | None:
            ordered = super()._parse_ordered(parse_method)
            if ordered is not None:
                # The tree has an order of NULLs even if the statement has none.
                ordered.meta["names_nulls"] = self._tokens[self._index - 2].text.upper() == "NULLS"
            return ordered


def tokenize(text: str) -> list[Token]:
    """The tokens of one statement, without its semicolon."""
    try:
        tokens = Grammar().tokenize(text)
    except TokenError as error:
        raise WireError("42601", f"syntax error: {error}") from None
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    if any(token.token_type == TokenType.SEMICOLON for token in tokens):
        # github.com/aws/amazon-redshift-python-driver issue 13.
        raise WireError("42601", "cannot insert multiple commands into a prepared statement")
    return tokens


def parse(tokens: list[Token], text: str) -> exp.Expr:
    try:
        [tree] = Grammar().parser().parse(tokens, text)
    except ParseError as error:
        raise syntax_error(str(error.errors[0].get("highlight", ""))) from None
    if tree is None:
        raise syntax_error(text)
    _refuse_liberties(tokens, tree)
    return tree


def _refuse_liberties(tokens: list[Token], tree: exp.Expr) -> None:
    """Refuses what sqlglot parses but does not keep in the tree, by PostgreSQL's grammar.

    FROM t or TABLE t as a query, JOIN without ON, LIMIT 1, 2, INSERT ... SET, a comma too many, a text as a name.
    """
    kinds = [token.token_type for token in tokens]
    for kind, following, token in zip(kinds, [*kinds[1:], None], [*tokens[1:], tokens[-1]], strict=True):
        if (
            (kind == TokenType.COMMA and following in (TokenType.FROM, TokenType.R_PAREN, None))
            or (kind == TokenType.ALIAS and following == TokenType.STRING)
            or (kind == TokenType.INTERVAL and following != TokenType.STRING)
            or (kind == TokenType.INSERT and following != TokenType.INTO)
        ):
            raise syntax_error(token.text)
    if isinstance(tree, exp.Insert) and TokenType.SET in kinds:
        raise syntax_error("SET")
    joins = [join for join in tree.find_all(exp.Join) if join.kind == "CROSS" or {"on", "using"} & join.args.keys()]
    written = {
        TokenType.SELECT: len(list(tree.find_all(exp.Select))),
        TokenType.OFFSET: len(list(tree.find_all(exp.Offset))),
        TokenType.JOIN: len(joins),
    }
    for kind, count in written.items():
        if kinds.count(kind) != count:
            raise syntax_error(kind.name)


def generate(tree: exp.Expr) -> str:
    """The statement for PostgreSQL."""
    return Postgres().generate(tree, copy=False, comments=False)


def syntax_error(near: str) -> WireError:
    return WireError("42601", f'syntax error at or near "{near}"')


def unknown(what: str) -> WireError:
    """The stand-in refuses what it has no source for; PostgreSQL is not a source."""
    return WireError("0A000", f"the stand-in does not know {what}")


def unsupported(what: str) -> WireError:
    return WireError("0A000", f"{what} is not supported")


def quote(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class Reader:
    """A cursor over tokens, for the statements that sqlglot does not know."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._place = 0

    @property
    def at_end(self) -> bool:
        return self._place >= len(self._tokens)

    @property
    def at_string(self) -> bool:
        return not self.at_end and self._tokens[self._place].token_type == TokenType.STRING

    def next(self) -> Token:
        if self.at_end:
            raise WireError("42601", "syntax error at end of input")
        self._place += 1
        return self._tokens[self._place - 1]

    def word(self) -> str:
        token = self.next()
        if token.token_type in LITERALS:
            raise syntax_error(token.text)
        return str(token.text.lower())

    def take(self, *expected: str) -> bool:
        """Whether these words come next; if so, they are consumed."""
        tokens = self._tokens[self._place : self._place + len(expected)]
        if [token.text.lower() for token in tokens if token.token_type not in LITERALS] != list(expected):
            return False
        self._place += len(expected)
        return True

    def expect(self, *expected: str) -> None:
        if not self.take(*expected):
            raise syntax_error(self.next().text)

    def string(self) -> str:
        if not self.at_string:
            raise syntax_error(self.next().text)
        return str(self.next().text)

    def option(self, given: set[str]) -> str:
        """The name of an option of COPY or UNLOAD; that of a format is the format's. It is added to those given."""
        name = self.word()
        if name == "format":
            self.take("as")
            name = self.word()
        if name in given:
            raise WireError("42601", f"conflicting or redundant options: {name}")
        given.add(name)
        return name

    def name(self) -> str:
        """A name; a reserved one needs quotes: DG r_pg_keywords."""
        token = self.next()
        name = token.text.lower()
        is_quoted = token.token_type == TokenType.IDENTIFIER
        if not is_quoted and (not name.isidentifier() or name in words.RESERVED):
            raise syntax_error(token.text)
        return str(name)

    def path(self) -> list[str]:
        """A name with or without its schema."""
        names = [self.name()]
        while self.take("."):
            names.append(self.name())
        return names

    def list_of(self, read: Callable[[], Any]) -> list[Any]:
        found = [read()]
        while self.take(","):
            found.append(read())
        return found

    def rest(self) -> list[Token]:
        """The tokens that are left, which are consumed."""
        place, self._place = self._place, len(self._tokens)
        return self._tokens[place:]

    def end(self) -> None:
        if not self.at_end:
            raise syntax_error(self.next().text)
