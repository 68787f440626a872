"""sparkify query: the options that cut an answer, its formats, and the notes for an empty answer."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sparkify
from sparkify.formats import count_of
from sparkify.questions.catalogue import list_questions
from sparkify.settings import Config
from tests.engines.commands import ROOT, run_here
from tests.support import event, log_file, new_warehouse, play, song_file, write_file

DAY = 86_400_000
NOON = 1_541_073_600_000  # 2018-11-01, 12:00 UTC
NAMES = [question.name for question in list_questions()]


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A loaded warehouse that no test changes: three days, both levels."""
    config = new_warehouse(tmp_path_factory.mktemp("settled"))
    listened = [(0, "free", "Muse"), (1, "paid", "Muse"), (2, "paid", "Björk"), (2, "paid", '=1+"1"')]
    plays = [
        play(ts=NOON + DAY * day, userId=day, level=level, artist=artist, itemInSession=item)
        for item, (day, level, artist) in enumerate(listened)
    ]
    write_file(log_file(config), plays)
    sparkify.load(config)
    return config


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Config:
    config = new_warehouse(tmp_path_factory.mktemp("empty"))
    sparkify.create(config)
    return config


def at(config: Config) -> list[str]:
    return ["--warehouse", config.warehouse_address]


# ---- cuts ----


def test_list_says_what_questions_take() -> None:
    rows = {row[0]: row[1:] for row in run_here("query", "--json").json()["rows"]}
    assert rows["top_songs"] == ["Which songs win?", "from, to, level, top = 20"]
    assert "churn" in run_here("query").out
    listed = list(csv.DictReader(run_here("query", "--format", "csv").out.splitlines()))
    assert [row["name"] for row in listed] == NAMES
    assert {row["parameters"] for row in listed if row["name"] == "funnel"} == {"from, to"}


@pytest.mark.parametrize(
    ("options", "artists"),
    [
        ([], {"Muse": 2, "Björk": 1, '=1+"1"': 1}),
        (["--from", "2018-11-02"], {"Muse": 1, "Björk": 1, '=1+"1"': 1}),
        (["--to", "2018-11-02"], {"Muse": 2}),
        (["--from", "2018-11-02", "--to", "2018-11-02"], {"Muse": 1}),
        (["--level", "free"], {"Muse": 1}),
        (["--top", "1"], {"Muse": 2}),
        (["--level", "paid", "--from", "2018-11-03"], {"Björk": 1, '=1+"1"': 1}),
    ],
)
def test_options_cut_the_answer(settled: Config, options: list[str], artists: dict[str, int]) -> None:
    ran = run_here("query", "top_artists", *options, *at(settled), "--format", "json")
    assert (ran.code, ran.err) == (0, f"{count_of(len(artists), 'row')}\n")
    assert {row["artist_name"]: row["plays"] for row in ran.json()} == artists


def test_days_of_silence(settled: Config) -> None:
    for days, silent in ((1, 2), (2, 1), (14, 0)):
        rows = run_here("query", "churn", "--days", str(days), *at(settled), "--format", "json").json()
        found = {row["outcome"]: row for row in rows}
        assert (found["silent"]["users"], found["silent"]["silent_days"]) == (silent, days)
    assert run_here("query", "churn", *at(settled)).out == run_here("query", "churn", "--days", "14", *at(settled)).out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["funnel", "--level", "paid"], "funnel does not take level; it takes from and to"),
        (["audience", "--top", "3", "--days", "2"], "audience does not take top and days; it takes from, to and level"),
        (["audience", "--from", "2018-11-31"], "'2018-11-31' is not a day; write one as 2018-11-30"),
        (["audience", "--to", "tomorrow"], "'tomorrow' is not a day"),
        (["audience", "--from", ""], "'' is not a day"),
        (["audience", "--from", "2018-11-02", "--to", "2018-11-01"], "from 2018-11-02 is after to 2018-11-01"),
        (["top_songs", "--top", "0"], "top cannot be 0; give a number from 1"),
        (["churn", "--days", "-3"], "days cannot be -3; give a number from 1"),
        (["--sql", "SELECT 1", "--top", "3"], "--top: only a prepared question takes it"),
        (["--level", "free"], "--level: only a prepared question takes it"),
        (["audience", "--json", "--format", "json"], "--json and --format cannot be combined"),
    ],
)
def test_what_is_refused(settled: Config, arguments: list[str], words: str) -> None:
    ran = run_here("query", *arguments, *at(settled))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("sparkify: ")
    assert words in ran.err
    assert ran.err.count("\n") == 1


# ---- nothing to tell ----


@pytest.mark.parametrize("name", NAMES)
def test_empty_warehouse_is_said_to_be(empty: Config, name: str) -> None:
    ran = run_here("query", name, *at(empty))
    assert ran.code == 0
    first, rows = ran.err.splitlines()
    assert first == f"the warehouse {empty.warehouse_address} holds no events yet; run sparkify load --log-data ROOT"
    assert re.fullmatch(r"1 row|\d+ rows", rows)
    assert ran.out
    quiet = run_here("query", name, *at(empty), "-q")
    assert (quiet.out, quiet.err) == (ran.out, "")


def test_cut_without_events_is_said_to_be(settled: Config) -> None:
    ran = run_here("query", "heatmap", "--from", "2018-11-04", "--level", "paid", *at(settled), "--json")
    assert ran.json()["rows"] == []
    assert ran.err == (
        "no event matches from 2018-11-04, level paid; the log has events from 2018-11-01 to 2018-11-03\n"
    )
    assert "no event" in run_here("query", "heatmap", "--level", "free", "--from", "2018-11-02", *at(settled)).err
    assert "no event" not in run_here("query", "heatmap", "--from", "2018-11-03", *at(settled)).err


def test_warehouse_of_songs_alone_holds_no_events(warehouse: Config) -> None:
    write_file(song_file(warehouse), [])
    write_file(log_file(warehouse), [event(ts="late")])
    sparkify.load(warehouse)
    ran = run_here("query", "audience", "--format", "ndjson", *at(warehouse))
    assert (ran.code, ran.out) == (0, "")
    assert "holds no events yet" in ran.err


# ---- formats ----

VALUES = (
    "SELECT 'a,\"b\"' AS \"x,y\", NULL AS nothing, DATE '2018-11-01' AS day, "
    "TIMESTAMP '2018-11-01 20:57:10.796' AS moment, true AS yes, 0.1::DOUBLE AS share, 'two\nlines' AS text, "
    "2::DECIMAL(5, 2) AS amount, [1, 2] AS list, '=1+1' AS formula, 'Żółw' AS name, 'NaN'::DOUBLE AS none"
)


def test_csv(settled: Config) -> None:
    ran = run_here("query", "--sql", VALUES, *at(settled), "--format", "csv", "-q")
    assert (ran.code, ran.err) == (0, "")
    assert (
        ran.out.encode()
        == (
            '"x,y",nothing,day,moment,yes,share,text,amount,list,formula,name,none\r\n'
            '"a,""b""",,2018-11-01,2018-11-01T20:57:10.796000,true,0.1,"two\nlines",2.00,"[1, 2]",=1+1,Żółw,\r\n'
        ).encode()
    )


def test_json_and_ndjson(settled: Config) -> None:
    expected = {
        "x,y": 'a,"b"', "nothing": None, "day": "2018-11-01", "moment": "2018-11-01T20:57:10.796000", "yes": True,
        "share": 0.1, "text": "two\nlines", "amount": "2.00", "list": [1, 2], "formula": "=1+1", "name": "Żółw",
        "none": None,
    }  # fmt: skip
    twice = f"{VALUES} UNION ALL {VALUES}"
    ran = run_here("query", "--sql", twice, *at(settled), "--format", "json", "-q")
    assert ran.json() == [expected, expected]
    lines = run_here("query", "--sql", twice, *at(settled), "--format", "ndjson", "-q").out.splitlines()
    assert [json.loads(line) for line in lines] == [expected, expected]


@pytest.mark.parametrize(("form", "out"), [("csv", "a\r\n"), ("json", "[]\n"), ("ndjson", "")])
def test_formats_of_no_rows(settled: Config, form: str, out: str) -> None:
    ran = run_here("query", "--sql", "SELECT 1 AS a WHERE false", *at(settled), "--format", form)
    assert (ran.code, ran.out, ran.err) == (0, out, "0 rows\n")


def test_table_is_the_default(settled: Config) -> None:
    shown = run_here("query", "hours", *at(settled))
    assert run_here("query", "hours", *at(settled), "--format", "table") == shown
    assert shown.out.startswith("day ")


def test_table_is_aligned_as_a_terminal_shows_it(settled: Config) -> None:
    values = "(VALUES ('東京', 1), ('Żółw', 20), ('e' || chr(769), 3))"
    ran = run_here("query", "--sql", f"SELECT * FROM {values} AS songs (name, n)", *at(settled), "-q")
    assert ran.out.splitlines() == ["name   n", "----  --", "東京   1", "Żółw  20", "e\u0301      3"]


def test_formats_show_the_same(settled: Config) -> None:
    answer = run_here("query", "hours", *at(settled), "--json").json()
    objects = run_here("query", "hours", *at(settled), "--format", "json").json()
    assert [list(row.values()) for row in objects] == answer["rows"]
    assert all(list(row) == answer["columns"] for row in objects)
    (head, *rows) = csv.reader(run_here("query", "hours", *at(settled), "--format", "csv").out.splitlines())
    assert head == answer["columns"]
    assert rows == [["" if value is None else str(value) for value in row] for row in answer["rows"]]


def test_columns_of_one_name_make_no_object(settled: Config) -> None:
    for form in ("json", "ndjson"):
        ran = run_here("query", "--sql", "SELECT 1 AS a, 2 AS a", *at(settled), "--format", form)
        assert (ran.code, ran.out) == (2, "")
        assert "several columns are named a" in ran.err
    assert (
        run_here("query", "--sql", "SELECT 1 AS a, 2 AS a", *at(settled), "--format", "csv", "-q").out
        == "a,a\r\n1,2\r\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "json", "ndjson"])
def test_formats_are_utf_8_whatever_the_terminal(settled: Config, tmp_path: Path, form: str) -> None:
    with (tmp_path / "out").open("wb") as out:
        run_to(out.fileno(), "query", "top_artists", *at(settled), "--format", form, PYTHONIOENCODING="ascii")
    assert "Björk" in (tmp_path / "out").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "json", "ndjson"])
def test_reader_that_goes_is_not_an_error(settled: Config, form: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    sql = "SELECT range FROM range(50_000)"
    try:
        run_to(writing, "query", "--sql", sql, *at(settled), "--format", form)
    finally:
        os.close(writing)


def run_to(stdout: int, *arguments: str, **variables: str) -> None:
    """Run the command as its own process that writes to a descriptor; it must succeed without messages."""
    ended = subprocess.run(
        [sys.executable, "-m", "sparkify", *arguments, "-q"],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
