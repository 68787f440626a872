"""sparkify compare."""

from dataclasses import asdict

import click

import sparkify
from sparkify.cli.completion import complete_path
from sparkify.cli.options import command, common, echo_json
from sparkify.console import print_comparison, show_step
from sparkify.errors import CheckError
from sparkify.settings import Config


@command("sparkify compare sparkify.duckdb redshift://loader@host:5439/dev")
@click.argument("first", metavar="WAREHOUSE", shell_complete=complete_path)
@click.argument("second", metavar="[WAREHOUSE]", required=False, shell_complete=complete_path)
@common()
def compare(config: Config, first: str, second: str | None, as_json: bool, quiet: bool) -> None:
    """Compare the stars of two warehouses; the engines may differ. Exit 5 if they differ.

    Where one is named, it is compared with that of --warehouse.
    """
    configs = (config, config.at(first)) if second is None else (config.at(first), config.at(second))
    with show_step("comparing", as_json or quiet):
        compared = sparkify.compare(*configs)
    differing = [table.table for table in compared if not table.equal]
    if as_json:
        echo_json({"status": "different" if differing else "equal", "tables": [asdict(table) for table in compared]})
    elif not quiet:
        print_comparison(compared)
    if differing:
        raise CheckError(f"the two stars differ in {', '.join(differing)}")
