"""The two datasets. Their fields are in `validation.fields`."""

from typing import Literal

Dataset = Literal["events", "songs"]
