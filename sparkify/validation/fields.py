"""The fields of a record: the validator, the simulator and docs/records.md are made from this list.

A field's meaning is the comment after its column in the staging table's `create.sql`.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from sparkify.datasets import Dataset


class Range(NamedTuple):
    """The inclusive bounds of a whole number, and their text in the docs."""

    low: int
    high: int
    says: str


# Seconds sent as milliseconds fall outside of this range.
TIMES = Range(946_684_800_000, 4_102_444_800_000, "2000-01-01 to 2100-01-01 in milliseconds")
INT32 = Range(-(2**31), 2**31 - 1, "32 bits")
TIMESTAMPS = Range(-62_135_596_800_000, 253_402_300_799_999, "years 1 to 9999 in milliseconds")


@dataclass(frozen=True)
class Field:
    """One known key, or `other`.

    `example` is a JSON value as the app writes it. `needed` says which records are rejected without the field.
    `range` bounds a whole number; `is_quoted` says that the app writes the number as a string, and `zero_is_null` that
    it means no value by 0.
    """

    name: str
    kind: Literal["text", "whole", "decimal", "other"]
    example: str
    needed: Literal["", "always", "in plays"] = ""
    range: Range = INT32
    is_quoted: bool = False
    zero_is_null: bool = False

    @property
    def type(self) -> str:
        """The column's type in DuckDB."""
        if self.kind == "whole":
            return "INTEGER" if self.range == INT32 else "BIGINT"
        return "DOUBLE" if self.kind == "decimal" else "VARCHAR"


# All keys that are not known, as one JSON object. Rules check it after the fields.
OTHER = Field("other", "other", '{"device":"phone"}')

# In the order in which a rule checks them.
FIELDS: dict[Dataset, tuple[Field, ...]] = {
    "events": (
        Field("artist", "text", '"Muse"', needed="in plays"),
        Field("auth", "text", '"Logged In"'),
        Field("firstName", "text", '"Lily"'),
        Field("gender", "text", '"F"'),
        Field("itemInSession", "whole", "0", needed="always"),
        Field("lastName", "text", '"Koch"'),
        Field("length", "decimal", "209.34485"),
        Field("level", "text", '"paid"'),
        Field("location", "text", '"Chicago-Naperville-Elgin, IL-IN-WI"'),
        Field("method", "text", '"PUT"'),
        Field("page", "text", '"NextSong"', needed="always"),
        Field("registration", "whole", "1541048010796.0", range=TIMESTAMPS),
        Field("sessionId", "whole", "818", needed="always"),
        Field("song", "text", '"Supermassive Black Hole"', needed="in plays"),
        Field("status", "whole", "200"),
        Field("ts", "whole", "1542837407796", needed="always", range=TIMES),
        Field("userAgent", "text", '"Mozilla/5.0 (X11; Linux x86_64; rv:31.0) Gecko/20100101 Firefox/31.0"'),
        Field("userId", "whole", '"15"', needed="in plays", is_quoted=True),
    ),
    "songs": (
        Field("num_songs", "whole", "1"),
        Field("artist_id", "text", '"ARR3ONV1187B9A2F59"', needed="always"),
        Field("artist_latitude", "decimal", "50.5421"),
        Field("artist_longitude", "decimal", "-3.49388"),
        Field("artist_location", "text", '"Teignmouth, Devon, England"'),
        Field("artist_name", "text", '"Muse"', needed="always"),
        Field("song_id", "text", '"SOUPIRU12A6D4FA1E1"', needed="always"),
        Field("title", "text", '"Supermassive Black Hole"', needed="always"),
        Field("duration", "decimal", "209.34485"),
        Field("year", "whole", "2006", zero_is_null=True),
    ),
}
