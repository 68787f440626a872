"""The direct way into Redshift: its own COPY reads the raw objects, and no byte of them passes through this machine.

COPY tells no file and no line, and keeps no raw text. So each object is copied by itself, into a landing table of text,
where SQL looks for any record that is not surely good. An object with such a record, or with one that COPY refused,
is left for the validator, which alone decides about rejects: a reject is the same whichever way it came.
"""

import json

from sparkify.engines.copy import quote_literal, role_sql
from sparkify.settings import Config
from sparkify.validation.fields import FIELDS, Dataset, Field, required_fields

# COPY's own limit. With fewer it would fail, and with it the whole load: there are no savepoints.
_MOST_ERRORS = 100_000
# Digits may have been lost where COPY wrote an exponent.
_NUMBER = r"^-?(0|[1-9][0-9]*)([.][0-9]+)?$"
# A cast of more could fail, which would end the load: such an object takes the other way.
_LONGEST_NUMBER = 40
_LONGEST_TEXT_BYTES = 1024
_COMPRESSIONS = {".gz": "GZIP ", ".zst": "ZSTD "}


def landing_sql(dataset: Dataset) -> str:
    """The statement that makes the landing table: every field as the text that COPY makes of it."""
    columns = ",\n    ".join(f"{field.name} VARCHAR(65535)" for field in FIELDS[dataset])
    return f"CREATE TEMP TABLE landing_{dataset} (\n    {columns}\n)"


def jsonpaths(dataset: Dataset) -> bytes:
    """The JSONPaths of a dataset's fields: 'auto' would match no name that has an upper-case letter."""
    return json.dumps({"jsonpaths": [f"$['{field.name}']" for field in FIELDS[dataset]]}, indent=1).encode()


def jsonpaths_url(config: Config, dataset: Dataset) -> str | None:
    """Where the user's own JSONPaths lie; those of log data alone can be configured, as in the original project."""
    return config.log_jsonpath if dataset == "events" else None


def copy_object_sql(config: Config, dataset: Dataset, url: str, manifest: str, paths: str) -> str:
    """The COPY of one raw object, through a manifest: a bare key would take every other key that begins like it."""
    compression = next((word for suffix, word in _COMPRESSIONS.items() if url.endswith(suffix)), "")
    return (
        f"COPY landing_{dataset} FROM {quote_literal(manifest)} IAM_ROLE {role_sql(config)} MANIFEST "
        f"FORMAT AS JSON {quote_literal(paths)} {compression}MAXERROR {_MOST_ERRORS} COMPUPDATE OFF STATUPDATE OFF"
    )


def doubtful_sql(dataset: Dataset) -> str:
    """The query that counts landed records, and those of them that may not be loaded as they are."""
    conditions = [_doubt(field) for field in FIELDS[dataset]]
    conditions += [f"coalesce({name}, '') = ''" for name in required_fields(dataset)]
    if dataset == "events":
        plays = required_fields("events", of_plays=True)
        conditions += [f"(page = 'NextSong' AND coalesce({name}, '') = '')" for name in plays]
    doubts = "\n    OR ".join(conditions)
    return f"""WITH {_numbers_sql(dataset)}

SELECT count(*) AS landed, count(CASE WHEN {doubts}
    THEN 1 END) AS doubtful
FROM landed_records"""


def stage_landed_sql(dataset: Dataset) -> str:
    """The statement that appends the landed records to staging, for source id $1.

    Their order in the object is not known: `line` numbers them by their content.
    """
    names = ", ".join(field.name for field in FIELDS[dataset])
    typed = ",\n    ".join(f"{_typed(field)} AS {field.name}" for field in FIELDS[dataset])
    return f"""INSERT INTO staging_{dataset} ({names}, source_id, line)
WITH {_numbers_sql(dataset)}

SELECT
    {typed},
    cast($1 AS INTEGER) AS source_id,
    cast(row_number() OVER (ORDER BY {names}) AS INTEGER) AS line
FROM landed_records"""


def _numbers_sql(dataset: Dataset) -> str:
    """SQL: a common table of the landed records, with the value of each number field beside its text.

    A value is NULL where the text is no number, so that no cast can fail.
    """
    numbers = ",\n        ".join(
        f"CASE WHEN {field.name} ~ {quote_literal(_NUMBER)} AND length({field.name}) <= {_LONGEST_NUMBER} "
        f"THEN cast({field.name} AS DOUBLE PRECISION) END AS number_{field.name}"
        for field in FIELDS[dataset]
        if field.kind != "text"
    )
    return f"landed_records AS (\n    SELECT *,\n        {numbers}\n    FROM landing_{dataset}\n)"


def _doubt(field: Field) -> str:
    """SQL: whether a record may not be loaded for the sake of this field. A text that is no text cannot be told."""
    if field.kind == "text":
        return f"octet_length({field.name}) > {_LONGEST_TEXT_BYTES}"
    number = f"number_{field.name}"
    bad = f"{number} IS NULL"
    if field.kind == "whole":
        # The very bounds are left to the validator: next to 2^53, whole numbers round to it.
        bad += f" OR {number} <> trunc({number}) OR NOT ({number} > {field.low} AND {number} < {field.high})"
    return f"({field.name} <> '' AND ({bad}))"


def _typed(field: Field) -> str:
    if field.kind == "text":
        return f"nullif({field.name}, '')"
    number = f"number_{field.name}"
    if field.kind == "decimal":
        # An equal value has to be an identical one: 0.0 and -0.0 are equal.
        return f"CASE WHEN {number} = 0 THEN 0 ELSE {number} END"
    whole = f"cast({number} AS {field.type})"
    return f"nullif({whole}, 0)" if field.name == "year" else whole
