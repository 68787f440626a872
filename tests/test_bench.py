"""The code of the benchmarks, on a tiny corpus, with the contenders that need no other environment."""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import psutil
import pytest

from bench import check, cores, dialects, growth, load, results, storage, xl
from bench.contest import CONTENDERS, FACTS, OURS, Facts, compare_facts, find_missing, read_facts
from bench.corpora import DIALECTS, Corpus, make_corpus, make_dialect
from bench.handwritten import build
from bench.picture import draw_growth
from bench.processes import HERE, LimitExceeded, run
from sparkify.simulator import SimulateOptions

pytestmark = pytest.mark.slow

OPTIONS = SimulateOptions(events=300, users=10, days=2, songs=40)
HERE_AND_NOW = [OURS, "handwritten", "floor", "postgres"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def corpus(folder: Path) -> Corpus:
    return make_corpus(folder / "corpus", OPTIONS)


@pytest.fixture(scope="module")
def found(corpus: Corpus, folder: Path) -> dict[str, Any]:
    """What two rounds of a contest gave."""
    return load.measure(corpus, HERE_AND_NOW, 2, folder)


@pytest.fixture(scope="module")
def grown(corpus: Corpus, folder: Path) -> dict[str, Any]:
    """What one round of growth gave, with one corpus under two names."""
    corpora = {"S": corpus, "M": make_corpus(folder / "larger", SimulateOptions(events=600, users=10, songs=40))}
    return growth.measure(corpora, growth.make_day(folder, 50), 1, folder)


@pytest.fixture
def facts(corpus: Corpus, tmp_path: Path) -> tuple[Path, Facts]:
    """A warehouse of the hand-written script, and its facts."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        build(connection, f"{corpus.log_data}/**/*.json", f"{corpus.song_data}/**/*.json")
    return path, read_facts("duckdb", str(path))


def made_up(**figures: tuple[float, ...]) -> dict[str, Any]:
    """A result of contenders with these wall times, round by round."""
    return {
        "machine": {"cores": 2, "memory_gb": 8, "system": "Linux", "python": "3.11.7", "duckdb": "2.0.0"},
        "events": 1_000_000, "songs": 15_000, "bytes": 475_000_000, "files": 7, "rounds": 3, "left_out": {},
        "runs": {
            name: [{"wall": wall, "cpu": wall * 2, "peak": wall * 1_000} for wall in walls]
            for name, walls in figures.items()
        },
        "rows": {"users": 1_200, "songs": 30},
    }  # fmt: skip


# ---- corpora ----


def test_a_corpus_is_made_once_for_its_options(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", OPTIONS)
    mark = corpus.log_files[0]
    mark.write_bytes(b"")
    assert make_corpus(tmp_path / "corpus", OPTIONS).log_files[0].read_bytes() == b""
    other = SimulateOptions(events=301, users=10, days=2, songs=40)
    lines = [
        line for path in make_corpus(tmp_path / "corpus", other).log_files for line in path.read_bytes().splitlines()
    ]
    assert len(lines) == 301


def test_joined_songs_are_the_same_records(corpus: Corpus) -> None:
    (joined,) = Path(corpus.joined_songs).iterdir()
    single = [path.read_bytes().strip() for path in sorted(Path(corpus.song_data).rglob("*.json"))]
    assert joined.read_bytes().splitlines() == single
    assert len(single) == 40


# ---- the contest ----


def test_every_contender_runs_each_round_and_agrees(found: dict[str, Any], corpus: Corpus) -> None:
    assert {name: len(runs) for name, runs in found["runs"].items()} == dict.fromkeys(HERE_AND_NOW, 2)
    assert found["left_out"] == {}
    star = json.loads((corpus.folder / "truth.json").read_text())["star"]
    expected = {table: star[table] for table in ("songplays", "users", "songs", "artists", "time")}
    assert found["rows"] == {"staging_events": 300, "staging_songs": 40} | expected
    for runs in found["runs"].values():
        assert all(value > 0 for one in runs for value in one.values())


def test_nothing_is_left_of_a_run(found: dict[str, Any], folder: Path) -> None:
    assert not list(folder.glob("warehouse*"))
    assert not list(folder.glob("tables*"))


def test_a_contender_that_loses_a_row_is_caught(corpus: Corpus, tmp_path: Path) -> None:
    copy = Corpus(tmp_path / "corpus", corpus.events, corpus.songs)
    shutil.copytree(corpus.folder, copy.folder)
    joined = Path(copy.joined_songs) / "songs.json"
    joined.write_bytes(b"".join(joined.read_bytes().splitlines(keepends=True)[1:]))
    with pytest.raises(
        RuntimeError, match=r"the floor.* made other rows of staging_songs: .* gives \(39, .*not \(40, "
    ):
        load.measure(copy, [OURS, "floor"], 1, tmp_path)


@pytest.mark.parametrize("table", FACTS)
def test_a_lost_row_of_any_table_is_caught(facts: tuple[Path, Facts], table: str) -> None:
    path, before = facts
    compare_facts("handwritten", read_facts("duckdb", str(path)), before)
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"DELETE FROM {table} WHERE rowid = (SELECT min(rowid) FROM {table})")
    with pytest.raises(RuntimeError, match=f"hand-written script made other rows of {table}:"):
        compare_facts("handwritten", read_facts("duckdb", str(path)), before)


def test_parquet_is_read_from_a_file_or_a_folder_of_parts(facts: tuple[Path, Facts], tmp_path: Path) -> None:
    path, before = facts
    with duckdb.connect(str(path)) as connection:
        for place, table in enumerate(FACTS):
            target = tmp_path / f"tables/{table}.parquet" if place % 2 else tmp_path / f"tables/{table}/part.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            connection.execute(f"COPY {table} TO '{target}'")
    assert read_facts("parquet", str(tmp_path / "tables")) == before


def test_every_contender_has_its_script_and_its_lock() -> None:
    for contender in CONTENDERS.values():
        assert (HERE / contender.script).exists()
        if contender.locked:
            assert "--hash=sha256:" in (HERE / f"{contender.locked}.txt").read_text()


def test_only_pyspark_is_left_out_without_java(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert [name for name in CONTENDERS if find_missing(name)] == ["pyspark"]
    assert load.choose_contenders(["pyspark", "floor"]) == [OURS, "floor"]
    assert "there is no Java" in capsys.readouterr().err


# ---- processes ----


def test_what_a_child_takes_counts() -> None:
    child = "block = bytearray(200_000_000); import time; time.sleep(2)"
    command = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    assert run([sys.executable, "-c", command]).peak > 200


def test_what_the_measuring_process_holds_does_not_count() -> None:
    held = b"x" * 500_000_000
    assert 0 < run([sys.executable, "-c", "import time; time.sleep(0.5)"]).peak < 100
    assert held


def test_a_process_over_the_limit_is_ended_with_all_it_started(tmp_path: Path) -> None:
    child = f"import time; time.sleep(600)  # {tmp_path}"
    command = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with pytest.raises(LimitExceeded, match="over 2 s"):
        run([sys.executable, "-c", command], seconds=2)
    # A process that has ended has no command line. One that was killed may take a moment to end.
    left = [process for process in psutil.process_iter(["cmdline"]) if child in (process.info["cmdline"] or [])]
    assert psutil.wait_procs(left, timeout=60)[1] == []


def test_process_that_fails_is_reported_with_its_message(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ended with 3: it broke"):
        run([sys.executable, "-c", "import sys; print('it broke', file=sys.stderr); sys.exit(3)"], log=tmp_path / "log")


# ---- tables ----


def test_a_table_shows_medians_and_the_rounds_own_ratios() -> None:
    text = results.render_load(made_up(sparkify=(5, 10, 6), handwritten=(10, 15, 18), dlt=(200,)))
    # 2, 1.5 and 3 times: their median, not that of the times.
    assert "| hand-written script | 15.0 (10.0–18.0) | 2.00 | 30.0 | 18,000 | 3 |" in text
    assert "| dlt, then SQL on DuckDB | 200.0 | 40.00 | 400.0 | 200,000 | 1 |" in text
    assert "1 M events (475 MB in 7 log files and 15,000 song files); 2 cores, 8 GB of memory" in text
    assert "takes 0.50 of the time of the hand-written script." in text
    assert text.endswith("Rows that all agree on: users 1,200, songs 30.")


def test_a_table_names_who_was_left_out() -> None:
    text = results.render_load(made_up(sparkify=(5,)) | {"left_out": {"pyspark": "over 600 s"}})
    assert "| PySpark, local[*] | over 600 s |" in text


def test_growth_is_reported(grown: dict[str, Any], corpus: Corpus) -> None:
    assert re.search(r"^\| 300 \| [\d.]+ \| [\d.]+ \| \d[\d,]* \| \d+ \|$", results.render_growth(grown), re.MULTILINE)
    day = results.render_day(grown)
    assert "| step | into an empty warehouse | into 300 | into 600 |" in day
    assert re.search(r"^\| load \| [\d.]+ \(1\.0\) \| [\d.]+ \([\d.]+\) \| ", day, re.MULTILINE)
    space = results.render_space(grown)
    assert f"| 300 | {corpus.bytes / 300:,.0f} | " in space


@pytest.fixture(scope="module")
def replaced(corpus: Corpus, folder: Path) -> dict[str, Any]:
    """What one replacement of a day gave."""
    return storage.measure_replacements(corpus, 1, folder)


def test_replacements_are_told(replaced: dict[str, Any]) -> None:
    table = results.render_replacements(replaced)
    assert table.startswith("300 events, ")
    size, fresh = replaced["sizes"][1], replaced["fresh"]
    assert f"| 1 | {size / 1e6:.1f} | {size / fresh:.2f} |" in table
    assert f"| then compacted | {replaced['compacted'] / 1e6:.1f} | " in table


@pytest.fixture(scope="module")
def formats(corpus: Corpus, folder: Path) -> dict[str, Any]:
    """What one round of two formats gave."""
    return storage.measure_formats(corpus, 1, folder, ["v1.0.0", "v1.4.0"])


def test_formats_are_reported(formats: dict[str, Any]) -> None:
    table = results.render_formats(formats)
    assert re.search(r"^\| v1\.0\.0 \| [\d.]+ \| [\d.]+ \| [\d.]+ \|$", table, re.MULTILINE)
    size = formats["bytes"]["v1.4.0"]
    assert re.search(rf"^\| v1\.4\.0, the default \| [\d.]+ \| 1\.00 \| {size / 1e6:.1f} \|$", table, re.MULTILINE)


def test_picture_is_the_same_each_time_and_holds_the_figures(grown: dict[str, Any]) -> None:
    picture = draw_growth(grown)
    assert draw_growth(grown) == picture
    ElementTree.fromstring(picture)
    assert len(picture.encode()) < 40_000
    for one in grown.values():
        assert f">{one['loads'][0]['peak']:,.0f} MB<" in picture


def test_only_parts_that_were_measured_are_written(folder: Path, grown: dict[str, Any], tmp_path: Path) -> None:
    page = "a\n<!-- bench: load -->\nold\n<!-- end -->\nb\n<!-- bench: day -->\nolder\n<!-- end -->\nc\n"
    found = {"M": made_up(sparkify=(5,))}
    written = results.fill(page, {"load": found})
    table = results.render_loads(found)
    assert written == page.replace("\nold\n", f"\n\n{table}\n\n")
    assert results.fill(written, {"load": found}) == written
    with pytest.raises(ValueError, match="no place for the part growth"):
        results.fill(page, {"growth": grown})


def test_documentation_has_a_place_for_every_part(
    grown: dict[str, Any], formats: dict[str, Any], replaced: dict[str, Any], tmp_path: Path
) -> None:
    shutil.copyfile(results.DOCS / "performance.md", tmp_path / "performance.md")
    results.keep(tmp_path, "load", {"S": made_up(sparkify=(1,)) | {"events": 100_000}})
    results.keep(tmp_path, "load", {"M": made_up(sparkify=(5,))})
    results.keep(tmp_path, "growth", grown)
    results.keep(tmp_path, "formats", formats)
    results.keep(tmp_path, "replacements", replaced)
    results.write_docs(tmp_path, tmp_path)
    page = (tmp_path / "performance.md").read_text()
    for render, kind in (
        (results.render_loads, "load"),
        (results.render_day, "growth"),
        (results.render_space, "growth"),
        (results.render_formats, "formats"),
        (results.render_replacements, "replacements"),
    ):
        assert render(results.read(tmp_path)[kind]) in page
    assert page.index("0.1 M events") < page.index("1 M events (475 MB")
    assert (tmp_path / "growth.svg").read_text() == draw_growth(grown)


# ---- the guard ----


def test_what_is_recorded_is_what_is_measured(found: dict[str, Any], grown: dict[str, Any]) -> None:
    measured = check.derive_ratios(found["runs"], grown["S"])
    recorded = json.loads(check.RECORDED.read_text())
    assert list(measured) == list(recorded["ratios"])
    assert recorded["size"] == check.SIZE
    assert all(value > 0 for value in (*measured.values(), *recorded["ratios"].values()))


def test_a_slip_is_told_from_none(capsys: pytest.CaptureFixture[str]) -> None:
    recorded = {"machine": {"cores": psutil.cpu_count()}, "ratios": {"time": 0.5, "memory": 2.0}}
    assert check.compare({"time": 0.57, "memory": 1.0}, recorded) == 0
    out = capsys.readouterr().out
    assert "nothing is worse by more than 15%" in out
    assert "some are better" in out
    assert check.compare({"time": 0.58, "memory": 2.0}, recorded) == 1
    out = capsys.readouterr().out
    assert "slipped: time: 0.58, recorded 0.50: worse by 16%" in out
    assert "slipped: memory" not in out
    assert "some are better" not in out


def test_another_machine_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.compare({"time": 0.5}, {"machine": {"cores": 1_000}, "ratios": {"time": 0.5}}) == 0
    assert "recorded on 1000 cores" in capsys.readouterr().out


# ---- a large warehouse, and cores ----


def test_every_step_of_a_large_warehouse_is_measured(corpus: Corpus, folder: Path) -> None:
    small = make_corpus(folder / "compressed", SimulateOptions(events=200, users=10, days=3, songs=5), compressed=True)
    assert {path.suffix for path in small.log_files} == {".zst"}
    day = make_corpus(folder / "one-day", SimulateOptions(events=20, users=10, days=1, songs=1, seed=1))
    found = xl.measure(small, day, xl.Options(limit="500MB", questions=["overview"]), folder)
    steps = ["load", "load, nothing to do", "check", "status", "query overview", "report"]
    assert list(found["runs"]) == [*steps, "load of a day, of songs only before", "load of a day"]
    assert all(step in results.render_xl({"tiny": found}) for step in found["runs"])


def test_every_dialect_has_the_same_records(corpus: Corpus, folder: Path) -> None:
    found = dialects.measure(corpus, [OURS], 1, folder)
    assert [one["rows"] for one in found.values()] == [found["plain"]["rows"]] * len(DIALECTS)
    whole = {
        dialect: b"".join(path.read_bytes() for path in make_dialect(corpus, dialect).log_files) for dialect in found
    }
    assert len(set(whole.values())) == len(DIALECTS)
    assert "| gzip | " in results.render_dialects({"tiny": found})


def test_phases_are_measured_by_cores(corpus: Corpus, folder: Path) -> None:
    found = json.loads(json.dumps(cores.measure(corpus, [1], 1, folder)))
    assert {"staging_events", "songplays", "checks", "the rest", "all"} <= set(found["phases"]["1"][0])
    assert "| songplays |" in results.render_cores({"tiny": found})


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [({1: 8.0, 2: 4.0}, 1.0), ({1: 8.0, 2: 8.0}, 8.0), ({1: 8.0, 2: 5.0}, 2.75), ({1: 8.0, 2: 9.0}, 8.0)],
)
def test_time_on_more_cores_is_estimated_by_amdahls_law(seconds: dict[int, float], expected: float) -> None:
    phases = {str(number): [{"load": value, "all": value}] for number, value in seconds.items()}
    found = {
        "events": 1,
        "rounds": 1,
        "machine": dict.fromkeys(["cores", "memory_gb", "system", "python", "duckdb"], 0),
    }
    told = results.render_cores({"one": found | {"phases": phases}})
    assert f"{expected:.2f} |" in next(line for line in told.splitlines() if line.startswith("| load |"))
