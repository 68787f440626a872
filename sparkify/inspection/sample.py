"""A sample of a dataset, read and judged as a load would: a few files, the beginning of each. Changes no warehouse."""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from sparkify.datasets import Dataset
from sparkify.formats import count_of
from sparkify.loads.ledger import FileCount, FileEntry, count_reasons, record_files
from sparkify.loads.warnings import Brought, Delivery, list_notes, list_warnings
from sparkify.settings import Config
from sparkify.sources.bundles import Bundle, read_bundles
from sparkify.sources.file import SourceFile
from sparkify.sql import create_sql
from sparkify.star.tables import list_counts
from sparkify.warehouses import Appended, Incoming, Warehouse, longest_record
from sparkify.warehouses.remote import open_scratch

# Spread over the listing; the smallest and the largest come with them.
_FILES = 5
# The first bundle of a file has about so many bytes.
_BYTES = 1 << 20
_LOAD_ID = 1


@dataclass(frozen=True)
class Sample:
    """What reading the beginnings of a few files has shown.

    `shapes` counts files by shape where it is known. `errors` are sentences about files that cannot be read, and
    `warnings` what a load of no more than this would say aloud.
    """

    files: int
    records: dict[str, int]
    reasons: dict[str, int]
    shapes: dict[str, int]
    errors: list[str]
    warnings: list[str]

    @property
    def is_sound(self) -> bool:
        """Whether all its files can be read, and some record of it could be loaded."""
        return not self.errors and (self.records["loaded"] > 0 or self.records["read"] == 0)

    def __str__(self) -> str:
        counts = self.records
        read = f"{count_of(counts['read'], 'record')} of {count_of(self.files, 'file')} read as a sample"
        told = [f"{read}: {counts['loaded']:,} would load, {counts['rejected']:,} be rejected{_name(self.reasons)}"]
        if self.shapes and set(self.shapes) != {"lines"}:
            told.append("shapes: " + ", ".join(f"{shape} {count:,}" for shape, count in self.shapes.items()))
        return "; ".join([*told, *self.errors, *self.warnings])


def read_sample(config: Config, dataset: Dataset, files: Sequence[SourceFile]) -> Sample:
    """Read and judge the beginnings of a few files in a scratch warehouse."""
    chosen = dict(enumerate(_choose(files), 1))
    with open_scratch(config, "events", "songs") as scratch:
        with scratch.transaction():
            urls = {source_id: file.url for source_id, file in chosen.items()}
            beginnings = _read_beginnings(config, chosen)
            taken = scratch.intake.append(_LOAD_ID, Incoming(dataset, urls, beginnings))
        entries = _list_entries(scratch, dataset, chosen, taken)
        scratch.execute(create_sql("load_files", scratch.dialect))
        record_files(scratch, _LOAD_ID, entries)
        found = Brought.of(dataset, entries, taken, list_notes(taken, urls))
        return Sample(
            len(entries),
            {what: found.count(what) for what in ("read", "loaded", "rejected", "repaired")},
            count_reasons(scratch),
            dict(Counter(entry.shape for entry in entries if entry.shape)),
            [end.error for end in taken.files.values() if end.error is not None],
            list_warnings(Delivery(scratch, config, _LOAD_ID, [found], [], is_sample=True)),
        )


def _choose(files: Sequence[SourceFile]) -> list[SourceFile]:
    by_size = sorted(files, key=lambda file: file.size)
    places = {len(files) * number // _FILES for number in range(_FILES)} | {len(files) - 1}
    chosen = {files[place].url: files[place] for place in places} | {one.url: one for one in (by_size[0], by_size[-1])}
    return sorted(chosen.values(), key=lambda file: file.url)


def _read_beginnings(config: Config, chosen: dict[int, SourceFile]) -> Iterator[Bundle]:
    for source_id, file in chosen.items():
        with closing(_read(config, source_id, file)) as bundles:
            first = next(bundles, None)
            if first is not None:
                yield first


def _read(config: Config, source_id: int, file: SourceFile) -> Generator[Bundle, None, None]:
    longest = longest_record(config)
    return read_bundles([(source_id, file)], bundle_bytes=_BYTES, access=config.s3_access, longest=longest)


def _list_entries(
    scratch: Warehouse, dataset: Dataset, chosen: dict[int, SourceFile], taken: Appended
) -> list[FileEntry]:
    counts = {source_id: (loaded, rejected) for source_id, loaded, rejected in list_counts(scratch, dataset, 1)}
    entries = []
    for source_id, file in chosen.items():
        end = taken.files.get(source_id)
        if end is not None and end.error is not None:
            continue
        count = FileCount(taken.read[source_id], *counts.get(source_id, (0, 0)), taken.repaired[source_id])
        fingerprint = file.etag or (end.fingerprint if end is not None else file.url)
        shape = end.shape if end is not None else None
        entries.append(FileEntry(source_id, dataset, file, fingerprint, file.size, count, "loaded", shape))
    return entries


def _name(reasons: dict[str, int]) -> str:
    return f" ({', '.join(f'{reason} {count:,}' for reason, count in list(reasons.items())[:5])})" if reasons else ""
