"""Every page fits every screen: no text over another, none cut off, no bar thinner than a pixel.

Measured from the boxes that the browser draws, over logs of few and of many days and users.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from markupsafe import Markup
from playwright.sync_api import Browser, Page

import sparkify
from sparkify.questions.answers import answer_all
from sparkify.report.drawing import Drawing, draw_picture
from sparkify.report.page import render_page
from sparkify.simulator import SimulateOptions, simulate
from tests.browser.pages import Report, choose, open_page, read_library, set_width
from tests.support import TIMES, new_warehouse

_DAYS, _USERS, _WIDTHS = (7, 30, 90, 365, 1_500), (1, 20, 2_000), (360, 390, 768, 1280)
# Days and users. 200,000 users need as many events at least.
_LONG = [*itertools.product(_DAYS, _USERS), (90, 200_000)]
SIZES = _LONG if TIMES > 1 else [(7, 1), (90, 20), (365, 2_000)]
WIDTHS = _WIDTHS if TIMES > 1 else (360, 768, 1280)
_MISFITS = (Path(__file__).parent / "fit.js").read_text(encoding="utf-8")
_A4 = 700
_LONGEST_ZONE = "America/Argentina/ComodRivadavia"


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: f"{size[0]} days, {size[1]} users")
def page_file(request: pytest.FixtureRequest, month_report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a log of so many days and users."""
    days, users = request.param
    folder = tmp_path_factory.mktemp("fit")
    events = max(200, 2 * users, 20 * days)
    data = simulate(folder, SimulateOptions(events=events, users=users, days=days, songs=60, dirty=0.02, seed=3))
    config = new_warehouse(folder, log_data=str(data.log_data), song_data=str(data.song_data))
    sparkify.load(config)
    library, source = read_library(month_report)
    file = folder / "page.html"
    page = render_page(
        answer_all(msgspec.structs.replace(config, timezone=_LONGEST_ZONE)),
        lambda specs: Drawing(
            Markup(library), source, {name: Markup(draw_picture(name, spec)) for name, spec in specs.items()}, {}
        ),
        with_people=True,
    )
    file.write_text(page, encoding="utf-8")
    return file


@pytest.fixture
def page(browser: Browser, page_file: Path) -> Iterator[Page]:
    page = open_page(browser, page_file).page
    yield page
    page.context.close()


def list_misfits(page: Page) -> list[str]:
    found: list[str] = page.evaluate(_MISFITS)
    return found


def test_everything_fits(page: Page) -> None:
    schemes: list[Literal["light", "dark"]] = ["light", "dark"]
    for width, scheme in zip(WIDTHS, itertools.cycle(schemes)):
        page.emulate_media(color_scheme=scheme)
        set_width(page, width)
        assert (width, list_misfits(page)) == (width, [])
    first, _ = page.locator("#filter input").evaluate_all("all => all.map(one => one.min)")
    choose(page, first, first, "paid")
    set_width(page, WIDTHS[0])
    assert ("chosen", list_misfits(page)) == ("chosen", [])
    page.emulate_media(media="print")
    set_width(page, _A4)
    assert list_misfits(page) == []


def test_everything_fits_without_scripts(browser: Browser, page_file: Path) -> None:
    page = open_page(browser, page_file, java_script_enabled=False).page
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert (width, list_misfits(page)) == (width, [])
    page.context.close()


def test_misfits_are_found(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 400})
    page.set_content("""
        <article aria-labelledby="a" style="overflow: hidden; height: 90px; margin: 0">
          <p style="margin: 0">one text</p> <p style="margin: -1.2em 0 0">another text</p>
          <p style="width: 90px; overflow: hidden; white-space: nowrap">far longer than its frame</p>
          <svg width="90" height="40"><g class="mark-rect"><path d="M0,0h0.5v9h-0.5Z"/><path d="M4,0h9v9h-9Z"/></g>
            <text x="60" y="20">out of it</text><text x="0" y="20">cut…</text></svg>
        </article>""")
    found = list_misfits(page)
    for words in ("over each other", "out of its P", "out of its svg", "shortened", "0.50 by 9.00 pixels"):
        assert sum(words in one for one in found) == 1, found
    page.close()
