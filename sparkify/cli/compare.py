"""sparkify compare."""

from dataclasses import asdict

import click

import sparkify
from sparkify.cli.options import command, common, echo_json
from sparkify.console import print_comparison
from sparkify.errors import CheckError
from sparkify.settings import Config


@command()
@click.argument("first", metavar="WAREHOUSE")
@click.argument("second", metavar="WAREHOUSE")
@common()
def compare(config: Config, first: str, second: str, as_json: bool, quiet: bool) -> None:
    """Compare the stars of two warehouses; the engines may differ. Exit 5 if they differ."""
    compared = sparkify.compare(config.at(first), config.at(second))
    differing = [table.table for table in compared if not table.equal]
    if as_json:
        echo_json({"status": "different" if differing else "equal", "tables": [asdict(table) for table in compared]})
    elif not quiet:
        print_comparison(compared)
    if differing:
        raise CheckError(f"the two stars differ in {', '.join(differing)}")
