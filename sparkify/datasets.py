"""The two datasets, in the order in which they are loaded. Their fields are in `validation.fields`."""

from typing import Literal, NamedTuple

Dataset = Literal["events", "songs"]
DATASETS: tuple[Dataset, ...] = ("events", "songs")
# Of the text of a rejected record so many bytes are kept: a VARCHAR of Redshift holds no more.
MOST_RAW_BYTES = 65_535


class Key(NamedTuple):
    """What a field is read from, by the settings: the key of this name, or a constant in place of any key."""

    name: str | None = None
    constant: str | None = None
