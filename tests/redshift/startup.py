"""The start of a session: TLS, authentication, and what Redshift reports about itself."""

import hashlib
import os
import secrets
import ssl
from typing import Protocol

from psycopg.pq.abc import PGconn

from tests.redshift import wire
from tests.redshift.records import LoadRecords
from tests.redshift.roles import Fault, Role
from tests.redshift.wire import Channel, Gone, WireError


class Server(Protocol):
    """What a session needs from its server."""

    serverless: bool
    slices: int
    speed: int
    limits_locks: bool
    idle_session: float | None
    idle_transaction: float | None
    roles: dict[str, Role]

    @property
    def tls(self) -> ssl.SSLContext: ...
    @property
    def records(self) -> LoadRecords: ...
    def password_of(self, user: str) -> str | None: ...
    def connect_backend(self, user: str, database: str) -> PGconn: ...
    def note(self, statement: str) -> Fault: ...


def open_session(server: Server, channel: Channel) -> tuple[PGconn, int]:
    """The session's own connection to PostgreSQL, and the version of results that the client asks for.

    Raises Gone when the client is refused or hangs up.
    """
    code, body = channel.read_startup()
    if code == wire.SSL_REQUEST:
        _encrypt(server, channel)
        code, body = channel.read_startup()
    if code != wire.PROTOCOL_3:
        raise Gone
    parameters = wire.parse_startup(body)
    user = parameters.get("user", "")
    database = parameters.get("database", user)
    try:
        _authenticate(server, channel, user)
        backend = server.connect_backend(user, database)
    except WireError as error:
        channel.write(wire.report(b"E", error.fields | {"S": "FATAL"}))
        channel.flush()
        raise Gone from error
    # Only the driver asks.
    version = min(int(parameters.get("client_protocol_version", wire.PLAIN)), wire.BINARY)
    _introduce(channel, user, backend.backend_pid, version)
    return backend, version


def _encrypt(server: Server, channel: Channel) -> None:
    channel.send(b"S")
    try:
        channel.client = server.tls.wrap_socket(channel.client, server_side=True)
    except OSError as error:
        # The client does not trust the certificate.
        raise Gone from error


def _authenticate(server: Server, channel: Channel, user: str) -> None:
    """By MD5, which the driver supports; it fails with SCRAM."""
    salt = os.urandom(4)
    channel.write(wire.message(b"R", b"\0\0\0\5" + salt))
    channel.flush()
    kind, body = channel.read()
    if kind != b"p":
        raise Gone
    password = server.password_of(user)
    inner = hashlib.md5(f"{password}{user}".encode(), usedforsecurity=False).hexdigest().encode()
    expected = b"md5" + hashlib.md5(inner + salt, usedforsecurity=False).hexdigest().encode()
    if password is None or not secrets.compare_digest(body.rstrip(b"\0"), expected):
        raise WireError("28000", f'password authentication failed for user "{user}"')
    channel.write(wire.AUTHENTICATION_OK)


def _introduce(channel: Channel, user: str, process: int, version: int) -> None:
    # Redshift reports version 8.0.2.
    facts = {
        "server_version": "8.0.2", "client_encoding": "UNICODE", "server_encoding": "UNICODE",
        "DateStyle": "ISO, MDY", "TimeZone": "UTC", "integer_datetimes": "on", "is_superuser": "off",
        "session_authorization": user, "server_protocol_version": str(version),
    }  # fmt: skip
    for name, value in facts.items():
        channel.write(wire.parameter_status(name, value))
    channel.write(wire.backend_key(process, secrets.randbits(32)))
