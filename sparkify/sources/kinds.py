"""Files of another kind: what a file looks like that is no JSON, and what to do with it."""

import re
from typing import NamedTuple

from sparkify.sources.compression import FORMATS
from sparkify.sources.records import BYTE_ORDER_MARK

_UTF_32 = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_UNPACK = "unpack it, and give the folder of its files"
_EXPORT = "export its rows as JSON, one object a line"
_ENCODE = "convert it to UTF-8, as with iconv -t UTF-8"


class _Kind(NamedTuple):
    looks_like: str
    begins: re.Pattern[bytes]
    advice: str


# The first that fits. Text is compared in any case of letters.
_KINDS = [
    _Kind(looks_like, re.compile(rb"\s*+(?:" + pattern + rb")", re.IGNORECASE | re.DOTALL), advice)
    for looks_like, pattern, advice in (
        ("a Git LFS pointer", rb"version https?://[^\s]*git-lfs", "run git lfs pull to fetch the file itself"),
        (
            "a web page",
            rb"(?:<!--.{0,2000}?-->\s*+)?<!?(?:doctype html|html|head|body)\b",
            "download the data themselves",
        ),
        ("XML", rb"<[?!a-z]", "the store's answer may say why it is no data; download the file again"),
        ("a zip archive", rb"pk(?:\x03\x04|\x05\x06|\x07\x08)", _UNPACK),
        ("a 7-Zip archive", rb"7z\xbc\xaf\x27\x1c", _UNPACK),
        ("a RAR archive", rb"rar!\x1a", _UNPACK),
        ("a Parquet file", rb"par[1e]", _EXPORT),
        ("an Avro file", rb"obj\x01", _EXPORT),
        ("an ORC file", rb"orc", _EXPORT),
        ("a SQLite database", rb"sqlite format 3\x00", _EXPORT),
        ("an HDF5 file", rb"\x89hdf\r\n", _EXPORT),
        ("a PDF document", rb"%pdf", "give the data that it was made from"),
        ("an image", rb"\x89png|gif8|\xff\xd8\xff", "remove it, or take it out of the folder"),
        ("a lz4 file", rb"\x04\x22\x4d\x18", "unpack it"),
        ("a Snappy file", rb"\xff\x06\x00\x00snappy", "unpack it"),
        ("a Unix compress file", rb"\x1f\x9d", "unpack it"),
        ("a Python pickle", rb"\x80[\x02-\x05]", _EXPORT),
        (
            "lines with other text before each object",
            rb"[^\s{\[][^\n{]{0,300}[\s:|]\{\s*+\"",
            "remove what stands before each {",
        ),
    )
]
# The mark of a tar stands at the end of these.
FIRST_BYTES = 262
# Names separated by commas, semicolons, bars or tabs.
_TABLE = re.compile(rb"""[\w"' .-]++(?:([,;\t|])[\w"' .:/+-]*+){2,}(?:\r?\n|\Z)""")


def has_other_beginning(head: bytes | bytearray) -> bool:
    """Whether the first bytes alone show that a file is no JSON: a NUL among the first four, or the mark of a tar."""
    return b"\0" in head[:4] or head[257:FIRST_BYTES] == b"ustar"


def describe_other_kind(head: bytes | bytearray) -> str:
    """What the content of a file of another kind looks like, and what to do."""
    looks_like, advice = _recognize(head)
    return f"it looks like {looks_like}, not like JSON; {advice}"


def _recognize(head: bytes | bytearray) -> tuple[str, str]:
    if head[257:FIRST_BYTES] == b"ustar":
        return "a tar archive", _UNPACK
    if head.startswith(_UTF_32) or head[1:4] == b"\0\0\0" or head[:3] == b"\0\0\0":
        return "text in UTF-32", _ENCODE
    if head.startswith(_UTF_16) or _has_zeros_between(head):
        return "text in UTF-16", _ENCODE
    for name, form in FORMATS.items():
        if form.fits(head):
            return f"{name} data that were compressed twice", "unpack it once"
    text = head.removeprefix(BYTE_ORDER_MARK)
    for kind in _KINDS:
        if kind.begins.match(text):
            return kind.looks_like, kind.advice
    if b"\0" in head[:4]:
        return "binary data", "remove it, or take it out of the folder"
    if _TABLE.match(text.lstrip()):
        return "CSV, a table of separated values", "convert it to JSON, one object a line"
    return "other text or binary data", "none of its first 1,000 lines is a JSON object"


def _has_zeros_between(head: bytes | bytearray) -> bool:
    """Whether every second byte is zero, as in ASCII text written as UTF-16."""
    return head[1:4:2] == b"\0\0" or head[0:4:2] == b"\0\0"
