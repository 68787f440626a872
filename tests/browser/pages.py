"""Reports as files, and as pages in a browser, with ways to measure them."""

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from sparkify.cli import cli
from sparkify.questions.answers import Answers, answer_all
from sparkify.questions.cut import WHOLE_LOG, Cut
from sparkify.settings import Config

Record = dict[str, Any]
# Milliseconds. Enough to draw a page even on a busy machine.
_LONG = 120_000
WIDTHS = {"desktop": 1280, "phone": 375}


@dataclass(frozen=True)
class Report:
    """A page on disk, and its expected answers."""

    path: Path
    config: Config
    answers: Answers

    @property
    def source(self) -> str:
        """The source of the page."""
        return self.path.read_text(encoding="utf-8")

    def records(self, name: str) -> list[Record]:
        """The answer to one question."""
        return self.answers.of(name).records


def write_report(config: Config, path: Path, cut: Cut = WHOLE_LOG, *, with_people: bool = False) -> Report:
    """Make a page with the command itself."""
    options = [part for name, value in cut.values.items() for part in (f"--{name}", str(value))]
    options += ["--with-people"] if with_people else []
    ended = CliRunner().invoke(cli, ["report", "--warehouse", config.warehouse_address, "-o", str(path), *options])
    assert ended.exit_code == 0, ended.output
    return Report(path, config, answer_all(config, cut=cut))


@dataclass(frozen=True)
class Visit:
    """A drawn page, with all its requests and console errors since it was opened."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def note_request(self, request: Request) -> None:
        if not request.url.startswith("data:"):
            self.requests.append(request.url)

    def note_message(self, message: ConsoleMessage) -> None:
        if message.type in ("warning", "error"):
            self.complaints.append(message.text)


def read_library(report: Report) -> tuple[str, str]:
    """The script that draws, as a page has it, and its source in the content security policy."""
    packed = re.search(r'id="vega">([^<]+)<', report.source)
    digests = re.search(r"script-src '\S+' ('\S+') 'unsafe-eval'", report.source)
    assert packed is not None
    assert digests is not None
    return packed[1], digests[1]


def visit(browser: Browser, report: Report, **options: Any) -> Visit:
    """Open a report and wait until it is drawn; the options are those of a browser's context."""
    return open_page(browser, report.path, **options)


def open_page(browser: Browser, path: Path, **options: Any) -> Visit:
    """Open the file of a report, as `visit` does."""
    # Without smooth scrolling, so that nothing moves after scrolling.
    page = browser.new_context(reduced_motion="reduce", **options).new_page()
    page.set_default_timeout(_LONG)
    opened = Visit(page)
    page.on("request", lambda request: opened.note_request(request))
    page.on("console", lambda message: opened.note_message(message))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.goto(path.as_uri())
    if options.get("java_script_enabled", True):
        page.wait_for_selector("html[data-drawn]")
    return opened


def set_width(page: Page, width: int) -> None:
    """Set the width of the window, and wait until the drawings have changed."""
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_for_function(
        "() => [...document.querySelectorAll('.drawing')].every(one => !one.firstElementChild || "
        "Math.abs(one.querySelector('svg').getBoundingClientRect().width - one.clientWidth) < 2)"
    )


def choose(page: Page, first: str, last: str, level: str = "") -> None:
    """Choose days and a level, and wait until the page shows them."""
    before = page.locator("#chosen").inner_text()
    page.evaluate(
        """values => {
            const form = document.getElementById("filter");
            for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
            form.dispatchEvent(new Event("change"));
        }""",
        {"from": first, "to": last, "level": level},
    )
    page.wait_for_function("before => document.getElementById('chosen').textContent !== before", arg=before)


def open_details(page: Page) -> None:
    """Unfold everything."""
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")


def download_rows(page: Page, name: str, path: Path) -> list[list[str]]:
    """The rows of the file behind a question's link, with the columns first."""
    open_details(page)
    with page.expect_download() as download:
        page.locator(f"a[download='{name}.csv']").click()
    assert download.value.suggested_filename == f"{name}.csv"
    download.value.save_as(path)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def list_texts(report: Report, name: str) -> list[list[str]]:
    """The rows of an answer as in a file, with the columns first."""
    answer = report.answers.of(name)

    def text(value: Any) -> str:
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    return [answer.columns, *([text(value) for value in row] for row in answer.rows)]


def read_tooltip(page: Page) -> dict[str, str]:
    """The content of the tooltip, by title; empty if it is hidden."""
    shown: dict[str, str] = page.evaluate("""() => Object.fromEntries(
        [...document.querySelectorAll('#tooltip:not([hidden]) dt')].map(
            one => [one.textContent, one.nextElementSibling.textContent]))""")
    return shown


def hover_mark(page: Page, name: str, kind: str, place: int) -> dict[str, str]:
    """Move the pointer to a mark of a question's drawing, and read the tooltip."""
    mark = page.locator(f"#drawing-{name} g.role-mark.mark-{kind} > path").nth(place)
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    assert box is not None
    page.mouse.move(0, 0)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector("#tooltip:not([hidden])")
    return read_tooltip(page)
