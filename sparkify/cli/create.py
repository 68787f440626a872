"""sparkify create."""

import click

import sparkify
from sparkify.cli.options import checked_address, command, common, confirm, dry_run, echo_json
from sparkify.console import say
from sparkify.settings import Config


@command("sparkify create --warehouse redshift://loader@host:5439/dev", changes=True)
@click.option("--drop", is_flag=True, help="Drop every table and its data first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run
@common("format")
def create(config: Config, drop: bool, yes: bool, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Create the tables and views that are missing."""
    address = checked_address(config)
    if dry_run:
        if not quiet:
            done = "drop every table, and create them all" if drop else "create the missing tables"
            say(f"would {done}: {address}")
        return
    if drop:
        confirm(f"Drop every table of {address} and all its data?", yes)
    created = sparkify.create(config, drop=drop)
    if as_json:
        echo_json({"warehouse": address, "created": created})
    elif not quiet:
        say(f"created: {', '.join(created)}" if created else "every table exists already")
