"""Warehouses of older code: what each verb makes of them, and that a migration leads to what a fresh load gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

import sparkify
from sparkify.errors import NoWarehouseError, VersionError
from sparkify.questions.catalogue import list_questions
from sparkify.settings import Config
from sparkify.sql import list_columns, list_migrations, migration_sql, quote
from sparkify.star.tables import CREATION_ORDER, STAR, TABLES, VIEWS
from sparkify.star.version import LAYOUT, current_version, read_version
from sparkify.warehouses import Warehouse, open_warehouse
from tests.engines.conftest import Factory
from tests.engines.crash import EVERY, was_killed
from tests.layouts.record import FOLDER, PLACE
from tests.layouts.sources import write_first_delivery, write_second_delivery, write_third_delivery
from tests.support import Star, fetch, log_file, play, snapshot, sort_rows, write_file

_COLUMNS = (
    "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns "
    "WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position"
)
_PLAY = {
    "page": "NextSong", "ts": 1_541_105_830_796, "sessionId": 919, "itemInSession": 0, "userId": "15",
    "song": "Uprising", "artist": "Muse",
}  # fmt: skip
_DESIGN = """SELECT tablename, "column", encoding, distkey, sortkey FROM pg_table_def
WHERE schemaname = current_schema()"""
# Tables are created in an order in which keys name what exists.


def make_old(config: Config, layout: int = 1) -> None:
    """Give a database what a warehouse of an older layout held, over the files that it was loaded from."""
    tables = json.loads((FOLDER / f"layout_{layout}.json").read_text(encoding="utf-8"))["tables"]
    roots = Path(str(config.log_data)).parent
    write_first_delivery(roots)
    write_second_delivery(roots)
    write_third_delivery(roots)
    with open_warehouse(config) as warehouse:
        for name in [name for name in CREATION_ORDER if name in tables]:
            warehouse.execute(tables[name][warehouse.dialect].strip())
            for row in tables[name]["rows"]:
                warehouse.execute(
                    f"INSERT INTO {name} VALUES ({', '.join(_literal(v, roots, warehouse) for v in row)})"
                )


def _literal(value: str | None, roots: Path, warehouse: Warehouse) -> str:
    return "NULL" if value is None else quote(value.replace(PLACE, str(roots)), warehouse.dialect)


@pytest.fixture
def old(config: Config) -> Config:
    """A warehouse of the first layout, of each engine in turn."""
    make_old(config)
    return config


@pytest.fixture
def fresh(make_warehouse: Factory) -> Config:
    """The same deliveries, loaded by today's code."""
    config = make_warehouse("fresh")
    roots = Path(str(config.log_data)).parent
    for write in (write_first_delivery, write_second_delivery, write_third_delivery):
        write(roots)
        sparkify.load(config)
    sparkify.undo(config, 3)
    return config


def content_of(config: Config) -> Star:
    """Every row of every table and view, without what differs between two runs: times, and the roots' folder."""
    with open_warehouse(config, read_only=True) as warehouse:
        content = {name: warehouse.fetch_table(f"SELECT * FROM {name}") for name in (*TABLES, *VIEWS)}
    # What older code did not keep of a content that has left since.
    columns, rows = content["load_files"]
    status, *lost = map(columns.index, ("status", "shape", "repaired"))
    content["load_files"] = (
        columns,
        [
            tuple(None if place in lost and row[status] != "loaded" else value for place, value in enumerate(row))
            for row in rows
        ],
    )
    root = str(Path(str(config.log_data)).parent)
    # Whether a migrated file was read by today's rules depends on every later change of them.
    varying = {"started_at", "finished_at", "modified", "detail", "rules", "stat", "raw_size", "version"}
    return {
        name: sort_rows(
            [str(value).replace(root, "") for column, value in zip(columns, row, strict=True) if column not in varying]
            for row in rows
        )
        for name, (columns, rows) in content.items()
    }


def answers_of(config: Config) -> dict[str, Any]:
    return {question.name: sparkify.query(config, question.name) for question in list_questions()}


# ---- migrate ----


def test_migrated_is_equal_to_a_fresh_load(old: Config, fresh: Config) -> None:
    result = sparkify.migrate(old)
    assert (result.status, result.layout_before, result.layout) == ("migrated", 1, LAYOUT)
    assert result.steps[0] == f"migrated the warehouse from layout 1 to {LAYOUT}"
    assert content_of(old) == content_of(fresh)
    assert answers_of(old) == answers_of(fresh)
    assert [broken for broken in sparkify.check(old) if not broken.passed and broken.check.severity == "fail"] == []
    again = sparkify.migrate(old)
    assert (again.status, again.steps) == ("nothing_to_do", [])
    # The digest of the rules that layout 1 used: a file of it is read again only if the rules have changed since.
    assert fetch(old, "SELECT DISTINCT rules FROM load_files") == [("720582fb9960e7de02f0455be20a36f6",)]


def test_tables_are_as_in_a_new_warehouse(old: Config, fresh: Config) -> None:
    """Whoever changes a create.sql of a released table has to write a migration, or this fails."""
    sparkify.migrate(old)
    columns, designs = {}, {}
    for config in (old, fresh):
        with open_warehouse(config, read_only=True) as warehouse:
            columns[config] = warehouse.fetch(_COLUMNS)
            created = {name for name, *_ in columns[config]}
            assert created >= {*TABLES, *VIEWS, "warehouse_version"}
            designs[config] = sorted(warehouse.fetch(_DESIGN)) if warehouse.dialect == "redshift" else []
    assert columns[old] == columns[fresh]
    assert designs[old] == designs[fresh]
    assert [name.lower() for name in list_columns("load_files")] == [
        column for table, column, *_ in columns[old] if table == "load_files"
    ]


def _change(config: Config, verb: str) -> None:
    if verb == "load":
        write_file(log_file(config, "day4.json"), [play(userId=77, sessionId=5)])
        assert sparkify.load(config).files["new"] == 2
    elif verb == "undo":
        sparkify.undo(config, 2)
    elif verb == "replay":
        assert sparkify.replay(config).records["loaded"] == 0
    elif verb == "rebuild":
        assert not any(table.changed for table in sparkify.rebuild(config).tables.values())
    else:
        sparkify.create(config)


def test_verbs_that_change_migrate_first(
    make_warehouse: Factory, old: Config, fresh: Config, caplog: pytest.LogCaptureFixture
) -> None:
    # The load comes last: it leaves a file in the roots, which all copies share.
    for verb in ("undo", "replay", "rebuild", "create", "load"):
        caplog.clear()
        with make_warehouse.copy(old) as changed, make_warehouse.copy(fresh) as control:
            for config in (changed, control):
                _change(config, verb)
            assert f"migrated the warehouse from layout 1 to {LAYOUT}" in caplog.text, verb
            assert content_of(changed) == content_of(control), verb
            with open_warehouse(changed, read_only=True) as warehouse:
                assert read_version(warehouse) == current_version(), verb


def test_verbs_that_read_answer_and_say_that_it_is_older(old: Config, caplog: pytest.LogCaptureFixture) -> None:
    assert len(sparkify.list_rejects(old)) == 4
    assert sparkify.query_sql(old, "SELECT count(*) FROM songplays")[1] == [(23,)]
    assert "older than this sparkify, by its layout; sparkify migrate updates it" in caplog.text
    for ask in (lambda: sparkify.query(old, "top_songs"), lambda: sparkify.check(old)):
        with pytest.raises(VersionError, match=r"sparkify migrate updates it\. Until then this cannot be answered"):
            ask()
    assert [file.state for file in sparkify.plan(old)] == ["to_reread", "to_reread", "new", "to_reread", "to_reread"]
    found = sparkify.status(old)
    assert (found.version.layout, found.tables["songplays"]) == (1, 23)
    with open_warehouse(old) as warehouse:
        warehouse.execute("DROP TABLE rejected_records")
    with pytest.raises(VersionError, match=r"sparkify migrate updates it\. Until then this cannot be answered"):
        sparkify.list_rejects(old)


def test_what_older_code_staged_is_brought_to_todays_rules(old: Config) -> None:
    number = json.dumps(_PLAY | {"artist": 311, "itemInSession": 7})
    with open_warehouse(old) as warehouse:
        doubled = "UPDATE staging_events SET artist = $1 WHERE userId IN (20, 21)"
        warehouse.execute(doubled, ["Bj\u00c3\u00b6rk"])
        sql = "UPDATE rejected_records SET \"raw\" = $1, reason = $2 WHERE dataset = 'events' AND reason = 'not_json'"
        warehouse.execute(sql, [number, "bad_type:artist"])
    result = sparkify.migrate(old)
    assert "repaired 2 records with text encoded twice as UTF-8" in result.steps
    assert "judged 4 rejects again by today's rules: 1 loaded" in result.steps
    assert fetch(old, "SELECT DISTINCT artist_name FROM songplays WHERE user_id IN (20, 21)") == [("Bj\u00f6rk",)]
    assert fetch(old, "SELECT artist_name, song_title FROM songplays WHERE session_id = 919") == [("311", "Uprising")]
    assert fetch(old, "SELECT read, loaded, rejected, repaired, shape FROM load_files WHERE source_id = 1") == [
        (24, 23, 1, 2, "lines")
    ]
    reasons = {reject["reason"] for reject in sparkify.list_rejects(old)}
    assert reasons == {"missing:userId", "missing:song_id", "out_of_range:ts"}
    assert [broken for broken in sparkify.check(old) if not broken.passed and broken.check.severity == "fail"] == []
    assert sparkify.migrate(old).status == "nothing_to_do"


def test_rejects_wait_for_a_replay_where_nothing_can_be_appended(make_warehouse: Factory, old: Config) -> None:
    # Only Redshift needs a stage.
    waits = make_warehouse.engine == "redshift"
    steps = sparkify.migrate(structs.replace(old, stage=None)).steps
    why = "4 rejects of older rules were not judged again, for a load into Redshift needs"
    assert any(step.startswith(why) for step in steps) == waits
    assert sparkify.replay(old).records["replayed"] == 4


# ---- killed ----


def state_of(config: Config) -> Any:
    """All that a migration changes: the version, the columns, the views, and every row."""
    with open_warehouse(config, read_only=True) as warehouse:
        version = read_version(warehouse)
        # Redshift's lock is made for itself, whatever becomes of the migration.
        columns = [column for column in warehouse.fetch(_COLUMNS) if column[0] in (*CREATION_ORDER, *VIEWS)]
        present = sorted({table for table, *_ in columns})
        rows = {name: sort_rows(warehouse.fetch(f"SELECT * FROM {name}")) for name in present if name in TABLES}
        return version, columns, rows


def test_kill_at_any_statement_of_a_migration(make_warehouse: Factory, old: Config) -> None:
    before = state_of(old)
    with make_warehouse.copy(old) as control:
        sparkify.migrate(control)
        after = state_of(control)
    assert after != before
    number, seen, ended = 1, set(), False
    while not ended:
        with make_warehouse.copy(old) as killed:
            ended = not was_killed(killed, "migrate", number)
            make_warehouse.wait_until_left(killed)
            left = state_of(killed)
            assert left in (before, after), number
            seen.add(left == after)
            sparkify.migrate(killed)
            assert state_of(killed) == after
        number += EVERY
    assert number > 60
    assert seen == {False, True}


# ---- what is not ours, or not yet ----


def test_newer_warehouse(fresh: Config) -> None:
    with open_warehouse(fresh) as warehouse:
        warehouse.execute(f"UPDATE warehouse_version SET layout = {LAYOUT + 1}, program = '9.9'")
    before = snapshot(fresh)
    for verb in (sparkify.load, sparkify.status, sparkify.check, sparkify.replay, sparkify.migrate, sparkify.rebuild):
        with pytest.raises(VersionError, match=rf"has layout {LAYOUT + 1}, made by sparkify 9.9.*update sparkify"):
            verb(fresh)
    assert snapshot(fresh) == before


def test_database_without_our_tables(config: Config) -> None:
    with open_warehouse(config) as warehouse:
        warehouse.execute("CREATE TABLE invoices (number INTEGER)")
    for verb in (sparkify.status, sparkify.check, sparkify.replay, sparkify.rebuild, sparkify.migrate):
        with pytest.raises(NoWarehouseError, match=r"holds other tables \(invoices\) and none of sparkify's"):
            verb(config)


FOREIGN = {
    "users": "CREATE TABLE users (user_id INTEGER, first_name TEXT, last_name TEXT, gender TEXT, level TEXT)",
    "events": "CREATE TABLE events (user_id INTEGER, level TEXT)",
    "songs": "CREATE VIEW songs AS SELECT 5 AS number",
    "plays": "CREATE VIEW plays AS SELECT 5 AS number",
    "sparkify_touched_users": "CREATE TABLE sparkify_touched_users (user_id INTEGER, level TEXT)",
    "judged": "CREATE TABLE judged (number INTEGER, name TEXT)",
    "sparkify_before_users": "CREATE TABLE sparkify_before_users (number INTEGER, name TEXT)",
    "warehouse_version": "CREATE TABLE warehouse_version (number INTEGER, name TEXT)",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_tables_of_the_same_names(config: Config, name: str) -> None:
    with open_warehouse(config) as warehouse:
        warehouse.execute(FOREIGN[name])
        if "VIEW" not in FOREIGN[name]:
            columns = "(user_id, level)" if name == "users" else ""
            warehouse.execute(f"INSERT INTO {name} {columns} VALUES (5, 'mine')")
    write_file(log_file(config), [play()])
    for verb in (sparkify.load, sparkify.create, lambda config: sparkify.create(config, drop=True), sparkify.status):
        with pytest.raises(
            NoWarehouseError, match=rf"has other tables with the names of sparkify's tables \({name}\); rename or drop"
        ):
            verb(config)
    with open_warehouse(config, read_only=True) as warehouse:
        assert [row[0] for row in warehouse.fetch(f"SELECT * FROM {name}")] == [5]
        assert warehouse.list_tables() == ({name} if "TABLE" in FOREIGN[name] else set())


def test_warehouse_of_before_the_first_layout(old: Config) -> None:
    with open_warehouse(old) as warehouse:
        warehouse.execute("ALTER TABLE load_history DROP COLUMN detail")
    for verb in (sparkify.status, sparkify.load, sparkify.check):
        with pytest.raises(VersionError, match=r"before 0\.1\.0"):
            verb(old)


# ---- the star's SQL, and the rules ----


def test_other_sql_of_the_star_is_recomputed_by_the_next_load(fresh: Config) -> None:
    before = content_of(fresh)
    with open_warehouse(fresh) as warehouse:
        warehouse.execute("UPDATE warehouse_version SET star = 'another'")
        warehouse.execute("UPDATE users SET level = 'FREE'")
        warehouse.execute("DELETE FROM time")
    write_file(log_file(fresh, "day3.json"), [play(userId=77)])
    sparkify.load(fresh)
    sparkify.undo(fresh, 4)
    assert {table: content_of(fresh)[table] for table in STAR} == {table: before[table] for table in STAR}


def test_rebuild_says_what_it_changes(fresh: Config) -> None:
    before = content_of(fresh)
    with open_warehouse(fresh) as warehouse:
        warehouse.execute("UPDATE users SET level = 'FREE' WHERE user_id = 15")
        warehouse.execute("DELETE FROM time WHERE hour >= 0")
    broken = content_of(fresh)
    steps: list[str] = []
    tried = sparkify.rebuild(fresh, dry_run=True, on_step=steps.append)
    assert tried.status == "would_rebuild"
    assert list(tried.tables) == list(STAR)
    assert {
        name: (table.before, table.after, table.changed) for name, table in tried.tables.items() if table.changed
    } == {"users": (21, 21, 1), "time": (0, 23, 23)}
    assert steps[0] == f"computing {STAR[0]} (1 of {len(STAR)})"
    assert content_of(fresh) == broken
    assert sparkify.rebuild(fresh).tables == tried.tables
    assert content_of(fresh) == before


def test_files_read_by_other_rules_are_read_again_when_asked(fresh: Config) -> None:
    before = content_of(fresh)
    with open_warehouse(fresh) as warehouse:
        warehouse.execute("UPDATE load_files SET rules = 'another' WHERE url LIKE '%day1.json'")
    log_file(fresh, "day3.json").unlink()
    assert [(file.state, Path(file.url).name) for file in sparkify.plan(fresh) if file.state == "to_reread"] == [
        ("to_reread", "day1.json")
    ]
    assert (pending := sparkify.status(fresh).pending) is not None
    assert pending["to_reread"] == 1
    left = sparkify.load(fresh)
    assert (left.status, left.files["to_reread"]) == ("nothing_to_do", 1)
    assert "1 file read by other rules than today's: " in left.warnings[0]
    assert "load --reread reads them again" in left.warnings[0]
    read = sparkify.load(fresh, reread=True)
    assert (read.status, read.files["changed"], read.files["to_reread"]) == ("loaded", 1, 0)
    assert sparkify.load(fresh).warnings == []
    assert {table: content_of(fresh)[table] for table in STAR} == {table: before[table] for table in STAR}


def test_vanished_file_of_other_rules_is_named_and_stays(fresh: Config) -> None:
    before = content_of(fresh)
    with open_warehouse(fresh) as warehouse:
        warehouse.execute("UPDATE load_files SET rules = 'another' WHERE url LIKE '%day1.json'")
    log_file(fresh, "day3.json").unlink()
    log_file(fresh, "day1.json").unlink()
    result = sparkify.load(fresh, reread=True)
    assert result.status == "nothing_to_do"
    assert "1 file read by other rules than today's and no longer at the source" in result.warnings[0]
    assert "day1.json; the rows stay as they are" in result.warnings[0]
    assert {table: content_of(fresh)[table] for table in STAR} == {table: before[table] for table in STAR}


# ---- migrations as text ----


def test_migrations_are_numbered_without_a_gap() -> None:
    assert list(list_migrations()) == list(range(2, LAYOUT + 1))


def test_added_column_has_the_encoding_of_a_new_table() -> None:
    (name,) = (name for layout, name in list_migrations().items() if layout == 2)
    assert migration_sql(name, "redshift")[0].endswith(
        "ALTER TABLE load_files ADD COLUMN rules VARCHAR(64) ENCODE ZSTD"
    )
    assert migration_sql(name, "duckdb")[0].endswith("ALTER TABLE load_files ADD COLUMN rules VARCHAR(64)")
