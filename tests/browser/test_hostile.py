"""Texts of the data stay texts everywhere on the page and do not change the writing direction; people are left out."""

import html
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Page

from sparkify.report.drawing import make_drawable
from sparkify.settings import Config
from tests.browser.hostile import AGENT, FIRST_NAME, LAST_NAME, TEXTS, name_artist, name_location
from tests.browser.pages import Report, Visit, download_rows, hover_mark, list_texts, open_details, visit
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
            const table = document.querySelector(`[aria-labelledby="${name}"] table`);
            const place = [...table.tHead.rows[0].cells].findIndex(one => one.textContent === column);
            return [...table.tBodies[0].rows].map(row => row.cells[place].textContent);
        }""",
        [name, column],
    )
    return cells


def read_labels(page: Page, where: str) -> list[str]:
    """The names on the axis of a drawing."""
    return page.locator(f"{where} .role-axis-label text").all_text_contents()


def names_in_order(page: Page) -> dict[str, list[str]]:
    """The expected names on the axes of the three rankings, as seen and in order."""
    songs = zip(read_cells(page, "top_songs", "song_title"), read_cells(page, "top_songs", "artist_name"), strict=True)
    return {
        "top_songs": [f"{song} · {artist}" for song, artist in songs],
        "top_artists": read_cells(page, "top_artists", "artist_name"),
        "places": read_cells(page, "places", "location"),
    }


def assert_names(labels: list[str], names: list[str]) -> None:
    """Each label has its name as it can be drawn, after its rank if it has one, and cut off if it is too long."""
    names = [make_drawable(name) for name in names]
    texts = [
        visible(re.sub(r"^\d+\. ", "", visible(label))) for label in labels if visible(label).strip(",.0123456789")
    ]
    assert len(texts) == len(names)
    for text, name in zip(texts, names, strict=True):
        beginning = text.removesuffix("…").rstrip()
        assert len(beginning) > 8
        assert visible(name) == text or (text.endswith("…") and visible(name).startswith(beginning))


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


@pytest.mark.parametrize("name", ["top_songs", "top_artists", "places"])
def test_axes_show_the_texts(hostile_visit: Visit, name: str) -> None:
    page = hostile_visit.page
    assert_names(read_labels(page, f"#drawing-{name}"), names_in_order(page)[name])


def test_tooltips_show_the_texts_as_they_are(hostile_report: Report, hostile_visit: Visit) -> None:
    page = hostile_visit.page
    for place, record in enumerate(hostile_report.records("top_songs")):
        shown = hover_mark(page, "top_songs", "rect", place)
        assert (shown["song"], shown["artist"]) == (
            make_drawable(record["song_title"]), make_drawable(record["artist_name"]),
        )  # fmt: skip
    for place, record in enumerate(hostile_report.records("places")):
        shown = hover_mark(page, "places", "rect", place)
        assert (shown["place"], shown["state"]) == (make_drawable(record["location"]), "–")
    assert_nothing_ran(hostile_visit)


def test_files_hold_the_texts_as_they_are(hostile_report: Report, hostile_visit: Visit, tmp_path: Path) -> None:
    for name in ("top_songs", "places"):
        assert download_rows(hostile_visit.page, name, tmp_path / "answer.csv") == list_texts(hostile_report, name)
    assert_nothing_ran(hostile_visit)


def test_pictures_show_the_texts_where_no_script_runs(browser: Browser, hostile_report: Report) -> None:
    opened = visit(browser, hostile_report, java_script_enabled=False)
    names = names_in_order(opened.page)
    for name in ("top_songs", "top_artists", "places"):
        assert_names(read_labels(opened.page, f"[aria-labelledby={name}] noscript"), names[name])
    assert_nothing_ran(opened)
    opened.page.context.close()


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


def test_no_title_turns_the_artist_beside_it(hostile_visit: Visit) -> None:
    page = hostile_visit.page
    labels = page.locator("#drawing-top_songs .role-axis-label text")
    assert sum("·" in label for label in labels.all_text_contents()) > len(TEXTS) / 2
    turned: list[str] = page.evaluate("""() =>
        [...document.querySelectorAll("#drawing-top_songs .role-axis-label text")].filter(label => {
            const begin = label.textContent.indexOf("·") + 1;
            const end = label.textContent.slice(begin).search(/[\\u202a-\\u202e\\u2066-\\u2069…]/);
            const letters = [...Array(begin ? Math.max(0, end < 0 ? 6 : Math.min(end, 6)) : 0).keys()];
            const lefts = letters.map(at => label.getExtentOfChar(begin + at).x);
            return lefts.some((left, number) => number && left < lefts[number - 1]);
        }).map(label => label.textContent)""")
    assert turned == []


def test_texts_of_tables_and_tooltips_are_isolated(hostile_visit: Visit) -> None:
    page = hostile_visit.page
    hover_mark(page, "top_songs", "rect", 0)
    directions: list[str] = page.evaluate("""() =>
        [...document.querySelectorAll("td > *, #tooltip dd")].map(one => getComputedStyle(one).unicodeBidi)""")
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
