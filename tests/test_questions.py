"""The answers to the prepared questions: compared with plain Python and with known numbers of the public sample.

`expected_answers` has the expected ones. The simulated files contain faults and repeated records.
"""

import itertools
import json
import random
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

import sparkify
from sparkify.errors import UsageError
from sparkify.questions.catalogue import get_question, list_questions, list_untaken, list_values
from sparkify.questions.clock import find_clock
from sparkify.questions.cut import WHOLE_LOG, Cut, cut_sql, fill_sql
from sparkify.settings import Config, load_config
from sparkify.simulator import SimulateOptions, simulate
from sparkify.warehouses import open_warehouse
from tests import reference, support
from tests.expected_answers import EXPECTATIONS, NAMES, Data, Row, as_rows, ask, load, read_data, rounded
from tests.support import SAMPLE, read_sources, write_file

OPTIONS = SimulateOptions(events=3_000, users=60, days=45, songs=60, dirty=0.1, seed=29)
# How copies of events differ from the original event.
CHANGES: list[dict[str, Any]] = [
    {"level": "free"}, {"level": "paid"}, {"level": None}, {"status": 500}, {"auth": "Logged Out"}, {"registration": 0},
]  # fmt: skip

# The log has 45 days from 2018-11-01 on; every cut leaves some events, and none leaves all.
CUTS = {
    "from": Cut(first_day=date(2018, 11, 14)),
    "to": Cut(last_day=date(2018, 12, 5)),
    "days": Cut(first_day=date(2018, 11, 10), last_day=date(2018, 11, 30)),
    "one day": Cut(first_day=date(2018, 11, 20), last_day=date(2018, 11, 20), top=2, days=1),
    "free": Cut(level="free", top=1),
    "paid": Cut(level="paid", days=3),
    "paid days": Cut(first_day=date(2018, 11, 5), last_day=date(2018, 12, 10), level="paid", top=3, days=7),
    "top": Cut(top=5),
    "silence": Cut(days=30),
}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Config:
    config = load_config(warehouse=str(tmp_path_factory.mktemp("empty") / "test.duckdb"))
    sparkify.create(config)
    return config


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Config:
    if SAMPLE is None:
        pytest.skip("the public sample is not here")
    return load(tmp_path_factory.mktemp("sample"), log_data=SAMPLE / "log_data", song_data=SAMPLE / "song_data")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    folder = tmp_path_factory.mktemp("simulated")
    result = simulate(folder / "data", OPTIONS)
    delivered = read_sources(result.log_data, "events")
    copies = [event | changes for event, changes in zip(delivered.rows[::40], itertools.cycle(CHANGES))]
    write_file(
        result.log_data / "copies.json", [{name: row[name] for name in reference.EVENT_FIELDS} for row in copies]
    )
    config = load(folder, log_data=result.log_data, song_data=result.song_data)
    data = read_data(config)
    assert len(data.events) < len(delivered.rows), "the simulated data holds no copies"
    return data


# ---- the answers ----


@pytest.mark.parametrize("name", NAMES)
def test_empty_warehouse_is_not_an_error(empty: Config, name: str) -> None:
    columns, rows = sparkify.query(empty, name)
    assert 0 < len(columns) <= 8
    assert len(set(columns)) == len(columns)
    assert len(rows) <= 5


@pytest.mark.parametrize("name", NAMES)
def test_answer_is_that_of_plain_python(data: Data, name: str) -> None:
    answer = ask(data.config, name)
    assert answer
    assert rounded(answer) == rounded(EXPECTATIONS[name](data))


def ask_all(config: Config, cut: Cut) -> dict[str, list[Row]]:
    """The answers of all questions, each with the part of the cut that it takes."""
    answers = {}
    with open_warehouse(config, read_only=True) as engine:
        clock = find_clock(engine, config.timezone)
        for question in list_questions():
            columns, rows = engine.fetch_table(cut_sql(question.sql, list_values(question, cut), clock=clock))
            answers[question.name] = rounded([dict(zip(columns, row, strict=True)) for row in rows])
    return answers


def without_untaken(name: str, cut: Cut) -> Cut:
    """The part of a cut that a question takes. Every question takes days."""
    untaken = list_untaken(get_question(name), cut)
    return replace(cut, **{field: None for field in ("level", "top", "days") if field in untaken})


@pytest.mark.slow
@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_cut_answers_are_those_of_plain_python(data: Data, cut: Cut) -> None:
    for name, answer in ask_all(data.config, cut).items():
        within = data.within(without_untaken(name, cut))
        assert within.plays
        assert answer == rounded(EXPECTATIONS[name](within)), name


@pytest.mark.slow
@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_cut_answers_are_those_of_a_log_of_only_those_events(data: Data, cut: Cut, tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    lines = [json.dumps({name: event[name] for name in reference.EVENT_FIELDS}) for event in data.within(cut).events]
    (tmp_path / "log" / "events.json").write_text("\n".join(lines), encoding="utf-8")
    alone = load(tmp_path, log_data=tmp_path / "log", song_data=Path(str(data.config.song_data)))
    answers, others = ask_all(data.config, cut), ask_all(alone, Cut(top=cut.top, days=cut.days))
    for rows in (answers["health"], others["health"]):
        # Rejects have neither a day nor a level.
        del rows[0]["rejected_share"]
    for name in NAMES:
        if "level" not in list_untaken(get_question(name), cut):
            assert answers[name] == others[name], name


@pytest.mark.parametrize("name", NAMES)
def test_cut_without_events_is_an_empty_log(data: Data, empty: Config, name: str) -> None:
    answer = ask(data.config, name, Cut(first_day=date(2030, 1, 1)))
    nothing = ask(empty, name)
    for row in (*answer, *nothing):
        row.pop("rejected_share", None)
    assert answer == nothing


def test_simulated_answers_are_worth_comparing(data: Data) -> None:
    assert ask(data.config, "health")[0]["errors"]
    (conversion,) = ask(data.config, "conversion")
    assert 0 < conversion["first_free_converters"] < conversion["first_free_users"]
    assert all(row["users"] for row in ask(data.config, "churn"))
    assert len(ask(data.config, "top_songs")) > 20, "no tie at the last place"
    assert {row["state"] for row in ask(data.config, "places")} > {"several"}


@pytest.mark.slow
def test_delivering_everything_twice_changes_no_answer(data: Data, tmp_path: Path) -> None:
    source = Path(str(data.config.log_data)).parent
    for root in ("log_data", "song_data"):
        for copy in ("first", "second"):
            shutil.copytree(source / root, tmp_path / root / copy)
    twice = load(tmp_path, log_data=tmp_path / "log_data", song_data=tmp_path / "song_data")
    for name in NAMES:
        assert rounded(ask(twice, name)) == rounded(ask(data.config, name)), name


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_on_the_views_a_question_is_asked_of_the_whole_log(data: Data, name: str) -> None:
    question = get_question(name)
    own = fill_sql(question.sql, list_values(question, WHOLE_LOG))
    assert rounded(ask(data.config, name)) == rounded(as_rows(*sparkify.query_sql(data.config, own)))


@pytest.mark.parametrize(
    ("name", "cut", "words"),
    [
        ("funnel", Cut(level="paid"), "funnel does not take level; it takes from and to"),
        ("churn", Cut(top=3), "churn does not take top; it takes from, to, level and days"),
        ("levels", Cut(level="paid", top=3, days=2), "levels does not take level, top and days; it takes from and to"),
    ],
)
def test_cut_that_a_question_does_not_take_is_refused(empty: Config, name: str, cut: Cut, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        sparkify.query(empty, name, cut=cut)


# ---- time zones ----

# Changes by an hour and by half of one, at midnight, back over a midnight, and by a whole day: Apia had no 2011-12-30.
CHANGES_OF_CLOCKS = {
    "America/Chicago": ("2011-11-06 07:00", "2012-03-11 08:00"),
    "Australia/Lord_Howe": ("2011-10-01 15:30", "2012-03-31 15:00"),
    "America/St_Johns": ("2010-11-07 02:31", "2012-03-11 05:30"),
    "America/Sao_Paulo": ("2011-10-16 03:00", "2012-02-26 02:00"),
    "Antarctica/Casey": ("2011-10-27 18:00", "2012-02-21 17:00"),
    "Pacific/Apia": ("2011-12-30 10:00", "2012-03-31 14:00"),
    "Asia/Kolkata": (),
    "Pacific/Kiritimati": (),
    "Etc/GMT+12": (),
}  # fmt: skip


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Events of half a year, and of a night a year before: most close to a change of a clock or a midnight by it."""
    folder = tmp_path_factory.mktemp("changes")
    chance = random.Random(11)
    begin, end = (int(datetime(*day, tzinfo=UTC).timestamp() * 1000) for day in ((2011, 9, 28), (2012, 4, 5)))
    moments = [chance.randrange(begin, end) for _ in range(400)]
    for change in itertools.chain(*CHANGES_OF_CLOCKS.values()):
        at = int(datetime.fromisoformat(change).replace(tzinfo=UTC).timestamp() * 1000)
        moments += [
            at - 1,
            at,
            *(at + chance.randrange(-26, 27) * 1_800_000 + chance.choice([-1, 0]) for _ in range(25)),
        ]
    pages = ["NextSong"] * 5 + ["Home", "Error", "Upgrade", "Submit Upgrade", "Submit Downgrade"]
    for root in ("log", "songs"):
        (folder / root).mkdir()
    write_file(
        folder / "log" / "events.json",
        [
            (support.play if page == "NextSong" else support.event)(
                userId=chance.randrange(1, 16),
                sessionId=number // 3,
                itemInSession=number,
                ts=ts,
                page=page,
                level=chance.choice(["free", "paid"]),
                registration=begin,
                location=chance.choice(["A, NY", "B, NY-NJ"]),
            )
            for number, ts in enumerate(sorted(moments))
            for page in [chance.choice(pages)]
        ],
    )
    return read_data(load(folder, log_data=folder / "log", song_data=folder / "songs"))


def expect_by_clock(data: Data, timezone: str, cut: Cut) -> None:
    data = data.by_clock(timezone)
    for name, answer in ask_all(data.config, cut).items():
        within = data.within(without_untaken(name, cut))
        assert within.plays
        assert answer == rounded(EXPECTATIONS[name](within)), (timezone, name)


def test_answers_are_by_the_clock_of_a_time_zone(changes: Data) -> None:
    expect_by_clock(changes, "America/Chicago", WHOLE_LOG)


@pytest.mark.slow
@pytest.mark.parametrize("timezone", CHANGES_OF_CLOCKS)
def test_answers_are_by_the_clock_of_any_time_zone(changes: Data, timezone: str) -> None:
    first, last = date(2010, 11, 7), date(2012, 3, 10)
    if timezone != "America/Chicago":
        expect_by_clock(changes, timezone, WHOLE_LOG)
    expect_by_clock(changes, timezone, Cut(first_day=first, last_day=last))


# ---- the public sample ----


def test_known_numbers_of_the_sample(sample: Config) -> None:
    answers = ask_all(sample, WHOLE_LOG)
    days = answers["audience"]
    assert (len(days), max(day["dau"] for day in days)) == (30, 34)
    assert [day["mau"] for day in days] == [None] * 29 + [96]
    assert (round(days[-1]["mean_dau"], 2), round(days[-1]["stickiness"], 3)) == (20.93, 0.218)
    busiest = max(answers["heatmap"], key=lambda row: row["plays"])
    assert [busiest[name] for name in ("weekday_name", "hour", "plays", "occurrences")] == ["Friday", 16, 140, 5]
    assert sum(row["plays"] for row in answers["heatmap"]) == 6820
    (sessions,) = answers["sessions"]
    assert [round(sessions[name], 2) for name in ("sessions", "median_minutes", "mean_plays")] == [911, 3.87, 7.49]
    assert round(sessions["mean_minutes"], 1) == 29.6
    hours = answers["hours"][-1]
    assert (hours["day"], hours["level"], round(hours["hours"], 1)) == (None, "all", 468.0)
    assert round(hours["heaviest_users_share"], 3) == 0.622
    song, artist = answers["top_songs"][0], answers["top_artists"][0]
    assert (song["song_title"], song["artist_name"], song["plays"]) == ("You're The One", "Dwight Yoakam", 37)
    assert (artist["artist_name"], artist["plays"]) == ("Coldplay", 58)
    totals = {row["level"]: row for row in answers["levels"] if row["day"] is None}
    assert {level: row["plays"] for level, row in totals.items()} == {"paid": 5591, "free": 1229}
    assert sum(row["users_at_end"] for row in totals.values()) == 97
    (conversion,) = answers["conversion"]
    converted = [conversion[name] for name in ("conversions", "first_free_converters", "first_free_users")]
    assert converted == [8, 7, 82]
    silent = next(row for row in answers["churn"] if row["outcome"] == "silent")
    assert (silent["silent_days"], silent["users"], silent["of_users"]) == (14, 8, 81)
    assert round(answers["discovery"][-1]["first_play_share"], 3) == 0.889
    (health,) = answers["health"]
    assert (health["errors"], health["sessions_hit"], health["rejected_share"]) == (9, 9, 0)
