"""The commands that change a warehouse: create, load, undo, replay."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkify.cli.options import common, confirm, dry_run, echo_json
from sparkify.cli.reading import show_plan
from sparkify.errors import SourceError, UsageError
from sparkify.formats import to_json

if TYPE_CHECKING:
    from sparkify.pipeline import LoadResult, OnEvent
    from sparkify.settings import Config


@click.command()
@click.option("--drop", is_flag=True, help="Drop every table first, with all that it holds.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run
@common
def create(config: "Config", drop: bool, yes: bool, dry_run: bool, show_sql: bool, as_json: bool, quiet: bool) -> None:
    """Create the tables that are missing."""
    from sparkify import pipeline, script

    if dry_run:
        if show_sql:
            _show_statements(script.create_statements(drop=drop))
        elif not quiet:
            done = "drop every table, and create them all" if drop else "create the tables that are missing"
            click.echo(f"would {done}: {config.warehouse_address}", err=True)
        return
    if drop:
        confirm(f"Drop every table of {config.warehouse_address} with all that it holds?", yes)
    created = pipeline.create(config, drop=drop)
    if as_json:
        echo_json({"warehouse": config.warehouse_address, "created": created})
    elif not quiet:
        click.echo(f"created: {', '.join(created)}" if created else "every table exists already", err=True)


@click.command()
@click.option("--max-rejects", metavar="N|N%", help="Fail, and load nothing, if more records are rejected.")
@click.option("--log-json", metavar="FILE", help="Append an event a line to a file: each step with its load.")
@click.option("--direct", is_flag=True, help="Redshift only: let its COPY read the objects in S3 by itself.")
@dry_run
@common
def load(
    config: "Config",
    max_rejects: str | None,
    log_json: str | None,
    direct: bool,
    dry_run: bool,
    show_sql: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Load what is new or changed at the sources, exactly once."""
    from sparkify import console

    if dry_run:
        _show_load(config, direct, show_sql, as_json, quiet)
        return
    with _event_log(log_json) as on_event:
        result = load_with_progress(config, as_json or quiet, max_rejects=max_rejects, direct=direct, on_event=on_event)
    if as_json:
        echo_json(asdict(result))
    elif not quiet:
        console.print_load(result)
    if not (as_json or quiet):
        for warning in result.warnings:
            console.say(f"warning: {warning}")
    if result.errors:
        shown = result.errors[:5] + ([f"and {len(result.errors) - 5:,} more"] if len(result.errors) > 5 else [])
        raise SourceError(
            "; ".join(shown) + ": nothing of it was loaded, it stays pending; load again once it can be read"
        )


@contextmanager
def _event_log(file: str | None) -> "Iterator[OnEvent | None]":
    """A receiver of events that appends each to a file as a line of JSON, at once."""
    if file is None:
        yield None
        return
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(Path(file).open("a", encoding="utf-8", newline=""))
        except OSError as error:
            raise UsageError(f"cannot write the log {file}: {error.strerror}; name another file") from None

        def write(event: dict[str, Any]) -> None:
            stream.write(to_json(event) + "\n")
            stream.flush()

        yield write


def _show_load(config: "Config", direct: bool, show_sql: bool, as_json: bool, quiet: bool) -> None:
    """Print the plan, or the statements that a load would send: where nothing is loaded yet, those of a rebuild."""
    from sparkify import pipeline, script

    planned = pipeline.plan(config)
    if not show_sql:
        show_plan(planned, as_json, quiet)
        return
    loads_first = not any(file.loaded for file in planned)
    replaces = any(file.state == "changed" for file in planned)
    _show_statements(script.load_statements(config, rebuild=loads_first, replaces=replaces, direct=direct))


def load_with_progress(config: "Config", silent: bool, **options: Any) -> "LoadResult":
    """Load, and show how far it is unless it is to be silent."""
    from sparkify import console, pipeline

    with console.progress(silent) as on_progress:
        return pipeline.load(config, on_progress=on_progress, **options)


@click.command()
@click.argument("load_id", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run
@common
def undo(config: "Config", load_id: int, yes: bool, dry_run: bool, show_sql: bool, as_json: bool, quiet: bool) -> None:
    """Take one load's rows and rejects out, as if it had never been; its files are pending again."""
    from sparkify import console, pipeline, script

    if show_sql:
        planned = pipeline.undo(config, load_id, dry_run=True)
        _show_statements(script.undo_statements(config, rebuild=planned.mode == "rebuild"))
        return
    if not (dry_run or yes):
        planned = pipeline.undo(config, load_id, dry_run=True)
        console.print_undo(planned, to_stderr=True)
        confirm(f"Undo load {load_id}?", yes)
    result = pipeline.undo(config, load_id, dry_run=dry_run)
    if as_json:
        echo_json(asdict(result))
    elif not quiet:
        console.print_undo(result)


@click.command()
@dry_run
@common
def replay(config: "Config", dry_run: bool, show_sql: bool, as_json: bool, quiet: bool) -> None:
    """Put rejected records through the current rules again; those that pass enter the star."""
    from sparkify import console, pipeline, script

    result = pipeline.replay(config, dry_run=dry_run)
    if show_sql:
        _show_statements(script.replay_statements(config, rebuild=result.mode == "rebuild"))
    elif as_json:
        echo_json(asdict(result))
    elif not quiet:
        console.print_replay(result)


def _show_statements(statements: Iterable[str]) -> None:
    from sparkify import script

    click.echo(script.render(statements), nl=False)
