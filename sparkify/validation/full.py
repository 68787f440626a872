"""The full way: a statement that checks each line against every rule and keeps the result."""

import json

from sparkify.datasets import Dataset
from sparkify.sql import quote
from sparkify.validation.columns import column_value, known_keys, text_lines_sql, whole_columns
from sparkify.validation.fields import FIELDS, Field
from sparkify.validation.rules import RULES, FieldRule, Rule

# RFC 8259.
_NUMBER = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?"


def create_judged_sql(dataset: Dataset) -> str:
    """The empty temporary table `judged`."""
    columns = ", ".join(f'"{field.name}" {field.type}' for field in FIELDS[dataset])
    return f"""CREATE OR REPLACE TEMP TABLE judged (
    {columns}, source_id INTEGER, line INTEGER, reason VARCHAR, raw VARCHAR, raw_bytes BLOB,
    has_known_keys BOOLEAN, unknown_keys VARCHAR[]
)"""


def judge_sql(dataset: Dataset, source: str) -> str:
    """The statement that adds the lines of `source` to `judged`; `source` has source_id, line and `bytes`.

    The reason is that of the first broken rule, or NULL. For a line that is not UTF-8, `raw` is made from `raw_bytes`
    later.
    """
    typed = ",\n    ".join(
        f'CASE WHEN reason IS NULL THEN {column_value(field)} END AS "{field.name}"' for field in FIELDS[dataset]
    )
    # DuckDB's lenient parser may find keys in text that is not JSON; these do not count.
    unknown = f"list_filter(keys, LAMBDA key: NOT list_contains({known_keys(dataset)}, key))"
    return f"""INSERT INTO judged
{_reasons_sql(dataset, source)}
SELECT
    {typed},
    source_id, line, reason,
    CASE WHEN reason IS NOT NULL AND is_utf8 THEN regexp_replace(text, '\\r?\\n$', '') END AS raw,
    CASE WHEN NOT is_utf8 THEN bytes END AS raw_bytes,
    has_known_keys,
    CASE WHEN NOT has_known_keys AND reason IS DISTINCT FROM 'not_json' THEN {unknown} END AS unknown_keys
FROM lines_with_reason"""


def _reasons_sql(dataset: Dataset, source: str) -> str:
    """A WITH list that ends in `lines_with_reason`. Each step adds columns, so that nothing is computed twice."""
    fields = FIELDS[dataset]
    # Texts unescaped, numbers as JSON tokens: 39 and "39" must stay different.
    structure = quote(json.dumps({field.name: "VARCHAR" if field.kind == "text" else "JSON" for field in fields}))
    tokens = [
        f"CAST(json_object.{field.name} AS VARCHAR) AS token_{field.name}" for field in fields if field.kind != "text"
    ]
    values = [f"{_value(field)} AS value_{field.name}" for field in fields]
    broken = [f"{_broken_by_field(rule, fields)} AS {rule.code}" for rule in RULES if isinstance(rule, FieldRule)]
    step = ",\n        "
    return f"""WITH text_lines AS (
    {text_lines_sql(source)}
), checked_lines AS (
    SELECT *, encode(text) = bytes AS is_utf8, json_valid(text) AS is_json FROM text_lines
), parsed_lines AS (
    SELECT *,
        CASE WHEN is_utf8 AND is_json THEN json_transform(text, {structure}) END AS json_object,
        CASE WHEN is_utf8 AND is_json THEN json_keys(text) END AS keys,
        coalesce(keys = {known_keys(dataset)}, FALSE) AS has_known_keys
    FROM checked_lines
), token_lines AS (
    SELECT *,
        {step.join(tokens)}
    FROM parsed_lines
), value_lines AS (
    SELECT *,
        {step.join(values)}
    FROM token_lines
), typed_lines AS (
    SELECT *,
        {whole_columns(dataset)},
        {step.join(broken)}
    FROM value_lines
), lines_with_reason AS (
    SELECT *, coalesce(
        {step.join(_reason(rule) for rule in RULES)}
    ) AS reason
    FROM typed_lines
)"""


def _value(field: Field) -> str:
    """A field's value, for the rules to judge."""
    if field.kind == "text":
        return f"nullif(json_object.{field.name}, '')"
    token = f"token_{field.name}"
    # For a number in a string: the text inside the quotes.
    digits = f"""CASE WHEN NOT starts_with({token}, '"') THEN {token}
        WHEN regexp_full_match({token}[2:-2], {quote(_NUMBER)}) THEN {token}[2:-2] END"""
    return f"try_cast({digits} AS DOUBLE)"


def _broken_by_field(rule: FieldRule, fields: tuple[Field, ...]) -> str:
    """The reason code of the first field, in the list's order, that breaks the rule; else NULL."""
    whens = [f"WHEN {rule.broken(field)} THEN '{rule.code}:{field.name}'" for field in fields if rule.concerns(field)]
    code = f"CASE {joined} END" if (joined := "\n        ".join(whens)) else "CAST(NULL AS VARCHAR)"
    return f"CASE WHEN {rule.only_where} THEN {code} END" if rule.only_where else code


def _reason(rule: Rule) -> str:
    return rule.code if isinstance(rule, FieldRule) else f"CASE WHEN {rule.broken} THEN '{rule.code}' END"
