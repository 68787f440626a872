"""The rules: one entry each, in the order in which they are checked. docs/records.md lists them for readers.

An entry is all that a rule needs. `broken`, its full form, is the condition under which a line breaks the rule.
`doubtful`, its quick form, is the condition under which the quick way leaves a line to the full way. Both are DuckDB's
SQL. NULL counts as FALSE.

A quick form must be true for every line that breaks its rule. That of `bad_type` is also true for every value that the
quick way would read differently from the full way, or not at all; the other forms may ignore such lines.

A condition may read these columns, for a line and for each FIELD:

- `text`: the whole line. `json_object.FIELD`: the parsed value, NULL if the line has no such key.
- `value_FIELD`: a text, NULL if empty; a number as DOUBLE, NULL for anything else.
- Full way only: `is_utf8`, `is_json`, `has_known_keys` (an object of exactly the known keys), `token_FIELD` (a number
  as it is written) and, in rules about the whole line, the reason code of each rule about fields, such as `bad_type`.
- Quick way only: `whole_FIELD`, a whole number as its column holds it. Every line with `json_object IS NULL` is left to
  the full way: it is not valid UTF-8, not JSON, or not an object of exactly the known keys.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sparkify.sql import quote
from sparkify.validation.fields import DOUBLE_EXACT, Field

_LONGEST_TEXT_BYTES = 1024

# DuckDB's parser accepts only two things that RFC 8259 forbids: NaN or Infinity, and a comma before a bracket.
_STRING = r'(?s)"(?:[^"\\]|\\.)*"'
_NAN_OR_COMMA = r"(?i)nan|inf|,[ \t\r\n]*[\]}]"
_TRAILING_COMMA = r",[ \t\r\n]*\}[ \t\r\n]*$"
_BRACKET_OR_WORD = r"^([\[{]|(?i)(nan|inf|infinity|true|false)$)"


@dataclass(frozen=True)
class LineRule:
    """A rule about a whole line. `says` completes the sentence "A record is rejected when"."""

    code: str
    says: str
    broken: str
    doubtful: str


@dataclass(frozen=True)
class FieldRule:
    """A rule about each field that it `concerns`: its reason codes end in `:FIELD`.

    `only_where` is a quick condition on the whole line: without it, no field can break the rule.
    """

    code: str
    says: str
    concerns: Callable[[Field], bool]
    broken: Callable[[Field], str]
    doubtful: Callable[[Field], str]
    only_where: str | None = None


Rule = LineRule | FieldRule


def _is_text(field: Field) -> bool:
    return field.kind == "text"


def _is_whole(field: Field) -> bool:
    return field.kind == "whole"


def _bad_text(field: Field) -> str:
    value = f"value_{field.name}"
    # Unescaped text has lost its quotes. Only a number, a bracket, true, false, NaN or Infinity may not have been a
    # string: the first characters select the few lines to parse once more.
    return f"""(
            ({value} < ':' AND {value} >= '-')
            OR ({value} >= 'I' AND ({value} < 'J' OR {value} >= '[' OR {value} BETWEEN 'NA' AND 'Nb')
                AND regexp_matches({value}, {quote(_BRACKET_OR_WORD)}))
        ) AND json_type(text, '$.{field.name}') <> 'VARCHAR'"""


def _bad_type(field: Field) -> str:
    if field.kind == "text":
        return _bad_text(field)
    value, token = f"value_{field.name}", f"token_{field.name}"
    bad = f"{value} IS NULL OR isnan({value})"
    if field.kind == "decimal":
        bad += f" OR isinf({value})"
    else:
        # A number beyond double is whole, however large; a bare Infinity is not a number.
        bad += f" OR {value} <> trunc({value}) OR (isinf({value}) AND {token} NOT SIMILAR TO '\"?-?[0-9].*')"
    return f"""{token} <> '""' AND ({bad})"""


def _maybe_bad_type(field: Field) -> str:
    value, taken = f"value_{field.name}", f"json_object.{field.name}"
    if field.kind == "text":
        return _bad_text(field)
    if field.is_quoted:
        return f"nullif({taken}, '') IS DISTINCT FROM CAST({value} AS VARCHAR)"
    if field.kind == "decimal":
        return f"NOT isfinite({value}) OR ({value} IS NULL AND {taken} IS NOT NULL)"
    whole = f"whole_{field.name}"
    return f"{whole} <> {value} OR ({whole} IS NULL AND {taken} IS NOT NULL)"


def _out_of_range(field: Field) -> str:
    value, (low, high, _) = f"value_{field.name}", field.range
    outside = f"{value} NOT BETWEEN {low} AND {high}"
    if field.range != DOUBLE_EXACT:
        return outside
    # As doubles, the integers next to the limit are rounded to it; the digits are exact.
    digits = f"""regexp_extract(token_{field.name}, '^"?-?([0-9]+)"?$', 1)"""
    return f"{outside} OR (abs({value}) = {high} AND try_cast({digits} AS HUGEINT) > {high})"


def _missing(field: Field) -> str:
    absent = f"value_{field.name} IS NULL"
    return absent if field.needed == "always" else f"value_page = 'NextSong' AND {absent}"


_HAS_LONG_TEXT = f"strlen(text) > {_LONGEST_TEXT_BYTES}"
_HAS_NUL = "contains(text, '\\u0000')"

RULES: tuple[Rule, ...] = (
    LineRule(
        "bad_encoding",
        "the line is not valid UTF-8",
        broken="NOT is_utf8",
        doubtful="json_object IS NULL",
    ),
    LineRule(
        "not_json",
        "the line is not exactly one JSON value by RFC 8259, which allows no NaN, no Infinity, no trailing comma, no "
        "text after the value, no lone surrogate escape",
        # In an object with the known keys, NaN and Infinity are bad types, also in the quick form.
        broken=f"""NOT is_json OR (
        (NOT has_known_keys OR bad_type IS NOT NULL OR regexp_matches(text, {quote(_TRAILING_COMMA)}))
        AND regexp_matches(regexp_replace(text, {quote(_STRING)}, '""', 'g'), {quote(_NAN_OR_COMMA)}))""",
        # Nearly all lines end with the closing quote of their last value and need no search.
        doubtful=f"""NOT ends_with(text, '"}}\n') AND regexp_matches(text, {quote(_TRAILING_COMMA)})""",
    ),
    LineRule(
        "not_object",
        "it is JSON, but not an object",
        broken="NOT has_known_keys AND json_type(text) <> 'OBJECT'",
        doubtful="json_object IS NULL",
    ),
    FieldRule(
        "bad_type",
        "a value is not of its field's kind",
        concerns=lambda field: True,
        broken=_bad_type,
        doubtful=_maybe_bad_type,
    ),
    FieldRule(
        "out_of_range",
        "a whole number is outside its field's range",
        concerns=_is_whole,
        broken=_out_of_range,
        doubtful=lambda field: f"value_{field.name} <= {field.range.low} OR value_{field.name} >= {field.range.high}",
    ),
    # Unescaping never makes a text longer, and a NUL needs an escape: the whole line can rule out both.
    FieldRule(
        "too_long",
        f"a text has more than {_LONGEST_TEXT_BYTES:,} bytes of UTF-8; no text is ever cut",
        concerns=_is_text,
        broken=lambda field: f"strlen(value_{field.name}) > {_LONGEST_TEXT_BYTES}",
        doubtful=lambda field: _HAS_LONG_TEXT,
        only_where=_HAS_LONG_TEXT,
    ),
    FieldRule(
        "nul_character",
        "a text holds U+0000",
        concerns=_is_text,
        broken=lambda field: f"contains(value_{field.name}, chr(0))",
        doubtful=lambda field: _HAS_NUL,
        only_where=_HAS_NUL,
    ),
    FieldRule(
        "missing",
        'a required field is absent, null or `""`',
        concerns=lambda field: field.needed != "",
        broken=_missing,
        doubtful=_missing,
    ),
)
