"""The package as other Python code uses it: results as tables, parameters, the values of a cut, types, names."""

from __future__ import annotations

import copy
import datetime as dt
import inspect
import pickle
from dataclasses import replace
from decimal import Decimal
from numbers import Integral
from pathlib import Path
from typing import Any

import duckdb
import nanoarrow as na
import pytest

import sparkify
from sparkify.datasets import Key
from sparkify.errors import UsageError
from sparkify.settings import Config
from tests.support import log_file, new_warehouse, play, write_file


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Config:
    config = new_warehouse(tmp_path_factory.mktemp("settled"))
    plays = [play(userId=number, itemInSession=number, artist=f"<b>{number:02}") for number in range(25)]
    write_file(log_file(config), plays)
    sparkify.load(config)
    return config


def ask(result: sparkify.Result, sql: str = "FROM result") -> list[tuple[Any, ...]]:
    """What DuckDB finds in a result."""
    with duckdb.connect() as connection:
        return connection.register("result", result).execute(sql).fetchall()


# ---- results ----

VALUES = """SELECT sum(user_id) AS total, user_id, [1, NULL] AS list, {'a': 1} AS object, start_time, NULL AS nothing,
    1.5::DECIMAL(5, 2) AS amount, start_time::DATE AS day, true AS yes, 'Żółw' AS name, 2::DOUBLE AS share
FROM songplays GROUP BY user_id, start_time ORDER BY user_id"""


def test_result_is_a_pair_and_a_table(settled: Config) -> None:
    result = sparkify.query_sql(settled, VALUES)
    columns, rows = result
    assert (result[0], result[1], len(result)) == (columns, rows, 2)
    assert result == (columns, rows) == (result.columns, result.rows)
    assert result == sparkify.query_sql(settled, VALUES)
    assert result != sparkify.query_sql(settled, f"{VALUES} LIMIT 1")
    for _ in range(2):
        assert ask(result) == rows
    described = {name: kind for name, kind, *_ in ask(result, "DESCRIBE FROM result")}
    assert list(described) == columns
    assert (described["total"], described["user_id"], described["list"]) == ("BIGINT", "INTEGER", "INTEGER[]")
    assert (described["start_time"], described["amount"]) == ("TIMESTAMP", "DECIMAL(5,2)")
    assert na.ArrayStream(result).read_all().to_pylist()[0]["name"] == "Żółw"


def test_result_without_rows_keeps_its_types(settled: Config) -> None:
    result = sparkify.query_sql(settled, "SELECT * FROM songplays WHERE false")
    described = ask(result, "DESCRIBE FROM result")
    assert [tuple(row[:2]) for row in described][:3] == [
        ("songplay_id", "VARCHAR"), ("start_time", "TIMESTAMP"), ("user_id", "INTEGER"),
    ]  # fmt: skip
    assert ask(result) == result.rows == []


def test_answer_to_a_question_is_a_table(settled: Config) -> None:
    result = sparkify.query(settled, "top_artists", cut=sparkify.Cut(top=30))
    assert ask(result, "SELECT sum(plays) FROM result") == [(25,)]
    assert isinstance(result, sparkify.Result)


def test_large_sums_and_equal_names(settled: Config) -> None:
    result = sparkify.query_sql(settled, "SELECT 170141183460469231731687303715884105727 AS large")
    assert ask(result, "SELECT typeof(large) FROM result") == [("DOUBLE",)]
    with pytest.raises(UsageError, match="several columns are named a"):
        sparkify.query_sql(settled, "SELECT 1 AS a, 2 AS a").__arrow_c_stream__()


def test_result_shows_itself(settled: Config) -> None:
    result = sparkify.query(settled, "top_artists", cut=sparkify.Cut(top=30))
    assert repr(result).splitlines()[2].startswith("| 1 | \\<b>00 | 1 |")
    assert repr(result).endswith("\nthe first 20 of 25 rows")
    page = result._repr_html_()
    assert page.startswith("<table><thead><tr><th>place</th>")
    assert "<td>&lt;b&gt;00</td>" in page
    assert "<b>" not in page
    assert repr(sparkify.query_sql(settled, "SELECT 1 AS a")) == "| a |\n| ---: |\n| 1 |\n1 row"


def test_result_is_copied_and_pickled(settled: Config) -> None:
    result = sparkify.query_sql(settled, VALUES)
    assert ask(result)
    for other in (copy.copy(result), copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        assert (other, other.types, ask(other)) == (result, result.types, ask(result))


def test_other_results_show_a_field_a_line(settled: Config) -> None:
    lines = repr(sparkify.status(settled)).splitlines()
    assert (lines[0], lines[-1]) == ("Status(", ")")
    assert "    files={'loaded': 1}," in lines
    assert max(map(len, lines)) < 130
    undone = sparkify.undo(settled, 1, dry_run=True)
    many = replace(undone, pending=[f"{number:0100}" for number in range(1_000)], replaced=[])
    lines = repr(many).splitlines()
    assert len(lines) < 40
    assert sum("980 more lines" in line for line in lines) == 1
    assert "replaced" not in repr(many)
    assert repr(sparkify.plan(settled)) == "Plan(unchanged=1)"
    assert "SELECT" not in repr(sparkify.check(settled))


# ---- parameters ----


@pytest.mark.parametrize(
    "value",
    [
        "it's", "", "$a", "\\", 5, -5, 2**40, 0.25, -1e300, True, None, Decimal("-1.50"), dt.date(2018, 11, 1),
        dt.datetime(2018, 11, 1, 20, 57, 10, 796_000),
    ],
)  # fmt: skip
def test_parameter_is_its_value(settled: Config, value: Any) -> None:
    assert sparkify.query_sql(settled, "SELECT $a AS a, 1 -$a IS NULL", {"a": 1}).rows[0][0] == 1
    assert sparkify.query_sql(settled, "SELECT $a AS a", {"a": value}).rows == [(value,)]


@pytest.mark.parametrize("value", [b"x", "\0", float("nan"), [1]])
def test_what_cannot_be_a_parameter(settled: Config, value: Any) -> None:
    with pytest.raises(UsageError, match="cannot be a parameter; give a text, a number"):
        sparkify.query_sql(settled, "SELECT $a", {"a": value})


# ---- cuts ----


def test_cut_takes_days_in_each_form(settled: Config) -> None:
    day = dt.date(2018, 11, 1)
    for form in (day, "2018-11-01", dt.datetime(2018, 11, 1)):
        cut = sparkify.Cut(form, last_day=form)
        assert (cut, cut.first_day, type(cut.last_day)) == (sparkify.Cut(day, day), day, dt.date)
    assert len(sparkify.query(settled, "top_artists", cut=sparkify.Cut("2018-11-01")).rows) == 25


def test_cut_takes_whole_numbers_of_other_libraries() -> None:
    class Whole:
        """As those of numpy."""

        def __int__(self) -> int:
            return 5

    Integral.register(Whole)
    top = sparkify.Cut(top=Whole()).top  # type: ignore[arg-type]
    assert (top, type(top)) == (5, int)


def test_unknown_reason_and_load_are_told(settled: Config) -> None:
    assert sparkify.list_rejects(settled, reason="not_json") == []
    with pytest.raises(UsageError, match="there is no reason 'not_jsn'; did you mean not_json"):
        sparkify.list_rejects(settled, reason="not_jsn")
    with pytest.raises(UsageError, match="there is no load 7; the last is 1"):
        sparkify.list_rejects(settled, load_id=7)


def test_paths_numbers_and_one_name_are_taken(settled: Config, tmp_path: Path) -> None:
    assert settled.log_data is not None
    config = sparkify.load_config(warehouse=Path(settled.warehouse_address), log_data=Path(settled.log_data))
    assert (config.warehouse, config.log_data) == (settled.warehouse, settled.log_data)
    assert sparkify.load(config, max_rejects=0).status == "nothing_to_do"
    exported = sparkify.export(config, tmp_path / "out", sparkify.ExportOptions(tables="users"))
    assert exported.tables == {"users": 25}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"first_day": "05.11.2018"}, "'05.11.2018' is not a day; write one as 2018-11-30"),
        ({"last_day": 5}, "'5' is not a day"),
        ({"last_day": dt.datetime(2018, 11, 1, 5)}, "'2018-11-01 05:00:00' is not a day"),
        ({"top": "5"}, "top cannot be '5'; give a whole number from 1"),
        ({"days": True}, "days cannot be True; give a whole number from 1"),
        ({"days": 0}, "days cannot be 0; give a number from 1"),
        ({"level": 5}, "there is no level 5; give free or paid"),
        ({"first_day": "2018-11-02", "last_day": "2018-11-01"}, "from 2018-11-02 is after to 2018-11-01"),
    ],
)
def test_cut_complains_in_sentences(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as refused:
        sparkify.Cut(**values)
    assert words in str(refused.value)


# ---- values of another type ----


def public_functions() -> list[str]:
    return [name for name in sparkify.__all__ if inspect.isfunction(getattr(sparkify, name))]


@pytest.mark.parametrize("name", public_functions())
def test_every_argument_of_every_function_is_checked(settled: Config, tmp_path: Path, name: str) -> None:
    function = getattr(sparkify, name)
    own = {
        "config": settled, "first": settled, "second": settled, "name": "overview", "sql": "SELECT 1", "load_id": 1,
        "folder": tmp_path, "directory": tmp_path / "new", "file": tmp_path / "file", "plan": tmp_path, "part": "1/1",
    }  # fmt: skip
    parameters = [one for one in inspect.signature(function).parameters.values() if one.kind is not one.VAR_KEYWORD]
    needed = {one.name: own[one.name] for one in parameters if one.default is one.empty}
    for one in parameters:
        with pytest.raises(UsageError, match=f"^{name}: {one.name} must be .+, not a value of type object"):
            function(**needed | {one.name: object()})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("query", {"name": "hours", "cut": "2018"}, "query: cut must be a Cut, not text"),
        ("compare", {"first": "a"}, "compare: first must be a Config, not text; make one with load_config"),
        ("undo", {"load_id": "3"}, "undo: load_id must be a whole number, not text"),
        ("undo", {"load_id": True}, "undo: load_id must be a whole number, not a value of type bool"),
        ("load", {"on_progress": None}, "load: on_progress must be a function, not None"),
        ("list_rejects", {"dataset": "x"}, "dataset must be 'events' or 'songs' or None, not text"),
        ("query_sql", {"sql": "SELECT 1", "parameters": {1: 2}}, "parameters must be a dictionary"),
        ("simulate", {"directory": "a\0"}, "simulate: directory cannot be a path: it holds a zero byte"),
        ("load", {"staged": "\ud800"}, "load: staged cannot be a path: it holds a zero byte, or"),
        ("SimulateOptions", {"events": "5"}, "SimulateOptions: events must be a whole number, not text"),
        ("SimulateOptions", {"start": dt.datetime(2018, 11, 1)}, "start must be a date, not a value of"),
        ("ExportOptions", {"format": "xlsx"}, "format must be 'parquet' or 'csv', not 'xlsx'"),
        ("ExportOptions", {"tables": ["users", 5]}, "tables must be a list of text, not a value of type"),
        ("Config", {"log_data": Path("x")}, "Config: log_data must be text or None, not a value of type"),
        ("Config", {"db_password": "geheim"}, "Config: db_password must be a Secret or None, not text"),
        ("load_config", {"log_pattern": 5}, "log_pattern is not valid: it must be one or more globs"),
        ("load_config", {"song_pattern": [5]}, "song_pattern is not valid: it must be one or more globs"),
        ("load_config", {"event_keys": 5}, "event_keys is not valid: it must be a dictionary from names"),
        ("load_config", {"song_keys": {"year": 5}}, "song_keys is not valid: it must be a dictionary from names"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_told(settled: Config, name: str, given: dict[str, Any], words: str) -> None:
    function = getattr(sparkify, name)
    own = {one: settled for one in ("config", "first", "second") if one in inspect.signature(function).parameters}
    with pytest.raises(UsageError) as refused:
        function(**own | given)
    assert words in str(refused.value)
    assert "geheim" not in str(refused.value)


def test_keys_are_given_as_a_file_has_them() -> None:
    config = sparkify.load_config(event_keys={"length": "duration", "page": "'NextSong'", "song": ""})
    assert config.event_keys == {"length": Key(name="duration"), "page": Key(constant="NextSong")}


# ---- names ----


def test_dir_lists_the_public_names() -> None:
    assert dir(sparkify) == sorted(sparkify.__all__)
