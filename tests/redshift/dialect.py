"""Checks a statement like Redshift, and translates it into what PostgreSQL or the stand-in runs.

It knows the statements listed here and refuses all others, so that nothing passes just because PostgreSQL accepts it.
"""

import json
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from tests.redshift import copy_statement, queries, unload_statement
from tests.redshift.copy_statement import CopyStatement
from tests.redshift.grammar import (
    Reader,
    generate,
    parse,
    quote,
    quote_name,
    syntax_error,
    tokenize,
    unknown,
    unsupported,
)
from tests.redshift.shapes import find_shapes
from tests.redshift.tables import alter_table, check_encoding, create_table, create_view, path_of
from tests.redshift.unload_statement import UnloadStatement
from tests.redshift.wire import WireError

# DG r_UPDATE.
LONGEST_STATEMENT = 16 * 1024 * 1024

# What sqlglot parses, and the kinds of objects that go with the verb.
_PARSED: dict[str, tuple[str, ...]] = {
    "(": (), "select": (), "with": (), "insert": (), "update": (), "delete": (), "create": ("TABLE", "VIEW"),
    "drop": ("TABLE", "VIEW"), "alter": ("TABLE",), "comment": ("TABLE", "COLUMN", "VIEW"),
}  # fmt: skip
# Settings of a session; DG r_BEGIN: isolation levels have no effect.
_SESSION = re.compile(
    r"""(?P<begin>(begin(\ work|\ transaction)?|start\ transaction)
            (\ isolation\ level\ (serializable|snapshot|read\ committed|read\ uncommitted|repeatable\ read))?
            (\ (?P<mode>read\ (only|write)))?)
      | (?P<commit>(commit|end)(\ work|\ transaction)?)
      | (?P<rollback>(rollback|abort)(\ work|\ transaction)?)
      | (?P<timeout>set\ statement_timeout\ (to|=)\ \d+|reset\ statement_timeout)
      | (?P<schema>set\ search_path\ (to|=)\ [a-z_]\w*(\ ,\ [a-z_]\w*)*
          |(create|drop)\ schema\ (if\ (not\ )?exists\ )?[a-z_]\w*(\ cascade|\ restrict)?)
      | (?P<savepoint>(savepoint|release|rollback(\ work|\ transaction)?\ to)\ .*)
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Plan:
    """`sql` is PostgreSQL's part; `after` runs when a table was created or altered; `copy` is played by the stand-in,
    and `unload` with the rows of `sql`; `references` are tables that have to exist, `drops` tables to which no foreign
    key may lead. What is `alone` cannot be in a transaction."""

    kind: Literal["sql", "copy", "unload", "empty", "end"]
    sql: str = ""
    after: str = ""
    copy: CopyStatement | None = None
    unload: UnloadStatement | None = None
    references: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    alone: bool = False


@lru_cache(maxsize=1024)
def plan(text: str, *, serverless: bool) -> Plan:
    """Raises WireError for what Redshift refuses or the stand-in does not know."""
    if len(text.encode()) > LONGEST_STATEMENT:
        raise WireError("54001", "Statement is too large. Maximum statement size is 16777216 bytes")
    tokens = tokenize(text)
    if not tokens:
        return Plan("empty")
    verb = tokens[0].text.lower()
    if verb == "alter" and "alter" in [token.text.lower() for token in tokens[1:]]:
        return _alter_design(Reader(tokens[1:]))
    if verb in _PARSED and not _is_of_schema(tokens):
        return _plan_tree(verb, tokens, parse(tokens, text), serverless=serverless)
    if (found := _SESSION.fullmatch(" ".join(token.text.lower() for token in tokens))) is not None:
        return _plan_session(found)
    if verb not in _READ:
        raise unknown(f"the statement {text}")
    reader = Reader(tokens[1:])
    planned = _READ[verb](reader)
    reader.end()
    return planned


def _is_of_schema(tokens: list[Token]) -> bool:
    """DG r_CREATE_SCHEMA, DG r_DROP_SCHEMA."""
    return [token.text.lower() for token in tokens[:2]] in (["create", "schema"], ["drop", "schema"])


def _plan_tree(verb: str, tokens: list[Token], tree: exp.Expr, *, serverless: bool) -> Plan:
    kind = str(tree.args.get("kind", "")).upper()
    if _PARSED[verb] and kind not in _PARSED[verb]:
        # DG c_unsupported-postgresql-features names most of them.
        raise unsupported(f"{verb.upper()} {kind}") if kind else unknown(tree.sql("redshift"))
    queries.check(tree)
    if (shape := next(find_shapes(tree), None)) is not None:
        raise WireError(
            "XX000", "This type of correlated subquery pattern is not supported due to internal error", detail=shape
        )
    if not _PARSED[verb]:
        queries.check_words(tokens)
    elif tree.args.get("expression") and isinstance(tree, exp.Create):
        place = next(place for place, token in enumerate(tokens) if token.token_type == TokenType.ALIAS)
        queries.check_words(tokens[place:])
    planned = _plan_objects(kind, tree)
    queries.translate(tree, serverless=serverless)
    return replace(planned, sql=generate(tree))


def _plan_objects(kind: str, tree: exp.Expr) -> Plan:
    """What a change of tables and views needs besides its statement; the tree keeps what PostgreSQL is to do."""
    if isinstance(tree, exp.Create) and kind == "TABLE":
        table = create_table(tree)
        path = path_of(tree.this.this if isinstance(tree.this, exp.Schema) else tree.this)
        references = tuple(one for one in table.references if one != path)
        unkept = table.declared(references)
        declare = f"SELECT redshift_declare({quote(path)}, {quote(json.dumps(unkept))})"
        return Plan("sql", after=declare if any(unkept.values()) else "", references=references)
    if isinstance(tree, exp.Create):
        create_view(tree)
    elif isinstance(tree, exp.Alter):
        if encodings := alter_table(tree):
            declared = quote(json.dumps({"encodings": encodings}))
            return Plan("sql", after=f"SELECT redshift_declare({quote(path_of(tree.this))}, {declared})")
    elif isinstance(tree, exp.Drop) and kind == "TABLE" and not tree.args.get("cascade"):
        return Plan("sql", drops=tuple(path_of(one) for one in tree.args["tables"]))
    return Plan("sql")


def _alter_design(reader: Reader) -> Plan:
    """DG r_ALTER_TABLE. Whether these may be in a transaction is not said there: here they may not."""
    reader.expect("table")
    path = ".".join(map(quote_name, reader.path()))
    reader.expect("alter")
    declared: dict[str, object]
    if reader.take("diststyle", "key", "distkey") or reader.take("distkey"):
        declared = {"distkey": reader.name()}
    elif reader.take("diststyle"):
        if (style := reader.word()) not in ("auto", "even", "all"):
            raise syntax_error(style)
        declared = {"distkey": None}
    elif reader.take("compound", "sortkey", "(") or reader.take("sortkey", "("):
        declared = {"sortkey": reader.list_of(reader.name)}
        reader.expect(")")
    elif reader.take("column"):
        column = reader.name()
        if not reader.take("encode"):
            raise unknown("ALTER COLUMN but for ENCODE")
        declared = {"encodings": {column: check_encoding(reader.word())}}
    else:
        raise unknown(f"ALTER TABLE … ALTER {reader.next().text}")
    reader.end()
    # It changes nothing here, but the table has to exist, and only its owner may do it.
    sql = f"ALTER TABLE {path} REPLICA IDENTITY DEFAULT"
    return Plan("sql", sql, f"SELECT redshift_alter({quote(path)}, {quote(json.dumps(declared))})", alone=True)


def _plan_session(found: re.Match[str]) -> Plan:
    if found["savepoint"]:
        # DG c_unsupported-postgresql-functions.
        raise unsupported("SAVEPOINT")
    if found["begin"]:
        return Plan("sql", f"BEGIN {found['mode'] or ''}")
    if found["timeout"] or found["schema"]:
        return Plan("sql", found["timeout"] or found["schema"])
    return Plan("end", "COMMIT" if found["commit"] else "ROLLBACK")


def _lock(reader: Reader) -> Plan:
    """DG r_LOCK: always ACCESS EXCLUSIVE."""
    reader.take("table")
    names = [".".join(map(quote_name, path)) for path in reader.list_of(reader.path)]
    return Plan("sql", f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE")


def _copy(reader: Reader) -> Plan:
    return Plan("copy", copy=copy_statement.read(reader))


def _unload(reader: Reader) -> Plan:
    statement = unload_statement.read(reader)
    tokens = tokenize(statement.select)
    if any(token.token_type == TokenType.PARAMETER for token in tokens):
        raise syntax_error("$")
    if parse(tokens, statement.select).args.get("limit") is not None:
        # DG r_UNLOAD: only a nested LIMIT.
        raise WireError("0A000", "LIMIT clause is not supported in the outer SELECT of UNLOAD")
    return Plan("unload", _query(tokens), unload=statement)


def _explain(reader: Reader) -> Plan:
    """DG r_EXPLAIN."""
    verbose = "VERBOSE " if reader.take("verbose") else ""
    return Plan("sql", f"EXPLAIN {verbose}{_query(reader.rest())}")


def _declare(reader: Reader) -> Plan:
    """DG declare: a cursor of a query."""
    name = reader.name()
    reader.expect("cursor")
    reader.expect("for")
    return Plan("sql", f"DECLARE {quote_name(name)} NO SCROLL CURSOR FOR {_query(reader.rest())}")


def _query(tokens: list[Token]) -> str:
    """A query within a statement, for PostgreSQL."""
    verb = tokens[0].text.lower() if tokens else ""
    if verb not in ("select", "with", "("):
        raise syntax_error(verb)
    return _plan_tree(verb, tokens, parse(tokens, ""), serverless=False).sql


def _fetch(reader: Reader) -> Plan:
    """DG fetch: on a cluster, a cursor goes forward only."""
    reader.expect("forward")
    count = reader.word()
    reader.expect("from")
    return Plan("sql", f"FETCH FORWARD {int(count)} FROM {quote_name(reader.name())}")


def _close(reader: Reader) -> Plan:
    """DG close."""
    return Plan("sql", f"CLOSE {quote_name(reader.name())}")


def _analyze(reader: Reader) -> Plan:
    """DG r_ANALYZE: one table, also a temporary one."""
    return Plan("sql", f"ANALYZE {'.'.join(map(quote_name, reader.path()))}")


_READ = {
    "analyze": _analyze,
    "lock": _lock,
    "copy": _copy,
    "unload": _unload,
    "declare": _declare,
    "fetch": _fetch,
    "close": _close,
    "explain": _explain,
}
