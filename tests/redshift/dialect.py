"""What becomes of a statement: checked as Redshift would, and turned into what PostgreSQL or the stand-in runs.

It knows the kinds of statements named here and refuses every other, so that nothing passes because PostgreSQL takes it.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from tests.redshift import copy_statement, ddl
from tests.redshift.copy_statement import CopyStatement
from tests.redshift.ddl import Reader
from tests.redshift.expressions import rewrite
from tests.redshift.tokens import (
    Token,
    closing,
    join,
    split,
    syntax_error,
    tokenize,
    unknown,
    unsupported,
)
from tests.redshift.wire import WireError

# DG r_UPDATE.
LONGEST_STATEMENT = 16 * 1024 * 1024

# Settings that PostgreSQL has too; all else of Redshift's is kept under a prefix of its own, without effect.
_SETTINGS = {
    "statement_timeout", "search_path", "timezone", "datestyle", "extra_float_digits", "client_encoding",
    "application_name", "client_min_messages",
}  # fmt: skip
_IDLE_SETTINGS = {"query_group", "enable_result_cache_for_session", "wlm_query_slot_count", "analyze_threshold_percent",
                  "mv_enable_aqmv_for_session", "max_cursor_result_set_size"}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """`sql` is PostgreSQL's part; `after` runs when a table was created; `copy` is played by the stand-in; `references`
    are tables that have to exist, `drops` tables to which no foreign key may lead."""

    kind: Literal["sql", "truncate", "copy", "empty", "end"]
    sql: str = ""
    after: str = ""
    copy: CopyStatement | None = None
    is_merge: bool = False
    references: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()


def plan(text: str, *, serverless: bool) -> Plan:
    """Raises WireError for what Redshift refuses and for what the stand-in does not know."""
    if len(text.encode()) > LONGEST_STATEMENT:
        raise WireError("54001", "Statement is too large. Maximum statement size is 16777216 bytes")
    tokens = tokenize(text)
    while tokens and tokens[-1].is_operator(";"):
        tokens.pop()
    if any(token.is_operator(";") for token in tokens):
        # github.com/aws/amazon-redshift-python-driver issue 13.
        raise WireError("42601", "cannot insert multiple commands into a prepared statement")
    if not tokens:
        return Plan("empty")
    if tokens[0].is_operator("("):
        return _select(tokens, serverless)
    handler = _HANDLERS.get(tokens[0].value) if tokens[0].kind == "word" else None
    if handler is None:
        raise unknown(f"the statement {tokens[0].text}")
    return handler(tokens, serverless)


def _select(tokens: list[Token], serverless: bool) -> Plan:
    return Plan("sql", join(rewrite(tokens, serverless=serverless)))


def _with(tokens: list[Token], serverless: bool) -> Plan:
    main = next((token.value for token in _outer(tokens[1:]) if token.is_word(*_DML)), "")
    if main != "select":
        # DG r_WITH_clause, DG r_MERGE.
        raise unsupported("WITH before a statement other than SELECT")
    return _select(tokens, serverless)


_DML = ("select", "insert", "update", "delete", "merge")


def _outer(tokens: list[Token]) -> list[Token]:
    """The tokens that stand in no bracket."""
    kept, depth = [], 0
    for token in tokens:
        depth += token.is_operator("(") - token.is_operator(")")
        if depth == 0:
            kept.append(token)
    return kept


def _insert(tokens: list[Token], serverless: bool) -> Plan:
    reader = Reader(tokens[1:])
    reader.expect("into")
    head = f"INSERT INTO {reader.path()} "
    if reader.peek().is_operator("(") and not reader.tokens[reader.place + 1].is_word("select", "with"):
        head += "(" + ", ".join(f'"{name}"' for name in reader.names()) + ") "
    if reader.take("default", "values"):
        reader.end()
        return Plan("sql", head + "DEFAULT VALUES")
    if reader.take("values"):
        rows = split(reader.tokens[reader.place :])
        for row in rows:
            if not row or not row[0].is_operator("("):
                raise syntax_error(row[0].text if row else ",")
            if (end := closing(row, 0)) != len(row) - 1:
                raise syntax_error(row[end + 1].text)
        rewritten = rewrite(reader.tokens[reader.place :], serverless=serverless)
        return Plan("sql", head + "VALUES " + join(rewritten))
    if not reader.peek().is_word("select", "with") and not reader.peek().is_operator("("):
        raise syntax_error(reader.next().text)
    query = reader.tokens[reader.place :]
    for one, following in pairwise(query):
        if one.is_word("on") and following.is_word("conflict"):
            raise syntax_error(following.text)
    return Plan("sql", head + join(rewrite(query, serverless=serverless)))


def _update(tokens: list[Token], serverless: bool) -> Plan:
    outer = [token.value for token in _outer(tokens) if token.kind == "word"]
    if "set" not in outer:
        raise syntax_error(tokens[-1].text)
    if {"left", "right", "full"} & set(outer):
        # DG r_UPDATE.
        raise WireError("0A000", "Target table must be part of an equijoin predicate")
    return _select(tokens, serverless)


def _delete(tokens: list[Token], serverless: bool) -> Plan:
    reader = Reader(tokens[1:])
    # DG r_DELETE: FROM may be left out.
    reader.take("from")
    start = "DELETE FROM " + reader.path() + " "
    if not reader.at_end and not reader.peek().is_word("using", "where"):
        raise syntax_error(reader.next().text)
    return Plan("sql", start + join(rewrite(reader.tokens[reader.place :], serverless=serverless)))


def _merge(tokens: list[Token], serverless: bool) -> Plan:
    """DG r_MERGE: a table as the source, both branches and no condition of theirs."""
    reader = Reader(tokens[1:])
    reader.expect("into")
    target = reader.path()
    reader.expect("using")
    if reader.peek().is_operator("("):
        raise unsupported("a subquery as the source of MERGE")
    if reader.path() == target:
        raise unsupported("MERGE of a table with itself")
    outer = [token.value for token in _outer(tokens) if token.kind == "word"]
    if outer[-2:] == ["remove", "duplicates"]:
        raise unknown("MERGE ... REMOVE DUPLICATES")
    branches = [place for place, value in enumerate(outer) if value == "when"]
    words = [outer[place + 1 : place + 4] for place in branches]
    if [one[:2] for one in words] != [["matched", "then"], ["not", "matched"]] or words[1][2] != "then":
        raise unknown("MERGE other than WHEN MATCHED THEN ... WHEN NOT MATCHED THEN ...")
    values = max(place for place, token in enumerate(tokens) if token.is_word("values"))
    parts = [rewrite(part, serverless=serverless) for part in (tokens[:values], tokens[values + 1 :])]
    return Plan("sql", f"{join(parts[0])} VALUES {join(parts[1])}", is_merge=True)


def _create(tokens: list[Token], serverless: bool) -> Plan:
    reader = Reader(tokens[1:])
    if reader.peek().is_word("temp", "temporary", "local", "table"):
        created = ddl.create_table(reader, serverless=serverless)
        return Plan("sql", created.sql, after=created.declare, references=created.references)
    if reader.take("schema"):
        condition = "IF NOT EXISTS " if reader.take("if", "not", "exists") else ""
        sql = f"CREATE SCHEMA {condition}{reader.path()}"
        reader.end()
        return Plan("sql", sql)
    replaced = "OR REPLACE " if reader.take("or", "replace") else ""
    if not reader.take("view"):
        _refuse_kind("CREATE", reader)
    name = reader.path()
    columns = "(" + ", ".join(f'"{one}"' for one in reader.names()) + ") " if reader.peek().is_operator("(") else ""
    reader.expect("as")
    if [token.value for token in tokens[-4:]] == ["with", "no", "schema", "binding"]:
        raise unknown("WITH NO SCHEMA BINDING")
    query = join(rewrite(reader.tokens[reader.place :], serverless=serverless))
    return Plan("sql", f"CREATE {replaced}VIEW {name} {columns}AS {query}")


def _refuse_kind(verb: str, reader: Reader) -> None:
    token = reader.next()
    if token.is_word("index", "sequence", "trigger", "type", "domain", "rule", "tablespace", "unique"):
        # DG c_unsupported-postgresql-features.
        raise unsupported(f"{verb} {token.text.upper()}")
    raise unknown(f"{verb} {token.text.upper()}")


def _drop(tokens: list[Token], serverless: bool) -> Plan:
    reader = Reader(tokens[1:])
    kind = next((one for one in ("table", "view", "schema") if reader.take(one)), None)
    if kind is None:
        _refuse_kind("DROP", reader)
    condition = "IF EXISTS " if reader.take("if", "exists") else ""
    names = [reader.path()]
    while reader.peek().is_operator(","):
        reader.next()
        names.append(reader.path())
    end = "CASCADE" if reader.take("cascade") else "RESTRICT" if reader.take("restrict") else ""
    reader.end()
    drops = tuple(names) if kind == "table" and end != "CASCADE" else ()
    return Plan("sql", f"DROP {kind} {condition}{', '.join(names)} {end}", drops=drops)


def _alter(tokens: list[Token], serverless: bool) -> Plan:
    reader = Reader(tokens[1:])
    if not reader.take("table"):
        _refuse_kind("ALTER", reader)
    start = f"ALTER TABLE {reader.path()} "
    if reader.take("rename", "to"):
        clause = f'RENAME TO "{reader.name()}"'
    elif reader.take("rename", "column"):
        old = reader.name()
        reader.expect("to")
        clause = f'RENAME COLUMN "{old}" TO "{reader.name()}"'
    elif reader.take("drop"):
        reader.take("column")
        clause = f'DROP COLUMN "{reader.name()}" ' + ("CASCADE" if reader.take("cascade") else "")
        reader.take("restrict")
    elif reader.take("add"):
        reader.take("column")
        clause = "ADD COLUMN " + ddl.add_column(reader, serverless=serverless)
    else:
        raise unknown(f"ALTER TABLE ... {reader.next().text.upper()}")
    reader.end()
    return Plan("sql", start + clause)


def _truncate(tokens: list[Token], serverless: bool) -> Plan:
    reader = Reader(tokens[1:])
    reader.take("table")
    sql = f"TRUNCATE TABLE {reader.path()}"
    reader.end()
    return Plan("truncate", sql)


def _lock(tokens: list[Token], serverless: bool) -> Plan:
    """DG r_LOCK: ACCESS EXCLUSIVE, without words to choose another."""
    reader = Reader(tokens[1:])
    reader.take("table")
    names = [reader.path()]
    while reader.peek().is_operator(","):
        reader.next()
        names.append(reader.path())
    reader.end()
    return Plan("sql", f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE")


def _begin(tokens: list[Token], serverless: bool) -> Plan:
    """DG r_BEGIN: the words of an isolation level have no effect."""
    reader = Reader(tokens[1:])
    if tokens[0].value == "start":
        reader.expect("transaction")
    elif not reader.take("work"):
        reader.take("transaction")
    mode = ""
    while not reader.at_end:
        if reader.peek().is_operator(","):
            reader.next()
        elif reader.take("isolation", "level"):
            if not any(reader.take(*level) for level in _ISOLATION_LEVELS):
                raise syntax_error(reader.next().text)
        elif reader.take("read", "only"):
            mode = " READ ONLY"
        else:
            reader.expect("read", "write")
    return Plan("sql", "BEGIN" + mode)


_ISOLATION_LEVELS = (
    ("serializable",), ("snapshot",), ("read", "committed"), ("read", "uncommitted"), ("repeatable", "read"),
)  # fmt: skip


def _end(tokens: list[Token], serverless: bool) -> Plan:
    reader = Reader(tokens[1:])
    if not reader.take("work"):
        reader.take("transaction")
    if reader.peek().is_word("to"):
        raise _no_savepoints()
    reader.end()
    return Plan("end", "COMMIT" if tokens[0].value in ("commit", "end") else "ROLLBACK")


def _savepoint(tokens: list[Token], serverless: bool) -> Plan:
    raise _no_savepoints()


def _no_savepoints() -> WireError:
    # DG c_unsupported-postgresql-functions.
    return unsupported("SAVEPOINT")


def _set(tokens: list[Token], serverless: bool) -> Plan:
    reader = Reader(tokens[1:])
    scope = "LOCAL " if reader.take("local") else ""
    reader.take("session")
    name = _setting(reader)
    if not reader.take("to") and not reader.next().is_operator("="):
        raise syntax_error(reader.tokens[reader.place - 1].text)
    values = reader.tokens[reader.place :]
    if not values or not all(one.kind in ("word", "string", "number", "quoted") or one.is_operator(",", "-")
                             for one in values):  # fmt: skip
        raise syntax_error(values[0].text if values else "")
    return Plan("sql", f"SET {scope}{name} TO {join(values)}")


def _setting(reader: Reader) -> str:
    name = reader.name()
    if name in _SETTINGS:
        return name
    if name in _IDLE_SETTINGS:
        return f"redshift.{name}"
    raise unknown(f"the setting {name}")


def _show(tokens: list[Token], serverless: bool) -> Plan:
    reader = Reader(tokens[1:])
    name = _setting(reader)
    reader.end()
    return Plan("sql", f"{tokens[0].text} {name}")


def _analyze(tokens: list[Token], serverless: bool) -> Plan:
    reader = Reader(tokens[1:])
    reader.take("verbose")
    if reader.peek().is_word("compression"):
        raise unknown("ANALYZE COMPRESSION")
    name = "" if reader.at_end else reader.path()
    if reader.peek().is_operator("("):
        reader.names()
    if not reader.take("predicate", "columns"):
        reader.take("all", "columns")
    reader.end()
    return Plan("sql", f"ANALYZE {name}")


def _vacuum(tokens: list[Token], serverless: bool) -> Plan:
    """DG r_VACUUM_command; PostgreSQL itself refuses it inside a transaction, as Redshift does."""
    reader = Reader(tokens[1:])
    for kind in (("full",), ("sort", "only"), ("delete", "only"), ("reindex",), ("recluster",)):
        reader.take(*kind)
    name = "" if reader.at_end or reader.peek().is_word("to", "boost") else reader.path()
    if reader.take("to"):
        reader.next()
        reader.expect("percent")
    reader.take("boost")
    reader.end()
    return Plan("sql", f"VACUUM {name}")


def _comment(tokens: list[Token], serverless: bool) -> Plan:
    """DG r_COMMENT."""
    reader = Reader(tokens[1:])
    reader.expect("on")
    kind = next((one for one in ("table", "column", "view") if reader.take(one)), None)
    if kind is None:
        raise unknown(f"COMMENT ON {reader.next().text.upper()}")
    name = reader.path()
    reader.expect("is")
    text = reader.next()
    if text.kind != "string" and not text.is_word("null"):
        raise syntax_error(text.text)
    reader.end()
    return Plan("sql", f"COMMENT ON {kind} {name} IS {text.text}")


def _copy(tokens: list[Token], serverless: bool) -> Plan:
    return Plan("copy", copy=copy_statement.read(Reader(tokens[1:])))


_HANDLERS = {
    "select": _select, "with": _with, "insert": _insert, "update": _update, "delete": _delete, "merge": _merge,
    "create": _create, "drop": _drop, "alter": _alter, "truncate": _truncate, "lock": _lock, "begin": _begin,
    "start": _begin, "commit": _end, "end": _end, "rollback": _end, "abort": _end, "savepoint": _savepoint,
    "release": _savepoint, "set": _set, "show": _show, "reset": _show, "analyze": _analyze, "analyse": _analyze,
    "vacuum": _vacuum, "copy": _copy, "comment": _comment,
}  # fmt: skip
