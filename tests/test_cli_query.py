"""sparkify query: the options that cut an answer, its formats, and the notes for an empty answer."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import sparkify
from sparkify.formats import count_of
from sparkify.questions.catalogue import list_questions
from sparkify.questions.columns import explain_columns
from sparkify.settings import Config
from tests.engines.commands import ROOT, at, run_here
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


# ---- time zones ----


def test_days_are_those_of_the_time_zone(settled: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the clock of Kiritimati, noon is the next day."""
    zone = ["--timezone", "pacific/kiritimati"]
    ran = run_here("query", "hours", "--format", "csv", "--to", "2018-11-02", *zone, *at(settled))
    assert [line.split(",")[0] for line in ran.out.splitlines()] == ["day", "2018-11-02"]
    assert "days, weeks, months and hours are those of Pacific/Kiritimati" in ran.err
    sql = run_here("query", "heatmap", "--print-sql", "--from", "2018-11-03", *zone, *at(settled)).out
    assert "WHERE start_time >= TIMESTAMP '2018-11-02 10:00:00'" in sql
    (_, *hours) = run_here("query", "--sql", sql.strip().rstrip(";"), "--format", "csv", *at(settled)).out.splitlines()
    played = [line.split(",")[1:4] for line in hours if line.split(",")[3] != "0"]
    assert played == [["Sunday", "2", "2"], ["Saturday", "2", "1"]]
    monkeypatch.setenv("SPARKIFY_TIMEZONE", "Pacific/Kiritimati")
    assert run_here("query", "overview", "--json", *at(settled)).json()["timezone"] == "Pacific/Kiritimati"
    written = run_here("query", "hours", "-o", str(tmp_path / "hours.csv"), "--json", *at(settled)).json()
    assert written["timezone"] == "Pacific/Kiritimati"
    assert "timezone" not in run_here("query", "--sql", "SELECT 1", "--json", *at(settled)).json()


@pytest.mark.parametrize(("asked", "words"), [
    (["--sql", "SELECT 1"], "--timezone: only a prepared question takes it; give its name"),
    ([], "--timezone: only a prepared question takes it; give its name"),
])  # fmt: skip
def test_time_zone_that_has_no_effect_is_refused(settled: Config, asked: list[str], words: str) -> None:
    ran = run_here("query", *asked, "--timezone", "America/Chicago", *at(settled))
    assert ran.code == 2
    assert words in ran.err


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


# ---- one's own SQL ----


def test_sql_comes_from_a_file_with_parameters(settled: Config, tmp_path: Path) -> None:
    (tmp_path / "own.sql").write_text(
        "-- $level of '$level'\nSELECT '$level' AS text, $$ $level $$ AS quoted, count(*) AS plays, $name AS name\n"
        "FROM songplays WHERE level = $level AND start_time >= $day LIMIT $most; -- the end;\n",
        encoding="utf-8",
    )
    given = {"level": "paid", "day": "2018-11-03", "most": "5", "name": "O'Neil \\"}
    parameters = [word for name, value in given.items() for word in ("--param", f"{name}={value}")]
    ran = run_here("query", "--file", "own.sql", *parameters, *at(settled), "--json")
    assert ran.json()["rows"] == [["$level", " $level ", 2, "O'Neil \\"]]
    printed = run_here("query", "--file", "own.sql", *parameters, "--print-sql")
    assert printed.out.startswith("-- $level of '$level'\n")
    with duckdb.connect(settled.warehouse_address, read_only=True) as connection:
        assert connection.execute(printed.out).fetchall() == [("$level", " $level ", 2, "O'Neil \\")]


@pytest.mark.slow
def test_sql_comes_from_stdin(settled: Config) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "sparkify", "query", "--file", "-", *at(settled), "--format", "csv", "-q"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        input="SELECT 1 AS a;\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "a\n1\n", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--file", "nowhere.sql"], "cannot read nowhere.sql: No such file or directory"),
        (["--file", "latin.sql"], "latin.sql cannot be read: it is not UTF-8"),
        (["--file", "latin.sql", "--sql", "SELECT 1"], "--sql and --file cannot be combined"),
        (["hours", "--file", "latin.sql"], "a question and --file cannot be combined"),
        (["hours", "--param", "a=1"], "--param: only SQL takes it"),
        (["--sql", "SELECT $leval", "--param", "level=1"], "the SQL has $leval, and no value is given for it"),
        (["--sql", "SELECT $a", "--param", "a=1", "--param", "aa=1"], "the SQL has no $aa; did you mean a?"),
        (["--sql", "SELECT $a", "--param", "a"], "--param 'a': give it as NAME=VALUE"),
        (["--print-sql"], "--print-sql: there is no SQL to print"),
        (["-o", "all.csv"], "-o: there is no answer to write"),
        (["hours", "-o", "hours"], "the format of hours is not known by its ending; give --format"),
        (["hours", "-o", "latin.sql", "--format", "csv"], "latin.sql exists already"),
        (["hours", "--format", "parquet"], "parquet is not for a terminal or a pipe; give a file with -o"),
        (["--sql", "EXPLAIN SELECT 1", "-o", "plan.parquet"], "EXPLAIN has no rows to write as Parquet"),
        (["--sql", "FROM read_text('latin.sql')", "-o", "out.parquet"], "file system operations are disabled"),
    ],
)
def test_what_is_refused_of_sql(settled: Config, tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "latin.sql").write_bytes(b"SELECT '\xe9'")
    ran = run_here("query", *arguments, *at(settled))
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err.splitlines()[0]
    assert [path.name for path in tmp_path.iterdir()] == ["latin.sql"]


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("SELECT user_id,\n  nope\nFROM users", "LINE 2:   nope\n          ^^^^\n"),
        ("SELECT user_id\nFRM users", "LINE 2: FRM users\n            ^^^^^\n"),
        ("SELECT 'ä', cast(level AS INTEGER)\nFROM users", "LINE 1: SELECT 'ä', cast(level AS INTEGER)\n"),
        ("SELECT 1 AS a\nFROM songplay", "LINE 2: FROM songplay\n             ^^^^^^^^\n"),
    ],
)
def test_place_of_an_error_is_shown(settled: Config, sql: str, place: str) -> None:
    for file in ([], ["-o", "out.csv"], ["-o", "out.parquet"]):
        ran = run_here("query", "--sql", sql, *at(settled), *file)
        assert (ran.code, ran.out) == (2, "")
        told, _, where = ran.err.partition("\n")
        assert told.startswith("sparkify: the SQL cannot be r")
        assert where.startswith(place), file
    assert not Path("out.csv").exists()
    assert not Path("out.parquet").exists()


def test_pivot_and_explain_are_run(settled: Config) -> None:
    pivot = "PIVOT songplays ON level USING count(*) GROUP BY artist_name ORDER BY 1;"
    ran = run_here("query", "--sql", pivot, *at(settled), "--json")
    assert ran.json() == {
        "columns": ["artist_name", "free", "paid"],
        "rows": [['=1+"1"', 0, 1], ["Björk", 0, 1], ["Muse", 1, 1]],
    }
    assert run_here("query", "--sql", pivot, *at(settled), "-o", "pivot.parquet").err == "pivot.parquet: 3 rows\n"
    plan = run_here(
        "query", "--sql", "/* why */ EXPLAIN (FORMAT text) SELECT count(*) FROM songplays", *at(settled), "-q"
    )
    assert "\n│" in plan.out
    for sql in (
        "EXPLAIN DELETE FROM users",
        "EXPLAIN ANALYZE CREATE TEMP TABLE mine AS SELECT 1",
        "EXPLAIN EXPLAIN SELECT 1",
    ):
        ran = run_here("query", "--sql", sql, *at(settled))
        assert (ran.code, ran.out) == (2, "")


def test_printed_sql_runs_in_any_client(settled: Config) -> None:
    options = ["--level", "paid", "--from", "2018-11-02"]
    for name in ("top_artists", "hours"):
        sql = run_here("query", name, *(options), "--print-sql", "--warehouse", "redshift://nobody@nowhere/none").out
        with duckdb.connect(settled.warehouse_address, read_only=True) as connection:
            rows = connection.execute(sql).fetchall()
        told = run_here("query", name, *options, *at(settled), "--json").json()["rows"]
        assert json.loads(json.dumps(rows, default=str)) == told


# ---- help about a question ----


@pytest.mark.parametrize("name", NAMES)
def test_help_explains_every_column(settled: Config, name: str) -> None:
    columns = run_here("query", name, *at(settled), "--json").json()["columns"]
    assert list(explain_columns(name)) == columns
    assert all(explain_columns(name).values())


def test_help_about_a_question() -> None:
    ran = run_here("query", "churn", "--help")
    assert ran.code == 0
    assert "Who leaves?\n\nCancelled: users with" in ran.out
    assert "Takes --from, --to, --level, --days = 14." in ran.out
    assert "\nColumns:\n  outcome " in ran.out
    assert run_here("query", "-h", "churn").out == ran.out
    assert "Without either" in run_here("query", "--help").out
    ran = run_here("query", "chrun", "--help")
    assert (ran.code, ran.err) == (2, "sparkify: there is no question 'chrun'; did you mean churn?\n")


# ---- files ----


@pytest.mark.parametrize("form", ["csv", "json", "ndjson", "markdown"])
def test_file_holds_what_is_printed(settled: Config, form: str) -> None:
    ending = {"markdown": "md"}.get(form, form)
    ran = run_here("query", "top_artists", *at(settled), "-o", f"out.{ending}")
    assert (ran.code, ran.out, ran.err) == (0, "", f"out.{ending}: 3 rows\n")
    printed = run_here("query", "top_artists", *at(settled), "--format", form).out
    assert Path(f"out.{ending}").read_bytes().decode() == printed
    told = run_here("query", "top_artists", *at(settled), "-o", "given", "--format", form, "--json").json()
    assert told == {"file": "given", "format": form, "rows": 3, "timezone": "UTC"}
    assert Path("given").read_bytes().decode() == printed


def test_parquet_keeps_types_and_sums(settled: Config) -> None:
    sql = "SELECT sum(user_id) AS total, start_time, [1] AS list, 'x' AS \"a b\" FROM songplays GROUP BY start_time;"
    assert run_here("query", "--sql", sql, *at(settled), "-o", "own.parquet").code == 0
    with duckdb.connect() as connection:
        described = connection.execute("DESCRIBE FROM 'own.parquet'").fetchall()
        assert [tuple(row[:2]) for row in described] == [
            ("total", "BIGINT"), ("start_time", "TIMESTAMP"), ("list", "INTEGER[]"), ("a b", "VARCHAR"),
        ]  # fmt: skip
    ran = run_here("query", "--sql", "SELECT 1 AS a, 2 AS a", *at(settled), "-o", "twice.parquet")
    assert (ran.code, ran.out) == (2, "")
    assert "several columns are named a" in ran.err


@pytest.mark.parametrize(("name", "total"), [("hours", 1), ("levels", 2), ("discovery", 1)])
def test_totals_are_not_among_the_rows_that_programs_read(settled: Config, name: str, total: int) -> None:
    everything = run_here("query", name, *at(settled), "--json").json()["rows"]
    details = [row for row in everything if row[0] is not None]
    assert len(everything) - len(details) == total
    ran = run_here("query", name, *at(settled), "--format", "ndjson")
    assert [list(json.loads(line).values()) for line in ran.out.splitlines()] == details
    assert ran.err.startswith(f"left out: {count_of(total, 'row')} with totals; ")
    assert (
        run_here("query", name, *at(settled), "-o", "out.parquet").err
        == f"out.parquet: {count_of(len(details), 'row')}\n"
    )
    assert len(run_here("query", name, *at(settled)).out.splitlines()) == len(everything) + 2


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
    answer = run_here("query", "audience", *at(settled), "--json").json()
    objects = run_here("query", "audience", *at(settled), "--format", "json").json()
    assert [list(row.values()) for row in objects] == answer["rows"]
    assert all(list(row) == answer["columns"] for row in objects)
    (head, *rows) = csv.reader(run_here("query", "audience", *at(settled), "--format", "csv").out.splitlines())
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
