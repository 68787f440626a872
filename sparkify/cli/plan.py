"""sparkify plan."""

from collections import Counter
from dataclasses import asdict
from typing import Any

import click

import sparkify
from sparkify.cli.completion import complete_path
from sparkify.cli.options import command, common, echo_json, verify
from sparkify.console import print_table, say, show_step
from sparkify.datasets import DATASETS
from sparkify.formats import format_bytes
from sparkify.loads.plan import STATES, Plan
from sparkify.settings import Config


@command("sparkify plan --files --log-data data/log_data --song-data data/song_data")
@click.option("--files", is_flag=True, help="Also show each file that is not unchanged, and why.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=complete_path,
    help="Write the plan into a file, for several machines that load into Redshift together: see sparkify stage.",
)
@click.option("--reread", is_flag=True, help="Also replace files that were read by other rules than the current ones.")
@verify
@common("sources", "access", "stage")
def plan(
    config: Config, files: bool, output: str | None, reread: bool, verify: bool, as_json: bool, quiet: bool
) -> None:
    """Show what a load would do. Changes no warehouse."""
    with show_step("planning", as_json or quiet):
        if output is None:
            planned = sparkify.plan(config, reread=reread, verify=verify)
        else:
            planned = sparkify.save_plan(config, output, reread=reread, verify=verify)
    show_plan(planned, as_json, quiet, with_files=files)


def show_plan(planned: Plan, as_json: bool, quiet: bool, *, with_files: bool = False) -> None:
    """Print a plan, as tables or as JSON."""
    counts = planned.count_states()
    if as_json:
        files = [
            {"dataset": f.dataset, "url": f.url, "size": f.size, "state": f.state, "reason": f.reason} for f in planned
        ]
        told = {"files": counts, "left_out": asdict(planned.left_out), "warnings": planned.warnings}
        echo_json(told | {"plan": files})
        return
    if planned:
        print_table(["dataset", "state", "files", "bytes"], _sum_up(planned), separated=True)
    shown = [f for f in planned if f.state != "unchanged"] if with_files else []
    if shown:
        print()
        print_table(
            ["state", "dataset", "size", "url", "reason"],
            [[f.state, f.dataset, f.size, f.url, f.reason] for f in shown],
            separated=True,
            quiet=quiet,
        )
    if not quiet:
        size = sum(f.size for f in planned.pending)
        say(", ".join(f"{n:,} {state}" for state, n in counts.items()) + f"; {format_bytes(size)} to load")
        for warning in planned.warnings:
            say(f"warning: {warning}")


def _sum_up(planned: Plan) -> list[list[Any]]:
    """Files and bytes by dataset and state."""
    files: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    for file in planned:
        files[file.dataset, file.state] += 1
        sizes[file.dataset, file.state] += file.size
    keys = [(dataset, state) for dataset in DATASETS for state in STATES if files[dataset, state]]
    return [[dataset, state, files[dataset, state], sizes[dataset, state]] for dataset, state in keys]
