"""sparkify migrate."""

from dataclasses import asdict

import sparkify
from sparkify.cli.options import command, common, echo_json
from sparkify.console import show_step
from sparkify.settings import Config


@command("sparkify migrate", changes=True)
@common("stage")
def migrate(config: Config, as_json: bool, quiet: bool) -> None:
    """Bring an older warehouse up to date, all or nothing. A load does it too.

    On Redshift the tables first get the keys and encodings of new ones, each in a statement of its own. Where Redshift
    refuses one, a sentence says so, and the table stays as it is.
    """
    with show_step("migrating", as_json or quiet):
        result = sparkify.migrate(config)
    if as_json:
        echo_json(asdict(result))
    elif not quiet and not result.steps:
        print("nothing to do: the warehouse is up to date")
