"""Plays COPY: reads the objects itself and puts their rows into the session's own transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg import pq
from psycopg.pq.abc import PGconn

from tests.redshift import copy_json, copy_parquet
from tests.redshift.copy_statement import CopyStatement
from tests.redshift.copy_target import Target, find_targets, insert
from tests.redshift.records import LoadRecords
from tests.redshift.roles import Role
from tests.redshift.s3_objects import Found, Objects
from tests.redshift.wire import WireError


@dataclass
class SessionState:
    """What a session remembers of its COPYs; `committed_id` is what a rollback goes back to."""

    backend: PGconn
    user: str
    database: str
    last_id: int = -1
    committed_id: int = -1

    def end_transaction(self, records: LoadRecords, *, committed: bool) -> None:
        """DG PG_LAST_COPY_ID: not updated by a load that was rolled back."""
        if committed:
            self.committed_id = self.last_id
        elif self.last_id != self.committed_id:
            self.last_id = self.committed_id
            records.write_last_copy(self.backend.backend_pid, copy_id=self.last_id, rows=0)


@dataclass
class Load:
    """One COPY under way."""

    statement: CopyStatement
    session: SessionState
    records: LoadRecords
    query: int
    started: datetime

    @property
    def table(self) -> str:
        return self.statement.table[-1]

    def record(self, kind: str) -> dict[str, object]:
        """What every record of the load has, of whichever kind."""
        backend = self.session.backend
        user = _value(backend, b"SELECT redshift_user_id()")
        return {
            "user_id": user, "userid": user, "query_id": self.query, "query": self.query,
            "transaction_id": _value(backend, b"SELECT pg_current_xact_id_if_assigned()::text::bigint") or 0,
            "session_id": backend.backend_pid, "session": backend.backend_pid,
            "database_name": self.session.database, "start_time": _text(self.started), "kind": kind,
        }  # fmt: skip


def run(
    statement: CopyStatement, session: SessionState, roles: Mapping[str, Role], records: LoadRecords
) -> list[dict[str, str]]:
    """Load, and return the notices to the client."""
    load = Load(statement, session, records, records.next_query(), datetime.now(UTC))
    targets = find_targets(session.backend, statement)
    objects = Objects(_assume(statement, roles, session.user), load.query)
    files = objects.find(statement)
    facts = load.record("load")
    # DG PG_LAST_COPY_ID: set when the load of data begins, so that bad data can be looked up by it.
    session.last_id = load.query
    records.write_last_copy(session.backend.backend_pid, copy_id=load.query, rows=0)
    try:
        rows, errors = _load(load, objects, files, targets, facts)
    except WireError:
        session.committed_id = session.last_id
        _keep_history(load, files, facts, "aborted", 0, 0)
        raise
    if session.backend.transaction_status == pq.TransactionStatus.IDLE:
        session.committed_id = session.last_id
    _keep_history(load, files, facts, "completed", rows, errors)
    records.write_last_copy(session.backend.backend_pid, copy_id=load.query, rows=rows)
    return _notices(load, rows, errors)


def _load(
    load: Load, objects: Objects, files: list[Found], targets: list[Target], facts: dict[str, object]
) -> tuple[int, int]:
    """Rows that went in, and errors that were let pass."""
    statement, backend = load.statement, load.session.backend
    if statement.format == "parquet":
        chunks = copy_parquet.read_parquet(objects, files, targets, load.query)
        return insert(backend, statement, targets, chunks), 0
    reading = copy_json.read_json(statement, objects, files, targets)
    common = facts | {
        "table_id": targets[0].table,
        "tbl": targets[0].table,
        "slice": 0,
        "starttime": facts["start_time"],
    }
    load.records.add(load.session.database, "errors", [common | error.record() for error in reading.errors])
    if reading.is_failed:
        raise WireError(
            "XX000",
            f"Load into table '{load.table}' failed. Check 'sys_load_error_detail' system table for details.",
        )
    if statement.has("noload"):
        return 0, len(reading.errors)
    return insert(backend, statement, targets, reading.chunks()), len(reading.errors)


def _assume(statement: CopyStatement, roles: Mapping[str, Role], user: str) -> Role:
    role = roles.get(statement.role)
    if role is None and statement.role == "default":
        raise WireError("XX000", "The default IAM role is not set for the cluster")
    if role is None:
        cluster = "arn:aws:redshift:us-east-1:123456789012:dbuser:stand-in"
        raise WireError(
            "XX000", f"User {cluster}/{user} is not authorized to assume IAM Role {statement.role}"
        )  # fmt: skip
    region = statement.options.get("region", role.region)
    if region != role.region:
        raise WireError("XX000", "S3ServiceException:The bucket you are attempting to access must be addressed using "
                        "the specified endpoint.,Status 301,Error PermanentRedirect,Rid 0")  # fmt: skip
    return role


def _keep_history(
    load: Load, files: list[Found], facts: dict[str, object], status: str, rows: int, errors: int
) -> None:
    ended = datetime.now(UTC)
    size = sum(file.size for file in files)
    load.records.add(load.session.database, "loads", [facts | {
        "status": status, "table_name": load.table, "end_time": _text(ended),
        "duration": int((ended - load.started).total_seconds() * 1_000_000), "data_source": load.statement.source,
        "file_format": load.statement.format, "loaded_rows": rows, "loaded_bytes": size if rows else 0,
        "source_file_count": len(files), "source_file_bytes": size, "file_count_scanned": len(files),
        "file_bytes_scanned": size, "error_count": errors,
    }])  # fmt: skip
    load.records.add(load.session.database, "files", [
        facts | {"file_name": file.url, "record_time": _text(ended)} for file in files
    ])  # fmt: skip


def _notices(load: Load, rows: int, errors: int) -> list[dict[str, str]]:
    texts = [f"Load into table '{load.table}' completed, {rows} record(s) loaded successfully."]
    if errors:
        texts.append(f"Load into table '{load.table}' completed, {errors} record(s) could not be loaded. "
                     "Check 'sys_load_error_detail' system table for details.")  # fmt: skip
    return [{"S": "INFO", "C": "00000", "M": text} for text in texts]


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def _value(backend: PGconn, query: bytes) -> int | None:
    result = backend.exec_(query)
    value = result.get_value(0, 0) if result.status == pq.ExecStatus.TUPLES_OK else None
    return int(value) if value else None
