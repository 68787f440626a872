"""The version of the rules by which a file was read."""

from functools import cache

from sparkify.datasets import DATASETS
from sparkify.sql import digest_sql
from sparkify.validation import full


@cache
def rules_digest() -> str:
    """A digest of the current rules. A file with another digest may be read differently now.

    It covers the statements of the full way for both datasets, because only the full way rejects.
    """
    return digest_sql(full.judge_sql(dataset, "lines") for dataset in DATASETS)
