"""What the shell completes: names of questions, reasons, loads, tables and time zones, and paths.

Click asks these functions while the user types, so they print nothing and raise nothing, and only the list of loads
opens a warehouse: a file that is there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sparkify.addresses import path_of
from sparkify.errors import SparkifyError

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem


def complete_path(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A path, which the shell completes by itself."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def complete_question(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of questions; shells that show help show the question."""
    from click.shell_completion import CompletionItem

    from sparkify.questions.catalogue import list_questions

    return [CompletionItem(one.name, help=one.question) for one in list_questions() if one.name.startswith(incomplete)]


def complete_help(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of commands, and after `query` those of questions."""
    parent, before = context.parent, context.params.get(parameter.name or "") or ()
    if before:
        return complete_question(context, parameter, incomplete) if before == ("query",) else []
    return [] if parent is None else parent.command.shell_complete(parent, incomplete)


def complete_reason(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The reasons for which a record can be rejected."""
    from sparkify.validation.rules import list_codes

    return [code for code in list_codes() if code.startswith(incomplete)]


def complete_table(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The names of tables and views, also after a comma."""
    from sparkify.star.tables import TABLES, VIEWS

    before, comma, last = incomplete.rpartition(",")
    return [before + comma + name for name in (*TABLES, *VIEWS) if name.startswith(last)]


def complete_timezone(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The names of time zones."""
    from sparkify.timezones import list_timezones

    return [name for name in list_timezones() if name.lower().startswith(incomplete.lower())]


def complete_load(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The numbers of the loads, newest first; none of a warehouse that is not a file, or that is in use."""
    from click.shell_completion import CompletionItem

    return [
        CompletionItem(str(load["load_id"]), help=f"{load['status']}, {load['started_at']:%Y-%m-%d %H:%M}")
        for load in _list_loads(context)
        if str(load["load_id"]).startswith(incomplete)
    ]


def _list_loads(context: click.Context) -> list[dict[str, object]]:
    from sparkify.settings import load_config

    try:
        config = load_config(context.params.get("config_file"), warehouse=context.params.get("warehouse"))
        path = path_of(config.warehouse_address)
        if path is None or not Path(path).is_file():
            return []
        from sparkify.warehouses import fetch_dicts, open_warehouse

        with open_warehouse(config, read_only=True) as warehouse:
            return fetch_dicts(warehouse, "SELECT load_id, status, started_at FROM load_history ORDER BY load_id DESC")
    except (SparkifyError, OSError):
        return []
