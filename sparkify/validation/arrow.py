"""Tables as Arrow: DuckDB reads lines without copying them, even while files are still being read.

The C structs are defined by the Arrow C data and stream interfaces (https://arrow.apache.org/docs/format/). nanoarrow
makes streams from existing batches only; a stream that makes its batches on demand is added here.
"""

import ctypes
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import duckdb
import nanoarrow as na
from nanoarrow.c_array_stream import CArrayStream

from sparkify.errors import EngineError
from sparkify.sources.bundles import Bundle

_JSON = na.extension_type(na.string(), "arrow.json")
# As arrow.json the bytes are not validated until they are parsed.
_SCHEMA = na.c_schema(na.struct({"bytes": na.binary(), "json": _JSON, "source_id": na.int32(), "line": na.int32()}))
_SIZE_OF_ARRAY = 80
_WHOLE = ("BIGINT", "INTEGER", "SMALLINT")
_EIO = 5


class Table:
    """Existing batches of one schema. They can be read many times, until `let_go`."""

    error: BaseException | None = None

    def __init__(self, schema: Any, batches: list[Any]) -> None:
        self._schema = schema
        self._batches = batches

    @classmethod
    def of_lines(cls, bundles: Iterable[Bundle]) -> "Table":
        """The lines of bundles: `bytes`, the same as `json`, `source_id` and `line`."""
        return cls(_SCHEMA, [_batch(bundle) for bundle in bundles])

    @classmethod
    def of_rows(cls, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> "Table":
        """A table of one or more rows: whole numbers as they are, other values as text."""
        columns = [_column(values) for values in zip(*rows, strict=True)]
        schema = na.c_schema(na.struct({name: column.schema for name, column in zip(names, columns, strict=True)}))
        return cls(schema, [na.c_array_from_buffers(schema, len(rows), [None], children=columns)])

    def let_go(self) -> None:
        """Free the batches, even if this object is still referenced."""
        self._batches = []

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return CArrayStream.from_c_arrays(list(self._batches), self._schema).__arrow_c_stream__()


class Stream:
    """Batches that are still to come, as a table that can be read once.

    A batch is taken when the reader asks for more: in one of its threads, one at a time. If taking one raises, `error`
    is the exception, and the reader fails with an error of its own. `is_ended` says that the reader has had all.
    """

    def __init__(self, schema: Any, batches: Generator[Any, None, None]) -> None:
        self.error: BaseException | None = None
        self.is_ended = False
        self._schema = schema
        self._coming = batches
        self._empty = CArrayStream.from_c_arrays([], schema)
        # C code calls these while this object lives, so they must not be garbage-collected before.
        self._functions = (
            _GetSchema(lambda stream, schema: _call("get_schema", self._empty, schema)),
            _GetNext(lambda stream, array: self._get_next(array)),
            _GetLastError(lambda stream: None),
            _Release(_release),
        )

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        stream = CArrayStream.allocate()
        struct = _struct(stream)
        struct.get_schema, struct.get_next, struct.get_last_error, struct.release = self._functions
        return stream.__arrow_c_stream__()

    def let_go(self) -> None:
        """Free what the batches are made of, even if this object is still referenced, as by functions that C calls."""
        self._coming.close()

    def _get_next(self, array: int) -> int:
        try:
            batch = next(self._coming, None)
            if batch is None:
                # A released array ends the stream.
                ctypes.memset(array, 0, _SIZE_OF_ARRAY)
                self.is_ended = True
                return 0
            return _call("get_next", CArrayStream.from_c_arrays([batch], self._schema), array)
        except BaseException as error:
            self.error = error
            return _EIO


def stream_lines(bundles: Iterable[Bundle], taken: list[Bundle]) -> Stream:
    """The lines of bundles that are still to come, as `Table.of_lines` has them. The bundles are added to `taken`."""

    def batches() -> Generator[Any, None, None]:
        for bundle in bundles:
            if len(bundle):
                taken.append(bundle)
                yield _batch(bundle)

    return Stream(_SCHEMA, batches())


def stream_rows(types: Mapping[str, str], chunks: Iterable[Sequence[Sequence[Any]]]) -> Stream:
    """Rows that are still to come, with columns of these names: whole numbers as they are, other values as text."""
    whole = [kind in _WHOLE for kind in types.values()]
    kinds = [na.int64() if is_whole else na.string() for is_whole in whole]
    schema = na.c_schema(na.struct(dict(zip(types, kinds, strict=True))))

    def batches() -> Generator[Any, None, None]:
        for rows in chunks:
            columns = [
                na.c_array(values if is_whole else _as_texts(values), kind)
                for values, is_whole, kind in zip(zip(*rows, strict=True), whole, kinds, strict=True)
            ]
            yield na.c_array_from_buffers(schema, len(rows), [None], children=columns)

    return Stream(schema, batches())


def stream_tables(tables: Iterator[Any]) -> Stream:
    """The rows of tables that are still to come. All have the columns of the first, which is taken at once.

    Its `error` is an EngineError where a table cannot be read.
    """
    first = na.c_array_stream(next(tables))

    def batches() -> Generator[Any, None, None]:
        yield from first
        for table in tables:
            try:
                yield from na.c_array_stream(table)
            except RuntimeError as error:
                raise EngineError(f"rows cannot be read: {str(error).partition(': ')[2]}") from error

    return Stream(first.get_schema(), batches())


@contextmanager
def registered(connection: duckdb.DuckDBPyConnection, name: str, table: Table | Stream) -> Iterator[None]:
    """Give a table a name in SQL; free it afterwards. Raises the table's own error instead of the reader's.

    DuckDB keeps a reference until the transaction ends. Without `let_go`, a load would keep in memory all that it has
    read.
    """
    connection.register(name, table)
    try:
        yield
        # Ctrl-C in the first moment of a function that C calls is lost, and ends the stream for the reader.
        if isinstance(table, Stream) and not table.is_ended:
            raise KeyboardInterrupt
    except (duckdb.Error, RuntimeError):
        if table.error is not None:
            raise table.error from None
        raise
    finally:
        # After an error the connection may refuse even this; the first error must be the one raised.
        with suppress(duckdb.Error):
            connection.unregister(name)
        table.let_go()


class _Struct(ctypes.Structure):
    """struct ArrowArrayStream."""


# The stream is an address: Ctrl-C while a pointer to it is made would be told as a fault of Python.
_GetSchema = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_GetNext = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_GetLastError = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
_Release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_Struct._fields_ = [
    ("get_schema", _GetSchema),
    ("get_next", _GetNext),
    ("get_last_error", _GetLastError),
    ("release", _Release),
    ("private_data", ctypes.c_void_p),
]


def _struct(stream: CArrayStream) -> _Struct:
    return _Struct.from_address(stream._addr())


def _call(function: str, stream: CArrayStream, target: int) -> int:
    struct = _struct(stream)
    code: int = getattr(struct, function)(ctypes.byref(struct), target)
    return code


def _release(stream: int) -> None:
    _Struct.from_address(stream).release = _Release()


def _column(values: Sequence[Any]) -> Any:
    types = {*map(type, values)}
    if types <= {int, type(None)}:
        return na.c_array(values, na.int64())
    return na.c_array(values if types <= {str, type(None)} else _as_texts(values), na.string())


def _as_texts(values: Iterable[Any]) -> list[str | None]:
    return [value if value is None else str(value) for value in values]


def _batch(bundle: Bundle) -> Any:
    size = len(bundle)
    columns = [
        na.c_array_from_buffers(na.binary(), size, [None, bundle.ends, bundle.data]),
        na.c_array_from_buffers(_JSON, size, [None, bundle.ends, bundle.data]),
        na.c_array_from_buffers(na.int32(), size, [None, bundle.source_ids]),
        na.c_array_from_buffers(na.int32(), size, [None, bundle.lines]),
    ]
    return na.c_array_from_buffers(_SCHEMA, size, [None], children=columns)
