"""Reports made by the real command from real warehouses, and one browser per session that opens them as files."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

import sparkify
from sparkify.questions.cut import Cut
from sparkify.settings import Config
from sparkify.simulator import SimulateOptions, simulate
from tests.browser.chromium import find_chromium
from tests.browser.hostile import write_hostile_log
from tests.browser.pages import Report, Visit, visit, write_report
from tests.support import log_file, new_warehouse, play, write_file

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=find_chromium(), args=_FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def month(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A warehouse with one month of simulated data, including faults."""
    folder = tmp_path_factory.mktemp("month")
    data = simulate(folder, SimulateOptions(dirty=0.02, seed=6))
    config = new_warehouse(folder, log_data=str(data.log_data), song_data=str(data.song_data))
    sparkify.load(config)
    return config


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="session")
def month_report(month: Config, pages: Path) -> Report:
    return write_report(month, pages / "month.html")


@pytest.fixture(scope="session")
def month_visit(browser: Browser, month_report: Report) -> Visit:
    """The page of the month, opened once; tests must leave it as it was."""
    return visit(browser, month_report)


@pytest.fixture(scope="session")
def cut_report(month: Config, pages: Path) -> Report:
    return write_report(month, pages / "cut.html", Cut(dt.date(2018, 11, 8), dt.date(2018, 11, 21), "paid", top=5))


@pytest.fixture(scope="session")
def cut_visit(browser: Browser, cut_report: Report) -> Visit:
    return visit(browser, cut_report)


@pytest.fixture(scope="session")
def empty_report(tmp_path_factory: pytest.TempPathFactory, pages: Path) -> Report:
    """The report of a warehouse with empty tables."""
    config = new_warehouse(tmp_path_factory.mktemp("empty"))
    sparkify.create(config)
    return write_report(config, pages / "empty.html")


@pytest.fixture(scope="session")
def single_report(tmp_path_factory: pytest.TempPathFactory, pages: Path) -> Report:
    """The report of a warehouse with one event."""
    config = new_warehouse(tmp_path_factory.mktemp("single"))
    write_file(log_file(config), [play(location="Missoula, MT")])
    sparkify.load(config)
    return write_report(config, pages / "single.html")


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A warehouse of plays with texts that try to be more than text."""
    config = new_warehouse(tmp_path_factory.mktemp("hostile"))
    write_hostile_log(log_file(config))
    sparkify.load(config)
    return config


@pytest.fixture(scope="session")
def hostile_report(hostile: Config, pages: Path) -> Report:
    """With --with-people, so that places with a single listener are on the page."""
    return write_report(hostile, pages / "hostile.html", with_people=True)


@pytest.fixture(scope="session")
def hostile_visit(browser: Browser, hostile_report: Report) -> Visit:
    return visit(browser, hostile_report)
