"""Functions of one text: repair of text that was encoded as UTF-8 twice, and the form by which similar texts are equal.

In Python they are applied to distinct texts only, never to each record. The repair is also there in DuckDB's SQL, for
the validator: `BjÃ¶rk` is `Björk`. Each character is mapped to a byte: one below U+0100 to its own number, and one that
windows-1252 has at 0x80-0x9F to that number, because programs take one encoding for the other. Where all characters can
be mapped and the bytes are other, valid UTF-8, they are what the text was. This is done at most three times.
"""

import html
import re
from unicodedata import category, normalize

from sparkify.sql import quote

_BRACKETED = re.compile(r"\([^()\[\]]*\)|\[[^()\[\]]*\]")
_GUEST = re.compile(r"\s(?:feat|ft|featuring)\b.*", re.DOTALL)
_ARTICLE = re.compile(r"\s*the\s")
_ROUNDS = 3
# The bytes of windows-1252 whose characters are not those of latin-1, by character.
WINDOWS = {
    bytes([byte]).decode("cp1252"): byte for byte in range(0x80, 0xA0) if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_SPECIALS = "".join(WINDOWS)
# Doubled text holds a first byte of UTF-8 and a byte that continues it, each as a character.
_DOUBLED = rf"[\x{{C2}}-\x{{F4}}][\x{{80}}-\x{{BF}}{_SPECIALS}]"
_MAPPABLE = rf"(?s)[\x{{00}}-\x{{FF}}{_SPECIALS}]*"


def normalize_text(text: str) -> str | None:
    """The form by which similar texts are equal, or None if nothing is left: "The Café (Live) ft. X" is "cafe".

    HTML references are replaced as a browser does: also some without a semicolon, and those of no character by U+FFFD.
    """
    text = html.unescape(text)
    if text.isascii():
        text = text.lower()
    else:
        # Character by character: the lower case of a whole text depends on where a sigma stands.
        text = "".join(char.lower() for char in normalize("NFD", text) if category(char) != "Mn")
    text = _BRACKETED.sub(" ", text)
    text = _GUEST.sub("", text)
    text = _ARTICLE.sub("", text, count=1) if _ARTICLE.match(text) else text
    # Of ASCII these are the same characters, and most texts are that.
    kept = filter(str.isalnum, text) if text.isascii() else (char for char in text if category(char)[0] in "LN")
    return "".join(kept) or None


def repair_text(text: str) -> str:
    """The text that was meant, or the same."""
    for _ in range(_ROUNDS):
        try:
            meant = bytes(WINDOWS.get(character, ord(character)) for character in text).decode()
        except ValueError:
            return text
        if meant == text:
            return text
        text = meant
    return text


def maybe_doubled_sql(text: str) -> str:
    """The condition that a repair may change a text: the others need none."""
    # Two characters beyond ASCII have two bytes more than characters, and are rare: most texts need no search.
    return f"(strlen({text}) >= length({text}) + 2 AND regexp_matches({text}, {quote(_DOUBLED)}))"


def repaired_sql(texts: str) -> str:
    """The repaired texts of a list. Slow: use it where `maybe_doubled_sql` holds for one of them."""
    for _ in range(_ROUNDS):
        texts = f"list_transform({texts}, LAMBDA doubled: {_repaired_once('doubled')})"
    return texts


def _repaired_once(text: str) -> str:
    encoded = f"url_encode({text})"
    for character, byte in WINDOWS.items():
        encoded = f"replace({encoded}, '{_percent(character.encode())}', '%{byte:02X}')"
    # Below U+0100, C2 precedes the bytes up to BF, and C3 those from C0. url_encode writes no `!`: it marks the bytes
    # that must not be mapped again.
    encoded = f"replace({encoded}, '%C2%', '!')"
    for before, after in zip("89AB", "CDEF", strict=True):
        encoded = f"replace({encoded}, '%C3%{before}', '!{after}')"
    meant = f"TRY(url_decode(replace({encoded}, '!', '%')))"
    is_mappable = f"{maybe_doubled_sql(text)} AND regexp_full_match({text}, {quote(_MAPPABLE)})"
    return f"CASE WHEN {is_mappable} THEN coalesce({meant}, {text}) ELSE {text} END"


def _percent(data: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in data)
