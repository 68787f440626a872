"""The one validator: lines of bytes become typed rows or rejects, by the rules of contract section 2.

It runs inside DuckDB whatever the warehouse, so that two engines cannot disagree about what a record is. Nothing here
reads a file or knows a ledger.

Nearly every line of a log can be seen to pass with little work: an object of exactly the known keys, each of its values
in the form that the app writes. `append_rows` appends those straight to a table and gives the rest the full round of
rules, which alone decides about rejects. Both ways give a record that passes both the same row.

Where the contract leaves a choice, these rules hold:

- A number in a string must match the number grammar of RFC 8259 to the letter: no blanks, no `+`, no leading zero.
- A number with a fraction or an exponent is read as an IEEE 754 double, as JSON readers do; -0.0 becomes 0.0.
- Of a key that stands twice in an object the first counts. Keys are compared exactly, after unescaping.
- A line of nothing but JSON white space is blank. Only `\\n` ends a line; a `\\r` before it belongs to the end.
"""

import json
from collections.abc import Iterable
from typing import Any

import duckdb

from sparkify.sources.bundles import Bundle
from sparkify.validation.fields import DOUBLE_EXACT_RANGE, FIELDS, Dataset, Field, required_fields

_LONGEST_TEXT_BYTES = 1024

_NUMBER = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?"
# DuckDB's parser lets pass what RFC 8259 forbids in two places only: NaN or Infinity, and a comma before a bracket.
_STRING = r'(?s)"(?:[^"\\]|\\.)*"'
_LENIENT = r"(?i)nan|inf|,[ \t\r\n]*[\]}]"
_TRAILING_COMMA = r",[ \t\r\n]*\}[ \t\r\n]*$"
_BRACKET_OR_WORD = r"^([\[{]|(?i)(nan|inf|infinity|true|false)$)"
_BLANK = r"^[ \t\r\n]*$"


# The app writes these numbers as strings.
_QUOTED_NUMBERS = {"userId"}


def append_rows(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    bundles: Iterable[Bundle],
    table: str,
    *,
    trusting: bool = True,
) -> dict[int, int]:
    """Append the records of some bundles that may be loaded to a table that has the staging columns.

    The bundles are taken while the first of them are worked on, in whatever thread, and all held until the end.
    The rejects are in the temporary table `landed` afterwards, where `reason` is not NULL: source_id, line, reason and
    `raw`, the line's text; beside them may stand loaded records. Returns the records read of each file, counted before
    any is judged. A transaction of the caller's is left open. Raises what taking a bundle raises.

    `trusting` only decides what is faster: to try the quick way with every line costs little where nearly all of them
    can go it, and much where they stumble, as `found_odd_lines` says of the lines of these bundles.
    """
    # Only a load needs it, and every command imports this module.
    from sparkify.validation.arrow import LineStream, Table, registered

    appended = 0
    if trusting:
        stream = LineStream(bundles)
        with registered(connection, "bundle", stream):
            appended = _fetch(connection, _append_quickly_sql(dataset, table, "bundle"))[0][0]
            bundles = stream.taken
    with registered(connection, "bundle", Table.of_lines(bundles)):
        if not trusting:
            connection.execute(_odd_lines_sql(dataset))
            appended = _fetch(connection, _append_quickly_sql(dataset, table, _but("odd_lines")))[0][0]
        read = dict(_fetch(connection, _READ_PER_FILE))
        connection.execute(_create_landed_sql(dataset))
        if appended < sum(read.values()):
            # Only rows of these bundles' files are met: no earlier load has their source ids.
            _append_judged(connection, dataset, _but(table), table)
            _escape_bad_encoding(connection)
    return read


def append_again(connection: duckdb.DuckDBPyConnection, dataset: Dataset, source: str, table: str) -> None:
    """Append the records that may be loaded of those that stand in a table already, as `append_rows` does.

    `source` has source_id, line and `bytes`, the line's text.
    """
    connection.execute(_create_landed_sql(dataset))
    _append_judged(connection, dataset, source, table)


def _append_judged(connection: duckdb.DuckDBPyConnection, dataset: Dataset, source: str, table: str) -> None:
    connection.execute(_landed_sql(dataset, source))
    columns = _columns(dataset)
    connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM landed WHERE reason IS NULL")


def found_odd_lines(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether `landed` holds lines that are no object of exactly the known keys."""
    sql = "SELECT count(*) FROM landed WHERE NOT has_known_keys"
    return bool(_fetch(connection, sql)[0][0])


def unknown_keys(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The keys that no field is named after, of the records in `landed`."""
    return {key for (key,) in _fetch(connection, "SELECT DISTINCT unnest(unknown_keys) FROM landed")}


def _but(table: str) -> str:
    """SQL: the lines of the bundle that a table does not have."""
    return f"""(SELECT * FROM bundle WHERE NOT EXISTS (
        SELECT 1 FROM {table} AS other WHERE other.source_id = bundle.source_id AND other.line = bundle.line
    ))"""


def _fetch(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql).fetchall()


def quote(text: str) -> str:
    """A text as a literal of DuckDB's, in which a backslash is a backslash."""
    return "'" + text.replace("'", "''") + "'"


def _body(field: Field) -> str:
    """The digits of a number field: of a string that holds a number what is inside its quotes, else the token."""
    token = f"token_{field.name}"
    return f"""CASE WHEN NOT starts_with({token}, '"') THEN {token}
        WHEN regexp_full_match({token}[2:-2], {quote(_NUMBER)}) THEN {token}[2:-2] END"""


def _value(field: Field) -> str:
    """A field's value, of which only `reason` knows whether it is one."""
    if field.kind == "text":
        return f"nullif(json_object.{field.name}, '')"
    return f"try_cast({_body(field)} AS DOUBLE)"


def _bad_type(field: Field) -> str:
    value = f"value_{field.name}"
    if field.kind == "text":
        # Unescaped text has lost its quotes. Only what looks like a number, a bracket, true, false, NaN or Infinity can
        # be something else than a string: the first characters tell which few lines have to be parsed once more.
        return f"""(
            ({value} < ':' AND {value} >= '-')
            OR ({value} >= 'I' AND ({value} < 'J' OR {value} >= '[' OR {value} BETWEEN 'NA' AND 'Nb')
                AND regexp_matches({value}, {quote(_BRACKET_OR_WORD)}))
        ) AND json_type(text, '$.{field.name}') <> 'VARCHAR'"""
    token = f"token_{field.name}"
    bad = f"{value} IS NULL OR isnan({value})"
    if field.kind == "decimal":
        bad += f" OR isinf({value})"
    else:
        # A number beyond double is whole, however large; a bare Infinity is no number at all.
        bad += f" OR {value} <> trunc({value}) OR (isinf({value}) AND {token} NOT SIMILAR TO '\"?-?[0-9].*')"
    return f"""{token} <> '""' AND ({bad})"""


def _out_of_range(field: Field) -> str:
    value = f"value_{field.name}"
    outside = f"{value} NOT BETWEEN {field.low} AND {field.high}"
    if (field.low, field.high) != DOUBLE_EXACT_RANGE:
        return outside
    # The integers next to the limit round to it as doubles; written out as integers they are exact.
    digits = f"""regexp_extract(token_{field.name}, '^"?-?([0-9]+)"?$', 1)"""
    return f"{outside} OR (abs({value}) = {field.high} AND try_cast({digits} AS HUGEINT) > {field.high})"


def _first_failing(rule: str, conditions: dict[str, str]) -> str:
    """SQL: the reason code of the first field, in the order of the key list, whose condition holds; else NULL."""
    whens = "\n        ".join(f"WHEN {condition} THEN '{rule}:{name}'" for name, condition in conditions.items())
    return f"CASE {whens} END"


def _missing(dataset: Dataset) -> dict[str, str]:
    absent = {name: f"value_{name} IS NULL" for name in required_fields(dataset)}
    if dataset == "events":
        absent |= {
            name: f"value_page = 'NextSong' AND value_{name} IS NULL"
            for name in required_fields(dataset, of_plays=True)
        }
    return {field.name: absent[field.name] for field in FIELDS[dataset] if field.name in absent}


def _reason_sql(dataset: Dataset) -> str:
    fields = FIELDS[dataset]
    texts = [field.name for field in fields if field.kind == "text"]
    wholes = {field.name: _out_of_range(field) for field in fields if field.kind == "whole"}
    too_long = {name: f"strlen(value_{name}) > {_LONGEST_TEXT_BYTES}" for name in texts}
    nul = {name: f"contains(value_{name}, chr(0))" for name in texts}
    # Two guards spare nearly every line two rounds over all texts: unescaping never lengthens a text, and a NUL can
    # only come from its escape.
    return f"""CASE
    WHEN NOT is_utf8 THEN 'bad_encoding'
    WHEN NOT is_json THEN 'not_json'
    WHEN (NOT has_known_keys OR bad_type IS NOT NULL OR regexp_matches(text, {quote(_TRAILING_COMMA)}))
        AND regexp_matches(regexp_replace(text, {quote(_STRING)}, '""', 'g'), {quote(_LENIENT)}) THEN 'not_json'
    WHEN NOT has_known_keys AND json_type(text) <> 'OBJECT' THEN 'not_object'
    ELSE coalesce(
        bad_type,
        {_first_failing("out_of_range", wholes)},
        CASE WHEN strlen(text) > {_LONGEST_TEXT_BYTES} THEN {_first_failing("too_long", too_long)} END,
        CASE WHEN contains(text, '\\u0000') THEN {_first_failing("nul_character", nul)} END,
        {_first_failing("missing", _missing(dataset))}
    )
    END"""


def _wholes_sql(dataset: Dataset) -> str:
    """The columns of whole numbers: rounded, and NULL where the value does not fit the column's type."""
    fields = [field for field in FIELDS[dataset] if field.kind == "whole"]
    return ",\n        ".join(f"try_cast(value_{field.name} AS {field.type}) AS whole_{field.name}" for field in fields)


def _typed(field: Field) -> str:
    if field.kind == "whole":
        return f"nullif(whole_{field.name}, 0)" if field.name == "year" else f"whole_{field.name}"
    value = f"value_{field.name}"
    # An equal value has to be an identical one: 0.0 and -0.0 are equal.
    return f"CASE WHEN {value} = 0 THEN 0.0 ELSE {value} END" if field.kind == "decimal" else value


def _known_keys(dataset: Dataset) -> str:
    return "[" + ", ".join(quote(field.name) for field in FIELDS[dataset]) + "]"


def _columns(dataset: Dataset) -> str:
    return ", ".join([*(f'"{field.name}"' for field in FIELDS[dataset]), "source_id", "line"])


# The first byte decides about all lines but those that begin with white space.
_HAS_TEXT = f"(bytes >= '!'::BLOB OR NOT regexp_matches(decode(bytes, 'replace'), {quote(_BLANK)}))"
_TEXT_LINES = f"SELECT source_id, line, bytes, decode(bytes, 'replace') AS text FROM {{source}} WHERE {_HAS_TEXT}"


def _judged_sql(dataset: Dataset, source: str) -> str:
    """SQL: a WITH list that ends in `judged_lines`. Each step adds its columns, so that nothing is computed twice.

    `source` has the columns of a bundle.
    """
    fields = FIELDS[dataset]
    numbers = [field.name for field in fields if field.kind != "text"]
    known = _known_keys(dataset)
    # Texts unescaped, numbers as the tokens they are: 39 and "39" have to stay apart.
    structure = quote(json.dumps({field.name: "VARCHAR" if field.kind == "text" else "JSON" for field in fields}))
    tokens = ",\n        ".join(f"CAST(json_object.{name} AS VARCHAR) AS token_{name}" for name in numbers)
    values = ",\n        ".join(f"{_value(field)} AS value_{field.name}" for field in fields)
    bad_type = _first_failing("bad_type", {field.name: _bad_type(field) for field in fields})
    return f"""WITH text_lines AS (
    {_TEXT_LINES.format(source=source)}
), checked_lines AS (
    SELECT *, encode(text) = bytes AS is_utf8, json_valid(text) AS is_json FROM text_lines
), parsed_lines AS (
    SELECT *,
        CASE WHEN is_utf8 AND is_json THEN json_transform(text, {structure}) END AS json_object,
        CASE WHEN is_utf8 AND is_json THEN json_keys(text) END AS keys,
        coalesce(keys = {known}, FALSE) AS has_known_keys
    FROM checked_lines
), token_lines AS (
    SELECT *,
        {tokens}
    FROM parsed_lines
), value_lines AS (
    SELECT *,
        {values}
    FROM token_lines
), typed_lines AS (
    SELECT *,
        {_wholes_sql(dataset)},
        {bad_type} AS bad_type
    FROM value_lines
), judged_lines AS (
    SELECT *, {_reason_sql(dataset)} AS reason
    FROM typed_lines
)"""


def _create_landed_sql(dataset: Dataset) -> str:
    columns = ", ".join(f'"{field.name}" {field.type}' for field in FIELDS[dataset])
    return f"""CREATE OR REPLACE TEMP TABLE landed (
    {columns}, source_id INTEGER, line INTEGER, reason VARCHAR, raw VARCHAR, raw_bytes BLOB,
    has_known_keys BOOLEAN, unknown_keys VARCHAR[]
)"""


def _landed_sql(dataset: Dataset, source: str) -> str:
    known = _known_keys(dataset)
    typed = ",\n    ".join(
        f'CASE WHEN reason IS NULL THEN {_typed(field)} END AS "{field.name}"' for field in FIELDS[dataset]
    )
    # What is no JSON has no keys to speak of, even where DuckDB's lenient parser finds some.
    unknown = f"list_filter(keys, LAMBDA key: NOT list_contains({known}, key))"
    return f"""INSERT INTO landed
{_judged_sql(dataset, source)}
SELECT
    {typed},
    source_id, line, reason,
    CASE WHEN reason IS NOT NULL AND is_utf8 THEN regexp_replace(text, '\\r?\\n$', '') END AS raw,
    CASE WHEN NOT is_utf8 THEN bytes END AS raw_bytes,
    has_known_keys,
    CASE WHEN NOT has_known_keys AND reason IS DISTINCT FROM 'not_json' THEN {unknown} END AS unknown_keys
FROM judged_lines"""


def _odd_lines_sql(dataset: Dataset) -> str:
    """The lines that the quick way would stumble over."""
    known = _known_keys(dataset)
    return f"""CREATE OR REPLACE TEMP TABLE odd_lines AS
SELECT source_id, line FROM ({_TEXT_LINES.format(source="bundle")})
WHERE encode(text) <> bytes OR coalesce(CASE WHEN json_valid(text) THEN json_keys(text) END <> {known}, TRUE)"""


def _quick_form(field: Field) -> str:
    """The type as which the quick way takes a value out of its line."""
    if field.kind == "text" or field.name in _QUOTED_NUMBERS:
        return "VARCHAR"
    return "JSON"


def _quick_value(field: Field) -> str:
    taken = f"json_object.{field.name}"
    if field.kind == "text":
        return f"nullif({taken}, '')"
    if field.name in _QUOTED_NUMBERS:
        return f"try_cast({taken} AS {field.type})"
    return f"try_cast(CAST({taken} AS VARCHAR) AS DOUBLE)"


def _doubt(field: Field) -> str:
    """SQL: whether the quick way cannot tell that a field is right, and its value the one that the rules give."""
    value, taken = f"value_{field.name}", f"json_object.{field.name}"
    if field.kind == "text":
        return _bad_type(field)
    if field.name in _QUOTED_NUMBERS:
        return f"nullif({taken}, '') IS DISTINCT FROM CAST({value} AS VARCHAR)"
    if field.kind == "decimal":
        return f"NOT isfinite({value}) OR ({value} IS NULL AND {taken} IS NOT NULL)"
    whole = f"whole_{field.name}"
    doubt = f"{whole} <> {value} OR ({whole} IS NULL AND {taken} IS NOT NULL)"
    return doubt if field.type == "INTEGER" else f"{value} <= {field.low} OR {value} >= {field.high} OR {doubt}"


def _append_quickly_sql(dataset: Dataset, table: str, source: str) -> str:
    """Append the lines that are quickly seen to pass.

    A cast from JSON stumbles over what is blank, no JSON in UTF-8, no object, or has a key too few, too many or twice:
    TRY makes NULL of it.
    """
    fields = FIELDS[dataset]
    values = ",\n        ".join(f"{_quick_value(field)} AS value_{field.name}" for field in fields)
    typed = ",\n    ".join(map(_typed, fields))
    structure = ", ".join(f"{field.name} {_quick_form(field)}" for field in fields)
    # The guards are those of `_reason_sql`. Without one of them a value could differ, or be none.
    doubts = [
        "json_object IS NULL",
        # Nearly all lines end with the closing quote of their last value, and need no search.
        f"""NOT ends_with(text, '"}}\n') AND regexp_matches(text, {quote(_TRAILING_COMMA)})""",
        f"strlen(text) > {_LONGEST_TEXT_BYTES}",
        "contains(text, '\\u0000')",
        *_missing(dataset).values(),
        *map(_doubt, fields),
    ]
    whens = "\n        ".join(f"WHEN {doubt} THEN TRUE" for doubt in doubts)
    # random() is a barrier: DuckDB moves a condition below no step that holds it. Moved down, all that the condition
    # reads, with the whole of the parsing, would be computed twice.
    return f"""INSERT INTO {table} ({_columns(dataset)})
WITH parsed_lines AS (
    SELECT source_id, line, CAST(json AS VARCHAR) AS text, TRY(CAST(json AS STRUCT({structure}))) AS json_object
    FROM {source}
), value_lines AS (
    SELECT *,
        {values}
    FROM parsed_lines
), whole_lines AS (
    SELECT *,
        {_wholes_sql(dataset)}
    FROM value_lines
), doubted_lines AS (
    SELECT *, CASE
        {whens}
        WHEN random() < 0 THEN TRUE
    END AS is_doubtful
    FROM whole_lines
)
SELECT
    {typed},
    source_id, line
FROM doubted_lines WHERE is_doubtful IS NULL"""


def _escape_bad_encoding(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the lines that are no UTF-8 their `raw`: as they are, with `\\xNN` for each byte that is not valid."""
    row_ids, lines = connection.execute(
        "SELECT list(rowid ORDER BY rowid), list(raw_bytes ORDER BY rowid) FROM landed WHERE raw_bytes IS NOT NULL"
    ).fetchall()[0]
    if not row_ids:
        return
    # All at once: a line keeps its end, and no invalid sequence can run over one.
    raws = b"".join(line.removesuffix(b"\n").removesuffix(b"\r") + b"\n" for line in lines)
    texts = raws.decode("utf-8", "backslashreplace").split("\n")[:-1]
    connection.execute(
        "UPDATE landed SET raw = escaped.raw FROM (SELECT unnest($1) AS id, unnest($2) AS raw) AS escaped "
        "WHERE landed.rowid = escaped.id",
        [row_ids, texts],
    )


# Counted from the lines themselves: a record that the statement above lost would show.
_READ_PER_FILE = f"SELECT source_id, count(*) FROM bundle WHERE {_HAS_TEXT} GROUP BY source_id"
