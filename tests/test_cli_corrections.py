"""The commands that correct and compare, and --dry-run: their options, output and exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import pytest

import sparkify
from sparkify.console import print_compact
from sparkify.loads.compact import CompactResult
from sparkify.settings import Config
from tests.engines.commands import Ran, at, run_here
from tests.support import (
    copy_warehouse,
    event,
    fetch,
    log_file,
    new_warehouse,
    play,
    read_star,
    snapshot,
    song,
    song_file,
    write_file,
)


@pytest.fixture(scope="module")
def loaded_once(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Two loads, with rejects of both datasets. No test changes it."""
    config = new_warehouse(tmp_path_factory.mktemp("loaded"))
    write_file(log_file(config, "a.json"), [play(), *(event(itemInSession=item) for item in range(9)), "no JSON"])
    write_file(song_file(config), [song(), "[]"])
    sparkify.load(config)
    write_file(log_file(config, "b.json"), [play(userId=2)])
    sparkify.load(config)
    return config


@pytest.fixture
def loaded(loaded_once: Config, tmp_path: Path) -> Config:
    """A copy for one test."""
    return copy_warehouse(loaded_once, tmp_path)


def roots(config: Config) -> list[str]:
    return [*at(config), "--log-data", str(config.log_data), "--song-data", str(config.song_data)]


# ---- undo ----


def test_undo_asks_and_does_nothing_without_a_terminal(loaded: Config) -> None:
    before = snapshot(loaded)
    ran = run_here("undo", "2", *at(loaded))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines() == [
        "load 2 would be undone: 1 record and 0 rejects",
        "pending again: 1 file, for the next load",
        "sparkify: Undo load 2? There is no terminal to ask at; give --yes to agree",
    ]
    assert snapshot(loaded) == before


def test_undo_in_text_and_json(loaded: Config) -> None:
    assert run_here("undo", "2", "--dry-run", *at(loaded)).out.startswith("load 2 would be undone: 1 record ")
    ran = run_here("undo", "2", "--yes", *at(loaded))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("load 2 is undone: 1 record and 0 rejects\n")
    told = run_here("undo", "1", "--yes", "--json", *at(loaded)).json()
    assert (told["load_id"], told["status"], told["records"]) == (1, "undone", {"loaded": 11, "rejected": 2})
    assert told["tables"]["songplays"] == 0


def test_undo_shows_which_older_content_is_gone(loaded: Config) -> None:
    path = write_file(log_file(loaded, "b.json"), [play(userId=3)])
    sparkify.load(loaded)
    shown = run_here("undo", "3", "--dry-run", *at(loaded)).out
    assert f"{path} had an older version, whose rows cannot be restored" in shown


@pytest.mark.parametrize(("load_id", "words"), [("9", "there is no load 9"), ("x", "is not a whole number")])
def test_undo_of_what_is_not_there(loaded: Config, load_id: str, words: str) -> None:
    ran = run_here("undo", load_id, "--yes", *at(loaded))
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err


# ---- compact ----


def test_compact_in_text_and_json(loaded: Config) -> None:
    would = r"would be compacted: \d\.\d MB, of which about [\d.]+ \w+ would be freed\n"
    assert re.fullmatch(would, run_here("compact", "--dry-run", *at(loaded)).out)
    ran = run_here("compact", *at(loaded))
    assert (ran.code, ran.err) == (0, "")
    done = r"compacted: \d\.\d MB before, \d\.\d MB now; DuckDB 1\.4\.0 and later open it\n"
    assert re.fullmatch(done, ran.out)
    told = run_here("compact", "--json", "--storage-version", "v1.5.0", *at(loaded)).json()
    assert told["status"] == "compacted"
    assert (told["before"]["version"], told["after"]["version"]) == ("v1.4.0", "v1.5.0")
    assert run_here("compact", "-q", *at(loaded)) == Ran(0, "", "")


def test_compact_of_what_is_not_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    print_compact(CompactResult("redshift://loader@host:5439/dev", "nothing_to_do", None))
    told = "nothing to do: redshift://loader@host:5439/dev is not a file, and frees space by itself\n"
    assert capsys.readouterr() == (told, "")


def test_compact_without_a_warehouse() -> None:
    ran = run_here("compact", "--warehouse", "missing.duckdb")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("sparkify: there is no warehouse missing.duckdb yet")


# ---- rejects and replay ----


def test_replay_in_text_and_json(loaded: Config) -> None:
    assert run_here("replay", *at(loaded)).out.splitlines() == [
        "2 rejects judged again: 0 loaded, 2 still rejected", "  rejected 1 not_json", "  rejected 1 not_object",
    ]  # fmt: skip
    assert run_here("replay", "--dry-run", *at(loaded)).out.splitlines() == [
        "2 rejects would be judged again:", "  rejected 1 not_json", "  rejected 1 not_object",
    ]  # fmt: skip
    told = run_here("replay", "--json", *at(loaded)).json()
    assert (told["status"], told["records"]) == ("replayed", {"replayed": 2, "loaded": 0, "rejected": 2})


def test_rejects_are_exported_as_they_were_read(loaded: Config, tmp_path: Path) -> None:
    file = tmp_path / "fixed.json"
    ran = run_here("rejects", "--dataset", "events", "--export", file, *at(loaded))
    assert (ran.code, ran.out, ran.err) == (0, "", f"1 rejected record in {file}\n")
    assert file.read_text(encoding="utf-8") == "no JSON\n"
    again = run_here("rejects", "--dataset", "events", "--export", file, *at(loaded))
    assert (again.code, again.err) == (2, f"sparkify: {file} exists already; choose another file\n")


def test_one_file_is_of_one_dataset(loaded: Config, tmp_path: Path) -> None:
    ran = run_here("rejects", "--export", tmp_path / "both.json", *at(loaded))
    assert (ran.code, ran.out) == (2, "")
    assert "add --dataset events or songs" in ran.err
    assert not (tmp_path / "both.json").exists()


def test_rejects_of_one_file(loaded: Config) -> None:
    told = run_here("rejects", "--json", "--file", song_file(loaded), *at(loaded)).json()
    assert [reject["reason"] for reject in told["rejects"]] == ["not_object"]


# ---- only shown ----


@pytest.mark.parametrize("verb", ["create", "load", "check"])
def test_dry_run_changes_nothing_and_makes_nothing(tmp_path: Path, verb: str) -> None:
    config = new_warehouse(tmp_path)
    write_file(log_file(config, "a.json"), [play()])
    ran = run_here(verb, "--dry-run", *(roots if verb == "load" else at)(config))
    assert ran.code == 0
    assert "would " in ran.err or "1 new" in ran.err
    assert not Path(config.warehouse_address).exists()


@pytest.mark.parametrize("arguments", [["check"], ["undo", "2", "--yes"], ["replay"], ["query", "hours"]], ids=" ".join)
def test_log_of_the_statements_sent(loaded: Config, tmp_path: Path, arguments: list[str]) -> None:
    log = tmp_path / "sent.sql"
    ran = run_here(*arguments, "--log-sql", log, *at(loaded))
    assert (ran.code, "SELECT" in ran.out) == (0, False)
    text = log.read_text(encoding="utf-8")
    # The seconds and rows are in comments, so that the file can be run as SQL.
    assert re.search(r"(?m)^-- \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n", text)
    assert re.search(r"(?m);\n-- \d+\.\d{3} s, [\d,]+ rows\n\n", text)
    assert len(duckdb.extract_statements(text)) == len(re.findall(r"(?m)^-- \d{4}-\S+ \S+ UTC$", text))
    assert ("-- touched" in text) == (arguments[0] == "undo")
    before = len(text)
    run_here("check", "--log-sql", log, *at(loaded))
    assert log.read_text(encoding="utf-8")[:before] == text


def test_log_shows_which_statement_failed(loaded: Config, tmp_path: Path) -> None:
    log = tmp_path / "sent.sql"
    ran = run_here("query", "--sql", "SELECT error('wrong')", "--log-sql", log, *at(loaded))
    assert ran.code == 2
    assert re.search(r"SELECT error\('wrong'\);\n-- failed after \d+\.\d{3} s\n", log.read_text(encoding="utf-8"))


def test_log_that_cannot_be_written(loaded: Config, tmp_path: Path) -> None:
    ran = run_here("check", "--log-sql", tmp_path, *at(loaded))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"sparkify: cannot write {tmp_path}: ")


def test_plan_shows_why_a_file_is_pending_again(loaded: Config) -> None:
    sparkify.undo(loaded, 2)
    planned = run_here("plan", "--json", *roots(loaded)).json()["plan"]
    assert [(file["state"], file["reason"]) for file in planned if file["state"] != "unchanged"] == [
        ("new", "load 2 was undone")
    ]


# ---- compare and status ----


def test_compare_shows_whether_two_stars_are_equal(loaded: Config, tmp_path: Path) -> None:
    other = loaded.at(str(tmp_path / "other.duckdb"))
    sparkify.load(other)
    assert read_star(other) == read_star(loaded)
    ran = run_here("compare", loaded.warehouse_address, other.warehouse_address)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == "equal  songplays, 2 rows"
    sparkify.undo(loaded, 2)
    # One alone is compared with that of the settings.
    ran = run_here("compare", "--json", "--warehouse", loaded.warehouse_address, other.warehouse_address)
    assert (ran.code, ran.json()["status"]) == (5, "different")
    assert "only in the second, user_id '" in run_here("compare", loaded.warehouse_address, other.warehouse_address).out
    assert ran.err == "sparkify: the two stars differ in songplays, user_levels, users\n"


def test_status_has_durations_rates_and_shares(loaded: Config) -> None:
    first, second = run_here("status", "--json", *roots(loaded)).json()["loads"]
    assert (first["rejected_share"], second["rejected_share"]) == (round(2 / 13, 6), 0)
    assert first["seconds"] > 0
    assert first["records_per_second"] > 0
    assert "checks" in first["detail"]["seconds"]
    assert json.loads(fetch(loaded, "SELECT detail FROM load_history WHERE load_id = 1")[0][0]) == first["detail"]
