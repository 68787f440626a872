"""The report: the answers to all questions on one HTML page that needs no other file.

`render_report` queries the warehouse. The other modules make the page from the answers only, without clock or
warehouse: so the same warehouse gives the same bytes.
"""

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from sparkify.arguments import checked
from sparkify.errors import UsageError
from sparkify.questions.cut import WHOLE_LOG, Cut
from sparkify.settings import Config

if TYPE_CHECKING:
    from sparkify.report.drawing import Drawing
    from sparkify.report.marks import Spec


@checked
def render_report(
    config: Config,
    *,
    cut: Cut = WHOLE_LOG,
    with_people: bool = False,
    own_questions: str | os.PathLike[str] | None = None,
    title: str | None = None,
    on_note: Callable[[str], None] | None = None,
    on_step: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> str:
    """The page, as HTML, for one cut of the log. A question is answered without the parameters that it does not take.

    Places and states with a single listener are left out unless `with_people`. `title` replaces "Listening report".
    Each `.sql` file in the folder `own_questions` gets a section; docs/report.md says how to write one. If such a file
    has a mistake, or something cannot be drawn, the page says so, and `on_note` is called with a sentence. `on_step` is
    called before each step with what it does, the number of steps that are done, and that of all. Read-only. Raises
    UsageError for a folder without such files, and if the packages for drawing are not installed.
    """
    require_packages()
    from sparkify.questions.answers import answer_all
    from sparkify.questions.own import read_questions
    from sparkify.report.drawing import start_drawing
    from sparkify.report.page import TITLE, render_page

    own = [] if own_questions is None else read_questions(own_questions)
    with start_drawing() as draw:

        def draw_and_note(specs: "Mapping[str, Spec]") -> "Drawing":
            drawing = draw(specs)
            for why in dict.fromkeys(drawing.failures.values()):
                names = ", ".join(name for name, failure in drawing.failures.items() if failure == why)
                if on_note is not None:
                    on_note(f"not drawn: {names}; {why}. The page has the numbers")
            return drawing

        answers = answer_all(config, cut=cut, own=own, on_step=on_step)
        for one in answers.own:
            if one.mistake is not None and on_note is not None:
                on_note(f"{one.mistake}. The page says so, too")
        return render_page(answers, draw_and_note, with_people=with_people, title=title or TITLE)


def require_packages() -> None:
    """Raises UsageError if the packages for drawing are not installed."""
    for module, package in (("jinja2", "jinja2"), ("vl_convert", "vl-convert-python")):
        try:
            import_module(module)
        except ImportError:
            raise UsageError(f"a report needs the package {package}; run pip install {package}") from None
