"""The page as a whole: one file, and usable by keyboard, on phones, on paper, in dark mode and without scripts."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from sparkify.settings import Config
from tests.browser.pages import WIDTHS, Report, Visit, download_rows, list_texts, open_details, set_width, visit

WHITE = "rgb(255, 255, 255)"


def read_style(page: Page, where: str, style: str) -> str:
    """One computed style of the first element there."""
    value: str = page.locator(where).first.evaluate("(one, style) => getComputedStyle(one)[style]", style)
    return value


# ---- one file ----


def test_page_of_a_month_asks_for_nothing_and_complains_of_nothing(month_report: Report, month_visit: Visit) -> None:
    assert month_visit.requests == [month_report.path.as_uri()]
    assert month_visit.complaints == []


def test_page_of_a_month_is_small(month_report: Report) -> None:
    assert month_report.path.stat().st_size < 1_500_000


def test_command_makes_the_same_page_wherever_it_runs(month: Config, month_report: Report, tmp_path: Path) -> None:
    elsewhere = {"TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7", "LC_ALL": "C"}
    command = [sys.executable, "-m", "sparkify", "report", "-q", "--warehouse", month.warehouse_address, "-o", "a.html"]
    subprocess.run(command, cwd=tmp_path, env=os.environ | elsewhere, check=True, timeout=120)
    assert (tmp_path / "a.html").read_bytes() == month_report.path.read_bytes()


@pytest.mark.parametrize("name", ["audience", "top_songs", "retention", "sessions"])
def test_link_gives_the_answer_as_a_file(month_report: Report, month_visit: Visit, tmp_path: Path, name: str) -> None:
    assert download_rows(month_visit.page, name, tmp_path / "answer.csv") == list_texts(month_report, name)


def test_pictures_replace_drawings_in_an_old_browser(browser: Browser, month_report: Report) -> None:
    context = browser.new_context()
    context.add_init_script("delete window.DecompressionStream")
    page = context.new_page()
    page.goto(month_report.path.as_uri())
    page.wait_for_selector("html[data-drawn]", timeout=120_000)
    assert page.locator(".drawing svg").count() == page.locator("[data-spec]").count() > 5
    context.close()


def test_days_are_utc_wherever_the_page_is_read(browser: Browser, month_report: Report) -> None:
    texts = []
    for zone in ("America/Los_Angeles", "Pacific/Auckland"):
        page = visit(browser, month_report, timezone_id=zone).page
        texts.append([page.locator(f"#drawing-{name} svg").inner_html() for name in ("audience", "hours", "levels")])
    assert texts[0] == texts[1]


def test_pictures_and_tables_are_there_without_scripts(browser: Browser, month_report: Report) -> None:
    opened = visit(browser, month_report, java_script_enabled=False)
    page = opened.page
    pictures = page.locator("figure noscript svg")
    assert pictures.count() == page.locator("[data-spec]").count() > 5
    for picture in pictures.all():
        box = picture.bounding_box()
        assert box is not None
        assert box["width"] > 300
        assert box["height"] > 60
    page.locator("summary", has_text="The numbers").first.click()
    assert page.locator(".table table").first.is_visible()
    assert page.locator(".table table").count() == page.locator(".meaning").count()
    assert [opened.requests, opened.complaints] == [[month_report.path.as_uri()], []]
    page.context.close()


# ---- keyboard ----


def tab(page: Page) -> dict[str, Any]:
    """Press one key; returns what has the focus then: its element, target, text and question."""
    page.keyboard.press("Tab")
    focus: dict[str, Any] = page.evaluate("""() => {
        const one = document.activeElement;
        return {
            tag: one.tagName, href: one.getAttribute("href"), role: one.getAttribute("role"), text: one.textContent,
            section: one.closest("article")?.getAttribute("aria-labelledby"),
        };
    }""")
    return focus


def await_focus_in_sight(page: Page) -> None:
    page.wait_for_function("""() => {
        const box = document.activeElement.getBoundingClientRect();
        return box.width > 0 && box.left >= 0 && box.top >= 0 && box.bottom <= innerHeight;
    }""")


def test_keyboard_reaches_skip_link_contents_and_every_table(browser: Browser, month_report: Report) -> None:
    page = visit(browser, month_report).page
    assert tab(page)["href"] == "#main"
    await_focus_in_sight(page)
    links = page.locator(".contents a").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert [tab(page)["href"] for _ in links] == links
    answers = page.locator(".table").evaluate_all("all => all.map(one => one.id)")
    for answer in answers:
        # A drawing that scrolls has a place before them.
        next(focus for focus in iter(lambda: tab(page), None) if str(focus["text"]).startswith("What is counted"))
        numbers = tab(page)
        assert (numbers["tag"], numbers["text"][:11]) == ("SUMMARY", "The numbers")
        await_focus_in_sight(page)
        open_table(page, answer)
        assert tab(page)["text"].startswith("The SQL")
    page.context.close()


def open_table(page: Page, answer: str) -> None:
    """Open the table whose summary has the focus, enter it and scroll it, by keys only."""
    page.keyboard.press("Enter")
    table = page.locator(f"#{answer}")
    assert table.is_visible()
    assert tab(page)["tag"] == "A"
    assert tab(page)["role"] == "region"
    if room := table.evaluate("one => one.scrollHeight - one.clientHeight"):
        page.keyboard.press("End")
        page.wait_for_function(
            "([answer, room]) => document.getElementById(answer).scrollTop >= room - 1", arg=[answer, room]
        )


def test_skip_link_leads_past_the_contents(browser: Browser, month_report: Report) -> None:
    page = visit(browser, month_report).page
    tab(page)
    page.keyboard.press("Enter")
    # The choice of days.
    assert tab(page)["tag"] == "INPUT"
    page.context.close()


# ---- everybody ----


@pytest.mark.parametrize(("scheme", "width"), [("light", WIDTHS["phone"]), ("dark", WIDTHS["desktop"])])
def test_page_shuts_nobody_out(cut_visit: Visit, scheme: Literal["light", "dark"], width: int) -> None:
    page = cut_visit.page
    page.emulate_media(color_scheme=scheme)
    set_width(page, width)
    open_details(page)
    violations = Axe().run(page).response["violations"]
    assert [
        (one["id"], one["impact"], node["target"], node["failureSummary"])
        for one in violations
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ] == []


# ---- screens and paper ----


@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_reaches_beyond_the_window(hostile_visit: Visit, width: int) -> None:
    page = hostile_visit.page
    open_details(page)
    set_width(page, width)
    beyond = page.evaluate("""() => {
        const edge = document.documentElement.clientWidth;
        scrollTo(1000, scrollY);
        return [scrollX, document.documentElement.scrollWidth - edge, document.body.scrollWidth - edge];
    }""")
    assert beyond == [0, 0, 0]
    set_width(page, 1280)


def test_dark_systems_get_a_dark_page(month_visit: Visit) -> None:
    page = month_visit.page
    found = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found[scheme] = [
            sum(map(int, read_style(page, where, style).removeprefix("rgb(").removesuffix(")").split(",")))
            for where, style in (
                ("body", "backgroundColor"), (".question", "backgroundColor"), ("body", "color"),
                ("#drawing-heatmap .role-axis-label text", "fill"),
            )
        ]  # fmt: skip
    ground, paper, ink, label = range(4)
    assert found["light"][ink] < found["light"][label] < 400 < found["light"][ground] < found["light"][paper]
    assert found["dark"][ground] < found["dark"][paper] < 200 < found["dark"][label] < found["dark"][ink]
    page.emulate_media(color_scheme="light")


def test_paper_is_white_and_has_no_navigation(month_visit: Visit) -> None:
    page = month_visit.page
    page.emulate_media(media="print", color_scheme="dark")
    assert read_style(page, "body", "backgroundColor") == WHITE
    assert read_style(page, ".question", "backgroundColor") == WHITE
    assert read_style(page, "body", "color") == "rgb(0, 0, 0)"
    for where in ("nav", ".skip", "summary", "footer a"):
        assert not page.locator(where).first.is_visible()
    assert page.locator("#drawing-heatmap svg").is_visible()
    # What is folded on a screen, but for the numbers and the SQL.
    assert page.locator(".definition").first.is_visible()
    assert not page.locator(".table").first.is_visible()
    page.emulate_media(media="screen", color_scheme="light")
