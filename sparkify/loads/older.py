"""Brings what older code has staged to what today's code would stage, where that needs no source.

Texts that were encoded twice as UTF-8 are repaired, and rejects are judged again by today's rules. All of it belongs to
the transaction of a migration. What only the source holds, such as unknown keys, stays away: the file was read by other
rules, and is to be read again.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from sparkify.datasets import Dataset
from sparkify.errors import ConfigError, SourceError
from sparkify.formats import count_of
from sparkify.loads import ledger
from sparkify.loads.judging import bring_judged, collect_rejects
from sparkify.star.changes import StarChange
from sparkify.validation.fields import FIELDS
from sparkify.validation.texts import repair_text
from sparkify.warehouses import Warehouse

# The characters that the first byte of a longer UTF-8 sequence is, where it is taken for a character of its own.
_FIRST_BYTES = "".join(map(chr, range(0xC2, 0xF5)))


def bring_records_up_to_date(warehouse: Warehouse) -> list[str]:
    """Repair what is staged, and judge rejects again; returns a sentence for each. The star is not computed here."""
    repaired = _repair(warehouse, "events") + _repair(warehouse, "songs")
    ledger.add_repaired(warehouse, repaired)
    steps = [f"repaired {count_of(repaired.total(), 'record')} with text encoded twice as UTF-8"] if repaired else []
    return steps + _judge_again(warehouse)


# ---- repair ----


def _repair(warehouse: Warehouse, dataset: Dataset) -> Counter[int]:
    """Repair the texts of a staging table; returns the number of repaired records by source id."""
    table = f"staging_{dataset}"
    columns = [field.name for field in FIELDS[dataset] if field.kind == "text"]
    texts = [text for (text,) in warehouse.fetch(_suspicious_sql(table, columns))]
    repaired = [(text, meant) for text in texts if (meant := repair_text(text)) != text]
    if not repaired:
        return Counter()
    warehouse.make_temporary("sparkify_repaired_texts")
    warehouse.insert_rows("sparkify_repaired_texts", ["text", "meant"], repaired)
    counts = warehouse.fetch(_count_repaired_sql(table, columns))
    for column in columns:
        warehouse.execute(
            f"UPDATE {table} SET {column} = sparkify_repaired_texts.meant FROM sparkify_repaired_texts "
            f"WHERE {table}.{column} = sparkify_repaired_texts.text"
        )
    return Counter({source_id: int(count) for source_id, count in counts})


def _count_repaired_sql(table: str, columns: Sequence[str]) -> str:
    """The records with a repaired text, by source id. Redshift may refuse several IN (SELECT …) joined by OR."""
    joins = "\n".join(
        f"LEFT JOIN sparkify_repaired_texts AS of_{column} ON staged.{column} = of_{column}.text" for column in columns
    )
    found = ", ".join(f"of_{column}.text" for column in columns)
    return f"""SELECT staged.source_id, count(*)
FROM {table} AS staged
{joins}
WHERE coalesce({found}) IS NOT NULL
GROUP BY staged.source_id"""


def _suspicious_sql(table: str, columns: Iterable[str]) -> str:
    return " UNION ".join(
        f"SELECT {column} AS text FROM {table} WHERE translate({column}, '{_FIRST_BYTES}', '') <> {column}"
        for column in columns
    )


# ---- rejects ----


def _judge_again(warehouse: Warehouse) -> list[str]:
    """Judge the rejects of loaded files by today's rules."""
    found = ledger.count_replayable(warehouse)
    if not found:
        return []
    rejects = count_of(sum(some.rejects for some in found), "reject")
    try:
        warehouse.intake.open()
    except (ConfigError, SourceError) as error:
        return [f"{rejects} of older rules were not judged again, for {error}; sparkify replay does so"]
    datasets = collect_rejects(warehouse, StarChange(warehouse, "rebuild"), found)
    with warehouse.intake.judge_again(datasets) as take:
        loaded = bring_judged(warehouse, take)
    return [f"judged {rejects} again by today's rules: {loaded:,} loaded"]
