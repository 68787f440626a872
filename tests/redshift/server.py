"""A local stand-in for Amazon Redshift: its wire protocol and dialect in front of a real PostgreSQL."""

import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib import resources
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import trustme
from psycopg import pq, sql
from psycopg.pq.abc import PGconn

from tests.redshift.postgres import Postgres, run_postgres
from tests.redshift.records import LoadRecords
from tests.redshift.roles import Fault, Role
from tests.redshift.session import Session
from tests.redshift.wire import WireError

__all__ = ["Fault", "Redshift", "Role", "run_redshift"]

_TEMPLATE = "redshift_template"
# New tables have no statistics yet: without them PostgreSQL would use nested loops where Redshift hashes.
_OPTIONS = r"-c default_transaction_isolation=repeatable\ read -c enable_nestloop=off"


def no_fault(statement: str, number: int) -> Fault:
    return "none"


@dataclass
class Redshift:
    """The running server. `fault` is asked before each statement runs; numbers count from 1 since it was set or since
    `statements` was cleared. `passwords` names those who may connect. With a `speed` of 20, a limit of ten seconds ends
    a statement after half a second; without `limits_locks`, no limit ends a wait for a lock. A session that is idle for
    `idle_session` seconds is ended, and one whose open transaction is idle for `idle_transaction` seconds: DG
    r_ALTER_USER, MG serverless-billing, MG amazon-redshift-limits. So many logins as `away` says are refused, as by a
    cluster that is being patched."""

    host: str
    port: int
    user: str
    password: str
    ca_file: Path
    roles: dict[str, Role]
    postgres: Postgres
    tls: ssl.SSLContext
    records: LoadRecords
    serverless: bool = False
    slices: int = 2
    speed: int = 1
    limits_locks: bool = True
    idle_session: float | None = None
    idle_transaction: float | None = None
    away: int = 0
    statements: list[str] = field(default_factory=list)
    passwords: dict[str, str] = field(default_factory=dict)
    fault: Callable[[str, int], Fault] = no_fault
    _base: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _admin: "psycopg.Connection[tuple[object, ...]] | None" = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "fault":
            super().__setattr__("_base", len(self.statements))
        super().__setattr__(name, value)

    def hold(self, is_held: Callable[[str], bool]) -> tuple[threading.Event, threading.Event]:
        """Make the statements that are meant wait. Returns two events: that one came, and, to be set, that it may run.

        It is the fault of this server, and takes the place of another.
        """
        reached, released = threading.Event(), threading.Event()

        def wait(statement: str, number: int) -> Fault:
            if is_held(statement):
                reached.set()
                released.wait(60)
            return "none"

        self.fault = wait
        return reached, released

    def new_database(self, name: str | None = None, *, template: str = _TEMPLATE) -> str:
        """Create an empty database, or a copy of one that nobody is connected to, and return its name."""
        name = name or f"dev{next(self._numbers)}"
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy OWNER {}")
        self._administer(create.format(*map(sql.Identifier, (name, template, self.user))))
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database and end its sessions: each takes 8 MB of disk."""
        self._administer(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def wait_until_left(self, database: str) -> None:
        """Wait until no session is connected to a database."""
        with self.postgres.connect() as eye:
            connected = "SELECT 1 FROM pg_stat_activity WHERE datname = %s"
            while eye.execute(connected, [database]).fetchall():
                time.sleep(0.01)

    def _administer(self, statement: sql.Composed) -> None:
        with self._lock:
            if self._admin is None:
                self._admin = self.postgres.connect()
            self._admin.execute(statement)

    def connect_postgres(self, database: str) -> "psycopg.Connection[tuple[object, ...]]":
        """A direct connection to PostgreSQL, as superuser, in autocommit."""
        return self.postgres.connect(database)

    def password_of(self, user: str) -> str | None:
        return self.password if user == self.user else self.passwords.get(user)

    def connect_backend(self, user: str, database: str) -> PGconn:
        if self.away:
            self.away -= 1
            raise WireError("57P03", "the database system is starting up")
        options = {"host": "127.0.0.1", "port": str(self.postgres.port), "user": user, "dbname": database,
                   "options": _OPTIONS, "client_encoding": "UTF8"}  # fmt: skip
        connection = pq.PGconn.connect(psycopg.conninfo.make_conninfo(**options).encode())
        if connection.status != pq.ConnStatus.OK:
            text = connection.get_error_message()
            connection.finish()
            if "does not exist" in text:
                raise WireError("3D000", f'database "{database}" does not exist')
            raise WireError("08006", text)
        return connection

    def note(self, statement: str) -> Fault:
        """Record the statement, and ask which fault to play with it."""
        with self._lock:
            if len(self.statements) < self._base:
                self._base = 0
            self.statements.append(statement)
            number = len(self.statements) - self._base
        return self.fault(statement, number)

    def close(self) -> None:
        if self._admin is not None:
            self._admin.close()


class _Listener:
    """Accepts clients, each in its own thread, until it is closed."""

    def __init__(self, listening: socket.socket, redshift: Redshift) -> None:
        self._listening = listening
        self._redshift = redshift
        self._sessions: dict[threading.Thread, socket.socket] = {}
        self._thread = threading.Thread(target=self._accept, name="redshift", daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            # Messages are small: without this, each would wait 40 ms for more data.
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = Session(self._redshift, client)
            thread = threading.Thread(target=session.run, name="redshift-session", daemon=True)
            self._sessions = {known: one for known, one in self._sessions.items() if known.is_alive()}
            self._sessions[thread] = client
            thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)
        for thread, client in self._sessions.items():
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            thread.join(10)


@contextmanager
def run_redshift() -> Iterator[Redshift]:
    """Start PostgreSQL and the stand-in in front of it; stop both."""
    with ExitStack() as stack:
        postgres = stack.enter_context(run_postgres())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="redshift-")))
        tls, ca_file = _certificates(folder)
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        redshift = Redshift(
            host="localhost", port=listening.getsockname()[1], user="loader", password="planted-password-5417",
            ca_file=ca_file, roles={}, postgres=postgres, tls=tls, records=LoadRecords(postgres.shared),
        )  # fmt: skip
        stack.callback(redshift.close)
        _create_template(postgres, redshift.user)
        stack.callback(_Listener(listening, redshift).close)
        yield redshift


def _certificates(folder: Path) -> tuple[ssl.SSLContext, Path]:
    authority = trustme.CA()
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # MG behavior-changes: TLS 1.2 or newer since January 2026.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context, ca_file


def _create_template(postgres: Postgres, user: str) -> None:
    with postgres.connect() as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(user)))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(_TEMPLATE)))
    script = resources.files("tests.redshift").joinpath("template.sql").read_text(encoding="utf-8")
    script = script.replace(":shared", f"'{postgres.shared}/'")
    postgres.run_script(_TEMPLATE, script)
