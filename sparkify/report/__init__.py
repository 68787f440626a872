"""The report: the answers to all questions on one HTML page that needs nothing but itself.

`render_report` asks the warehouse; the modules below make the page of what they are given: no clock, no engine, so the
same warehouse gives the same bytes.
"""

from importlib import import_module

from sparkify.errors import UsageError
from sparkify.questions import WHOLE_LOG, Cut
from sparkify.settings import Config


def render_report(config: Config, *, cut: Cut = WHOLE_LOG, with_people: bool = False) -> str:
    """The page, as HTML, for one cut of the log; a question that does not take a part of the cut is asked without it.

    Places of a single listener are left out unless `with_people`. Read-only. Raises UsageError where the packages that
    draw are not installed.
    """
    require_packages()
    from sparkify.pipeline import answer_all
    from sparkify.report.drawing import start_drawing
    from sparkify.report.page import render_page

    with start_drawing() as draw:
        return render_page(answer_all(config, cut=cut), draw, with_people=with_people)


def require_packages() -> None:
    """Raises UsageError where the packages that draw are not installed."""
    for name in ("jinja2", "vl_convert"):
        try:
            import_module(name)
        except ImportError:
            raise UsageError(f"a report needs the package {name}; install sparkify[report]") from None
