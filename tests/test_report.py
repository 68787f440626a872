"""The report's page as text: what it contains, leaves out and compares. tests/browser opens it in a browser."""

import base64
import csv
import datetime as dt
import gzip
import html
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import msgspec
import psutil
import pytest

import sparkify
from sparkify.errors import UsageError
from sparkify.formats import count_of
from sparkify.questions.answers import Answers, answer_all
from sparkify.questions.catalogue import list_questions
from sparkify.questions.cut import WHOLE_LOG, Cut
from sparkify.report import render_report
from sparkify.report.bulk import find_bulk
from sparkify.report.drawing import Drawing, draw_picture, make_drawable, start_drawing
from sparkify.report.marks import Spec
from sparkify.report.page import render_page
from sparkify.report.questions import draw
from sparkify.report.words import list_places
from sparkify.settings import Config
from sparkify.simulator import SimulateOptions, simulate
from tests.hostile_values import NAMES
from tests.support import (
    TIMES,
    TS,
    event,
    fetch,
    log_file,
    needs_sample,
    new_sample_warehouse,
    new_warehouse,
    play,
    song,
    song_file,
    write_file,
)

pytestmark = pytest.mark.slow

DAY = 86_400_000
# Every question has its own section, except the overview, which is at the top.
ANSWERS = {question.name for question in list_questions()} - {"overview"}
# Sessions are on the card of their lengths, matches on that of their days.
SECTIONS = ANSWERS - {"sessions", "matches"}


class Page(HTMLParser):
    """The parts of a page that tests look at: texts by element, tables by question, and download links."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self.section = ""
        self.findings: dict[str, str] = {}
        self.tables: dict[str, list[list[str]]] = {}
        self.downloads: dict[str, list[list[str]]] = {}
        self.text = ""
        self._open: list[str] = []
        self._in_finding = False
        # The question whose table is open.
        self._table = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self._open.append(tag)
        if tag == "article":
            self.section = given["aria-labelledby"] or ""
            self.findings[self.section] = ""
        elif tag == "p":
            self._in_finding = given.get("class") == "finding"
        elif tag == "div" and given.get("class") == "table":
            self._table = (given["id"] or "").removeprefix("table-")
        elif tag == "tr" and self._table:
            self.tables.setdefault(self._table, []).append([])
        elif tag in ("td", "th") and self._table:
            self.tables[self._table][-1].append("")
        elif tag == "a" and "download" in given:
            kind, _, text = (given["href"] or "").partition(",")
            assert kind == "data:text/csv;charset=utf-8"
            self.downloads[(given["download"] or "").removesuffix(".csv")] = list(
                csv.reader(io.StringIO(unquote(text), newline=""))
            )

    def handle_endtag(self, tag: str) -> None:
        if tag == "p":
            self._in_finding = False
        elif tag == "table":
            self._table = ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_finding:
            self.findings[self.section] += data.strip()
        if self._open and self._open[-1] in ("td", "th", "bdi") and self.tables.get(self._table):
            row = self.tables[self._table][-1]
            if row:
                row[-1] += data.strip()


def draw_here(specs: Mapping[str, Spec]) -> Drawing:
    """Draw without embedding the script library, which takes longer than everything else."""
    return Drawing.of("window.vegaEmbed=0", {name: draw_picture(name, spec) for name, spec in specs.items()})


def as_page(config: Config, cut: Cut = WHOLE_LOG, *, with_people: bool = False) -> Page:
    return Page(render_page(answer_all(config, cut=cut), draw_here, with_people=with_people))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("simulated")
    data = simulate(folder, SimulateOptions(events=4_000, users=60, days=30, songs=60, dirty=0.01, seed=4))
    config = new_warehouse(folder, log_data=str(data.log_data), song_data=str(data.song_data))
    sparkify.load(config)
    return config


@pytest.fixture(scope="module")
def page(simulated: Config) -> Page:
    return as_page(simulated)


def without_library(source: str) -> str:
    """The page without the drawing script and its digest."""
    return re.sub(r"""id="vega">[^<]+<|'sha256-\S+' 'unsafe-eval'""", "", source)


def load_plays(config: Config, *plays: dict[str, Any]) -> Config:
    write_file(log_file(config), plays)
    sparkify.load(config)
    return config


# ---- what stands on the page ----


def test_every_question_has_a_section_with_its_finding_definition_and_sql(page: Page) -> None:
    assert set(page.findings) == SECTIONS
    assert all(page.findings.values())
    for question in list_questions():
        if question.name in ANSWERS:
            # Backticks become elements, so only the words before the first can be searched for.
            assert re.split("`|It does not say", question.definition)[0].strip() in page.text
            assert question.sql.splitlines()[-1] in page.text


def test_numbers_and_downloads_are_the_answers(simulated: Config, page: Page) -> None:
    for answer in answer_all(simulated).answers:
        name = answer.question.name
        if name in ANSWERS - {"places", "states"}:
            assert page.tables[name][0] == answer.columns
            assert len(page.tables[name]) == len(page.downloads[name]) == len(answer.rows) + 1
            for row, downloaded in zip(answer.rows, page.downloads[name][1:], strict=True):
                assert downloaded == [_field(value) for value in row]


def _field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def test_drawings_hold_no_mark_that_ends_a_script(page: Page) -> None:
    specifications = re.findall(r'<script type="application/json" id="[\w-]+">(.*?)</script>', page.source, re.DOTALL)
    assert len(specifications) == page.source.count('data-spec="') + 1 > 5
    for text in specifications:
        assert "<" not in text
        json.loads(text)


def test_page_carries_the_script_that_draws_and_is_small(simulated: Config) -> None:
    steps: list[tuple[str, int, int]] = []
    source = render_report(simulated, on_step=lambda *step: steps.append(step))
    assert [done for _, done, _ in steps] == list(range(steps[-1][2]))
    assert ("answering overview", 1, len(steps)) in steps
    found = re.search(r'id="vega">([^<]+)<', source)
    assert found is not None
    script = gzip.decompress(base64.b64decode(found[1])).decode()
    assert "window.vegaEmbed=" in script.replace(" ", "")
    assert len(source.encode()) < 1_500_000


def test_a_cache_that_cannot_be_written_is_done_without(simulated: Config, tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "sparkify", "report", "-q", "--warehouse", simulated.warehouse_address]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "sparkify-report.html").read_text(encoding="utf-8") == render_report(simulated)


@pytest.mark.parametrize("kept", [b"window.vegaEmbed", b"\xff"], ids=["cut", "not UTF-8"])
def test_script_in_the_cache_that_is_not_complete_is_made_again(
    simulated: Config, page: Page, tmp_path: Path, kept: bytes
) -> None:
    file = tmp_path / "cache" / "sparkify" / f"vega-embed-{version('vl-convert-python')}.js"
    file.parent.mkdir(parents=True)
    file.write_bytes(kept)
    variables = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    ended = run("report", "-q", "--warehouse", simulated.warehouse_address, folder=tmp_path, **variables)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert without_library((tmp_path / "sparkify-report.html").read_text(encoding="utf-8")) == without_library(
        page.source
    )
    assert file.stat().st_size > 100_000
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_page_names_nothing_on_the_network(page: Page) -> None:
    links = re.findall(r'(?:src|href|action)="([^"]*)"', page.source)
    assert {link.split(",")[0] for link in links if not link.startswith("#")} == {
        "data:", "data:text/csv;charset=utf-8",
    }  # fmt: skip
    assert not re.search(r"url\((?!#)", page.source)
    assert "@import" not in page.source


def test_same_warehouse_gives_the_same_bytes(simulated: Config, page: Page) -> None:
    assert as_page(simulated).source == page.source


def test_page_of_an_empty_warehouse_says_so(warehouse: Config) -> None:
    sparkify.create(warehouse)
    empty = as_page(warehouse)
    assert set(empty.findings) == SECTIONS
    assert all(text.startswith("There is no data") for text in empty.findings.values())
    assert "no events" in empty.text
    assert "none yet" in empty.text
    assert 'data-spec="' not in empty.source


def test_page_of_one_event_without_a_user(warehouse: Config) -> None:
    load_plays(warehouse, event())
    one = as_page(warehouse)
    assert "1 Nov 2018" in one.text
    assert "0 errors in 1 event" in one.findings["health"]


@pytest.mark.parametrize("wrong", [[4_080_000_000_000], [946_684_800_000, 4_080_000_000_000]])
def test_one_wrong_clock_does_not_stretch_the_drawings(warehouse: Config, wrong: list[int]) -> None:
    days = [play(ts=TS + day * DAY, itemInSession=day, userId=1, level="free") for day in range(20)]
    load_plays(warehouse, *days, *(play(ts=ts, itemInSession=90, userId=1, level="free") for ts in wrong))
    page = as_page(warehouse)
    assert len(page.source) < 4_000_000
    assert len(page.downloads["audience"]) > 29_000
    told = count_of(len(wrong), "day")
    assert page.text.count(f"{told} more than a year away from the others") >= 4
    for name in ("audience", "levels"):
        (text,) = re.findall(
            rf'<script type="application/json" id="spec-{name}">(.*?)</script>', page.source, re.DOTALL
        )
        assert len(json.loads(text)["data"]["values"]) == 20


def test_days_to_draw() -> None:
    first = dt.date(2018, 11, 1)
    days = [(first + dt.timedelta(day), 5) for day in (0, 1, 2, 300, 600)]
    assert find_bulk([]) is None
    assert find_bulk(days) is None
    bulk = find_bulk([*days, (dt.date(2000, 1, 1), 24), (dt.date(2099, 4, 16), 1)])
    assert bulk is not None
    assert (bulk.first, bulk.last, len(bulk.far)) == (first, first + dt.timedelta(600), 2)
    kept = {"day": first}, {"week": first - dt.timedelta(3)}, {"cohort_week": first - dt.timedelta(6)}, {"day": None}
    left = {"day": first - dt.timedelta(1)}, {"week": first - dt.timedelta(7)}, {"day": dt.date(2099, 4, 16)}
    assert [bulk.holds(record) for record in (*kept, *left)] == [True] * 4 + [False] * 3
    cohorts = [{"cohort_week": first, "week_number": week} for week in (0, 85, 86)]
    assert [bulk.holds(record) for record in cohorts] == [True, True, False]


def test_title_and_summary_stand_in_the_head(simulated: Config, page: Page) -> None:
    assert "<title>Listening report, 1 Nov to 30 Nov 2018</title>" in page.source
    title = "November <for> the \u202eboard"
    source = render_page(answer_all(simulated), lambda specs: Drawing.of("", {}, dict.fromkeys(specs, "")),
                         with_people=False, title=title)  # fmt: skip
    assert f"<h1><bdi>{html.escape(title)}</bdi></h1>" in source
    found = re.search(r'<meta name="description" content="([\d,]+) plays by ([\d,]+) listeners in', source)
    (overview,) = answer_all(simulated).of("overview").records
    assert found is not None
    assert [int(number.replace(",", "")) for number in found.groups()] == [overview["plays"], overview["listeners"]]


def test_checks_loads_and_rejects_are_told(simulated: Config, page: Page) -> None:
    answers = answer_all(simulated)
    assert answers.last_load is not None
    counts = "SELECT dataset, reason, count(*) FROM rejected_records GROUP BY dataset, reason"
    found = [(one["dataset"], one["reason"], one["records"]) for one in answers.reasons]
    assert found == sorted(fetch(simulated, counts), key=lambda one: (-one[2], one[1], one[0]))[:20] != []
    for reason in answers.reasons:
        assert f"<code>{reason['reason']}</code>" in page.source
    (load,) = answers.last_loads
    assert load["repaired"] == sum(repaired for (repaired,) in fetch(simulated, "SELECT repaired FROM load_files"))
    for one in answers.checks:
        assert (html.escape(one.check.why) in page.source) is not one.passed


def test_cut_is_told_and_cuts(simulated: Config) -> None:
    cut = as_page(simulated, Cut(dt.date(2018, 11, 5), dt.date(2018, 11, 11), "paid", top=3, days=2))
    assert "5 Nov to 11 Nov 2018, level paid" in cut.text
    assert len(cut.tables["audience"]) == 7 + 1
    assert {row[1] for row in cut.tables["hours"][1:]} == {"paid", "all"}
    assert "Here top is 3." in re.sub(r"\s+", " ", cut.text)
    assert "at least 2 days before the end" in cut.findings["churn"]


def test_page_tells_its_clock_and_follows_it(simulated: Config) -> None:
    config = msgspec.structs.replace(simulated, timezone="Asia/Kolkata")
    answers = answer_all(config)
    page = Page(
        render_page(answers, lambda specs: Drawing.of("", {}, dict.fromkeys(specs, "not drawn")), with_people=True)
    )
    assert "Days, weeks, months and hours are those of Asia/Kolkata:" in page.text
    assert "Asia/Kolkata" in page.findings["heatmap"]
    assert re.search(r"Newest event \d+ \w+ 2018, \d\d:\d\d IST", re.sub(r"\s+", " ", page.text))
    assert "of a day (Asia/Kolkata)" in page.text
    for name in ("heatmap", "levels", "health"):
        columns, rows = sparkify.query(config, name)
        assert answers.of(name).rows == rows != answer_all(simulated).of(name).rows
        assert page.tables[name][0] == columns
    # What is no moment in the SQL is on the page's clock.
    assert not re.search("UTC", re.sub(r"<(pre|script)\b.*?</\1>", "", page.source, flags=re.DOTALL))


# ---- people ----


def test_places_of_a_single_listener_are_left_out(warehouse: Config) -> None:
    load_plays(
        warehouse,
        play(userId=1, location="Lonely Hill, MT", userAgent="Unusual/1.0", firstName="Ada", lastName="Lovelace"),
        play(userId=1, location="Lonely Hill, MT", sessionId=2),
        play(userId=2, location="Busy Town, NY", sessionId=3),
        play(userId=3, location="Busy Town, NY", sessionId=4),
    )
    source = as_page(warehouse).source
    assert "Busy Town" in source
    assert "1 place of a single listener (2 plays) left out." in source
    for secret in ("Lonely Hill", "Unusual", "Ada", "Lovelace"):
        assert secret not in source
    named = as_page(warehouse, with_people=True).source
    assert "Lonely Hill" in named
    assert "Mind whom you send it to" in named


# ---- what is compared ----


def played(day: int, user: int = 1, **changes: Any) -> dict[str, Any]:
    return play(ts=TS + day * DAY, userId=user, sessionId=1000 * user + day, **changes)


def compared(config: Config, cut: Cut | None = None) -> Answers:
    return answer_all(config, cut=cut or Cut())


def test_period_is_compared_with_as_many_days_before_it(warehouse: Config) -> None:
    load_plays(warehouse, *(played(day) for day in (0, 1, 2, 3)), played(3, user=2))
    comparison = compared(warehouse, Cut(first_day=dt.date(2018, 11, 3))).comparison
    assert comparison is not None
    assert (comparison.days, comparison.later["plays"], comparison.earlier["plays"]) == (2, 3, 2)
    text = as_page(warehouse, Cut(first_day=dt.date(2018, 11, 3))).text
    assert "Changes are against the 2 days before." in text
    assert "+50%" in text


def test_whole_log_compares_its_last_weeks(warehouse: Config) -> None:
    load_plays(warehouse, *(played(day) for day in range(14)), played(13, user=2))
    comparison = compared(warehouse).comparison
    assert comparison is not None
    assert (comparison.days, comparison.later["plays"], comparison.earlier["plays"]) == (7, 8, 7)
    text = as_page(warehouse).text
    assert "last 7 days 8," in text
    assert "+14%" in text
    # A line of every day: the last has two plays, the others one.
    (line,) = set(re.findall(r'points="([^"]*)"', as_page(warehouse).source.split("Listeners")[0]))
    heights = [point.split(",")[1] for point in line.split()]
    assert (len(heights), set(heights[:-1]), heights[-1]) == (14, {"22"}, "2")


def test_a_log_of_less_than_two_weeks_compares_nothing(warehouse: Config) -> None:
    load_plays(warehouse, *(played(day) for day in range(13)))
    assert compared(warehouse).comparison is None
    assert "The log is too short to compare" in as_page(warehouse).text


def test_a_cut_that_reaches_beyond_the_log_counts_the_days_of_the_log(warehouse: Config) -> None:
    load_plays(warehouse, *(played(day) for day in range(4)))
    beyond = Cut(dt.date(2018, 11, 3), dt.date(2019, 1, 1))
    comparison = compared(warehouse, beyond).comparison
    assert comparison is not None
    assert (comparison.days, comparison.later["plays"], comparison.earlier["plays"]) == (2, 2, 2)


@pytest.mark.parametrize("cut", [Cut(first_day=dt.date(2019, 1, 1)), Cut(last_day=dt.date(2018, 1, 1))])
def test_a_cut_beside_the_log_is_a_page_that_says_so(warehouse: Config, cut: Cut) -> None:
    load_plays(warehouse, played(0))
    assert compared(warehouse, cut).comparison is None
    page = as_page(warehouse, cut)
    assert "The log has no event of this period." in page.text
    # The freshness of the data does not depend on the cut.
    assert "1 Nov 2018, 20:57 UTC" in page.text


# ---- drawings and sentences of odd data ----


def test_a_level_of_its_own_has_a_colour(warehouse: Config) -> None:
    load_plays(warehouse, played(0, level="trial"), played(0, user=2, level="paid"), played(0, user=3, level=None))
    spec = draw("hours", answer_all(warehouse).of("hours").records)
    assert spec is not None
    scale = spec["encoding"]["color"]["scale"]
    assert scale["domain"] == ["paid", "unknown", "trial"]
    assert len(set(scale["range"])) == 3


def test_a_level_is_chosen_as_it_is_written(warehouse: Config) -> None:
    """A browser takes white space off the text of an option."""
    load_plays(warehouse, played(0, level=" paid"), played(1, level="paid"))
    page = render_page(
        answer_all(warehouse), lambda specs: Drawing.of("", {}, dict.fromkeys(specs, "")), with_people=False
    )
    assert re.findall(r'<option value="([^"]*)"', page) == ["", " paid", "paid"]


def test_a_share_of_more_than_all_fits_its_drawing(warehouse: Config) -> None:
    upgrades = [event(page="Submit Upgrade", userId=user, level="free", sessionId=user) for user in (1, 2, 3)]
    load_plays(warehouse, *upgrades, played(1, level="free"))
    spec = draw("conversion", answer_all(warehouse).of("conversion").records)
    assert spec is not None
    assert [(bar["text"], bar["part"]) for bar in spec["bars"]] == [("100%", 1 / 3), ("300%", 1.0)]


def test_listeners_of_the_first_days_are_not_told_as_new(warehouse: Config) -> None:
    # User 1 is active on the first day, a Thursday, and again in the next week; user 2 starts on the second Monday.
    load_plays(
        warehouse,
        played(0),
        played(7),
        played(11, user=2),
        played(18, user=3),
        *(played(day, user=3) for day in (28, 32)),
    )
    finding = as_page(warehouse).findings["retention"]
    assert finding == "50% of new listeners listened in the week after their first (1 of 2)."


def test_half_a_year_of_cohorts_is_drawn_and_the_numbers_have_all(warehouse: Config) -> None:
    load_plays(warehouse, *(played(7 * week, user=week + 1) for week in range(30)))
    records = answer_all(warehouse).of("retention").records
    spec = draw("retention", records)
    assert spec is not None
    assert (len(spec["grid"]), len(spec["columns"])) == (26, 12)
    assert "The last 26 of 30 weeks are shown." in spec["notes"]
    assert len(as_page(warehouse).downloads["retention"]) == len(records) + 1


def test_only_the_scripts_of_the_page_may_run(page: Page) -> None:
    found = re.search(r"script-src ([^;]*);", page.source)
    assert found is not None
    assert re.fullmatch(r"'sha256-[\w+/=]+' 'sha256-[\w+/=]+' 'unsafe-eval'", found[1])


# ---- words ----


def test_a_place_is_drawn_with_all_that_share_it_or_not_at_all() -> None:
    def ranked(*sizes: int) -> list[dict[str, Any]]:
        return [{"plays": 100 - place} for place, size in enumerate(sizes) for _ in range(size)]

    assert len(list_places(ranked(*[1] * 30))) == 20
    assert len(list_places(ranked(19, 5, 3))) == 24
    assert len(list_places(ranked(10, 31))) == 10
    assert list_places(ranked(41)) == []
    assert list_places([]) == []


# ---- what cannot be drawn ----

# It kills the process that draws: XML has no such character, and vl-convert does not handle it.
DEADLY: Spec = {
    "data": {"values": [{"name": "Howlin\x19 For You"}]},
    "mark": "bar",
    "encoding": {"y": {"field": "name", "type": "nominal"}},
}
WRONG: Spec = {"mark": "no mark"}
CONTROLS = [chr(code) for code in (*range(0x20), 0x7F, 0x85, 0x202E, 0xD800, 0xDFFF, 0xFDD0, 0xFFFE, 0xFFFF, 0x1FFFE)]


def named(spec: Spec, names: list[str]) -> Spec:
    return spec | {"data": {"values": [{"name": name} for name in names]}}


def test_every_text_can_be_drawn() -> None:
    spec = make_drawable(named(DEADLY, [f"a{letter}b" for letter in CONTROLS]))
    with start_drawing() as draw_all:
        drawing = draw_all({"controls": spec})
    assert drawing.failures == {}
    drawn = "".join(ElementTree.fromstring(drawing.pictures["controls"]).itertext())
    for shown in ("a\u2400b", "a\u2419b", "a\u241fb", "a\x7fb", "a\u202eb", "a\ufdd0b", "a\U0001fffeb", "a\ufffdb"):
        assert shown in drawn


@pytest.mark.parametrize("text", ["😀" * 256, "a😀" * 200, "𝕏" * 99 + "ü"], ids=ascii)
def test_long_texts_beyond_the_basic_plane_can_be_drawn(text: str) -> None:
    """Vega cuts a text that has no room, also in the middle of such a character."""
    spec = named(DEADLY, [text]) | {"config": {"axis": {"labelLimit": 100}}}
    drawn = "".join(ElementTree.fromstring(draw_picture("long", spec)).itertext())
    assert "…" in drawn


def test_texts_keep_what_xml_can_hold() -> None:
    text = "tab\tline\nend\r\x7f\u202e \ufffd \U0001f600"
    assert make_drawable({"values": [text, 1, None, True]}) == {"values": [text, 1, None, True]}


def test_what_cannot_be_drawn_leaves_the_others(capfd: pytest.CaptureFixture[str]) -> None:
    good = make_drawable(DEADLY)
    specs = {"first": good, "deadly": DEADLY, "second": good, "wrong": WRONG, "deadly too": DEADLY, "third": good}
    with start_drawing() as draw_all:
        drawing = draw_all(specs)
    assert drawing.pictures.keys() == {"first", "second", "third"}
    assert drawing.failures.keys() == {"deadly", "wrong", "deadly too"}
    assert drawing.failures["deadly"] == drawing.failures["deadly too"] == (
        "the process that draws ended early (SIGABRT)"
    )  # fmt: skip
    assert drawing.failures["wrong"].startswith("vl-convert says: Vega-Lite to SVG conversion failed: ")
    assert "at " not in drawing.failures["wrong"]
    assert len(drawing.library) > 100_000
    assert capfd.readouterr() == ("", "")


def test_page_says_what_could_not_be_drawn_and_has_its_numbers(simulated: Config, page: Page) -> None:
    with start_drawing() as draw_all:
        source = render_page(
            answer_all(simulated), lambda specs: draw_all({**specs, "hours": DEADLY}), with_people=False
        )
    broken = Page(source)
    assert (broken.tables, broken.downloads, broken.findings) == (page.tables, page.downloads, page.findings)
    instead = re.findall(r"<noscript><p class=\"note\">(.*?)</p></noscript>", source)
    assert instead == [
        "This could not be drawn: the process that draws ended early (SIGABRT). The numbers below have all that it "
        "would show."
    ]
    assert source.count('class="still"') == page.source.count('class="still"') - 1


@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (
            "os.kill(os.getpid(), signal.SIGKILL)",
            "the process that draws ended early (SIGKILL, as a system does that is short of memory)",
        ),
        ("raise ValueError('no room\\n    at script:1')", "vl-convert says: no room"),
        ("sys.exit(3)", "vl-convert says: 3"),
        ("os._exit(3)", "the process that draws ended early (exit code 3)"),
    ],
    ids=["killed", "raises", "exits", "ends"],
)
def test_page_without_any_drawing_has_its_numbers(
    simulated: Config, page: Page, tmp_path: Path, happens: str, words: str
) -> None:
    (tmp_path / "vl_convert.py").write_text(
        f"import os, signal, sys\ndef javascript_bundle(text):\n    {happens}\nvegalite_to_svg = javascript_bundle\n"
    )
    variables = {"PYTHONPATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    ended = run("report", "--warehouse", simulated.warehouse_address, folder=tmp_path, **variables)
    assert ended.returncode == 0
    said, where = ended.stderr.splitlines()
    assert re.fullmatch(rf"not drawn: (\w+, )+library; {re.escape(words)}\. The page has the numbers", said)
    assert where.startswith("sparkify-report.html: ")
    written = Page((tmp_path / "sparkify-report.html").read_text(encoding="utf-8"))
    assert (written.tables, written.findings) == (page.tables, page.findings)
    assert written.source.count(f"This could not be drawn: {words}.") == page.source.count('class="still"')


@pytest.mark.parametrize("home", ["~nobody-of-this-name", "relative"])
def test_a_home_that_is_none_is_done_without(simulated: Config, page: Page, tmp_path: Path, home: str) -> None:
    ended = run(
        "report", "-q", "--warehouse", simulated.warehouse_address, folder=tmp_path, HOME=home, XDG_CACHE_HOME=home
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert without_library((tmp_path / "sparkify-report.html").read_text(encoding="utf-8")) == without_library(
        page.source
    )
    assert [path.name for path in tmp_path.iterdir()] == ["sparkify-report.html"]


def find_drawing(owner: psutil.Process) -> psutil.Process:
    """The process that draws. For an instant after its start it has no command line yet."""
    end = time.monotonic() + 60
    while not (found := [one for one in owner.children() if "serve()" in str(one.cmdline())]):
        assert time.monotonic() < end, "nothing draws"
        time.sleep(0.01)
    (drawing,) = found
    return drawing


def test_a_drawing_process_that_stands_still_leaves_the_numbers() -> None:
    with start_drawing(longest_seconds=0.5) as draw_all:
        drawing = find_drawing(psutil.Process())
        drawing.suspend()
        drawn = draw_all({"one": make_drawable(DEADLY), "other": WRONG})
    assert drawn.pictures == {}
    assert drawn.failures == dict.fromkeys(["one", "other", "library"], "the process that draws took too long")
    assert not drawing.is_running()


def test_a_drawing_process_that_gets_no_more_memory_leaves_the_numbers() -> None:
    with start_drawing() as draw_all:
        drawing = find_drawing(psutil.Process())
        drawing.rlimit(psutil.RLIMIT_AS, (1 << 20, 1 << 20))
        drawn = draw_all({"one": make_drawable(DEADLY)})
    assert drawn.pictures == {}
    assert set(drawn.failures) == {"one", "library"}
    # It depends on what it was doing.
    assert all(
        why.startswith(("the process that draws ended early (", "vl-convert says: ")) for why in drawn.failures.values()
    )


def test_a_drawing_process_that_cannot_start_leaves_the_numbers(simulated: Config, page: Page, tmp_path: Path) -> None:
    script = "import os, sys; sys.executable = '/nowhere/python'; from sparkify.cli import main; main()"
    command = [sys.executable, "-c", script, "report", "--warehouse", simulated.warehouse_address]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert "library; the process that draws could not be started (No such file or directory)" in ended.stderr
    written = Page((tmp_path / "sparkify-report.html").read_text(encoding="utf-8"))
    assert (written.tables, written.findings) == (page.tables, page.findings)


# ---- the command ----


def run(*arguments: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "sparkify", *arguments]
    environment = os.environ | variables
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def test_command_writes_the_page_and_shows_where(simulated: Config, page: Page, tmp_path: Path) -> None:
    ended = run("report", "--warehouse", simulated.warehouse_address, "-o", "a.html", "--json", folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    written = (tmp_path / "a.html").read_bytes()
    assert json.loads(ended.stdout) == {"report": "a.html", "bytes": len(written)}
    assert without_library(written.decode()) == without_library(page.source)
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "missing/a.html"], "cannot write missing/a.html: No such file or directory"),
        (["-o", f"{__file__}/a.html"], "Not a directory"),
        (["-o", "a" * 300], "File name too long"),
        (["--from", "2018-11-31"], "'2018-11-31' is not a day"),
        (["--from", "2018-11-03", "--to", "2018-11-01"], "is after"),
    ],
)
def test_what_cannot_be_written_or_cut_is_a_sentence(
    simulated: Config, tmp_path: Path, arguments: list[str], words: str
) -> None:
    ended = run("report", "--warehouse", simulated.warehouse_address, *arguments, folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_link_is_followed_and_stays_a_link(simulated: Config, tmp_path: Path) -> None:
    (tmp_path / "real.html").touch()
    (tmp_path / "link.html").symlink_to("real.html")
    ended = run("report", "-q", "--warehouse", simulated.warehouse_address, "-o", "link.html", folder=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "real.html").stat().st_size > 100_000


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_the_drawing_too_without_a_word_of_python(simulated: Config, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sparkify", "report", "--warehouse", simulated.warehouse_address]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        drawing = find_drawing(psutil.Process(process.pid))
        # The report cannot end before Ctrl-C comes, even on a fast machine.
        drawing.suspend()
        # Like a terminal: to every process of the group.
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=120)
    assert (process.returncode, told.split()) == (130, ["interrupted"])
    # It is killed, or ends by itself if Ctrl-C came in the instant of its start.
    with suppress(psutil.NoSuchProcess):
        drawing.resume()
    drawing.wait(60)
    assert list(tmp_path.iterdir()) == []


def test_without_a_warehouse_there_is_no_page(tmp_path: Path) -> None:
    ended = run("report", folder=tmp_path)
    assert ended.returncode == 2
    assert "there is no warehouse sparkify.duckdb yet" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_draws_is_named_where_it_is_missing(simulated: Config, tmp_path: Path) -> None:
    code = "import sys; sys.modules['vl_convert'] = None; from sparkify.cli import main; main(sys.argv[1:])"
    arguments = ["report", "--warehouse", simulated.warehouse_address]
    command = [sys.executable, "-c", code, *arguments]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr == "sparkify: a report needs the package vl-convert-python; run pip install vl-convert-python\n"


def test_render_report_refuses_an_unknown_level(simulated: Config) -> None:
    with pytest.raises(UsageError, match="there is no level 'gold'"):
        render_report(simulated, cut=Cut(level="gold"))


# ---- the public sample ----


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Config:
    config = new_sample_warehouse(tmp_path_factory.mktemp("sample"))
    sparkify.load(config)
    return config


@needs_sample
def test_page_of_the_sample_has_its_known_numbers(sample: Config) -> None:
    findings = as_page(sample).findings
    assert "20.9 people listened on an average day, 34 on the busiest" in findings["audience"]
    assert "Stickiness is 21.8%" in findings["audience"]
    assert "Tuesday from 20:00 UTC, with 28.8 plays" in findings["heatmap"]
    assert "911 sessions took at most 3.87 minutes" in findings["session_lengths"]
    assert "468 hours of music" in findings["hours"]
    assert "62.2% of the plays" in findings["hours"]
    assert findings["top_songs"] == "“You're The One” by Dwight Yoakam leads with 37 plays."
    assert findings["top_artists"] == "Coldplay leads with 58 plays."
    assert "8 users upgraded" in findings["conversion"]
    assert (
        "Of 81 players who began at least 14 days before the end of the log, 8 (9.9%) have been silent"
        in findings["churn"]
    )
    assert "88.9% of plays" in findings["discovery"]
    assert "9 errors in 8,056 events (1.12 per 1,000) hit 9 sessions" in findings["health"]


@needs_sample
def test_every_week_and_level_of_the_sample_is_drawn(sample: Config) -> None:
    specs: dict[str, Spec] = {}
    for week in range(5):
        first = dt.date(2018, 10, 29) + dt.timedelta(weeks=week)
        for level in (None, "free", "paid"):

            def keep(found: Mapping[str, Spec], cut: str = f"{first} {level}") -> Drawing:
                specs.update({f"{cut} {name}": spec for name, spec in found.items()})
                return Drawing.of("", {}, dict.fromkeys(found, "it is drawn later"))

            answers = answer_all(sample, cut=Cut(first, first + dt.timedelta(6), level))
            render_page(answers, keep, with_people=True)
    with start_drawing() as draw_all:
        drawing = draw_all(specs)
    assert drawing.failures == {}
    assert drawing.pictures.keys() == specs.keys()
    assert len(specs) > 15 * 4


# ---- hostile texts ----

_A_BATCH = 30


@pytest.mark.parametrize("batch", range(min(TIMES, -(-len(NAMES) // _A_BATCH))))
def test_any_text_in_any_field_is_drawn(tmp_path: Path, batch: int) -> None:
    texts = random.Random(7).sample(NAMES, len(NAMES))[batch * _A_BATCH :][:_A_BATCH]
    config = new_warehouse(tmp_path)
    others = ["level", "location", "firstName", "lastName", "gender", "userAgent", "auth", "method"]
    plays = [
        play(
            userId=2 * number + user, sessionId=number, itemInSession=item,
            ts=TS + number % 9 * DAY + item * 1000 + user,
            **dict.fromkeys(others, text), song=f"{text}s"[:300], artist=f"{text}a"[:300],
        )
        for number, text in enumerate(texts)
        for user in range(2)
        for item in range(_A_BATCH + 1 - number)
    ]  # fmt: skip
    pages = [event(page=text, sessionId=999, itemInSession=number) for number, text in enumerate(texts) if text]
    write_file(log_file(config), [*plays, *pages])
    songs = [
        song(song_id=f"S{number}", artist_id=f"A{number}", title=f"{text}s"[:300], artist_name=f"{text}a"[:300],
             artist_location=text)
        for number, text in enumerate(texts)
    ]  # fmt: skip
    write_file(song_file(config), songs)
    assert sparkify.load(config).records["loaded"] > len(plays)
    notes: list[str] = []
    source = render_report(config, with_people=True, on_note=notes.append)
    assert notes == []
    for picture in re.findall(r"<svg.*?</svg>", source, re.DOTALL):
        ElementTree.fromstring(picture)
