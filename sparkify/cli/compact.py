"""sparkify compact."""

from dataclasses import asdict

import sparkify
from sparkify.cli.options import command, common, dry_run, echo_json
from sparkify.console import print_compact, show_step
from sparkify.settings import Config


@command("sparkify compact --storage-version v1.2.0", changes=True)
@dry_run
@common("format")
def compact(config: Config, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Write the DuckDB file again, without free space.

    Its content does not change, and it gets the format that --storage-version names. Redshift frees space by itself:
    there is nothing to do.
    """
    with show_step("compacting", as_json or quiet):
        result = sparkify.compact(config, dry_run=dry_run)
    if as_json:
        echo_json(asdict(result))
    elif not quiet:
        print_compact(result)
