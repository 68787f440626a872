"""Keeps the table normalized_texts complete: each text by which plays are matched has its normalized form there."""

from sparkify.datasets import Dataset
from sparkify.validation.texts import normalize_text
from sparkify.warehouses.base import Warehouse

TEXTS = "normalized_texts"
# Python holds so many texts at a time, whatever the records hold.
_FIRST_TEXTS = 100_000
_MOST_TEXTS = 500_000
_MOST_CHARACTERS = 32 << 20
_COLUMNS: dict[Dataset, tuple[str, str]] = {"events": ("song", "artist"), "songs": ("title", "artist_name")}


def add_texts(warehouse: Warehouse, dataset: Dataset, first_source_id: int = 0) -> None:
    """Normalize the texts of a dataset's staged records, from one source id on, that are not in the table yet."""
    most = _FIRST_TEXTS
    while texts := [text for (text,) in warehouse.fetch(f"{_missing_sql(dataset, first_source_id)} LIMIT {most}")]:
        warehouse.insert_rows(TEXTS, ["text", "normalized"], ((text, normalize_text(text)) for text in texts))
        if len(texts) < most:
            return
        # As many more at a time as are of bounded size if they are like these.
        most = min(_MOST_TEXTS, max(1, _MOST_CHARACTERS * len(texts) // max(1, sum(map(len, texts)))))


def _missing_sql(dataset: Dataset, first_source_id: int) -> str:
    # Only plays are matched.
    plays = "page = 'NextSong' AND " if dataset == "events" else ""
    staged = " UNION ".join(
        f"SELECT {column} AS text FROM staging_{dataset} WHERE {plays}source_id >= {first_source_id}"
        for column in _COLUMNS[dataset]
    )
    return f"""SELECT staged.text FROM ({staged}) AS staged
LEFT JOIN {TEXTS} AS known ON staged.text = known.text
WHERE known.text IS NULL"""
