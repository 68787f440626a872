"""The quick way: a statement that appends the lines that are surely valid, and leaves all others to the full way.

It reads a line in one of two manners. While all lines have exactly the known keys, a strict cast is the fastest; but
each line for which it fails is slow. So as soon as there are other lines, values are taken by their places, from the
lines whose list of keys is one of a few expected lists.
"""

from collections.abc import Sequence

from sparkify.datasets import Dataset
from sparkify.sql import quote
from sparkify.validation.columns import column_names, column_value, text_values, whole_columns
from sparkify.validation.fields import FIELDS, OTHER, Field
from sparkify.validation.full import NUMBER, has_fraction_sql
from sparkify.validation.keys import NO_KEYS, KeyList, Keys, constant_of, json_text, names_sql
from sparkify.validation.rules import NAN_OR_COMMA, RULES, FieldRule, Rule
from sparkify.validation.texts import maybe_doubled_sql

_STEP = ",\n        "
# Of an unknown key's value, as JSON text. The line is `text`, and its key `unknown_keys[place]`.
_IS_NESTED = "(starts_with(unknown, '[') OR starts_with(unknown, '{'))"
_STANDS_IN_LINE = " OR ".join(
    f"contains(text, unknown_keys[place] || '{space}' || unknown || '{end}')" for space in ("", " ") for end in ",}"
)
_MAY_BE_REWRITTEN = f"""CASE
                WHEN starts_with(unknown, '"') OR unknown IN ('true', 'false', 'null') THEN FALSE
                WHEN {_IS_NESTED} THEN {has_fraction_sql("unknown")}
                WHEN regexp_full_match(unknown, '-?[1-9][0-9]*') THEN FALSE
                ELSE has_nested OR NOT regexp_full_match(unknown, {quote(NUMBER)}) OR NOT ({_STANDS_IN_LINE})
            END"""


def append_sql(
    dataset: Dataset,
    table: str,
    source: str,
    *,
    lists: Sequence[KeyList] = (),
    keys: Keys = NO_KEYS,
    rules: Sequence[Rule] = RULES,
) -> str:
    """The statement that appends the lines of `source` to a staging table, except those that are doubtful by a rule.

    It takes lines with one of these lists of keys, or, without a list, those with exactly the known keys in any order.
    """
    fields = FIELDS[dataset]
    steps = _by_place_sql(dataset, source, lists, keys) if lists else _by_cast_sql(dataset, source)
    values = [f"{_value(field)} AS value_{field.name}" for field in fields]
    by_place = [_not_as_number(field) for field in fields if lists and field.kind != "text" and not field.is_quoted]
    whens = "\n        ".join(f"WHEN {condition} THEN TRUE" for condition in [*_doubts(rules, dataset), *by_place])
    columns = ",\n    ".join(map(column_value, fields))
    # random() is a barrier: DuckDB does not push a condition below a step that has it. Pushed down, everything that the
    # condition reads, including the parsing, would be computed twice.
    return f"""INSERT INTO {table} ({column_names(dataset)})
WITH {steps}, value_lines AS (
    SELECT *,
        {_STEP.join(values)}
    FROM taken_lines
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
    value_other, source_id, line
FROM doubted_lines WHERE is_doubtful IS NULL"""


def _by_cast_sql(dataset: Dataset, source: str) -> str:
    """The steps to `taken_lines` by a strict cast from JSON.

    The cast fails for a line that is blank, not UTF-8, not JSON, not an object, or has a missing, unknown or repeated
    key: TRY turns that into NULL.
    """
    fields = FIELDS[dataset]
    types = {field: "VARCHAR" if field.kind == "text" or field.is_quoted else "JSON" for field in fields}
    structure = ", ".join(f'"{field.name}" {kind}' for field, kind in types.items())
    taken = [f'CAST(json_object."{field.name}" AS VARCHAR) AS taken_{field.name}' for field in fields]
    return f"""parsed_lines AS (
    SELECT source_id, line, CAST(json AS VARCHAR) AS text, TRY(CAST(json AS STRUCT({structure}))) AS json_object
    FROM {source}
), taken_lines AS (
    SELECT source_id, line, text, json_object IS NOT NULL AS is_read, FALSE AS is_rewritten,
        CAST(NULL AS VARCHAR) AS value_other,
        {_STEP.join(taken)}
    FROM parsed_lines
)"""


def _by_place_sql(dataset: Dataset, source: str, lists: Sequence[KeyList], keys: Keys) -> str:
    """The steps to `taken_lines` by the places of values, for lines with one of these lists of keys."""
    fields = FIELDS[dataset]
    expected = ", ".join(names_sql(one.names) for one in lists)
    taken = []
    for number, field in enumerate(fields):
        places = [one.places[number] for one in lists]
        constant = constant_of(field, keys)
        value = f"strings[{_of_list(places)}]" if constant is None else quote(constant)
        taken.append(f"{value} AS taken_{field.name}")
    return f"""value_lists AS (
    SELECT source_id, line, json, CAST(json AS VARCHAR) AS text, TRY(json_extract_string(json, '$.*')) AS strings
    FROM {source}
), parsed_lines AS (
    SELECT *,
        -- Unlike the other functions, json_keys must not be given what is not JSON.
        CASE WHEN strings IS NOT NULL THEN list_position([{expected}], json_keys(json)) END AS list_number
    FROM value_lists
), {_unknown_sql(lists)}, taken_lines AS (
    SELECT *,
        list_number IS NOT NULL AS is_read,
        {_STEP.join(taken)}
    FROM other_lines
)"""


def _of_list(of_each: Sequence[object]) -> str:
    """What belongs to a line's list of keys, of literals for each list; `[]` and None are written as such."""
    literals = ["NULL" if one is None else str(one) for one in of_each]
    return literals[0] if len({*literals}) == 1 else f"([{', '.join(literals)}])[list_number]"


def _unknown_sql(lists: Sequence[KeyList]) -> str:
    """The steps to `other_lines`: `value_other`, and whether a number in it may have been rewritten.

    A number with a fraction or an exponent, or 0, is as it was written if it stands so in the line, after its key.
    """
    places = [one.unknown_places for one in lists]
    if not any(places):
        return """other_lines AS (
    SELECT *, CAST(NULL AS VARCHAR) AS value_other, FALSE AS is_rewritten FROM parsed_lines
)"""
    all_names = sorted({one.names[place - 1] for one, own in zip(lists, places, strict=True) for place in own})
    paths = names_sql([f'$."{name}"' for name in all_names])
    indexes = [
        [all_names.index(one.names[place - 1]) + 1 for place in own] for one, own in zip(lists, places, strict=True)
    ]
    names = [
        names_sql([json_text(one.names[place - 1]) + ":" for place in own])
        for one, own in zip(lists, places, strict=True)
    ]
    return f"""keyed_lines AS (
    SELECT *,
        {_of_list(names)} AS unknown_keys,
        CASE
            WHEN list_number IS NULL THEN NULL
            WHEN len(unknown_keys) > 0
            THEN list_select(CAST(json_extract(json, {paths}) AS VARCHAR[]), {_of_list(indexes)})
        END AS unknowns
    FROM parsed_lines
), nested_lines AS (
    SELECT *,
        len(list_filter(unknowns, LAMBDA unknown: {_IS_NESTED})) > 0 AS has_nested
    FROM keyed_lines
), other_lines AS (
    SELECT *,
        CASE WHEN unknowns IS NOT NULL THEN concat('{{', array_to_string(
            list_transform(unknowns, LAMBDA unknown, place: concat(unknown_keys[place], unknown)), ','
        ), '}}') END AS value_other,
        CASE WHEN has_nested AND (contains(text, '-0') OR regexp_matches(text, {quote(NAN_OR_COMMA)})) THEN TRUE
            ELSE len(list_filter(unknowns, LAMBDA unknown, place: {_MAY_BE_REWRITTEN})) > 0
        END AS is_rewritten
    FROM nested_lines
)"""


def _doubts(rules: Sequence[Rule], dataset: Dataset) -> list[str]:
    """The conditions under which a line is left to the full way, each once."""
    fields = FIELDS[dataset]
    is_doubled = " OR ".join(map(maybe_doubled_sql, text_values(dataset)))
    conditions = dict.fromkeys(["NOT is_read", "is_rewritten", is_doubled])
    for rule in rules:
        if isinstance(rule, FieldRule):
            conditions |= {rule.doubtful(field): None for field in (*fields, OTHER) if rule.concerns(field)}
        else:
            conditions[rule.doubtful] = None
    return list(conditions)


def _not_as_number(field: Field) -> str:
    """The condition that a value was perhaps no number in JSON: taken by its place, a string has lost its quotes."""
    taken, whole = f"taken_{field.name}", f"CAST(whole_{field.name} AS VARCHAR)"
    if field.kind == "whole":
        return f"NOT ({taken} = {whole} OR {taken} = {whole} || '.0')"
    return f"NOT regexp_full_match({taken}, {quote(NUMBER)})"


def _value(field: Field) -> str:
    taken = f"taken_{field.name}"
    if field.kind == "text":
        return f"nullif({taken}, '')"
    if field.is_quoted:
        return f"try_cast({taken} AS {field.type})"
    return f"try_cast({taken} AS DOUBLE)"
