"""What the doctor examines in a Redshift warehouse. It leaves nothing behind."""

import datetime as dt
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sparkify.errors import EngineError
from sparkify.settings import Config
from sparkify.warehouses.base import Warehouse
from sparkify.warehouses.findings import Finding, examine
from sparkify.warehouses.redshift.stage import Stage, copy_parts_sql, manifest_of, open_stage
from sparkify.warehouses.remote import write_trial

_MOST_CLOCK_SECONDS = 300


def list_findings(warehouse: Warehouse, config: Config) -> Iterator[Finding]:
    """Examine one thing after the other."""
    return _Examination(warehouse, config).list_findings()


class _Examination:
    def __init__(self, warehouse: Warehouse, config: Config) -> None:
        self._warehouse = warehouse
        self._config = config
        self._role = config.arn or "the default role"

    def list_findings(self) -> Iterator[Finding]:
        yield examine("version", lambda: str(self._warehouse.fetch("SELECT version()")[0][0]))
        yield examine("clock", self._examine_clock)
        yield examine("isolation", self._examine_isolation)
        yield examine("rights", self._examine_rights)
        yield examine("tables", lambda: f"{len(self._warehouse.list_tables())} tables in {self._schema()}")
        yield examine("stage and role", self._examine_stage)

    def _examine_clock(self) -> str:
        there = self._warehouse.fetch("SELECT getdate()")[0][0]
        seconds = abs((there - dt.datetime.now(dt.UTC).replace(tzinfo=None)).total_seconds())
        if seconds > _MOST_CLOCK_SECONDS:
            raise EngineError(f"this machine's clock is {seconds:,.0f} s away from the cluster's; set the clock")
        return f"{seconds:.0f} s apart"

    def _examine_isolation(self) -> str:
        try:
            # Padded with blanks; no row if the user may not see it.
            rows = self._warehouse.fetch(
                "SELECT isolation_level FROM stv_db_isolation_level WHERE db_name = current_database()"
            )
        except EngineError:
            rows = []
        level = str(rows[0][0]).strip() if rows else "not reported (Serverless: SNAPSHOT)"
        return f"{level}; a load locks the ledger at every level"

    def _database(self) -> str:
        return str(self._warehouse.fetch("SELECT current_database()")[0][0])

    def _schema(self) -> str:
        return str(self._warehouse.fetch("SELECT current_schema()")[0][0])

    def _examine_rights(self) -> str:
        user, schema = self._warehouse.fetch("SELECT current_user, current_schema()")[0]
        if schema is None:
            raise EngineError(
                f"{user} cannot use any schema of its search_path; let an administrator grant USAGE on one"
            )
        rights = {
            f"CREATE in schema {schema}": "has_schema_privilege(current_schema(), 'create')",
            f"TEMP in the database {self._database()}": "has_database_privilege(current_database(), 'temp')",
        }
        ((creates, makes_temporary),) = self._warehouse.fetch(f"SELECT {', '.join(rights.values())}")
        # Redshift may return text.
        has = [str(answer).lower() in ("true", "t", "1") for answer in (creates, makes_temporary)]
        lacking = [right for right, given in zip(rights, has, strict=True) if not given]
        if lacking:
            raise EngineError(f"{user} lacks {' and '.join(lacking)}; let an administrator grant it")
        return f"{user} may create tables and temporary tables"

    def _examine_stage(self) -> str:
        """Send one row the same way as a load does, and roll it back."""
        with self._trial() as stage:
            with tempfile.TemporaryDirectory() as folder:
                part = write_trial(Path(folder))
                sent = stage.put("trial.parquet", part), part.stat().st_size
            manifest = stage.put("trial.manifest", manifest_of([sent]))
            self._warehouse.execute("CREATE TEMP TABLE sparkify_doctor (answer INTEGER)")
            self._warehouse.execute(copy_parts_sql(self._config, "sparkify_doctor", manifest))
        return f"{self._config.stage} can be written, and {self._role} can read it"

    @contextmanager
    def _trial(self) -> Iterator[Stage]:
        """A staging folder and a transaction, both removed afterwards."""
        stage = open_stage(self._warehouse, self._config, self._schema(), "doctor")
        try:
            self._warehouse.execute("BEGIN")
            try:
                yield stage
            finally:
                with suppress(EngineError):
                    self._warehouse.execute("ROLLBACK")
        finally:
            with suppress(Exception):
                stage.clear()
