"""sparkify rebuild."""

from dataclasses import asdict

import sparkify
from sparkify.cli.options import command, common, dry_run, echo_json
from sparkify.console import print_rebuild, show_step
from sparkify.settings import Config


@command("sparkify rebuild --dry-run", changes=True)
@dry_run
@common()
def rebuild(config: Config, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Recompute the star from staging, all or nothing."""
    silent = as_json or quiet
    with show_step("computing", silent) as on_step:
        result = sparkify.rebuild(config, dry_run=dry_run, on_step=on_step)
    if as_json:
        echo_json(asdict(result))
    elif not quiet:
        print_rebuild(result)
