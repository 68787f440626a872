"""Plays COPY: reads the objects itself and adds their rows in the session's transaction."""

from collections.abc import Mapping
from datetime import UTC, datetime

from psycopg.pq.abc import PGconn

from tests.redshift.copy_parquet import read_parquet
from tests.redshift.copy_statement import CopyStatement
from tests.redshift.copy_target import find_targets, insert
from tests.redshift.records import LoadRecords
from tests.redshift.roles import Role
from tests.redshift.s3_objects import Found, Objects
from tests.redshift.wire import WireError

_REGION = "us-east-1"


def run(
    statement: CopyStatement, backend: PGconn, roles: Mapping[str, Role], records: LoadRecords
) -> list[dict[str, str]]:
    """Load, and return the notices to the client."""
    query, started = records.next_query(), datetime.now(UTC)
    targets = find_targets(backend, statement)
    objects = Objects(assume(statement.role, roles, backend.user.decode()), query)
    files = objects.find(statement)
    records.write_last_copy(backend.backend_pid, 0)
    rows, status = 0, "aborted"
    try:
        rows = insert(backend, statement, targets, read_parquet(objects, files, targets, query))
        status = "completed"
    finally:
        records.add(backend.db.decode(), _history(statement, files, started) | {
            "query_id": query, "session_id": backend.backend_pid, "status": status, "loaded_rows": rows,
        })  # fmt: skip
    records.write_last_copy(backend.backend_pid, rows)
    text = f"Load into table '{statement.table[-1]}' completed, {rows} record(s) loaded successfully."
    return [{"S": "INFO", "C": "00000", "M": text}]


def assume(name: str, roles: Mapping[str, Role], user: str) -> Role:
    """The role of this name, as COPY and UNLOAD get it."""
    role = roles.get(name)
    if role is None and name == "default":
        raise WireError("XX000", "The default IAM role is not set for the cluster")
    if role is None:
        cluster = "arn:aws:redshift:us-east-1:123456789012:dbuser:stand-in"
        raise WireError("XX000", f"User {cluster}/{user} is not authorized to assume IAM Role {name}")
    if role.region != _REGION:
        raise WireError("XX000", "S3ServiceException:The bucket you are attempting to access must be addressed using "
                        "the specified endpoint.,Status 301,Error PermanentRedirect,Rid 0")  # fmt: skip
    return role


def _history(statement: CopyStatement, files: list[Found], started: datetime) -> dict[str, object]:
    times = {"start_time": started, "end_time": datetime.now(UTC)}
    return {
        "table_name": statement.table[-1], "data_source": statement.source, "file_format": "parquet",
        "source_file_count": len(files), "source_file_bytes": sum(file.size for file in files), "error_count": 0,
        **{name: moment.strftime("%Y-%m-%d %H:%M:%S.%f") for name, moment in times.items()},
    }  # fmt: skip
