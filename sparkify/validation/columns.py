"""What both ways share: which lines hold a record, and how a field's value becomes its column. DuckDB's SQL."""

from sparkify.datasets import Dataset
from sparkify.sql import quote
from sparkify.validation.fields import FIELDS, Field

MARK = "\ufeff"  # the byte-order mark, which may begin any line
_BLANK = rf"^[ \t\r\n{MARK}]*$"

# The first byte decides about all lines except those that begin with white space or, perhaps, with the mark.
HAS_TEXT = (
    f"(bytes BETWEEN '!'::BLOB AND '\\xEE'::BLOB OR NOT regexp_matches(decode(bytes, 'replace'), {quote(_BLANK)}))"
)


def text_lines_sql(source: str) -> str:
    """The non-blank lines of `source`, with their text."""
    return f"SELECT source_id, line, bytes, decode(bytes, 'replace') AS whole_text FROM {source} WHERE {HAS_TEXT}"


def column_names(dataset: Dataset) -> str:
    """The columns of a staging table."""
    return ", ".join([*(f'"{field.name}"' for field in FIELDS[dataset]), "other", "source_id", "line"])


def whole_columns(dataset: Dataset) -> str:
    """`whole_FIELD` for each `value_FIELD`: rounded, or NULL if the value does not fit the column's type."""
    wholes = [field for field in FIELDS[dataset] if field.kind == "whole"]
    return ",\n        ".join(f"try_cast(value_{field.name} AS {field.type}) AS whole_{field.name}" for field in wholes)


def text_values(dataset: Dataset) -> list[str]:
    """The columns with the values of the text fields."""
    return [f"value_{field.name}" for field in FIELDS[dataset] if field.kind == "text"]


def column_value(field: Field) -> str:
    """The column's value, for a record that breaks no rule."""
    if field.kind == "whole":
        return f"nullif(whole_{field.name}, 0)" if field.zero_is_null else f"whole_{field.name}"
    value = f"value_{field.name}"
    # 0.0 and -0.0 are equal, but must also have the same bytes.
    return f"CASE WHEN {value} = 0 THEN 0.0 ELSE {value} END" if field.kind == "decimal" else value
