"""The parts that a statement may have, and its tree for PostgreSQL.

Each kind of node is listed with its allowed parts, each function by name. Everything else is refused, so that nothing
passes just because sqlglot parses it or PostgreSQL accepts it.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from sqlglot import exp
from sqlglot.tokenizer_core import Token

from tests.redshift import words
from tests.redshift.grammar import LITERALS, syntax_error, unknown, unsupported
from tests.redshift.types import read_type
from tests.redshift.wire import WireError

# PostgreSQL silently cuts longer names; Redshift allows 127 bytes: DG r_names.
_LONGEST_NAME = 63
_NAME = re.compile(r"[^\W\d][\w$]*")
_SET_OPERATION = "this expression distinct order limit offset with_"
_NODES: dict[type[exp.Expr], str] = {
    **dict.fromkeys([
        exp.And, exp.Or, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Add, exp.Sub, exp.Mul, exp.Mod,
        exp.Pow, exp.Is, exp.Like, exp.ILike, exp.SimilarTo, exp.RegexpLike, exp.RegexpILike, exp.Escape,
    ], "this expression"),
    exp.Div: "this expression typed safe", exp.DPipe: "this expression safe", exp.Not: "this", exp.Neg: "this",
    exp.Paren: "this", exp.Between: "this low high", exp.In: "this expressions query", exp.Exists: "this",
    exp.Case: "this ifs default", exp.If: "this true", exp.Cast: "this to", exp.AtTimeZone: "this zone",
    exp.Interval: "this unit", exp.Column: "this table db", exp.Dot: "this expression", exp.Star: "",
    exp.Identifier: "this quoted", exp.Literal: "this is_string", exp.Boolean: "this", exp.Null: "", exp.Var: "this",
    exp.Parameter: "this", exp.Tuple: "expressions", exp.Alias: "this alias", exp.DataType: "this expressions",
    exp.DataTypeParam: "this", exp.ObjectIdentifier: "this",
    # Functions
    exp.Anonymous: "this expressions", exp.Extract: "this expression", exp.StrPosition: "this substr",
    exp.Substring: "this start length", exp.Trim: "this expression position", exp.CurrentDate: "",
    exp.CurrentUser: "", exp.SessionUser: "", exp.CurrentTimestamp: "sysdate", exp.Distinct: "expressions",
    exp.WithinGroup: "this expression", exp.Window: "this partition_by order spec over",
    exp.WindowSpec: "kind start start_side end end_side",
    # Queries
    exp.Select: "expressions distinct from_ joins where group having order limit offset with_ into",
    exp.Union: _SET_OPERATION, exp.Except: _SET_OPERATION, exp.Intersect: _SET_OPERATION,
    exp.Subquery: "this alias joins", exp.With: "expressions recursive", exp.CTE: "this alias",
    exp.From: "this", exp.Table: "this db alias joins", exp.TableAlias: "this columns",
    exp.Join: "this side kind on using", exp.Where: "this", exp.Group: "expressions", exp.Having: "this",
    exp.Order: "expressions", exp.Ordered: "this desc nulls_first", exp.Limit: "expression", exp.Offset: "expression",
    exp.Into: "this",
    # Changes
    exp.Insert: "this expression", exp.Values: "expressions", exp.Update: "this expressions from_ where",
    exp.Delete: "this using where",
    # Tables and views
    exp.Create: "this kind expression replace exists properties", exp.Schema: "this expressions",
    exp.ColumnDef: "this kind constraints", exp.ColumnConstraint: "kind", exp.NotNullColumnConstraint: "allow_null",
    exp.DefaultColumnConstraint: "this", exp.EncodeColumnConstraint: "this", exp.PrimaryKeyColumnConstraint: "include",
    exp.UniqueColumnConstraint: "this include", exp.IndexParameters: "", exp.Reference: "this",
    exp.Constraint: "this expressions", exp.PrimaryKey: "expressions include", exp.ForeignKey: "expressions reference",
    exp.LikeProperty: "this expressions", exp.Property: "this value", exp.Properties: "expressions",
    exp.TemporaryProperty: "", exp.DistStyleProperty: "this", exp.DistKeyProperty: "this",
    exp.SortKeyProperty: "this compound",
    exp.Drop: "tables kind exists cascade restrict", exp.Comment: "this kind expression",
    exp.Alter: "this kind actions", exp.AlterRename: "this", exp.RenameColumn: "this to",
}  # fmt: skip
_PARTS = {kind: frozenset(parts.split()) for kind, parts in _NODES.items()}


def check(tree: exp.Expr) -> None:
    """Refuses a node that is not listed, and a listed node with a part that is not allowed."""
    for node in tree.walk():
        parts = _PARTS.get(type(node))
        if parts is None:
            raise unknown(_describe(node))
        for part, value in node.args.items():
            if part not in parts and value is not None and value is not False and value != []:
                raise unknown(f"{part.strip('_').upper()} in {_describe(node)}")


def check_words(tokens: Iterable[Token]) -> None:
    """Refuses unquoted reserved words that do not belong in a query: DG r_pg_keywords."""
    for token in tokens:
        word = token.text.lower()
        if token.token_type not in LITERALS and word in words.RESERVED - words.IN_QUERIES:
            raise syntax_error(token.text)


def _describe(node: exp.Expr) -> str:
    return f"{type(node).__name__}: {node.sql('redshift')}"[:200]


def translate(tree: exp.Expr, *, serverless: bool) -> None:
    """Translates a checked tree for PostgreSQL. `serverless` decides which system tables exist."""
    for node in list(tree.walk()):
        if isinstance(node, exp.Table):
            _check_relation(node, serverless=serverless)
        elif (handler := _HANDLERS.get(type(node))) is not None:
            handler(node)


def _check_relation(table: exp.Table, *, serverless: bool) -> None:
    """What looks like a system table must be one that is played."""
    if not isinstance(table.this, exp.Identifier):
        raise unknown(f"a function as a table: {table.sql('redshift')}")
    name = table.name.lower()
    known = True
    if table.db.lower() == "information_schema":
        known = name in words.INFORMATION_SCHEMA
    elif name.startswith(words.SYSTEM_PREFIXES):
        if serverless and name.startswith(words.PROVISIONED_PREFIXES):
            # The message of a serverless workgroup: github.com/mage-ai/mage-ai issue 2754; DG
            # serverless_views-monitoring.
            raise WireError("42501", f"permission denied for relation {name}")
        known = name in words.SYSTEM_RELATIONS
    if not known:
        raise unknown(f"the relation {name}")


def _translate_name(identifier: exp.Identifier) -> None:
    """Names fold to lower case even in double quotes: DG r_names. A reserved one needs quotes: DG r_pg_keywords."""
    name = identifier.name.lower()
    # oid is a column of system tables only.
    if not identifier.quoted and name in words.RESERVED and name != "oid":
        raise syntax_error(identifier.name)
    if not identifier.quoted and not _NAME.fullmatch(name):
        raise syntax_error(identifier.name)
    if name in words.SYSTEM_COLUMNS or len(name.encode()) > _LONGEST_NAME:
        raise unknown(f"the name {name}")
    identifier.set("this", name)
    identifier.set("quoted", True)


def _translate_function(function: exp.Anonymous) -> None:
    name = str(function.this).lower()
    if name not in words.FUNCTIONS:
        raise unknown(f"the function {name}")
    if any(isinstance(argument, exp.Order) for argument in function.expressions):
        raise unknown(f"ORDER BY among the arguments of {name}")
    function.set("this", words.RENAMED.get(name, name))
    if name in words.DATE_PARTS and function.expressions:
        part = function.expressions[0]
        part.replace(_part(part.name))


def _part(name: str) -> exp.Literal:
    if (part := words.PARTS.get(name.lower())) is None:
        raise unknown(f"the part {name} of a date")
    return exp.Literal.string(part)


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _translate_extract(extract: exp.Extract) -> None:
    """DG r_EXTRACT_function: returns INTEGER for a TIMESTAMP, and knows names such as weekday."""
    extract.replace(_call("redshift_extract", _part(extract.name), extract.expression))


def _translate_sysdate(now: exp.CurrentTimestamp) -> None:
    """DG r_SYSDATE: the start of the transaction, as a TIMESTAMP. CURRENT_TIMESTAMP is only in PostgreSQL."""
    if not now.args.get("sysdate"):
        raise unknown("CURRENT_TIMESTAMP")
    now.replace(_call("redshift_sysdate"))


def _translate_within_group(within: exp.WithinGroup) -> None:
    """LISTAGG(x, d) WITHIN GROUP (ORDER BY y) is string_agg(x, d ORDER BY y)."""
    function, order = within.this, within.expression
    if not isinstance(function, exp.Anonymous) or str(function.this).lower() != "listagg":
        return
    if isinstance(function.expressions[0], exp.Distinct):
        raise unknown("LISTAGG(DISTINCT ...)")
    value, delimiter = [*function.expressions, exp.Literal.string("")][:2]
    order.set("this", delimiter)
    within.replace(_call("string_agg", value, order))


def _check_window(window: exp.Window) -> None:
    """DG c_Window_functions: an aggregate with ORDER BY needs a ROWS frame, a ranking has none."""
    function = str(window.this.this).lower() if isinstance(window.this, exp.Anonymous) else ""
    order, frame = window.args.get("order"), window.args.get("spec")
    if function not in words.WINDOW or window.args["over"] != "OVER":
        raise unknown(f"the window function {window.sql('redshift')}")
    if frame is not None and frame.args["kind"] != "ROWS":
        # github.com/OHDSI/Achilles issue 232 shows both messages.
        raise WireError("0A000", "RANGE clause of window functions not yet implemented")
    if order is not None and any(one.meta.get("names_nulls") for one in order.expressions):
        # DG c_unsupported-postgresql-features.
        raise unsupported("NULLS within a window")
    if function in words.RANKING:
        if frame is not None:
            raise unsupported(f"a frame of {function}")
    elif order is not None and frame is None:
        raise WireError("42601", "Aggregate window functions with an ORDER BY clause require a frame clause")


def _check_schema_of_function(dot: exp.Dot) -> None:
    if dot.this.name.lower() != "pg_catalog" or not isinstance(dot.expression, exp.Anonymous):
        raise unknown(f"functions of a schema: {dot.sql('redshift')}")


def _check_parameter(parameter: exp.Parameter) -> None:
    if not isinstance(parameter.this, exp.Literal) or not parameter.name.isdigit():
        raise unknown(f"the parameter {parameter.sql('redshift')}")
    if parameter.find_ancestor(exp.Subquery, exp.CTE, exp.Exists) is not None:
        # github.com/sqlalchemy-redshift/sqlalchemy-redshift issue 265: not in a subquery.
        raise WireError("XX000", "This type of correlated subquery pattern is not supported due to internal error")
    if parameter.find_ancestor(exp.Limit, exp.Offset, exp.WithinGroup) is not None:
        # github.com/aws/amazon-redshift-python-driver issues 24 and 188.
        raise WireError("XX000", "Not implemented", detail="IsA(cons, Const)")


def _check_values(values: exp.Values) -> None:
    if not isinstance(values.parent, exp.Insert):
        # DG c_unsupported-postgresql-features.
        raise unsupported("VALUES as a table")


def _check_set_operation(operation: exp.SetOperation) -> None:
    if not operation.args.get("distinct"):
        raise unsupported(f"{operation.key.upper()} ALL")


def _check_select(select: exp.Select) -> None:
    if not select.expressions:
        raise syntax_error("SELECT")


def _check_cte(cte: exp.CTE) -> None:
    if not isinstance(cte.this, exp.Query) or cte.args.get("materialized") is not None:
        raise unknown(f"MATERIALIZED, or a change within WITH: {cte.sql('redshift')}")


def _check_join(join: exp.Join) -> None:
    if join.side not in ("", "LEFT", "RIGHT", "FULL") or join.kind not in ("", "INNER", "OUTER", "CROSS"):
        raise unknown(f"the join {join.sql('redshift')}")


def _check_target(change: exp.Insert | exp.Delete) -> None:
    if (table := change.find(exp.Table)) is not None and table.alias:
        raise syntax_error(table.alias)


def _check_update(update: exp.Update) -> None:
    source = update.args.get("from_")
    if source is not None and any(join.side for join in source.this.args.get("joins") or []):
        # DG r_UPDATE.
        raise WireError("0A000", "Target table must be part of an equijoin predicate")


def _translate_type(type_: exp.DataType) -> None:
    type_.replace(exp.DataType.build(read_type(type_).text, dialect="postgres"))


def _check_identifier_type(type_: exp.DataType) -> None:
    """DG r_COMMENT: obj_description and col_description need a REGCLASS."""
    if type_.sql("postgres") != "REGCLASS" or not isinstance(type_.parent, exp.Cast):
        raise unknown(f"the type {type_.sql('postgres')}")


_HANDLERS: dict[type[exp.Expr], Callable[[Any], None]] = {
    exp.Identifier: _translate_name, exp.Anonymous: _translate_function, exp.Extract: _translate_extract,
    exp.CurrentTimestamp: _translate_sysdate, exp.WithinGroup: _translate_within_group, exp.Window: _check_window,
    exp.Dot: _check_schema_of_function, exp.Parameter: _check_parameter, exp.Values: _check_values,
    exp.Except: _check_set_operation, exp.Intersect: _check_set_operation, exp.Update: _check_update,
    exp.Select: _check_select, exp.CTE: _check_cte, exp.Join: _check_join, exp.Insert: _check_target,
    exp.Delete: _check_target,
    exp.DataType: _translate_type, exp.ObjectIdentifier: _check_identifier_type,
}  # fmt: skip
