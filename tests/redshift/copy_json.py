"""JSON files as COPY reads them: every object is a row or an error, until MAXERROR is reached."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO

import zstandard

from tests.redshift.copy_statement import CopyStatement
from tests.redshift.copy_target import Target
from tests.redshift.json_paths import Mapper, make_mapper
from tests.redshift.json_stream import Item, is_too_large, read_items
from tests.redshift.json_values import convert, text_of
from tests.redshift.load_errors import LoadError, RowError
from tests.redshift.s3_objects import Found, Objects
from tests.redshift.wire import WireError

_CHUNK = 1 << 18


@dataclass
class Reading:
    """Rows as CSV, and errors; `is_failed` when there are too many of them."""

    rows: bytearray = field(default_factory=bytearray)
    errors: list[LoadError] = field(default_factory=list)
    is_failed: bool = False

    def chunks(self) -> Iterator[bytes]:
        for place in range(0, len(self.rows), _CHUNK):
            yield bytes(self.rows[place : place + _CHUNK])


def read_json(statement: CopyStatement, objects: Objects, files: Sequence[Found], targets: list[Target]) -> Reading:
    """All files, or those before the error that is one too many."""
    mapper = make_mapper(statement, objects, targets)
    reading = Reading()
    for file in files:
        for item in read_items(_decompress(objects.read(file.url), statement, file)):
            _add(reading, statement, file, item, mapper, targets)
            if reading.is_failed:
                return reading
    return reading


def _add(
    reading: Reading, statement: CopyStatement, file: Found, item: Item, mapper: Mapper, targets: list[Target]
) -> None:
    target, value = None, None
    try:
        if is_too_large(item.raw):
            # The load fails whatever MAXERROR says: DG copy-parameters-data-format.
            reading.is_failed = True
            raise RowError(1224, "JSON object size exceeds the maximum of 4194304 bytes")
        # A JSONPaths file under the prefix of the data is no data: DG copy-parameters-data-format.
        if item.value is None or file.url == statement.json:
            raise RowError(1216, "Invalid JSON")
        row = []
        for target, value in zip(targets, mapper(item.value), strict=True):
            row.append(convert(value, target, statement))
        reading.rows += _csv(row)
    except RowError as error:
        text = "" if value is None else text_of(value)
        reading.errors.append(LoadError(file.url, item.line, item.raw, error, target, text))
        if not statement.has("ignoreallerrors") and len(reading.errors) >= statement.most_errors:
            reading.is_failed = True


def _csv(row: list[str | None]) -> bytes:
    parts = ["\\N" if value is None else '"' + value.replace('"', '""') + '"' for value in row]
    return (",".join(parts) + "\n").encode()


def _decompress(data: bytes, statement: CopyStatement, file: Found) -> bytes:
    """Only as the statement says, whatever the file is called: DG copy-parameters-file-compression."""
    try:
        if statement.has("gzip"):
            return gzip.decompress(data)
        if statement.has("zstd"):
            return zstandard.ZstdDecompressor().stream_reader(BytesIO(data), read_across_frames=True).read()
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise WireError("XX000", f"Could not decompress {file.url}: {error}") from error
    return data
