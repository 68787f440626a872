"""The page and its parts. All data is passed as text, and the template engine escapes it."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from sparkify._version import __version__
from sparkify.formats import count_of, format_period
from sparkify.questions.answers import Answers
from sparkify.report.bulk import Bulk, find_bulk
from sparkify.report.drawing import Draw, embed_json, name_source
from sparkify.report.glance import find_filter, list_tiles, tell_compared
from sparkify.report.marks import CONFIG, Record
from sparkify.report.sections import list_chapters
from sparkify.report.sparks import draw_sparks
from sparkify.report.trust import list_broken, list_check_history, list_facts, list_loads, list_reasons

# Of a page that is given none.
TITLE = "Listening report"
_FOLDER = Path(__file__).parent


def render_page(answers: Answers, draw: Draw, *, with_people: bool, title: str = TITLE) -> str:
    """The page as HTML. Places with a single listener are on it only with people."""
    overview = answers.of("overview").records[0]
    bulk = _find_bulk(answers)
    chapters = list_chapters(answers, bulk, with_people=with_people)
    specs = {name: spec for chapter in chapters for section in chapter.sections for name, spec in section.specs.items()}
    drawing = draw(specs)
    script = _read("filter.js") + _read("page.js")
    return _open_template().render(
        version=__version__,
        title=title,
        summary=_summary(answers, overview),
        period=_period(answers, overview),
        level=answers.cut.level,
        filter=find_filter(answers, bulk),
        timezone=answers.timezone,
        tiles=list_tiles(overview, answers.comparison, draw_sparks(answers, bulk)),
        compared=tell_compared(answers, overview),
        facts=list_facts(answers),
        broken=list_broken(answers),
        loads=list_loads(answers),
        check_history=list_check_history(answers),
        reasons=list_reasons(answers),
        chapters=chapters,
        pictures=drawing.pictures,
        failures=drawing.failures,
        people=_people(with_people, has_own=bool(answers.own)),
        allowed=Markup(f"{name_source(script)} {drawing.source}"),
        style=Markup(_read("page.css")),
        script=Markup(script),
        library=drawing.library,
        drawing_config=CONFIG,
    )


def _open_template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"code": _mark_code, "json": embed_json}
    return environment.get_template("page.html")


def _find_bulk(answers: Answers) -> Bulk | None:
    # Of each day, with the level of its events.
    return find_bulk(
        (record["day"], record["plays"] + record["sessions"])
        for record in answers.of("levels").records
        if record["day"] is not None
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


def _people(with_people: bool, *, has_own: bool) -> str:
    # Only who wrote their SQL knows what they show.
    own = " The own questions show what their SQL says, names of people too." if has_own else ""
    if with_people:
        return (
            "This page was made with people: it names places that have a single listener. Mind whom you send it to."
            + own
        )
    return (
        "This page has no names and no user agents of listeners, and no places or states that have a single one. A "
        "count may still be of one listener." + own
    )


def _summary(answers: Answers, overview: Record) -> str:
    """What mail and chats show of a link to the page."""
    if overview["first_day"] is None:
        return "No events."
    plays, listeners, sessions = (
        count_of(overview[name] or 0, name.removesuffix("s")) for name in ("plays", "listeners", "sessions")
    )
    return f"{plays} by {listeners} in {sessions}, {_period(answers, overview)}."
