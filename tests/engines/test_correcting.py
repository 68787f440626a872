"""Undo and replay on every engine: afterwards the warehouse equals one fresh load of what the ledger still holds."""

from __future__ import annotations

from pathlib import Path

import pytest

import sparkify
from sparkify.errors import UsageError
from sparkify.settings import Config
from sparkify.warehouses import open_warehouse
from tests.support import (
    event,
    expected_star,
    failing_checks,
    fetch,
    log_file,
    play,
    read_star,
    snapshot,
    song,
    song_file,
    write_file,
)


def write_first(config: Config) -> None:
    write_file(log_file(config, "a.json"), [play(), play(userId=2, song="Starlight"), "no JSON"])
    write_file(log_file(config, "b.json"), [event(itemInSession=item) for item in range(30)])
    write_file(song_file(config), [song()])


def statuses(config: Config) -> list[tuple[object, ...]]:
    return fetch(config, "SELECT load_id, status, superseded_by FROM load_files ORDER BY source_id")


# ---- undo ----


def test_undo_leaves_what_the_other_loads_brought(config: Config) -> None:
    write_first(config)
    sparkify.load(config)
    star = read_star(config)
    late = write_file(log_file(config, "late.json"), [play(userId=2, level="paid", ts=1_542_000_000_123), "bad"])
    catalogue = write_file(song_file(config, "more.json"), [song(song_id="SO2", title="Starlight")])
    sparkify.load(config)
    assert read_star(config) != star
    result = sparkify.undo(config, 2)
    assert (result.status, result.records) == ("undone", {"loaded": 2, "rejected": 1})
    assert sorted(result.pending) == sorted([str(late), str(catalogue)])
    assert result.replaced == []
    assert read_star(config) == star
    assert failing_checks(config) == []
    assert sparkify.list_rejects(config, load_id=2) == []
    assert {file.url: file.state for file in sparkify.plan(config) if file.is_pending} == dict.fromkeys(
        result.pending, "new"
    )
    assert sparkify.load(config).load_id == 3
    assert read_star(config) == expected_star(config)


def test_undo_of_all_leaves_nothing(config: Config) -> None:
    write_first(config)
    sparkify.load(config)
    sparkify.undo(config, 1)
    tables = snapshot(config)
    assert [name for name, rows in tables.items() if rows] == ["load_history", "load_files"]
    assert sparkify.load(config).records == {"read": 34, "loaded": 33, "rejected": 1, "repaired": 0}
    assert read_star(config) == expected_star(config)


def test_undo_of_a_replacement_leaves_neither_content(config: Config) -> None:
    write_first(config)
    sparkify.load(config)
    changed = write_file(log_file(config, "a.json"), [play(userId=7)])
    sparkify.load(config)
    result = sparkify.undo(config, 2)
    assert result.replaced == [str(changed)]
    assert fetch(config, "SELECT count(*) FROM songplays") == [(0,)]
    assert statuses(config) == [(1, "superseded", 2), (1, "loaded", None), (1, "loaded", None), (2, "undone", None)]
    assert failing_checks(config) == []
    sparkify.load(config)
    assert read_star(config) == expected_star(config)


def test_dry_run_changes_nothing(config: Config) -> None:
    write_first(config)
    sparkify.load(config)
    before = snapshot(config)
    result = sparkify.undo(config, 1, dry_run=True)
    assert (result.status, result.records, len(result.pending)) == ("would_undo", {"loaded": 33, "rejected": 1}, 3)
    assert snapshot(config) == before


def test_what_cannot_be_undone_is_reported(config: Config) -> None:
    write_file(log_file(config, "a.json"), [play()])
    sparkify.load(config)
    write_file(log_file(config, "a.json"), [play(userId=2)])
    sparkify.load(config)
    with pytest.raises(UsageError, match="nothing of load 1 is left to undo: load 2 replaced its files"):
        sparkify.undo(config, 1)
    with pytest.raises(UsageError, match="there is no load 3; sparkify status lists them"):
        sparkify.undo(config, 3)
    sparkify.undo(config, 2)
    with pytest.raises(UsageError, match="load 2 is undone already"):
        sparkify.undo(config, 2)


# ---- replay ----


def reject_good_records(config: Config) -> None:
    """The state left by an older version with stricter rules: good records among the rejects."""
    with open_warehouse(config) as engine:
        engine.execute(
            'INSERT INTO rejected_records (source_id, load_id, dataset, url, line, reason, "raw") '
            "SELECT source_id, load_id, dataset, url, 500, 'too_long:song', "
            '\'{"page":"NextSong","ts":1541105830796,"sessionId":9,"itemInSession":0,"userId":5,'
            '"song":"Uprising","artist":"Muse"}\' FROM load_files WHERE source_id = 1'
        )
        engine.execute("UPDATE load_files SET read = read + 1, rejected = rejected + 1 WHERE source_id = 1")
        engine.execute("UPDATE load_history SET read = read + 1, rejected = rejected + 1")


def test_replay_lets_in_what_passes_today(config: Config) -> None:
    write_first(config)
    sparkify.load(config)
    reject_good_records(config)
    assert failing_checks(config) == []
    result = sparkify.replay(config)
    assert (result.status, result.records) == ("replayed", {"replayed": 2, "loaded": 1, "rejected": 1})
    assert result.reasons == {"not_json": 1}
    assert fetch(config, "SELECT song_id, artist_id FROM songplays WHERE user_id = 5") == [("SO1", "AR1")]
    assert fetch(config, "SELECT read, loaded, rejected FROM load_files WHERE source_id = 1") == [(4, 3, 1)]
    assert fetch(config, "SELECT read, loaded, rejected FROM load_history") == [(35, 34, 1)]
    assert failing_checks(config) == []
    assert sparkify.replay(config).records == {"replayed": 1, "loaded": 0, "rejected": 1}


def test_replay_keeps_what_is_still_bad_as_it_was(config: Config) -> None:
    write_file(log_file(config), [play(), b'{"page": "\xff"}', "no JSON", play(ts=5), '{"nul": "\\u0000"}', b"{}\0"])
    sparkify.load(config)
    before = snapshot(config)
    result = sparkify.replay(config)
    # A byte that is not UTF-8 or is zero is not kept as it was.
    assert result.records == {"replayed": 3, "loaded": 0, "rejected": 3}
    assert snapshot(config) == before


def test_dry_run_shows_what_would_be_judged(config: Config) -> None:
    write_file(log_file(config), [play(), b'{"page": "\xff"}', "no JSON", "nor this", play(ts=5)])
    write_file(song_file(config), [song(), "[]"])
    sparkify.load(config)
    before = snapshot(config)
    result = sparkify.replay(config, dry_run=True)
    assert (result.status, result.records) == ("would_replay", {"replayed": 4})
    assert result.reasons == {"not_json": 2, "out_of_range:ts": 1, "not_object": 1}
    assert snapshot(config) == before


def test_replay_of_more_than_are_fetched_at_a_time(config: Config) -> None:
    """Each record once, whichever slice it is in."""
    write_file(log_file(config), [play(), *("no JSON" for _ in range(8_000)), "\ttabs and a return\r\r"])
    sparkify.load(config)
    with open_warehouse(config) as engine:
        engine.execute(
            'UPDATE rejected_records SET "raw" = $1 || cast(line AS VARCHAR) || $2 WHERE line BETWEEN 100 AND 8000',
            ['{"page":"Home","ts":1541105830796,"sessionId":9,"itemInSession":', ',"userId":7,"level":"paid"}'],
        )
    rejects = sparkify.list_rejects(config)
    assert sparkify.replay(config).records == {"replayed": 8_001, "loaded": 7_901, "rejected": 100}
    assert fetch(config, 'SELECT count(DISTINCT itemInSession), max("line") FROM staging_events') == [(7_902, 8_000)]
    kept = [reject for reject in rejects if not 100 <= reject["line"] <= 8_000]
    assert sparkify.list_rejects(config) == kept
    assert kept[-1]["raw"] == "\ttabs and a return\r"
    assert failing_checks(config) == []


def test_replay_of_nothing(config: Config) -> None:
    write_file(log_file(config), [play()])
    sparkify.load(config)
    before = snapshot(config)
    assert sparkify.replay(config).status == "nothing_to_do"
    assert snapshot(config) == before


# ---- fixing rejects ----


def test_exported_rejects_can_be_fixed_and_loaded(config: Config, tmp_path: Path) -> None:
    write_file(log_file(config), [play(), play(userId=None, itemInSession=1), play(ts="soon")])
    sparkify.load(config)
    found = sparkify.list_rejects(config, dataset="events", url=str(log_file(config)))
    assert [reject["reason"] for reject in found] == ["bad_type:ts", "missing:userId"][::-1]
    fixed = "".join(reject["raw"] + "\n" for reject in found)
    fixed = fixed.replace('"userId": null', '"userId": 3').replace('"soon"', "1541105830797")
    log_file(config, "fixed.json").write_text(fixed, encoding="utf-8")
    assert sparkify.load(config).records == {"read": 2, "loaded": 2, "rejected": 0, "repaired": 0}
    assert fetch(config, "SELECT count(*) FROM songplays") == [(3,)]
    assert sparkify.list_rejects(config, url=str(log_file(config, "fixed.json"))) == []
