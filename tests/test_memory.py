"""Memory is bounded, whatever arrives."""

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sparkify import list_rejects, query_sql
from sparkify.console import print_table
from sparkify.loads.create import create
from sparkify.machine import available_memory, list_group_limits
from sparkify.settings import load_config
from sparkify.sources.bundles import read_bundles
from sparkify.sources.listing import list_files
from sparkify.warehouses import add_texts, open_warehouse
from tests.bad_records import event

MIB = 1 << 20
# The limit that a load gets here, and what the process may take beside it: the program, and what is read ahead.
_LIMIT, _BESIDE = 300, 300


def load(folder: Path, *options: str) -> tuple[int, str, int]:
    """Load a folder, like `run_watched`."""
    return run_watched("load", "--log-data", str(folder), "--warehouse", str(folder.parent / "w.duckdb"), *options)


def run_watched(*arguments: str) -> tuple[int, str, int]:
    """Run a command in a process of its own: its exit code, what it said, and the peak of its memory in MiB."""
    watched = (
        "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); "
        "print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10); sys.exit(code)"
    )
    command = [sys.executable, "-m", "sparkify", *arguments]
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
        # In one bundle with these, and side by side.
        file.writelines(itertools.repeat(b"{}\n", 100_000))
        file.writelines(itertools.repeat(long_numbers(4_000) + b"\n", 6_000))
    code, said, peak = load(folder, "--memory-limit", f"{_LIMIT}MiB", "--json")
    assert code == 0, said
    assert json.loads(said.splitlines()[0])["records"]["rejected"] == 106_000
    assert peak < _LIMIT + _BESIDE


def test_a_limit_below_what_the_engine_takes_beside_the_records(tmp_path: Path) -> None:
    """Less than 96 MiB: the records are judged in pieces, and the load ends."""
    folder = tmp_path / "log"
    folder.mkdir()
    (folder / "a.json").write_bytes((event() + b"\n") * 5_000)
    code, said, _ = load(folder, "--memory-limit", "64MB", "--json")
    assert code == 0, said
    assert json.loads(said.splitlines()[0])["records"]["loaded"] == 5_000


# ---- the memory that there is ----


@pytest.mark.parametrize(
    ("groups", "files", "limits"),
    [
        ("0::/\n", {"memory.max": "500\n", "memory.high": "max\n"}, [500]),
        ("0::/a/b\n", {"a/b/memory.max": "max\n", "a/memory.high": "400", "memory.max": "900"}, [400, 900]),
        ("0::/a\n", {"a/memory.max": "300", "a/b/memory.max": "1", "c/memory.max": "2"}, [300]),
        ("4:memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": "700"}, [700]),
        ("4:cpu,memory:/outside\n", {"memory/memory.limit_in_bytes": "600"}, [600]),
        ("4:cpu,memory:/a\n", {"cpu,memory/a/memory.limit_in_bytes": "500"}, [500]),
        ("0::/a\n1:name=systemd:/a\n", {"unified/a/memory.high": "200", "unified/memory.max": "max"}, [200]),
        ("1:cpu:/\n2:pids:/a\n", {"memory/memory.limit_in_bytes": "1", "a/memory.max": "1"}, []),
        ("", {}, []),
        ("no group\n", {"memory.max": "no number"}, []),
        ("0::/../..\n", {"memory.max": "100"}, [100]),
    ],
)
def test_limits_of_a_container(tmp_path: Path, groups: str, files: dict[str, str], limits: list[int]) -> None:
    (tmp_path / "groups").write_text(groups)
    for name, text in files.items():
        (tmp_path / "mounted" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mounted" / name).write_text(text)
    assert sorted({*list_group_limits(tmp_path / "groups", tmp_path / "mounted")}) == limits


def test_without_control_groups_there_is_the_machine(tmp_path: Path) -> None:
    assert [*list_group_limits(tmp_path / "groups", tmp_path / "mounted")] == []
    assert 128 * MIB < available_memory() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    ("limit", "words"),
    [("-v 150000", "ulimit -v"), ("-v 800000", "ulimit -v"), ("-d 100000", "ulimit -d"), ("-n 8", "ulimit -n")],
)
def test_too_little_memory_to_start_is_told(tmp_path: Path, limit: str, words: str) -> None:
    command = f'ulimit {limit}; exec "$0" -m sparkify status --warehouse w.duckdb'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1)
    assert words in done.stderr


def test_half_of_what_a_process_may_have_is_the_default_limit(tmp_path: Path) -> None:
    sql = "SELECT current_setting('memory_limit')"
    command = f'ulimit -d 1000000; exec "$0" -m sparkify query --sql "{sql}" --format csv --warehouse w.duckdb'
    create(load_config(warehouse=str(tmp_path / "w.duckdb")))
    done = subprocess.run(
        ["bash", "-c", command, sys.executable], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    assert done.stdout.split()[-2:] == ["488.0", "MiB"], done.stderr


# ---- what is shown ----


@pytest.mark.slow
def test_very_many_rejects_are_read_in_parts(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    for name, records in {"a": 45_000, "b": 3, "c": 2_000, "d": 30_000}.items():
        with (folder / f"{name}.json").open("wb") as file:
            file.writelines(b'{"a":%d}%s\n' % (i, b"{}" if i % 7 == 0 else b"") for i in range(records))
    assert load(folder)[0] == 0
    config = load_config(warehouse=str(tmp_path / "w.duckdb"))
    _, expected = query_sql(config, "SELECT url, line FROM rejected_records ORDER BY url, line")
    assert len(expected) > 80_000
    assert [(one["url"], one["line"]) for one in list_rejects(config)] == expected
    code, said, peak = run_watched("rejects", "--json", "--warehouse", str(tmp_path / "w.duckdb"))
    assert (code, len(json.loads(said.splitlines()[0])["rejects"])) == (0, len(expected))
    assert peak < 200
    assert [one["line"] for one in list_rejects(config, url=str(folder / "b.json"), reason="missing")] == [1, 2, 3, 4]
    assert list_rejects(config, dataset="songs") == []


def test_a_long_table_is_printed_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["n", "text"], ((number, "x" * (number > 2_000) * 9) for number in range(2_500)))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2_502
    assert (lines[2].strip(), lines[-1]) == ("0", "2499  xxxxxxxxx")


@pytest.mark.slow
def test_very_many_texts_are_normalized_in_parts(tmp_path: Path) -> None:
    config = load_config(warehouse=str(tmp_path / "w.duckdb"))
    create(config)
    with open_warehouse(config) as warehouse:
        warehouse.execute(
            "INSERT INTO staging_songs (source_id, line, song_id, artist_id, title, artist_name) "
            "SELECT 1, range, range, 1, concat(range, repeat('x', 100)), 'Muse' FROM range(110000)"
        )
        add_texts(warehouse, "songs")
        found = warehouse.fetch("SELECT count(*), count(DISTINCT text), count(normalized) FROM normalized_texts")
        assert found == [(110_001, 110_001, 110_001)]
