"""One client's session: passes its messages to PostgreSQL and the answers back, and plays Redshift's differences."""

import re
import socket
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import cast

from psycopg import pq
from psycopg.pq.abc import PGconn, PGresult

from tests.redshift import copy, dialect, unload, wire
from tests.redshift.dialect import Plan
from tests.redshift.startup import Server, open_session
from tests.redshift.unload_statement import UnloadStatement
from tests.redshift.wire import Bind, Channel, Column, Gone, WireError

_MOST_PARAMETERS = 32767
# The driver's 705 means text of an unknown type; PostgreSQL uses 0.
_UNKNOWN = 705
# Arrays of PostgreSQL: Redshift has none. DG c_unsupported-postgresql-datatypes.
_ARRAYS = {1000, 1005, 1007, 1009, 1014, 1015, 1016, 1021, 1022, 1231}
_FIELDS = {
    "S": pq.DiagnosticField.SEVERITY, "C": pq.DiagnosticField.SQLSTATE, "M": pq.DiagnosticField.MESSAGE_PRIMARY,
    "D": pq.DiagnosticField.MESSAGE_DETAIL, "H": pq.DiagnosticField.MESSAGE_HINT,
    "P": pq.DiagnosticField.STATEMENT_POSITION,
}  # fmt: skip
_STATUS = {pq.TransactionStatus.IDLE: "I", pq.TransactionStatus.INTRANS: "T", pq.TransactionStatus.INERROR: "E"}
# github.com/aws/aws-sdk-pandas issue 665 shows it in the driver.
_CONFLICT = WireError(
    "XX000", "1023",
    detail="Serializable isolation violation on table - 100123, transactions forming the cycle are: 1, 2 (pid:3)",
)  # fmt: skip
_FAULTS = {"error_1023": _CONFLICT, "error_1018": WireError("XX000", "1018", detail="Relation does not exist.")}


@dataclass
class Prepared:
    """A parsed statement, with the types that PostgreSQL found for its parameters and results."""

    text: str
    plan: Plan
    parameters: list[int]
    columns: list[Column]


class Closed(Exception):
    """The session ends without another message."""


class Session:
    """Runs until the client or the server hangs up."""

    def __init__(self, server: Server, client: socket.socket) -> None:
        self._server = server
        self._channel = Channel(client)
        self._backend: PGconn | None = None
        self._version = wire.PLAIN
        self._statements: dict[bytes, Prepared] = {}
        self._portals: dict[bytes, Bind] = {}
        # After an error everything up to Sync is skipped.
        self._skipping = False
        self._notices: list[dict[str, str]] = []

    def run(self) -> None:
        try:
            self._start()
            while True:
                self._handle(*self._channel.read(self._patience()))
        except (Closed, Gone):
            pass
        finally:
            self.close()

    def _patience(self) -> float | None:
        """The seconds that the client may be idle. Who is idle for longer is hung up on without a word."""
        limits = [self._server.idle_session]
        if self.backend.transaction_status != pq.TransactionStatus.IDLE:
            limits.append(self._server.idle_transaction)
        return min((limit for limit in limits if limit is not None), default=None)

    def close(self) -> None:
        """The transaction is rolled back before the client sees the end of its connection."""
        backend, self._backend = self._backend, None
        if backend is not None:
            with suppress(Exception):
                if backend.transaction_status != pq.TransactionStatus.IDLE:
                    backend.exec_(b"ROLLBACK")
            backend.finish()
        with suppress(OSError):
            self._channel.client.shutdown(socket.SHUT_RDWR)
        self._channel.client.close()

    @property
    def backend(self) -> PGconn:
        if self._backend is None:
            raise Closed
        return self._backend

    def _start(self) -> None:
        self._backend, self._version = open_session(self._server, self._channel)
        self._backend.notice_handler = self._keep_notice
        self._ready()

    # Messages

    def _handle(self, kind: bytes, body: bytes) -> None:
        if kind == b"X":
            raise Closed
        if kind == b"H":
            self._channel.flush()
        elif kind == b"S":
            self._skipping = False
            self._ready()
        elif kind == b"Q":
            self._query(body)
        elif not self._skipping:
            handler = {b"P": self._parse, b"D": self._describe, b"B": self._bind, b"E": self._execute,
                       b"C": self._close_statement}.get(kind)  # fmt: skip
            if handler is None:
                raise Closed
            try:
                handler(body)
            except WireError as error:
                self._fail(error)
            except (Closed, Gone):
                raise
            except Exception as error:
                # A bug in the stand-in must be visible in the test, not only in a thread's log.
                self._fail(WireError("XX000", f"the stand-in failed: {error!r}"))

    def _query(self, body: bytes) -> None:
        """The simple protocol, translated to the extended one."""
        try:
            self._parse_text("", body.rstrip(b"\0").decode(), [])
            self._bind_statement(Bind(b"", b"", [], [], []))
            if self._statements[b""].columns:
                self._describe(b"P\0")
            self._execute(b"\0" * 5)
        except WireError as error:
            self._fail(error)
        self._skipping = False
        self._ready()

    def _ready(self) -> None:
        self._send_notices()
        self._channel.write(wire.ready(_STATUS.get(pq.TransactionStatus(self.backend.transaction_status), "I")))
        self._channel.flush()

    def _fail(self, error: WireError) -> None:
        """An error fails the transaction, even if only the stand-in found it."""
        if self.backend.transaction_status == pq.TransactionStatus.INTRANS:
            self.backend.exec_(b"this is no statement")
        self._send_notices()
        self._channel.write(wire.report(b"E", error.fields))
        self._skipping = True

    def _parse(self, body: bytes) -> None:
        name, query, types = wire.parse_parse(body)
        self._parse_text(name.decode(), query.decode(), types)
        self._channel.write(wire.PARSE_COMPLETE)

    def _parse_text(self, name: str, text: str, types: list[int]) -> None:
        try:
            self._statements[name.encode()] = self._prepare(name, text, types)
        except WireError:
            self._server.note(text)
            raise

    def _prepare(self, name: str, text: str, types: list[int]) -> Prepared:
        if len(types) > _MOST_PARAMETERS:
            raise WireError("54000", f"Prepared statement exceeds bind parameter limit {_MOST_PARAMETERS}")
        if _ARRAYS & set(types):
            raise WireError("0A000", "arrays are not supported")
        plan = self._plan(text)
        if plan.kind in ("copy", "unload", "empty"):
            return Prepared(text, plan, [], [])
        for table in plan.references:
            self._check_exists(table)
        for table in plan.drops:
            self._check_free(table, plan)
        oids = [0 if one == _UNKNOWN else one for one in types]
        self._check(self.backend.prepare(name.encode(), plan.sql.encode(), oids))
        described = self.backend.describe_prepared(name.encode())
        self._check(described)
        parameters = [described.param_type(place) for place in range(described.nparams)]
        return Prepared(text, plan, parameters, _columns(described))

    def _check_exists(self, table: str) -> None:
        """DG r_CREATE_TABLE_NEW: a foreign key must refer to an existing table, although it is not enforced."""
        found = self.backend.exec_params(b"SELECT to_regclass($1)", [table.encode()])
        if found.get_value(0, 0) is None:
            raise WireError("42P01", f"relation {table} does not exist")

    def _check_free(self, table: str, plan: Plan) -> None:
        """DG r_DROP_TABLE: a table on which others depend is not dropped without CASCADE."""
        names = [table.encode(), ",".join(plan.drops).encode()]
        found = self.backend.exec_params(b"SELECT redshift_dependent($1, $2)", names)
        if found.get_value(0, 0) is not None:
            raise WireError("2BP01", f"cannot drop table {table} because other objects depend on it")

    def _plan(self, text: str) -> Plan:
        dead = self.backend.transaction_status == pq.TransactionStatus.INERROR
        try:
            plan = dialect.plan(text, serverless=self._server.serverless)
        except WireError:
            if dead:
                raise _dead_transaction() from None
            raise
        if dead and plan.kind != "end":
            raise _dead_transaction()
        if plan.sql.startswith("set statement_timeout"):
            plan = replace(plan, sql=re.sub(r"\d+", lambda limit: str(int(limit[0]) // self._server.speed), plan.sql))
        if "stv_slices" in plan.sql:
            self._server.records.write_slices(self._server.slices)
        return plan

    def _describe(self, body: bytes) -> None:
        name = body[1:-1]
        statement = self._statement(self._portal(name).statement if body[:1] == b"P" else name)
        formats = [wire.TEXT_FORMAT] * len(statement.columns)
        if body[:1] == b"P":
            formats = wire.spread(self._portal(name).result_formats, len(statement.columns))
        else:
            self._channel.write(wire.parameter_description(statement.parameters))
        is_result = bool(statement.columns)
        described = wire.row_description(statement.columns, formats, self._version)
        self._channel.write(described if is_result else wire.NO_DATA)

    def _bind(self, body: bytes) -> None:
        self._bind_statement(wire.parse_bind(body))
        self._channel.write(wire.BIND_COMPLETE)

    def _bind_statement(self, bind: Bind) -> None:
        statement = self._statement(bind.statement)
        formats = wire.spread(bind.result_formats, len(statement.columns))
        self._portals[bind.portal] = replace(bind, result_formats=formats)

    def _close_statement(self, body: bytes) -> None:
        name = body[1:-1]
        if body[:1] == b"P":
            self._portals.pop(name, None)
        elif (statement := self._statements.pop(name, None)) and statement.plan.sql and name:
            self.backend.close_prepared(name)
        self._channel.write(wire.CLOSE_COMPLETE)

    def _statement(self, name: bytes) -> Prepared:
        if (statement := self._statements.get(name)) is None:
            raise WireError("26000", f'prepared statement "{name.decode()}" does not exist')
        return statement

    def _portal(self, name: bytes) -> Bind:
        if (portal := self._portals.get(name)) is None:
            raise WireError("34000", f'portal "{name.decode()}" does not exist')
        return portal

    # Running

    def _execute(self, body: bytes) -> None:
        bind = self._portal(body.split(b"\0", 1)[0])
        statement = self._statement(bind.statement)
        fault = self._server.note(statement.text)
        if fault == "cut":
            self.close()
            raise Closed
        if fault == "hang_up_session":
            self._hang_up()
        if (error := _FAULTS.get(fault)) is not None:
            raise error
        tag = self._run(statement, bind)
        if fault == "cut_after":
            self.close()
            raise Closed
        answer = wire.command_complete(tag) if tag else wire.EMPTY_QUERY
        if fault == "cut_answer":
            self._channel.write(answer[:3])
            self._channel.flush()
            self.close()
            raise Closed
        self._send_notices()
        self._channel.write(answer)

    def _hang_up(self) -> None:
        """Like PG_TERMINATE_BACKEND by an administrator."""
        error = WireError("57P01", "terminating connection due to administrator command", severity="FATAL")
        self._channel.write(wire.report(b"E", error.fields))
        self._channel.flush()
        self.close()
        raise Closed

    def _run(self, statement: Prepared, bind: Bind) -> str:
        """Runs the statement, sends its rows and returns its tag; no tag for an empty statement."""
        plan = statement.plan
        dead = self.backend.transaction_status == pq.TransactionStatus.INERROR
        if dead and plan.kind != "end":
            raise _dead_transaction()
        if plan.kind == "empty":
            return ""
        if plan.alone and self.backend.transaction_status != pq.TransactionStatus.IDLE:
            raise WireError("25001", "ALTER TABLE ALTER cannot run inside a transaction block")
        if plan.kind == "copy":
            return self._run_copy(statement)
        if plan.unload is not None:
            return self._run_unload(plan.unload, plan.sql)
        if plan.sql.startswith("LOCK") and not self._server.limits_locks:
            self.backend.exec_(b"SET LOCAL statement_timeout TO 0")
        # The library's type hints do not allow NULL, but the library does.
        values = cast("list[bytes]", bind.values)
        result = self.backend.exec_prepared(bind.statement, values, bind.formats or None)
        self._check(result)
        if result.status == pq.ExecStatus.TUPLES_OK:
            self._send_rows(result, statement.columns, bind)
        tag = (result.command_status or b"").decode()
        self._follow(plan)
        # Redshift reports no row count for a query.
        return "SELECT" if tag.startswith("SELECT ") else tag

    def _follow(self, plan: Plan) -> None:
        # 42P07 is the notice that the table exists already.
        if plan.after and not any(notice["C"] == "42P07" for notice in self._notices):
            self._check(self.backend.exec_(plan.after.encode()))

    def _run_copy(self, statement: Prepared) -> str:
        if statement.plan.copy is None:
            raise Closed
        self._notices += copy.run(statement.plan.copy, self.backend, self._server.roles, self._server.records)
        return "COPY"

    def _run_unload(self, statement: UnloadStatement, select: str) -> str:
        server = self._server
        try:
            self._notices += unload.run(
                statement, select, self.backend, roles=server.roles, records=server.records, slices=server.slices
            )
        except WireError:
            if self.backend.status == pq.ConnStatus.BAD:
                self._hang_up()
            raise
        return "UNLOAD"

    def _send_rows(self, result: PGresult, columns: list[Column], bind: Bind) -> None:
        count = result.nfields
        formats = wire.spread(bind.result_formats, count)
        for row in range(result.ntuples):
            values = [result.get_value(row, place) for place in range(count)]
            self._channel.write(wire.data_row(values, columns, formats))

    def _check(self, result: PGresult) -> None:
        if result.status not in (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE):
            return
        if self.backend.status == pq.ConnStatus.BAD:
            self._hang_up()
        raise _translate(_report(result), result.error_field(pq.DiagnosticField.CONSTRAINT_NAME))

    def _keep_notice(self, result: PGresult) -> None:
        self._notices.append(_report(result))

    def _send_notices(self) -> None:
        for notice in self._notices:
            self._channel.write(wire.report(b"N", notice))
        self._notices.clear()


def _columns(result: PGresult) -> list[Column]:
    found = [
        Column(result.fname(place) or b"", result.ftable(place), result.ftablecol(place), result.ftype(place),
               result.fsize(place), result.fmod(place))
        for place in range(result.nfields)
    ]  # fmt: skip
    return [wire.with_scale(column) for column in found]


def _report(result: PGresult) -> dict[str, str]:
    fields = {key: (result.error_field(field) or b"").decode(errors="replace") for key, field in _FIELDS.items()}
    # libpq itself reports a lost connection without any field.
    fields["C"] = fields["C"] or "08006"
    fields["M"] = fields["M"] or (result.error_message or b"").decode(errors="replace").strip()
    return {key: value for key, value in fields.items() if value}


def _translate(fields: dict[str, str], constraint: bytes | None) -> WireError:
    """PostgreSQL's error, with Redshift's message if it differs."""
    if fields["C"] == "40001":
        return _CONFLICT
    if fields["C"] == "23514" and constraint is not None and constraint.startswith(b"bytes_"):
        longest = constraint.decode().split("_")[1]
        return WireError("22001", f"value too long for type character varying({longest})")
    error = WireError(fields["C"], fields["M"])
    error.fields |= fields
    return error


def _dead_transaction() -> WireError:
    return WireError("25P02", "current transaction is aborted, commands ignored until end of transaction block")
