"""Pure functions of one text. They are applied to distinct texts only, never to each record."""

import html
import re
from unicodedata import category, normalize

_BRACKETED = re.compile(r"\([^()\[\]]*\)|\[[^()\[\]]*\]")
_GUEST = re.compile(r"\s(?:feat|ft|featuring)\b.*", re.DOTALL)
_ARTICLE = re.compile(r"\s*the\s")


def normalize_text(text: str) -> str | None:
    """The form by which similar texts are equal, or None if nothing is left: "The Café (Live) ft. X" is "cafe".

    HTML references are replaced as a browser does: also some without a semicolon, and those of no character by U+FFFD.
    """
    text = normalize("NFD", html.unescape(text))
    # Character by character: the lower case of a whole text depends on where a sigma stands.
    text = "".join(char.lower() for char in text if category(char) != "Mn")
    text = _BRACKETED.sub(" ", text)
    text = _GUEST.sub("", text)
    text = _ARTICLE.sub("", text, count=1) if _ARTICLE.match(text) else text
    return "".join(char for char in text if category(char)[0] in "LN") or None
