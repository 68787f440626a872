"""sparkify export into folders: which files it replaces, what it leaves alone, and what it says."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import sparkify
from sparkify.errors import LockedError, UsageError
from sparkify.exports.export import TABLES, ExportProgress
from sparkify.settings import Config
from tests.engines.commands import ROOT, run_here
from tests.support import copy_warehouse, fetch, log_file, new_warehouse, play, song, song_file, write_file

MONTH = 2_678_400_000
HARD = ['a,"b"\r\nc', "Żółw \x01", "=1+1", "\\N", "NULL", " ", "'", "\r", "\n"]


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A loaded warehouse that no test changes, with plays in two months."""
    config = new_warehouse(tmp_path_factory.mktemp("settled"))
    plays = [play(itemInSession=number, artist=artist, firstName="Ada") for number, artist in enumerate(HARD)]
    write_file(log_file(config), [*plays, play(ts=plays[0]["ts"] + MONTH)])
    write_file(song_file(config), [song()])
    sparkify.load(config)
    return config


def run(config: Config, *arguments: str | Path) -> tuple[int, str, str]:
    ran = run_here("export", *arguments, "--warehouse", config.warehouse_address)
    return ran.code, ran.out, ran.err


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---- what is said ----


def test_command_says_what_it_wrote(settled: Config, tmp_path: Path) -> None:
    code, out, err = run(settled, "out", "--tables", "users,songplays", "--tables", "songs")
    assert code == 0
    assert re.fullmatch(
        r"  songplays {12}10\n  users {17}1\n  songs {17}1\nout: 4 files, [\d.]+ kB, and manifest.json\n", out
    ), out
    assert err == ("left out, as they may name people: users.first_name, users.last_name; --with-people exports them\n")
    told = json.loads(run(settled, "out", "--tables", "days", "--json")[1])
    assert told["tables"] == {"days": 32}
    assert (told["folder"], told["manifest"], told["files"], told["removed"]) == ("out", "out/manifest.json", 1, [])
    code, out, err = run(settled, "all", "--with-people")
    assert (code, err) == (0, "")
    assert out.count("\n") == len(TABLES) + 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["out", "--tables", "song_plays"], "there is no table 'song_plays' to export; did you mean songplays?"),
        (["out", "--tables", "x"], "there is no table 'x' to export; there are songplays, user_levels, "),
        (["s3://bucket/out"], "files go into a folder of this machine, not to s3://bucket/out"),
        (["file"], "cannot make the folder file: File exists; choose another folder"),
        (["file/out"], "cannot make the folder file/out: Not a directory; choose another folder"),
        (["out", "--from", "tomorrow"], "'tomorrow' is not a day"),
        (["out", "--format", "xlsx"], "'xlsx' is not one of 'parquet', 'csv'"),
        ([""], "'' is not a folder that can be written to"),
    ],
)
def test_what_is_refused(settled: Config, tmp_path: Path, arguments: list[str], words: str) -> None:
    Path("file").touch()
    code, out, err = run(settled, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert sorted(tmp_path.iterdir()) == [tmp_path / "file"]


def test_sources_and_warehouse_are_kept(settled: Config) -> None:
    assert settled.log_data is not None
    with pytest.raises(UsageError, match="it is below the root of the events"):
        sparkify.export(settled, Path(settled.log_data, "out"))
    with pytest.raises(UsageError, match="an export does not take level; it takes from and to"):
        sparkify.ExportOptions(cut=sparkify.Cut(level="paid"))


def test_progress_names_each_file(settled: Config) -> None:
    seen: list[ExportProgress] = []
    sparkify.export(settled, "out", sparkify.ExportOptions(tables=("songplays", "time")), on_progress=seen.append)
    first = [state for number, state in enumerate(seen) if not number or state.file != seen[number - 1].file]
    assert [(state.file, state.files, state.total_files) for state in first] == [
        ("songplays/2018-11.parquet", 0, 3), ("songplays/2018-12.parquet", 1, 3), ("time.parquet", 2, 3),
    ]  # fmt: skip


def test_csv_keeps_every_text(settled: Config) -> None:
    sparkify.export(settled, "out", sparkify.ExportOptions("csv", ("songplays",)))
    with duckdb.connect() as connection:
        read = "SELECT artist_name, song_length FROM read_csv('out/songplays/*.csv', header = true, all_varchar = true)"
        rows = connection.execute(read).fetchall()
    assert sorted(rows) == sorted((artist, "218.5") for artist in [*HARD, "Muse"])


# ---- what is replaced ----


def test_second_export_replaces_the_first(settled: Config, tmp_path: Path) -> None:
    config = copy_warehouse(settled, tmp_path / "copy")
    out = tmp_path / "out"
    sparkify.export(config, out)
    first = contents(out)
    assert sparkify.export(config, out).removed == []
    # The rows of a table have no order, so the bytes may differ.
    before = contents(out)
    assert before.keys() == first.keys()
    write_file(log_file(config), [play()])
    sparkify.load(config)
    result = sparkify.export(config, out, sparkify.ExportOptions(tables=("songplays", "users")))
    assert result.removed == ["songplays/2018-12.parquet"]
    after = contents(out)
    assert after.keys() == before.keys() - {"songplays/2018-12.parquet"}
    changed = {"songplays/2018-11.parquet", "users.parquet", "manifest.json"}
    assert {file for file in after.keys() - changed if after[file] != before[file]} == set()
    sparkify.export(config, out, sparkify.ExportOptions("csv"))
    assert {file.rpartition(".")[2] for file in contents(out)} == {"csv", "json"}


def test_files_of_others_are_left_alone(settled: Config, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "songplays").mkdir(parents=True)
    others = {"users.parquet": b"PAR1 of somebody", "notes.txt": b"mine", "songplays/2018-10.parquet": b"mine"}
    for file, content in others.items():
        (out / file).write_bytes(content)
    code, _, err = run(settled, out)
    assert code == 2
    assert f"{out}/users.parquet exists already; choose another file" in err
    assert contents(out) == others
    assert run(settled, out, "--tables", "songs,songplays")[0] == 0
    assert run(settled, out, "--tables", "songs,songplays")[0] == 0
    assert contents(out).items() >= others.items()


def test_file_that_was_changed_is_left_alone(settled: Config, tmp_path: Path) -> None:
    out = tmp_path / "out"
    sparkify.export(settled, out)
    (out / "songs.parquet").write_bytes(b"mine")
    before = contents(out)
    with pytest.raises(UsageError, match=r"songs\.parquet was changed since it was exported; move it away"):
        sparkify.export(settled, out)
    assert contents(out) == before
    (out / "songs.parquet").unlink()
    sparkify.export(settled, out)
    assert (out / "songs.parquet").read_bytes() != b"mine"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{}", "it is not the manifest of an export"),
        (b'{"made_by": "sparkify 0.1.0", "tables": 1}', "Expected `array`"),
        (
            b'{"made_by": "sparkify 0.1.0", "tables": [{"name": "users", "format": "csv", "files": '
            b'[{"file": "../../users.csv"}]}]}',
            "it names '../../users.csv', which no export writes",
        ),
    ],
)
def test_manifest_of_others_is_left_alone(settled: Config, tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(UsageError, match=re.escape(words)):
        sparkify.export(settled, tmp_path)
    assert contents(tmp_path) == {"manifest.json": content}


def test_one_export_at_a_time(settled: Config, tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    with pytest.raises(LockedError, match="another export writes into"):
        sparkify.export(settled, tmp_path)
    os.close(folder)
    sparkify.export(settled, tmp_path)


@pytest.mark.slow
def test_export_that_is_killed_is_finished_by_the_next(settled: Config, tmp_path: Path) -> None:
    """The process stops itself while a file is written, and is killed."""
    out = tmp_path / "out"
    sparkify.export(settled, out)
    script = f"""
import os, signal, sys, sparkify
def stop(state):
    if state.file == "songs.parquet":
        print(flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
sparkify.export(sparkify.load_config(warehouse={settled.warehouse_address!r}), {str(out)!r}, on_progress=stop)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, timeout=60, capture_output=True)
    assert ended.returncode == -signal.SIGKILL
    assert json.loads((out / "manifest.json").read_bytes())["status"] == "unfinished"
    assert len(list(out.glob(".sparkify-*"))) == 1
    for file in (path for path in out.rglob("*.parquet")):
        assert fetch(settled, f"SELECT count(*) FROM '{file}'"), "each file is complete"
    sparkify.export(settled, out)
    assert json.loads((out / "manifest.json").read_bytes())["status"] == "complete"
    assert not list(out.glob(".sparkify-*"))


@pytest.mark.slow
def test_full_disk_is_told(settled: Config, tmp_path: Path) -> None:
    at = ["--warehouse", settled.warehouse_address]
    script = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (900, 900))
from sparkify.cli import main
main(["export", {str(tmp_path / "out")!r}, *{["--tables", "plays", "--format", "csv", *at]!r}])
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, timeout=60, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (4, "")
    assert re.fullmatch(
        r"sparkify: there is no space for a file: IO Error: .*Could not write file .*: File too large; "
        r"free some, and run the command again\n",
        ended.stderr,
    ), ended.stderr
    assert [*contents(tmp_path / "out")] == ["manifest.json"]
