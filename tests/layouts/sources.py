"""The files that the recorded warehouses were loaded from: written anew by each test, byte for byte the same."""

from pathlib import Path
from typing import Any

from tests.support import TS, to_lines

DAY = 86_400_000


def _event(**changes: Any) -> dict[str, Any]:
    """A whole event, as the app writes it. It is spelt out here, so that no other change of the tests can change it."""
    keys = {
        "artist": None, "auth": "Logged In", "firstName": "Lily", "gender": "F", "itemInSession": 0, "lastName": "Koch",
        "length": None, "level": "free", "location": "Chicago-Naperville-Elgin, IL-IN-WI", "method": "GET",
        "page": "Home", "registration": 1541048010796.0, "sessionId": 818, "song": None, "status": 200, "ts": TS,
        "userAgent": "Mozilla/5.0", "userId": "15",
    }  # fmt: skip
    return keys | changes


def _play(**changes: Any) -> dict[str, Any]:
    return _event(page="NextSong", method="PUT", artist="Muse", song="Uprising", length=302.2) | changes


def _song(**changes: Any) -> dict[str, Any]:
    keys = {
        "num_songs": 1, "artist_id": "AR1", "artist_latitude": 50.5, "artist_longitude": -3.5,
        "artist_location": "Teignmouth", "artist_name": "Muse", "song_id": "SO1", "title": "Uprising",
        "duration": 302.2, "year": 2009,
    }  # fmt: skip
    return keys | changes


def _write(roots: Path, name: str, lines: list[Any]) -> None:
    path = roots / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_lines(lines))


def write_first_delivery(roots: Path) -> None:
    """Two days, of which the second has a copy of an event of the first, and a song."""
    first = [_event(), _play(itemInSession=1, ts=TS + 1000), "not JSON", _play(userId=None)]
    users = [_play(userId=str(user), sessionId=user, firstName=f"Ann {user}", ts=TS + user) for user in range(20, 40)]
    _write(roots, "log_data/day1.json", first + users)
    _write(roots, "log_data/day2.json", [_event(), _play(itemInSession=2, ts=TS + DAY, song="Starlight", length=240.5)])
    _write(roots, "song_data/a.json", [_song()])
    _write(roots, "song_data/b.json", [_song(song_id=None), _song(song_id="SO2", title="Starlight", duration=240.0)])


def write_second_delivery(roots: Path) -> None:
    """The second day grew: the user pays now, and an event is late."""
    _write(
        roots,
        "log_data/day2.json",
        [
            _event(),
            _play(itemInSession=2, ts=TS + DAY, song="Starlight", length=240.5),
            _event(itemInSession=3, ts=TS + DAY + 5000, page="Submit Upgrade", method="PUT", status=307),
            _play(itemInSession=4, ts=TS + DAY + 9000, level="paid", artist="Żółw", song="Nieznana"),
            '{"page": "Home", "ts": 1}',
        ],
    )


def write_third_delivery(roots: Path) -> None:
    """A day that is loaded and undone."""
    _write(roots, "log_data/day3.json", [_play(userId="41", sessionId=900, ts=TS + 2 * DAY)])
