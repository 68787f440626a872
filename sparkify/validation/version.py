"""The version of the rules by which a file was read."""

from functools import cache

from sparkify.datasets import DATASETS, Dataset, Key
from sparkify.settings import Config
from sparkify.sql import digest_sql
from sparkify.validation import full
from sparkify.validation.keys import Keys

_NO_SETTINGS = Config()


def keys_of(config: Config, dataset: Dataset) -> Keys:
    """Which keys the fields of a dataset are read from, where the settings say so."""
    return config.event_keys if dataset == "events" else config.song_keys


def rules_digest(config: Config = _NO_SETTINGS) -> str:
    """A digest of the current rules. A file with another digest may be read differently now.

    It covers the statements of the full way for both datasets, because only the full way rejects. They also hold the
    keys and constants of the settings, and the repair of texts.
    """
    return _digest(*(tuple(sorted(keys_of(config, dataset).items())) for dataset in DATASETS))


@cache
def _digest(*keys: tuple[tuple[str, Key], ...]) -> str:
    return digest_sql(full.judge_sql(dataset, "lines", dict(own)) for dataset, own in zip(DATASETS, keys, strict=True))
