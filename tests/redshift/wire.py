"""The PostgreSQL wire protocol, version 3, on the server side. It handles bytes, not SQL."""

import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext

SSL_REQUEST, CANCEL_REQUEST, PROTOCOL_3 = 80877103, 80877102, 196608
TEXT_FORMAT, BINARY_FORMAT = 0, 1

AUTHENTICATION_OK = b"R" + struct.pack("!ii", 8, 0)
PARSE_COMPLETE, BIND_COMPLETE, CLOSE_COMPLETE, NO_DATA, EMPTY_QUERY = (
    code + struct.pack("!i", 4) for code in (b"1", b"2", b"3", b"n", b"I")
)

# The driver's versions of what a result is like: as in PostgreSQL; with names of tables; with numbers and dates in
# Redshift's own binary form. A server answers the one that it was asked for.
PLAIN, WITH_NAMES, BINARY = 0, 1, 2
# The driver asks for numbers in binary, but libpq has one format for a whole result: by OID, how to pack the text.
_PACKINGS = {16: "?", 20: "!q", 21: "!h", 23: "!i", 24: "!I", 26: "!I", 700: "!f", 701: "!d"}
# Types whose binary form is their text: name, text, unknown, bpchar, varchar.
_TEXTS = {18, 19, 25, 705, 1042, 1043}
_TIMESTAMPS = {1114, 1184}
_NUMERIC, _DATE = 1700, 1082
# Where a NUMERIC is not of a column, PostgreSQL tells no scale, and Redshift always has one: that of NUMERIC(38, 16).
_ANY_NUMERIC = (38 << 16 | 16) + 4
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class WireError(Exception):
    """A statement's failure, by the field letters of ErrorResponse: S severity, C SQLSTATE, M message, D detail."""

    def __init__(self, sqlstate: str, message: str, *, detail: str = "", severity: str = "ERROR") -> None:
        super().__init__(message)
        self.fields = {"S": severity, "C": sqlstate, "M": message} | ({"D": detail} if detail else {})


class Gone(Exception):
    """The client's end of the connection is closed."""


@dataclass(frozen=True)
class Column:
    """One column of a result. Without a table, its OID and attribute number are 0."""

    name: bytes
    table: int
    attribute: int
    type: int
    size: int
    modifier: int

    @property
    def scale(self) -> int:
        """The digits of a NUMERIC after the point."""
        return self.modifier - 4 & 0xFFFF


@dataclass(frozen=True)
class Bind:
    """Parameters of one execution; a value is None for NULL."""

    portal: bytes
    statement: bytes
    formats: list[int]
    values: list[bytes | None]
    result_formats: list[int]


class Channel:
    """A client's socket: reads whole messages, writes buffered messages."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self._out = bytearray()

    def read_startup(self) -> tuple[int, bytes]:
        """The code and the rest of a message without a type byte."""
        (length, code) = struct.unpack("!ii", self._read(8))
        return code, self._read(length - 8)

    def read(self, patience: float | None = None) -> tuple[bytes, bytes]:
        """The next message. Raises Gone if it does not begin within so many seconds."""
        self.client.settimeout(patience)
        kind = self._read(1)
        self.client.settimeout(None)
        (length,) = struct.unpack("!i", self._read(4))
        return kind, self._read(length - 4)

    def write(self, data: bytes) -> None:
        self._out += data
        if len(self._out) > 1 << 20:
            self.flush()

    def flush(self) -> None:
        if self._out:
            self.send(bytes(self._out))
            self._out.clear()

    def send(self, data: bytes) -> None:
        try:
            self.client.sendall(data)
        except OSError as error:
            raise Gone from error

    def _read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                more = self.client.recv(min(size - len(data), 1 << 20))
            except OSError as error:
                raise Gone from error
            if not more:
                raise Gone
            data += more
        return bytes(data)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def parameter_status(name: str, value: str) -> bytes:
    return message(b"S", name.encode() + b"\0" + value.encode() + b"\0")


def backend_key(process: int, secret: int) -> bytes:
    return message(b"K", struct.pack("!iI", process, secret))


def ready(status: str) -> bytes:
    """Status I outside a transaction, T inside one, E inside a failed one."""
    return message(b"Z", status.encode())


def report(kind: bytes, fields: Mapping[str, str]) -> bytes:
    """ErrorResponse (kind E) or NoticeResponse (kind N)."""
    return message(kind, b"".join(key.encode() + value.encode() + b"\0" for key, value in fields.items()) + b"\0")


def command_complete(tag: str) -> bytes:
    return message(b"C", tag.encode() + b"\0")


def parameter_description(types: Sequence[int]) -> bytes:
    return message(b"t", struct.pack(f"!H{len(types)}I", len(types), *types))


def row_description(columns: Sequence[Column], formats: Sequence[int], version: int = PLAIN) -> bytes:
    body = struct.pack("!H", len(columns))
    for one, format_ in zip(columns, formats, strict=True):
        body += one.name + b"\0"
        body += struct.pack("!IhIhih", one.table, one.attribute, one.type, one.size, one.modifier, format_)
        if version >= WITH_NAMES:
            # Names of schema, table, column and catalogue, which the driver does not need, and flags: may be NULL.
            body += b"\0" * 4 + struct.pack("!h", 1)
    return message(b"T", body)


def with_scale(column: Column) -> Column:
    """The column as Redshift describes it: a NUMERIC has a scale."""
    is_bare = column.type == _NUMERIC and column.modifier < 0
    return replace(column, modifier=_ANY_NUMERIC) if is_bare else column


def data_row(values: Iterable[bytes | None], columns: Sequence[Column], formats: Sequence[int]) -> bytes:
    """One row of values, given as text and sent as text or binary by their format."""
    parts = [struct.pack("!H", len(columns))]
    for value, column, format_ in zip(values, columns, formats, strict=True):
        if value is None:
            parts.append(b"\xff\xff\xff\xff")
            continue
        data = _binary(value, column) if format_ == BINARY_FORMAT else value
        parts += [struct.pack("!i", len(data)), data]
    return message(b"D", b"".join(parts))


def _binary(text: bytes, column: Column) -> bytes:
    type_ = column.type
    if type_ in _TEXTS:
        return text
    if type_ in _TIMESTAMPS:
        moment = datetime.fromisoformat(text.decode())
        since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
        return struct.pack("!q", since // timedelta(microseconds=1))
    if type_ == _DATE:
        return struct.pack("!i", (date.fromisoformat(text.decode()) - _EPOCH.date()).days)
    if type_ == _NUMERIC:
        return _binary_numeric(text, column)
    if (packing := _PACKINGS.get(type_)) is None:
        raise WireError("0A000", f"the stand-in does not know type {type_} in binary")
    value = text == b"t" if type_ == 16 else float(text) if type_ in (700, 701) else int(text)
    return struct.pack(packing, value)


def _binary_numeric(text: bytes, column: Column) -> bytes:
    """The digits as one integer, as the driver reads them: of 8 bytes up to 19 digits, else of 16."""
    with localcontext(prec=100):
        digits = int(Decimal(text.decode()).scaleb(column.scale).to_integral_value(ROUND_HALF_UP))
    precision = column.modifier - 4 >> 16
    return digits.to_bytes(8 if precision <= 19 else 16, "big", signed=True)


def parse_startup(body: bytes) -> dict[str, str]:
    parts = body.split(b"\0")
    return {key.decode(): value.decode() for key, value in zip(parts[::2], parts[1::2], strict=False) if key}


def parse_parse(body: bytes) -> tuple[bytes, bytes, list[int]]:
    """Statement name, query, parameter types."""
    name, query, rest = body.split(b"\0", 2)
    (count,) = struct.unpack_from("!H", rest)
    return name, query, list(struct.unpack_from(f"!{count}I", rest, 2))


def parse_bind(body: bytes) -> Bind:
    portal, statement, rest = body.split(b"\0", 2)
    formats, place = _read_formats(rest, 0)
    (count,) = struct.unpack_from("!H", rest, place)
    place += 2
    values: list[bytes | None] = []
    for _ in range(count):
        (length,) = struct.unpack_from("!i", rest, place)
        place += 4
        values.append(None if length < 0 else rest[place : place + length])
        place += max(length, 0)
    result_formats, _ = _read_formats(rest, place)
    return Bind(portal, statement, spread(formats, count), values, result_formats)


def _read_formats(data: bytes, place: int) -> tuple[list[int], int]:
    (count,) = struct.unpack_from("!H", data, place)
    return list(struct.unpack_from(f"!{count}h", data, place + 2)), place + 2 + 2 * count


def spread(formats: list[int], count: int) -> list[int]:
    """One format per value: no format means text, and a single one is for all values."""
    if len(formats) in (0, 1):
        return (formats or [TEXT_FORMAT]) * count
    return formats
