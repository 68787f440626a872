"""A log whose titles, artists and places try to run as code, break the page, or change the writing direction."""

from pathlib import Path
from typing import Any

from tests.support import TS, play, write_file

# The first three share the first place, so they are in the sentence about the winner.
TEXTS = (
    "</script><script>window.hacked=1</script>",
    "over\u202eride",
    "closed\u2069\u202c\u2069\u202etwice\u2029\u202eover",
    '"><img src=x onerror=window.hacked=1>',
    "isolate\u2066d",
    "embed\u2067 א",
    "<script>window.hacked=1</script>",
    "</noscript><img src=x onerror=window.hacked=1>",
    "<!--<script>window.hacked=1//",
    "'single' \"double\" `back`",
    "\\ \\u003c \\n \\\\",
    "{{7*7}} ${7*7} {% raw %}",
    "&lt;img src=x&gt; &amp;amp;",
    "]]>--></svg></style><img src=x onerror=window.hacked=1>",
    "line\nbreak\r\nand\ttab",
    "Howlin\x19 For\x07 You\uffff",
    "x" * 1_000,
)
FIRST_NAME, LAST_NAME, AGENT = "Quillonette", "Vantreesewick", "Peculiar-Agent/7.7"
_PLAYS = 40


def name_artist(text: str) -> str:
    """The artist of the song with this title."""
    return f"{text} artist"


def name_location(text: str) -> str:
    """The place of the one listener to this title; it has no state."""
    return f"{text} town"


def write_hostile_log(path: Path) -> None:
    """Each text is a title, an artist and the place of the one user who plays it; later texts have fewer plays."""
    plays = [
        _play(user, item, text, 3 if user < 3 else user)
        for user, text in enumerate(TEXTS)
        for item in range(_PLAYS - 2 * max(user, 2))
    ]
    write_file(path, plays)


def _play(user: int, item: int, text: str, day: int) -> dict[str, Any]:
    return play(
        userId=user + 1, sessionId=user + 1, itemInSession=item, ts=TS + day * 86_400_000 + item * 1_000,
        song=text, artist=name_artist(text), location=name_location(text), userAgent=AGENT, firstName=FIRST_NAME,
        lastName=LAST_NAME,
    )  # fmt: skip
