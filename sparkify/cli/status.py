"""sparkify status."""

from dataclasses import asdict

import sparkify
from sparkify.cli.options import command, common, echo_json
from sparkify.console import print_status, show_step
from sparkify.settings import Config


@command("sparkify status --log-data data/log_data --song-data data/song_data")
@common("sources", "access")
def status(config: Config, as_json: bool, quiet: bool) -> None:
    """Show loads, files, rows, match rate and pending files."""
    with show_step("looking", as_json or quiet):
        found = sparkify.status(config)
    if as_json:
        echo_json(asdict(found))
    else:
        print_status(found)
