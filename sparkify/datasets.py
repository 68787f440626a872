"""The two datasets, in the order in which they are loaded. Their fields are in `validation.fields`."""

from typing import Literal, NamedTuple

Dataset = Literal["events", "songs"]
DATASETS: tuple[Dataset, ...] = ("events", "songs")
# Of the text of a rejected record so many bytes are kept: a VARCHAR of Redshift holds no more.
MOST_RAW_BYTES = 65_535
# Of the keys of records that are told, as unknown or as taken for a field: so many.
MOST_TOLD_NAMES = 1_000


class Key(NamedTuple):
    """What a field is read from, by the settings: the key of this name, or a constant in place of any key."""

    name: str | None = None
    constant: str | None = None
