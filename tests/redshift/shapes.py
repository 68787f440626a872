"""Shapes of queries that Redshift may refuse, or may plan as a loop within a loop, found in the tree of a statement.

DG r_correlated_subqueries lists some that fail, others are only reported: "This type of correlated subquery pattern is
not supported due to internal error" (github.com/tuva-health/tuva issue 948, github.com/databricks/spark-redshift issue
337). So the project writes none: an anti-join is LEFT JOIN … IS NULL, a semi-join an INNER JOIN with DISTINCT keys.
"""

from collections.abc import Iterator

from sqlglot import exp


def find_shapes(tree: exp.Expr) -> Iterator[str]:
    """A name for each forbidden shape."""
    for node in tree.walk():
        if isinstance(node, exp.Exists):
            yield f"EXISTS: {node.sql('redshift')}"
        elif isinstance(node, exp.In) and node.args.get("query") is not None:
            if (above := node.find_ancestor(exp.Or, exp.Not, exp.Case, exp.Query)) and not isinstance(above, exp.Query):
                yield f"IN (SELECT …) below {above.key.upper()}: {node.sql('redshift')}"
        elif isinstance(node, exp.Column) and node.table and not _is_of_its_query(node):
            yield f"a correlated subquery, by {node.sql('redshift')}"


def _is_of_its_query(column: exp.Column) -> bool:
    """Whether a column is of a table in the FROM of the query that it is part of, and not of one around it."""
    if (query := column.find_ancestor(exp.Select, exp.Update, exp.Delete, exp.Insert)) is None:
        return True
    names = {table.alias_or_name.lower() for table in query.find_all(exp.Table, exp.Subquery, bfs=True)}
    return column.table.lower() in names
