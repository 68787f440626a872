"""Fixtures for all tests: no test sees the caller's settings, working folder or files."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import sparkify
from sparkify.settings import Config
from sparkify.star.tables import STAR
from tests.s3_server import S3Server, run_s3_server
from tests.support import copy_warehouse, deliver, new_warehouse, write_ballast

# The mark of every test in a folder.
_LANES = {"engines": pytest.mark.engine, "redshift": pytest.mark.engine, "browser": pytest.mark.browser}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give a test its mark: by its folder, or because it uses the S3 server."""
    if (mark := _LANES.get(item.path.parent.name)) is not None:
        item.add_marker(mark)
    elif "s3_server" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session", autouse=True)
def no_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An environment without settings and a working folder without dwh.cfg, also for session fixtures."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.upper().startswith(("SPARKIFY_", "AWS_"))]:
            patch.delenv(name)
        patch.chdir(tmp_path_factory.mktemp("session"))
        # The cache of the report.
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder that no other test writes to."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT interrupts, here and in children, even if a shell runs the tests in the background and ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def warehouse(tmp_path: Path) -> Config:
    """A warehouse that does not exist yet, with empty roots `log_data` and `song_data` beside it."""
    return new_warehouse(tmp_path)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A real S3 server, started when the first test asks for it."""
    with run_s3_server() as running:
        yield running


@pytest.fixture(scope="session")
def ballast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse to copy. It holds many records and an empty star, so that every small load on it is a refresh."""
    config = new_warehouse(tmp_path_factory.mktemp("ballast"))
    write_ballast(config)
    assert not any(sparkify.load(config).tables[table] for table in STAR)
    return Path(config.warehouse_address)


@pytest.fixture
def ballasted(warehouse: Config, ballast: Path) -> Config:
    """Like `warehouse`, but every small load is a refresh."""
    shutil.copyfile(ballast, warehouse.warehouse_address)
    return warehouse


@pytest.fixture
def delivered(warehouse: Config) -> Config:
    """Sources with something of everything, of which nothing is loaded yet."""
    return deliver(warehouse)


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A loaded warehouse that no test changes."""
    config = deliver(new_warehouse(tmp_path_factory.mktemp("settled")))
    sparkify.load(config)
    return config


@pytest.fixture
def loaded(settled: Config, tmp_path: Path) -> Config:
    """A copy for one test, which may change it."""
    return copy_warehouse(settled, tmp_path)
