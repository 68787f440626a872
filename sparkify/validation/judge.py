"""The validator: judges the lines of bundles, and appends the valid ones to a staging table."""

import re
from array import array
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb

from sparkify.datasets import MOST_RAW_BYTES, MOST_TOLD_NAMES, Dataset
from sparkify.sources.bundles import Bundle
from sparkify.sources.records import find_objects
from sparkify.sql import quote
from sparkify.validation import full, quick
from sparkify.validation.columns import HAS_TEXT, column_names
from sparkify.validation.fields import FIELDS
from sparkify.validation.keys import NO_KEYS, KeyList, Keys, names_sql, standard_list

if TYPE_CHECKING:
    # It imports what only a load needs.
    from sparkify.validation.native import Judge

# Of the lists of keys in a run, those with at least this share of its lines are expected from then on.
_LEAST_SHARE = 0.005
_MOST_LISTS = 16
# Each name stands in the statement of the quick way.
_MOST_NAMES = 200
# What Python looks at: rows of `judged`, and objects of lines that hold several, at a time.
_ROWS_AT_A_TIME = 1 << 14
_OBJECTS_AT_A_TIME = 1 << 16
_BYTES_AT_A_TIME = 4 << 20
# A name that a writer makes up is told cut after so many characters.
_MOST_TOLD_CHARACTERS = 1_000


class Judged(NamedTuple):
    """The result of judging lines.

    `read` counts the records of each file before they are judged, and `repaired` those loaded with a repaired text.
    `names` counts, for each field and name, the objects that the field was read from by a name other than its own.
    `unknown_keys` are keys that no field was read from. Of each there are at most 1,000 from lines that went the full
    way, cut after 1,000 characters. `lists` are the lists of keys to expect in the next lines.
    """

    read: Counter[int]
    repaired: Counter[int]
    names: Counter[tuple[str, str]]
    unknown_keys: set[str]
    lists: tuple[KeyList, ...]


def append_rows(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    bundles: Iterable[Bundle],
    table: str,
    *,
    keys: Keys = NO_KEYS,
    lists: Sequence[KeyList] = (),
    on_held: Callable[[Bundle], None] = lambda bundle: None,
) -> Judged:
    """Append the valid records of bundles to a table with the staging columns.

    Bundles are taken while earlier ones are being processed, maybe in another thread. `on_held` is called there with
    what is held in memory until the end: with the native library what is left of a bundle for the full way, without it
    every bundle. Lines that went the full way are in the temporary table `judged` afterwards. Its rejects are the rows
    with a `reason`: source_id, line, reason, `raw`, the line's text, and `raw_size`, its length in bytes. The caller's
    transaction stays open. An error while taking a bundle is raised.

    `keys` say which keys some fields are read from. `lists` affect only speed, and only without the native library:
    give those of the result before. Without one, lines of exactly the known keys are the fastest, and others slow.
    """
    # Only a load needs it, and every command imports this module.
    from sparkify.validation import native

    library = native.find()
    if library is not None:
        return _append_natively(connection, native.Judge(library, dataset, keys=keys), bundles, table, on_held)
    return _append_by_sql(connection, dataset, _told(bundles, on_held), table, keys, lists)


def _told(bundles: Iterable[Bundle], on_held: Callable[[Bundle], None]) -> Iterator[Bundle]:
    for bundle in bundles:
        on_held(bundle)
        yield bundle


def _append_natively(
    connection: duckdb.DuckDBPyConnection,
    judge: "Judge",
    bundles: Iterable[Bundle],
    table: str,
    on_held: Callable[[Bundle], None],
) -> Judged:
    from sparkify.validation.arrow import Stream, Table, registered
    from sparkify.validation.native import Taken

    dataset, keys, taken = judge.dataset, judge.keys, Taken()
    ((threads,),) = _fetch(connection, "SELECT current_setting('threads')")

    def batches() -> Generator[Any, None, None]:
        # DuckDB takes about twice as long to write a batch as the library to judge it.
        with closing(judge.judge_ahead(bundles, (threads + 1) // 2)) as judged:
            for quick in judged:
                taken.add(quick)
                on_held(quick.doubts)
                if quick.batch is not None:
                    yield quick.batch

    with registered(connection, "quick", Stream(judge.schema, batches())):
        columns = column_names(dataset)
        connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM quick")
    connection.execute(full.create_judged_sql(dataset))
    if taken.doubts:
        with registered(connection, "bundle", Table.of_lines(taken.doubts)):
            taken.lines.subtract(dict(_fetch(connection, _BLANK_PER_FILE)))
            taken.lines.update(_append_judged(connection, dataset, "bundle", table, keys))
    return Judged(
        +taken.lines,
        Counter(dict(_fetch(connection, _REPAIRED_PER_FILE))),
        taken.names + _count_names(connection, dataset),
        _list_unknown(connection) | taken.unknown_keys,
        (),
    )


def _append_by_sql(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    bundles: Iterable[Bundle],
    table: str,
    keys: Keys,
    lists: Sequence[KeyList],
) -> Judged:
    from sparkify.validation.arrow import Table, registered, stream_lines

    standard = standard_list(dataset, keys)
    if standard.unknown_places and not lists:
        lists = [standard]
    taken: list[Bundle] = []
    with registered(connection, "bundle", stream_lines(bundles, taken)):
        appended = _count(connection, quick.append_sql(dataset, table, "bundle", lists=lists, keys=keys))
    with registered(connection, "bundle", Table.of_lines(taken)):
        read = Counter(dict(_fetch(connection, _READ_PER_FILE)))
        connection.execute(full.create_judged_sql(dataset))
        if appended < read.total():
            # The table holds no other rows of these files: their source ids are new.
            read.update(_append_judged(connection, dataset, _bundle_without(table), table, keys))
        names = _count_names(connection, dataset, lists or [standard], appended)
    return Judged(
        read,
        Counter(dict(_fetch(connection, _REPAIRED_PER_FILE))),
        names,
        _list_unknown(connection),
        _expect(connection, lists or [standard], read.total()) if lists or _has_others(connection) else (),
    )


def append_again(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, source: str, table: str, *, keys: Keys = NO_KEYS
) -> Counter[int]:
    """Append the valid records of `source`, like `append_rows`; returns the repaired ones of each file.

    `source` has source_id, line and `bytes`, the line's text.
    """
    connection.execute(full.create_judged_sql(dataset))
    _append_judged(connection, dataset, source, table, keys)
    return Counter(dict(_fetch(connection, _REPAIRED_PER_FILE)))


def drop_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop the temporary tables, after the last call."""
    connection.execute("DROP TABLE IF EXISTS judged")


def _append_judged(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, source: str, table: str, keys: Keys
) -> Counter[int]:
    """Append by the full way; returns the number of records that are more than lines, by source id."""
    connection.execute(full.judge_sql(dataset, source, keys))
    more = _split_lines(connection, dataset, source, keys)
    columns = column_names(dataset)
    connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM judged WHERE reason IS NULL")
    _write_altered(connection)
    return more


def _bundle_without(table: str) -> str:
    """SQL: the lines of the bundle that are not in a table."""
    return f"""(SELECT * FROM bundle WHERE NOT EXISTS (
        SELECT 1 FROM {table} AS found WHERE found.source_id = bundle.source_id AND found.line = bundle.line
    ))"""


def _fetch(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql).fetchall()


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    ((count,),) = _fetch(connection, sql)
    return int(count)


# ---- lines of several records ----

# A line that may be nothing but objects, in SQL for its text: Python looks at these.
_MAY_BE_SEVERAL = "reason IN ('not_json', 'bad_encoding')"
_MAY_BE_OBJECTS = r"(?s)^[ \t\r\n,\x{FEFF}]*\{.*\}[ \t\r\n,\x{FEFF}]*$"


def _split_lines(connection: duckdb.DuckDBPyConnection, dataset: Dataset, source: str, keys: Keys) -> Counter[int]:
    """Judge each object by itself of a line that is nothing but objects; returns how many more records that makes."""
    from sparkify.validation.arrow import Table, registered

    more: Counter[int] = Counter()
    for rows in _list_maybe_objects(connection, source):
        lines = (_Line(row_id, source_id, line, data, find_objects(data)) for row_id, source_id, line, data in rows)
        several = [line for line in lines if line.is_several]
        row_ids = [one.row_id for one in several]
        if row_ids:
            # Before anything is appended: row ids are not for keeps.
            connection.execute("DELETE FROM judged WHERE rowid IN (SELECT unnest($1))", [row_ids])
        for one in several:
            more[one.source_id] += len(one.places) // 2 - 1
        for pieces in _batch(piece for one in several for piece in one.list_pieces()):
            with registered(connection, "pieces", Table.of_lines([_bundle_of(pieces)])):
                connection.execute(full.judge_sql(dataset, "pieces", keys))
    return more


_Piece = tuple[int, int, bytes]


class _Line(NamedTuple):
    """A line that is maybe nothing but objects: `places` has the start and end of each, and is empty if it is not."""

    row_id: int
    source_id: int
    line: int
    data: bytes
    places: "array[int]"

    @property
    def is_several(self) -> bool:
        # A line that is one object has been judged already.
        places, data = self.places, self.data
        return len(places) > 2 or (len(places) == 2 and data[places[0] : places[1]] != data.strip(b" \t\r\n"))

    def list_pieces(self) -> Iterator[_Piece]:
        """Source id, line and bytes of each object."""
        for number in range(0, len(self.places), 2):
            yield self.source_id, self.line, self.data[self.places[number] : self.places[number + 1]]


def _batch(pieces: Iterable[_Piece]) -> Iterator[list[_Piece]]:
    batch: list[_Piece] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece[2])
        if len(batch) >= _OBJECTS_AT_A_TIME or size >= _BYTES_AT_A_TIME:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _bundle_of(records: Sequence[tuple[int, int, bytes]]) -> Bundle:
    """Records as a bundle: source id, line and bytes of each."""
    source_ids, lines, texts = zip(*records, strict=True)
    ends = array("i", accumulate((len(text) + 1 for text in texts), initial=0))
    return Bundle(b"".join(text + b"\n" for text in texts), ends, array("i", source_ids), array("i", lines))


def _list_maybe_objects(connection: duckdb.DuckDBPyConnection, source: str) -> Iterator[list[tuple[Any, ...]]]:
    """Row id, source id, line and bytes of each line that is not one JSON value, and maybe nothing but objects."""
    text = "coalesce(raw, decode(raw_bytes, 'replace'))"
    for rows in _windows(connection):
        found = f"FROM judged WHERE {rows} AND {_MAY_BE_SEVERAL}"
        yield _fetch(
            connection,
            f"SELECT rowid, source_id, line, coalesce(encode(raw), raw_bytes) {found} "
            f"AND raw_size <= {MOST_RAW_BYTES} AND regexp_matches({text}, {quote(_MAY_BE_OBJECTS)})",
        )
        cut = f"{found} AND raw_size > {MOST_RAW_BYTES}"
        if _count(connection, f"SELECT count(*) {cut}"):
            yield _fetch(
                connection,
                f"""SELECT id, source_id, line, whole.bytes
                FROM (SELECT rowid AS id, source_id, line {cut}) INNER JOIN {source} AS whole USING (source_id, line)
                WHERE regexp_matches(decode(whole.bytes, 'replace'), {quote(_MAY_BE_OBJECTS)})""",
            )


def _windows(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """The condition for some of the rows that `judged` has now, and for the next ones, until it was all of them."""
    # Row ids of rows that are not committed begin at a great number.
    ((start, end),) = _fetch(connection, "SELECT coalesce(min(rowid), 0), coalesce(max(rowid) + 1, 0) FROM judged")
    for first in range(start, end, _ROWS_AT_A_TIME):
        yield f"rowid >= {first} AND rowid < {min(first + _ROWS_AT_A_TIME, end)}"


# ---- what is kept of rejects ----


def _write_altered(connection: duckdb.DuckDBPyConnection) -> None:
    """Set `raw` where it is not simply the text of the line."""
    for rows in _windows(connection):
        found = _fetch(connection, f"SELECT rowid, raw_bytes FROM judged WHERE {rows} AND raw_bytes IS NOT NULL")
        if found:
            row_ids, lines = zip(*found, strict=True)
            connection.execute(
                "UPDATE judged SET raw = kept.raw FROM (SELECT unnest($1) AS id, unnest($2) AS raw) AS kept "
                "WHERE judged.rowid = kept.id",
                [list(row_ids), list(map(_keep, lines))],
            )


def _keep(line: bytes) -> str:
    r"""The text with \xNN for each byte that is not UTF-8 or is zero, cut after a whole character if it is too long."""
    text = line.decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    return text.encode()[:MOST_RAW_BYTES].decode("utf-8", "ignore")


# ---- keys ----


def _has_others(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the strict cast failed for some line."""
    return bool(_count(connection, "SELECT count(*) FROM judged WHERE NOT has_known_keys"))


def _expect(connection: duckdb.DuckDBPyConnection, lists: Sequence[KeyList], lines: int) -> tuple[KeyList, ...]:
    """The lists to expect, the earlier ones first, then the most frequent of those that went the full way."""
    rows = _fetch(
        connection,
        f"""SELECT keys, places FROM judged WHERE len(keys) <= {_MOST_NAMES}
        GROUP BY ALL HAVING count(*) >= {lines * _LEAST_SHARE} ORDER BY count(*) DESC, keys""",
    )
    known = {one.names for one in lists}
    found = [KeyList(tuple(names), tuple(places)) for names, places in rows]
    return (*lists, *(one for one in found if one.names not in known and _is_plain(one)))[:_MOST_LISTS]


def _is_plain(one: KeyList) -> bool:
    """Whether no name stands twice, and unknown ones have no characters with a meaning in JSON or in its paths."""
    unknown = [one.names[place - 1] for place in one.unknown_places]
    return len({*one.names}) == len(one.names) <= _MOST_NAMES and all(
        re.fullmatch(r"[\w .$@/+-]+", name) for name in unknown
    )


def _list_unknown(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for (name,) in _fetch(connection, _UNKNOWN_KEYS)}


def _count_names(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, lists: Sequence[KeyList] = (), appended: int = 0
) -> Counter[tuple[str, str]]:
    """How often each field was read from a name other than its own, in `judged` and by the quick way."""
    fields = [field.name for field in FIELDS[dataset]]
    names: Counter[tuple[str, str]] = Counter()
    for field, name, count in _fetch(connection, _taken_names_sql(fields)):
        names[field, name] += count
    for one, count in _count_appended(connection, lists, appended):
        for number, field in enumerate(fields):
            taken = one.name_taken(number)
            if taken is not None and taken != field:
                names[field, taken] += count
    return names


def _taken_names_sql(fields: Sequence[str]) -> str:
    """The names that fields were read from in `judged`, other than their own, with their counts."""
    return f"""SELECT taken.field, left(taken.name, {_MOST_TOLD_CHARACTERS}) AS taken_name, count(*)
    FROM (SELECT unnest(list_filter(
        list_transform(places, LAMBDA place, number: {{field: {names_sql(fields)}[number], name: keys[place]}}),
        LAMBDA one: one.name <> one.field
    )) AS taken FROM judged WHERE keys IS NOT NULL)
    GROUP BY ALL ORDER BY count(*) DESC, 1, 2 LIMIT {MOST_TOLD_NAMES}"""


def _count_appended(
    connection: duckdb.DuckDBPyConnection, lists: Sequence[KeyList], appended: int
) -> list[tuple[KeyList, int]]:
    """How many lines with each list of keys the quick way has appended."""
    names_taken = {tuple(one.name_taken(number) for number in range(len(one.places))) for one in lists}
    if len(names_taken) <= 1:
        return [(one, appended) for one in lists[:1] if appended]
    expected = ", ".join(names_sql(one.names) for one in lists)
    rows = _fetch(
        connection,
        f"SELECT list_position([{expected}], json_keys(json)) AS number, count(*) FROM {_bundle_without('judged')} "
        f"WHERE {HAS_TEXT} GROUP BY number",
    )
    return [(lists[number - 1], count) for number, count in rows]


_UNKNOWN_KEYS = f"""SELECT DISTINCT left(name, {_MOST_TOLD_CHARACTERS}) AS told FROM (
    SELECT unnest(list_filter(
        keys, LAMBDA name: NOT list_contains(list_transform(places, LAMBDA place: keys[place]), name)
    )) AS name FROM judged WHERE keys IS NOT NULL
) ORDER BY told LIMIT {MOST_TOLD_NAMES}"""
# Counted from the lines themselves, so that a record lost by the statements above would show.
_READ_PER_FILE = f"SELECT source_id, count(*) FROM bundle WHERE {HAS_TEXT} GROUP BY source_id"
_BLANK_PER_FILE = f"SELECT source_id, count(*) FROM bundle WHERE NOT {HAS_TEXT} GROUP BY source_id"
_REPAIRED_PER_FILE = "SELECT source_id, count(*) FROM judged WHERE is_repaired GROUP BY source_id"
