"""The contenders: how each is run on a corpus, and the rows that all must agree on."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import psycopg

from bench.corpora import Corpus
from bench.processes import HERE, Run, prepare_environment, run
from tests.redshift.postgres import Postgres, run_postgres

Facts = dict[str, tuple[int, ...]]

OURS = "sparkify"
_DATABASE = "bench"
# What a server of its own, with this much memory, would be given.
_SERVER_OPTIONS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "max_parallel_workers_per_gather": "2"}


@dataclass(frozen=True)
class Contender:
    """A program that makes staging and the star: `script` lies below bench/, and is empty for sparkify itself.

    `locked` names its bench/NAME.txt. It `stores` them in a DuckDB file, as Parquet, or in PostgreSQL. A slow one runs
    in the first round only.
    """

    label: str
    script: str
    stores: str
    locked: str | None = None
    joined_songs: bool = False
    slow: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


CONTENDERS = {
    OURS: Contender("sparkify load", "", "duckdb"),
    "sql": Contender("sparkify load, without its native library", "", "duckdb", environment={"SPARKIFY_NATIVE": "no"}),
    "handwritten": Contender("hand-written script", "handwritten.py", "duckdb"),
    "floor": Contender(
        "the floor: that script, songs joined beforehand", "handwritten.py", "duckdb", joined_songs=True
    ),
    "polars": Contender("Polars", "contenders/with_polars.py", "parquet", "polars"),
    "pandas": Contender("pandas", "contenders/with_pandas.py", "parquet", "pandas"),
    "postgres": Contender("COPY and INSERT … SELECT on PostgreSQL", "contenders/with_postgres.py", "postgres"),
    "dlt": Contender(
        "dlt, then SQL on DuckDB",
        "contenders/with_dlt.py",
        "duckdb",
        "dlt",
        slow=True,
        environment={"RUNTIME__DLTHUB_TELEMETRY": "false"},
    ),
    "pyspark": Contender("PySpark, local[*]", "contenders/with_pyspark.py", "parquet", "pyspark", slow=True),
}

# What each table is compared by. A play counts once: of a song that the catalogue holds twice, scripts that only join
# make two.
FACTS = {
    "staging_events": "count(*), sum(ts)",
    "staging_songs": "count(*), count(DISTINCT title)",
    "songplays": "count(DISTINCT (user_id, session_id, start_time))",
    "users": "count(*), sum(user_id)",
    "songs": "count(*)",
    "artists": "count(*)",
    "time": "count(*), sum(hour), sum(week), sum(weekday)",
}


def find_missing(name: str) -> str | None:
    """Why a contender cannot run here, as a sentence; None where it can."""
    if name == "pyspark" and not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        return "PySpark is left out, for there is no Java; install a runtime (17 or newer) and measure again"
    return None


@contextmanager
def open_server(names: list[str]) -> Iterator[Postgres | None]:
    """The server that one of the contenders speaks to; None where none does."""
    if any(CONTENDERS[name].stores == "postgres" for name in names):
        with run_postgres(_SERVER_OPTIONS) as server:
            yield server
    else:
        yield None


def run_contender(name: str, corpus: Corpus, folder: Path, server: Postgres | None) -> tuple[Run, Facts]:
    """Run one on a corpus, with nothing of a run before; what it writes is removed once its facts are read.

    Raises LimitExceeded where it takes too long or too much.
    """
    contender = CONTENDERS[name]
    target = _clear(contender, folder, server)
    python = prepare_environment(folder, contender.locked) if contender.locked else sys.executable
    songs = corpus.joined_songs if contender.joined_songs else corpus.song_data
    if not contender.script:
        command = [python, "-m", "sparkify", "load", "-q", "--warehouse", target]
        command += ["--log-data", corpus.log_data, "--song-data", songs]
    else:
        command = [python, str(HERE / contender.script), target, corpus.log_data, songs]
        command += [] if corpus.form == "lines" else [corpus.form]
    environment = os.environ | dict(contender.environment)
    beside = server.process if server and contender.stores == "postgres" else None
    try:
        measured = run(command, environment, server=beside, log=folder / f"{name}.log")
        return measured, read_facts(contender.stores, target)
    finally:
        _clear(contender, folder, server)


def _clear(contender: Contender, folder: Path, server: Postgres | None) -> str:
    """Remove what a run left; returns where the next one is to write."""
    if contender.stores == "postgres":
        assert server is not None
        with server.connect() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)".encode())
            connection.execute(f"CREATE DATABASE {_DATABASE}".encode())
        return server.address(_DATABASE)
    target = folder / ("warehouse.duckdb" if contender.stores == "duckdb" else "tables")
    for path in folder.glob(f"{target.stem}*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return str(target)


def read_facts(stores: str, target: str) -> Facts:
    """What FACTS asks of the tables that were made, in a DuckDB file, as Parquet or in PostgreSQL."""
    if stores == "postgres":
        with psycopg.connect(target) as connection:
            return {
                table: _whole(connection.execute(f"SELECT {facts} FROM {table}".encode()).fetchall())
                for table, facts in FACTS.items()
            }
    is_file = stores == "duckdb"
    with duckdb.connect(target if is_file else ":memory:", read_only=is_file) as warehouse:
        if is_file:
            found = "SELECT schema_name FROM duckdb_tables() WHERE table_name = 'songplays'"
            warehouse.execute(f"USE {warehouse.execute(found).fetchall()[0][0]}")
            sources = {table: table for table in FACTS}
        else:
            sources = {table: f"read_parquet('{_find_parquet(Path(target), table)}')" for table in FACTS}
        return {
            table: _whole(warehouse.execute(f"SELECT {facts} FROM {sources[table]}").fetchall())
            for table, facts in FACTS.items()
        }


def _find_parquet(folder: Path, table: str) -> Path:
    """One file, or a folder of parts."""
    file = folder / f"{table}.parquet"
    return file if file.exists() else folder / table / "*.parquet"


def _whole(rows: list[tuple[object, ...]]) -> tuple[int, ...]:
    return tuple(int(str(value)) for value in rows[0])


def compare_facts(name: str, facts: Facts, expected: Facts) -> None:
    """Raises RuntimeError, with the table, where a contender's rows are not those that `sparkify load` made."""
    for table, found in facts.items():
        if found != expected[table]:
            raise RuntimeError(
                f"{CONTENDERS[name].label} made other rows of {table}: {FACTS[table]} gives {found}, "
                f"not {expected[table]}"
            )
