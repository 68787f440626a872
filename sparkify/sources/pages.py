"""A page of a bucket's listing: the store's XML, read without trust."""

import re
import xml.etree.ElementTree as ET
from typing import NamedTuple
from urllib.parse import unquote_plus

from sparkify.errors import SourceError

# XML 1.0 has no control characters, but keys have. While a page is parsed, characters of no meaning stand for them.
_CONTROL = re.compile(r"&#(?:x0*([0-9a-f]+)|0*(\d+));|([\x00-\x08\x0b\x0c\x0e-\x1f])", re.IGNORECASE)
_STAND_IN = 0xF0000
# So much of an answer that is no listing is told on.
_MOST_TOLD = 10_000


class StoreError(OSError):
    """The store refuses a request, or answers with something else than what was asked for."""


class Listed(NamedTuple):
    """What the store says of an object, each as the text it sends."""

    key: str
    size: str
    etag: str | None
    modified: str


class Page(NamedTuple):
    """The objects and folders of a page. `token` leads to the next page; the last one has None."""

    objects: list[Listed]
    folders: list[str]
    token: str | None


def parse_page(content: bytes) -> Page:
    """Raises StoreError for what is no listing, SourceError for one that is broken or says not how to go on."""
    text = content.decode("utf-8", "replace")
    # A document type has no place in it, and could let a small page grow without bound.
    root = None if "<!DOCTYPE" in text else _parse(text)
    if root is None or root.tag.rpartition("}")[2] != "ListBucketResult":
        raise StoreError(f"status code: 200 OK, and no listing: {text[:_MOST_TOLD]}")
    space = root.tag.removesuffix("ListBucketResult")
    is_encoded = root.findtext(f"{space}EncodingType") == "url"

    def read(entry: ET.Element, name: str) -> str:
        found = _restore(entry.findtext(space + name) or "")
        return unquote_plus(found) if is_encoded else found

    objects = [
        Listed(
            read(entry, "Key"),
            entry.findtext(f"{space}Size") or "",
            entry.findtext(f"{space}ETag"),
            entry.findtext(f"{space}LastModified") or "",
        )
        for entry in root.iterfind(f"{space}Contents")
    ]
    folders = [read(entry, "Prefix") for entry in root.iterfind(f"{space}CommonPrefixes")]
    token = root.findtext(f"{space}NextContinuationToken") or None
    is_cut = root.findtext(f"{space}IsTruncated")
    if (is_cut or "").strip().lower() == "true" and token is None:
        raise SourceError("the store says that its listing goes on, but not how to ask for the rest; check the store")
    return Page(objects, folders, token if is_cut is None or is_cut.strip().lower() == "true" else None)


def parse_size(text: str) -> int | None:
    """A number of bytes as a header or a listing has it, or None for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _parse(text: str) -> ET.Element | None:
    """The root of a document, or None where there is none."""
    try:
        return ET.fromstring(text)
    except (ET.ParseError, ValueError) as error:
        if "<ListBucketResult" not in text:
            return None
        try:
            return ET.fromstring(_CONTROL.sub(_stand_in, text))
        except (ET.ParseError, ValueError):
            raise SourceError(f"the store's listing is no well-formed XML ({error}); check the store") from None


def _stand_in(found: re.Match[str]) -> str:
    code = ord(found[3]) if found[3] else int(found[1], 16) if found[1] else int(found[2])
    return chr(_STAND_IN + code) if code < 0x20 else found[0]


def _restore(text: str) -> str:
    if text.isascii():
        return text
    return "".join(chr(ord(one) - _STAND_IN) if _STAND_IN <= ord(one) < _STAND_IN + 0x20 else one for one in text)
