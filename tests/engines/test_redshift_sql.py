"""The SQL that Redshift gets: the statements on file, those printed, and those that a server received are the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import obstore
import pytest
from msgspec import structs

from sparkify import model, pipeline, script
from sparkify.engines import open_engine
from sparkify.settings import Config
from sparkify.sql import create_sql, read_sql
from tests.engines.conftest import ROLE, redshift_config
from tests.engines.statements import FOLDER, render_files
from tests.redshift.server import Redshift
from tests.s3_server import BUCKET, S3Server
from tests.support import event, log_file, play, song, song_file, to_lines, write_file


@pytest.fixture
def config(redshift: Redshift, tmp_path: Path) -> Config:
    return redshift_config(redshift, tmp_path)


def received(redshift: Redshift) -> list[str]:
    """What the stand-in received, with one row for many and brackets for what only a run knows."""
    found = []
    for sql in redshift.statements:
        sql = re.sub(r"(?s)(\nVALUES \([^)]*\)).*", r"\1", sql)
        sql = re.sub(r"s3://[^']*/\.sparkify/[^/]+/[0-9a-f]{32}", "<stage>/.sparkify/<warehouse>/<load>", sql)
        found.append(re.sub(r"<load>/\d+\.manifest", "<load>/<source_id>.manifest", sql))
    return found


# ---- what is on file ----


@pytest.mark.parametrize("name", sorted(render_files()))
def test_statements_on_file_are_those_of_today(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert text == render_files()[name], "run `make docs`, and review the difference"


def test_no_other_statements_are_on_file() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(render_files())


# ---- what is sent ----


def test_create_sends_what_is_printed(redshift: Redshift, config: Config) -> None:
    pipeline.create(config)
    assert received(redshift) == script.create_statements()
    with open_engine(config) as engine, engine.load_transaction():
        pass
    redshift.statements.clear()
    pipeline.create(config, drop=True)
    assert received(redshift) == script.create_statements(drop=True)


def test_loads_send_what_is_printed(redshift: Redshift, config: Config) -> None:
    write_file(log_file(config, "a.json"), [play(), "no JSON"])
    write_file(log_file(config, "b.json"), [event(itemInSession=item) for item in range(20)])
    write_file(song_file(config), [song(), song(title=None)])
    pipeline.create(config)
    redshift.statements.clear()
    pipeline.load(config)
    assert after_load(redshift) == script.load_statements(config, rebuild=True)
    redshift.statements.clear()
    write_file(log_file(config, "a.json"), [play(userId=2), "nor this"])
    write_file(song_file(config), [song(year=2010), song(title=None)])
    pipeline.load(config)
    later = script.load_statements(config, rebuild=False, replaces=True)
    assert after_load(redshift) == [sql for sql in later if not sql.startswith("CREATE TABLE IF NOT EXISTS load_lock")]


def after_load(redshift: Redshift) -> list[str]:
    """What a load sent, without the queries that make its result and show examples of what warnings found."""
    sent = [sql for sql in received(redshift) if not sql.startswith("SELECT * FROM")]
    return sent[: max(place for place, sql in enumerate(sent) if sql.endswith("AS broken")) + 1]


def test_direct_load_sends_what_is_printed(redshift: Redshift, config: Config, s3_server: S3Server) -> None:
    store = s3_server.open_store()
    for name, record in (("log_data", play()), ("song_data", song())):
        obstore.put(store, f"sent/{name}/a.json", to_lines([record]))
    roots = {"log_data": f"s3://{BUCKET}/sent/log_data", "song_data": f"s3://{BUCKET}/sent/song_data"}
    config = structs.replace(config, **roots)
    pipeline.create(config)
    redshift.statements.clear()
    pipeline.load(config, direct=True)
    assert after_load(redshift) == script.load_statements(config, rebuild=True, direct=True)


@pytest.mark.parametrize("rebuild", [False, True], ids=["refresh", "rebuild"])
def test_undo_and_replay_send_what_is_printed(redshift: Redshift, config: Config, rebuild: bool) -> None:
    # Of each dataset one reject passes today and one stays, so that there are rows of both to copy.
    write_file(log_file(config, "a.json"), [play(), "no JSON", "nor this"])
    write_file(song_file(config), [song(), "no JSON", "nor this"])
    if not rebuild:
        write_file(log_file(config, "b.json"), [event(itemInSession=item) for item in range(20)])
    pipeline.load(config)
    with open_engine(config) as engine:
        for dataset, record in (("events", play(userId=3)), ("songs", song(year=1))):
            sql = 'UPDATE rejected_records SET "raw" = $1 WHERE line = 2 AND dataset = $2'
            engine.execute(sql, [json.dumps(record), dataset])
    redshift.statements.clear()
    assert pipeline.replay(config).records == {"replayed": 4, "loaded": 2, "rejected": 2}
    assert up_to_commit(redshift) == script.replay_statements(config, rebuild=rebuild)
    if not rebuild:
        write_file(log_file(config, "c.json"), [play(userId=5)])
        pipeline.load(config)
    redshift.statements.clear()
    pipeline.undo(config, 1 if rebuild else 2)
    assert up_to_commit(redshift) == script.undo_statements(config, rebuild=rebuild)


def up_to_commit(redshift: Redshift) -> list[str]:
    """What was sent before the result was made."""
    sent = received(redshift)
    return sent[: sent.index("COMMIT") + 1]


def test_check_sends_what_is_printed(redshift: Redshift, config: Config) -> None:
    pipeline.create(config)
    redshift.statements.clear()
    pipeline.check(config)
    assert received(redshift) == script.check_statements()


def test_star_is_computed_by_the_text_of_every_engine() -> None:
    shared = {read_sql(f"tables/{table}/{step}") for table in model.STAR for step in ("delete", "load")}
    assert shared <= set(script.load_statements(Config(), rebuild=False))


# ---- the tables of both engines ----

_TYPES = r"DOUBLE PRECISION|VARCHAR\(\d+\)|CHAR\(\d+\)|[A-Z]+"


def columns_of(table: str, dialect: str) -> list[tuple[str, str, bool]]:
    found = re.findall(rf'(?m)^    "?(\w+)"? ({_TYPES})( NOT NULL)?', create_sql(table, dialect))
    return [(name, kind, bool(needed)) for name, kind, needed in found if kind not in ("KEY",)]


@pytest.mark.parametrize("table", model.TABLES)
def test_tables_of_both_engines_are_alike(table: str) -> None:
    ours = columns_of(table, "duckdb")
    assert [column for column in columns_of(table, "redshift") if column[0] not in ("PRIMARY", "FOREIGN")] == ours
    assert len(ours) > 4


@pytest.mark.parametrize("table", model.TABLES)
def test_table_as_redshift_made_it(redshift: Redshift, config: Config, table: str) -> None:
    """Names, order, types and lengths, as the server tells them."""
    pipeline.create(config)
    with redshift.connect_postgres(config.warehouse_address.rpartition("/")[2]) as connection:
        made = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND table_schema = 'public' "
            "ORDER BY ordinal_position",
            [table],
        ).fetchall()
    assert [str(name) for (name,) in made] == [name.lower() for name, _, _ in columns_of(table, "duckdb")]


@pytest.mark.parametrize("table", model.TABLES)
def test_no_trap_in_the_types(table: str) -> None:
    text = create_sql(table, "redshift")
    assert not re.search(r"\b(DECIMAL|NUMERIC|TEXT|REAL|FLOAT|IDENTITY)\b", text)
    assert all(re.fullmatch(r"VARCHAR\(\d+\)|CHAR\(32\)", kind) for kind in re.findall(r"V?A?R?CHAR\b\(?\d*\)?", text))
    # Once one column's encoding is named, the others' are no longer chosen.
    assert text.count(" ENCODE ") == len(columns_of(table, "duckdb"))
    assert "SORTKEY" in text
    assert "DISTSTYLE" in text


def test_role_is_named_and_no_key(config: Config) -> None:
    statements = script.load_statements(config, rebuild=True)
    copies = [sql for sql in statements if sql.startswith("COPY")]
    assert all(f"IAM_ROLE '{ROLE}'" in sql for sql in copies)
    assert all("IAM_ROLE default" in sql for sql in script.load_statements(Config(), rebuild=True) if "COPY " in sql)
    assert not any(word in sql for sql in statements for word in ("CREDENTIALS", "ACCESS_KEY", "TRUNCATE"))
