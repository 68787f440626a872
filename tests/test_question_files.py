"""The files of the prepared questions: what each has to have, and how a cut and parameters come into its SQL."""

import itertools
import math
import re
from datetime import date, datetime
from typing import Any

import duckdb
import pytest
import sqlglot

from sparkify.errors import UsageError
from sparkify.questions.catalogue import (
    CHAPTERS,
    get_question,
    list_questions,
    list_untaken,
    list_values,
    parse_question,
)
from sparkify.questions.cut import COPIES, WHOLE_LOG, Cut, cut_sql, fill_sql, parse_day
from sparkify.sql import Value, literal_sql
from tests.expected_answers import NAMES

# ---- the list of questions ----


def test_questions_are_in_reading_order() -> None:
    listed = list_questions()
    assert [chapter for chapter, _ in itertools.groupby(question.chapter for question in listed)] == list(CHAPTERS)
    places = [(question.chapter, question.place) for question in listed]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("name", NAMES)
def test_question_has_a_header_and_one_portable_select(name: str) -> None:
    question = get_question(name)
    assert question.question.endswith("?")
    assert "It does not say" in question.definition
    assert re.match(r"(WITH|SELECT)\b", question.sql)
    # What only one engine has, or what differs between them.
    unshared = (
        r";|::|\[|\bFILTER\b|\bQUALIFY\b|\bNULLS\b|\bgenerate_series\b|\blist\w*\(|\bunnest\b|\bavg\(|\bdatediff\b"
    )
    assert not re.findall(unshared, question.sql, re.IGNORECASE)
    # In Redshift, an aggregate with ORDER BY needs a frame; a ranking and the rows beside need none.
    framed = r"\b(?:(?:rank|row_number)\(\)|(?:lag|lead)\([\w.]+\)) OVER \(|OVER \([^()]*\bROWS [^()]*\)"
    assert question.sql.count("OVER (") == len(re.findall(framed, question.sql))
    # What a cut does not affect.
    assert not re.findall(r"\bstaging_\w+|\bsongplays\b", question.sql)


# Of one row, or of a row for each day, week or bin: all that may be joined without an equality.
SMALL = re.compile(r"\w+_counts|totals|steps|bins|kinds|weekdays|hours|days|cohorts|oldest_cohorts|log_days|numbers")


@pytest.mark.parametrize("name", NAMES)
def test_only_small_results_are_joined_by_nested_loops(name: str) -> None:
    """An engine that joins without an equality compares each row with each."""
    tree = sqlglot.parse_one(fill_sql(get_question(name).sql, {"top": 20, "days": 14}), read="redshift")
    assert not list(tree.find_all(sqlglot.exp.Exists))
    for select in tree.find_all(sqlglot.exp.Select):
        joins = select.args.get("joins") or []
        for join in joins:
            condition = join.args.get("on") or sqlglot.exp.true()
            parts = condition.flatten() if isinstance(condition, sqlglot.exp.And) else [condition]
            if not any(
                isinstance(part, sqlglot.exp.EQ) and len({c.table for c in part.find_all(sqlglot.exp.Column)}) > 1
                for part in parts
            ):
                assert all(SMALL.fullmatch(table.name) for table in [select.args["from_"].this, join.this])


def test_unknown_question_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'top_song'; did you mean top_songs\?"):
        get_question("top_song")
    with pytest.raises(UsageError, match="'xyz'; the questions are overview, audience, new_listeners"):
        get_question("xyz")


def test_path_is_not_a_question() -> None:
    with pytest.raises(UsageError, match="there is no question"):
        get_question("../songplays/load")


HEAD = "-- Why?\n-- Because.\n-- Chapter: music 1."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT 1",
        "-- Why?\n-- Chapter: music 1.\nSELECT 1",
        "-- Why?\n-- Because.\nSELECT 1",
        "-- Why?\n-- Because.\n-- Chapter: songs 1.\nSELECT 1",
        HEAD,
        f"{HEAD}\n-- Parameters: from, form.\nSELECT 1",
        f"{HEAD}\n-- Parameters: from, from.\nSELECT 1",
        f"{HEAD}\n-- Parameters: top = many.\nSELECT 1",
        f"{HEAD}\n-- Parameters: .\nSELECT 1",
        f"{HEAD}\n-- Parameters: top.\nSELECT :days",
        f"{HEAD}\n-- Parameters: from, to.\nSELECT :from",
    ],
)
def test_malformed_file_is_an_error_for_its_author(text: str) -> None:
    with pytest.raises(ValueError, match=r"sql/questions/why\.sql"):
        parse_question("why", text)


def test_parameters_are_those_of_the_cut_or_the_defaults() -> None:
    question = parse_question("why", f"{HEAD}\n-- Parameters: to, level, top = 20.\nSELECT :top")
    assert (question.definition, question.chapter, question.place) == ("Because.", "music", 1)
    assert list(map(str, question.parameters)) == ["to", "level", "top = 20"]
    assert list_values(question, WHOLE_LOG) == {"to": None, "level": None, "top": 20}
    cut = Cut(first_day=date(2018, 11, 1), last_day=date(2018, 11, 2), level="paid", top=3, days=4)
    assert list_values(question, cut) == {"to": date(2018, 11, 2), "level": "paid", "top": 3}
    assert list_untaken(question, cut) == ["from", "days"]
    assert parse_question("why", f"{HEAD}\nSELECT 1").parameters == ()


def test_what_each_question_takes() -> None:
    takes = {question.name: [str(parameter) for parameter in question.parameters] for question in list_questions()}
    days = ["from", "to"]
    assert takes == {name: [*days, "level"] for name in NAMES} | {
        "levels": days,
        "level_changes": days,
        "conversion": days,
        "funnel": days,
        "top_songs": [*days, "level", "top = 20"],
        "top_artists": [*days, "level", "top = 20"],
        "artist_places": [*days, "level", "top = 20"],
        "places": [*days, "level", "top"],
        "states": [*days, "level", "top"],
        "churn": [*days, "level", "days = 14"],
    }


# ---- cuts ----


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (date(2018, 11, 1), "DATE '2018-11-01'"),
        (date(1, 1, 1), "DATE '0001-01-01'"),
        (None, "NULL"),
        (20, "20"),
        (-1, "(-1)"),
        (True, "TRUE"),
        (datetime(2018, 11, 1, 0, 0, 0, 796000), "TIMESTAMP '2018-11-01 00:00:00.796000'"),
        ("paid", "'paid'"),
        ("it's ''", "'it''s '''''"),
        ("", "''"),
    ],
)
def test_literal_is_read_as_the_value(value: Value, literal: str) -> None:
    assert literal_sql(value) == literal
    assert duckdb.execute(f"SELECT {literal}").fetchall() == [(value,)]


@pytest.mark.parametrize("value", ["back\\slash", "nul\0", "half \ud800", math.nan, -math.inf, b"bytes", [1]])
def test_what_has_no_literal_is_an_error(value: Any) -> None:
    with pytest.raises(ValueError, match="there is no literal"):
        literal_sql(value)


def test_only_what_is_read_is_cut_and_comes_before() -> None:
    values = {"from": date(2018, 11, 1), "to": date(2018, 11, 2), "level": "paid", "top": 3}
    assert cut_sql("SELECT :top, '1'::text FROM songs", values) == "SELECT 3, '1'::text FROM songs"
    cut = cut_sql("WITH one AS (SELECT 1 FROM plays) SELECT * FROM one", values)
    assert cut.startswith("WITH plays AS (\n    SELECT")
    assert re.sub(r"\s+", " ", cut).endswith(
        "WHERE start_time >= DATE '2018-11-01' AND start_time < DATE '2018-11-02' + 1 AND level = 'paid' ), "
        "one AS (SELECT 1 FROM plays) SELECT * FROM one"
    )
    assert not re.search("JOIN|WHERE", cut_sql("SELECT 1 FROM plays", {}))
    found = re.findall(r"(?m)^(?:WITH )?(\w+) AS \(", cut_sql("SELECT 1 FROM days", dict.fromkeys(values)))
    assert found == ["repeated_moments", "repeated_events", "events", "days"]
    assert cut_sql("SELECT 1 FROM events", {}, kept=COPIES).startswith(
        "WITH repeated_moments AS (\n    SELECT * FROM sparkify_kept_repeated_moments\n),\n\n"
    )


def test_each_reader_of_the_log_has_its_own() -> None:
    """DuckDB would keep every row for the second reader."""
    sql = "SELECT 1 FROM plays INNER JOIN plays AS other ON plays.ts = other.ts LEFT JOIN plays ON true"
    cut = cut_sql(sql, {"level": "paid"})
    assert re.findall(r"(?m)^(?:WITH )?(\w+) AS \(", cut) == ["plays", "plays_2", "plays_3"]
    assert cut.count("WHERE level = 'paid'") == 3
    assert "FROM plays INNER JOIN plays_2 AS other ON plays.ts = other.ts LEFT JOIN plays_3 AS plays ON" in cut


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"first_day": date(2018, 11, 2), "last_day": date(2018, 11, 1)}, "from 2018-11-02 is after to 2018-11-01"),
        ({"level": "gold"}, "there is no level 'gold'"),
        ({"level": ""}, "there is no level ''"),
        ({"top": 0}, "top cannot be 0"),
        ({"days": -1}, "days cannot be -1"),
        ({"days": 2**31}, "days cannot be 2,147,483,648"),
    ],
)
def test_senseless_cut_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Cut(**values)


@pytest.mark.parametrize(
    "text", ["2018-13-01", "2018-02-30", "20181101", "2018-11-1", "2018-W44-4", "today", "", "٢٠١٨-١١-٠١"]
)
def test_text_that_is_not_a_day(text: str) -> None:
    with pytest.raises(UsageError, match="is not a day; write one as 2018-11-30"):
        parse_day(text)


def test_day_is_read() -> None:
    assert parse_day("2018-11-30") == date(2018, 11, 30)
