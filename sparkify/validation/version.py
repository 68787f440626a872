"""Which rules a file was read by."""

from functools import cache

from sparkify.datasets import DATASETS
from sparkify.sql import digest_sql
from sparkify.validation import full


@cache
def rules_digest() -> str:
    """A digest of the rules of today. Files with another one may read differently now.

    It covers the statements of the full way, which alone says what a record is, for both datasets.
    """
    return digest_sql(full.judge_sql(dataset, "lines") for dataset in DATASETS)
