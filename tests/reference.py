"""docs/records.md and docs/tables.md in plain Python: all engines are compared with it.

It applies the rules to one record at a time, with the standard library only. It must never import the package, and
never be less obvious to be faster.
"""

import hashlib
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isinf
from typing import Any, Literal

Dataset = Literal["events", "songs"]
Row = dict[str, Any]
# For some fields, the name of a key or a constant.
Keys = dict[str, tuple[str | None, str | None]]

EVENT_FIELDS = [
    "artist",
    "auth",
    "firstName",
    "gender",
    "itemInSession",
    "lastName",
    "length",
    "level",
    "location",
    "method",
    "page",
    "registration",
    "sessionId",
    "song",
    "status",
    "ts",
    "userAgent",
    "userId",
]
SONG_FIELDS = [
    "num_songs",
    "artist_id",
    "artist_latitude",
    "artist_longitude",
    "artist_location",
    "artist_name",
    "song_id",
    "title",
    "duration",
    "year",
]
FIELDS: dict[str, list[str]] = {"events": EVENT_FIELDS, "songs": SONG_FIELDS}

_INT32 = (-(2**31), 2**31 - 1)
# The whole-number fields, each with the least and the greatest value it may have.
WHOLE_RANGES = {
    "itemInSession": _INT32,
    "registration": (-62_135_596_800_000, 253_402_300_799_999),  # the years 1 to 9999 in milliseconds
    "sessionId": _INT32,
    "status": _INT32,
    "ts": (946_684_800_000, 4_102_444_800_000),  # 2000-01-01 and 2100-01-01 in milliseconds
    "userId": _INT32,
    "num_songs": _INT32,
    "year": _INT32,
}
DECIMAL_FIELDS = {"length", "artist_latitude", "artist_longitude", "duration"}
REQUIRED = {
    "events": {"ts", "page", "sessionId", "itemInSession"},
    "songs": {"song_id", "title", "artist_id", "artist_name"},
}
REQUIRED_OF_A_PLAY = {"userId", "song", "artist"}
LONGEST_TEXT = 1024  # bytes of UTF-8
LONGEST_OTHER = 65_535
LONGEST_RAW = 65_535
MARK = "\ufeff"
_SEPARATORS = b" \t\r\n,\xef\xbb\xbf"


@dataclass(frozen=True)
class Reject:
    """One record that is not loaded."""

    line: int
    reason: str
    raw: str
    raw_size: int


@dataclass
class FileResult:
    """The records of a file: `read` is always `len(rows) + len(rejects)`."""

    rows: list[Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    read: int = 0


# ---- bytes to lines ----


def read_lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines with a record, each with its physical line number from 1 and without its terminator.

    The last line may lack its \n; one \r at its end still counts as terminator. White space and byte-order
    marks alone are not a record.
    """
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.replace(MARK.encode(), b"").strip(b" \t\r\n"):
            yield number, line.removesuffix(b"\r")


def keep(line: bytes) -> str:
    """What is kept of a rejected line: at most so many bytes, up to a whole character."""
    raw = line.decode("utf-8", errors="backslashreplace").replace("\0", "\\x00")
    while len(raw.encode()) > LONGEST_RAW:
        raw = raw[: min(len(raw) - 1, LONGEST_RAW)]
    return raw


def read_file(dataset: Dataset, data: bytes) -> FileResult:
    """Every record of one (decompressed) file, loaded or rejected."""
    result = FileResult()
    for number, line in read_lines(data):
        for record in split_objects(line) if classify(dataset, line) == "not_json" else [line]:
            result.read += 1
            outcome = classify(dataset, record)
            if isinstance(outcome, str):
                result.rejects.append(Reject(number, outcome, keep(record), len(record)))
            else:
                result.rows.append(outcome | {"line": number})
    return result


def split_objects(line: bytes) -> list[bytes]:
    """The objects of a line that is nothing but objects with white space and commas around them; else the line."""
    objects = []
    rest = line.strip(_SEPARATORS)
    while rest:
        ends = [end for end in range(1, len(rest) + 1) if rest[end - 1 : end] == b"}" and _is_object(rest[:end])]
        if not ends:
            return [line]
        objects.append(rest[: ends[0]])
        rest = rest[ends[0] :].strip(_SEPARATORS)
    return objects


def _is_object(data: bytes) -> bool:
    try:
        return _parse(data.decode("utf-8")) is not None
    except _NotANumber:
        return data.startswith(b"{")
    except (ValueError, _NotJson):
        return False


# ---- JSON, strictly by RFC 8259 and without recursion: the json module treats NaN, lone surrogates and repeated keys
# differently, converts numbers before their text can be judged, and fails on deep nesting ----


class _NotJson(Exception):
    pass


class _NotANumber(_NotJson):
    """The only fault is a bare NaN or Infinity."""


@dataclass(frozen=True)
class _Number:
    text: str


@dataclass(frozen=True)
class _Nested:
    """An array or object inside the record: no field may hold one. Its text is without white space."""

    text: str


_Value = None | bool | str | _Number | _Nested

_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_STRING = r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"'
_NAN = "(?i:-?nan|-?infinity|-?inf)"
_TOKEN = re.compile(
    rf"(?P<string>{_STRING})|(?P<number>{_NUMBER})|(?P<literal>true|false|null)|(?P<nan>{_NAN})|(?P<mark>[{{}}\[\]:,])"
)
_WHITE_SPACE = re.compile(r"[ \t\r\n]*")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
_ESCAPED = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERALS = {"true": True, "false": False, "null": None}
_CLOSERS = {"{": "}", "[": "]"}


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """The kind and the text of each token. Adjacent tokens such as the 0 and the 1 of 01 fail later, in the grammar."""
    position = _skip_white_space(text, 0)
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _NotJson
        assert match.lastgroup is not None
        yield match.lastgroup, match.group()
        position = _skip_white_space(text, match.end())


def _skip_white_space(text: str, position: int) -> int:
    match = _WHITE_SPACE.match(text, position)
    assert match is not None
    return match.end()


def _unescape(token: str) -> str:
    def one(match: re.Match[str]) -> str:
        return chr(int(match.group(1), 16)) if match.group(1) else _ESCAPED[match.group(2)]

    units = _ESCAPE.sub(one, token[1:-1])
    try:
        # Escapes are UTF-16 code units: encoding as UTF-16 joins the pairs and fails on a lone surrogate.
        return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise _NotJson from None


def _scalar(kind: str, token: str) -> _Value:
    if kind == "string":
        return _unescape(token)
    if kind == "number":
        return _Number(token)
    if kind == "literal":
        return _LITERALS[token]
    if kind == "nan":
        return _Number(token)
    raise _NotJson


def dump_text(text: str) -> str:
    """A text as a JSON string: only what must be escaped is, in the shortest way."""
    shortest = {code: f"\\{letter}" for letter, code in _ESCAPED.items() if letter != "/"}
    return '"' + "".join(shortest.get(one, f"\\u{ord(one):04X}" if one < " " else one) for one in text) + '"'


def _dump(value: _Value) -> str:
    if isinstance(value, _Number | _Nested):
        return value.text
    if isinstance(value, str):
        return dump_text(value)
    return {None: "null", True: "true", False: "false"}[value]


def _parse(text: str) -> dict[str, _Value] | None:
    """The members of the object in the text, in order; of a repeated key the first. None for another JSON value."""
    members: dict[str, _Value] = {}
    is_object = False
    opened: list[str] = []  # the brackets not yet closed, outermost first
    key = ""  # the last key of the outermost object
    nested: list[str] = []  # the tokens of the member that is being read, if it is an array or an object
    has_nan = False
    expected = "value"
    for kind, token in _tokens(text):
        has_nan = has_nan or kind == "nan"
        if is_object and len(opened) > 1:
            nested.append(dump_text(_unescape(token)) if kind == "string" else token)
        if expected == "colon":
            if token != ":":
                raise _NotJson
            expected = "value"
        elif expected in ("key", "key or close"):
            if kind == "string":
                name = _unescape(token)
                key = name if len(opened) == 1 else key
                expected = "colon"
            elif token == "}" and expected == "key or close":
                opened.pop()
                expected = "end of value"
            else:
                raise _NotJson
        elif expected == "end of value":
            if opened and token == ",":
                expected = "key" if opened[-1] == "{" else "value"
            elif opened and token == _CLOSERS[opened[-1]]:
                opened.pop()
            else:
                raise _NotJson
        elif token == "]" and expected == "value or close":
            opened.pop()
            expected = "end of value"
        else:
            if is_object and len(opened) == 1:
                nested = [token]
            if token not in _CLOSERS:
                value = _scalar(kind, token)
                if is_object and len(opened) == 1:
                    members.setdefault(key, value)
            expected = "end of value"
            if token in _CLOSERS:
                is_object = is_object or (token == "{" and not opened)
                opened.append(token)
                expected = "key or close" if token == "{" else "value or close"
        if is_object and len(opened) == 1 and token in ("]", "}"):
            members.setdefault(key, _Nested("".join(nested)))
    if opened or expected != "end of value":
        raise _NotJson
    if has_nan:
        raise _NotANumber
    return members if is_object else None


# ---- one record: a typed row, or the reason of the first rule it breaks ----


class _BadType(Exception):
    pass


def classify(dataset: Dataset, line: bytes, keys: Keys | None = None) -> Row | str:
    """The typed row of one line under its field names and `other`, or the reason code it is rejected for."""
    try:
        text = line.decode("utf-8").lstrip(MARK)
    except UnicodeDecodeError:
        return "bad_encoding"
    try:
        members = _parse(text)
    except _NotANumber:
        return "not_json:nan"
    except _NotJson:
        return "not_json"
    if members is None:
        return "not_object"
    return _typed_row(dataset, members, keys or {})


def _typed_row(dataset: Dataset, members: dict[str, _Value], keys: Keys) -> Row | str:
    fields = FIELDS[dataset]
    row: Row = {}
    taken = {name: find_key(name, members, keys) for name in fields}
    for name in fields:
        key = taken[name]
        value = keys[name][1] if name in keys and keys[name][1] is not None else None if key is None else members[key]
        try:
            row[name] = _typed_value(name, value)
        except _BadType:
            return f"bad_type:{name}"
    others = {key: value for key, value in members.items() if key not in taken.values()}
    texts = ",".join(f"{dump_text(key)}:{_dump(value)}" for key, value in others.items())
    row["other"] = f"{{{texts}}}" if others else None
    for reason, breaks in (("out_of_range", _out_of_range), ("too_long", _too_long), ("nul_character", _nul_character)):
        for name in row:
            if row[name] is not None and breaks(name, row[name]):
                return f"{reason}:{name}"
    required = REQUIRED[dataset]
    if row.get("page") == "NextSong":
        required = required | REQUIRED_OF_A_PLAY
    for name in fields:
        if name in required and row[name] is None:
            return f"missing:{name}"
    if row.get("year") == 0:
        row["year"] = None
    return row


def find_key(name: str, members: Iterable[str], keys: Keys) -> str | None:
    """The key that a field is read from: the mapped one, the exact one, or the first that is nearly the same."""
    mapped, constant = keys.get(name, (None, None))
    if constant is not None:
        return None
    for key in (mapped, name):
        if key is not None and key in members:
            return key
    return next((key for key in members if _plain(key) == _plain(name)), None)


def _plain(name: str) -> str:
    return re.sub("[A-Z]", lambda letter: letter.group().lower(), name.replace("_", ""))


def _typed_value(name: str, value: _Value) -> int | float | str | None:
    if value is None or value == "":
        return None
    if name in WHOLE_RANGES:
        return _whole(_number_text(value))
    if name in DECIMAL_FIELDS:
        return _decimal(_number_text(value))
    if isinstance(value, str):
        return repair(value)
    if isinstance(value, _Number):
        return value.text
    raise _BadType


def repair(text: str) -> str:
    """Text that was encoded as UTF-8 more than once, as it was meant."""
    for _ in range(3):
        try:
            meant = bytes(map(_byte_of, text)).decode("utf-8")
        except ValueError:
            return text
        text = meant
    return text


def _byte_of(character: str) -> int:
    if ord(character) < 0x100:
        return ord(character)
    (byte,) = character.encode("cp1252")
    return byte


def _number_text(value: _Value) -> str:
    if isinstance(value, _Number):
        return value.text
    if isinstance(value, str) and re.fullmatch(_NUMBER, value):
        return value
    raise _BadType


def _decimal(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise _BadType
    return 0.0 if value == 0 else value  # -0.0 equals 0.0, but prints and hashes differently in places


def _whole(text: str) -> float:
    """The value of a JSON number without a fractional part: digits alone are exact, any other number is a double.

    One beyond double comes back infinite: it is whole, and outside every range.
    """
    value = float(text)
    if isinf(value):
        return value
    if not value.is_integer():
        raise _BadType
    return int(value) if re.search("[.eE]", text) else int(text)


def _out_of_range(name: str, value: Any) -> bool:
    if name not in WHOLE_RANGES:
        return False
    least, greatest = WHOLE_RANGES[name]
    return not least <= value <= greatest


def _too_long(name: str, value: Any) -> bool:
    return isinstance(value, str) and len(value.encode()) > (LONGEST_OTHER if name == "other" else LONGEST_TEXT)


def _nul_character(name: str, value: Any) -> bool:
    return isinstance(value, str) and "\0" in value


# ---- the star ----


def build_star(events: list[Row], songs: list[Row]) -> dict[str, list[tuple[Any, ...]]]:
    """The tables of the star from all loaded records, in any order and with repetitions.

    Each table's rows are tuples in the order of docs/tables.md's columns, sorted by all columns, None last.
    """
    songplays = _songplays(events, songs)
    tables = {
        "songplays": songplays,
        "user_levels": _user_levels(events),
        "users": _users(events),
        "songs": _songs(songs),
        "artists": _artists(songs),
        "time": _time(songplays),
    }
    return {name: sorted(rows, key=_order) for name, rows in tables.items()}


def _order(values: Iterable[Any]) -> tuple[Any, ...]:
    """A sort key over values that may be None: None is greatest, text goes by its UTF-8 bytes."""
    return tuple(
        (1,) if value is None else (0, value.encode() if isinstance(value, str) else value) for value in values
    )


def _order_by(row: Row, *names: str) -> tuple[Any, ...]:
    return _order(row[name] for name in names)


def _group(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return groups


def _songplays(events: list[Row], songs: list[Row]) -> list[tuple[Any, ...]]:
    catalogue = _Catalogue(songs)
    plays = _group(
        (event for event in events if event["page"] == "NextSong"), "userId", "sessionId", "itemInSession", "ts"
    )
    rows = []
    for natural_key, copies in plays.items():
        play = min(
            copies, key=lambda copy: _order_by(copy, "song", "artist", "length", "level", "location", "userAgent")
        )
        song_id, artist_id, kind = catalogue.match(play)
        rows.append(
            (
                hashlib.md5("|".join(str(number) for number in natural_key).encode()).hexdigest(),
                _start_time(play["ts"]),
                play["userId"],
                play["level"],
                song_id,
                artist_id,
                play["sessionId"],
                play["location"],
                play["userAgent"],
                play["itemInSession"],
                play["song"],
                play["artist"],
                play["length"],
                kind,
            )
        )
    return rows


def normalize(text: str) -> str | None:
    """The form by which similar texts are equal: one step a line, in the order of docs/tables.md."""
    text = unicodedata.normalize("NFD", html.unescape(text))
    text = "".join(character for character in text if unicodedata.category(character) != "Mn")
    text = "".join(map(str.lower, text))
    text = re.sub(r"\([^][()]*\)|\[[^][()]*\]", " ", text)
    text = re.split(r"\s(?:feat|ft|featuring)(?!\w)", text)[0].lstrip()
    text = re.sub(r"^the\s+", "", text)
    return "".join(character for character in text if unicodedata.category(character)[0] in "LN") or None


class _Catalogue:
    """The song records, by what plays are matched by."""

    def __init__(self, songs: list[Row]) -> None:
        forms = [
            song | {"title_form": normalize(song["title"]), "name_form": normalize(song["artist_name"])}
            for song in songs
        ]
        self._exact = _group(songs, "title", "artist_name")
        self._similar = _group(forms, "title_form", "name_form")
        self._by_name = _group(songs, "artist_name")
        self._by_form = _group(forms, "name_form")

    def match(self, play: Row) -> tuple[str | None, str | None, str | None]:
        """song_id, artist_id and the kind of match."""
        title_form, name_form = normalize(play["song"]), normalize(play["artist"])
        exact = self._exact.get((play["song"], play["artist"]), [])
        similar = self._similar.get((title_form, name_form), []) if title_form and name_form else []
        near = [record for record in similar if (away := _distance(play, record)) is None or away <= 10]
        for kind, records in (("exact", exact), ("similar", near)):
            if records:
                best = min(
                    records,
                    key=lambda record: _order((_distance(play, record), record["song_id"], record["artist_id"])),
                )
                return best["song_id"], best["artist_id"], kind
        named = self._by_name.get((play["artist"],), [])
        named = named or (self._by_form.get((name_form,), []) if name_form else [])
        if named:
            return None, min((record["artist_id"] for record in named), key=str.encode), "artist"
        return None, None, None


def _distance(play: Row, record: Row) -> float | None:
    length: float | None = play["length"]
    duration: float | None = record["duration"]
    return None if length is None or duration is None else abs(duration - length)


def _start_time(ts: int) -> datetime:
    # Integer arithmetic: with float seconds, a millisecond can change.
    return datetime(1970, 1, 1) + timedelta(milliseconds=ts)


def _users(events: list[Row]) -> list[tuple[Any, ...]]:
    rows = []
    for (user_id,), own in _group((event for event in events if event["userId"] is not None), "userId").items():
        latest = [_latest(own, name) for name in ("firstName", "lastName", "gender", "level", "registration")]
        registered_at = _start_time(latest[4]) if latest[4] is not None else None
        rows.append((user_id, *latest[:4], registered_at))
    return rows


def _latest(events: list[Row], name: str) -> Any:
    """The latest value of an attribute that is known; of several of one place the greatest."""
    known = [event for event in events if event[name] is not None]
    if not known:
        return None
    return max(known, key=lambda event: _order_by(event, "ts", "sessionId", "itemInSession", name))[name]


def _user_levels(events: list[Row]) -> list[tuple[Any, ...]]:
    rows = []
    told = (event for event in events if event["userId"] is not None and event["level"] is not None)
    for (user_id,), own in _group(told, "userId").items():
        own.sort(key=lambda event: _order_by(event, "ts", "sessionId", "itemInSession", "level"))
        before = [None, *(event["level"] for event in own)]
        starts = [event for event, level in zip(own, before[:-1], strict=True) if event["level"] != level]
        moments = [_start_time(event["ts"]) for event in starts]
        for event, begin, end in zip(starts, moments, [*moments[1:], None], strict=True):
            rows.append((user_id, event["level"], begin, end))
    return rows


def _songs(songs: list[Row]) -> list[tuple[Any, ...]]:
    rows = []
    for (song_id,), records in _group(songs, "song_id").items():
        first = min(records, key=lambda record: _order_by(record, "year", "title", "artist_id", "duration"))
        rows.append((song_id, first["title"], first["artist_id"], first["year"], first["duration"]))
    return rows


def _artists(songs: list[Row]) -> list[tuple[Any, ...]]:
    rows = []
    for (artist_id,), records in _group(songs, "artist_id").items():
        name = min((record["artist_name"] for record in records), key=lambda text: (len(text), text.encode()))
        places = [_place(record) for record in records]
        place = min(places, key=lambda place: (-_knowledge(place), _order(place)))
        rows.append((artist_id, name, *place))
    return rows


def _place(record: Row) -> tuple[str | None, float | None, float | None]:
    latitude, longitude = record["artist_latitude"], record["artist_longitude"]
    if latitude is None or longitude is None:
        return record["artist_location"], None, None
    return record["artist_location"], latitude, longitude


def _knowledge(place: tuple[str | None, float | None, float | None]) -> int:
    location, latitude, _ = place
    return (location is not None) + (latitude is not None)


def _time(songplays: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [
        (
            moment,
            moment.hour,
            moment.day,
            moment.isocalendar().week,
            moment.month,
            moment.year,
            moment.isoweekday() % 7,  # ISO counts Monday 1 … Sunday 7; the table `time` Sunday 0 … Saturday 6
        )
        for moment in {play[1] for play in songplays}
    ]


# ---- the views ----

# The fields by which an event's copies are ordered: those of a play's copies first, then the others.
_COPY_ORDER = (
    "song", "artist", "length", "level", "location", "userAgent", "auth", "firstName", "gender", "lastName", "method",
    "registration", "status",
)  # fmt: skip
_EVENT_NAMES = {
    "userId": "user_id", "sessionId": "session_id", "itemInSession": "item_in_session", "song": "song_title",
    "artist": "artist_name", "length": "song_length", "userAgent": "user_agent", "firstName": "first_name",
    "lastName": "last_name",
}  # fmt: skip
_PLAY_COLUMNS = (
    "songplay_id", "start_time", "user_id", "level", "song_id", "artist_id", "session_id", "location", "user_agent",
    "item_in_session", "song_title", "artist_name", "song_length", "match",
)  # fmt: skip


def single_events(events: list[Row]) -> list[Row]:
    """Each event once, under the names of its source; of several copies the smallest."""
    copies = _group(events, "userId", "sessionId", "itemInSession", "ts", "page")
    return [min(own, key=lambda event: _order_by(event, *_COPY_ORDER)) for own in copies.values()]


def name_plays(star: dict[str, list[tuple[Any, ...]]]) -> list[Row]:
    """The rows of songplays, by column."""
    return [dict(zip(_PLAY_COLUMNS, play, strict=True)) for play in star["songplays"]]


def build_views(events: list[Row], songs: list[Row]) -> dict[str, list[Row]]:
    """The rows of the four views, unordered."""
    single = single_events(events)
    days = sorted(_start_time(event["ts"]).date() for event in single)
    count = (days[-1] - days[0]).days + 1 if days else 0
    return {
        "events": [
            {_EVENT_NAMES.get(field, field): event[field] for field in EVENT_FIELDS}
            | {"happened_at": _start_time(event["ts"])}
            | _parts(_start_time(event["ts"]))
            for event in single
        ],
        "sessions": _sessions(single),
        "plays": _plays(build_star(events, songs)),
        "days": [{"day": days[0] + timedelta(number)} for number in range(count)],
    }


def _parts(moment: datetime) -> Row:
    day = moment.date()
    return {
        "day": day,
        "week": day - timedelta(day.weekday()),
        "weekday": moment.isoweekday() % 7,
        "hour": moment.hour,
    }


def _sessions(single: list[Row]) -> list[Row]:
    sessions = _group((event for event in single if event["userId"] is not None), "userId", "sessionId")
    rows = []
    for (user, session), own in sessions.items():
        first = min(own, key=lambda event: _order_by(event, "ts", "itemInSession", "page"))
        rows.append(
            {
                "user_id": user,
                "session_id": session,
                "started_at": _start_time(first["ts"]),
                "ended_at": _start_time(max(event["ts"] for event in own)),
                "events": len(own),
                "plays": sum(event["page"] == "NextSong" for event in own),
                "level": first["level"],
            }
        )
    return rows


def _plays(star: dict[str, list[tuple[Any, ...]]]) -> list[Row]:
    users, songs, artists = ({row[0]: row for row in star[table]} for table in ("users", "songs", "artists"))
    rows = []
    for play in name_plays(star):
        user = users[play["user_id"]]
        song = songs.get(play["song_id"], (None,) * 5)
        artist = artists.get(play["artist_id"], (None,) * 5)
        rows.append(
            play
            | _parts(play["start_time"])
            | {"gender": user[3], "latest_level": user[4], "registered_at": user[5]}
            | {"catalogue_title": song[1], "song_year": song[3], "song_duration": song[4]}
            | {"catalogue_artist": artist[1], "artist_location": artist[2]}
            | {"artist_latitude": artist[3], "artist_longitude": artist[4]}
        )
    return rows
