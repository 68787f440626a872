"""The full way: a statement that checks each line against every rule and keeps the result."""

from sparkify.datasets import MOST_RAW_BYTES, Dataset
from sparkify.sql import quote
from sparkify.validation.columns import MARK, column_value, text_lines_sql, text_values, whole_columns
from sparkify.validation.fields import FIELDS, OTHER, Field
from sparkify.validation.keys import (
    NO_KEYS,
    STRING,
    Keys,
    constant_of,
    json_text,
    names_sql,
    other_sql,
    place_sql,
    plain_sql,
    standard_list,
)
from sparkify.validation.rules import NAN_OR_COMMA, RULES, FieldRule, Rule
from sparkify.validation.texts import maybe_doubled_sql, repaired_sql

# RFC 8259.
NUMBER = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?"
# DuckDB writes 1.50 as 1.5, and -0 as 0. Other whole numbers stay as they are.
_HAS_FRACTION = r"[0-9][.eE]"
# With more keys, it is quicker to sort them than to look for each one among all.
_MANY_KEYS = 200
_STEP = ",\n        "


def create_judged_sql(dataset: Dataset) -> str:
    """The empty temporary table `judged`."""
    columns = ", ".join(f'"{field.name}" {field.type}' for field in FIELDS[dataset])
    return f"""CREATE OR REPLACE TEMP TABLE judged (
    {columns}, other VARCHAR, source_id INTEGER, line INTEGER, reason VARCHAR, raw VARCHAR, raw_size BIGINT,
    raw_bytes BLOB, is_repaired BOOLEAN, has_known_keys BOOLEAN, keys VARCHAR[], places BIGINT[]
)"""


def judge_sql(dataset: Dataset, source: str, keys: Keys = NO_KEYS) -> str:
    """The statement that adds the lines of `source` to `judged`; `source` has source_id, line and `bytes`.

    The reason is that of the first broken rule, or NULL. `keys` and `places` are those of an object with other keys
    than the known ones. Where `raw` is not simply the text of a rejected line, it is made from `raw_bytes` later.
    """
    typed = ",\n    ".join(
        f'CASE WHEN reason IS NULL THEN {column_value(field)} END AS "{field.name}"' for field in FIELDS[dataset]
    )
    # DuckDB's lenient parser may find keys in text that is not JSON; these do not count.
    is_listed = "NOT has_known_keys AND coalesce(NOT starts_with(reason, 'not_json'), TRUE)"
    return f"""INSERT INTO judged
{_reasons_sql(dataset, source, keys)}, ended_lines AS (
    SELECT *,
        octet_length(bytes) - CASE
            WHEN bytes[-1:] <> '\\x0A'::BLOB THEN 0
            WHEN bytes[-2:-2] = '\\x0D'::BLOB THEN 2
            ELSE 1
        END AS size,
        NOT is_utf8 OR octet_length(bytes) > {MOST_RAW_BYTES} OR contains(whole_text, chr(0)) AS is_altered
    FROM lines_with_reason
)
SELECT
    {typed},
    CASE WHEN reason IS NULL THEN value_other END AS other,
    source_id, line, reason,
    CASE WHEN reason IS NOT NULL AND NOT is_altered THEN regexp_replace(whole_text, '\\r?\\n$', '') END AS raw,
    CASE WHEN reason IS NOT NULL THEN size END AS raw_size,
    CASE WHEN reason IS NOT NULL AND is_altered THEN bytes[:least(size, {MOST_RAW_BYTES + 4})] END AS raw_bytes,
    reason IS NULL AND is_repaired AS is_repaired,
    has_known_keys,
    CASE WHEN {is_listed} THEN keys END AS keys,
    CASE WHEN {is_listed} THEN places END AS places
FROM ended_lines"""


def _reasons_sql(dataset: Dataset, source: str, keys: Keys) -> str:
    """A WITH list that ends in `lines_with_reason`. Each step adds columns, so that nothing is computed twice."""
    fields = FIELDS[dataset]
    broken = [f"{_broken_by_field(rule, fields)} AS {rule.code}" for rule in RULES if isinstance(rule, FieldRule)]
    return f"""WITH text_lines AS (
    {text_lines_sql(source)}
), checked_lines AS (
    SELECT *,
        encode(whole_text) = bytes AS is_utf8,
        CASE WHEN starts_with(whole_text, '{MARK}') THEN ltrim(whole_text, '{MARK}') ELSE whole_text END AS text
    FROM text_lines
), json_lines AS (
    SELECT *,
        is_utf8 AND json_valid(text) AS is_json,
        -- Conditions joined by AND are tried in any order, and json_type fails for what is not JSON.
        CASE WHEN is_json THEN json_type(text) = 'OBJECT' ELSE FALSE END AS is_object
    FROM checked_lines
), {_values_sql(dataset, keys)}, token_lines AS (
    SELECT *,
        {_STEP.join(f"{_token(place, field, keys)} AS token_{field.name}" for place, field in enumerate(fields, 1))}
    FROM other_lines
), value_lines AS (
    SELECT *,
        {_STEP.join(f"{_value(place, field, keys)} AS value_{field.name}" for place, field in enumerate(fields, 1))}
    FROM token_lines
), {_repaired_sql(dataset)}, typed_lines AS (
    SELECT *,
        {whole_columns(dataset)},
        {_STEP.join(broken)}
    FROM repaired_lines
), lines_with_reason AS (
    SELECT *, coalesce(
        {_STEP.join(_reason(rule) for rule in RULES)}
    ) AS reason
    FROM typed_lines
)"""


def has_fraction_sql(json: str) -> str:
    """The condition that a number outside of the strings of a JSON text has a fraction or an exponent."""
    return f"regexp_matches(regexp_replace({json}, {quote(STRING)}, '\"\"', 'g'), '{_HAS_FRACTION}')"


def _repaired_sql(dataset: Dataset) -> str:
    """The steps from `value_lines` to `repaired_lines`: texts that were encoded twice become what they were."""
    texts = text_values(dataset)
    listed = f"[{', '.join(texts)}]"
    repaired = [
        f"CASE WHEN repaired_texts IS NULL THEN {name} ELSE repaired_texts[{place}] END AS {name}"
        for place, name in enumerate(texts, start=1)
    ]
    return f"""doubled_lines AS (
    SELECT *,
        CASE WHEN {" OR ".join(map(maybe_doubled_sql, texts))}
            THEN {repaired_sql(listed)} END AS repaired_texts
    FROM value_lines
), repaired_lines AS (
    SELECT * REPLACE (
        {_STEP.join(repaired)}
    ),
        coalesce(repaired_texts <> {listed}, FALSE) AS is_repaired
    FROM doubled_lines
)"""


def _values_sql(dataset: Dataset, keys: Keys) -> str:
    """The steps from `json_lines` to `other_lines`: keys, places, the JSON text of each value, and `other`."""
    return f"{_places_sql(dataset, keys)}, {_other_sql(dataset)}"


def _places_sql(dataset: Dataset, keys: Keys) -> str:
    """The steps from `json_lines` to `unknown_lines`: keys and values, and at which places those of the fields are."""
    fields = FIELDS[dataset]
    standard = standard_list(dataset, keys)
    # Where some of them are not taken, all records are like those with other keys.
    is_standard = "FALSE" if standard.unknown_places else f"keys = {names_sql(standard.names)}"
    places = [place_sql(field.name, keys, "keys", "plain_keys") for field in fields]
    return f"""parsed_lines AS (
    SELECT *,
        CASE WHEN is_object THEN json_keys(text) END AS keys,
        CASE WHEN is_object THEN CAST(json_extract(text, '$.*') AS VARCHAR[]) END AS parsed,
        CASE WHEN is_object THEN json_extract_string(text, '$.*') END AS strings,
        CASE WHEN is_json AND regexp_matches(text, {quote(NAN_OR_COMMA)})
            THEN regexp_replace(text, {quote(STRING)}, '""', 'g') END AS bare_text
    FROM json_lines
), listed_lines AS (
    SELECT *,
        coalesce({is_standard}, FALSE) AS has_known_keys,
        CASE WHEN NOT has_known_keys THEN {plain_sql("keys")} END AS plain_keys,
        CASE WHEN len(keys) > {_MANY_KEYS} THEN list_sort(list_transform(keys,
            LAMBDA name, place: {{name: name, place: place}})) END AS sorted_keys
    FROM parsed_lines
), placed_lines AS (
    SELECT *,
        CASE WHEN has_known_keys THEN {[place or 0 for place in standard.places]} WHEN keys IS NOT NULL THEN [
        {_STEP.join(places)}
        ] END AS places
    FROM listed_lines
), first_lines AS (
    SELECT *,
        -- Of a key that stands twice, the first place.
        CASE WHEN sorted_keys IS NOT NULL THEN list_sort(list_transform(list_filter(sorted_keys,
            LAMBDA pair, number: number = 1 OR sorted_keys[number - 1].name <> pair.name), LAMBDA pair: pair.place))
        WHEN NOT has_known_keys THEN list_filter(range(1, len(keys) + 1),
            LAMBDA place: list_position(keys, keys[place]) = place)
        END AS first_places
    FROM placed_lines
), unknown_lines AS (
    SELECT *,
        list_filter(first_places, LAMBDA place: NOT list_contains(places, place)) AS unknown_places
    FROM first_lines
)"""


def _other_sql(dataset: Dataset) -> str:
    """The steps from `unknown_lines` to `other_lines`: the JSON text of each value as it was written, and `other`.

    DuckDB writes numbers in its own way. Where they must stay as they were written, the line is parsed with all numbers
    as strings.
    """
    number_as_text = [
        f"(parsed[places[{place}]] >= '-' AND parsed[places[{place}]] < ':')"
        for place, field in enumerate(FIELDS[dataset], start=1)
        if field.kind == "text"
    ]
    has_number = has_fraction_sql("parsed_other")
    tagged = f"CAST(json_extract({_tagged('text')}, '$.*') AS VARCHAR[])"
    return f"""named_lines AS (
    SELECT *,
        CASE WHEN len(unknown_places) > 0 THEN {other_sql("keys", "parsed", "unknown_places")} END AS parsed_other
    FROM unknown_lines
), numbered_lines AS (
    SELECT *, CASE
        WHEN {" OR ".join(number_as_text)} THEN TRUE
        WHEN parsed_other IS NOT NULL THEN contains(text, '-0') OR {has_number}
        ELSE FALSE
    END AS has_written
    FROM named_lines
), written_lines AS (
    SELECT *,
        CASE WHEN has_written THEN list_transform({tagged}, LAMBDA tagged: {_untagged("tagged")})
            ELSE parsed END AS written
    FROM numbered_lines
), other_lines AS (
    -- In the step that computes it, a list in a lambda would be computed anew for each of its values.
    SELECT *,
        CASE WHEN has_written AND parsed_other IS NOT NULL THEN {other_sql("keys", "written", "unknown_places")}
            ELSE parsed_other END AS value_other
    FROM written_lines
)"""


def _tagged(text: str) -> str:
    """JSON with each string as "s...", each number as "n...". It has no control characters: they serve as marks."""
    marked = f"regexp_replace({text}, '\"((?:[^\"\\\\]|\\\\.)*)\"|(-?[0-9][-+.0-9eE]*)', '\x01\\1\x02\\2\x03', 'g')"
    for mark, tag in (("\x02\x03", '"'), ("\x01\x02", '"n'), ("\x01", '"s'), ("\x03", '"')):
        marked = f"replace({marked}, '{mark}', '{tag}')"
    return _escaped(marked)


def _untagged(text: str) -> str:
    """JSON as it was before it was tagged."""
    marked = f"regexp_replace({text}, '\"(?:n([^\"]*)|s((?:[^\"\\\\]|\\\\.)*))\"', '\x01\\1\x02\\2\x03', 'g')"
    for mark, tag in (("\x01\x02", '"'), ("\x02\x03", ""), ("\x01", ""), ("\x03", '"')):
        marked = f"replace({marked}, '{mark}', '{tag}')"
    return _escaped(marked)


def _escaped(sql: str) -> str:
    """A literal's control characters, as SQL can be read and printed."""
    for mark in "\x01\x02\x03":
        sql = sql.replace(mark, f"' || chr({ord(mark)}) || '")
    return sql


def _token(place: int, field: Field, keys: Keys) -> str:
    """The JSON text of a field's value, NULL if it is null or absent."""
    constant = constant_of(field, keys)
    return f"nullif(written[places[{place}]], 'null')" if constant is None else quote(json_text(constant))


def _value(place: int, field: Field, keys: Keys) -> str:
    """A field's value, for the rules to judge."""
    token = f"token_{field.name}"
    if field.kind == "text":
        constant = constant_of(field, keys)
        text = f"strings[places[{place}]]" if constant is None else quote(constant)
        # Only numbers begin with a character from `-` to `9`.
        return f"""nullif(CASE WHEN starts_with({token}, '"') THEN {text} WHEN {token} < ':' THEN {token} END, '')"""
    # For a number in a string: the text inside the quotes.
    digits = f"""CASE WHEN NOT starts_with({token}, '"') THEN {token}
        WHEN regexp_full_match({token}[2:-2], {quote(NUMBER)}) THEN {token}[2:-2] END"""
    return f"try_cast({digits} AS DOUBLE)"


def _broken_by_field(rule: FieldRule, fields: tuple[Field, ...]) -> str:
    """The reason code of the first field, in the list's order, that breaks the rule; else NULL."""
    concerned = [field for field in (*fields, OTHER) if rule.concerns(field)]
    whens = [f"WHEN {rule.broken(field)} THEN '{rule.code}:{field.name}'" for field in concerned]
    code = f"CASE {joined} END" if (joined := "\n        ".join(whens)) else "CAST(NULL AS VARCHAR)"
    return f"CASE WHEN {rule.only_where} THEN {code} END" if rule.only_where else code


def _reason(rule: Rule) -> str:
    return rule.code if isinstance(rule, FieldRule) else f"CASE WHEN {rule.broken} THEN '{rule.code}' END"
