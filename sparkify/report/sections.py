"""The cards of the page: each question with its finding, its drawing, its numbers and its SQL."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sparkify.formats import count_of, format_value, write_rows
from sparkify.questions import own
from sparkify.questions.answers import Answer, Answers, OwnAnswer
from sparkify.questions.catalogue import CHAPTERS, list_untaken
from sparkify.questions.cut import CUTTING, Cut
from sparkify.questions.points import LONGEST_TEXT, Point, is_number_or_null
from sparkify.report import own as own_drawings
from sparkify.report import questions
from sparkify.report.bulk import Bulk, split_far
from sparkify.report.drawing import make_drawable
from sparkify.report.marks import Record, Spec

# The chapter whose questions are the tiles.
_GLANCE = "glance"
# Questions that stand on another one's card: two views of one subject.
_JOINED = {"session_lengths": "sessions", "match_days": "matches"}
# For more, a spreadsheet is better.
_MOST_ROWS = 400
_LIMITS = "It does not say"
_OWN = "Own questions"
_NOTHING = "There is no data for this question in this period."


@dataclass(frozen=True)
class Column:
    """A column of a table, and whether it is aligned to the right."""

    name: str
    numeric: bool


@dataclass(frozen=True)
class Numbers:
    """The answer to one question: its definition, its table, and its SQL."""

    name: str
    question: str
    definition: str
    limits: str
    columns: list[Column]
    rows: list[list[str]]
    size: str
    more: str
    csv: str
    sql: str


@dataclass(frozen=True)
class Section:
    """One card. `drawing` is what the page draws by itself, `specs` what a script draws: at most one of them."""

    name: str
    question: str
    finding: str
    notes: list[str]
    drawing: Spec | None
    specs: dict[str, Spec]
    answers: list[Numbers]


@dataclass(frozen=True)
class Chapter:
    """Questions under one heading."""

    id: str
    title: str
    sections: list[Section]


def list_chapters(answers: Answers, bulk: Bulk | None, *, with_people: bool) -> list[Chapter]:
    """Every question on a card, in reading order. Own questions without a chapter have one at the end."""
    cards = [
        (one.question.chapter, one.question.place, _section(answers, one.question.name, bulk, with_people))
        for one in answers.answers
        if one.question.chapter != _GLANCE and one.question.name not in _JOINED.values()
    ]
    ids = _name_sections([one.asked.question.name for one in answers.own])
    for name, one in zip(ids, answers.own, strict=True):
        cards.append((one.asked.question.chapter, one.asked.question.place, _own_section(name, one, answers.cut, bulk)))
    # The order of equal places stays.
    cards.sort(key=lambda card: card[1])
    chapters = [
        Chapter(chapter, title, [section for of, _, section in cards if of == chapter])
        for chapter, title in (CHAPTERS | {own.CHAPTER: _OWN}).items()
    ]
    return [chapter for chapter in chapters if chapter.sections]


def _name_sections(names: Sequence[str]) -> list[str]:
    """An id for each own question, of letters that are safe everywhere on a page."""
    ids: list[str] = []
    for name in names:
        safe = f"own-{re.sub(r'[^A-Za-z0-9_]+', '-', name)}"
        ids.append(safe if safe not in ids else f"{safe}-{len(ids) + 1}-")
    return ids


def _own_section(name: str, one: OwnAnswer, cut: Cut, bulk: Bulk | None) -> Section:
    question, answer, chart = one.asked.question, one.answer, one.asked.chart
    if answer is None:
        return Section(name, question.question, f"{one.mistake}.", [], None, {}, [])
    drawn, notes = _own_points(one, bulk)
    untaken = [taken for taken in list_untaken(question, cut) if taken in CUTTING]
    if untaken:
        notes.append(f"It is not cut by {' and '.join(untaken)}, which its file does not list.")
    drawing = None if chart is None or not drawn else own_drawings.draw(chart, drawn)
    drawing = make_drawable(questions.complete(drawing))
    is_vega = drawing is not None and questions.is_vega(drawing)
    told = own_drawings.describe(chart, drawn) if chart is not None and drawn else None
    return Section(
        name,
        question.question,
        (told or f"{count_of(len(answer.rows), 'row')}.") if answer.rows or one.is_shortened else _NOTHING,
        notes,
        None if is_vega else drawing,
        {name: drawing} if is_vega else {},
        [_numbers(answer, answer.records, name)],
    )


def _own_points(one: OwnAnswer, bulk: Bulk | None) -> tuple[list[Point], list[str]]:
    """The points to draw, and notes about what is not there."""
    points = one.points or []
    drawn = [point for point in points if bulk is None or bulk.holds({"day": point.day})]
    notes = [f"{one.mistake}."] if one.mistake else []
    if bulk is not None and len(drawn) < len(points):
        notes.append(bulk.describe())
    if one.is_shortened:
        notes.append(
            "The answer is larger than a page should be: these are its first rows, with texts of more than "
            f"{LONGEST_TEXT:,} letters shortened."
        )
    return drawn, notes


def _section(answers: Answers, name: str, bulk: Bulk | None, with_people: bool) -> Section:
    names = [name, _JOINED[name]] if name in _JOINED else [name]
    shown = {one: _shown(answers.of(one), with_people) for one in names}
    records, left_out = shown[name]
    drawn, not_drawn = split_far(records, bulk)
    drawing = make_drawable(questions.draw(name, drawn, answers.timezone))
    told = [questions.describe(one, found, answers.timezone) for one, (found, _) in reversed(shown.items())]
    return Section(
        name,
        answers.of(name).question.question,
        " ".join(filter(None, told)) or _NOTHING,
        [text for text in (left_out, not_drawn, questions.note(name, records)) if text],
        None if drawing is None or questions.is_vega(drawing) else drawing,
        {} if drawing is None or not questions.is_vega(drawing) else _name_specs(name, drawing),
        [_numbers(answers.of(one), found, one) for one, (found, _) in shown.items()],
    )


def _name_specs(name: str, drawing: Spec) -> dict[str, Spec]:
    if "drawings" not in drawing:
        return {name: drawing}
    return {f"{name}_{number}": spec for number, spec in enumerate(drawing["drawings"], 1)}


def _shown(answer: Answer, with_people: bool) -> tuple[list[Record], str | None]:
    return (answer.records, None) if with_people else questions.hide_people(answer.question.name, answer.records)


def _numbers(answer: Answer, records: list[Record], name: str) -> Numbers:
    question = answer.question
    definition, _, limits = question.definition.partition(_LIMITS)
    given = [f"`{one.name}` is {answer.values[one.name]}" for one in question.parameters if one.default is not None]
    shown = records[:_MOST_ROWS]
    return Numbers(
        name,
        question.question,
        " ".join([definition.strip(), *(f"Here {number}." for number in given)]),
        f"{_LIMITS}{limits}" if limits else "",
        columns=[
            Column(column, all(is_number_or_null(record[column]) for record in records)) for column in answer.columns
        ],
        rows=[[_cell(value) for value in record.values()] for record in shown],
        size=count_of(len(records), "row"),
        more=""
        if len(shown) == len(records)
        else f"The first {_MOST_ROWS:,} of {len(records):,} rows; the file has all.",
        csv=_csv_url(answer.columns, records),
        sql=answer.sql,
    )


def _cell(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else format_value(value)


def _csv_url(columns: Sequence[str], records: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    write_rows(text, "csv", columns, [list(record.values()) for record in records])
    return "data:text/csv;charset=utf-8," + quote(text.getvalue(), safe=",:;/?@&=+$!*'()-_.~")
