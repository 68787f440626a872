"""Amazon Redshift, reached by AWS's own driver: one statement per execute, explicit transactions, TLS verified.

Records are judged by the embedded engine's validator, in a scratch file on this machine, so that both warehouses agree
about what a record is. Its rows travel as Parquet parts through a staging folder in S3, and COPY takes them in.

`docs/redshift.md` names the source of every fact that this module obeys.
"""

import itertools
import re
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sparkify.datasets import Dataset
from sparkify.errors import ConfigError, ConflictError, EngineError, LockedError, UsageError
from sparkify.settings import Config, S3Access
from sparkify.sources.bundles import Bundle, FileRead
from sparkify.sql import list_columns, read_sql
from sparkify.statement_log import logged
from sparkify.warehouses import Finding, Row, Staged
from sparkify.warehouses.duckdb import DuckDBWarehouse
from sparkify.warehouses.redshift.login import Address, check_driver, login
from sparkify.warehouses.redshift.stage import Stage, copy_parts_sql
from sparkify.warehouses.remote import MOST_BYTES, drop_file, find_oversized, open_scratch, write_parts

# The driver binds no more parameters in a statement.
_MOST_PARAMETERS = 32_767
# Where the cluster does not tell its slices: Redshift Serverless.
_USUAL_SLICES = 8
LIST_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
CURRENT_SCHEMA = "SELECT current_schema()"
COUNT_SLICES = "SELECT count(*) FROM stv_slices"
# Nobody reads the table that loads lock, so that readers of the ledger and the star never wait for a load.
LOCK_TABLE = "load_lock"
CREATE_LOCK = f"CREATE TABLE IF NOT EXISTS {LOCK_TABLE} (holder INTEGER ENCODE AZ64) DISTSTYLE AUTO"
LOCK = f"LOCK {LOCK_TABLE}"
NO_TIMEOUT = "RESET statement_timeout"
# The driver holds all rows of an answer, and a text may have 65,535 bytes.
_MOST_REPLAYED = 4_000
REPLAYED_COLUMNS = tuple(list_columns("replayed_records"))
FETCH_REPLAYED = f"""SELECT {", ".join(f'"{name}"' for name in REPLAYED_COLUMNS)} FROM replayed_records
WHERE dataset = $1 AND number >= $2 AND number < $3"""
_HOLDER = "SELECT load_id, started_at FROM load_history WHERE status = 'running' ORDER BY load_id DESC LIMIT 1"
_SENTENCES = {
    "28000": "the login was refused; check the user, and SPARKIFY_DB_PASSWORD or the secret",
    "28P01": "the login was refused; check the user, and SPARKIFY_DB_PASSWORD or the secret",
    "3D000": "there is no such database; check DB_NAME",
    "42501": "the database user lacks a right; docs/redshift.md lists those that a loader needs",
    "53300": "it has no free connection; try later",
    "57014": "the statement was cancelled, by a timeout or an administrator",
    "57P01": "an administrator ended the session; try again",
    "57P03": "it is starting or stopping; try later",
}
# Redshift reports these under the general SQLSTATE XX000, with the number as the message.
_CONFLICTS = ("1018", "1023")
# And these elsewhere: two sessions that make the same table at the same time meet in the catalogue.
_CONFLICT = re.compile(r"\A40001|conflict with concurrent transaction|\A23505.*pg_type_typname_nsp_index")
# Words of COPY's that do not tell what is lacking.
_OF_COPY = (
    (
        # Redshift says so of a manifest that it may not read.
        re.compile(r"COPY with MANIFEST parameter requires full path"),
        "it cannot read the manifest in the stage; the role of COPY needs s3:GetObject on the stage's bucket",
    ),
    (
        re.compile(r"S3ServiceException:\s*Access ?Denied"),
        "the role of COPY lacks s3:GetObject or s3:ListBucket on that bucket",
    ),
    (
        re.compile(r"not authorized to assume IAM Role"),
        "the role is not attached to the cluster, or does not trust redshift.amazonaws.com; attach it, or set another "
        "as ARN",
    ),
    (
        re.compile(r"(?i)default IAM role"),
        "no role is named, and the cluster has none of its own; set ARN in [IAM_ROLE], or give the cluster a default",
    ),
    (
        re.compile(r"S3ServiceException:.*Status 301"),
        "the bucket is in another region than the cluster; name one in the cluster's own",
    ),
)
_CONTEXT = re.compile(r"S3 key being read : (\S+)")
_SELECT = re.compile(r"(?is)\A(\s|--[^\n]*\n|/\*.*?\*/)*(select|with)\b")


class _CancelledError(EngineError):
    """A statement ran into its timeout, or was cancelled."""


class RedshiftWarehouse:
    """Warehouse over one session; see `sparkify.warehouses.Warehouse`."""

    dialect = "redshift"
    own_tables: tuple[str, ...] = (LOCK_TABLE,)

    def __init__(self, connection: Any, config: Config, address: str, *, is_own: bool) -> None:
        self.address = address
        self._connection = connection
        self._cursor = connection.cursor()
        # $1 is then left as it is, and one parameter can stand in several places.
        self._cursor.paramstyle = "numeric"
        self._config = config
        self._is_own = is_own
        self._slices = _USUAL_SLICES
        self._is_prepared = False
        self._stage: Stage | None = None
        self._is_dead = False

    @classmethod
    def open(cls, address: str, config: Config) -> "RedshiftWarehouse":
        """Open a session. Raises UsageError for an address that is not whole, ConfigError without credentials."""
        parsed = Address.parse(address, config)
        check_driver()
        with _mapped_errors():
            return cls(login(parsed, config), config, str(parsed), is_own=True)

    @classmethod
    def wrap(cls, connection: Any, config: Config) -> "RedshiftWarehouse":
        """An engine over the caller's connection. What the caller left open is committed with the first transaction."""
        return cls(connection, config, "the caller's connection", is_own=False)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        # Left to itself the driver opens a transaction before the first statement.
        before, self._connection.autocommit = self._connection.autocommit, True
        try:
            with logged(sql) as sent, _mapped_errors():
                self._cursor.execute(sql, tuple(parameters))
                sent.rows = count if (count := self._cursor.rowcount) >= 0 else None
        except EngineError:
            self._is_dead = True
            raise
        finally:
            self._connection.autocommit = before

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return self.fetch_table(sql, parameters)[1]

    def fetch_table(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[Row]]:
        self.execute(sql, parameters)
        with _mapped_errors():
            names = [column[0] for column in self._cursor.description or []]
            rows = [tuple(row) for row in self._cursor.fetchall()]
        return [name.decode() if isinstance(name, bytes) else name for name in names], rows

    def fetch_user_query(self, sql: str) -> tuple[list[str], list[Row]]:
        if not _SELECT.match(sql):
            raise UsageError("the SQL is no SELECT; only one SELECT is run, for it changes nothing")
        self.execute("BEGIN READ ONLY")
        try:
            return self.fetch_table(sql.rstrip().rstrip(";"))
        except EngineError as error:
            raise UsageError(f"the SQL cannot be run: {error}") from error
        finally:
            self.roll_back()

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        most = _MOST_PARAMETERS // len(columns)
        for start in range(0, len(rows), most):
            some = rows[start : start + most]
            self.execute(insert_sql(table, columns, len(some)), [value for row in some for value in row])

    def list_tables(self) -> set[str]:
        rows = self.fetch(LIST_TABLES)
        return {name for (name,) in rows}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if not self._is_own and self._connection.in_transaction:
            self.execute("COMMIT")
        self._is_dead = False
        self.execute("BEGIN")
        try:
            yield
            # The server answers the COMMIT of a dead transaction with ROLLBACK, and the driver passes over it.
            if self._is_dead:
                raise EngineError("a statement of the transaction failed: nothing of it was committed")
            self._commit()
        except Exception:
            self.roll_back()
            raise
        except BaseException:
            # The answer of the statement under way is still to come: only the end of the session ends it now.
            self.close()
            raise

    @contextmanager
    def load_transaction(self) -> Iterator[None]:
        self._prepare()
        try:
            with self.transaction():
                # The snapshot is taken by the first statement that reads: a lock after it would protect a stale plan.
                self._lock()
                yield
        except LockedError:
            with suppress(EngineError):
                self.execute(NO_TIMEOUT)
            holder = self._holder()
            raise LockedError(f"{holder} holds the warehouse; wait until it ends, or give --wait SECONDS") from None
        finally:
            if self._stage is not None:
                stage, self._stage = self._stage, None
                # What is committed is committed, and the next load clears what cannot be deleted now.
                with suppress(Exception):
                    stage.clear()

    def _prepare(self) -> None:
        """Find out, outside of any transaction, what could end one."""
        if self._is_prepared:
            return
        if LOCK_TABLE not in self.list_tables():
            self.execute(CREATE_LOCK)
        self._slices = self._count_slices()
        self._is_prepared = True

    def _lock(self) -> None:
        self.execute(timeout_sql(self._config.wait))
        try:
            self.execute(LOCK)
        except _CancelledError as error:
            raise LockedError("another load holds the warehouse") from error
        self.execute(NO_TIMEOUT)

    def _holder(self) -> str:
        with suppress(EngineError):
            for load_id, started_at in self.fetch(_HOLDER):
                return f"load {load_id}, running since {started_at:%Y-%m-%d %H:%M:%S} UTC,"
        return "another load"

    def stage(
        self,
        dataset: Dataset,
        load_id: int,
        urls: dict[int, str],
        bundles: Iterable[Bundle],
        on_bundle: Callable[[Bundle], None],
    ) -> Staged:
        self._open_stage()
        with open_scratch(self._config, dataset) as scratch:
            with scratch.transaction():
                staged = scratch.stage(dataset, load_id, urls, bundles, on_bundle)
                for source_id, line, size in find_oversized(scratch):
                    words = f"line {line:,} is rejected, and with {size:,} bytes longer than the {MOST_BYTES:,}"
                    reason = f"{words} that Redshift keeps of a record; mend or remove the line"
                    staged.files[source_id] = FileRead(source_id, error=f"cannot keep {urls[source_id]}: {reason}")
                    drop_file(scratch, dataset, source_id)
            self._copy_scratch(scratch, dataset)
        return staged

    def restage(self, dataset: Dataset) -> None:
        self._open_stage()
        with open_scratch(self._config, dataset) as scratch:
            with scratch.transaction():
                scratch.execute(read_sql("changes/replayed_records/create"))
                for first in itertools.count(1, _MOST_REPLAYED):
                    rows = self.fetch(FETCH_REPLAYED, [dataset, first, first + _MOST_REPLAYED])
                    scratch.insert_rows("replayed_records", REPLAYED_COLUMNS, rows)
                    if len(rows) < _MOST_REPLAYED:
                        break
                scratch.restage(dataset)
            self._copy_scratch(scratch, dataset)

    def _copy_scratch(self, scratch: DuckDBWarehouse, dataset: Dataset) -> None:
        """Bring the rows of the scratch file's two tables into the warehouse's."""
        for table in (f"staging_{dataset}", "rejected_records"):
            with tempfile.TemporaryDirectory(dir=Path(scratch.address).parent) as folder:
                self._copy_parts(table, *write_parts(scratch, table, Path(folder), self._slices))

    def _copy_parts(self, table: str, rows: int, parts: Sequence[Path]) -> None:
        if not rows:
            return
        manifest = self._open_stage().put_parts(table, parts)
        self.execute(copy_parts_sql(self._config, table, manifest))
        ((copied,),) = self.fetch("SELECT pg_last_copy_count()")
        if copied != rows:
            raise EngineError(f"COPY took {copied:,} of {rows:,} rows into {table}: nothing was loaded; load again")

    def _open_stage(self) -> Stage:
        if self._config.stage is None:
            raise ConfigError(
                "a load into Redshift goes through a folder in S3, and none is named; give --stage s3://bucket/folder"
            )
        if self._stage is None:
            self._stage = self.new_stage(self._config.stage)
            # Whoever has the lock is alone: what lies there is of loads that were killed.
            self._stage.clear_leftovers()
        return self._stage

    def new_stage(self, root: str) -> Stage:
        """A staging folder of this warehouse's, below a folder in S3."""
        place = f"{self.address.partition('@')[2] or self.address}-{self.fetch(CURRENT_SCHEMA)[0][0]}"
        warehouse = re.sub(r"[^\w.-]+", "-", place)
        # With credentials even where sources are read without: nobody may write into a folder unsigned.
        return Stage(root, warehouse, S3Access(concurrency=self._config.concurrency))

    def _count_slices(self) -> int:
        try:
            return int(self.fetch(COUNT_SLICES)[0][0]) or _USUAL_SLICES
        except EngineError:
            return _USUAL_SLICES

    def _commit(self) -> None:
        try:
            self.execute("COMMIT")
        except ConflictError:
            raise
        except EngineError as error:
            raise EngineError(
                f"{error}; whether the transaction was committed is not known. Run the command again: a load takes "
                "nothing twice"
            ) from error

    def roll_back(self) -> None:
        """End the transaction that may be open."""
        with suppress(EngineError):
            self.execute("ROLLBACK")

    def examine(self) -> Iterator[Finding]:
        # Only the doctor needs it.
        from sparkify.warehouses.redshift.doctor import Examination

        return Examination(self, self._config).list_findings()

    def close(self) -> None:
        if self._is_own:
            with suppress(Exception):
                self._connection.close()


def timeout_sql(seconds: float) -> str:
    """The statement that bounds those after it; 0 would mean no bound."""
    return f"SET statement_timeout TO {max(1_000, round(seconds * 1_000))}"


def insert_sql(table: str, columns: Sequence[str], rows: int) -> str:
    """The statement that inserts so many rows, whose values are bound one after the other."""
    width = len(columns)
    values = ", ".join(
        "(" + ", ".join(f"${row * width + place}" for place in range(1, width + 1)) + ")" for row in range(rows)
    )
    return f"INSERT INTO {table} ({', '.join(columns)})\nVALUES {values}"


@contextmanager
def _mapped_errors() -> Iterator[None]:
    """The driver's errors as ours. Nearly all are of one class: the SQLSTATE in the dictionary they carry tells."""
    from redshift_connector.error import Error

    try:
        yield
    except Error as error:
        raise _mapped_error(error) from error
    except OSError as error:
        raise EngineError(f"the connection to Redshift broke: {_os_words(error)}; try again") from error
    except (struct.error, LookupError, ValueError) as error:
        # What the driver makes of an answer that breaks off in the middle.
        raise EngineError("the connection to Redshift broke: an answer was cut off; try again") from error


def _os_words(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _mapped_error(error: Exception) -> EngineError:
    details = next((argument for argument in error.args if isinstance(argument, dict)), None)
    if details is None:
        words = str(error.args[0]) if error.args else type(error).__name__
        if isinstance(cause := next((a for a in error.args if isinstance(a, OSError)), None), OSError):
            words = f"{words}: {_os_words(cause)}"
        return EngineError(f"the connection to Redshift broke: {words.split('. ')[0]}; try again")
    code, message = str(details.get("C", "")), str(details.get("M", ""))
    detail = re.sub(r"\s+", " ", str(details.get("D", ""))).strip()
    words = f"{message}: {detail}" if detail else message
    if (code == "XX000" and message.strip() in _CONFLICTS) or _CONFLICT.search(f"{code} {message}"):
        return ConflictError(f"Redshift refused the transaction for the sake of another one ({words}); try again")
    for pattern, sentence in _OF_COPY:
        if pattern.search(message):
            where = f" of {found[1]}" if (found := _CONTEXT.search(detail)) else ""
            return EngineError(f"Redshift says {message.strip()!r}{where}: {sentence}")
    if code in _SENTENCES:
        kind = _CancelledError if code == "57014" else EngineError
        return kind(f"Redshift says {words!r} ({code}): {_SENTENCES[code]}")
    return EngineError(f"Redshift refused a statement: {words} ({code})")
