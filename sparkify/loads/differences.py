"""Which listed files differ from what is loaded: compared by an engine, set-based.

The listing goes into a temporary table beside the ledger, and only what differs comes back: so a plan costs what has
changed, however many files are loaded. The engine is always DuckDB: the ledger of another warehouse comes here, for
that is less than the listing would be there. Nothing here reads a file.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

from sparkify.datasets import Dataset
from sparkify.loads.ledger import LoadedFile
from sparkify.sources.file import SCHEME, SourceFile
from sparkify.sql import list_columns
from sparkify.warehouses import Warehouse

# Of an `unsure` file, only its bytes tell whether it is the loaded one. The `same` is to be read again, maybe.
Kind = Literal["new", "other_size", "other_content", "unsure", "same"]

_KNOWN = ", ".join(f"known.{name}" for name in LoadedFile._fields)
_LIST_DIFFERENT = f"""SELECT *
FROM (
    SELECT
        listed.number,
        CASE
            WHEN known.source_id IS NULL THEN 'new'
            WHEN listed.size <> known.size THEN 'other_size'
            WHEN listed.etag <> known.fingerprint THEN 'other_content'
            WHEN listed.etag IS NOT NULL THEN 'same'
            WHEN $2 OR listed.stat IS NULL OR known.stat IS NULL OR listed.stat <> known.stat THEN 'unsure'
            ELSE 'same'
        END AS kind,
        {_KNOWN}
    FROM sparkify_listed_files AS listed
    LEFT JOIN sparkify_known_files AS known ON listed.dataset = known.dataset AND listed.url = known.url
    WHERE listed.dataset = $1
) AS compared
WHERE kind <> 'same' OR is_outdated
ORDER BY number"""
_IS_ABSENT = """NOT EXISTS (
    SELECT 1 FROM sparkify_listed_files AS listed WHERE listed.dataset = known.dataset AND listed.url = known.url
)"""
_NEW_FILES = """(
    SELECT listed.dataset, listed.url, listed.size
    FROM sparkify_listed_files AS listed
    WHERE NOT EXISTS (
        SELECT 1 FROM sparkify_known_files AS known WHERE listed.dataset = known.dataset AND listed.url = known.url
    )
)"""
_LIST_CANDIDATES = f"""SELECT {_KNOWN}
FROM sparkify_known_files AS known
WHERE {_IS_ABSENT} AND (known.dataset, known.size) IN (SELECT (dataset, size) FROM {_NEW_FILES} AS new_files)
ORDER BY known.source_id"""


class Difference(NamedTuple):
    """A listed file that is not simply the loaded one. `loaded` is the content that is loaded from its URL, if any."""

    file: SourceFile
    kind: Kind
    loaded: LoadedFile | None


class Vanished(NamedTuple):
    """A loaded file below one of the roots that was not listed."""

    dataset: Dataset
    url: str
    size: int
    is_outdated: bool


class Namesake(NamedTuple):
    """A loaded local file that is not below the roots, with the name of a new one."""

    dataset: Dataset
    url: str
    load_id: int


class Comparison:
    """What the engine says about listings and the ledger."""

    def __init__(
        self, near: Warehouse, found: Mapping[Dataset, Sequence[SourceFile]], roots: Mapping[Dataset, str]
    ) -> None:
        self._near = near
        self._found = found
        self._roots = [text for root in roots.values() for text in (root, root.rstrip("/") + "/")]
        self._is_below = " OR ".join(
            f"known.dataset = '{dataset}' AND (known.url = ${place} OR starts_with(known.url, ${place + 1}))"
            for dataset, place in zip(roots, itertools.count(1, 2), strict=False)
        )

    def list_different(self, dataset: Dataset, verify: bool) -> Iterator[Difference]:
        """The listed files of a dataset that are new, changed or unsure, or were read by other rules, as listed.

        With `verify`, each local file of the loaded one's size is unsure. Take them before another is asked.
        """
        files = self._found[dataset]
        _, rows = self._near.stream(_LIST_DIFFERENT, [dataset, verify])
        for number, kind, *known in rows:
            yield Difference(files[number], kind, LoadedFile(*known) if kind != "new" else None)

    def list_vanished(self) -> list[Vanished]:
        """The loaded files below the roots that were not listed, as they were loaded."""
        sql = f"""SELECT dataset, url, size, is_outdated FROM sparkify_known_files AS known
        WHERE ({self._is_below}) AND {_IS_ABSENT} ORDER BY source_id"""
        return [Vanished(*row) for row in self._near.fetch(sql, self._roots)]

    def list_candidates(self) -> list[LoadedFile]:
        """The loaded files that were not listed and have the size of a new one, as they were loaded."""
        return [LoadedFile(*row) for row in self._near.fetch(_LIST_CANDIDATES)]

    def list_namesakes(self) -> list[Namesake]:
        """The loaded local files outside of the roots that have the name of a new one, as they were loaded."""
        sql = f"""SELECT dataset, url, load_id FROM sparkify_known_files AS known
        WHERE NOT ({self._is_below}) AND NOT starts_with(url, '{SCHEME}') AND {_IS_ABSENT}
            AND split_part(url, '/', -1) IN (SELECT split_part(url, '/', -1) FROM {_NEW_FILES} AS new_files)
        ORDER BY source_id"""
        return [Namesake(*row) for row in self._near.fetch(sql, self._roots)]


@contextmanager
def compare(
    warehouse: Warehouse, known: str, found: Mapping[Dataset, Sequence[SourceFile]], roots: Mapping[Dataset, str]
) -> Iterator[Comparison | None]:
    """Compare listings with what the query `known` says is loaded; None if that is nothing, so that every file is new.

    `roots` are as the URLs of their files begin.
    """
    with warehouse.bring_near("sparkify_known_files", known) as near:
        if not near.fetch("SELECT 1 FROM sparkify_known_files LIMIT 1"):
            yield None
            return
        near.make_temporary("sparkify_listed_files")
        for dataset, files in found.items():
            rows = ((place, dataset, file.url, file.size, file.etag, file.state) for place, file in enumerate(files))
            near.insert_rows("sparkify_listed_files", list(list_columns("sparkify_listed_files")), rows)
        yield Comparison(near, found, roots)
        near.execute("DROP TABLE sparkify_listed_files")
