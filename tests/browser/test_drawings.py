"""The drawings of the report: the number of marks matches the answers, and tooltips show the exact values."""

from collections.abc import Callable, Sequence

import pytest
from playwright.sync_api import Browser, Page

from sparkify.formats import count_of, format_day, format_share, format_value
from sparkify.questions.catalogue import list_questions
from tests.browser.pages import Record, Report, Visit, hover_mark, read_tooltip, visit

# Marks of one drawing by kind, without blank texts.
Marks = dict[str, int]


def count_marks(page: Page) -> dict[str, Marks]:
    """The marks of every drawing that the page announces, by question."""
    found: dict[str, Marks] = page.evaluate("""() => {
        const marks = {};
        for (const card of document.querySelectorAll("article:has(.bars, .grid)")) {
            const [bars, cells] = [".bars > li", ".grid .cell"].map(kind => card.querySelectorAll(kind).length);
            marks[card.getAttribute("aria-labelledby")] = bars ? { bars } : { cells };
        }
        for (const place of document.querySelectorAll("[data-spec]")) {
            const counts = marks[place.id.replace("drawing-", "")] = {};
            for (const group of place.querySelectorAll("g.role-mark")) {
                const kind = [...group.classList].find(name => name.startsWith("mark-")).replace("mark-", "");
                const drawn = [...group.children].filter(one =>
                    one.matches("text") ? one.textContent.trim() : one.getAttribute("d") || one.matches("line"));
                counts[kind] = (counts[kind] ?? 0) + drawn.length;
            }
        }
        return marks;
    }""")
    return found


# ---- the marks that an answer has ----


def bars(number: int) -> Marks:
    """Bars that the page draws by itself."""
    return {"bars": number} if number else {}


def known(records: Sequence[Record], column: str) -> list[Record]:
    return [record for record in records if record[column] is not None]


def mark_audience(records: Sequence[Record]) -> Marks:
    if not any(record["dau"] for record in records):
        return {}
    # The trend is over seven days. A single value is no line, but a single day is a point.
    lines = [True, len(records) > 7, len(known(records, "wau")) > 1, len(known(records, "mau")) > 1]
    return {"line": sum(lines), "symbol": len(records) + (len(records) == 1)}


def mark_heatmap(records: Sequence[Record]) -> Marks:
    return {"rect": len(records)} if any(record["plays"] for record in records) else {}


def mark_session_lengths(records: Sequence[Record]) -> Marks:
    return bars(len(records))


def mark_days(records: Sequence[Record]) -> Marks:
    days = len(known(records, "day"))
    return {"rect": days} if days else {}


def mark_ranking(records: Sequence[Record]) -> Marks:
    """Whole places until there are 20 rows, if that takes no more than 40."""
    plays = [record["plays"] for record in records]
    ends = [end for end in range(41) if end <= len(plays) and plays[end - 1 : end] != plays[end : end + 1]]
    return bars(min((end for end in ends if end >= 20), default=max(ends)) if plays else 0)


def mark_places(records: Sequence[Record]) -> Marks:
    return mark_ranking([record for record in records if record["users"] > 1])


def mark_states(records: Sequence[Record]) -> Marks:
    return mark_ranking([record for record in records if record["listeners"] > 1])


def mark_concentration(records: Sequence[Record]) -> Marks:
    # The curve begins at nobody.
    return {"line": 2, "area": 1, "symbol": len(records) + 1} if records else {}


def mark_new_listeners(records: Sequence[Record]) -> Marks:
    kinds = ("new_listeners", "staying_listeners", "returning_listeners")
    number = sum(bool(record[kind]) for record in records for kind in kinds)
    return {"rect": number} if number else {}


def mark_conversion(records: Sequence[Record]) -> Marks:
    return bars(sum(bool(records[0][column]) for column in ("first_free_users", "active_free_users")))


def mark_funnel(records: Sequence[Record]) -> Marks:
    return bars(len(records) if records[0]["users"] else 0)


def mark_churn(records: Sequence[Record]) -> Marks:
    return bars(sum(bool(record["of_users"]) for record in records))


def mark_retention(records: Sequence[Record]) -> Marks:
    later = [record for record in known(records, "active_share") if record["week_number"]]
    return {"cells": len(later)} if later else {}


def mark_retention_months(records: Sequence[Record]) -> Marks:
    later = [record for record in records if record["month_number"]]
    return {"cells": len(later)} if later else {}


def mark_discovery(records: Sequence[Record]) -> Marks:
    weeks = len(known(records, "week"))
    return {"line": 1, "symbol": weeks, "text": min(weeks, 2), "rule": 1} if weeks else {}


def mark_health(records: Sequence[Record]) -> Marks:
    return bars(sum(records[0][column] is not None for column in ("match_rate", "logged_out_share", "rejected_share")))


def mark_level_changes(records: Sequence[Record]) -> Marks:
    changes = sum(bool(record[kind]) for record in records for kind in ("upgrades", "downgrades"))
    return {"rect": changes} if changes else {}


def mark_matches(records: Sequence[Record]) -> Marks:
    return {"rect": len(records)} if records else {}


MARKS: dict[str, Callable[[Sequence[Record]], Marks]] = {
    "audience": mark_audience,
    "heatmap": mark_heatmap,
    "session_lengths": mark_session_lengths,
    "hours": mark_days,
    "places": mark_places,
    "states": mark_states,
    "concentration": mark_concentration,
    "new_listeners": mark_new_listeners,
    "top_songs": mark_ranking,
    "top_artists": mark_ranking,
    "artist_places": mark_ranking,
    "discovery": mark_discovery,
    "levels": mark_days,
    "level_changes": mark_level_changes,
    "conversion": mark_conversion,
    "funnel": mark_funnel,
    "churn": mark_churn,
    "retention": mark_retention,
    "retention_months": mark_retention_months,
    "health": mark_health,
    "service_days": mark_days,
    "match_days": mark_matches,
}


def expected_marks(report: Report) -> dict[str, Marks]:
    """The marks of every drawing that the answers call for."""
    marks = {name: mark(report.records(name)) for name, mark in MARKS.items()}
    # Three drawings of the same days.
    marks |= {f"service_days_{number}": marks["service_days"] for number in (1, 2, 3)}
    del marks["service_days"]
    return {name: one for name, one in marks.items() if one}


# ---- tests ----


def test_every_question_is_drawn_of_a_month(month_report: Report, month_visit: Visit) -> None:
    drawn = count_marks(month_visit.page)
    # Two questions stand on the card of another, and a month has no later months.
    names = {"service_days" if name.startswith("service_days") else name for name in drawn}
    assert names == {question.name for question in list_questions()} - {
        "overview", "sessions", "matches", "retention_months",
    }  # fmt: skip
    assert drawn == expected_marks(month_report)
    assert drawn["heatmap"] == {"rect": 7 * 24}


@pytest.mark.parametrize("name", ["cut_report", "single_report", "empty_report"])
def test_as_many_marks_are_drawn_as_the_answers_have(
    browser: Browser, name: str, request: pytest.FixtureRequest
) -> None:
    report: Report = request.getfixturevalue(name)
    opened = visit(browser, report)
    assert count_marks(opened.page) == expected_marks(report)
    assert [opened.complaints, opened.requests] == [[], [report.path.as_uri()]]
    opened.page.context.close()


def test_heatmap_shows_the_plays_of_an_hour(month_report: Report, month_visit: Visit) -> None:
    # Weeks begin on Monday.
    records = sorted(month_report.records("heatmap"), key=lambda record: (record["weekday"] - 1) % 7)
    place = max(range(len(records)), key=lambda number: records[number]["plays"])
    record = records[place]
    assert hover_mark(month_visit.page, "heatmap", "rect", place) == {
        "when": f"{record['weekday_name']}, {record['hour']:02}:00 to {record['hour']:02}:59 UTC",
        "plays each such hour": format_value(record["plays_per_occurrence"]),
        "plays in all": str(record["plays"]),
        "days": str(record["occurrences"]),
    }


def read_bars(page: Page, name: str) -> list[str]:
    return page.locator(f"[aria-labelledby={name}] .bars > li").all_inner_texts()


def test_bars_show_their_names_and_numbers(month_report: Report, month_visit: Visit) -> None:
    songs = month_report.records("top_songs")
    assert [" ".join(text.split()) for text in read_bars(month_visit.page, "top_songs")][:8] == [
        f"{one['place']}. {one['song_title']} {one['artist_name']} · {count_of(one['listeners'], 'listener')} "
        f"{one['plays']}"
        for one in songs[:8]
    ]
    steps = month_report.records("funnel")
    first = steps[0]["users"]
    assert [" ".join(text.split()) for text in read_bars(month_visit.page, "funnel")] == [
        f"{one['step']}. {one['reached']} {one['users']} of {first} {format_share(one['users'] / first)}"
        for one in steps
    ]


def test_bars_are_as_long_as_their_numbers(month_report: Report, month_visit: Visit) -> None:
    plays = [record["plays"] for record in month_report.records("top_artists")]
    widths = month_visit.page.evaluate("""() => [...document.querySelectorAll(
        "[aria-labelledby=top_artists] .bar")].map(one => one.getBoundingClientRect().width)""")
    assert [round(width / widths[0], 2) for width in widths] == [
        round(one / plays[0], 2) for one in plays[: len(widths)]
    ]


def test_audience_shows_the_listeners_of_a_day(month_report: Report, month_visit: Visit) -> None:
    records = month_report.records("audience")
    for place in (2, len(records) - 1):
        record = records[place]
        wau, mau = (
            f"until {days} days of log, undefined" if record[column] is None else str(record[column])
            for column, days in (("wau", 7), ("mau", 30))
        )
        assert hover_mark(month_visit.page, "audience", "symbol", place) == {
            "day": format_day(record["day"]),
            "listeners on the day": str(record["dau"]),
            "in 7 days": wau,
            "in 30 days": mau,
        }


def test_tooltip_goes_with_the_pointer(month_visit: Visit) -> None:
    page = month_visit.page
    assert hover_mark(page, "heatmap", "rect", 5)
    page.mouse.move(0, 0)
    page.wait_for_selector("#tooltip", state="hidden")
    assert read_tooltip(page) == {}
    assert hover_mark(page, "hours", "rect", 1)
    page.mouse.wheel(0, 200)
    page.wait_for_selector("#tooltip", state="hidden")


# ---- the map of states ----


def test_map_has_a_square_for_each_state_with_its_plays(month_report: Report, month_visit: Visit) -> None:
    squares = month_visit.page.locator(".map > .tile-of-map").evaluate_all(
        "all => all.map(one => [one.firstChild.textContent, one.title, one.style.getPropertyValue('--share').trim()])"
    )
    names = [name for name, _, _ in squares]
    assert len(names) == len(set(names)) == 52
    # Those of a single listener are left out.
    shown = {one["state"]: one for one in month_report.records("states") if one["listeners"] > 1}
    most = max(one["plays"] for name, one in shown.items() if name in names)
    found = {name: (title, float(share)) for name, title, share in squares if title}
    assert found == {
        name: (
            f"{name}: {count_of(one['plays'], 'play')} by {count_of(one['listeners'], 'listener')}",
            round(one["plays"] / most / 2, 3),
        )
        for name, one in shown.items()
        if name in names
    }
    assert len(found) > 5
