"""Sparkify's data warehouse: loads JSON logs and songs into a star schema, on DuckDB or Amazon Redshift.

The verbs of the command `sparkify` are functions here: create, plan, save_plan, stage, load, status, list_rejects,
check, compare, query, query_sql, export, undo, replay, rebuild, migrate, compact, list_findings (doctor), render_report
and simulate. Each takes the Config that `load_config` makes and raises a SparkifyError, a sentence for a user.
Importing the package loads no driver; the first use of a verb does.
"""

from sparkify._version import __version__

# As in typing, whose import alone would make `sparkify` deaf to Ctrl-C for a while.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from sparkify.errors import SparkifyError
    from sparkify.exports.export import ExportOptions, export
    from sparkify.inspection.check import check, compare
    from sparkify.inspection.doctor import list_findings
    from sparkify.inspection.rejects import list_rejects
    from sparkify.inspection.status import status
    from sparkify.loads.compact import compact
    from sparkify.loads.create import create
    from sparkify.loads.load import load
    from sparkify.loads.migrate import migrate
    from sparkify.loads.plan import plan
    from sparkify.loads.rebuild import rebuild
    from sparkify.loads.replay import replay
    from sparkify.loads.shares import save_plan, stage
    from sparkify.loads.undo import undo
    from sparkify.questions.answers import query, query_sql
    from sparkify.questions.cut import Cut
    from sparkify.questions.result import Result
    from sparkify.report import render_report
    from sparkify.settings import Config, load_config
    from sparkify.simulator import SimulateOptions, simulate

__all__ = [
    "Config",
    "Cut",
    "ExportOptions",
    "Result",
    "SimulateOptions",
    "SparkifyError",
    "__version__",
    "check",
    "compact",
    "compare",
    "create",
    "export",
    "list_findings",
    "list_rejects",
    "load",
    "load_config",
    "migrate",
    "plan",
    "query",
    "query_sql",
    "rebuild",
    "render_report",
    "replay",
    "save_plan",
    "simulate",
    "stage",
    "status",
    "undo",
]

_HOMES = {
    "Config": "settings",
    "Cut": "questions.cut",
    "ExportOptions": "exports.export",
    "Result": "questions.result",
    "SimulateOptions": "simulator",
    "SparkifyError": "errors",
    "check": "inspection.check",
    "compact": "loads.compact",
    "compare": "inspection.check",
    "create": "loads.create",
    "export": "exports.export",
    "list_findings": "inspection.doctor",
    "list_rejects": "inspection.rejects",
    "load": "loads.load",
    "load_config": "settings",
    "migrate": "loads.migrate",
    "plan": "loads.plan",
    "query": "questions.answers",
    "query_sql": "questions.answers",
    "rebuild": "loads.rebuild",
    "render_report": "report",
    "replay": "loads.replay",
    "save_plan": "loads.shares",
    "simulate": "simulator",
    "stage": "loads.shares",
    "status": "inspection.status",
    "undo": "loads.undo",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"sparkify.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
