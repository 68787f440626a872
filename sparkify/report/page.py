"""The page and its parts. All data is passed as text, and the template engine escapes it."""

import datetime as dt
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from sparkify._version import __version__
from sparkify.formats import (
    count_of,
    format_age,
    format_change,
    format_number,
    format_period,
    format_share,
    format_value,
    write_rows,
)
from sparkify.questions.answers import Answer, Answers, Comparison
from sparkify.questions.catalogue import CHAPTERS
from sparkify.report import questions
from sparkify.report.bulk import Bulk, find_bulk, split_far
from sparkify.report.drawing import Draw, embed_json, make_drawable, name_source
from sparkify.report.marks import CONFIG, Record, Spec, bar
from sparkify.report.sparks import draw_sparks

# Of a page that is given none.
TITLE = "Listening report"
_FOLDER = Path(__file__).parent
# The chapter whose questions are the tiles.
_GLANCE = "glance"
# Questions that stand on another one's card: two views of one subject.
_JOINED = {"session_lengths": "sessions"}
# For more, a spreadsheet is better.
_MOST_ROWS = 400
_LIMITS = "It does not say"
_NOTHING = "There is no data for this question in this period."
_BAD_LOADS = ("failed", "interrupted", "partial")


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


@dataclass(frozen=True)
class Tile:
    """A key figure, with its change if there is something to compare with; `recent` is the later of the two numbers.

    `spark` is the points of a line.
    """

    label: str
    value: str
    recent: str | None
    change: str | None
    spark: str | None


@dataclass(frozen=True)
class Fact:
    """A fact about the data; `bad` if something is wrong."""

    label: str
    value: str
    detail: str = ""
    bad: bool = False


def render_page(answers: Answers, draw: Draw, *, with_people: bool, title: str = TITLE) -> str:
    """The page as HTML. Places with a single listener are on it only with people."""
    overview = answers.of("overview").records[0]
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"code": _mark_code, "json": embed_json}
    script = _read("page.js")
    # Of each day, with the level of its events.
    bulk = find_bulk(
        (record["day"], record["plays"] + record["sessions"])
        for record in answers.of("levels").records
        if record["day"] is not None
    )
    chapters = [
        Chapter(
            chapter,
            title,
            [
                _section(answers, one.question.name, bulk, with_people)
                for one in answers.answers
                if one.question.chapter == chapter and one.question.name not in _JOINED.values()
            ],
        )
        for chapter, title in CHAPTERS.items()
        if chapter != _GLANCE
    ]
    sections = [section for chapter in chapters for section in chapter.sections]
    drawing = draw({name: spec for section in sections for name, spec in section.specs.items()})
    return environment.get_template("page.html").render(
        version=__version__,
        title=title,
        summary=_summary(answers, overview),
        period=_period(answers, overview),
        level=answers.cut.level,
        tiles=_tiles(overview, answers.comparison, draw_sparks(answers, bulk)),
        compared=_compared(answers, overview),
        facts=_facts(answers),
        broken=_broken(answers),
        loads=[_load(load) for load in answers.last_loads],
        reasons=_reasons(answers),
        chapters=chapters,
        pictures=drawing.pictures,
        failures=drawing.failures,
        people=_people(with_people),
        allowed=Markup(f"{name_source(script)} {drawing.source}"),
        style=Markup(_read("page.css")),
        script=Markup(script),
        library=drawing.library,
        drawing_config=CONFIG,
    )


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _mark_code(text: str) -> Markup:
    """A text with the parts between backticks as code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )


def _period(answers: Answers, overview: dict[str, Any]) -> str | None:
    first = answers.cut.first_day or overview["first_day"]
    last = answers.cut.last_day or overview["last_day"]
    return format_period(first, last) if first and last else None


def _people(with_people: bool) -> str:
    if with_people:
        return "This page was made with people: it names places that have a single listener. Mind whom you send it to."
    return (
        "This page has no names and no user agents of listeners, and no places or states that have a single one. A "
        "count may still be of one listener."
    )


_TILES = {
    "plays": "Plays",
    "listeners": "Listeners",
    "sessions": "Sessions",
    "hours": "Hours of music",
    "paid_share": "Plays at level paid",
}


def _tiles(overview: Record, comparison: Comparison | None, sparks: Mapping[str, str]) -> list[Tile]:
    return [
        Tile(label, *_figure(name, overview, comparison), sparks.get(name) if overview[name] else None)
        for name, label in _TILES.items()
    ]


def _figure(name: str, overview: Record, comparison: Comparison | None) -> tuple[str, str | None, str | None]:
    """A key figure, that of the days that are compared if they are others, and its change."""
    show = format_share if name == "paid_share" else format_number
    value = show(overview[name] if overview[name] is not None or name == "paid_share" else 0)
    if comparison is None:
        return value, None, None
    later, earlier = comparison.later[name], comparison.earlier[name]
    recent = None if comparison.later == overview else f"last {comparison.days} days {show(later)},"
    if name == "paid_share":
        points = None if later is None or earlier is None else 100 * (later - earlier)
        return value, recent, None if points is None else f"{points:+.1f} points".replace("-", "−")
    return value, recent, format_change(later, earlier)


def _compared(answers: Answers, overview: dict[str, Any]) -> str:
    comparison = answers.comparison
    if overview["first_day"] is None:
        return "The log has no event of this period."
    if comparison is None:
        return "The log is too short to compare these figures with those of earlier days."
    if comparison.later == overview:
        return f"Changes are against the {count_of(comparison.days, 'day')} before."
    return (
        f"The log has no {_length(answers, overview)} before these to compare with, so changes are those of the last "
        f"{comparison.days} days against the {comparison.days} days before them."
    )


def _length(answers: Answers, overview: dict[str, Any]) -> str:
    first = answers.cut.first_day or overview["first_day"]
    last = answers.cut.last_day or overview["last_day"]
    return count_of((last - first).days + 1, "day")


def _facts(answers: Answers) -> list[Fact]:
    health, load, newest = answers.of("health").records[0], answers.last_load, answers.newest_event
    broken = [one.check for one in answers.checks if not one.passed]
    facts = [Fact("Last load", "none yet", bad=True)]
    if load is not None:
        status = load["status"].replace("_", " ")
        at = _moment(load["finished_at"] or load["started_at"])
        facts = [Fact("Last load", at, f"load {load['load_id']}, {status}", load["status"] in _BAD_LOADS)]
    if newest is not None:
        lag = answers.lag_seconds
        facts.append(Fact("Newest event", _moment(newest), f"{format_age(lag)} before it was loaded" if lag else ""))
    return [
        *facts,
        Fact("Records rejected", format_share(health["rejected_share"]), "of all that were read, of every file"),
        Fact("Plays found in the catalogue", format_share(health["match_rate"]), "the others have names from the log"),
        Fact(
            "Checks",
            f"{len(answers.checks) - len(broken)} of {len(answers.checks)} passed",
            "of all of the warehouse",
            any(check.severity == "fail" for check in broken),
        ),
    ]


def _broken(answers: Answers) -> list[dict[str, str]]:
    """The checks that did not pass, in their own sentences."""
    return [
        {"severity": one.check.severity, "why": one.check.why, "name": f"{one.check.table}.{one.check.name}",
         "rows": count_of(one.rows, "row")}
        for one in answers.checks
        if not one.passed
    ]  # fmt: skip


def _load(load: Record) -> Record:
    numbers = [load[name] for name in ("files", "read", "loaded", "rejected", "repaired")]
    return {
        "name": load["load_id"],
        "at": _moment(load["finished_at"] or load["started_at"]).removesuffix(" UTC"),
        "status": load["status"].replace("_", " "),
        "numbers": [format_number(number) for number in numbers],
    }


def _reasons(answers: Answers) -> list[Record]:
    most = max((reason["records"] for reason in answers.reasons), default=1)
    return [
        bar(one["reason"], one["records"] / most, format_number(one["records"]), details=[one["dataset"]])
        for one in answers.reasons
    ]


def _summary(answers: Answers, overview: Record) -> str:
    """What mail and chats show of a link to the page."""
    if overview["first_day"] is None:
        return "No events."
    plays, listeners, sessions = (
        count_of(overview[name] or 0, name.removesuffix("s")) for name in ("plays", "listeners", "sessions")
    )
    return f"{plays} by {listeners} in {sessions}, {_period(answers, overview)}."


def _moment(at: dt.datetime) -> str:
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def _section(answers: Answers, name: str, bulk: Bulk | None, with_people: bool) -> Section:
    names = [name, _JOINED[name]] if name in _JOINED else [name]
    shown = {one: _shown(answers.of(one), with_people) for one in names}
    records, left_out = shown[name]
    drawn, not_drawn = split_far(records, bulk)
    drawing = make_drawable(questions.draw(name, drawn))
    told = [questions.describe(one, found) for one, (found, _) in reversed(shown.items())]
    return Section(
        name,
        answers.of(name).question.question,
        " ".join(filter(None, told)) or _NOTHING,
        [text for text in (left_out, not_drawn, questions.note(name, records)) if text],
        None if drawing is None or questions.is_vega(drawing) else drawing,
        {} if drawing is None or not questions.is_vega(drawing) else _name_specs(name, drawing),
        [_numbers(answers.of(one), found) for one, (found, _) in shown.items()],
    )


def _name_specs(name: str, drawing: Spec) -> dict[str, Spec]:
    if "drawings" not in drawing:
        return {name: drawing}
    return {f"{name}_{number}": spec for number, spec in enumerate(drawing["drawings"], 1)}


def _shown(answer: Answer, with_people: bool) -> tuple[list[Record], str | None]:
    return (answer.records, None) if with_people else questions.hide_people(answer.question.name, answer.records)


def _numbers(answer: Answer, records: list[Record]) -> Numbers:
    question = answer.question
    definition, _, limits = question.definition.partition(_LIMITS)
    given = [f"`{one.name}` is {answer.values[one.name]}" for one in question.parameters if one.default is not None]
    shown = records[:_MOST_ROWS]
    return Numbers(
        question.name,
        question.question,
        " ".join([definition.strip(), *(f"Here {number}." for number in given)]),
        f"{_LIMITS}{limits}",
        columns=[Column(column, _is_numeric(record[column] for record in records)) for column in answer.columns],
        rows=[[_cell(value) for value in record.values()] for record in shown],
        size=count_of(len(records), "row"),
        more=""
        if len(shown) == len(records)
        else f"The first {_MOST_ROWS:,} of {len(records):,} rows; the file has all.",
        csv=_csv_url(answer.columns, records),
        sql=answer.sql,
    )


def _is_numeric(values: Any) -> bool:
    return all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)


def _cell(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else format_value(value)


def _csv_url(columns: Sequence[str], records: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    write_rows(text, "csv", columns, [list(record.values()) for record in records])
    return "data:text/csv;charset=utf-8," + quote(text.getvalue(), safe=",:;/?@&=+$!*'()-_.~")
