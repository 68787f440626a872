"""A load that several machines share: the same star, ledger and rejects as one process, whatever is killed."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import obstore
import pytest
from msgspec import structs

import sparkify
from sparkify.datasets import Dataset, Key
from sparkify.errors import UsageError
from sparkify.loads.chosen import ChosenFiles
from sparkify.loads.shares import choose_share, parse_part, read_plan, save_plan, stage
from sparkify.settings import Config
from sparkify.sources.file import SourceFile
from tests.engines.commands import ROOT, run_here, variables_of
from tests.engines.conftest import redshift_config
from tests.engines.crash import EVERY, prepare, rows_of, was_killed
from tests.redshift.server import Redshift
from tests.s3_server import S3Server
from tests.support import (
    expected_star,
    failing_checks,
    fetch,
    log_file,
    new_warehouse,
    play,
    read_star,
    song,
    song_file,
    write_file,
)


def write_more(config: Config) -> None:
    """Files of different sizes, each with a reject."""
    for number in range(6):
        records = [play(itemInSession=item, userId=10 + number, other=1) for item in range(2 + 7 * number)]
        write_file(log_file(config, f"more/{number}.json"), [*records, f"reject {number}"])
        write_file(song_file(config, f"more/{number}.json"), [song(song_id=f"SO{number}", title=f"Song {number}")])


@pytest.fixture
def config(redshift: Redshift, tmp_path: Path) -> Config:
    return redshift_config(redshift, tmp_path)


@pytest.fixture
def plan(config: Config, tmp_path: Path) -> Path:
    """A saved plan of a first load."""
    sparkify.create(config)
    write_more(config)
    file = tmp_path / "plan.json"
    save_plan(config, file)
    return file


def staged_keys(s3_server: S3Server, config: Config) -> list[str]:
    database = config.warehouse_address.rpartition("/")[2]
    store = s3_server.open_store()
    keys = [meta["path"] for page in obstore.list(store, prefix="stage") for meta in page]
    return [key for key in keys if f"-{database}-" in key]


def start(config: Config, *arguments: str | Path) -> subprocess.Popen[str]:
    """A command as its own process. It has the settings of the stage and the sources, and no warehouse."""
    variables = variables_of(structs.replace(config, warehouse=None, db_password=None, log_data=None, song_data=None))
    return subprocess.Popen(
        [sys.executable, "-m", "sparkify", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_parts_of_four_processes_are_one_load(
    redshift: Redshift, config: Config, tmp_path: Path, s3_server: S3Server
) -> None:
    # Two loads, and then a replaced file, a new one and one that moved.
    prepare(config, "load")
    write_more(config)
    server, _, database = config.warehouse_address.rpartition("/")
    control = config.at(f"{server}/{redshift.new_database(template=database)}")
    assert sparkify.load(control).status == "loaded"
    before, expected = rows_of(config), rows_of(control)
    plan = tmp_path / "plan.json"
    planned = save_plan(config, plan)
    # One is killed at its steps, and repeated.
    number = 1
    while was_killed(config, f"stage {plan} 3/4", number):
        number += EVERY
    assert number > EVERY
    running = [start(config, "stage", "--plan", plan, "--part", f"{part}/4", "--json") for part in (1, 2, 3, 4)]
    outs = [process.communicate(timeout=100) for process in running]
    assert [process.returncode for process in running] == [0] * 4, outs
    told = [json.loads(out) for out, _ in outs]
    assert [one["part"] for one in told] == ["1/4", "2/4", "3/4", "4/4"]
    assert sum(one["files"] for one in told) == len(planned.pending)
    # The load is killed at its statements, and repeated, in the same warehouse with the same parts.
    number = 1
    while rows_of(config) == before:
        was_killed(config, f"staged {plan}", number)
        number += EVERY
    assert number > EVERY + 1
    assert rows_of(config) == expected
    assert read_star(config) == expected_star(config)
    assert failing_checks(config) == []
    ((last,),) = fetch(config, "SELECT max(load_id) FROM load_history")
    assert last > 3
    rejects = fetch(config, "SELECT DISTINCT load_id FROM rejected_records WHERE \"raw\" LIKE 'reject %'")
    assert rejects == [(last,)]
    assert sparkify.load(config).status == "nothing_to_do"
    with pytest.raises(UsageError, match="the ledger has overtaken the plan"):
        sparkify.load(config, staged=plan)


def test_what_does_not_fit_is_a_sentence(config: Config, plan: Path, tmp_path: Path, s3_server: S3Server) -> None:
    assert config.db_password is not None
    assert config.db_password.reveal() not in plan.read_text()

    def refused(**settings: object) -> str:
        with pytest.raises(UsageError) as found:
            sparkify.load(structs.replace(config, **settings), staged=plan)
        return str(found.value)

    assert re.match(
        rf"no part of the plan {plan} is staged; run sparkify stage --plan {plan} --part 1/1, or", refused()
    )
    stage(config, plan, "2/3")
    assert re.match(rf"2 parts of the plan {plan} not staged: 1/3, 3/3; run sparkify stage --plan", refused())
    assert "is for the warehouse redshift://" in refused(stage=f"{config.stage}/other")
    keys = {"length": Key("duration")}
    assert "with other rules or keys than those of this one" in refused(event_keys=keys)
    with pytest.raises(UsageError, match=r"the same \[EVENT_KEYS\] and \[SONG_KEYS\] everywhere"):
        stage(structs.replace(config, event_keys=keys), plan, "1/3")
    # What was noted of a part is the last thing of it. Somebody deletes what was noted.
    for part in ("1/3", "3/3"):
        stage(config, plan, part)
    store = s3_server.open_store()
    lost = next(key for key in staged_keys(s3_server, config) if "/part-3-of-3-" in key)
    obstore.delete(store, [lost])
    assert re.match(r"part 3/3 of the plan .* is not complete in the stage; stage it again with", refused())
    assert fetch(config, "SELECT count(*) FROM load_history") == [(0,)]
    for text in ("", "2", "0/4", "5/4", "1/0", "1/99999", "a/b"):
        with pytest.raises(UsageError, match="is no part; give its number and how many there are, such as 2/4"):
            parse_part(text)
    for content, words in (
        (b"{}", "is no plan of sparkify; write it anew"),
        (b'{"format":"sparkify plan","version":2}', "is damaged, or of another version of sparkify"),
    ):
        (tmp_path / "other.json").write_bytes(content)
        with pytest.raises(UsageError, match=words):
            stage(config, tmp_path / "other.json", "1/1")
    with pytest.raises(UsageError, match=r"the plan /nowhere cannot be read: No such file or directory"):
        stage(config, "/nowhere", "1/1")


def test_changed_file_fails_alone_and_another_load_overtakes(config: Config, plan: Path, s3_server: S3Server) -> None:
    changed = write_file(log_file(config, "more/2.json"), [play(userId=99)])
    ran = run_here("stage", "--plan", plan, "--part", "1/1")
    assert (ran.code, ran.out[:18]) == (3, "staged part 1/1: 1")
    assert "the other files of the part are staged. Stage it again once it can be read, or load without it" in ran.err
    staged = stage(config, plan, "1/1")
    assert staged.errors == [f"cannot read {changed}: it has changed since it was listed; the next load will take it"]
    result = sparkify.load(config, staged=plan)
    assert (result.status, result.errors, result.files["failed"]) == ("partial", staged.errors, 1)
    assert result.files["unchanged"] == read_plan(plan).counts["unchanged"]
    assert staged_keys(s3_server, config) == []
    again = plan.with_name("again.json")
    assert save_plan(config, again).count_states()["new"] == 1
    stage(config, again, "1/1")
    # An ordinary load takes the file first.
    assert sparkify.load(config).status == "loaded"
    with pytest.raises(UsageError, match="the ledger has overtaken the plan"):
        sparkify.load(config, staged=again)
    assert read_star(config) == expected_star(config)
    assert failing_checks(config) == []


def test_embedded_warehouse_has_no_parts(tmp_path: Path) -> None:
    config = new_warehouse(tmp_path)
    write_file(log_file(config), [play()])
    sparkify.load(config)
    with pytest.raises(UsageError, match="several machines can load together into Redshift only"):
        save_plan(config, tmp_path / "plan.json")
    assert not (tmp_path / "plan.json").exists()


SIZES = [0, 10, 5_000, 70_000, 70_001, 2_000_000, 3, 3]


def test_each_file_is_in_one_part_and_parts_are_of_about_one_size() -> None:
    files = [SourceFile(f"/{number}", size, None, dt.datetime(2018, 11, 1)) for number, size in enumerate(SIZES)]
    chosen: dict[Dataset, ChosenFiles] = {"events": ChosenFiles(7, files[:6]), "songs": ChosenFiles(13, files[6:])}
    every = [pair for some in chosen.values() for pair in some]
    for count in (1, 2, 3, 40):
        parts = [choose_share(chosen, number, count) for number in range(1, count + 1)]
        assert sorted(pair for part in parts for pairs in part.values() for pair in pairs) == every
        sizes = [sum(file.size + 16_384 for pairs in part.values() for _, file in pairs) for part in parts]
        # No other rule of this kind does better than by one file.
        assert max(sizes) <= sum(sizes) / count + max(SIZES) + 16_384
