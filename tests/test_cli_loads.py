"""plan and load: what they print to which stream, their exit codes, and what stops a load."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest
from msgspec import structs

import sparkify
from sparkify.formats import format_bytes
from sparkify.settings import Config
from sparkify.simulator import SimulateOptions, simulate
from sparkify.star.tables import STAR, TABLES
from tests.engines.commands import (
    COMMAND,
    Ran,
    assert_harmless,
    at,
    environment,
    options,
    run_command,
    run_here,
    terminal,
)
from tests.support import (
    EVIL,
    execute,
    failing_checks,
    fetch,
    log_file,
    new_warehouse,
    play,
    song_file,
    strip_progress,
    truncated_gzip,
    write_file,
)

# ---- plan ----


def test_plan(delivered: Config) -> None:
    planned = run_here("plan", "--files", *options(delivered))
    assert planned.code == 0
    assert re.search(r"^events +new +1 +[\d,]+$", planned.out, re.MULTILINE)
    assert re.search(r"^new +events +[\d,]+ +\S+events\.json +not loaded yet$", planned.out, re.MULTILINE)
    size = log_file(delivered).stat().st_size + song_file(delivered).stat().st_size
    assert (
        planned.err
        == f"2 new, 0 changed, 0 moved, 0 unchanged, 0 to_reread, 0 vanished; {format_bytes(size)} to load\n"
    )
    assert not Path(delivered.warehouse_address).exists()
    assert run_here("plan", "--files", *options(delivered), "-q") == Ran(0, planned.out, "")
    summary = run_here("plan", *options(delivered), "-q").out
    assert planned.out.startswith(f"{summary}\n")
    assert "events.json" not in summary


def test_plan_as_json(loaded: Config) -> None:
    write_file(log_file(loaded), [play()])
    song_file(loaded).unlink()
    answer = run_here("plan", *options(loaded), "--json")
    assert (answer.code, answer.err) == (0, "")
    found = answer.json()
    assert found["files"] == {"new": 0, "changed": 1, "moved": 0, "unchanged": 0, "to_reread": 0, "vanished": 1}
    assert [(file["dataset"], file["state"], file["url"]) for file in found["plan"]] == [
        ("events", "changed", str(log_file(loaded))), ("songs", "vanished", str(song_file(loaded))),
    ]  # fmt: skip


def test_what_is_left_out_is_told(delivered: Config) -> None:
    others = [log_file(delivered).with_name(name) for name in ("a.csv", ".hidden", "b.csv")]
    for other in others:
        other.write_text("x", encoding="utf-8")
    left_out = {"count": 3, "kinds": {".csv": 2, "hidden": 1}, "examples": sorted(map(str, others))}
    assert run_here("plan", "--json", *options(delivered)).json()["left_out"] == left_out
    assert "3 left out (2 .csv, 1 hidden): " in run_here("plan", *options(delivered)).err
    loaded = run_here("load", "--json", *options(delivered)).json()
    assert loaded["left_out"] == left_out
    assert any("3 left out" in warning for warning in loaded["warnings"])
    assert "3 left out" in run_here("doctor", *options(delivered)).out


# ---- load ----


def test_load(delivered: Config) -> None:
    done = run_command("load", *options(delivered))
    assert done.code == 0
    assert re.fullmatch(r"warning: NULL in every play \(2\): .+\n", done.err)
    lines = done.out.splitlines()
    assert lines[0] == "loaded: 2 new"
    assert re.match(r"load 1: 6 records read = 4 loaded \+ 2 rejected, in \d+\.\d\d s$", lines[1])
    assert "  rejected 1 missing:song" in lines
    assert re.search(r"^  songplays +2$", done.out, re.MULTILINE)
    lines = [line for line in lines if not line.startswith("judged by SQL")]
    assert lines[-2] == "match rate: 50% of plays have a song of the catalogue, 100% an artist"
    # A third of the records is rejected, but the exit code is 0.
    assert lines[-1].startswith("warning from check rejected_records.rejected_share_is_small: ")


def test_load_again(settled: Config) -> None:
    again = run_here("load", *options(settled))
    assert (again.code, again.err) == (0, "")
    assert again.out.startswith("nothing to do: 2 unchanged\n")


def test_load_as_json(delivered: Config) -> None:
    answer = run_command("load", *options(delivered), "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.count("\n") == 1
    found = answer.json()
    assert 0 < found.pop("seconds") < 60
    expected = {
        "load_id": 1,
        "status": "loaded",
        "files": {"new": 2, "changed": 0, "moved": 0, "unchanged": 0, "to_reread": 0, "vanished": 0, "failed": 0},
        "records": {"read": 6, "loaded": 4, "rejected": 2, "repaired": 0},
        "reasons": {"missing:song": 1, "not_json": 1},
        "match_rate": {"song": 0.5, "artist": 1.0},
    }
    assert {name: found[name] for name in expected} == expected
    assert list(found["tables"]) == list(TABLES)
    assert (found["tables"]["staging_events"], found["tables"]["users"], found["tables"]["rejected_records"]) == (
        3,
        3,
        2,
    )


def test_load_of_nothing_as_json(settled: Config) -> None:
    answer = run_here("load", *options(settled), "--json")
    found = answer.json()
    assert (answer.code, answer.err, found["status"], found["load_id"]) == (0, "", "nothing_to_do", None)
    assert found["records"] == {"read": 0, "loaded": 0, "rejected": 0, "repaired": 0}


def test_quiet_load_is_silent(delivered: Config) -> None:
    assert run_here("load", *options(delivered), "-q") == Ran(0, "", "")
    assert fetch(delivered, "SELECT count(*) FROM songplays") == [(2,)]


def test_load_warns_of_a_folder_without_data(delivered: Config) -> None:
    song_file(delivered).unlink()
    warning = (
        f"there is no data file below {delivered.song_data}: data are files whose names end in .json, .jsonl or "
        ".ndjson, also with .gz, .zst, .bz2 or .xz after it; the folder is empty"
    )
    done = run_here("load", *options(delivered))
    assert done.code == 0
    assert f"warning: {warning}" in done.err.splitlines()
    again = run_here("load", *options(delivered))
    assert (again.code, again.err) == (0, f"warning: {warning}\n")
    assert run_here("load", *options(delivered), "-q") == Ran(0, "", "")
    answer = run_here("load", *options(delivered), "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json()["warnings"] == [warning]


def test_dry_run_of_a_load_that_reads_again(delivered: Config) -> None:
    run_here("load", *options(delivered), "-q")
    execute(delivered, "UPDATE load_files SET rules = 'another'")
    for more, state in ([], "to_reread"), (["--reread"], "changed"):
        shown = run_here("load", "--dry-run", *more, *options(delivered))
        assert re.search(rf"^{state} +events ", shown.out, re.MULTILINE)


def test_load_names_unknown_keys(delivered: Config) -> None:
    write_file(log_file(delivered), [play(device="phone"), play(userId=2, **{EVIL: 1})])
    done = run_here("load", *options(delivered))
    (named,) = [line for line in done.err.splitlines() if line.startswith("warning: 2 unknown keys in the log data")]
    assert "device" in named
    assert "ev" in named
    assert_harmless(done.err)


@pytest.mark.parametrize("limit", ["1", "33%"])
def test_load_of_too_many_rejects(delivered: Config, limit: str) -> None:
    ended = run_here("load", *options(delivered), "--max-rejects", limit, "--json")
    assert (ended.code, ended.out) == (5, "")
    assert re.match(r"sparkify: 2 of 6 records were rejected .*missing:song 1.*\n$", ended.err)
    assert run_here("load", *options(delivered), "--max-rejects", "2", "-q").code == 0


def test_load_without_sources() -> None:
    ended = run_here("load")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("sparkify: no source is set; give --log-data, --song-data or both")
    assert list(Path().iterdir()) == []


def test_load_from_a_missing_root(delivered: Config) -> None:
    ended = run_here("load", *at(delivered), "--log-data", "no/such/folder")
    assert (ended.code, ended.out) == (3, "")
    assert "no/such/folder" in ended.err
    assert not Path(delivered.warehouse_address).exists()


@pytest.mark.parametrize("form", [[], ["-q"], ["--json"]])
def test_load_of_a_broken_file(delivered: Config, form: list[str]) -> None:
    broken = log_file(delivered, "broken.json.gz")
    broken.write_bytes(truncated_gzip([play(userId=9)]))
    ended = run_here("load", *options(delivered), *form)
    assert ended.code == 3
    *warnings, error = ended.err.splitlines()
    assert error.startswith(f"sparkify: cannot read {broken}: ")
    assert "it stays pending" in error
    assert all(line.startswith("warning: ") for line in warnings)
    assert not warnings or not form
    assert fetch(delivered, "SELECT count(*) FROM songplays") == [(2,)]
    assert fetch(delivered, "SELECT count(*) FROM users WHERE user_id = 9") == [(0,)]
    if form == ["--json"]:
        found = ended.json()
        assert (found["status"], found["files"]["failed"], found["records"]["loaded"]) == ("partial", 1, 4)
    elif not form:
        assert ended.out.startswith("partial: ")
    write_file(broken, [play(userId=9)])
    assert run_here("load", *options(delivered), "-q").code == 0
    assert fetch(delivered, "SELECT count(*) FROM users WHERE user_id = 9") == [(1,)]


@pytest.mark.slow
def test_progress_on_a_terminal_leaves_stdout_alone(corpus: Config, tmp_path: Path) -> None:
    with terminal() as (_, theirs, written):
        ended = subprocess.run(
            [*COMMAND, "load", *options(corpus.at(str(tmp_path / "w.duckdb")))],
            env=environment(TERM="xterm"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs,
            encoding="utf-8", timeout=120,
        )  # fmt: skip
    assert ended.returncode == 0
    assert ended.stdout.startswith("loaded: ")
    assert_harmless(ended.stdout)
    assert b"Traceback" not in b"".join(written)
    assert b"Warning" not in b"".join(written)


# ---- warehouses that cannot be used ----


def test_warehouse_in_a_missing_folder(delivered: Config) -> None:
    ended = run_here("load", *options(delivered.at("missing/w.duckdb")))
    assert (ended.code, ended.out) == (2, "")
    assert "there is no folder missing" in ended.err


def test_warehouse_that_is_not_database(delivered: Config) -> None:
    text = Path("notes.txt")
    text.write_text("not a database\n" * 1_000, encoding="utf-8")
    for verb in ("load", "status", "create"):
        ended = run_here(verb, *(options if verb != "create" else at)(delivered.at(str(text))))
        assert (ended.code, ended.out) == (4, "")
        assert "notes.txt is not a DuckDB database" in ended.err
    assert text.read_text(encoding="utf-8") == "not a database\n" * 1_000


@pytest.mark.parametrize("verb", ["status", "rejects", "check", "query"])
def test_reading_verbs_without_a_warehouse(warehouse: Config, verb: str) -> None:
    ended = run_here(verb, *(["audience"] if verb == "query" else []), *at(warehouse))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"sparkify: there is no warehouse {warehouse.warehouse_address} yet")
    assert not Path(warehouse.warehouse_address).exists()


@pytest.mark.parametrize("verb", ["status", "rejects", "check", "query"])
def test_reading_verbs_of_a_warehouse_without_tables(delivered: Config, verb: str) -> None:
    # The state after a first load that failed.
    duckdb.connect(delivered.warehouse_address).close()
    ended = run_here(verb, *(["audience"] if verb == "query" else []), *at(delivered))
    assert (ended.code, ended.out) == (2, "")
    assert "run sparkify load" in ended.err
    assert run_here("plan", *options(delivered), "--json").json()["files"]["new"] == 2


_HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
connection.close()
"""


@pytest.mark.slow
def test_warehouse_held_by_another_process(loaded: Config) -> None:
    command = [sys.executable, "-c", _HOLDER, loaded.warehouse_address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "held\n"
            for arguments in (["load", *options(loaded)], ["status", *at(loaded)], ["load", *options(loaded), "-q"]):
                ended = run_command(*arguments)
                assert (ended.code, ended.out) == (4, "")
                assert f"is in use by process {holder.pid};" in ended.err
        finally:
            holder.stdin.close()
            holder.wait(timeout=30)
    assert run_here("load", *options(loaded), "-q").code == 0


# ---- interruptions ----


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Enough data for a signal to arrive during the load; the warehouse is that of an undisturbed load."""
    folder = tmp_path_factory.mktemp("corpus")
    simulate(folder, SimulateOptions(events=30_000, songs=100, days=3, dirty=0.001))
    return new_warehouse(folder)


@pytest.fixture(scope="module")
def left_alone(corpus: Config) -> Config:
    """The warehouse of an undisturbed load."""
    sparkify.load(corpus)
    return corpus


def differing_rows(one: Config, other: Config) -> dict[str, int]:
    """Rows of each table of the star that only one of two warehouses has; empty if they are equal."""
    connection = duckdb.connect()
    try:
        for name, config in (("one", one), ("other", other)):
            connection.execute(f"ATTACH '{config.warehouse_address}' AS {name} (READ_ONLY)")
        found = {}
        for table in STAR:
            first, second = f'SELECT * FROM one."{table}"', f'SELECT * FROM other."{table}"'
            sql = f"SELECT count(*) FROM (({first} EXCEPT ALL {second}) UNION ALL ({second} EXCEPT ALL {first}))"
            found[table] = connection.execute(sql).fetchall()[0][0]
    finally:
        connection.close()
    return {table: rows for table, rows in found.items() if rows}


def send_at(config: Config, statement: str, number: signal.Signals) -> Ran:
    """Send a signal to a load when it sends a statement. The load cannot go on, because its log is not read further."""
    ours, theirs = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, 4096)
    with os.fdopen(ours, "rb", buffering=0) as log, subprocess.Popen(
        [*COMMAND, "load", *options(config), "--log-sql", f"/dev/fd/{theirs}"], pass_fds=[theirs],
        env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        sent = b""
        while statement.encode() not in sent:
            block = log.read(256)
            assert block, "the load ended before"
            sent += block
        process.send_signal(number)
        rest = threading.Thread(target=log.read)
        rest.start()
        out, err = process.communicate(timeout=60)
        rest.join()
    return Ran(process.returncode, out, strip_progress(err))


def elsewhere(config: Config, folder: Path) -> Config:
    """The same sources, and a warehouse that does not exist yet."""
    return structs.replace(config, warehouse=str(folder / "interrupted.duckdb"))


# While opening, staging, computing the star and checking: different code waits for the signal each time.
MOMENTS = [
    "CREATE TABLE IF NOT EXISTS staging_events",
    "INSERT INTO normalized_texts",
    "INSERT INTO songplays",
    "AS broken",
]


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c(left_alone: Config, tmp_path: Path, moment: str) -> None:
    config = elsewhere(left_alone, tmp_path)
    ran = send_at(config, moment, signal.SIGINT)
    # A line is begun before it only where the interruption is not lost on its way.
    assert (ran.code, ran.out, ran.err.strip()) == (130, "", "interrupted")
    assert sparkify.load(config).status == "loaded"
    assert differing_rows(config, left_alone) == {}


@pytest.mark.slow
def test_kill(left_alone: Config, tmp_path: Path) -> None:
    config = elsewhere(left_alone, tmp_path)
    assert send_at(config, "INSERT INTO songplays", signal.SIGKILL).code == -signal.SIGKILL
    assert sparkify.load(config).status == "loaded"
    assert differing_rows(config, left_alone) == {}
    assert failing_checks(config) == []
    # The killed load is in the history.
    assert fetch(config, "SELECT status FROM load_history ORDER BY load_id") == [("interrupted",), ("loaded",)]


@pytest.mark.slow
def test_two_loads_at_once(left_alone: Config, tmp_path: Path) -> None:
    config = elsewhere(left_alone, tmp_path)
    command = [*COMMAND, "load", *options(config), "-q"]
    processes = [subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    codes = sorted(process.returncode for process in processes)
    # The second load fails because of the first, or finds nothing left to do.
    assert codes in ([0, 4], [0, 0])
    assert codes == [0, 0] or any("is in use by process" in error for error in errors)
    assert differing_rows(config, left_alone) == {}
    assert fetch(config, "SELECT count(*) FROM load_history") == [(1,)]
