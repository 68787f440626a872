"""Addresses as people write them: of a root, and of a warehouse. What means the same becomes one form.

A function returns that form, or raises ValueError with what is wrong and the right form. Nothing is opened here.
"""

import os
import re
from urllib.parse import unquote_to_bytes, urlsplit

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):(?=/)", re.IGNORECASE)
# Hadoop's names for S3 are those of its clients, not of other stores.
_S3 = ("s3", "s3a", "s3n")
_COPY = "copy the files to a local folder or to a store that speaks S3's protocol, and give that"
_ELSEWHERE = {
    "gs": "Google's store is read as s3://bucket/folder, with AWS_ENDPOINT_URL=https://storage.googleapis.com and the "
    "two parts of an HMAC key as AWS keys",
    "http": "a web address cannot be listed; download the files and give their folder, or write s3://bucket/folder",
}
_ELSEWHERE["gcs"], _ELSEWHERE["https"] = _ELSEWHERE["gs"], _ELSEWHERE["http"]
_AWS_HOST = re.compile(r"(?:(?P<bucket>.+)\.)?s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com", re.IGNORECASE)
_ARN = re.compile(r"arn:[\w-]+:s3:::(.+)")


def read_root(text: str) -> str:
    """A root: `s3://bucket/folder`, also where it is written `s3a://` or `S3://`, or a local path, also as `file://`."""
    if found := _ARN.match(text):
        raise ValueError(f"an ARN is not an address; write it as s3://{found[1]}")
    if re.match(r"s3[an]?:(?!//[^/])", text, re.IGNORECASE):
        raise ValueError("it has no bucket; write it as s3://bucket/folder")
    found = _SCHEME.match(text)
    scheme, rest = (found[1].lower(), text[found.end() :]) if found else ("", text)
    if scheme in _S3:
        return f"s3:{rest}"
    if scheme == "file":
        return _local_path(rest)
    if found and rest.startswith("//"):
        raise ValueError(f"{scheme}:// is not read: {_ELSEWHERE.get(scheme, _COPY)}{_suggest(text)}")
    return text


def read_warehouse(text: str) -> str:
    """The address of a warehouse: a file's also as `file://`, and a scheme in any case of letters."""
    found = _SCHEME.match(text)
    if found is None:
        return text
    rest = text[found.end() :]
    return _local_path(rest) if found[1].lower() == "file" else f"{found[1].lower()}:{rest}"


def path_of(address: str) -> str | None:
    """The path of a warehouse that is a file: of a path, or of `duckdb:PATH`. None for one on another machine."""
    return None if "://" in address else address.removeprefix("duckdb:")


def is_unicode(text: str) -> bool:
    """False for what the operating system passed as bytes that are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _local_path(rest: str) -> str:
    """The path of a `file:` address, percent-decoded."""
    host, slash, path = rest.removeprefix("//").partition("/") if rest.startswith("//") else ("", "/", rest[1:])
    if host.lower() not in ("", "localhost") or not slash:
        raise ValueError("file:// has no host; write file:///folder with three slashes, or the path alone")
    return os.fsdecode(unquote_to_bytes(f"/{path}"))


def _suggest(text: str) -> str:
    """For an object's web address at AWS, the root that it means."""
    url = urlsplit(text)
    found = _AWS_HOST.fullmatch(url.hostname or "")
    place = "/".join(filter(None, (found["bucket"] if found else "", url.path.strip("/"))))
    return f"; did you mean s3://{place}?" if found and place else ""
