"""Texts of the data stay texts everywhere on the page and do not change the writing direction; people are left out."""

import html
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Page

from sparkify.report.drawing import make_drawable
from sparkify.settings import Config
from tests.browser.hostile import AGENT, FIRST_NAME, LAST_NAME, TEXTS, name_artist, name_location
from tests.browser.pages import Report, Visit, download_rows, hover_mark, list_texts, open_details
from tests.support import fetch

# Invisible characters, which a drawing or a sentence may omit or add.
_SHAPELESS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """A text as seen: white space is one blank, and characters for the writing direction are removed."""
    return " ".join(_SHAPELESS.sub("", text).split())


def read_cells(page: Page, name: str, column: str) -> list[str]:
    """A column of a question's table."""
    cells: list[str] = page.evaluate(
        """([name, column]) => {
            const table = document.querySelector(`#table-${name} table`);
            const place = [...table.tHead.rows[0].cells].findIndex(one => one.textContent === column);
            return [...table.tBodies[0].rows].map(row => row.cells[place].textContent);
        }""",
        [name, column],
    )
    return cells


def assert_names(page: Page, name: str) -> None:
    """The bars of a ranking have the names and artists of its table, with symbols for control characters."""
    shown = {"top_songs": ["song_title", "artist_name"], "top_artists": ["artist_name"], "places": ["location"]}[name]
    expected = list(zip(*(map(make_drawable, read_cells(page, name, column)) for column in shown), strict=True))
    texts = page.locator(f"[aria-labelledby={name}] .bars > li").evaluate_all(
        "all => all.map(one => [...one.querySelectorAll('.name bdi')].map(part => part.textContent))"
    )
    assert [tuple(one[: len(shown)]) for one in texts] == expected


def assert_nothing_ran(opened: Visit) -> None:
    assert opened.page.evaluate("window.hacked") is None
    assert opened.page.locator("img, main script:not([type='application/json']), iframe, object").count() == 0
    assert opened.complaints == []
    assert len(opened.requests) == 1


# ---- text ----


def test_nothing_of_the_data_runs(hostile_visit: Visit) -> None:
    open_details(hostile_visit.page)
    assert_nothing_ran(hostile_visit)


def test_tables_show_every_text_as_it_is(hostile_visit: Visit) -> None:
    page = hostile_visit.page
    # A browser normalizes line ends.
    texts = [text.replace("\r\n", "\n") for text in TEXTS]
    assert sorted(read_cells(page, "top_songs", "song_title")) == sorted(texts)
    assert sorted(read_cells(page, "top_songs", "artist_name")) == sorted(map(name_artist, texts))
    assert sorted(read_cells(page, "top_artists", "artist_name")) == sorted(map(name_artist, texts))
    assert sorted(read_cells(page, "places", "location")) == sorted(map(name_location, texts))


def test_sentences_show_the_texts(hostile_visit: Visit) -> None:
    page = hostile_visit.page
    songs, artists, places = (
        visible(page.locator(f"[aria-labelledby={name}] .finding").inner_text())
        for name in ("top_songs", "top_artists", "places")
    )
    for text in TEXTS[:3]:
        assert f"“{visible(text)}” by {visible(name_artist(text))}" in songs
        assert visible(name_artist(text)) in artists
    assert visible(read_cells(page, "places", "location")[0]) in places


def test_bars_show_the_texts(hostile_visit: Visit) -> None:
    for name in ("top_songs", "top_artists", "places"):
        assert_names(hostile_visit.page, name)
    assert_nothing_ran(hostile_visit)


def test_files_hold_the_texts_as_they_are(hostile_report: Report, hostile_visit: Visit, tmp_path: Path) -> None:
    for name in ("top_songs", "places"):
        assert download_rows(hostile_visit.page, name, tmp_path / "answer.csv") == list_texts(hostile_report, name)
    assert_nothing_ran(hostile_visit)


# ---- direction ----


def list_turned(page: Page, where: str, words: list[str]) -> list[str]:
    """The words in a place's text whose letters are not from left to right on the screen."""
    turned: list[str] = page.evaluate(
        """([where, words]) => {
            const place = document.querySelector(where);
            const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
            const letters = [];
            for (let node = walker.nextNode(); node; node = walker.nextNode())
                for (let at = 0; at < node.length; at++) letters.push([node, at]);
            const text = letters.map(([node, at]) => node.data[at]).join("");
            return words.filter(word => {
                const begin = text.lastIndexOf(word);
                if (begin < 0) return true;
                const lefts = letters.slice(begin, begin + word.length).map(([node, at]) => {
                    const range = document.createRange();
                    range.setStart(node, at);
                    range.setEnd(node, at + 1);
                    return range.getBoundingClientRect().left;
                });
                return lefts.some((left, number) => number && left <= lefts[number - 1]);
            });
        }""",
        [where, words],
    )
    return turned


@pytest.mark.parametrize(
    ("name", "words"),
    [("top_songs", ["lead", "plays"]), ("top_artists", ["lead", "plays"]), ("places", ["listener"])],
)
def test_no_text_changes_the_direction_of_its_sentence(hostile_visit: Visit, name: str, words: list[str]) -> None:
    assert list_turned(hostile_visit.page, f"[aria-labelledby={name}] .finding", words) == []


def test_texts_of_tables_and_tooltips_are_isolated(hostile_visit: Visit) -> None:
    page = hostile_visit.page
    hover_mark(page, "hours", "rect", 0)
    directions: list[str] = page.evaluate("""() =>
        [...document.querySelectorAll("td > :not(.bar), .name bdi, .legend bdi, #tooltip dd")].map(
            one => getComputedStyle(one).unicodeBidi)""")
    assert len(directions) > len(TEXTS)
    assert set(directions) == {"isolate"}


# ---- people ----


def read_everything(report: Report) -> str:
    """The source of a page, also decoded: entities, JSON escapes, files in links."""
    source = re.sub(r'<script type="text/plain" id="vega">.*?</script>', "", report.source, flags=re.DOTALL)
    return "\n".join([source, html.unescape(source), source.replace("\\u003c", "<"), unquote(source)])


def test_no_person_is_on_the_page_of_a_month(month: Config, month_report: Report) -> None:
    text = read_everything(month_report)
    queries = (
        "SELECT location FROM songplays GROUP BY location HAVING count(DISTINCT user_id) = 1",
        "SELECT DISTINCT first_name || ' ' || last_name FROM users",
        "SELECT DISTINCT trim(user_agent, '\"') FROM songplays",
    )
    for query in queries:
        private = [value for (value,) in fetch(month, query) if value is not None]
        assert private
        found = re.search("|".join(rf"\b{re.escape(value)}\b" for value in private), text)
        assert found is None, found


def test_with_people_places_are_named_and_nobody_else(hostile_report: Report) -> None:
    text = read_everything(hostile_report)
    assert all(name_location(text_) in text for text_ in TEXTS if "\n" not in text_)
    for private in (FIRST_NAME, LAST_NAME, AGENT):
        assert private not in text
