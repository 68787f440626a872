"""Processes that are measured, and the environments they run in.

Time is that of the whole process. Memory is the resident memory of the process and of all that it started, summed, as
seen ten times a second (pages that processes share count for each), or on Linux the kernel's own peak of the first
process, as last seen, where that is more. CPU seconds are the kernel's count of the process and of the children it
waited for, or what was last seen of each process, where that is more.
"""

import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psutil

HERE = Path(__file__).resolve().parent
SECONDS_LIMIT = 600
MEMORY_LIMIT = 0.6  # of the machine's
_INTERVAL = 0.1


class LimitExceeded(Exception):
    """A process took more time or memory than is granted, and was ended."""


@dataclass(frozen=True)
class Run:
    """One process: wall and CPU seconds, peak memory in MB."""

    wall: float
    cpu: float
    peak: float


def run(
    command: list[str],
    environment: Mapping[str, str] = os.environ,
    *,
    server: int | None = None,
    log: Path | None = None,
    seconds: float = SECONDS_LIMIT,
) -> Run:
    """Run a process to its end. What the process `server` and its children do meanwhile counts as well.

    What it prints goes to `log`, if given. Raises RuntimeError if it fails, LimitExceeded where it takes more than
    `seconds` or than MEMORY_LIMIT allows.
    """
    # As for most users, compiled modules are kept: where this forbids it, every run would compile them anew.
    kept = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    watch = _Watch(server)
    started = time.perf_counter()
    process = os.posix_spawn(command[0], command, kept, file_actions=_printing_to(log) if log else [])
    watch.start(process, seconds)
    try:
        # Its own resource usage, not that of every child so far, is what wait4 gives.
        _, status, usage = os.wait4(process, 0)
        wall = time.perf_counter() - started
    except KeyboardInterrupt:
        _end_tree(_list_tree(process))
        raise
    finally:
        watch.stop()
    if watch.exceeded:
        raise LimitExceeded(watch.exceeded)
    if code := os.waitstatus_to_exitcode(status):
        told = f": {log.read_text(errors='replace')[-2000:]}" if log else ""
        raise RuntimeError(f"{' '.join(command)} ended with {code}{told}")
    cpu = max(usage.ru_utime + usage.ru_stime, watch.cpu) + watch.server_cpu
    # Not ru_maxrss: what this process once held counts there as the child's.
    return Run(wall, cpu, watch.peak)


def _printing_to(log: Path) -> list[tuple[Any, ...]]:
    opening = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    return [opening, (os.POSIX_SPAWN_DUP2, 1, 2)]


class _Watch:
    """Looks at a process and at all it started, and ends them where they exceed a limit."""

    def __init__(self, server: int | None) -> None:
        self.peak = 0.0  # MB
        self.exceeded = ""
        self._server = server
        self._seen: dict[psutil.Process, float] = {}
        self._served: dict[psutil.Process, float] = {}
        self._before = _cpu_seconds(_list_tree(server)) if server else {}
        self._ended = threading.Event()
        self._memory = psutil.virtual_memory().total * MEMORY_LIMIT / 1e6

    def start(self, process: int, seconds: float) -> None:
        self._thread = threading.Thread(target=self._watch, args=(process, time.monotonic() + seconds, seconds))
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def cpu(self) -> float:
        """Seconds of the process and all it started, as last seen."""
        return sum(self._seen.values())

    @property
    def server_cpu(self) -> float:
        """Seconds of the server since the start."""
        return sum(seconds - self._before.get(process, 0) for process, seconds in self._served.items())

    def _watch(self, process: int, deadline: float, seconds: float) -> None:
        while not self._ended.wait(_INTERVAL):
            tree = _list_tree(process)
            served = _list_tree(self._server) if self._server else []
            self._seen |= _cpu_seconds(tree)
            self._served |= _cpu_seconds(served)
            self.peak = max(self.peak, _resident_megabytes([*tree, *served]), _peak_megabytes(process))
            if time.monotonic() > deadline:
                self.exceeded = f"over {seconds:.0f} s"
            elif self.peak > self._memory:
                self.exceeded = f"over {self._memory / 1e3:.0f} GB"
            if self.exceeded:
                _end_tree(tree)
                return


def _list_tree(process: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(process)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _cpu_seconds(processes: list[psutil.Process]) -> dict[psutil.Process, float]:
    found = {}
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        found[process] = times.user + times.system
    return found


def _resident_megabytes(processes: list[psutil.Process]) -> float:
    total = 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total / 1e6


def _peak_megabytes(process: int) -> float:
    """The most that a process has held, as Linux tells; elsewhere 0."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peaks[0]) * 1024 / 1e6 if peaks else 0


def _end_tree(processes: list[psutil.Process]) -> None:
    """End processes, children before their parents."""
    for process in reversed(processes):
        try:
            process.kill()
        except psutil.Error:
            continue


def prepare_environment(folder: Path, name: str) -> str:
    """An environment of exactly the locked packages of bench/NAME.txt, below a folder; returns its Python."""
    environment, locked = folder / f"env-{name}", HERE / f"{name}.txt"
    python, stamp = environment / "bin" / "python", environment / "locked.txt"
    if not stamp.exists() or stamp.read_bytes() != locked.read_bytes():
        uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(environment)], check=True)
        install = [uv, "pip", "sync", "--quiet", "--compile-bytecode", "--python", str(python), "--require-hashes"]
        subprocess.run([*install, str(locked)], check=True)
        shutil.copyfile(locked, stamp)
    return str(python)


def describe_machine() -> dict[str, str | int]:
    """What figures depend on: cores, memory in GB, system, Python and DuckDB."""
    return {
        "cores": os.cpu_count() or 1,
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
    }
