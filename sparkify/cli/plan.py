"""sparkify plan."""

from collections.abc import Sequence
from typing import get_args

import sparkify
from sparkify.cli.options import command, common, echo_json, verify
from sparkify.console import print_table, say
from sparkify.formats import format_bytes
from sparkify.loads.plan import PlannedFile, State
from sparkify.settings import Config


@command()
@verify
@common("sources")
def plan(config: Config, verify: bool, as_json: bool, quiet: bool) -> None:
    """Show what a load would do, file by file. Writes nothing."""
    show_plan(sparkify.plan(config, verify=verify), as_json, quiet)


def show_plan(planned: Sequence[PlannedFile], as_json: bool, quiet: bool) -> None:
    """Print a plan, as a table or as JSON."""
    counts = {state: sum(f.state == state for f in planned) for state in get_args(State)}
    if as_json:
        files = [
            {"dataset": f.dataset, "url": f.url, "size": f.size, "state": f.state, "reason": f.reason} for f in planned
        ]
        echo_json({"files": counts, "plan": files})
        return
    shown = [f for f in planned if f.state != "unchanged"]
    if shown:
        print_table(
            ["state", "dataset", "size", "url", "reason"],
            [[f.state, f.dataset, f.size, f.url, f.reason] for f in shown],
        )
    if not quiet:
        size = sum(f.size for f in planned if f.is_pending)
        say(", ".join(f"{n:,} {state}" for state, n in counts.items()) + f"; {format_bytes(size)} to load")
