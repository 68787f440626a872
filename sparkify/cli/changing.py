"""The commands that change a warehouse: create, load, undo, replay."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO

import click

from sparkify.cli.options import command, common, confirm, dry_run, echo_json, open_log
from sparkify.cli.reading import show_plan
from sparkify.errors import SourceError
from sparkify.formats import to_json

if TYPE_CHECKING:
    from sparkify.loads.load import LoadResult
    from sparkify.loads.progress import OnEvent
    from sparkify.settings import Config


@command()
@click.option("--drop", is_flag=True, help="Drop every table first, with all that it holds.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run
@common()
def create(config: "Config", drop: bool, yes: bool, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Create the tables and views that are missing."""
    import sparkify

    if dry_run:
        if not quiet:
            done = "drop every table, and create them all" if drop else "create the tables that are missing"
            click.echo(f"would {done}: {config.warehouse_address}", err=True)
        return
    if drop:
        confirm(f"Drop every table of {config.warehouse_address} with all that it holds?", yes)
    created = sparkify.create(config, drop=drop)
    if as_json:
        echo_json({"warehouse": config.warehouse_address, "created": created})
    elif not quiet:
        click.echo(f"created: {', '.join(created)}" if created else "every table exists already", err=True)


@command()
@click.option("--max-rejects", metavar="N|N%", help="Fail, and load nothing, if more records are rejected.")
@click.option("--log-json", metavar="FILE", help="Append an event a line to a file: each step with its load.")
@dry_run
@common("sources", "stage")
def load(
    config: "Config",
    max_rejects: str | None,
    log_json: str | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Load what is new or changed at the sources, exactly once."""
    import sparkify
    from sparkify import console

    if dry_run:
        show_plan(sparkify.plan(config), as_json, quiet)
        return
    with open_log(log_json) as stream:
        on_event = _event_writer(stream)
        result = load_with_progress(config, as_json or quiet, max_rejects=max_rejects, on_event=on_event)
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


def _event_writer(stream: TextIO | None) -> "OnEvent | None":
    """A receiver of events that writes each as a line of JSON, at once."""
    if stream is None:
        return None

    def write(event: dict[str, Any]) -> None:
        stream.write(to_json(event) + "\n")
        stream.flush()

    return write


def load_with_progress(config: "Config", silent: bool, **options: Any) -> "LoadResult":
    """Load, and show how far it is unless it is to be silent."""
    import sparkify
    from sparkify import console

    with console.progress(silent) as on_progress:
        return sparkify.load(config, on_progress=on_progress, **options)


@command()
@click.argument("load_id", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run
@common()
def undo(config: "Config", load_id: int, yes: bool, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Take one load's rows and rejects out, as if it had never been; its files are pending again."""
    import sparkify
    from sparkify import console

    if not (dry_run or yes):
        planned = sparkify.undo(config, load_id, dry_run=True)
        console.print_undo(planned, to_stderr=True)
        confirm(f"Undo load {load_id}?", yes)
    result = sparkify.undo(config, load_id, dry_run=dry_run)
    if as_json:
        echo_json(asdict(result))
    elif not quiet:
        console.print_undo(result)


@command()
@dry_run
@common("stage")
def replay(config: "Config", dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Put rejected records through the current rules again; those that pass enter the star."""
    import sparkify
    from sparkify import console

    result = sparkify.replay(config, dry_run=dry_run)
    if as_json:
        echo_json(asdict(result))
    elif not quiet:
        console.print_replay(result)
