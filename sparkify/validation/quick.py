"""The quick way: a statement that appends the lines that are surely valid, and leaves all others to the full way."""

from collections.abc import Sequence

from sparkify.datasets import Dataset
from sparkify.validation.columns import column_names, column_value, known_keys, text_lines_sql, whole_columns
from sparkify.validation.fields import FIELDS, Field
from sparkify.validation.rules import RULES, FieldRule, Rule


def append_sql(dataset: Dataset, table: str, source: str, rules: Sequence[Rule] = RULES) -> str:
    """The statement that appends the lines of `source` to a staging table, except those that are doubtful by a rule.

    The cast from JSON fails for a line that is blank, not UTF-8, not JSON, not an object, or has a missing, unknown or
    repeated key: TRY turns that into NULL.
    """
    fields = FIELDS[dataset]
    structure = ", ".join(f"{field.name} {_taken_as(field)}" for field in fields)
    values = ",\n        ".join(f"{_value(field)} AS value_{field.name}" for field in fields)
    whens = "\n        ".join(f"WHEN {condition} THEN TRUE" for condition in _doubts(rules, fields))
    columns = ",\n    ".join(map(column_value, fields))
    # random() is a barrier: DuckDB does not push a condition below a step that has it. Pushed down, everything that the
    # condition reads, including the parsing, would be computed twice.
    return f"""INSERT INTO {table} ({column_names(dataset)})
WITH parsed_lines AS (
    SELECT source_id, line, CAST(json AS VARCHAR) AS text, TRY(CAST(json AS STRUCT({structure}))) AS json_object
    FROM {source}
), value_lines AS (
    SELECT *,
        {values}
    FROM parsed_lines
), whole_lines AS (
    SELECT *,
        {whole_columns(dataset)}
    FROM value_lines
), doubted_lines AS (
    SELECT *, CASE
        {whens}
        WHEN random() < 0 THEN TRUE
    END AS is_doubtful
    FROM whole_lines
)
SELECT
    {columns},
    source_id, line
FROM doubted_lines WHERE is_doubtful IS NULL"""


def find_irregular_sql(dataset: Dataset) -> str:
    """The statement that collects the lines of `bundle` for which the cast would fail, in `irregular`."""
    return f"""CREATE OR REPLACE TEMP TABLE irregular AS
SELECT source_id, line FROM ({text_lines_sql("bundle")})
WHERE encode(text) <> bytes
    OR coalesce(CASE WHEN json_valid(text) THEN json_keys(text) END <> {known_keys(dataset)}, TRUE)"""


def _doubts(rules: Sequence[Rule], fields: Sequence[Field]) -> list[str]:
    """The conditions under which a line is left to the full way, each once."""
    conditions = {"json_object IS NULL": None}
    for rule in rules:
        if isinstance(rule, FieldRule):
            conditions |= {rule.doubtful(field): None for field in fields if rule.concerns(field)}
        else:
            conditions[rule.doubtful] = None
    return list(conditions)


def _taken_as(field: Field) -> str:
    """The type as which a value is read from its line."""
    return "VARCHAR" if field.kind == "text" or field.is_quoted else "JSON"


def _value(field: Field) -> str:
    taken = f"json_object.{field.name}"
    if field.kind == "text":
        return f"nullif({taken}, '')"
    if field.is_quoted:
        return f"try_cast({taken} AS {field.type})"
    return f"try_cast(CAST({taken} AS VARCHAR) AS DOUBLE)"
