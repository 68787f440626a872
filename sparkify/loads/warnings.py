"""What a load says aloud: a sentence for each thing that its figures alone do not show.

Each function below asks one thing of what the load has just committed, set-based over its new source ids, and costs
nothing or next to nothing where all is well. `_WARNINGS` is the list of them, in the order in which they are told.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from sparkify.datasets import DATASETS, Dataset
from sparkify.formats import count_of, name_some
from sparkify.loads.ledger import FileCount, FileEntry, add_up
from sparkify.loads.looks import TITLES, describe_record, describe_value, find_inner_key, is_of_other
from sparkify.settings import Config
from sparkify.validation.fields import FIELDS
from sparkify.warehouses import Appended, Warehouse

_NAMED_FILES = 5
_NAMED_KEYS = 10
# So many groups of rejects (one reason in one file) are looked at, the first and the last record of each.
_MOST_SAMPLES = 200
# The fields of a play that may be absent, and that everything about listening needs.
_PLAY_FIELDS = ("length", "location", "level", "userAgent")
_PLAY = "NextSong"
_LIST_COPIES = f"""SELECT copies.url, firsts.url, count(*) OVER ()
FROM (
    SELECT dataset, etag, min(source_id) AS source_id
    FROM load_files
    WHERE status = 'loaded' AND loaded > 0 AND etag IN (SELECT etag FROM load_files WHERE load_id = $1)
    GROUP BY dataset, etag
    HAVING count(*) > 1
) AS contents
INNER JOIN load_files AS firsts ON contents.source_id = firsts.source_id
INNER JOIN load_files AS copies ON contents.dataset = copies.dataset AND contents.etag = copies.etag
WHERE copies.load_id = $1 AND copies.status = 'loaded' AND copies.loaded > 0 AND copies.url <> firsts.url
ORDER BY copies.source_id
LIMIT {_NAMED_FILES}"""


@dataclass(frozen=True)
class Replaced:
    """A changed file: the records of its older content, which left, and those of the newer, which entered."""

    url: str
    left: int
    entered: int


@dataclass(frozen=True)
class Brought:
    """What a load brought of one dataset: its files, and what the validator and the reader noted."""

    dataset: Dataset
    entries: list[FileEntry]
    names: Counter[tuple[str, str]] = field(default_factory=Counter)
    unknown_keys: Sequence[str] = ()
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, dataset: Dataset, entries: list[FileEntry], taken: Appended, notes: Mapping[str, Sequence[str]]
    ) -> "Brought":
        """Of what an intake has appended."""
        return cls(dataset, entries, taken.names, sorted(taken.unknown_keys), notes)

    @property
    def taken_names(self) -> "list[TakenName]":
        return [TakenName(known, name, records) for (known, name), records in self.names.most_common()]

    @cached_property
    def loaded(self) -> list[FileEntry]:
        return [entry for entry in self.entries if entry.status == "loaded"]

    @cached_property
    def first_source_id(self) -> int:
        return min((entry.source_id for entry in self.entries), default=0)

    @cached_property
    def total(self) -> FileCount:
        """The sum over all files."""
        return add_up(entry.records for entry in self.loaded)

    def count(self, what: str) -> int:
        """The sum of a count over all files."""
        return int(getattr(self.total, what))


def list_notes(taken: Appended, urls: Mapping[int, str]) -> dict[str, Sequence[str]]:
    """What the reader noted of single files, by URL."""
    return {urls[source_id]: end.notes for source_id, end in taken.files.items() if end.notes}


@dataclass(frozen=True)
class TakenName:
    """A name that a field was read from in place of its own, and in how many records."""

    field: str
    name: str
    records: int


class _Sample(NamedTuple):
    """A rejected record: one of a group of the same file and reason."""

    source_id: int
    line: int
    reason: str
    raw: str


@dataclass(frozen=True)
class Delivery:
    """A committed load, or a sample as a load would judge it, for the warnings. `replaced` is what changed."""

    warehouse: Warehouse
    config: Config
    load_id: int
    brought: list[Brought]
    replaced: list[Replaced]
    is_sample: bool = False

    def list_groups(self, brought: Brought) -> list[tuple[int, str, int, int, int]]:
        """Source id, reason, count, first and last line of the rejects of each file, the most frequent first."""
        if brought.count("rejected") == 0:
            return []
        sql = """SELECT source_id, reason, count(*), min(line), max(line) FROM rejected_records
        WHERE source_id >= $1 AND dataset = $2 GROUP BY source_id, reason ORDER BY 3 DESC, 1, 2"""
        rows = self.warehouse.fetch(sql, [brought.first_source_id, brought.dataset])
        return [(source_id, reason, int(count), first, last) for source_id, reason, count, first, last in rows]

    def list_samples(self, groups: Sequence[tuple[int, str, int, int, int]]) -> list[_Sample]:
        """A few rejected records of each group, with their text."""
        if not groups:
            return []
        places = " OR ".join(
            f"(source_id = {source_id} AND line IN ({first}, {last}))"
            for source_id, _, _, first, last in groups[:_MOST_SAMPLES]
        )
        sql = f'SELECT source_id, line, reason, "raw" FROM rejected_records WHERE {places} ORDER BY source_id, line'
        return [_Sample(*row) for row in self.warehouse.fetch(sql)]


def list_warnings(delivery: Delivery) -> list[str]:
    """A sentence for each thing that is worth one, the gravest first."""
    return [sentence for warn in _WARNINGS for sentence in warn(delivery)]


# ---- nothing came of it ----


def _warn_of_rejected(delivery: Delivery) -> Iterator[str]:
    """A dataset or files of which every record was rejected, rejects of a kind that can be told, and inner records."""
    for brought in delivery.brought:
        groups = delivery.list_groups(brought)
        samples = delivery.list_samples(groups)
        if brought.loaded and not brought.count("read"):
            yield f"there is no record in {_files(len(brought.loaded))} of the {TITLES[brought.dataset]}"
        elif brought.count("read") and not brought.count("loaded"):
            yield _say_all_rejected(delivery, brought, groups, samples)
        elif groups:
            yield from _say_rejected_files(brought, groups, samples)
            yield from _say_rejected_records(brought, groups, samples)
        yield from _say_inner(brought, samples)


def _say_all_rejected(
    delivery: Delivery,
    brought: Brought,
    groups: Sequence[tuple[int, str, int, int, int]],
    samples: Sequence[_Sample],
) -> str:
    reasons: Counter[str] = Counter()
    for _, reason, count, _, _ in groups:
        reasons[reason] += count
    reason, count = reasons.most_common(1)[0]
    read = count_of(brought.count("read"), "record")
    said = f"every record of the {TITLES[brought.dataset]} was rejected, {read} in {_files(len(brought.loaded))}"
    said += f", most often as {reason} ({count:,})"
    of_reason = [sample for sample in samples if sample.reason == reason]
    of_other = [sample for sample in of_reason if is_of_other(sample.raw, brought.dataset)]
    if 2 * len(of_other) > len(of_reason) and not any(one.count("loaded") for one in delivery.brought):
        (other,) = set(DATASETS) - {brought.dataset}
        return f"{said}. Their keys are those of the {TITLES[other]}: {_say_exchanged(delivery, other)}"
    return said + _look(samples, reason, brought.dataset)


def _say_rejected_files(
    brought: Brought, groups: Sequence[tuple[int, str, int, int, int]], samples: Sequence[_Sample]
) -> Iterator[str]:
    """Files of which every record was rejected, together where they are alike."""
    urls = {entry.source_id: entry.file.url for entry in brought.loaded if not entry.records.loaded}
    reasons: dict[int, str] = {}
    for source_id, reason, *_ in groups:
        # The most frequent reason of a file comes first.
        if source_id in urls:
            reasons.setdefault(source_id, reason)
    by_file: dict[int, list[_Sample]] = defaultdict(list)
    for sample in samples:
        by_file[sample.source_id].append(sample)
    # There may be thousands of files, and there are samples of some.
    usual = {reason: _look(samples, reason, brought.dataset) for reason in set(reasons.values())}
    alike: dict[tuple[str, str], list[int]] = defaultdict(list)
    for source_id, reason in reasons.items():
        own = by_file.get(source_id)
        alike[reason, _look(own, reason, brought.dataset) if own else usual[reason]].append(source_id)
    often_first = sorted(alike.items(), key=lambda item: -len(item[1]))
    for (reason, look), files in often_first[:_NAMED_FILES]:
        named = name_some([urls[source_id] for source_id in sorted(files)])
        yield (
            f"every record of {_files(len(files))} of the {TITLES[brought.dataset]} was rejected, most often as "
            f"{reason}: {named}{look}"
        )
    if more := sum(len(files) for _, files in often_first[_NAMED_FILES:]):
        yield f"every record of {_files(more)} more was rejected, for other reasons; sparkify rejects shows them"


def _say_rejected_records(
    brought: Brought, groups: Sequence[tuple[int, str, int, int, int]], samples: Sequence[_Sample]
) -> Iterator[str]:
    """Rejects beside good records of the same files, by reason, where it can be told what they are."""
    entries = {entry.source_id: entry for entry in brought.loaded if entry.records.loaded}
    counts: Counter[str] = Counter()
    for source_id, reason, count, _, _ in groups:
        if source_id in entries:
            counts[reason] += count
    for reason, count in counts.most_common():
        of_reason = [sample for sample in samples if sample.reason == reason and sample.source_id in entries]
        looks = Counter({sample: describe_record(sample.raw, reason, brought.dataset) for sample in of_reason}.values())
        look, _ = looks.most_common(1)[0] if looks else (None, 0)
        if look is not None:
            entry = entries[of_reason[0].source_id]
            yield (
                f"{count_of(count, 'record')} of the {TITLES[brought.dataset]} rejected as {reason}, such as "
                f"{entry.file.url}, {_place(entry, of_reason[0].line)}. Such records look like {look}"
            )


def _look(samples: Iterable[_Sample], reason: str, dataset: Dataset) -> str:
    """What the rejected records look like, as the end of a sentence."""
    raws = [sample.raw for sample in samples if sample.reason == reason]
    looks = Counter(look for raw in raws if (look := describe_record(raw, reason, dataset)))
    if looks:
        return f". They look like {looks.most_common(1)[0][0]}"
    if value := next((value for raw in raws if (value := describe_value(raw, reason, dataset))), None):
        return f". One of them has {value}"
    if reason == "missing:page":
        return ". If each of them is a play, say page = 'NextSong' in [EVENT_KEYS] of dwh.cfg"
    if reason.startswith("missing:"):
        section = "EVENT_KEYS" if dataset == "events" else "SONG_KEYS"
        return f". If another key holds it, name that key in [{section}] of dwh.cfg"
    return ""


def _say_inner(brought: Brought, samples: Sequence[_Sample]) -> Iterator[str]:
    entries = {entry.source_id: entry for entry in brought.loaded}
    found: dict[str, list[str]] = defaultdict(list)
    for sample in samples:
        if sample.source_id in entries and (key := find_inner_key(sample.raw, brought.dataset)) is not None:
            found[key].append(f"{entries[sample.source_id].file.url}, {_place(entries[sample.source_id], sample.line)}")
    for key, places in found.items():
        yield (
            f"records of the {TITLES[brought.dataset]} lie one level down, in {key!r} of rejected records, such as "
            f"{places[0]}; only what stands at the top level is read, so write those records by themselves"
        )


def _warn_of_plays(delivery: Delivery) -> Iterator[str]:
    """Events of which none is a play, fields that no play has, and pages that nearly are a play's."""
    for brought in delivery.brought:
        if brought.dataset != "events" or not (events := brought.count("loaded")):
            continue
        counted = ", ".join(f"count({name})" for name in _PLAY_FIELDS)
        sql = f"SELECT count(*), {counted} FROM staging_events WHERE source_id >= $1 AND page = '{_PLAY}'"
        plays, *with_field = delivery.warehouse.fetch(sql, [brought.first_source_id])[0]
        if not plays:
            pages = "SELECT page, count(*) FROM staging_events WHERE source_id >= $1 GROUP BY page ORDER BY 2 DESC, 1"
            found = delivery.warehouse.fetch(f"{pages} LIMIT {_NAMED_FILES}", [brought.first_source_id])
            named = ", ".join(f"{page} {count:,}" for page, count in found)
            yield f"no play in {count_of(events, 'event')}: the page is never {_PLAY}, but {named}"
        absent = [name for name, count in zip(_PLAY_FIELDS, with_field, strict=True) if plays and not count]
        if absent:
            yield (
                f"NULL in every play ({plays:,}): {', '.join(absent)}; if other keys hold this, name them "
                "in [EVENT_KEYS] of dwh.cfg"
            )
        yield from _say_pages(delivery.warehouse, brought.first_source_id)


def _say_pages(warehouse: Warehouse, first_source_id: int) -> Iterator[str]:
    # Nearly all pages are short, and none of these words; what is left is compared exactly.
    sql = f"""SELECT page, count(*) FROM staging_events
    WHERE source_id >= $1 AND page <> '{_PLAY}' AND lower(page) LIKE '%n%e%x%t%s%o%n%g%' AND length(page) <= 40
    GROUP BY page ORDER BY 2 DESC, 1"""
    for page, count in warehouse.fetch(sql, [first_source_id]):
        if re.sub(r"[\s_]+", "", page).lower() == _PLAY.lower():
            yield f"{count_of(count, 'event')} with page {page!r} not counted as a play: only {_PLAY} is"


# ---- less than it seems ----


def _warn_of_shrunk(delivery: Delivery) -> Iterator[str]:
    shrunk = [one for one in delivery.replaced if one.entered < one.left]
    for one in shrunk[:_NAMED_FILES]:
        yield (
            f"{one.url} brings fewer records than before: {one.entered:,} of its new content entered, {one.left:,} of "
            "the old one left"
        )
    if more := shrunk[_NAMED_FILES:]:
        yield f"{_files(len(more))} more brought fewer records than before"


def _warn_of_copies(delivery: Delivery) -> Iterator[str]:
    """Files with the content of another that is loaded too: of several, the first that was loaded is named."""
    copies = delivery.warehouse.fetch(_LIST_COPIES, [delivery.load_id])
    for url, other, _ in copies:
        yield f"{url} has the same content as {other}: a record of both counts once in the star"
    if copies and (more := copies[0][2] - len(copies)):
        yield f"{_files(more)} more have the same content as others that are loaded too"


# ---- read otherwise than written ----


def _warn_of_names(delivery: Delivery) -> Iterator[str]:
    for brought in delivery.brought:
        if brought.names:
            taken = [f"{one.name} for {one.field} ({one.records:,})" for one in brought.taken_names]
            yield f"names taken for keys of the {TITLES[brought.dataset]}: {name_some(taken, _NAMED_KEYS)}"


def _warn_of_new_keys(delivery: Delivery) -> Iterator[str]:
    for brought in delivery.brought:
        # What is rejected has no `other`.
        keys = [key[:60] for key in brought.unknown_keys] if brought.count("loaded") else []
        if keys:
            count = count_of(len(keys), "unknown key")
            where = "other of the records that are loaded" if brought.count("rejected") else "other"
            yield f"{count} in the {TITLES[brought.dataset]}, kept in {where}: {name_some(keys, _NAMED_KEYS)}"


def _warn_of_notes(delivery: Delivery) -> Iterator[str]:
    """What the reader noted of single files."""
    notes = [note for brought in delivery.brought for found in brought.notes.values() for note in found]
    yield from notes[:_NAMED_FILES]
    if more := notes[_NAMED_FILES:]:
        yield f"{count_of(len(more), 'such note')} more, of other files"


def _warn_of_jsonpath(delivery: Delivery) -> Iterator[str]:
    """LOG_JSONPATH is set, and its writer may wait for what it says."""
    for brought in delivery.brought:
        if brought.dataset != "events" or delivery.config.log_jsonpath is None or not brought.count("read"):
            continue
        names = [field.name for field in FIELDS["events"]]
        counted = ", ".join(f"count({name})" for name in names)
        sql = f"SELECT {counted} FROM staging_events WHERE source_id >= $1"
        counts = delivery.warehouse.fetch(sql, [brought.first_source_id])[0]
        if absent := [name for name, count in zip(names, counts, strict=True) if not count]:
            yield (
                f"LOG_JSONPATH is set and not used: keys are read by name, and no loaded record has "
                f"{name_some(absent, _NAMED_KEYS)}; [EVENT_KEYS] of dwh.cfg names other keys"
            )


# ---- words ----


def _place(entry: FileEntry, line: int) -> str:
    return f"{'line' if entry.shape in (None, 'lines') else 'record'} {line:,}"


def _files(number: int) -> str:
    return count_of(number, "file")


def _say_exchanged(delivery: Delivery, other: Dataset) -> str:
    """What to do where a root holds the other dataset."""
    undo = f". sparkify undo {delivery.load_id} takes these rejects away; then load"
    load = "; load" if delivery.is_sample else undo
    roots = delivery.config.roots
    if len(roots) == 1:
        option = "--log-data" if other == "events" else "--song-data"
        return f"the root belongs to {option}{load} with {option} {next(iter(roots.values()))}"
    given = ", ".join(f"{TITLES[dataset]} {roots[dataset]}" for dataset in DATASETS)
    return f"the roots look exchanged ({given}){load} with the roots exchanged"


_WARNINGS: tuple[Callable[[Delivery], Iterator[str]], ...] = (
    _warn_of_rejected, _warn_of_plays, _warn_of_shrunk, _warn_of_copies, _warn_of_notes,
    _warn_of_names, _warn_of_new_keys, _warn_of_jsonpath,
)  # fmt: skip
