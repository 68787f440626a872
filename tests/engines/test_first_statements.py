"""What no document answers, asked of a real Redshift before all else: each is one statement or two."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from msgspec import structs

import sparkify
from sparkify.errors import LockedError, SparkifyError
from sparkify.questions.cut import Cut
from sparkify.settings import Config
from sparkify.star import checks
from sparkify.star.tables import list_counts
from sparkify.warehouses import open_warehouse
from tests.engines.cluster import Cluster
from tests.support import event, log_file, play, song, song_file, write_file

FEW = (play(), play(userId=2, itemInSession=1, song="Starlight"), "no JSON")


@contextmanager
def it_means(sentence: str) -> Iterator[None]:
    """Tell what it means for the project if Redshift refuses."""
    try:
        yield
    except SparkifyError as error:
        pytest.fail(f"{error}\nWhat it means: {sentence}", pytrace=False)


@pytest.fixture(scope="module")
def loaded(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """A warehouse with a first load: tables, views, comments, COPY of Parquet, star, checks and ledger are taken."""
    config = cluster.new_warehouse(tmp_path_factory.mktemp("first"))
    write_file(log_file(config), [*FEW, *(event(itemInSession=item) for item in range(50))])
    write_file(song_file(config), [song()])
    with it_means("the first load fails, so nothing else can be learned; `sparkify doctor` tells more"):
        assert sparkify.load(config).status == "loaded"
    yield config
    cluster.drop([str(config.db_schema)])


def run_check(config: Config, name: str) -> None:
    (check,) = [one for one in checks.list_checks() if f"{one.table}.{one.name}" == name]
    with open_warehouse(config, read_only=True) as warehouse:
        assert checks.run_checks(warehouse, [check])[0].passed


def test_rows_of_new_files_are_counted(loaded: Config) -> None:
    refused = "every load fails after its COPY, for a UNION ALL below a GROUP BY is refused"
    with it_means(refused), open_warehouse(loaded, read_only=True) as warehouse:
        assert [row[1:] for row in list_counts(warehouse, "events", 1)] == [(52, 1)]


def test_question_with_and_without_days(loaded: Config) -> None:
    with it_means("no question can be asked, and there is no report; loads are not touched by it"):
        whole = sparkify.query(loaded, "overview")
        assert sparkify.query(loaded, "overview", cut=Cut("2018-11-01", "2018-11-30")).rows == whole.rows


def test_question_by_the_clock_of_a_time_zone(loaded: Config) -> None:
    with it_means("no question can be asked by the clock of a time zone; in UTC all can"):
        for name in ("overview", "heatmap"):
            assert sparkify.query(structs.replace(loaded, timezone="America/Chicago"), name).rows


def test_check_of_artists_is_taken(loaded: Config) -> None:
    with it_means("every load rolls back at its end, where this check is run"):
        run_check(loaded, "songplays.artist_is_found")


def test_small_load_refreshes_the_star(loaded: Config) -> None:
    write_file(log_file(loaded, "later.json"), [play(userId=3, itemInSession=2)])
    with it_means("only first loads work: what inserts the plays of a small load is refused"):
        assert sparkify.load(loaded).mode == "refresh"


def test_check_of_failed_files_is_taken(loaded: Config) -> None:
    with it_means("every load rolls back at its end, where this check is run"):
        run_check(loaded, "load_files.no_file_failed")


def test_timeout_ends_the_wait_for_the_lock(loaded: Config) -> None:
    waiting = structs.replace(loaded, wait=1)
    ended = threading.Event()
    told: list[SparkifyError] = []

    def load() -> None:
        try:
            sparkify.load(waiting)
        except SparkifyError as error:
            told.append(error)
        ended.set()

    with open_warehouse(loaded) as holder, holder.transaction():
        holder.execute("LOCK load_lock")
        thread = threading.Thread(target=load)
        thread.start()
        is_told = ended.wait(90)
    thread.join()
    if not is_told:
        pytest.fail("What it means: statement_timeout ends no wait for a lock here, so --wait has no effect: a second "
                    "load waits until the first ends", pytrace=False)  # fmt: skip
    assert [type(error) for error in told] == [LockedError]
