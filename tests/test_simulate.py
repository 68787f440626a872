"""The simulator: the same bytes for the same seed, data that looks like the real data, a correct truth file.

The truth file is compared with the rules as `reference` applies them, never with the package's loader.
"""

import dataclasses
import datetime
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import sparkify
from sparkify.errors import UsageError
from sparkify.settings import load_config
from sparkify.simulator import SimulateOptions, SimulateResult, simulate
from sparkify.simulator.faults import EVENTS, SONGS
from sparkify.simulator.shapes import Shape
from tests import reference
from tests.bad_records import BAD_RECORDS
from tests.support import unpack

SMALL = SimulateOptions(events=2_000, users=30, days=7, songs=150)
DIRTY = SimulateOptions(events=3_000, users=30, days=7, songs=400, dirty=0.25)


def read_tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*.json"))}


def read_events(result: SimulateResult) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted(result.log_data.rglob("*.json"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def read_songs(result: SimulateResult) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in sorted(result.song_data.rglob("*.json"))]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> SimulateResult:
    return simulate(tmp_path_factory.mktemp("clean"), SimulateOptions(events=20_000))


@pytest.fixture(scope="module")
def events(clean: SimulateResult) -> list[dict[str, Any]]:
    return read_events(clean)


@pytest.fixture(scope="module")
def plays(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["page"] == "NextSong"]


# ---- Determinism ----


@pytest.mark.slow
def test_equal_seeds_give_equal_bytes(tmp_path: Path) -> None:
    for name in "ab":
        simulate(tmp_path / name, DIRTY)
    assert read_tree(tmp_path / "a") == read_tree(tmp_path / "b")


def test_the_hash_seed_does_not_matter(tmp_path: Path) -> None:
    program = (
        "import sys; from sparkify.simulator import SimulateOptions, simulate;"
        "simulate(sys.argv[1], SimulateOptions(events=500, users=9, days=3, songs=60, dirty=0.2))"
    )
    for seed in "12":
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[1])}
        subprocess.run([sys.executable, "-c", program, str(tmp_path / seed)], check=True, env=environment)
    assert read_tree(tmp_path / "1") == read_tree(tmp_path / "2")


def test_seeds_of_opposite_sign_differ(tmp_path: Path) -> None:
    trees = []
    for seed in (0, 1, -1):
        simulate(tmp_path / str(seed), SimulateOptions(events=50, songs=5, days=1, seed=seed))
        trees.append(read_tree(tmp_path / str(seed)))
    for name in ("log_data/2018/11/2018-11-01-events.json", "truth.json"):
        assert len({tree[name] for tree in trees}) == 3


# ---- Shapes of a file ----


def read_values(path: Path) -> list[Any]:
    """The records of a file, whatever stands between them."""
    text, values, position = path.read_text(encoding="utf-8"), [], 0
    while position < len(text):
        if text[position] in " \n,[]":
            position += 1
            continue
        value, position = json.JSONDecoder().raw_decode(text, position)
        values.append(value)
    return values


@pytest.mark.parametrize(
    ("shape", "opening", "lines_per_record"),
    [("objects", '{"artist":', 0), ("array", '[\n{"artist":', 1), ("indented", '{\n  "artist":', 20)],
)
def test_records_are_the_same_in_each_shape(tmp_path: Path, shape: Shape, opening: str, lines_per_record: int) -> None:
    simulate(tmp_path / "lines", SMALL)
    result = simulate(tmp_path / "other", dataclasses.replace(SMALL, shape=shape))
    names = [path.relative_to(tmp_path / "lines") for path in sorted((tmp_path / "lines").rglob("*_data/**/*.json"))]
    assert len(names) == 157
    for name in names:
        assert read_values(tmp_path / "other" / name) == read_values(tmp_path / "lines" / name)
    for path in result.log_data.rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith(opening)
        assert text.count("\n") // len(read_values(path)) == lines_per_record


def test_an_unknown_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="shape must be 'lines' or 'objects' or 'array' or 'indented', not 'table'"):
        simulate(tmp_path, SimulateOptions(shape="table"))  # type: ignore[arg-type]


# ---- Counts and names ----


@pytest.mark.parametrize(
    "options",
    [
        SimulateOptions(events=0, songs=1),
        SimulateOptions(events=1, users=1, days=1, songs=1, match_rate=0),
        SimulateOptions(events=1_500, users=1, days=1, songs=3, match_rate=1),
        SimulateOptions(events=13, users=5_000, days=40, songs=7, dirty=0.5),
        SimulateOptions(events=300, users=60, days=2, songs=40, dirty=1),
    ],
    ids=["no events", "one of each", "one crowded user", "more days than events", "nothing but faults"],
)
def test_counts_are_exact(tmp_path: Path, options: SimulateOptions) -> None:
    result = simulate(tmp_path / "data", options)
    truth = check_against_reference(result)
    assert (result.events, result.songs) == (options.events, options.songs)
    assert truth["events"]["read"] == options.events
    assert truth["songs"]["read"] == options.songs
    assert len(list(result.log_data.rglob("*.json"))) == result.event_files
    assert len(list(result.song_data.rglob("*.json"))) == result.song_files == options.songs


def test_each_day_has_one_file_of_its_own_events_in_order(clean: SimulateResult) -> None:
    paths = sorted(clean.log_data.rglob("*.json"))
    assert len(paths) == 30
    first = datetime.datetime(2018, 11, 1, tzinfo=datetime.UTC)
    for number, path in enumerate(paths):
        day = first + datetime.timedelta(number)
        assert path == clean.log_data / f"{day:%Y/%m/%Y-%m-%d}-events.json"
        times = [json.loads(line)["ts"] for line in path.read_text(encoding="utf-8").splitlines()]
        assert times == sorted(times)
        assert times[0] - day.timestamp() * 1000 >= 0
        assert times[-1] - day.timestamp() * 1000 < 86_400_000


def test_a_song_file_is_named_for_its_track(clean: SimulateResult) -> None:
    for path in clean.song_data.rglob("*.json"):
        track = path.stem
        assert len(track) == 18
        assert path == clean.song_data / track[2] / track[3] / track[4] / f"{track}.json"
        assert track.startswith("TR")
        assert b"\n" not in path.read_bytes()


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    simulate(tmp_path / "data", SMALL, on_progress=lambda done, total: steps.append((done, total)))
    assert steps == sorted(steps)
    assert steps[-1] == (2_150, 2_150)


# ---- Shape ----


def test_pages_and_levels_have_the_real_shares(
    events: list[dict[str, Any]], plays: list[dict[str, Any]], clean: SimulateResult
) -> None:
    pages = Counter(event["page"] for event in events)
    assert 0.82 < pages["NextSong"] / len(events) < 0.88
    assert 0.07 < pages["Home"] / len(events) < 0.12
    assert {"Login", "Logout", "Upgrade", "Downgrade", "Submit Upgrade", "Error", "Settings", "Help", "About"} <= {
        *pages
    }
    assert 0.7 < sum(play["level"] == "paid" for play in plays) / len(plays) < 0.86
    known = {(song["title"], song["artist_name"]) for song in read_songs(clean)}
    assert 0.77 < sum((play["song"], play["artist"]) in known for play in plays) / len(plays) < 0.83


def test_milliseconds_and_hours_are_spread(events: list[dict[str, Any]], plays: list[dict[str, Any]]) -> None:
    assert len({event["ts"] % 1000 for event in events}) == 1000
    hours = Counter(event["ts"] // 3_600_000 % 24 for event in events)
    assert max(hours, key=hours.__getitem__) in range(14, 19)
    days = Counter(datetime.datetime.fromtimestamp(play["ts"] / 1000, datetime.UTC).isoweekday() for play in plays)
    assert days[7] < days[6] < 0.8 * days[1]


def test_logged_out_rows_know_no_user(events: list[dict[str, Any]]) -> None:
    logged_out = [event for event in events if event["auth"] == "Logged Out"]
    assert 0.01 < len(logged_out) / len(events) < 0.06
    for event in logged_out:
        assert event["userId"] == ""
        assert event["level"] in ("free", "paid")
        assert {event[name] for name in ("firstName", "lastName", "gender", "location", "registration")} == {None}
    assert all(event["userId"] for event in events if event["auth"] != "Logged Out")


def test_a_submitted_change_of_level_holds_from_then_on(events: list[dict[str, Any]]) -> None:
    levels: dict[str, str] = {}
    changes = 0
    for event in (event for event in events if event["userId"]):
        assert event["level"] == levels.get(event["userId"], event["level"])
        levels[event["userId"]] = event["level"]
        if event["page"] in ("Submit Upgrade", "Submit Downgrade"):
            levels[event["userId"]] = "paid" if event["page"] == "Submit Upgrade" else "free"
            changes += 1
    assert changes >= 5


def test_items_count_up_and_plays_follow_by_the_length_of_the_song(events: list[dict[str, Any]]) -> None:
    last: dict[int, dict[str, Any]] = {}
    for event in events:
        before = last.get(event["sessionId"])
        assert event["itemInSession"] == (before["itemInSession"] + 1 if before else 0)
        if before and before["page"] == "NextSong":
            assert event["ts"] - before["ts"] == int(round(before["length"] * 100_000) // 100)
        last[event["sessionId"]] = event


def test_nobody_comes_back_after_cancelling(events: list[dict[str, Any]]) -> None:
    gone = set()
    for event in events:
        assert event["userId"] not in gone
        if event["page"] == "Cancellation Confirmation":
            gone.add(event["userId"])
    assert gone


def test_text_is_written_as_in_the_real_logs(clean: SimulateResult, events: list[dict[str, Any]]) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in clean.log_data.rglob("*.json"))
    assert text.startswith('{"artist":')
    assert list(events[0]) == reference.FIELDS["events"]
    assert "/" not in text.replace("\\/", "")
    assert not text.isascii()  # some names as UTF-8
    assert "\\u00" in text  # some as escapes
    assert '\\"' in "".join(json.dumps(event["song"]) for event in events)
    assert sum(str(event["userAgent"]).startswith('"') for event in events) > len(events) / 2
    assert ".0," in text[text.index('"registration":') :][:40]


def test_the_catalogue_has_the_traps_of_the_real_one(clean: SimulateResult) -> None:
    songs = read_songs(clean)
    assert list(songs[0]) == reference.FIELDS["songs"]
    assert all(len(song["song_id"]) == len(song["artist_id"]) == 18 for song in songs)
    names: dict[str, set[str]] = {}
    recordings: dict[tuple[str, str], set[str]] = {}
    for song in songs:
        names.setdefault(song["artist_id"], set()).add(song["artist_name"])
        recordings.setdefault((song["title"], song["artist_name"]), set()).add(song["song_id"])
    assert max(len(of_artist) for of_artist in names.values()) > 1
    assert max(len(song_ids) for song_ids in recordings.values()) > 1
    assert len({song["song_id"] for song in songs}) < len(songs)
    assert 0.5 < sum(song["year"] == 0 for song in songs) / len(songs) < 0.7
    assert 0.3 < sum(song["artist_location"] == "" for song in songs) / len(songs) < 0.55
    assert 0.3 < sum(song["artist_latitude"] is None for song in songs) / len(songs) < 0.75


# ---- Truth ----


def check_against_reference(result: SimulateResult) -> dict[str, Any]:
    """The datasets' part of the truth file, after comparing the whole file with the data."""
    truth: dict[str, Any] = json.loads(result.truth.read_text(encoding="utf-8"))
    rows: dict[str, list[reference.Row]] = {}
    reasons: Counter[str] = Counter()
    roots: list[tuple[reference.Dataset, Path]] = [("events", result.log_data), ("songs", result.song_data)]
    for dataset, root in roots:
        files = [reference.read_file(dataset, unpack(path.read_bytes())) for path in sorted(root.rglob("*.json"))]
        rows[dataset] = [row for file in files for row in file.rows]
        found = Counter(reject.reason for file in files for reject in file.rejects)
        expected = truth["datasets"][dataset]
        assert found == expected["reasons"]
        assert expected["loaded"] == len(rows[dataset])
        assert expected["rejected"] == found.total()
        assert expected["read"] == expected["loaded"] + expected["rejected"] == sum(file.read for file in files)
        reasons += found
    assert result.faults == reasons
    check_star(truth["star"], reference.build_star(rows["events"], rows["songs"]))
    datasets: dict[str, Any] = truth["datasets"]
    return datasets


def check_star(expected: dict[str, int], star: dict[str, list[tuple[Any, ...]]]) -> None:
    plays = star["songplays"]
    levels = Counter(play[3] for play in plays)
    assert expected == {
        **{table: len(star[table]) for table in ("songplays", "users", "songs", "artists", "time")},
        "matched": sum(play[4] is not None for play in plays),
        "paid": levels["paid"],
        "free": levels["free"],
    }


def list_codes(dataset: reference.Dataset) -> set[str]:
    """Every reason code of a dataset's fields."""
    codes = {record.reason for record in BAD_RECORDS if record.dataset == dataset and record.reason}
    return codes - {"too_long:other"}


@pytest.mark.slow
def test_every_fault_is_planted_and_counted(tmp_path: Path) -> None:
    result = simulate(tmp_path / "data", DIRTY)
    truth = check_against_reference(result)
    assert set(truth["events"]["reasons"]) == list_codes("events") | {"too_long:other"}
    # A file of one value that is no object is no JSON file, and fails as a whole.
    assert set(truth["songs"]["reasons"]) == (list_codes("songs") | {"too_long:other"}) - {"not_object"}
    assert (truth["events"]["rejected"], truth["songs"]["rejected"]) == (750, 100)
    assert set(truth["events"]["oddities"]) == {*EVENTS.oddities, "byte_order_mark"}
    assert set(truth["songs"]["oddities"]) == {*SONGS.oddities}


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["lines", "objects", "array", "indented"])
def test_a_load_finds_what_the_truth_says(tmp_path: Path, shape: Shape) -> None:
    result = simulate(tmp_path, dataclasses.replace(DIRTY, shape=shape))
    config = load_config(
        warehouse=str(tmp_path / "w.duckdb"), log_data=str(result.log_data), song_data=str(result.song_data)
    )
    loaded = sparkify.load(config)
    truth = json.loads(result.truth.read_text(encoding="utf-8"))
    assert (loaded.status, loaded.errors, loaded.reasons) == ("loaded", [], result.faults)
    counts = truth["datasets"].values()
    assert loaded.records["read"] == sum(dataset["read"] for dataset in counts) == 3_400
    assert loaded.records["repaired"] == sum(dataset["oddities"]["doubled_utf8"] for dataset in counts)
    star = {table: rows for table, rows in loaded.tables.items() if table in truth["star"]}
    assert star == {table: truth["star"][table] for table in star}
    assert set(star) >= {"songplays", "users", "songs", "artists", "time"}


def test_few_faults_show_many_codes(tmp_path: Path) -> None:
    options = SimulateOptions(events=300, users=20, days=3, songs=50, dirty=0.1)
    result = simulate(tmp_path / "data", options)
    truth = check_against_reference(result)
    assert len(truth["events"]["reasons"]) == truth["events"]["rejected"] == 30


def test_clean_data_have_no_fault(clean: SimulateResult) -> None:
    truth = json.loads(clean.truth.read_text(encoding="utf-8"))
    assert clean.faults == {}
    assert truth["seed"] == truth["options"]["seed"] == 0
    assert truth["options"]["start"] == "2018-11-01"
    for dataset in truth["datasets"].values():
        assert dataset["read"] == dataset["loaded"] > 0
        assert dataset["reasons"] == dataset["oddities"] == {}


# ---- Refusals ----


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (SimulateOptions(events=-1), "events"),
        (SimulateOptions(users=0), "users"),
        (SimulateOptions(days=0), "days"),
        (SimulateOptions(songs=0), "songs"),
        (SimulateOptions(match_rate=1.1), "match_rate"),
        (SimulateOptions(dirty=float("nan")), "dirty"),
        (SimulateOptions(start=datetime.date(1999, 12, 31)), "1999-12-31"),
        (SimulateOptions(start=datetime.date(2099, 12, 31), days=2), "2 days"),
        (SimulateOptions(events=10**20), "events must be from 0 to 300,000,000, not 100,000,000,000,000,000,000"),
        (SimulateOptions(users=10**20), "users must be from 1 to 10,000,000"),
        (SimulateOptions(songs=10**20), "songs must be from 1 to 1,000,000"),
        (SimulateOptions(days=10**20), "100,000,000,000,000,000,000 days"),
        (SimulateOptions(events=10**11, days=36_500, start=datetime.date(2000, 1, 1)), "more than 30,000.0 GB, and "),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_impossible_options_are_refused(tmp_path: Path, options: SimulateOptions, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        simulate(tmp_path / "data", options)
    assert list(tmp_path.iterdir()) == []


def test_existing_data_are_never_mixed_with_new(tmp_path: Path) -> None:
    simulate(tmp_path, SMALL)
    before = read_tree(tmp_path)
    with pytest.raises(UsageError, match=r"truth.json exists already: remove it"):
        simulate(tmp_path, SMALL)
    assert read_tree(tmp_path) == before
    (tmp_path / "truth.json").unlink()
    before = read_tree(tmp_path)
    with pytest.raises(UsageError, match=r"log_data already holds data: remove it"):
        simulate(tmp_path, SMALL)
    assert read_tree(tmp_path) == before


def test_empty_folders_are_used(tmp_path: Path) -> None:
    (tmp_path / "log_data").mkdir()
    (tmp_path / "song_data").mkdir()
    assert json.loads(simulate(tmp_path, SMALL).truth.read_text())["datasets"]["events"]["read"] == 2_000


def test_disk_that_is_full_is_a_sentence(tmp_path: Path) -> None:
    """A limit of the size of files stands for the disk."""
    code = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
    code += "from sparkify.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "simulate", str(tmp_path), "--events", "100", "--songs", "3", "--days", "1"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"sparkify: cannot simulate into {tmp_path}: File too large; remove")


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(UsageError, match="data/log_data"):
        simulate(tmp_path / "data", SMALL)
