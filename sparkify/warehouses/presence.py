"""Which load is at work in a warehouse that several machines share: the row of a running load in load_history says it.

Between its two transactions a load holds no lock. So it says in its row, once a minute, that it is still there.
"""

import datetime as dt
import getpass
import hashlib
import json
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from sparkify.errors import LockedError, SparkifyError
from sparkify.warehouses.base import Warehouse

RENEWAL_SECONDS = 60.0
# The clocks of two machines may differ by some minutes, and a store may be silent for some.
MOST_SILENCE = dt.timedelta(minutes=15)
_LIST_RUNNING = "SELECT load_id, started_at, detail FROM load_history WHERE status = 'running' ORDER BY load_id"
_RENEW = "UPDATE load_history SET detail = $1 WHERE load_id = $2 AND status = 'running'"
# The loads of this process that are at work.
_own: set[str] = set()


@dataclass(frozen=True)
class _Process:
    """What does a load. `host` names one start of a system, `born` one process of it; empty where it is not known."""

    machine: str
    user: str
    process: int
    host: str
    born: str
    load: str
    renewed_at: str


class Presence:
    """Tells in the ledger that a load is at work, and whether another one is."""

    def __init__(self, warehouse: Warehouse, renewal_seconds: float = RENEWAL_SECONDS) -> None:
        self.renewal_seconds = renewal_seconds
        self._warehouse = warehouse
        self._note: _Process | None = None

    def claim(self) -> str:
        """Make sure that no other load is at work, in the transaction that plans; returns `detail` of the new load.

        Raises LockedError. Every other load that is called running is dead then.
        """
        for load_id, started_at, detail in self._warehouse.fetch(_LIST_RUNNING):
            found = _read_note(detail)
            renewed_at = dt.datetime.fromisoformat(found.renewed_at) if found else started_at
            if (found is None or not _is_gone(found)) and _now() - renewed_at < MOST_SILENCE:
                by = f" by {found.user} on {found.machine} (process {found.process})" if found else ""
                raise LockedError(
                    f"load {load_id} is at work{by}, since {started_at:%Y-%m-%d %H:%M:%S} UTC, last heard of at "
                    f"{renewed_at:%H:%M:%S}; wait until it ends, or give --wait SECONDS. A load that is not heard of "
                    f"for {MOST_SILENCE.seconds // 60} minutes counts as dead"
                )
        self._note = _this_process()
        return self._detail()

    @contextmanager
    def renewing(self, load_id: int) -> Iterator[None]:
        """Say every minute that the load is at work. The session belongs to this until the block ends."""
        assert self._note is not None
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(self.renewal_seconds):
                # The next time may succeed. If none does, the load finds that at its end.
                with suppress(SparkifyError):
                    self._warehouse.execute(_RENEW, [self._detail(), load_id])

        thread = threading.Thread(target=renew, name="sparkify-presence", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def end(self) -> None:
        """The load is no longer at work."""
        if self._note is not None:
            _own.discard(self._note.load)

    def _detail(self) -> str:
        assert self._note is not None
        return json.dumps({"at_work": asdict(replace(self._note, renewed_at=_now().isoformat(timespec="seconds")))})


def _read_note(detail: str) -> _Process | None:
    """What a row of the ledger says of its load, or None for one of an older version."""
    try:
        note: dict[str, Any] = json.loads(detail)["at_work"]
        found = _Process(**{one.name: note[one.name] for one in fields(_Process)})
        dt.datetime.fromisoformat(found.renewed_at)
    except (ValueError, KeyError, TypeError):
        return None
    return found


def _is_gone(note: _Process) -> bool:
    """Whether a load has surely ended: it was one of this system, and its process is no more."""
    this = _this_host()
    if not this or note.host != this:
        return False
    if (note.process, note.born) == (os.getpid(), _birth_of(os.getpid())):
        return note.load not in _own
    return _birth_of(note.process) != note.born


def _this_process() -> _Process:
    load, process = uuid.uuid4().hex, os.getpid()
    _own.add(load)
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(os.getuid())
    return _Process(socket.gethostname(), user, process, _this_host(), _birth_of(process), load, "")


def _this_host() -> str:
    """What no other system has, and none after the next start: empty where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        # Each container counts its processes by itself.
        return hashlib.sha256(f"{boot}{Path('/proc/self/ns/pid').readlink()}".encode()).hexdigest()[:32]
    except OSError:
        return ""


def _birth_of(process: int) -> str:
    """When a process of this system began, in its own count; empty if there is none."""
    try:
        # The name in parentheses may hold anything.
        told = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        # One that has ended stays until its parent asks for it.
        return "" if told[0] in "ZX" else told[19]
    except (OSError, IndexError):
        return ""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)
