"""Sparkify's data warehouse: JSON logs and songs into a star schema, on DuckDB or Amazon Redshift.

The verbs of the command `sparkify` are functions here: create, plan, load, status, list_rejects, check, compare, query,
query_sql, undo, replay, list_findings (doctor), render_report and simulate. Each takes the Config that `load_config`
makes and raises a SparkifyError, a sentence for a user. Importing the package loads no driver; the first use of a verb
does.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparkify.doctor import list_findings
    from sparkify.errors import SparkifyError
    from sparkify.pipeline import (
        check,
        compare,
        create,
        list_rejects,
        load,
        plan,
        query,
        query_sql,
        replay,
        status,
        undo,
    )
    from sparkify.questions import Cut
    from sparkify.report import render_report
    from sparkify.settings import Config, load_config
    from sparkify.simulator import SimulateOptions, simulate

__version__ = "0.1.0"

__all__ = [
    "Config",
    "Cut",
    "SimulateOptions",
    "SparkifyError",
    "__version__",
    "check",
    "compare",
    "create",
    "list_findings",
    "list_rejects",
    "load",
    "load_config",
    "plan",
    "query",
    "query_sql",
    "render_report",
    "replay",
    "simulate",
    "status",
    "undo",
]

_HOMES = {
    "Config": "settings",
    "Cut": "questions",
    "load_config": "settings",
    "SparkifyError": "errors",
    "list_findings": "doctor",
    "render_report": "report",
    "SimulateOptions": "simulator",
    "simulate": "simulator",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"sparkify.{_HOMES.get(name, 'pipeline')}"), name)
