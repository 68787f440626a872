"""The two datasets, in the order in which they are loaded. Their fields are in `validation.fields`."""

from typing import Literal

Dataset = Literal["events", "songs"]
DATASETS: tuple[Dataset, ...] = ("events", "songs")
