"""The fields of a record, for both datasets."""

from dataclasses import dataclass
from typing import Literal

from sparkify.settings import Dataset as Dataset

# 2000-01-01 and 2100-01-01 in milliseconds: seconds that were sent as milliseconds fall outside.
_TS_RANGE = (946_684_800_000, 4_102_444_800_000)
_INT32_RANGE = (-(2**31), 2**31 - 1)
DOUBLE_EXACT_RANGE = (-(2**53), 2**53)


@dataclass(frozen=True)
class Field:
    """One known key. `kind` is text, whole (number) or decimal; `low` and `high` bound a whole number, inclusive."""

    name: str
    kind: Literal["text", "whole", "decimal"] = "text"
    low: int = _INT32_RANGE[0]
    high: int = _INT32_RANGE[1]

    @property
    def type(self) -> str:
        """The column's type in DuckDB."""
        if self.kind == "whole":
            return "INTEGER" if (self.low, self.high) == _INT32_RANGE else "BIGINT"
        return "DOUBLE" if self.kind == "decimal" else "VARCHAR"


def _text(*names: str) -> list[Field]:
    return [Field(name) for name in names]


def _whole(name: str) -> Field:
    return Field(name, "whole")


FIELDS: dict[Dataset, list[Field]] = {
    "events": [
        *_text("artist", "auth", "firstName", "gender"),
        _whole("itemInSession"),
        *_text("lastName"),
        Field("length", "decimal"),
        *_text("level", "location", "method", "page"),
        Field("registration", "whole", *DOUBLE_EXACT_RANGE),
        _whole("sessionId"),
        *_text("song"),
        _whole("status"),
        Field("ts", "whole", *_TS_RANGE),
        *_text("userAgent"),
        _whole("userId"),
    ],
    "songs": [
        _whole("num_songs"),
        *_text("artist_id"),
        Field("artist_latitude", "decimal"),
        Field("artist_longitude", "decimal"),
        *_text("artist_location", "artist_name", "song_id", "title"),
        Field("duration", "decimal"),
        _whole("year"),
    ],
}

_REQUIRED: dict[Dataset, tuple[str, ...]] = {
    "events": ("itemInSession", "page", "sessionId", "ts"),
    "songs": ("artist_id", "artist_name", "song_id", "title"),
}
_REQUIRED_OF_PLAYS = ("artist", "song", "userId")


def required_fields(dataset: Dataset, *, of_plays: bool = False) -> tuple[str, ...]:
    """The fields that every record of a dataset needs, or those that plays need besides."""
    return _REQUIRED_OF_PLAYS if of_plays else _REQUIRED[dataset]
