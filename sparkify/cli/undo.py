"""sparkify undo."""

from dataclasses import asdict

import click

import sparkify
from sparkify.cli.completion import complete_load
from sparkify.cli.options import command, common, confirm, dry_run, echo_json
from sparkify.console import print_undo, show_step
from sparkify.settings import Config


@command("sparkify undo 3", changes=True)
@click.argument("load_id", type=int, shell_complete=complete_load)
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run
@common()
def undo(config: Config, load_id: int, yes: bool, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Remove one load's rows and rejects. Its files are then pending again."""
    if not (dry_run or yes):
        print_undo(sparkify.undo(config, load_id, dry_run=True), to_stderr=True)
        confirm(f"Undo load {load_id}?", yes)
    with show_step("undoing", as_json or quiet):
        result = sparkify.undo(config, load_id, dry_run=dry_run)
    if as_json:
        echo_json(asdict(result))
    elif not quiet:
        print_undo(result)
