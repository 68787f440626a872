"""Memory is bounded, whatever arrives."""

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sparkify.sources.bundles import read_bundles
from sparkify.sources.listing import list_files
from tests.bad_records import event

MIB = 1 << 20
# The limit that a load gets here, and what the process may take beside it: the program, and what is read ahead.
_LIMIT, _BESIDE = 300, 300


def load(folder: Path, *options: str) -> tuple[int, str, int]:
    """Load a folder in a process of its own: its exit code, what it said, and the peak of its memory in MiB."""
    watched = (
        "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); "
        "print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10); sys.exit(code)"
    )
    command = [sys.executable, "-m", "sparkify", "load", "--log-data", str(folder), *options]
    command += ["--warehouse", str(folder.parent / "w.duckdb")]
    done = subprocess.run([sys.executable, "-c", watched, *command], capture_output=True, text=True, timeout=300)
    (peak,) = re.findall(r"^peak (\d+)$", done.stdout, re.MULTILINE)
    return done.returncode, done.stdout + done.stderr, int(peak)


def long_numbers(size: int) -> bytes:
    return b'{"a":[' + b"1," * (size // 2) + b"1]}"


@pytest.mark.parametrize("shape", ["lines", "objects", "no line end"])
def test_a_long_record_of_too_many_values_fails_its_file_alone(tmp_path: Path, shape: str) -> None:
    before, after = {"lines": (b"{}\n", b"\n{}"), "objects": (b"{}{}", b"{}"), "no line end": (b"{}\n", b"")}[shape]
    (tmp_path / "a.json").write_bytes(before + long_numbers(12 * MIB) + after)
    (tmp_path / "b.json").write_bytes(before + b'{"a":"' + b"1," * (6 * MIB) + b'"}' + after)
    (tmp_path / "c.json").write_bytes(before + long_numbers(4 * MIB) + after)
    files = list(enumerate(list_files(str(tmp_path))))
    ends = [end for bundle in read_bundles(files, bundle_bytes=8 * MIB) for end in bundle.finished]
    assert [end.error is None for end in ends] == [False, True, True]
    assert re.search(r"(line 2|record 3) has 12 MiB of so many values that judging it takes more", str(ends[0].error))


@pytest.mark.slow
def test_records_of_nothing_but_values_are_judged_within_the_limit(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    with (folder / "a.json").open("wb") as file:
        file.writelines(itertools.repeat(event() + b"\n", 3_000))
        file.writelines(itertools.repeat(long_numbers(4_000) + b"\n", 6_000))
    code, said, peak = load(folder, "--memory-limit", f"{_LIMIT}MiB", "--json")
    assert code == 0, said
    assert json.loads(said.splitlines()[0])["records"]["rejected"] == 6_000
    assert peak < _LIMIT + _BESIDE
