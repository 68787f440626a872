"""The star is a pure function of the files at the roots: its invariants, as property tests.

Values are drawn from very small sets, so that ties, copies, NULLs, several names of one artist and ambiguous matches
occur in nearly every example. The expected rows come from `reference`, which shares no code with the package.
"""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import sparkify
from sparkify.settings import Config
from sparkify.simulator import SimulateOptions, simulate
from tests.reference import build_star
from tests.support import (
    TIMES,
    TS,
    event,
    execute,
    expected_star,
    failing_checks,
    fetch,
    log_file,
    new_warehouse,
    play,
    read_sources,
    read_star,
    snapshot,
    song,
    song_file,
    to_lines,
    write_ballast,
    write_file,
)

properties = settings(
    deadline=None,
    max_examples=4 * TIMES,
    # An example loads real files several times, so shrinking a failure takes minutes. Add Phase.shrink if needed.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)

# ---- records from tiny alphabets ----

_texts = st.sampled_from([None, "", "a", "B", "é"])
_moments = st.sampled_from([None, TS - 1, TS])
_keys = {
    "ts": st.sampled_from([TS, TS + 1, TS + 2]),
    "sessionId": st.sampled_from([1, 10]),
    "itemInSession": st.integers(0, 1),
}
_person = {"firstName": _texts, "lastName": _texts, "gender": _texts, "level": _texts, "registration": _moments}
_titles = st.sampled_from(["T", "t", "T!", "U"])
_names = st.sampled_from(["Z", "Z feat. A", "z", "Y"])
_lengths = st.sampled_from([None, 100.0, 105.0, 110.5, 200.0])

plays = st.fixed_dictionaries(
    {
        **_keys,
        **_person,
        "page": st.just("NextSong"),
        "userId": st.sampled_from([1, "2"]),
        # A play without a song is rejected.
        "song": st.sampled_from(["T", "T", "T", "t", "!", None]),
        "artist": _names,
        "length": _lengths,
        "location": _texts,
        "userAgent": _texts,
    }
)
visits = st.fixed_dictionaries(
    {**_keys, **_person, "page": st.sampled_from(["Home", "nextsong"]), "userId": st.sampled_from([1, "2", ""])}
)
songs = st.fixed_dictionaries(
    {
        "song_id": st.sampled_from(["S1", "S2", "s"]),
        "title": _titles,
        "artist_id": st.sampled_from(["A1", "A2"]),
        "artist_name": _names,
        "duration": _lengths,
        "year": st.sampled_from([0, 1999, 2000, "no year"]),
        "artist_location": _texts,
        "artist_latitude": st.sampled_from([None, -0.0, 1.5]),
        "artist_longitude": st.sampled_from([None, 0, 2.5]),
    }
)
event_lists = st.lists(st.one_of(plays, plays, visits), max_size=8)
song_lists = st.lists(songs, max_size=6)


@dataclass(frozen=True)
class Delivery:
    """One source file, written by one step of a history."""

    dataset: str
    name: str
    records: list[dict[str, Any]]

    def write(self, config: Config) -> None:
        path = log_file(config, self.name) if self.dataset == "events" else song_file(config, self.name)
        write_file(path, self.records)


@st.composite
def arrangements(draw: st.DrawFn) -> list[list[Delivery]]:
    """Records in any order, split into files, some repeated, delivered in up to three loads."""
    steps: list[list[Delivery]] = [[], [], []]
    for dataset, lists in (("events", event_lists), ("songs", song_lists)):
        records = draw(st.permutations(draw(lists)))
        cuts = sorted(draw(st.lists(st.integers(0, len(records)), max_size=3)))
        pieces = [records[start:end] for start, end in zip([0, *cuts], [*cuts, len(records)], strict=True)]
        twice = draw(st.lists(st.sampled_from(pieces), max_size=2))
        for number, piece in enumerate([*pieces, *twice]):
            step = draw(st.integers(0, 2))
            steps[step].append(Delivery(dataset, f"{step}/{number}.json", list(piece)))
    return steps


deliveries = st.one_of(
    st.builds(Delivery, st.just("events"), st.sampled_from(["1.json", "2.json.gz"]), event_lists),
    st.builds(Delivery, st.just("songs"), st.sampled_from(["1.json", "2.json"]), song_lists),
)
# So few names that most later deliveries replace or repeat a file.
histories = st.lists(st.lists(deliveries, min_size=1, max_size=3), min_size=2, max_size=3)


# ---- the properties ----


def run_history(folder: Path, ballast: Path | None, steps: Sequence[Sequence[Delivery]]) -> None:
    """Load after every step, and check the invariants after every load."""
    # So few rows need only one thread; starting more would take most of the time.
    config = new_warehouse(folder, threads=1)
    if ballast is not None:
        shutil.copyfile(ballast, config.warehouse_address)
    for deliveries in steps:
        for delivery in deliveries:
            delivery.write(config)
        result = sparkify.load(config)
        assert result.status in ("loaded", "nothing_to_do")
        if ballast is not None:
            assert result.mode in ("refresh", None)
        assert read_star(config) == expected_star(config)
        assert failing_checks(config) == []
    before = snapshot(config)
    again = sparkify.load(config)
    assert (again.status, again.load_id, again.mode) == ("nothing_to_do", None, None)
    assert snapshot(config) == before


@pytest.mark.slow
@properties
@given(arrangements(), st.booleans())
def test_any_arrangement_gives_the_same_star(
    tmp_path_factory: pytest.TempPathFactory, ballast: Path, steps: list[list[Delivery]], is_refresh: bool
) -> None:
    run_history(tmp_path_factory.mktemp("arranged"), ballast if is_refresh else None, steps)


@pytest.mark.slow
@properties
@given(histories, st.booleans())
def test_any_replacement_gives_the_star_of_the_new_contents(
    tmp_path_factory: pytest.TempPathFactory, ballast: Path, steps: list[list[Delivery]], is_refresh: bool
) -> None:
    run_history(tmp_path_factory.mktemp("replaced"), ballast if is_refresh else None, steps)


# ---- rebuild and refresh ----


def test_small_load_after_a_large_one_is_a_refresh(warehouse: Config) -> None:
    write_file(log_file(warehouse), [play(itemInSession=item) for item in range(20)])
    write_file(song_file(warehouse), [song()])
    assert sparkify.load(warehouse).mode == "rebuild"
    write_file(log_file(warehouse, "more.json"), [play(itemInSession=item) for item in range(15, 25)])
    assert sparkify.load(warehouse).mode == "refresh"
    write_file(song_file(warehouse), [song(song_id="SO0")])
    assert sparkify.load(warehouse).mode == "refresh"
    assert read_star(warehouse) == expected_star(warehouse)
    assert fetch(warehouse, "SELECT mode FROM load_history ORDER BY load_id") == [
        ("rebuild",), ("refresh",), ("refresh",),
    ]  # fmt: skip


def test_load_as_large_as_all_before_it_is_a_rebuild(warehouse: Config) -> None:
    write_file(log_file(warehouse), [play(itemInSession=item) for item in range(10)])
    sparkify.load(warehouse)
    write_file(log_file(warehouse, "more.json"), [play(itemInSession=item) for item in range(5, 15)])
    assert sparkify.load(warehouse).mode == "rebuild"
    assert read_star(warehouse) == expected_star(warehouse)


def falsify(config: Config) -> None:
    execute(
        config,
        "UPDATE users SET last_name = 'false'",
        "UPDATE user_levels SET valid_from = '2000-01-01'",
        "UPDATE songplays SET location = 'false'",
        "UPDATE songs SET year = 1",
        "UPDATE artists SET location = 'false'",
    )


def test_refresh_leaves_untouched_rows_alone(warehouse: Config) -> None:
    """A refresh that recomputed everything would be correct but slow: so a row that was falsified must stay."""
    write_ballast(warehouse)
    write_file(log_file(warehouse), [play(userId=1), play(userId=2, artist="Blur"), event(userId=3)])
    write_file(song_file(warehouse), [song(), song(song_id="SO2", artist_id="AR2", artist_name="Blur")])
    sparkify.load(warehouse)
    falsify(warehouse)
    write_file(log_file(warehouse, "more.json"), [play(userId=1, itemInSession=7, ts=TS + 1)])
    write_file(song_file(warehouse, "more.json"), [song(duration=1.0)])
    assert sparkify.load(warehouse).mode == "refresh"
    assert fetch(warehouse, "SELECT user_id, last_name FROM users ORDER BY user_id") == [
        (1, None), (2, "false"), (3, "false"),
    ]  # fmt: skip
    assert fetch(warehouse, "SELECT user_id, location FROM songplays ORDER BY user_id, start_time") == [
        (1, None), (1, None), (2, "false"),
    ]  # fmt: skip
    # What was before the first change is not computed again.
    assert fetch(warehouse, "SELECT user_id, year(valid_from) FROM user_levels ORDER BY 1") == [(1, 2000), (2, 2000)]
    assert fetch(warehouse, "SELECT song_id, year FROM songs ORDER BY song_id") == [("SO1", 2009), ("SO2", 1)]
    assert fetch(warehouse, "SELECT artist_id, location FROM artists ORDER BY 1") == [("AR1", None), ("AR2", "false")]


# ---- simulated data, with faults ----


@dataclass(frozen=True)
class Simulated:
    config: Config
    truth: dict[str, Any]


@pytest.fixture(params=[0, 1], ids=lambda seed: f"seed_{seed}")
def simulated(request: pytest.FixtureRequest, tmp_path: Path) -> Simulated:
    options = SimulateOptions(events=3_000, songs=200, users=40, days=6, dirty=0.02, seed=request.param)
    simulate(tmp_path, options)
    return Simulated(new_warehouse(tmp_path), json.loads((tmp_path / "truth.json").read_bytes()))


@pytest.mark.slow
def test_simulated_data_as_truth_and_reference_have_them(simulated: Simulated) -> None:
    config, truth = simulated.config, simulated.truth
    result = sparkify.load(config)
    assert config.log_data is not None
    assert config.song_data is not None
    events, songs = read_sources(config.log_data, "events"), read_sources(config.song_data, "songs")
    assert read_star(config) == build_star(events.rows, songs.rows)
    assert result.reasons == Counter(reject.reason for reject in [*events.rejects, *songs.rejects])
    for dataset, read in (("events", events), ("songs", songs)):
        counted = truth["datasets"][dataset]
        found = Counter(reject["reason"] for reject in sparkify.list_rejects(config) if reject["dataset"] == dataset)
        assert found == counted["reasons"]
        assert (counted["read"], counted["loaded"], counted["rejected"]) == (
            read.read,
            len(read.rows),
            len(read.rejects),
        )
    for name in ("read", "loaded", "rejected"):
        assert result.records[name] == truth["datasets"]["events"][name] + truth["datasets"]["songs"][name]
    hold_true_star(config, truth["star"])
    assert failing_checks(config) == []


def hold_true_star(config: Config, star: dict[str, int]) -> None:
    rows = fetch(config, "SELECT count(*), count(song_id), count(*) FILTER (level = 'paid') FROM songplays")
    assert rows == [(star["songplays"], star["matched"], star["paid"])]
    assert star["free"] == star["songplays"] - star["paid"]
    found = read_star(config)
    for table in ("songplays", "users", "songs", "artists", "time"):
        assert len(found[table]) == star[table]


@pytest.mark.slow
def test_simulated_data_in_small_deliveries(simulated: Simulated) -> None:
    """The catalogue late and in parts, the log day by day, one day twice: the star is that of one load."""
    config, truth = simulated.config, simulated.truth
    folder = Path(config.warehouse_address).parent
    days = sorted(path for path in Path(config.log_data or "").rglob("*.json"))
    tracks = sorted(path for path in Path(config.song_data or "").rglob("*.json"))
    modes = []
    deliveries = [days[:4], tracks[:50], days[4:5], tracks[50:], days[5:]]
    parts = new_warehouse(folder / "parts")
    for number, paths in enumerate(deliveries):
        for path in paths:
            target = log_file(parts, f"{number}/{path.name}") if path in days else song_file(parts, path.name)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)
        modes.append(sparkify.load(parts).mode)
    assert modes == ["rebuild", "refresh", "refresh", "refresh", "refresh"]
    hold_true_star(parts, truth["star"])
    write_file(log_file(parts, "again.json"), [days[2].read_bytes().removesuffix(b"\n")])
    assert sparkify.load(parts).mode == "refresh"
    assert read_star(parts) == expected_star(parts) == expected_star(config)
    assert failing_checks(parts) == []


def test_lines_stay_as_they_are() -> None:
    """Tests the helper itself: if it changed what a test writes, all tests above would test something else."""
    assert to_lines([b'{"a": 1}', '"é"', {"b": "é"}]) == '{"a": 1}\n"é"\n{"b": "é"}\n'.encode()
