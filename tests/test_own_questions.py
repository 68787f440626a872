"""Questions of a user's own: what a file may say, what a mistake in one is answered with, and what the page shows."""

import datetime as dt
import json
import re
from pathlib import Path

import pytest

import sparkify
from sparkify.errors import UsageError
from sparkify.questions.answers import OwnAnswer, answer_all, answer_own
from sparkify.questions.clock import find_clock
from sparkify.questions.cut import WHOLE_LOG, Cut
from sparkify.questions.own import read_questions
from sparkify.report.drawing import Drawing
from sparkify.report.page import render_page
from sparkify.settings import Config
from sparkify.star.version import open_to_read
from tests.engines.commands import run_here
from tests.hostile_values import NAMES
from tests.support import TS, log_file, new_warehouse, play, write_file

DAY = 86_400_000
DOCS = Path(__file__).parent.parent / "docs"
HEAD = "-- What is it?\n-- It is that.\n"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Three days, of 3, 2 and 1 plays; the last day's is paid."""
    config = new_warehouse(tmp_path_factory.mktemp("own"))
    days = [(0, "free"), (0, "free"), (0, "paid"), (1, "free"), (1, "free"), (2, "paid")]
    plays = [play(ts=TS + DAY * day, level=level, itemInSession=item) for item, (day, level) in enumerate(days)]
    write_file(log_file(config), plays)
    sparkify.load(config)
    return config


def ask(config: Config, folder: Path, cut: Cut = WHOLE_LOG, **files: str) -> dict[str, OwnAnswer]:
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    with open_to_read(config) as warehouse:
        return {one.question.name: answer_own(warehouse, one, cut) for one in read_questions(folder)}


def rows_of(one: OwnAnswer) -> list[tuple[object, ...]]:
    assert one.answer is not None, one.mistake
    return one.answer.rows


# However the view is named, the CTE is read.
READS = {
    "plain": "SELECT count(*) FROM plays",
    "lower": "select count(*)\nfrom\n  plays as p",
    "quoted": 'SELECT count(*) FROM "plays"',
    "listed": "SELECT count(*) FROM (SELECT 1) AS one, plays",
    "named": "WITH found AS (SELECT * FROM plays) SELECT count(*) FROM found",
    "commented": "/* a\nb */\n-- c\nwith recursive found AS (SELECT * FROM plays) SELECT count(*) FROM found",
    "many": "/* a */\n" * 40 + "SELECT count(*) FROM plays",
    "twice": "SELECT (SELECT count(*) FROM plays) FROM days WHERE day = (SELECT max(day) FROM plays)",
    "events": "SELECT count(*) FROM events WHERE page = 'NextSong'",
    "sessions": "SELECT max(sessions.plays) FROM sessions, users GROUP BY sessions.events, sessions.plays",
    "told": "SELECT count(*) -- FROM main.plays\nFROM plays WHERE 'FROM main.plays' <> 'a'",
    "bracketed": "SELECT count(*) FROM (plays)",
}


@pytest.mark.parametrize(
    ("cut", "plays"), [(WHOLE_LOG, 6), (Cut(last_day="2018-11-01"), 3), (Cut(first_day="2018-11-02", level="free"), 2)]
)
def test_cut_is_that_of_the_report_however_a_view_is_named(
    config: Config, tmp_path: Path, cut: Cut, plays: int
) -> None:
    parameters = "-- Parameters: from, to, level.\n"
    found = ask(config, tmp_path, cut, **{name: HEAD + parameters + sql for name, sql in READS.items()})
    assert {name: rows_of(one) for name, one in found.items()} == {name: [(plays,)] for name in READS}
    # What a page shows runs as it is.
    for one in found.values():
        assert one.answer is not None
        assert sparkify.query_sql(config, one.answer.sql).rows == one.answer.rows


def test_days_are_those_of_the_time_zone_and_moments_are_utc(config: Config, tmp_path: Path) -> None:
    """By the clock of Tokyo, the plays of an evening are of the next morning."""
    parts = "SELECT min(day), max(day), min(week), min(hour), max(weekday)"
    texts = {
        "plays": f"{parts}, min(start_time), count(catalogue_title) FROM plays",
        "events": f"{parts}, min(happened_at), max(level) FROM events",
        "days": "SELECT min(day), max(day), count(*) FROM days",
        "sessions": "SELECT min(started_at) FROM sessions",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.sql").write_text(HEAD + text, encoding="utf-8")
    at = dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=TS)
    day = dt.date(2018, 11, 2)
    found = (day, day + dt.timedelta(2), dt.date(2018, 10, 29), 5, 6, at)
    with open_to_read(config) as warehouse:
        clock = find_clock(warehouse, "Asia/Tokyo")
        answers = {
            one.question.name: rows_of(answer_own(warehouse, one, WHOLE_LOG, clock)) for one in read_questions(tmp_path)
        }
    assert answers == {
        "plays": [(*found, 0)],
        "events": [(*found, "paid")],
        "days": [(*found[:2], 3)],
        "sessions": [(at,)],
    }


def test_only_ends_of_lines_end_a_line(config: Config, tmp_path: Path) -> None:
    text = "-- What\u2028is\fit?\r\n-- It\x85is.\r\nSELECT\r\n'a\u2028b' AS a,\r\n'c\fd' AS b"
    found = ask(config, tmp_path, own=text, wrong=text + ",\nnix")
    assert rows_of(found["own"]) == [("a\u2028b", "c\fd")]
    assert (found["wrong"].mistake or "").startswith("wrong.sql, line 6: ")


def test_values_have_a_default_and_are_those_of_the_cut(config: Config, tmp_path: Path) -> None:
    text = f"{HEAD}-- Parameters: top = 2.\nSELECT day FROM days WHERE '12:30' <> ':top' ORDER BY day LIMIT :top"
    assert len(rows_of(ask(config, tmp_path, own=text)["own"])) == 2
    assert len(rows_of(ask(config, tmp_path, Cut(top=1), own=text)["own"])) == 1


MISTAKES = {
    "SELECT 1": "line 1: the header has to begin with a line -- question, and a line -- what its numbers mean",
    "-- What is it?\nSELECT 1": "line 1: the header has to begin",
    HEAD: "line 2: below the header is no SQL",
    f"{HEAD}-- Drawing: pie a b.\nSELECT 1": "line 3: there is no drawing 'pie'; give bars NAME NUMBER or line",
    f"{HEAD}-- Drawing: bars a.\nSELECT 1": "line 3: a drawing of bars takes other columns; give bars NAME NUMBER",
    f"{HEAD}-- Drawing: bars a b.\n-- Drawing: line a b.\nSELECT 1": "line 4: the header has two lines Drawing",
    f"{HEAD}-- Drawing: bars a b.\nSELECT 1 AS a, 2 AS c": "line 3: the answer has no column b to draw; it has a, c",
    f"{HEAD}-- Drawing: bars a b.\nSELECT 1 AS a, 'x' AS b": "line 3: b is not a number: 'x'",
    f"{HEAD}-- Drawing: line a b.\nSELECT 1 AS a, 2 AS b": "line 3: a is not a day: '1'",
    f"{HEAD}-- Drawing: line a b.\nSELECT cast(NULL AS DATE) AS a, 2 AS b": "line 3: a is NULL in a row, and a line",
    f"{HEAD}-- Drawing: line a b.\nSELECT DATE '2018-11-01' AS a, range AS b FROM range(2)": (
        "line 3: a is 2018-11-01 in several rows; a line needs one row for each day"
    ),
    f"{HEAD}-- Chapter: glance 3.\nSELECT 1": "line 3: there is no chapter 'glance 3'; give one of listening, music",
    f"{HEAD}-- Parameters: from, colour.\nSELECT 1": "line 3: it lists a parameter twice, or an unknown one",
    f"{HEAD}-- Parameters: .\nSELECT 1": "line 3: it lists a parameter twice, or an unknown one: ; give from, to",
    f"{HEAD}-- Parameters: level = 3.\nSELECT 1 FROM plays": "line 3: level has no default",
    f"{HEAD}-- Parameters: days.\nSELECT :days": "line 3: days has no value; write days = 20",
    f"{HEAD}SELECT :top": "line 1: the SQL has :top, which no line -- Parameters: lists",
    f"{HEAD}-- Parameters: from.\nSELECT count(*) FROM songplays": "line 3: from would change nothing: the SQL reads",
    f"{HEAD}-- Parameters: from.\nSELECT count(*) AS plays FROM songplays ORDER BY plays": (
        "line 3: from would change nothing: the SQL reads"
    ),
    f"{HEAD}-- Parameters: from.\nSELECT 1 -- FROM plays\nFROM songs": "line 3: from would change nothing: the SQL",
    f"{HEAD}-- Parameters: from.\nSELECT 1 FROM main.plays, days": "line 3: from would not cut main.plays",
    f'{HEAD}-- Parameters: from.\nSELECT 1 FROM days AS d, "a b" . "plays"': "line 3: from would not cut \"a b\" . ",
    f"{HEAD}-- Parameters: from.\nWITH plays AS (SELECT * FROM plays) SELECT 1 FROM plays": (
        "line 3: the SQL has a CTE plays, which is the name of a view that is cut; rename it"
    ),
    f"{HEAD}-- Parameters: to.\n\nSELECT 1\nFROM plays\nWHERE nix": "line 7: the SQL cannot be run: Binder Error: ",
    f"{HEAD}\n\nSELEC 1": "line 5: the SQL cannot be read: ",
    f"{HEAD}DROP TABLE songs": "line 3: the SQL is a statement of kind DROP; only a SELECT",
    f"{HEAD}SELECT 1; SELECT 2": "line 3: the SQL has 2 statements; give exactly one SELECT",
    f"{HEAD}SELECT * FROM read_text('/etc/hostname')": "line 3: the SQL cannot be run: Permission Error",
    f"{HEAD}SELECT 1 AS a, 2 AS a": "line 3: several columns are named a",
    f"{HEAD}SELECT 'x\0'": "it holds a NUL character",
}  # fmt: skip


def test_a_mistake_is_a_sentence_with_its_place_and_holds_up_nothing(config: Config, tmp_path: Path) -> None:
    files = {f"m{number:02}": text for number, text in enumerate(MISTAKES)}
    found = ask(config, tmp_path, Cut(last_day="2018-11-01"), **files, good=f"{HEAD}SELECT 1 AS one")
    for (name, text), words in zip(files.items(), MISTAKES.values(), strict=True):
        told = found[name].mistake
        assert told is not None, text
        assert told.startswith(f"{name}.sql{', ' if words.startswith('line') else ': '}{words}")
        assert "\n" not in told
    assert rows_of(found["good"]) == [(1,)]
    assert found["good"].mistake is None
    assert sparkify.query_sql(config, "SELECT count(*) FROM songs").rows == [(0,)]


def test_what_is_no_file_of_sql_is_told(config: Config, tmp_path: Path) -> None:
    (tmp_path / "folder.sql").mkdir()
    (tmp_path / "latin.sql").write_bytes(b"-- \xe9")
    (tmp_path / "large.sql").write_bytes(b"-- x" * 300_000)
    (tmp_path / "lost.sql").symlink_to("nowhere")
    (tmp_path / "notes.txt").touch()
    found = {name: one.mistake for name, one in ask(config, tmp_path).items()}
    assert found == {
        "folder": "folder.sql: it is not a file; give a file with SQL",
        "large": "large.sql: it has more than 1,000,000 bytes; write a shorter SELECT",
        "latin": "latin.sql: it is not UTF-8; write it in UTF-8",
        "lost": "lost.sql: it is not a file; give a file with SQL",
    }


def test_a_folder_without_questions_is_refused_before_the_work(config: Config, tmp_path: Path) -> None:
    for folder, words in (("nowhere", "No such file"), ("", "there is no .sql file in")):
        with pytest.raises(UsageError, match=words):
            sparkify.render_report(config, own_questions=tmp_path / folder)
    ran = run_here("report", "--questions", "a\0b", "-o", str(tmp_path / "a.html"), "--warehouse", "none.duckdb")
    assert (ran.code, ran.err.count("\n")) == (2, 1)


def page_of(config: Config, folder: Path, cut: Cut = WHOLE_LOG) -> str:
    answers = answer_all(config, cut=cut, own=read_questions(folder))
    return render_page(answers, lambda specs: Drawing.of("", {}, dict.fromkeys(specs, "not drawn")), with_people=False)


def section_of(page: str, name: str) -> str:
    return page.split(f'aria-labelledby="{name}"')[1].split("</article>")[0]


def test_page_has_what_the_files_declare(config: Config, tmp_path: Path) -> None:
    ask(
        config,
        tmp_path,
        Cut(last_day="2018-11-02"),
        levels=f"{HEAD}-- Drawing: bars level n.\nSELECT level, count(*) AS n FROM plays GROUP BY level ORDER BY level",
        days=f"{HEAD}-- It does not say why.\n-- Drawing: line day plays.\n-- Chapter: music 5.\n"
        "-- Parameters: from, to.\n"
        "SELECT day, count(*) AS plays, cast(0.5 AS DECIMAL(3, 1)) AS half FROM plays GROUP BY day",
        none=f"{HEAD}SELECT 1 AS one WHERE 1 = 2",
        odd=f"{HEAD}-- Drawing: bars n x.\nSELECT 'a' AS n, cast('inf' AS DOUBLE) AS x UNION ALL SELECT 'b', -1",
        wrong="SELECT 1",
    )  # fmt: skip
    page = page_of(config, tmp_path, Cut(last_day="2018-11-02"))
    levels, days = section_of(page, "own-levels"), section_of(page, "own-days")
    assert re.findall(r'<span class="value">(\d)</span>', levels) == ["4", "2"]
    assert "It is not cut by to, which its file does not list." in levels
    assert page.index('id="own-days"') < page.index('id="top_songs"') < page.index('id="own-levels"')
    spec = json.loads(re.findall(r'id="spec-own-days">(.*?)<', days)[0])
    assert [(row["day"], row["value"]) for row in spec["data"]["values"]] == [("2018-11-01", 3), ("2018-11-02", 2)]
    assert "It does not say why" in days
    assert "not cut by" not in days
    assert '<td class="number">0.5</td>' in days
    assert "There is no data for this question" in section_of(page, "own-none")
    assert "x: highest -1, b." in section_of(page, "own-odd")
    assert "wrong.sql, line 1: the header has to begin" in section_of(page, "own-wrong")
    assert "The own questions show what their SQL says" in page


def test_large_answers_are_cut_and_told(config: Config, tmp_path: Path) -> None:
    ask(
        config,
        tmp_path,
        many=f"{HEAD}-- Drawing: bars range n.\nSELECT range, range AS n FROM range(1000000000)",
        long=f"{HEAD}SELECT repeat('<', 10000000) AS text FROM range(3)",
    )
    page = page_of(config, tmp_path)
    assert "the first 40 of 5,000 rows" in section_of(page, "own-many")
    for name in ("many", "long"):
        assert "The answer is larger than a page should be" in section_of(page, f"own-{name}")
    assert len(page) < 1_500_000


def test_hostile_names_and_texts_are_only_text(config: Config, tmp_path: Path) -> None:
    names = [
        name
        for name in NAMES
        if "/" not in name and "\0" not in name and 0 < len(name.encode("utf-8", "replace")) < 200
    ]
    for name in names:
        text = f"-- {name}\n-- </script><img src=x>\n-- Drawing: bars a b.\nSELECT '</script><img src=x>' AS a, 1 AS b"
        (tmp_path / f"{name}.sql").write_text(text, encoding="utf-8")
    page = page_of(config, tmp_path)
    assert "<img" not in page
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len(set(ids)) > len(names)
    assert all(re.fullmatch(r"[\w-]+", one, re.ASCII) for one in ids)


def test_example_of_the_documentation_runs(config: Config, tmp_path: Path) -> None:
    text = (DOCS / "report.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```sql\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (one,) = ask(config, tmp_path, Cut(last_day="2018-11-02"), programs=example).values()
    assert one.mistake is None
    assert rows_of(one) == [(None, 5)]
    assert one.points is not None
