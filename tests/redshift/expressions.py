"""Queries and expressions: what Redshift takes of them, rewritten for PostgreSQL, and the refusal of all else."""

from collections.abc import Iterator

from tests.redshift import types, words
from tests.redshift.tokens import (
    Token,
    closing,
    operator,
    split,
    string,
    syntax_error,
    tokenize,
    unknown,
    unsupported,
    word,
)
from tests.redshift.wire import WireError

_OPERATORS = frozenset(
    [
        "::",
        "<>",
        "!=",
        "<=",
        ">=",
        "||",
        "~~",
        "!~~",
        "~*",
        "!~*",
        "!~",
        "~",
        "+",
        "-",
        "*",
        "/",
        "%",
        "^",
        "<",
        ">",
        "=",
        ".",
        ",",
        "(",
        ")",
    ]
)


class Rewriter:
    """One pass over the tokens of a query; `serverless` decides which relations of the system exist."""

    def __init__(self, tokens: list[Token], *, serverless: bool) -> None:
        self._tokens = tokens
        self._serverless = serverless
        self._place = 0
        # For every bracket that is open, the word before it.
        self._brackets: list[str] = []

    def rewrite(self) -> list[Token]:
        out: list[Token] = []
        while self._place < len(self._tokens):
            token = self._tokens[self._place]
            self._place += 1
            if token.kind == "word":
                out += self._word(token)
            elif token.kind == "quoted":
                out += self._name(token)
            elif token.kind == "operator":
                out += self._operator(token)
            else:
                out.append(token)
        return out

    def _peek(self, distance: int = 0) -> Token:
        """The token to come, or the one before with -2: an empty operator beyond the ends."""
        place = self._place + distance
        return self._tokens[place] if 0 <= place < len(self._tokens) else operator("")

    @property
    def _before(self) -> Token:
        return self._peek(-2)

    def _operator(self, token: Token) -> list[Token]:
        if token.value not in _OPERATORS:
            raise unknown(f"operator {token.value}")
        if token.is_operator("("):
            self._brackets.append(self._before.value if self._before.kind == "word" else "")
        elif token.is_operator(")"):
            if not self._brackets:
                raise syntax_error(")")
            self._brackets.pop()
        elif token.is_operator("::"):
            return [token, *self._type()]
        return [token]

    def _word(self, token: Token) -> list[Token]:
        self._check_reserved(token)
        if self._peek().kind == "string" and token.value not in _BEFORE_LITERAL:
            raise unknown(f"a literal of the type {token.text}")
        if (special := _SPECIAL.get(token.value)) is not None and not self._is_qualified:
            return special(self, token)
        return self._name(token)

    @property
    def _is_qualified(self) -> bool:
        return self._before.is_operator(".")

    @property
    def _is_cast(self) -> bool:
        return bool(self._brackets) and self._brackets[-1] == "cast"

    def _check_reserved(self, token: Token) -> None:
        """As a name, a reserved word needs quotes: DG r_pg_keywords."""
        value = token.value
        is_name = self._is_qualified or (self._before.is_word("as") and not self._is_cast)
        if is_name and value in words.RESERVED and value not in ("select", "with"):
            raise syntax_error(token.text)
        if value in words.KEYWORDS or value in _CONTEXTUAL:
            return
        if value in words.RESERVED:
            raise syntax_error(token.text)
        # A function of Redshift, which PostgreSQL takes without brackets alone.
        if value in words.POSTGRES_RESERVED and value != "current_schema":
            raise unknown(f"the word {token.text} outside quotes")

    def _name(self, token: Token) -> list[Token]:
        if self._peek().is_operator("(") and not self._has_columns():
            return self._function(token)
        self._check_relation(token)
        return [token]

    def _has_columns(self) -> bool:
        """Whether the bracket to come lists columns: of INSERT's table, of a CTE, of an alias."""
        if self._before.is_word("into", "as"):
            return True
        before = self._tokens[: self._place - 1]
        while len(before) >= 2 and before[-1].is_operator("."):
            before = before[:-2]
        if before and before[-1].is_word("into"):
            return True
        end = closing(self._tokens, self._place)
        after = self._tokens[end + 1 : end + 3]
        is_first = bool(before) and (before[-1].is_word("with", "recursive") or before[-1].is_operator(","))
        return is_first and len(after) == 2 and after[0].is_word("as") and after[1].is_operator("(")

    def _function(self, token: Token) -> list[Token]:
        name = token.value
        if self._is_qualified and not self._peek(-3).is_word("pg_catalog"):
            raise unknown(f"functions of a schema: {name}")
        if token.kind == "word" and name in words.BEFORE_BRACKET:
            return [token]
        if name not in words.FUNCTIONS:
            raise unknown(f"the function {name}")
        if name == "extract":
            return self._extract()
        if name == "listagg":
            return self._listagg()
        out = [word(words.RENAMED.get(name, name))]
        if name in words.DATE_PARTS and self._peek(1).kind in ("word", "string"):
            part = self._peek(1)
            self._place += 2
            self._brackets.append(name)
            return [*out, operator("("), _part(part)]
        return out

    def _extract(self) -> list[Token]:
        """DG r_EXTRACT_function: it returns an INTEGER of a TIMESTAMP, and knows names such as weekday."""
        part, middle = self._peek(1), self._peek(2)
        if not part.is_name or not middle.is_word("from"):
            raise syntax_error(part.text)
        self._place += 3
        self._brackets.append("extract")
        return [word("redshift_extract"), operator("("), _part(part), operator(",")]

    def _listagg(self) -> list[Token]:
        """LISTAGG(x, d) WITHIN GROUP (ORDER BY y) is string_agg(x, d ORDER BY y)."""
        end = closing(self._tokens, self._place)
        arguments = self._tokens[self._place + 1 : end]
        order: list[Token] = []
        self._place = end + 1
        if self._peek().is_word("within"):
            opening = self._place + 2
            end = closing(self._tokens, opening)
            order = self._tokens[opening + 1 : end]
            self._place = end + 1
        if len(split(arguments)) == 1:
            arguments = [*arguments, operator(","), string("")]
        inner = [*self._nested(arguments), *self._nested(order)]
        return [word("string_agg"), operator("("), *inner, operator(")")]

    def _nested(self, tokens: list[Token]) -> list[Token]:
        return Rewriter(tokens, serverless=self._serverless).rewrite()

    def _check_relation(self, token: Token) -> None:
        """Whatever looks like a relation of the system has to be one that is played."""
        if self._peek().is_operator("."):
            return
        if self._is_qualified and self._peek(-3).value == "information_schema":
            known = token.value in words.INFORMATION_SCHEMA
        elif token.value.startswith(words.SYSTEM_PREFIXES) and token.value != "pg_catalog":
            if self._serverless and token.value.startswith(words.PROVISIONED_PREFIXES):
                # The words of a serverless workgroup: github.com/mage-ai/mage-ai issue 2754; DG
                # serverless_views-monitoring.
                raise WireError("42501", f"permission denied for relation {token.value}")
            known = token.value in words.SYSTEM_RELATIONS
        else:
            known = True
        if not known:
            raise unknown(f"the relation {token.value}")

    def _type(self) -> list[Token]:
        out, self._place = types.rewrite_type(self._tokens, self._place)
        return out

    def _as(self, token: Token) -> list[Token]:
        if self._is_cast:
            return [token, *self._type()]
        if self._peek().is_word("materialized", "not"):
            raise unknown("MATERIALIZED")
        return [token]

    def _over(self, token: Token) -> list[Token]:
        if not self._peek().is_operator("("):
            raise unknown("OVER with the name of a window")
        inner = self._tokens[self._place + 1 : closing(self._tokens, self._place)]
        _check_window(self._window_function(), list(_outermost(inner)))
        return [token]

    def _window_function(self) -> str:
        place, depth = self._place - 2, 0
        while place >= 0:
            depth += self._tokens[place].is_operator(")") - self._tokens[place].is_operator("(")
            if depth == 0:
                break
            place -= 1
        return self._tokens[place - 1].value if place > 0 else ""

    def _is(self, token: Token) -> list[Token]:
        after = self._peek(1) if self._peek().is_word("not") else self._peek()
        if after.is_word("distinct"):
            # DG c_unsupported-postgresql-features.
            raise unsupported("IS DISTINCT FROM")
        if not after.is_word("null", "true", "false", "unknown"):
            raise unknown(f"IS {after.text}")
        return [token]

    def _quantifier(self, token: Token) -> list[Token]:
        """PostgreSQL takes an array there, which Redshift has not: DG c_unsupported-postgresql-datatypes."""
        if self._peek().is_operator("(") and not self._peek(1).is_word("select", "with"):
            raise unsupported(f"{token.text} of an array")
        if token.value == "all" and self._before.is_word("except", "intersect", "minus"):
            # DG r_UNION.
            raise unsupported(f"{self._before.text} ALL")
        return [token]

    def _distinct(self, token: Token) -> list[Token]:
        if self._peek().is_word("on"):
            raise unsupported("DISTINCT ON")
        return [token]

    def _minus(self, token: Token) -> list[Token]:
        if not self._peek().is_word("select", "all") and not self._peek().is_operator("("):
            raise syntax_error(token.text)
        return [word("EXCEPT")]

    def _nulls(self, token: Token) -> list[Token]:
        if not self._peek().is_word("first", "last") or self._before.is_word("ignore", "respect", "as"):
            raise syntax_error(token.text)
        return [token]

    def _partition(self, token: Token) -> list[Token]:
        if not self._peek().is_word("by"):
            raise syntax_error(token.text)
        return [token]

    def _timestamp(self, token: Token) -> list[Token]:
        """A literal's type; the type of a cast was read with the cast."""
        if self._peek().kind != "string":
            raise syntax_error(token.text)
        return [token]

    def _sysdate(self, token: Token) -> list[Token]:
        """DG r_SYSDATE: the transaction's begin, as a TIMESTAMP."""
        return [*tokenize("redshift_sysdate()")]

    def _for(self, token: Token) -> list[Token]:
        if not self._brackets or self._brackets[-1] != "substring":
            raise unknown("FOR")
        return [token]

    def _values(self, token: Token) -> list[Token]:
        if self._peek().is_operator("("):
            # DG c_unsupported-postgresql-features.
            raise unsupported("VALUES as a table")
        return self._name(token)

    def _filter(self, token: Token) -> list[Token]:
        if self._peek().is_operator("("):
            raise unsupported("FILTER")
        return self._name(token)

    def _with(self, token: Token) -> list[Token]:
        if self._peek().is_word("ordinality", "ties"):
            raise unknown(f"WITH {self._peek().text}")
        return [token]


_BEFORE_LITERAL = words.KEYWORDS | {"by", "escape", "zone", "date", "time", "timestamp", "timestamptz", "timetz"}
# Reserved words that mean something in a query; oid is a column of the system's own tables.
_CONTEXTUAL = frozenset({"minus", "nulls", "partition", "timestamp", "sysdate", "for", "oid"})
_SPECIAL = {
    "as": Rewriter._as,
    "over": Rewriter._over,
    "is": Rewriter._is,
    "any": Rewriter._quantifier,
    "all": Rewriter._quantifier,
    "some": Rewriter._quantifier,
    "distinct": Rewriter._distinct,
    "minus": Rewriter._minus,
    "nulls": Rewriter._nulls,
    "partition": Rewriter._partition,
    "timestamp": Rewriter._timestamp,
    "sysdate": Rewriter._sysdate,
    "for": Rewriter._for,
    "values": Rewriter._values,
    "filter": Rewriter._filter,
    "with": Rewriter._with,
}


def rewrite(tokens: list[Token], *, serverless: bool) -> list[Token]:
    """The tokens of a query or an expression as PostgreSQL is to get them."""
    return Rewriter(tokens, serverless=serverless).rewrite()


def _part(token: Token) -> Token:
    if (part := words.PARTS.get(token.value.lower())) is None:
        raise unknown(f"the part {token.value} of a date")
    return string(part)


def _outermost(tokens: list[Token]) -> Iterator[Token]:
    depth = 0
    for token in tokens:
        depth += token.is_operator("(") - token.is_operator(")")
        if depth == 0:
            yield token


def _check_window(function: str, window: list[Token]) -> None:
    """DG c_Window_functions: an aggregate with ORDER BY names a ROWS frame, a ranking has none."""
    present = {token.value for token in window if token.kind == "word"}
    if function not in words.WINDOW:
        raise unknown(f"the window function {function}")
    if present & {"range", "groups", "exclude"}:
        # github.com/OHDSI/Achilles issue 232 shows both messages.
        raise WireError("0A000", "RANGE clause of window functions not yet implemented")
    if "nulls" in present:
        # DG c_unsupported-postgresql-features.
        raise unsupported("NULLS within a window")
    if function in words.RANKING:
        if "rows" in present:
            raise unsupported(f"a frame of {function}")
        return
    if "order" in present and "rows" not in present:
        raise WireError("42601", "Aggregate window functions with an ORDER BY clause require a frame clause")
