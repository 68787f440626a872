"""The verbs that only read, status, rejects, check and query: what they print to which stream, and their exit codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sparkify
from sparkify.formats import count_of
from sparkify.questions.catalogue import list_questions
from sparkify.settings import Config
from tests.engines.commands import Ran, at, options, run_here
from tests.support import EVIL, event, execute, log_file, play, snapshot, write_file

# ---- status, rejects ----


def test_status(settled: Config) -> None:
    shown = run_here("status", *options(settled))
    assert (shown.code, shown.err) == (0, "")
    assert f"warehouse: {settled.warehouse_address}" in shown.out
    assert "records: 6 read = 4 loaded + 2 rejected" in shown.out
    sizes = r"[\d.]+ MB, of which sparkify compact frees about [\d.]+ \w+"
    assert re.search(rf"^file: {sizes}; DuckDB 1\.4\.0 and later open it$", shown.out, re.MULTILINE)
    assert "pending: 0 new, 0 changed, 0 moved, 2 unchanged, 0 to_reread, 0 vanished" in shown.out
    assert re.search(r"^ +1  \d{4}-\S+ \d\d:\d\d +loaded +rebuild +2 +6 +2 +[\d.]+$", shown.out, re.MULTILINE)
    # Of a log of long ago the age says nothing.
    assert re.search(r"^newest event: 2018-11-01 20:57:10\.796 UTC$", shown.out, re.MULTILINE)
    assert "pending: unknown" in run_here("status", *at(settled)).out


def test_status_as_json(loaded: Config) -> None:
    write_file(log_file(loaded, "new.json"), [event()])
    answer = run_here("status", *options(loaded), "--json")
    assert (answer.code, answer.err) == (0, "")
    found = answer.json()
    assert found["warehouse"] == loaded.warehouse_address
    assert found["file"]["version"] == "v1.4.0"
    assert found["file"]["bytes"] == Path(loaded.warehouse_address).stat().st_size > found["file"]["free_bytes"] >= 0
    assert (found["tables"]["songplays"], found["match_rate"]) == (2, {"song": 0.5, "artist": 1.0})
    assert found["pending"] == {"new": 1, "changed": 0, "moved": 0, "unchanged": 2, "to_reread": 0, "vanished": 0}
    assert [load["load_id"] for load in found["loads"]] == [1]
    assert found["newest_play"] == found["newest_event"] == "2018-11-01T20:57:10.796000"
    assert found["lag_seconds"] > 86_400


def test_rejects(settled: Config) -> None:
    counted = run_here("rejects", *at(settled))
    assert (counted.code, counted.err) == (0, "2 rejected records\n")
    assert [line.split() for line in counted.out.splitlines()] == [
        ["dataset", "reason", "records", "replayable"],
        ["-------", "------------", "-------", "----------"],
        ["events", "missing:song", "1", "1"],
        ["events", "not_json", "1", "1"],
    ]
    shown = run_here("rejects", "--list", *at(settled))
    assert (shown.code, shown.err) == (0, counted.err)
    assert shown.out.startswith(f"{counted.out}\n")
    head, rule, *rows = shown.out.removeprefix(f"{counted.out}\n").splitlines()
    assert head.split() == ["load_id", "url", "line", "reason", "raw"]
    assert set(rule) == {"-", " "}
    assert [row.split()[2:4] for row in rows] == [["4", "missing:song"], ["5", "not_json"]]
    assert rows[1].endswith("no JSON")
    assert run_here("rejects", "--list", *at(settled), "-q") == Ran(0, shown.out, "")


def test_rejects_that_cannot_be_replayed(warehouse: Config) -> None:
    write_file(log_file(warehouse), [b'\xff{"a": 1}', "no JSON", play(song=None, artist="x" * 70_000)])
    run_here("load", *options(warehouse), "-q")
    told = run_here("rejects", "--json", *at(warehouse)).json()
    assert {reject["reason"]: reject["is_replayable"] for reject in told["rejects"]} == {
        "bad_encoding": False, "not_json": True, "too_long:artist": False,
    }  # fmt: skip
    assert {reject["reason"]: reject["raw_size"] for reject in told["rejects"]}["bad_encoding"] == 9
    shown = run_here("rejects", "--list", *at(warehouse))
    assert "2 of them cannot be replayed, because not all bytes are kept" in shown.err
    assert len(max(shown.out.splitlines(), key=len)) < 1_000


@pytest.mark.parametrize("number", ["9" * 20, "0", "-1"])
def test_rejects_of_a_load_that_cannot_be(settled: Config, number: str) -> None:
    ended = run_here("rejects", *at(settled), "--load", number)
    assert (ended.code, ended.out) == (2, "")
    assert f"{number} is not in the range 1<=x<=2147483647" in ended.err


def test_rejects_by_reason_and_load(loaded: Config) -> None:
    write_file(log_file(loaded, "later.json"), [event(ts=None)])
    sparkify.load(loaded)
    cases: list[tuple[list[str], list[str]]] = [
        ([], ["missing:song", "not_json", "missing:ts"]),
        (["--reason", "missing"], ["missing:song", "missing:ts"]),
        (["--reason", "missing:ts"], ["missing:ts"]),
        (["--reason", "missing:userId"], []),
        (["--load", "1"], ["missing:song", "not_json"]),
        (["--load", "2"], ["missing:ts"]),
        (["--load", "2", "--reason", "not_json"], []),
        (["--reason", "missing", "--load", "1"], ["missing:song"]),
    ]
    for chosen, reasons in cases:
        answer = run_here("rejects", *at(loaded), *chosen, "--json")
        assert (answer.code, answer.err) == (0, "")
        assert [reject["reason"] for reject in answer.json()["rejects"]] == reasons
        # A filter that names few shows them.
        shown = run_here("rejects", *at(loaded), *chosen)
        assert (shown.code, shown.err) == (0, f"{count_of(len(reasons), 'rejected record')}\n")
        assert len(shown.out.splitlines()) == (len(reasons) + 2 + (len(reasons) + 3 if chosen else 0) if reasons else 0)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (["--reason", "missing_song"], "there is no reason 'missing_song'; did you mean missing:song?"),
        (["--reason", "miss"], "there is no reason 'miss'; did you mean missing?"),
        (["--reason", "xxxx"], "there is no reason 'xxxx'; the warehouse has missing:song, not_json"),
        (["--load", "3"], "there is no load 3; the last is 1"),
        (["--file", "elsewhere/events.json"], "no file elsewhere/events.json was loaded; did you mean /"),
        (["--file", "nothing"], "no file nothing was loaded; give the whole path or URL"),
    ],
)
def test_rejects_of_what_is_unknown(settled: Config, chosen: list[str], words: str) -> None:
    ended = run_here("rejects", *at(settled), *chosen)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err


def test_rejects_keep_the_raw_text_in_json(warehouse: Config) -> None:
    line = f"Żółw {EVIL.replace(chr(10), '')}"
    write_file(log_file(warehouse), [line, "{}"])
    run_here("load", *options(warehouse), "-q")
    kept = line.replace("\0", "\\x00")
    assert run_here("rejects", *at(warehouse), "--json").json()["rejects"][0]["raw"] == kept


# ---- check ----


def test_check(settled: Config) -> None:
    shown = run_here("check", *at(settled))
    assert (shown.code, shown.err) == (0, "")
    assert "ok    songplays.songplay_is_unique" in shown.out.splitlines()
    assert re.search(r"^\d+ checks: \d+ ok, 0 failed, \d+ warnings?$", shown.out, re.MULTILINE)
    assert run_here("check", *at(settled), "-q") == Ran(0, "", "")
    answer = run_here("check", *at(settled), "--json")
    assert (answer.code, answer.json()["status"]) == (0, "passed")


def test_check_of_a_broken_star(loaded: Config) -> None:
    execute(loaded, "DELETE FROM time")
    shown = run_here("check", *at(loaded))
    assert shown.code == 5
    assert re.search(r"^fail  time\.moments_are_those_of_plays$", shown.out, re.MULTILINE)
    assert re.fullmatch(r"sparkify: \d checks? failed: .*time\.moments_are_those_of_plays.*\n", shown.err)
    quiet = run_here("check", *at(loaded), "-q")
    assert (quiet.code, quiet.out, quiet.err) == (5, "", shown.err)
    answer = run_here("check", *at(loaded), "--json")
    assert answer.code == 5
    found = answer.json()
    assert found["status"] == "failed"
    broken = [check for check in found["checks"] if check["check"]["name"] == "moments_are_those_of_plays"]
    assert [check["rows"] for check in broken] == [1]


# ---- query ----


def test_query_lists_the_questions(warehouse: Config) -> None:
    shown = run_here("query")
    assert (shown.code, shown.err) == (
        0, "each takes --from and --to, too; sparkify query NAME --help explains one\n"
    )  # fmt: skip
    assert all({"from", "to"} <= {one.name for one in question.parameters} for question in list_questions())
    assert max(map(len, shown.out.splitlines())) <= 80
    assert {"audience", "top_songs", "health"} <= {line.split()[0] for line in shown.out.splitlines()}
    answer = run_here("query", "--json").json()
    assert answer["columns"] == ["name", "question", "parameters"]


def test_query_by_name(settled: Config) -> None:
    shown = run_here("query", "top_artists", *at(settled))
    assert (shown.code, shown.err) == (0, "1 row\n")
    assert "Muse" in shown.out
    answer = run_here("query", "top_artists", *at(settled), "--json")
    assert (answer.code, answer.err) == (0, "")
    found = answer.json()
    assert dict(zip(found["columns"], found["rows"][0], strict=True))["artist_name"] == "Muse"


def test_query_by_sql(settled: Config) -> None:
    sql = "SELECT user_id, level, 1.5 AS share, NULL AS nothing FROM users ORDER BY user_id"
    shown = run_here("query", *at(settled), "--sql", sql)
    assert (shown.code, shown.err) == (0, "3 rows\n")
    assert shown.out.splitlines() == [
        "user_id  level  share  nothing",
        "-------  -----  -----  -------",
        "      1  free   1.5",
        "      2  free   1.5",
        "      3         1.5",
    ]
    assert run_here("query", *at(settled), "--sql", sql, "-q") == Ran(0, shown.out, "")


def test_query_without_rows(settled: Config) -> None:
    shown = run_here("query", *at(settled), "--sql", "SELECT user_id FROM users WHERE FALSE")
    assert shown == Ran(0, "user_id\n-------\n", "0 rows\n")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("TIMESTAMP '2018-11-01 20:57:10.796'", "2018-11-01T20:57:10.796000"),
        ("DATE '2018-11-01'", "2018-11-01"),
        ("'Żółw'", "Żółw"),
        ("NULL", None),
        ("[1, 2]", [1, 2]),
        ("{'a': 1}", {"a": 1}),
        ("2::DECIMAL(5, 2)", "2.00"),
        ("chr(0)", "\0"),
        ("MAP {DATE '2018-11-01': 1}", {"2018-11-01": 1}),
        # JSON has no such numbers; a strict reader would refuse the whole answer.
        ("'NaN'::DOUBLE", None),
        ("'Infinity'::DOUBLE", None),
    ],
)
def test_query_as_json(settled: Config, expression: str, value: object) -> None:
    answer = run_here("query", *at(settled), "--json", "--sql", f"SELECT {expression} AS x")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json() == {"columns": ["x"], "rows": [[value]]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["top_artist"], "there is no question 'top_artist'; did you mean top_artists?"),
        (["TOP_SONG"], "did you mean top_songs?"),
        (["xyz"], "the questions are overview, audience, "),
        (["audience", "--sql", "SELECT 1"], "cannot be combined"),
        (["--sql", "DELETE FROM users"], "only a SELECT, or EXPLAIN of one, is allowed"),
        (["--sql", "SELECT 1; SELECT 2"], "2 statements"),
        (["--sql", ""], "0 statements"),
        (["--sql", "SELEKT 1"], "cannot be read"),
        (["--sql", "SELECT nothing FROM users"], "cannot be run"),
    ],
)
def test_query_that_is_refused(settled: Config, arguments: list[str], words: str) -> None:
    before = snapshot(settled)
    for form in ([], ["--json"]):
        ended = run_here("query", *at(settled), *arguments, *form)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith("sparkify: ")
        told, *place = ended.err.splitlines()
        assert words in told
        assert not place or place[0].startswith("LINE 1: ")
    assert snapshot(settled) == before
