"""sparkify replay."""

from dataclasses import asdict

import sparkify
from sparkify.cli.options import command, common, dry_run, echo_json
from sparkify.console import print_replay, show_step
from sparkify.settings import Config


@command("sparkify replay --dry-run", changes=True)
@dry_run
@common("stage")
def replay(config: Config, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Check rejected records against the current rules again. Those that pass are loaded."""
    with show_step("judging rejects again", as_json or quiet):
        result = sparkify.replay(config, dry_run=dry_run)
    if as_json:
        echo_json(asdict(result))
    elif not quiet:
        print_replay(result)
