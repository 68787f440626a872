"""What this process may have: memory of the machine, or the share that a container or a limit gives it, and files."""

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sparkify.errors import EngineError

# Measured at the start of DuckDB. Each of its threads reserves many addresses and uses few of them.
_LEAST_ADDRESSES = 768 << 20
_ADDRESSES_PER_THREAD = 128 << 20
_LEAST_MEMORY = 128 << 20
# Measured at the load of a bucket; the clients of stores crash without any.
_LEAST_FILES = 16
_GROUPS, _MOUNTED = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
# Where version 2 of control groups and version 1 keep the limits of a group.
_UNIFIED = ("memory.max", "memory.high")
_LEGACY = ("memory.limit_in_bytes",)


def available_memory() -> int:
    """The bytes that this process may have: the machine's memory, or the lowest limit below it."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *list_group_limits(_GROUPS, _MOUNTED), *_limits(resource.RLIMIT_AS, resource.RLIMIT_DATA)])


def list_group_limits(groups: Path, mounted: Path) -> Iterator[int]:
    """The limits, in bytes, of this process's control groups and of the groups above them.

    `groups` is the file that names the groups, such as /proc/self/cgroup, and `mounted` the folder where they are. In a
    container, the file may have the host's names: then only the topmost group is found.
    """
    with suppress(OSError):
        for line in groups.read_text(encoding="utf-8", errors="replace").splitlines():
            controllers, _, name = line.partition(":")[2].partition(":")
            if controllers == "":
                yield from _read_limits((mounted, mounted / "unified"), name, _UNIFIED)
            elif "memory" in controllers.split(","):
                yield from _read_limits((mounted / "memory", mounted / controllers), name, _LEGACY)


def _read_limits(tops: tuple[Path, ...], name: str, files: tuple[str, ...]) -> Iterator[int]:
    for top in tops:
        group = top / name.lstrip("/")
        for folder in (group, *group.parents):
            if folder == top or top in folder.parents:
                for file in files:
                    # Without a limit the file holds `max`. A group that is not found has no file.
                    with suppress(OSError, ValueError):
                        yield int((folder / file).read_text())


def require_resources(threads: int | None) -> None:
    """Raises EngineError if the embedded engine has too little memory or too few files to start: it would crash.

    `threads` is the engine's number of threads; None means one for each core.
    """
    wanted = _LEAST_ADDRESSES + (threads or os.cpu_count() or 1) * _ADDRESSES_PER_THREAD
    if any(limit < wanted for limit in _limits(resource.RLIMIT_AS)):
        raise EngineError(
            f"the limit of this process's addresses (ulimit -v) is too low: the engine needs {wanted >> 10} kB to "
            "start; raise the limit, or give fewer --threads"
        )
    if available_memory() < _LEAST_MEMORY:
        raise EngineError(
            f"the limit of this process's memory is too low: the engine needs {_LEAST_MEMORY >> 20} MiB to start; "
            "raise the limit of its container, or ulimit -d"
        )
    if any(limit < _LEAST_FILES for limit in _limits(resource.RLIMIT_NOFILE)):
        raise EngineError(
            f"the limit of this process's open files (ulimit -n) is too low: a command needs {_LEAST_FILES}; raise it"
        )


def _limits(*kinds: int) -> Iterator[int]:
    limits = (resource.getrlimit(kind)[0] for kind in kinds)
    return (limit for limit in limits if limit != resource.RLIM_INFINITY)
