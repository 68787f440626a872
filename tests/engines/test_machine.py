"""After any history of deliveries, fixes, undos and replays, the star is that of one fresh load of the held files."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import sparkify
from sparkify.settings import Config
from sparkify.warehouses import open_warehouse
from tests import reference
from tests.engines.conftest import redshift_config
from tests.redshift.server import Redshift
from tests.reference import Dataset, Row
from tests.s3_server import S3Server
from tests.support import (
    TIMES,
    event,
    failing_checks,
    fetch,
    log_file,
    new_warehouse,
    play,
    read_star,
    song,
    song_file,
    to_lines,
)

NAMES = st.sampled_from(["a.json", "b.json", "c.json"])
TITLES = ["Uprising", "uprising!", "Starlight"]
NAMES_OF_ARTISTS = st.sampled_from(["Muse", "MUSE", "The Muse feat. X"])
LENGTHS = st.sampled_from([218.5, 225.0, 300.0, None])
PLAYS = st.builds(
    play,
    userId=st.integers(1, 3),
    itemInSession=st.integers(0, 2),
    song=st.sampled_from(TITLES),
    artist=NAMES_OF_ARTISTS,
    length=LENGTHS,
    level=st.sampled_from(["free", "paid", None]),
    ts=st.sampled_from([1_541_105_830_796, 1_541_105_830_797, 1_577_836_799_999]),
)


def begins_with(first: st.SearchStrategy[Row], others: st.SearchStrategy[list[Row | str]]) -> st.SearchStrategy[Any]:
    """Lines of which the first is an object: a file without any is of another kind, and fails as a whole."""
    return st.builds(lambda one, more: [one, *more], first, others)


LINES = begins_with(
    PLAYS,
    st.lists(
        st.one_of(PLAYS, st.builds(event, userId=st.integers(1, 4)), st.sampled_from(["no JSON", '{"page": 1}'])),
        max_size=7,
    ),
)
SONG = st.builds(
    song,
    song_id=st.sampled_from(["S1", "S2"]),
    title=st.sampled_from(TITLES),
    artist_name=NAMES_OF_ARTISTS,
    duration=LENGTHS,
    artist_id=st.sampled_from(["A1", "A2"]),
    year=st.sampled_from([0, 1999]),
)
SONGS = begins_with(SONG, st.lists(st.one_of(SONG, st.just("[1]")), max_size=3))


@dataclass
class Held:
    """What the warehouse must hold of a file: the content that a load found, and its lines as they would be judged now.

    `fixed` are lines among its rejects, by number, that pass today's rules and have not been judged again yet.
    """

    load_id: int
    content: bytes
    judged: bytes
    fixed: dict[int, bytes] = field(default_factory=dict)

    def replay(self) -> None:
        lines = self.judged.split(b"\n")
        for number, line in self.fixed.items():
            lines[number - 1] = line
        self.judged, self.fixed = b"\n".join(lines), {}


class Histories(RuleBasedStateMachine):
    """Keeps a model of the warehouse: which content of which file it must hold, and by which load."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="histories-"))
        self.config = self.make_config()
        self.held: dict[tuple[Dataset, str], Held] = {}

    def make_config(self) -> Config:
        return new_warehouse(self.folder)

    @initialize()
    def make_tables(self) -> None:
        sparkify.create(self.config)

    def deliver(self, dataset: Dataset, name: str, records: list[Row | str]) -> None:
        path = log_file(self.config, name) if dataset == "events" else song_file(self.config, name)
        path.write_bytes(to_lines(records))

    def load(self) -> None:
        result = sparkify.load(self.config)
        self.move()
        if result.load_id is None:
            return
        for dataset, root in self.config.roots.items():
            for path in Path(root).iterdir():
                key = (dataset, path.name)
                content = path.read_bytes()
                if key not in self.held or self.held[key].content != content:
                    self.held[key] = Held(result.load_id, content, content)

    def move(self) -> None:
        """A file that was not there before, with the content of one that is no longer there, is that one."""
        for dataset, root in self.config.roots.items():
            for path in sorted(Path(root).iterdir()):
                gone = [
                    key
                    for key, held in sorted(self.held.items())
                    if key[0] == dataset and held.content == path.read_bytes() and not Path(root, key[1]).exists()
                ]
                if gone and (dataset, path.name) not in self.held:
                    self.held[dataset, path.name] = self.held.pop(gone[0])

    @rule(name=NAMES, to=st.sampled_from(["archived.json", "b.json"]))
    def log_is_moved(self, name: str, to: str) -> None:
        if log_file(self.config, name).exists():
            log_file(self.config, name).rename(log_file(self.config, to))
        self.load()

    @rule(name=NAMES, records=LINES)
    def log_is_delivered_or_corrected(self, name: str, records: list[Row | str]) -> None:
        self.deliver("events", name, records)
        self.load()

    @rule(name=NAMES, records=LINES)
    def log_grows(self, name: str, records: list[Row | str]) -> None:
        path = log_file(self.config, name)
        path.write_bytes((path.read_bytes() if path.exists() else b"") + to_lines(records))
        self.load()

    @rule(name=NAMES, records=SONGS)
    def catalogue_comes_late_or_changes(self, name: str, records: list[Row | str]) -> None:
        self.deliver("songs", name, records)
        self.load()

    @rule(name=NAMES, again=st.sampled_from(["twice.json", "thrice.json"]))
    def log_is_delivered_twice(self, name: str, again: str) -> None:
        if log_file(self.config, name).exists():
            shutil.copyfile(log_file(self.config, name), log_file(self.config, again))
        self.load()

    @rule(name=NAMES)
    def log_vanishes(self, name: str) -> None:
        log_file(self.config, name).unlink(missing_ok=True)
        self.load()

    @rule(name=NAMES)
    def rejects_are_fixed(self, name: str) -> None:
        path = log_file(self.config, name)
        if path.exists():
            path.write_bytes(path.read_bytes().replace(b"no JSON", to_lines([play(userId=9)]).strip()))
        self.load()

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def a_load_is_undone(self, data: st.DataObject) -> None:
        loads = sorted({held.load_id for held in self.held.values()})
        load_id = data.draw(st.sampled_from(loads))
        sparkify.undo(self.config, load_id)
        self.held = {key: held for key, held in self.held.items() if held.load_id != load_id}

    @precondition(lambda self: any(self.rejects_of(key) for key in self.held))
    @rule(data=st.data(), good_play=PLAYS, late_song=SONG)
    def rules_become_laxer(self, data: st.DataObject, good_play: Row, late_song: Row) -> None:
        """Some rejects of an older version pass now, when they are judged again."""
        keys = sorted(key for key in self.held if self.rejects_of(key))
        dataset, name = key = data.draw(st.sampled_from(keys))
        record = good_play if dataset == "events" else late_song
        for line in data.draw(st.sets(st.sampled_from(self.rejects_of(key)), min_size=1)):
            self.held[key].fixed[line] = to_lines([record]).strip()
            with open_warehouse(self.config) as engine:
                engine.execute(
                    'UPDATE rejected_records SET "raw" = $1 WHERE dataset = $2 AND line = $3 AND source_id IN '
                    "(SELECT source_id FROM load_files WHERE status = 'loaded' AND dataset = $2 AND url LIKE $4)",
                    [json.dumps(record), dataset, line, f"%/{name}"],
                )
        if data.draw(st.booleans()):
            self.rejects_are_replayed()

    def rejects_of(self, key: tuple[Dataset, str]) -> list[int]:
        """The lines of a file that are rejected."""
        return [reject.line for reject in reference.read_file(key[0], self.held[key].judged).rejects]

    @rule()
    def rejects_are_replayed(self) -> None:
        replayed = sparkify.replay(self.config).records
        assert replayed["replayed"] == sum(len(self.rejects_of(key)) for key in self.held)
        assert replayed["loaded"] == sum(len(held.fixed) for held in self.held.values())
        for held in self.held.values():
            held.replay()

    @invariant()
    def star_is_that_of_one_fresh_load(self) -> None:
        read: dict[Dataset, list[Row]] = {"events": [], "songs": []}
        counts = []
        for (dataset, _), held in self.held.items():
            result = reference.read_file(dataset, held.judged)
            read[dataset] += result.rows
            counts.append((result.read, len(result.rows), len(result.rejects)))
        assert read_star(self.config) == reference.build_star(read["events"], read["songs"])
        sql = "SELECT read, loaded, rejected FROM load_files WHERE status = 'loaded'"
        assert sorted(fetch(self.config, sql)) == sorted(counts)
        assert failing_checks(self.config) == []

    def teardown(self) -> None:
        shutil.rmtree(self.folder)


class RedshiftHistories(Histories):
    """The same on Redshift."""

    redshift: ClassVar[Redshift]

    def make_config(self) -> Config:
        return redshift_config(self.redshift, self.folder)

    def teardown(self) -> None:
        super().teardown()
        self.redshift.drop_database(self.config.warehouse_address.rpartition("/")[2])


@pytest.fixture(scope="module")
def redshift_of_all(running_redshift: Redshift, s3_server: S3Server) -> Iterator[None]:
    """The stand-in, for tests that make many warehouses."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (s3_server.environment() | {"SSL_CERT_FILE": str(running_redshift.ca_file)}).items():
            patch.setenv(name, value)
        RedshiftHistories.redshift = running_redshift
        yield


def drawn(examples: int) -> settings:
    return settings(
        max_examples=examples, stateful_step_count=6, deadline=None, suppress_health_check=list(HealthCheck)
    )


def test_histories() -> None:
    run_state_machine_as_test(Histories, settings=drawn(4 * TIMES))


@pytest.mark.usefixtures("redshift_of_all")
def test_histories_on_redshift() -> None:
    run_state_machine_as_test(RedshiftHistories, settings=drawn(max(2, TIMES)))
