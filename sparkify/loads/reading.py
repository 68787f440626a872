"""The pending files of a plan: they get source ids, are read dataset by dataset, and each gets a row of the ledger."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache, partial

from sparkify.datasets import DATASETS, Dataset
from sparkify.loads.chosen import ChosenFiles
from sparkify.loads.ledger import FileCount, FileEntry
from sparkify.loads.plan import Plan
from sparkify.loads.progress import Reporter
from sparkify.settings import Config
from sparkify.sources.bundles import Bundle, read_bundles
from sparkify.sources.file import SourceFile
from sparkify.warehouses import Appended, Incoming, longest_record

# One thread of DuckDB works on one bundle at a time: about 16,000 log lines.
_BUNDLE_BYTES = 8 << 20
# Most of very many files have the same few counts.
_file_count = lru_cache(maxsize=1_000)(FileCount)


def choose_files(planned: Plan, first_source_id: int) -> dict[Dataset, ChosenFiles]:
    """The pending files of each dataset. Their source ids count on from the first one, also over datasets."""
    chosen: dict[Dataset, ChosenFiles] = {}
    pending = planned.pending
    for dataset in DATASETS:
        files = [file.file for file in pending if file.dataset == dataset and file.file is not None]
        chosen[dataset] = ChosenFiles(first_source_id, files)
        first_source_id += len(files)
    return chosen


@contextmanager
def open_reading(
    config: Config,
    chosen: Mapping[Dataset, ChosenFiles],
    reporter: Reporter,
    share: Mapping[Dataset, Sequence[tuple[int, SourceFile]]] | None = None,
) -> Iterator[Iterator[Incoming]]:
    """Read the files, or a share of them. Take the bundles of a dataset before the next item.

    Reading begins when the first item is taken.
    """
    # One reader for both, so that it reads the second dataset while the first is being judged.
    bundles = read_bundles(
        *(share or chosen).values(), bundle_bytes=_BUNDLE_BYTES, access=config.s3_access, longest=longest_record(config)
    )

    def dataset_of(bundle: Bundle) -> Dataset:
        return next(dataset for dataset, some in chosen.items() if bundle.any_source_id in some.source_ids)

    def incoming() -> Iterator[Incoming]:
        for dataset, some in itertools.groupby(bundles, dataset_of):
            reporter.report(f"staging {dataset}")
            with reporter.timed(f"staging_{dataset}"):
                report = partial(reporter.report_bundle, dataset)
                yield Incoming(dataset, chosen[dataset].urls, some, report)

    with closing(bundles):
        yield incoming()


def list_entries(
    dataset: Dataset, chosen: ChosenFiles, taken: Appended, counts: Iterator[tuple[int, int, int]]
) -> Iterator[FileEntry]:
    """What came of each file. Takes the ends of reading out of `taken`, so that only one of the two is held.

    `counts` are loaded and rejected records by source id, in order; a file without records may be absent.
    """
    counted = next(counts, None)
    for source_id, file in chosen:
        loaded = rejected = 0
        if counted is not None and counted[0] == source_id:
            _, loaded, rejected = counted
            counted = next(counts, None)
        end = taken.files.pop(source_id)
        if end.error is not None:
            yield FileEntry(source_id, dataset, file, file.etag or "", file.size, FileCount(), "failed")
            continue
        count = _file_count(taken.read[source_id], loaded, rejected, taken.repaired[source_id])
        yield FileEntry(source_id, dataset, file, end.fingerprint, end.size, count, "loaded", end.shape, end.state)
