"""The promises of the project, tested on every engine: the same files give the same warehouse in every situation."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import re
import tarfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import sparkify
from sparkify.errors import CheckError, TooManyRejectsError, UsageError
from sparkify.questions.answers import answer_all, answer_own
from sparkify.questions.catalogue import list_questions, list_values
from sparkify.questions.clock import find_clock
from sparkify.questions.cut import Cut, cut_sql
from sparkify.questions.own import OwnQuestion, read_questions
from sparkify.report.drawing import Drawing
from sparkify.report.marks import Spec
from sparkify.report.page import render_page
from sparkify.settings import Config
from sparkify.star.comparison import TableComparison
from sparkify.star.tables import TABLES, VERSION, VIEWS
from sparkify.star.version import open_to_read
from sparkify.warehouses import open_warehouse
from tests.bad_records import BAD_RECORDS
from tests.engines.conftest import Factory
from tests.support import (
    SAMPLE,
    TIMES,
    event,
    execute,
    expected_star,
    failing_checks,
    fetch,
    log_file,
    needs_sample,
    new_warehouse,
    play,
    read_star,
    snapshot,
    song,
    song_file,
    truncated_gzip,
    write_file,
)

PLAYS = [
    play(userId=user, itemInSession=item, ts=1_541_105_830_796 + 86_399_999 * item, level=level, song=title)
    for user, level in ((1, "free"), (2, "paid"), (3, None))
    for item, title in enumerate(("Uprising", "Starlight", "Żółw ", 'it\'s 100% \\ "quoted"', "Uprising"))
]
SONGS = [
    song(),
    song(song_id="SO2", title="Starlight", year=0, artist_name="Muse feat. X"),
    song(song_id="SO3", title="Starlight", duration=218.75),
    song(song_id="SO4", title="Żółw", artist_id="AR2", artist_location="Łódź", artist_latitude=51.75),
]


def write_all(config: Config) -> None:
    """Plays, other events, songs, and records that are rejected."""
    write_file(log_file(config, "2018/a.json"), [*PLAYS[:8], event(userId=4, level="free"), "no JSON"])
    write_file(log_file(config, "2018/b.json.gz"), [*PLAYS[6:], event(page=""), event(length=-0.0)])
    write_file(song_file(config), [*SONGS, song(title=None)])


def holds_what_the_sources_say(config: Config) -> bool:
    return read_star(config) == expected_star(config) and failing_checks(config) == []


def test_star_is_that_of_the_reference(config: Config) -> None:
    write_all(config)
    result = sparkify.load(config)
    assert (result.status, result.mode) == ("loaded", "rebuild")
    assert result.records == {"read": 26, "loaded": 23, "rejected": 3, "repaired": 0}
    assert result.reasons == {"missing:page": 1, "missing:title": 1, "not_json": 1}
    assert result.tables["songplays"] == 15
    assert holds_what_the_sources_say(config)


def test_nothing_new_is_nothing_to_do(config: Config) -> None:
    write_all(config)
    sparkify.load(config)
    before = snapshot(config)
    assert sparkify.load(config).status == "nothing_to_do"
    assert snapshot(config) == before
    assert {file.state for file in sparkify.plan(config)} == {"unchanged"}


@pytest.mark.parametrize("seed", range(3))
def test_any_order_split_and_doubling(config: Config, seed: int) -> None:
    chance = random.Random(seed)
    records = [*PLAYS, *PLAYS[:4], event(userId=1, level="paid", ts=1_541_999_999_999)]
    chance.shuffle(records)
    for number in range(4):
        write_file(log_file(config, f"{number}.json"), records[number::4])
        if number == seed:
            write_file(song_file(config), SONGS)
        sparkify.load(config)
    assert holds_what_the_sources_say(config)


def test_late_catalogue_fills_the_plays_in(config: Config) -> None:
    write_file(log_file(config), [*PLAYS, *(event(itemInSession=item) for item in range(50))])
    sparkify.load(config)
    assert fetch(config, "SELECT count(song_id) FROM songplays") == [(0,)]
    write_file(song_file(config), SONGS)
    result = sparkify.load(config)
    assert result.mode == "refresh"
    assert result.match_rate["song"]
    assert holds_what_the_sources_say(config)


def test_changed_file_is_replaced(config: Config) -> None:
    write_all(config)
    write_file(log_file(config, "ballast.json"), [event(itemInSession=item) for item in range(50)])
    sparkify.load(config)
    write_file(log_file(config, "2018/a.json"), [play(userId=9), "still no JSON", "nor this"])
    write_file(song_file(config), SONGS[:2])
    result = sparkify.load(config)
    assert (result.status, result.mode, result.files["changed"]) == ("loaded", "refresh", 2)
    assert fetch(config, "SELECT status, count(*) FROM load_files GROUP BY status ORDER BY status") == [
        ("loaded", 4), ("superseded", 2),
    ]  # fmt: skip
    assert holds_what_the_sources_say(config)


def test_file_that_cannot_be_read_fails_alone(config: Config) -> None:
    write_all(config)
    broken = log_file(config, "c.json.gz")
    broken.write_bytes(truncated_gzip([play(userId=7)]))
    result = sparkify.load(config)
    assert (result.status, result.files["failed"]) == ("partial", 1)
    broken.unlink()
    assert holds_what_the_sources_say(config)
    write_file(broken, [play(userId=7)])
    assert sparkify.load(config).status == "loaded"
    assert holds_what_the_sources_say(config)


def test_file_that_changes_after_the_plan_is_left_for_the_next_load(config: Config) -> None:
    write_all(config)
    sparkify.load(config)
    grown, growing = log_file(config, "2018/a.json"), log_file(config, "growing.json")
    write_file(grown, [play(userId=7)])
    write_file(growing, [play(userId=8)])
    write_file(log_file(config, "still.json"), [play(userId=9)])

    def write_more(event: dict[str, Any]) -> None:
        if event["event"] == "started":
            for path in (grown, growing):
                with path.open("ab") as stream:
                    stream.write(b'{"torn')

    result = sparkify.load(config, on_event=write_more)
    assert (result.status, result.files["failed"], result.records["loaded"]) == ("partial", 2, 1)
    assert result.errors == [
        f"cannot read {path}: it has changed since it was listed; the next load will take it"
        for path in (grown, growing)
    ]
    # The older content stays.
    assert fetch(config, "SELECT count(*) FROM load_files WHERE status = 'superseded'") == [(0,)]
    assert failing_checks(config) == []
    result = sparkify.load(config)
    assert (result.status, result.records) == ("loaded", {"read": 4, "loaded": 2, "rejected": 2, "repaired": 0})
    assert holds_what_the_sources_say(config)


def test_loaded_file_that_cannot_be_read_any_more_fails_alone(config: Config) -> None:
    write_all(config)
    sparkify.load(config)
    path = log_file(config, "2018/a.json")
    content = path.read_bytes()
    # A regular file with the same size as in the ledger, which cannot be read.
    path.unlink()
    path.symlink_to("/proc/self/mem")
    with open_warehouse(config) as engine:
        engine.execute("UPDATE load_files SET size = $1 WHERE url = $2", [path.stat().st_size, str(path)])
    write_file(log_file(config, "new.json"), [play(userId=9)])
    (planned,) = [file for file in sparkify.plan(config) if file.url == str(path)]
    assert (planned.state, planned.reason) == ("changed", f"cannot read {path}: Input/output error")
    result = sparkify.load(config)
    assert (result.status, result.errors) == ("partial", [f"cannot read {path}: Input/output error"])
    assert fetch(config, "SELECT count(*) FROM users WHERE user_id = 9") == [(1,)]
    path.unlink()
    path.write_bytes(content)
    assert sparkify.load(config).status == "loaded"
    assert holds_what_the_sources_say(config)


def test_too_many_rejects_load_nothing(config: Config) -> None:
    write_all(config)
    with pytest.raises(
        TooManyRejectsError,
        match=r"3 of 26 records were rejected .*, line 10, not_json: no JSON; .*rejects --load 1 shows",
    ):
        sparkify.load(config, max_rejects="2")
    assert {table for table, rows in snapshot(config).items() if rows} == {"load_files", "rejected_records"}
    assert fetch(config, "SELECT load_id, status, files, read, loaded, rejected FROM load_history") == [
        (1, "failed", 0, 26, 0, 3)
    ]
    assert len(sparkify.list_rejects(config, load_id=1)) == 3
    assert {file.reason for file in sparkify.plan(config)} == {"load 1 failed on it"}
    assert failing_checks(config) == []
    assert sparkify.load(config, max_rejects="3").status == "loaded"
    assert holds_what_the_sources_say(config)


def test_create_drops_and_makes_again(config: Config) -> None:
    everything = [*TABLES, *VERSION, *VIEWS]
    assert sparkify.create(config) == everything
    assert sparkify.create(config) == []
    write_all(config)
    sparkify.load(config)
    assert sparkify.create(config, drop=True) == everything
    assert not any(snapshot(config).values())
    with open_warehouse(config) as engine:
        assert engine.list_tables() == {*TABLES, *VERSION}
    sparkify.load(config)
    assert holds_what_the_sources_say(config)


def test_status_and_rejects_show_what_is_there(config: Config) -> None:
    write_all(config)
    sparkify.load(config)
    status = sparkify.status(config)
    compacted = sparkify.compact(config)
    if config.warehouse_address.startswith("redshift:"):
        assert (status.file, compacted.status, compacted.before, compacted.after) == (None, "nothing_to_do", None, None)
    else:
        assert (status.file, compacted.status) == (compacted.before, "compacted")
    assert holds_what_the_sources_say(config)
    assert status.records == {"read": 26, "loaded": 23, "rejected": 3}
    assert (len(status.loads), status.pending) == (
        1,
        {"new": 0, "changed": 0, "moved": 0, "unchanged": 3, "to_reread": 0, "vanished": 0},
    )
    assert [(found["line"], found["raw"]) for found in sparkify.list_rejects(config, reason="not_json")] == [
        (10, "no JSON")
    ]
    assert len(sparkify.list_rejects(config, load_id=1)) == 3
    assert str(status.newest_event) == "2018-11-05 20:57:10.792000"
    assert status.lag_seconds == (status.loads[0]["finished_at"] - status.newest_event).total_seconds()
    sparkify.undo(config, 1)
    status = sparkify.status(config)
    assert (status.newest_play, status.newest_event, status.lag_seconds) == (None, None, None)


def test_user_query_reads_and_never_writes(config: Config) -> None:
    write_all(config)
    sparkify.load(config)
    assert sparkify.query_sql(config, "SELECT count(*) AS plays FROM songplays;") == (["plays"], [(15,)])
    comments = "/* a */\n" * 40
    assert sparkify.query_sql(config, f"{comments}EXPLAIN SELECT 1").rows
    for sql in (
        "DELETE FROM songplays", "SELECT nothing FROM songplays", "SELECT 1; DELETE FROM songplays", "",
        f"{comments}DELETE FROM songplays",
    ):  # fmt: skip
        with pytest.raises(Exception, match="SQL"):
            sparkify.query_sql(config, sql)
    assert fetch(config, "SELECT count(*) FROM songplays") == [(15,)]
    with pytest.raises(UsageError, match=r"[Dd]id you mean \W?songplays") as refused:
        sparkify.query_sql(config, "SELECT count(*)\nFROM songplay")
    assert refused.value.__notes__ == [
        "LINE 2: FROM songplay\n             "
        + ("^" if config.warehouse_address.startswith("redshift:") else "^^^^^^^^")
    ]
    assert sparkify.query_sql(config, "EXPLAIN SELECT count(*) FROM songplays")[1]


def test_check_finds_what_is_broken_behind_the_loaders_back(config: Config) -> None:
    write_all(config)
    sparkify.load(config)
    with open_warehouse(config) as engine:
        engine.execute("INSERT INTO users (user_id, level) VALUES (1, 'free')")
        engine.execute("DELETE FROM artists WHERE artist_id = 'AR2'")
    assert {"users.user_is_unique", "songs.artist_is_found"} <= set(failing_checks(config))


def test_load_over_broken_rows_is_refused_and_changes_nothing(config: Config) -> None:
    write_all(config)
    sparkify.load(config)
    with open_warehouse(config) as engine:
        engine.execute("UPDATE load_files SET loaded = loaded + 1 WHERE dataset = 'songs'")
    before = snapshot(config)
    write_file(log_file(config, "late.json"), [play(userId=8)])
    with pytest.raises(CheckError, match=r"load_history\.counts_are_those"):
        sparkify.load(config)
    assert snapshot(config) == before


# ---- engine against engine ----


@pytest.fixture
def both(make_warehouse: Factory, tmp_path: Path) -> tuple[Config, Config]:
    """A DuckDB warehouse, and one of each engine with the same sources."""
    other = make_warehouse("other")
    assert other.log_data is not None
    embedded = new_warehouse(tmp_path / "embedded", log_data=other.log_data, song_data=other.song_data)
    return embedded, other


def assert_equal_tables(embedded: Config, other: Config) -> None:
    ours, theirs = snapshot(embedded), snapshot(other)
    # The times of the loads differ.
    ours.pop("load_history")
    theirs.pop("load_history")
    assert theirs == ours


def test_bad_records_are_rejected_alike(both: tuple[Config, Config]) -> None:
    embedded, other = both
    short = [bad for bad in BAD_RECORDS if len(bad.line) < 60_000]
    assert len(BAD_RECORDS) - len(short) < 20
    for dataset, write_to in (("events", log_file), ("songs", song_file)):
        write_file(write_to(other, "bad.json"), [bad.line for bad in short if bad.dataset == dataset])
    ours, theirs = sparkify.load(embedded), sparkify.load(other)
    assert theirs.reasons == ours.reasons
    assert len(ours.reasons) > 40
    if "redshift" in other.warehouse_address:
        _spell_out_nul(embedded)
    assert_equal_tables(embedded, other)


def _spell_out_nul(embedded: Config) -> None:
    """Redshift's columns cannot hold U+0000."""
    execute(embedded, "UPDATE rejected_records SET raw = replace(raw, chr(0), '\\x00')")


def test_compare_finds_equal_stars(both: tuple[Config, Config]) -> None:
    embedded, other = both
    write_all(other)
    sparkify.load(embedded)
    sparkify.load(other)
    assert_equal_tables(embedded, other)
    compared = sparkify.compare(embedded, other)
    assert compared == [
        TableComparison(table, (len(rows), len(rows)), True) for table, rows in read_star(embedded).items()
    ]
    assert {table.table: table.rows for table in compared}["songplays"] == (15, 15)


def test_compare_shows_the_first_differences(both: tuple[Config, Config]) -> None:
    embedded, other = both
    write_all(other)
    sparkify.load(embedded)
    sparkify.load(other)
    with open_warehouse(other) as engine:
        engine.execute("UPDATE users SET level = 'gold' WHERE user_id = 2")
        engine.execute("DELETE FROM songs WHERE song_id = 'SO3'")
        engine.execute("UPDATE artists SET latitude = latitude + 0.00001 WHERE artist_id = 'AR2'")
    found = {table.table: table for table in sparkify.compare(embedded, other)}
    assert [name for name, table in found.items() if not table.equal] == ["users", "songs"]
    assert [difference.columns for difference in found["users"].differences] == [{"level": ("paid", "gold")}]
    assert [difference.columns["song_id"] for difference in found["songs"].differences] == [("SO3", None)]


# Every cut leaves some events, and none leaves all.
CUTS = [
    (Cut(), "UTC"),
    (Cut(first_day=dt.date(2018, 11, 2)), "UTC"),
    (Cut(last_day=dt.date(2018, 11, 2), level="paid"), "UTC"),
    (Cut(first_day=dt.date(2018, 11, 2), last_day=dt.date(2018, 11, 2), top=1, days=1), "UTC"),
    (Cut(first_day=dt.date(2030, 1, 1)), "UTC"),
    (Cut(), "Australia/Lord_Howe"),
    (Cut(first_day=dt.date(2018, 11, 1), last_day=dt.date(2018, 11, 2)), "America/Chicago"),
]


def test_questions_have_the_same_answers(both: tuple[Config, Config]) -> None:
    embedded, other = both
    write_all(other)
    sparkify.load(embedded)
    sparkify.load(other)
    with open_warehouse(embedded) as ours, open_warehouse(other) as theirs:
        for question, (cut, timezone) in itertools.product(list_questions(), CUTS):
            clock = find_clock(theirs, timezone)
            assert clock == find_clock(ours, timezone)
            sql = cut_sql(question.sql, list_values(question, cut), clock=clock)
            columns, rows = ours.fetch_table(sql)
            found_columns, found = theirs.fetch_table(sql)
            assert found_columns == columns
            assert [[_plain(value) for value in row] for row in found] == [
                [_plain(value) for value in row] for row in rows
            ], (question.name, cut, timezone)
            # So that JSON has a number, as with DuckDB.
            assert not any(isinstance(value, Decimal) for row in found for value in row), question.name


# Questions of a user's own; the last has a mistake.
OWN = {
    "levels": "SELECT level, count(*) AS plays, avg(song_length) AS mean FROM plays GROUP BY level ORDER BY level",
    "days": "with recursive one as (select day, count(*) as n from Events group by day) select * from one order by day",
    "joined": 'SELECT count(*) AS n FROM users, "plays" WHERE users.user_id = plays.user_id',
    "visits": "SELECT max(plays) AS most, (SELECT count(*) FROM days) AS days FROM sessions",
    "wrong": "SELECT count(*) AS n\nFROM plays\nWHERE nix = 1",
}


def read_own(folder: Path) -> list[OwnQuestion]:
    for name, sql in OWN.items():
        write_file(folder / "own" / f"{name}.sql", ["-- What is it?", "-- It.", "-- Parameters: from, level.", sql])
    return read_questions(folder / "own")


def answer_each(config: Config, folder: Path) -> list[Any]:
    """The rows of each own question in each cut, and the file of each mistake: engines word it differently."""
    with open_to_read(config) as warehouse:
        answers = [
            answer_own(warehouse, one, cut, find_clock(warehouse, timezone))
            for one in read_own(folder)
            for cut, timezone in (*CUTS[:3], CUTS[-1])
        ]
    assert all(one.mistake is None or re.match(r"wrong\.sql, line [46]: ", one.mistake) for one in answers)
    return [
        one.asked.file if one.answer is None else [[_plain(value) for value in row] for row in one.answer.rows]
        for one in answers
    ]


def test_reports_are_the_same_but_for_their_loads(both: tuple[Config, Config], tmp_path: Path) -> None:
    write_all(both[1])

    def undrawn(specs: Mapping[str, Spec]) -> Drawing:
        # The specifications are on the page, and the picture adds nothing.
        return Drawing.of("", {}, dict.fromkeys(specs, "not looked at"))

    pages = []
    for config in both:
        sparkify.load(config)
        page = render_page(answer_all(config), undrawn, with_people=False)
        pages.append(re.sub(r'<dl class="facts">.*?</dl>', "", page, flags=re.DOTALL))
    assert pages[0] == pages[1]
    answers = [answer_each(config, tmp_path) for config in both]
    assert answers[0] == answers[1]


def _plain(value: object) -> object:
    """A value, independent of the driver's exact number type."""
    return round(float(value), 9) if isinstance(value, int | float | Decimal) else value


@needs_sample
def test_sample(make_warehouse: Factory, tmp_path: Path) -> None:
    assert SAMPLE is not None
    roots = {"log_data": str(SAMPLE / "log_data"), "song_data": str(SAMPLE / "song_data")}
    embedded, other = new_warehouse(tmp_path / "embedded", **roots), make_warehouse("other", **roots)
    sparkify.load(embedded)
    result = sparkify.load(other)
    assert result.tables["songplays"] == 6_820
    assert all(table.equal for table in sparkify.compare(embedded, other))
    assert_equal_tables(embedded, other)


@needs_sample
@pytest.mark.slow
@pytest.mark.parametrize("make_warehouse", ["duckdb", "redshift"][:TIMES], indirect=True)
def test_whole_catalogue(make_warehouse: Factory, tmp_path: Path) -> None:
    """The public catalogue with the logs of the sample."""
    assert SAMPLE is not None
    with tarfile.open(SAMPLE / "song_catalogue.tar.xz") as archive:
        archive.extractall(tmp_path / "songs", filter="data")
    config = make_warehouse(log_data=str(SAMPLE / "log_data"), song_data=str(tmp_path / "songs"))
    result = sparkify.load(config)
    assert result.records == {"read": 22_952, "loaded": 22_952, "rejected": 0, "repaired": 326}
    assert (result.tables["songplays"], result.tables["songs"], result.tables["artists"]) == (6_820, 14_896, 9_553)
    kinds = fetch(config, "SELECT match, count(*) FROM songplays GROUP BY match")
    assert dict(kinds) == {"exact": 341, "similar": 18, "artist": 4_229, None: 2_232}
    by_name = """SELECT count(*) FROM songplays
    WHERE artist_id IS NOT NULL AND artist_name IN (SELECT artist_name FROM staging_songs)"""
    assert fetch(config, by_name) == [(4_451,)]
    assert failing_checks(config) == []
