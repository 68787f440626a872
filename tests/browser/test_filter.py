"""A reader chooses days and a level in the page: what follows has the numbers of the same cut, and the rest says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

import sparkify
from sparkify.formats import format_number, format_share, format_value
from sparkify.questions.answers import query
from sparkify.questions.cut import Cut
from sparkify.report.questions import draw
from sparkify.settings import Config
from sparkify.simulator import SimulateOptions, simulate
from tests.browser.pages import Record, Report, Visit, choose, visit, write_report
from tests.support import new_warehouse

SPAN = ("2018-11-08", "2018-11-21")


@pytest.fixture(scope="module")
def long_report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Of 800 days, which are drawn as months, with levels that are neither free nor paid."""
    folder = tmp_path_factory.mktemp("long")
    data = simulate(folder, SimulateOptions(events=1_600, users=20, days=800, songs=20, dirty=0.05, seed=8))
    config = new_warehouse(folder, log_data=str(data.log_data), song_data=str(data.song_data))
    sparkify.load(config)
    return write_report(config, folder / "page.html")


@pytest.fixture(scope="module")
def page(browser: Browser, month_report: Report) -> Iterator[Page]:
    page = visit(browser, month_report).page
    yield page
    page.context.close()


def read_tiles(page: Page) -> dict[str, str]:
    tiles: dict[str, str] = page.evaluate("""() => Object.fromEntries([...document.querySelectorAll(".tile")].map(
        tile => [tile.dataset.name, tile.querySelector(".value").textContent]))""")
    return tiles


def read_marks(page: Page, name: str) -> set[str]:
    """What the marks of a drawing say, as their tooltips have it."""
    marks = page.locator(f"#drawing-{name} g.role-mark:is(.mark-rect, .mark-symbol) > path")
    found = marks.evaluate_all("all => all.map(one => one.__data__.tooltip).filter(one => one)")
    return {say(mark) for mark in found}


def say(mark: Record) -> str:
    return "; ".join(f"{title}: {value}" for title, value in mark.items())


def expected_marks(config: Config, name: str, cut: Cut, level: str | None = None) -> set[str]:
    """The same, from the drawing of the answer in that cut."""
    columns, rows = query(config, name, cut=cut)
    records: list[Record] = [dict(zip(columns, row, strict=True)) for row in rows]
    spec = draw(name, [one for one in records if level is None or one["level"] == level])
    assert spec is not None
    spec = spec["drawings"][0] if "drawings" in spec else spec
    encoding = spec["layer"][-1]["encoding"] if "layer" in spec else spec["encoding"]
    titles = {one["field"]: one["title"] for one in encoding["tooltip"]}
    return {say({titles[field]: row[field] for field in titles}) for row in spec["data"]["values"]}


def assert_shows(page: Page, config: Config, cut: Cut) -> None:
    """Everything that follows is that of the cut."""
    columns, (row,) = query(config, "overview", cut=cut)
    overview = dict(zip(columns, row, strict=True))
    tiles = read_tiles(page)
    assert (tiles["plays"], tiles["hours"], tiles["paid_share"]) == (
        format_number(overview["plays"]), format_number(overview["hours"] or 0), format_share(overview["paid_share"]),
    )  # fmt: skip
    days = Cut(cut.first_day, cut.last_day)
    assert read_marks(page, "hours") == expected_marks(config, "hours", cut)
    assert read_marks(page, "levels") == expected_marks(config, "levels", days, cut.level)
    assert read_marks(page, "service_days_1") == expected_marks(config, "service_days", days)
    assert read_marks(page, "match_days") == expected_marks(config, "match_days", days)
    assert read_marks(page, "audience") == expected_marks(config, "audience", days)


@pytest.mark.parametrize(
    ("first", "last", "level"), [(*SPAN, "paid"), (*SPAN, ""), ("2018-11-03", "2018-11-03", "free")]
)
def test_what_follows_has_the_numbers_of_the_cut(
    page: Page, month_report: Report, first: str, last: str, level: str
) -> None:
    choose(page, first, last, level)
    assert_shows(page, month_report.config, Cut(first, last, level or None))


@pytest.mark.parametrize(("last", "level"), [("2019-02-08", ""), ("2019-12-31", "paid"), ("2021-01-08", "free")])
def test_long_spans_are_drawn_as_python_draws_them(
    browser: Browser, long_report: Report, last: str, level: str
) -> None:
    page = visit(browser, long_report).page
    choose(page, "2018-11-01", last, level)
    config = long_report.config
    assert read_marks(page, "hours") == expected_marks(config, "hours", Cut("2018-11-01", last, level or None))
    days = Cut("2018-11-01", last)
    assert read_marks(page, "service_days_1") == expected_marks(config, "service_days", days)
    assert read_marks(page, "levels") == expected_marks(config, "levels", days, level or None)
    unit = {"2019-02-08": "", "2019-12-31": ", mean of the days of each week"}.get(
        last, ", mean of the days of each month"
    )
    caption = page.locator("[aria-labelledby=hours] figcaption").inner_text()
    assert caption == f"Hours of music that began to play, by day and level{unit}."
    page.context.close()


def test_numbers_are_written_as_python_writes_them(page: Page) -> None:
    """Also those that are exactly half: 1 of 16 is 6.25%."""
    script = (Path(sparkify.__file__).parent / "report" / "filter.js").read_text(encoding="utf-8")
    parts = [part / whole for whole in (7, 16, 32, 160, 400, 720) for part in range(0, 40 * whole, 3)]
    shares = [min(1.0, one / 40) for one in parts]
    shown = "return [parts.map(showNumber), parts.map(showExact), shares.map(showShare)];"
    found = page.evaluate(f"([parts, shares]) => {{ {script}\n{shown} }}", [parts, shares])
    assert found == [list(map(format_number, parts)), list(map(format_value, parts)), list(map(format_share, shares))]


def test_a_week_of_a_long_span_is_a_point_of_listeners(browser: Browser, long_report: Report) -> None:
    page = visit(browser, long_report).page
    choose(page, "2018-11-12", "2018-11-18")
    point = page.locator("#drawing-audience g.role-mark.mark-symbol > path[opacity='1']")
    point.first.wait_for(state="attached", timeout=10_000)
    assert "of each week its Sunday. The" in page.locator("article[aria-labelledby=audience] .reach").inner_text()
    assert {mark.split(";")[0] for mark in read_marks(page, "audience")} == {"day: Sun 18 Nov 2018"}
    page.context.close()


def test_what_does_not_follow_says_so_and_everything_comes_back(page: Page, month_report: Report) -> None:
    choose(page, *SPAN, "paid")
    whole = month_report.records("overview")[0]
    assert read_tiles(page)["listeners"] == format_number(whole["listeners"])
    notes = page.locator("article .reach").all_inner_texts()
    assert len(notes) == page.locator("article.question").count()
    assert sum(note.startswith("Drawn: ") for note in notes) == 5
    assert sum(note == "Not as chosen above: the whole period, all levels." for note in notes) == len(notes) - 5
    assert page.locator(".tile .reach").all_inner_texts().count("the whole period, all levels") == 2
    assert not page.locator(".compared").is_visible()
    page.locator("#filter button").click()
    page.wait_for_function("document.getElementById('chosen').textContent === 'Everything is shown.'")
    assert not page.locator(".reach:visible").count()
    assert read_marks(page, "hours") == expected_marks(month_report.config, "hours", Cut())
    assert read_tiles(page)["plays"] == format_number(whole["plays"])


def test_days_in_the_wrong_order_change_nothing(page: Page) -> None:
    before = read_tiles(page)
    choose(page, "2018-11-21", "2018-11-08")
    assert "after the last" in page.locator("#chosen").inner_text()
    assert read_tiles(page) == before


def test_keyboard_chooses_and_paper_shows_what_is_chosen(page: Page) -> None:
    page.locator("#filter button").click()
    page.locator("#filter select").focus()
    page.keyboard.press("p")
    page.wait_for_function("document.getElementById('chosen').textContent.includes('level paid')")
    page.emulate_media(media="print")
    assert page.locator("#chosen").is_visible()
    assert not page.locator("#filter").is_visible()
    page.emulate_media(media="screen")


def test_choice_needs_a_script_and_something_to_choose(
    browser: Browser, month_report: Report, single_report: Report, cut_visit: Visit
) -> None:
    page = visit(browser, month_report, java_script_enabled=False).page
    assert not page.locator("#filter").is_visible()
    page.context.close()
    assert 'id="filter"' not in Path(single_report.path).read_text(encoding="utf-8")
    assert cut_visit.page.locator("#filter select").count() == 0
