"""Addresses as people write them: of a root, and of a warehouse. What means the same becomes one form.

A function returns that form, or raises ValueError with what is wrong and the right form. Nothing is opened here. `mask`
hides what may be a secret in an address, or in a sentence that repeats one.
"""

import os
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, unquote_to_bytes, urlsplit

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

REDSHIFT = re.compile(
    r"redshift://(?:(?P<user>[^@/:?#]*)@)?(?P<host>[^:/@?#;=\s]*)(?::(?P<port>\d{1,8}))?(?:/(?P<database>[^/?#;=\s]*))?"
)

# What may be a secret, and what stands in its place. ~ is any character of an address: in a sentence, none but blanks
# end one.
_SECRETS = (
    # //user:password@host, also as a path has it: a password may hold any character, also / and @.
    (r"(\b[a-z][\w+.-]{0,30}:/+|/{2,})[^~/@]{0,300}?(?::|%3a)~*@", r"\1…@"),
    # The same without slashes, and after the scheme of a path or of a bucket.
    (
        r"(?<![\w/.:…])((?:duckdb:|file:|s3[an]?:|arn:[\w-]*:s3:::)?)(?!duckdb:|file:|s3[an]?:|arn:)[^~/@:]{1,300}:(?!//)~*@",
        r"\1…@",
    ),
    # //user@host: Redshift's user is shown, any other may be a token.
    (r"\b(?!redshift:|s3[an]?:|file:|duckdb:)([a-z][\w+.-]{0,30}:/{2,})~+@", r"\1…@"),
    (r"\b(s3[an]?:/{2,})[^~/@]+@", r"\1…@"),
    # name=value, also in quotes, as in the texts of drivers, in queries and in signed addresses.
    (
        r"((?:password|passwd|passphrase|pwd|secret|token|signature|credentials?|(?:access|secret|api|private)[_-]?"
        r"key(?:[_-]?id)?|(?<![a-z0-9])(?:pass|pw|sig))[\"']?\s*=\s*)"
        r"(?:\"[^\"]*\"|'[^']*'|~+)",
        r"\1…",
    ),
    # A query, and the fragment of what is no path or key.
    (r"\b([a-z][\w+.-]{0,30}:[^~?#]*[?#])(?=~*=)~+", r"\1…"),
    (r"\b(?!s3[an]?:|file:|duckdb:)([a-z][\w+.-]{0,30}://[^~#]*#)~+", r"\1…"),
    # Keys of AWS and tokens that are told by their form.
    (r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b|\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]+)?", "…"),
)
_IN_ADDRESS, _IN_SENTENCE = (
    [(re.compile(pattern.replace("[^~", within).replace("~", any_of), flags), mark) for pattern, mark in _SECRETS]
    for within, any_of, flags in (("[^\0", ".", re.IGNORECASE | re.DOTALL), (r"[^\s", r"\S", re.IGNORECASE))
)
# The time to find secrets grows with the square of the length, so a long sentence is looked at in parts.
LONGEST = 4_000
_MOST_DECODINGS = 5
_BLANK = re.compile(r"(?<![=\s])\s(?![=\s])")
_OPEN_QUOTE = re.compile(r"=\s*(?:\"[^\"]*|'[^']*)\Z")


def mask(text: str, *, is_address: bool = False) -> str:
    """A sentence, or an address alone, with a mark in place of all that may be a secret."""
    if len(text) <= LONGEST:
        return _mask_part(text, is_address)
    return "…" if is_address else "".join(_mask_part(part, is_address) for part in _cut(text))


def _cut(text: str) -> Iterator[str]:
    """The parts of a long sentence, cut where no secret lies over the cut. What is too long for a part is left out."""
    while len(text) > LONGEST:
        blanks = [found.start() for found in _BLANK.finditer(text, 1, LONGEST)]
        if (place := _first_cut(text, reversed(blanks))) is not None:
            yield text[:place]
        else:
            yield "…"
            following = _first_cut(text, (found.start() for found in _BLANK.finditer(text, LONGEST)))
            place = len(text) if following is None else following
        text = text[place:]
    yield text


def _first_cut(text: str, places: Iterable[int]) -> int | None:
    return next((place for place in places if not _OPEN_QUOTE.search(text, 0, place)), None)


def _mask_part(text: str, is_address: bool) -> str:
    masked = _mask_plain(text, is_address)
    if masked != text or "%" not in text:
        return masked
    decoded = text
    for _ in range(_MOST_DECODINGS):
        before, decoded = decoded, unquote(decoded)
        if decoded == before:
            return text
        if (hidden := _mask_plain(decoded, is_address)) != decoded:
            return hidden
    return "…"


def _mask_plain(text: str, is_address: bool) -> str:
    for pattern, mark in _IN_ADDRESS if is_address else _IN_SENTENCE:
        text = pattern.sub(mark, text)
    return text


def may_hold_secret(address: str) -> bool:
    """Whether an address has a part that may be a password, a key or a token."""
    return mask(address, is_address=True) != address


def read_root(text: str) -> str:
    """A root: `s3://bucket/folder`, also where it is written `s3a://` or `S3://`, or a local path, also as `file://`."""
    if found := _ARN.match(text):
        raise ValueError(f"an ARN is not an address; write it as s3://{mask(found[1], is_address=True)}")
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
    scheme, rest = found[1].lower(), text[found.end() :]
    if scheme == "file":
        return _local_path(rest)
    if scheme == "redshift" and not REDSHIFT.fullmatch(f"redshift:{rest}"):
        # The sentence does not repeat it: it may hold a password.
        raise ValueError("it cannot be read; write it as redshift://user@host:5439/database")
    return f"{scheme}:{rest}"


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
