"""The quick way as a library in Rust, where it was built (native/README.md): bundles in, Arrow batches out.

The library is handed the fields, the rules and the keys as they are in `fields` and `rules`. Lines of which it is not
sure are left, as they are by the quick way in SQL. It is used only if it was built for exactly the current rules and,
in a checkout, from exactly its sources.
"""

import ctypes
import dataclasses
import hashlib
import json
import logging
from array import array
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

import nanoarrow as na

from sparkify.datasets import MOST_TOLD_NAMES, Dataset, Key
from sparkify.errors import ConfigError
from sparkify.settings import native_switch
from sparkify.sources.bundles import Bundle
from sparkify.validation.fields import FIELDS, OTHER, Field
from sparkify.validation.keys import NO_KEYS, Keys
from sparkify.validation.rules import PLAY, RULES, FieldRule, Rule
from sparkify.validation.texts import WINDOWS
from sparkify.validation.version import rules_digest

FILE = Path(__file__).with_name("libnative.so")
# `no` leaves the library alone; with `yes` it is an error if it cannot be used.
_VARIABLE = "SPARKIFY_NATIVE"
_FORMAT = "1"
# An installed package has none.
_SOURCES = Path(__file__).parents[2] / "native"
_logger = logging.getLogger("sparkify")

Way = Literal["native", "sql"]


def way() -> Way:
    """How lines are judged in this process."""
    return "sql" if find() is None else "native"


def describe() -> str:
    """A sentence about how lines are judged in this process, and why not by the library."""
    reason = _obstacle()
    return "records are judged by the native library" if reason is None else f"records are judged by SQL: {reason}"


def find() -> "Library | None":
    """The library, if it can be used.

    Raises ConfigError if SPARKIFY_NATIVE is `yes` and it cannot, or if that variable is neither `yes` nor `no`.
    """
    reason = _obstacle()
    if reason is None:
        return _open()
    if native_switch() == "yes":
        raise ConfigError(f"{_VARIABLE} is yes, but {reason}")
    return None


def _obstacle() -> str | None:
    if native_switch() == "no":
        return f"{_VARIABLE} is no"
    if not FILE.exists():
        return "there is no native library; in a checkout, `make native` builds it"
    try:
        library = _open()
    except (OSError, AttributeError) as error:
        return f"the native library cannot be opened: {error}"
    rules, sources = built_for()
    anew = "in a checkout, `make native` builds it anew"
    if library.rules != rules:
        return f"the native library was built for other rules; {anew}"
    if sources and library.sources != sources:
        return f"the native library was built from other sources; {anew}"
    return None


@cache
def built_for() -> tuple[str, str]:
    """What a library that can be used was built for: a digest of the rules, and one of its sources.

    The first covers the form in which the rules are handed over. The second is empty where the sources are not.
    """
    files = sorted(_SOURCES.glob("src/*.rs"))
    digest = hashlib.sha256()
    for file in [*files, *_SOURCES.glob("Cargo.*")] if files else []:
        digest.update(f"{file.name} {file.stat().st_size}\n".encode() + file.read_bytes())
    return f"{_FORMAT}-{rules_digest()}", digest.hexdigest() if files else ""


@cache
def _open() -> "Library":
    return Library(ctypes.CDLL(str(FILE)))


class _Buffer(ctypes.Structure):
    """`Buffer` in native/src/ffi.rs."""

    _fields_ = (("start", ctypes.c_void_p), ("size", ctypes.c_size_t))

    @classmethod
    def of(cls, data: "bytes | bytearray | array[int]") -> "_Buffer":
        """The memory of an object, which has to live as long as the buffer is used."""
        if isinstance(data, array):
            start, count = data.buffer_info()
            return cls(start, count * data.itemsize)
        if isinstance(data, bytes):
            return cls(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data))
        return cls(ctypes.addressof(ctypes.c_char.from_buffer(data)) if data else None, len(data))


class Quick(NamedTuple):
    """A bundle after the quick way: its rows as an Arrow batch, None if there are none, and all that is left.

    `lines` counts the bundle's lines by source id, blank ones too. `names` and `unknown_keys` are those of the rows;
    see `judge.Judged`.
    """

    batch: Any
    doubts: Bundle
    lines: Counter[int]
    names: Counter[tuple[str, str]]
    unknown_keys: set[str]


@dataclasses.dataclass
class Taken:
    """All that is kept of bundles after the quick way; see `Quick`. Of names and of keys there are at most 1,000."""

    doubts: list[Bundle] = dataclasses.field(default_factory=list)
    lines: Counter[int] = dataclasses.field(default_factory=Counter)
    names: Counter[tuple[str, str]] = dataclasses.field(default_factory=Counter)
    unknown_keys: set[str] = dataclasses.field(default_factory=set)

    def add(self, quick: Quick) -> None:
        """Add what is left of one more bundle."""
        if len(quick.doubts):
            self.doubts.append(quick.doubts)
        self.lines.update(quick.lines)
        self.names.update(quick.names)
        if len(self.names) > MOST_TOLD_NAMES:
            self.names = Counter(dict(self.names.most_common(MOST_TOLD_NAMES)))
        self.unknown_keys |= quick.unknown_keys
        if len(self.unknown_keys) > MOST_TOLD_NAMES:
            self.unknown_keys = set(sorted(self.unknown_keys)[:MOST_TOLD_NAMES])


class Library:
    """The functions of native/src/ffi.rs. They may be called from many threads, and let others run meanwhile."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._judge, self._buffers, self._free = (
            library.sparkify_judge,
            library.sparkify_buffers,
            library.sparkify_free,
        )
        self._judge.argtypes, self._judge.restype = [_Buffer] * 5, ctypes.c_void_p
        self._buffers.argtypes, self._buffers.restype = [ctypes.c_void_p], _Buffer
        self._free.argtypes, self._free.restype = [ctypes.c_void_p], None
        library.sparkify_built_for.restype = _Buffer
        self.rules, _, self.sources = _copy(library.sparkify_built_for()).decode().partition(" ")
        self._has_failed = False

    def judge(self, spec: bytes, bundle: Bundle) -> "_Result | None":
        """The result for a bundle. None if the library failed, a fault of its own: a warning says so once."""
        parts = (spec, bundle.data, bundle.ends, bundle.source_ids, bundle.lines)
        address = self._judge(*map(_Buffer.of, parts))
        if address is not None:
            return _Result(self._free, address, self._buffers(address))
        if not self._has_failed:
            self._has_failed = True
            _logger.warning(
                "the native library failed, a fault of its own; what it leaves is judged by SQL. Please report it as a "
                "fault of sparkify; %s=no leaves the library alone",
                _VARIABLE,
            )
        return None


# A type of its own for each size would be slow to make. This one is as large as no buffer is.
_Memory = ctypes.c_ubyte * (1 << 40)


class _Result:
    """The buffers that the library made. They live as long as this or one of the views does."""

    def __init__(self, free: Callable[[int], None], address: int, buffers: _Buffer) -> None:
        self._free, self._address = free, address
        self._buffers = (_Buffer * buffers.size).from_address(buffers.start)

    def __del__(self) -> None:
        self._free(self._address)

    def views(self) -> Iterator[memoryview]:
        """The buffers, in the order of native/src/ffi.rs."""
        for buffer in self._buffers:
            memory = _Memory.from_address(buffer.start)
            memory.owner = self  # type: ignore[attr-defined]
            yield memoryview(memory)[: buffer.size]


def _copy(buffer: _Buffer) -> bytes:
    return ctypes.string_at(buffer.start, buffer.size)


class Judge:
    """The quick way for the bundles of one dataset."""

    def __init__(
        self, library: Library, dataset: Dataset, *, keys: Keys = NO_KEYS, rules: Sequence[Rule] = RULES
    ) -> None:
        self.dataset = dataset
        self.keys = keys
        self._library = library
        self._fields = FIELDS[dataset]
        self._spec = _spec_of(self._fields, keys, rules)
        types = {field.name: _ARROW[field.type] for field in (*self._fields, OTHER)}
        self.schema = na.c_schema(na.struct(types | {"source_id": na.int32(), "line": na.int32()}))

    def judge(self, bundle: Bundle) -> Quick:
        """The rows of a bundle, and what is left of it."""
        result = self._library.judge(self._spec, bundle)
        if result is None:
            return Quick(None, bundle, Counter(bundle.source_ids), Counter(), set())
        views = result.views()
        report, data = next(views), next(views)
        ends, source_ids, lines = (array("i", bytes(next(views))) for _ in range(3))
        runs, taken, unknown = json.loads(bytes(report))
        counts: Counter[int] = Counter()
        for source_id, count in runs:
            counts[source_id] += count
        names = Counter({(self._fields[field].name, name): count for field, name, count in taken})
        return Quick(self._batch(views), Bundle(bytes(data), ends, source_ids, lines), counts, names, {*unknown})

    def judge_ahead(self, bundles: Iterable[Bundle], threads: int) -> Generator[Quick, None, None]:
        """Like `judge` for bundles in their order, in so many threads, and only so many ahead of the reader."""
        ahead: deque[Future[Quick]] = deque()
        with ThreadPoolExecutor(threads, "sparkify-judge") as pool:
            try:
                for bundle in bundles:
                    ahead.append(pool.submit(self.judge, bundle))
                    if len(ahead) > threads:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _batch(self, views: Iterator[memoryview]) -> Any:
        source_ids, lines = next(views), next(views)
        size = lines.nbytes // 4
        if not size:
            return None
        columns = []
        for field in (*self._fields, OTHER):
            validity, *values = islice(views, 3 if field.type == "VARCHAR" else 2)
            columns.append(na.c_array_from_buffers(_ARROW[field.type], size, [validity or None, *values]))
        columns += [na.c_array_from_buffers(_ARROW["INTEGER"], size, [None, values]) for values in (source_ids, lines)]
        return na.c_array_from_buffers(self.schema, size, [None], children=columns)


_ARROW = {"VARCHAR": na.string(), "INTEGER": na.int32(), "BIGINT": na.int64(), "DOUBLE": na.float64()}


def _spec_of(fields: Sequence[Field], keys: Keys, rules: Sequence[Rule]) -> bytes:
    """Fields, keys and rules as native/src/spec.rs reads them."""
    spec: list[object] = [_FORMAT, len(WINDOWS)]
    for special in WINDOWS.items():
        spec += special
    spec.append(len(fields))
    for field in fields:
        key = keys.get(field.name, Key())
        spec += [field.name, field.kind, field.type, "yes" if field.zero_is_null else "no"]
        for text in key:
            spec += [0] if text is None else [1, text]
    name, value = PLAY
    places = [place for place, field in enumerate(fields) if field.name == name]
    spec += [len(places), *places, value, len(rules)]
    for rule in rules:
        concerned = _concerned(rule, fields)
        spec += [rule.code, len(concerned)]
        for place, figures in concerned:
            spec += [place, len(figures), *figures]
    return b"".join(len(text).to_bytes(4, "little") + text for text in (str(item).encode() for item in spec))


def _concerned(rule: Rule, fields: Sequence[Field]) -> list[tuple[int, tuple[int | str, ...]]]:
    """The places of the fields that a rule concerns, `other` last, each with the rule's figures."""
    if not isinstance(rule, FieldRule):
        return []
    return [(place, rule.figures(field)) for place, field in enumerate((*fields, OTHER)) if rule.concerns(field)]
