"""The report: the answers to all questions on one HTML page that needs nothing but itself.

`render_report` asks the warehouse; the modules below make the page of what they are given: no clock, no warehouse, so
the same warehouse gives the same bytes.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from sparkify.errors import UsageError
from sparkify.questions.cut import WHOLE_LOG, Cut
from sparkify.settings import Config

if TYPE_CHECKING:
    from sparkify.report.drawing import Drawing
    from sparkify.report.marks import Spec


def render_report(
    config: Config, *, cut: Cut = WHOLE_LOG, with_people: bool = False, on_note: Callable[[str], None] | None = None
) -> str:
    """The page, as HTML, for one cut of the log; a question that does not take a part of the cut is asked without it.

    Places of a single listener are left out unless `with_people`. Where something cannot be drawn, the page says so in
    its place, and `on_note` gets a sentence. Read-only. Raises UsageError where what draws is not installed.
    """
    require_packages()
    from sparkify.questions.answers import answer_all
    from sparkify.report.drawing import start_drawing
    from sparkify.report.page import render_page

    with start_drawing() as draw:

        def draw_and_note(specs: "Mapping[str, Spec]") -> "Drawing":
            drawing = draw(specs)
            for why in dict.fromkeys(drawing.failures.values()):
                names = ", ".join(name for name, failure in drawing.failures.items() if failure == why)
                if on_note is not None:
                    on_note(f"not drawn: {names}; {why}. The page has the numbers")
            return drawing

        return render_page(answer_all(config, cut=cut), draw_and_note, with_people=with_people)


def require_packages() -> None:
    """Raises UsageError where the packages that draw are not installed."""
    for name in ("jinja2", "vl_convert"):
        try:
            import_module(name)
        except ImportError:
            raise UsageError(f"a report needs the package {name}; install sparkify[report]") from None
