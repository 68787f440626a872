"""DuckDB's intake: the validator appends its rows directly to the warehouse's tables."""

import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress

import duckdb

from sparkify.datasets import DATASETS, Dataset
from sparkify.errors import UsageError
from sparkify.settings import Config
from sparkify.sources.bundles import Bundle, FileRead
from sparkify.validation import judge
from sparkify.validation.keys import KeyList
from sparkify.validation.version import keys_of
from sparkify.warehouses.base import Appended, Incoming, Sent, Staged, Warehouse
from sparkify.warehouses.duckdb import memory
from sparkify.warehouses.duckdb.errors import mapped_errors
from sparkify.warehouses.texts import add_texts


class DuckDBIntake:
    """An Intake over the connection of a warehouse; see `sparkify.warehouses.base`."""

    def __init__(
        self, warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, config: Config, *, limit: int | None = None
    ) -> None:
        """`limit` is the memory limit of an engine that is started for this warehouse, None for a caller's."""
        self._limit = limit
        self._warehouse = warehouse
        self._connection = connection
        self._keys = {dataset: keys_of(config, dataset) for dataset in DATASETS}

    def open(self) -> None:
        """Nothing is needed to append."""

    def claim(self) -> str:
        # No other process has the file open.
        return "{}"

    @contextmanager
    def stage(self, load_id: int, incoming: Iterable[Incoming]) -> Iterator[Staged]:
        yield Staged(lambda: ((one.dataset, self.append(load_id, one)) for one in incoming), are_kept=False)

    def take(self, load_id: int, sent: Sent) -> AbstractContextManager[Staged]:
        raise UsageError("an embedded warehouse has no stage; load without --staged")

    def append(self, load_id: int, incoming: Incoming) -> Appended:
        """Read, judge and append the records of one dataset, in the open transaction."""
        appended, dataset = Appended(), incoming.dataset
        table = f"staging_{dataset}"
        ((setting, threads),) = self._warehouse.fetch(
            "SELECT current_setting('memory_limit'), current_setting('threads')"
        )
        limit = self._limit or memory.read_size(setting)
        runs = _Runs(incoming.bundles, incoming.on_bundle, limit, threads)
        most_bytes = memory.run_bytes(limit)
        # The first run ends once anything is held, to learn early which keys the records have.
        run_bytes = 0
        lists: tuple[KeyList, ...] = ()
        while (taking := runs.begin(run_bytes)) is not None:
            self._limit_engine(memory.engine_bytes(limit, is_heavy=runs.is_heavy))
            with mapped_errors(self._connection):
                judged = judge.append_rows(
                    self._connection,
                    dataset,
                    taking,
                    table,
                    keys=self._keys[dataset],
                    lists=lists,
                    on_held=runs.hold,
                )
            lists = judged.lists
            self._keep_rejects(load_id, incoming)
            appended.add(runs.finished, judged)
            run_bytes = most_bytes
        self._limit_engine(limit)
        with mapped_errors(self._connection):
            judge.drop_tables(self._connection)
        add_texts(self._warehouse, dataset, min(incoming.urls))
        return appended

    def _limit_engine(self, limit: int) -> None:
        # What it holds may not be free yet: then the limit stays as it was.
        if self._limit is not None:
            with suppress(duckdb.OutOfMemoryException):
                self._connection.execute(f"SET memory_limit = '{limit}B'")

    def _keep_rejects(self, load_id: int, incoming: Incoming) -> None:
        found = [
            row[0] for row in self._warehouse.fetch("SELECT DISTINCT source_id FROM judged WHERE reason IS NOT NULL")
        ]
        if not found:
            return
        self._warehouse.execute(
            """INSERT INTO rejected_records (source_id, load_id, dataset, url, line, reason, raw, raw_size)
            SELECT judged.source_id, $1, $2, files.url, judged.line, judged.reason, judged.raw, judged.raw_size
            FROM judged INNER JOIN (SELECT unnest($3) AS source_id, unnest($4) AS url) AS files USING (source_id)
            WHERE judged.reason IS NOT NULL""",
            [load_id, incoming.dataset, found, [incoming.urls[source_id] for source_id in found]],
        )

    @contextmanager
    def judge_again(self, datasets: Sequence[Dataset]) -> Iterator[Callable[[], Counter[int]]]:
        yield lambda: sum(map(self.append_again, datasets), Counter())

    def append_again(self, dataset: Dataset) -> Counter[int]:
        """Judge the records of one dataset in sparkify_replayed_records again, in the open transaction."""
        source = (
            f"(SELECT encode(raw) AS bytes, source_id, line FROM sparkify_replayed_records WHERE dataset = '{dataset}')"
        )
        with mapped_errors(self._connection):
            keys = self._keys[dataset]
            repaired = judge.append_again(self._connection, dataset, source, f"staging_{dataset}", keys=keys)
        self._warehouse.execute(
            """INSERT INTO rejected_records (source_id, load_id, dataset, url, line, reason, raw, raw_size)
            SELECT source_id, files.load_id, $1, files.url, judged.line, judged.reason, judged.raw, judged.raw_size
            FROM judged
            INNER JOIN (
                SELECT DISTINCT source_id, load_id, url FROM sparkify_replayed_records WHERE dataset = $1
            ) AS files
                USING (source_id)
            WHERE judged.reason IS NOT NULL""",
            [dataset],
        )
        judge.drop_tables(self._connection)
        first = self._warehouse.fetch(
            "SELECT min(source_id) FROM sparkify_replayed_records WHERE dataset = $1", [dataset]
        )[0][0]
        add_texts(self._warehouse, dataset, first)
        return repaired


class _Runs:
    """Bundles in runs. `finished` are the files that ended in the current run; `is_heavy` says that it holds few.

    A run ends once what is held of it takes so much memory. A bundle whose records take much memory is in a run with
    few others, or in pieces that are a run each.
    """

    def __init__(
        self, bundles: Iterable[Bundle], on_bundle: Callable[[Bundle], None], limit: int, threads: int
    ) -> None:
        self._limit = limit
        self._threads = threads
        self._coming = self._weigh(bundles)
        self._on_bundle = on_bundle
        self._next: tuple[Bundle, int] | None = None
        self._held_bytes = self._held_records = 0
        self.finished: list[FileRead] = []
        self.is_heavy = False

    def _weigh(self, bundles: Iterable[Bundle]) -> Iterator[tuple[Bundle, int]]:
        """Each bundle, or its pieces, with the number of those like it that may be in one run."""
        for bundle in bundles:
            together = memory.count_together(bundle, self._limit, self._threads)
            if together == 0:
                yield from ((piece, 1) for piece in memory.split_heavy(bundle, self._limit))
            else:
                yield bundle, together if together < self._threads else sys.maxsize

    def begin(self, most_bytes: int) -> Iterator[Bundle] | None:
        """The bundles of the next run, until about `most_bytes` are held; None if there are no more."""
        first = next(self._coming, None) if self._next is None else self._next
        self._next, self.finished = None, []
        self._held_bytes = self._held_records = 0
        if first is None:
            return None
        self.is_heavy = first[1] < sys.maxsize
        return self._take(first, most_bytes)

    def hold(self, bundle: Bundle) -> None:
        """Count lines of the current run that are held in memory until its end."""
        self._held_bytes += len(bundle.data)
        self._held_records += len(bundle)

    def _take(self, first: tuple[Bundle, int], most_bytes: int) -> Iterator[Bundle]:
        most = sys.maxsize
        for number, (bundle, together) in enumerate(itertools.chain([first], self._coming), 1):
            most = min(most, together)
            if number > most or (together < sys.maxsize) != self.is_heavy:
                self._next = bundle, together
                return
            self.finished += bundle.finished
            self._on_bundle(bundle)
            yield bundle
            if self._held_bytes > most_bytes or self._held_records >= memory.MOST_RUN_RECORDS or number >= most:
                return
