"""The rules: one entry each, in the order in which they are checked. docs/records.md lists them for readers.

An entry is all that a rule needs. `broken`, its full form, is the condition under which a line breaks the rule.
`doubtful`, its quick form, is the condition under which the quick way leaves a line to the full way. Both are DuckDB's
SQL. NULL counts as FALSE.

A quick form must be true for every line that breaks its rule. That of `bad_type` is also true for every value that the
quick way would read differently from the full way, or not at all; the other forms may ignore such lines.

A condition may read these columns, for a line and for each FIELD:

- `text`: the whole line. `value_other`: the JSON object of all unknown keys, or NULL.
- `value_FIELD`: a text, NULL if empty; a number as DOUBLE, NULL for anything else. `whole_FIELD`: a whole number as its
  column holds it.
- Full way only: `is_utf8`, `is_json`, `bare_text` (JSON with empty strings, NULL if it has no fault), `token_FIELD`
  (the JSON text of a value, NULL for null) and, in rules about the whole line, the reason code of each rule about
  fields, such as `bad_type`.
- Quick way only: `taken_FIELD`, a value as it was taken from the line: the text of a JSON string, else its JSON text.
  `is_read` is false for every line that is not valid UTF-8, not JSON, or not an object of expected keys.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sparkify.sql import quote
from sparkify.validation.fields import FIELDS, Field

# A record with this value in this field is a play.
PLAY = ("page", "NextSong")

_LONGEST_TEXT_BYTES = 1024

_LONGEST_OTHER_BYTES = 65_535

# DuckDB's parser accepts only two things that RFC 8259 forbids: NaN or Infinity, and a comma before a bracket.
_NAN = r"(?i)nan|inf"
_COMMA = r",[ \t\r\n]*[\]}]"
NAN_OR_COMMA = f"{_NAN}|{_COMMA}"
_TRAILING_COMMA = r",[ \t\r\n]*\}[ \t\r\n]*$"
# What a text that was no string looks like when it has lost its quotes.
_BARE = r"^(-?[0-9][-+.0-9eE]*$|[\[{]|(?i)(-?nan|-?inf|-?infinity|true|false)$)"
_UNREAD = "NOT is_read"


@dataclass(frozen=True)
class LineRule:
    """A rule about a whole line. `says` completes the sentence "A record is rejected when"."""

    code: str
    says: str
    broken: str
    doubtful: str


@dataclass(frozen=True)
class FieldRule:
    """A rule about each field that it `concerns`, maybe `other` too: its reason codes end in `:FIELD`.

    `only_where` is a quick condition on the whole line: without it, no field can break the rule. `figures` are what a
    program that knows the rule by its code has to know of a field.
    """

    code: str
    says: str
    concerns: Callable[[Field], bool]
    broken: Callable[[Field], str]
    doubtful: Callable[[Field], str]
    only_where: str | None = None
    figures: Callable[[Field], tuple[int | str, ...]] = lambda field: ()


Rule = LineRule | FieldRule


def _is_text(field: Field) -> bool:
    return field.kind == "text"


def _is_whole(field: Field) -> bool:
    return field.kind == "whole"


def _bad_type(field: Field) -> str:
    value, token = f"value_{field.name}", f"token_{field.name}"
    if field.kind == "text":
        # A string begins with a quote and a number with a character from `-` to `9`; all else with a later one.
        return f"{token} >= ':'"
    bad = f"{value} IS NULL OR isnan({value})"
    if field.kind == "decimal":
        bad += f" OR isinf({value})"
    else:
        # A number beyond double is whole, however large; a bare Infinity is not a number.
        bad += f" OR {value} <> trunc({value}) OR (isinf({value}) AND {token} NOT SIMILAR TO '\"?-?[0-9].*')"
    return f"""{token} <> '""' AND ({bad})"""


def _maybe_bad_type(field: Field) -> str:
    value, taken = f"value_{field.name}", f"taken_{field.name}"
    if field.kind == "text":
        # The first characters select the few texts to look at.
        return f"""({value} < ':' AND {value} >= '-'
            OR {value} >= 'I' AND ({value} < 'J' OR {value} >= '[' OR {value} BETWEEN 'NA' AND 'Nb')
        ) AND regexp_matches({value}, {quote(_BARE)})"""
    if field.is_quoted:
        return f"nullif({taken}, '') IS DISTINCT FROM CAST({value} AS VARCHAR)"
    if field.kind == "decimal":
        return f"NOT isfinite({value}) OR ({value} IS NULL AND {taken} IS NOT NULL)"
    whole = f"whole_{field.name}"
    return f"{whole} <> {value} OR ({whole} IS NULL AND {taken} IS NOT NULL)"


def _out_of_range(field: Field) -> str:
    return f"value_{field.name} NOT BETWEEN {field.range.low} AND {field.range.high}"


def _most_bytes(field: Field) -> int:
    return _LONGEST_OTHER_BYTES if field.kind == "other" else _LONGEST_TEXT_BYTES


def _too_long(field: Field) -> str:
    return f"strlen(value_{field.name}) > {_most_bytes(field)}"


def _missing(field: Field) -> str:
    absent = f"value_{field.name} IS NULL"
    name, value = PLAY
    return absent if field.needed == "always" else f"value_{name} = {quote(value)} AND {absent}"


_HAS_LONG_TEXT = f"strlen(text) > {_LONGEST_TEXT_BYTES}"
_HAS_NUL = "contains(text, '\\u0000')"

RULES: tuple[Rule, ...] = (
    LineRule(
        "bad_encoding",
        "the record is not valid UTF-8",
        broken="NOT is_utf8",
        doubtful=_UNREAD,
    ),
    LineRule(
        "not_json",
        "the record is not exactly one JSON value by RFC 8259, which allows no NaN, no Infinity, no trailing comma, no "
        "text after the value, no lone surrogate escape",
        broken=f"NOT is_json OR regexp_matches(bare_text, {quote(_COMMA)})",
        # Nearly all lines end with the closing quote of their last value and need no search.
        doubtful=f"""NOT ends_with(text, '"}}\n') AND regexp_matches(text, {quote(_TRAILING_COMMA)})""",
    ),
    LineRule(
        "not_json:nan",
        "its only fault is a bare NaN or Infinity, which is no JSON",
        # The quick way takes them for numbers and texts, and is not sure of their type.
        broken=f"regexp_matches(bare_text, {quote(_NAN)})",
        doubtful=_UNREAD,
    ),
    LineRule(
        "not_object",
        "it is JSON, but not an object",
        broken="json_type(text) <> 'OBJECT'",
        doubtful=_UNREAD,
    ),
    FieldRule(
        "bad_type",
        "a value is not of its field's kind",
        concerns=lambda field: field.kind != "other",
        broken=_bad_type,
        doubtful=_maybe_bad_type,
    ),
    FieldRule(
        "out_of_range",
        "a whole number is outside its field's range",
        concerns=_is_whole,
        broken=_out_of_range,
        doubtful=lambda field: f"value_{field.name} <= {field.range.low} OR value_{field.name} >= {field.range.high}",
        figures=lambda field: (field.range.low, field.range.high),
    ),
    # Unescaping never makes a text longer, and a NUL needs an escape: the whole line can rule out both.
    FieldRule(
        "too_long",
        f"a text has more than {_LONGEST_TEXT_BYTES:,} bytes of UTF-8, or `other` more than {_LONGEST_OTHER_BYTES:,}; "
        "no text is ever cut",
        concerns=lambda field: field.kind in ("text", "other"),
        broken=_too_long,
        doubtful=lambda field: f"{_HAS_LONG_TEXT} AND {_too_long(field)}",
        only_where=_HAS_LONG_TEXT,
        figures=lambda field: (_most_bytes(field),),
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
        figures=lambda field: (field.needed,),
    ),
)


def list_codes() -> list[str]:
    """Every reason that a record can be rejected for, without and with the field."""
    fields = [field for dataset in FIELDS.values() for field in dataset]
    named = [
        f"{rule.code}:{field.name}"
        for rule in RULES
        if isinstance(rule, FieldRule)
        for field in fields
        if rule.concerns(field)
    ]
    return list(dict.fromkeys([*(rule.code for rule in RULES), *named]))
