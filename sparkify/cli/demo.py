"""sparkify demo."""

import os
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

import click

import sparkify
from sparkify.cli.completion import complete_path
from sparkify.cli.options import command, echo_json, output, show_notes, start
from sparkify.cli.report import PAGE
from sparkify.console import (
    print_checks,
    print_load,
    print_table,
    say,
    show_checks,
    show_load,
    show_report,
    show_simulation,
)
from sparkify.errors import UsageError
from sparkify.outputs import open_output, read_folder
from sparkify.report import require_packages
from sparkify.settings import Config

_WAREHOUSE, _REPORT = "sparkify.duckdb", "report.html"


@command("sparkify demo", changes=True)
@click.argument("directory", metavar="[DIR]", default="sparkify-demo", shell_complete=complete_path)
@click.option("--seed", default=0, show_default=True, help="Seed of the simulated data.")
@output
def demo(directory: str, seed: int, as_json: bool, quiet: bool) -> None:
    """Try it on made-up data in DIR: load, check, ask, report."""
    start()
    click.get_current_context().with_resource(show_notes(quiet))
    folder = read_folder(directory)
    for file in (folder / _WAREHOUSE, folder / _REPORT):
        if os.path.lexists(file):
            raise UsageError(f"{file} exists already; give the demo a folder of its own")
    silent = as_json or quiet
    with show_simulation(silent) as on_records:
        data = sparkify.simulate(folder, sparkify.SimulateOptions(dirty=0.002, seed=seed), on_progress=on_records)
    # Not from load_config: the user's dwh.cfg and variables must not affect the demo.
    warehouse = folder / _WAREHOUSE
    config = Config(warehouse=str(warehouse), log_data=str(data.log_data), song_data=str(data.song_data))
    with show_load(silent) as on_progress:
        result = sparkify.load(config, on_progress=on_progress)
    with show_checks(silent) as on_statement:
        checked = sparkify.check(config, on_statement=on_statement)
    columns, rows = sparkify.query(config, "top_artists")
    page = _report(config, folder, quiet=quiet, silent=silent)
    if as_json:
        checks = [asdict(one) for one in checked]
        echo_json({"warehouse": str(warehouse), "load": asdict(result), "checks": checks, "report": page})
        return
    if quiet:
        return
    print(f"simulated {data.events:,} events and {data.songs:,} songs in {folder}\n")
    print_load(result)
    print()
    print_checks(checked)
    print()
    print_table(columns, rows[:5], separated=True)
    # As it was called, so that the commands work in the same shell even if sparkify is not on the PATH.
    called = sys.argv[0] if Path(sys.argv[0]).name == "sparkify" else "sparkify"
    program, address = shlex.quote(called), shlex.quote(str(warehouse))
    print(
        f"\nThe report is {page}: open it in a browser."
        if page
        else "\nNo report: it needs pip install jinja2 vl-convert-python."
    )
    print(f"The warehouse is {warehouse}. Three things to try next:")
    print(f"  {program} query --warehouse {address}")
    print(f"  {program} rejects --warehouse {address} --reason bad_type")
    print(f"  {program} query --warehouse {address} --sql 'SELECT level, count(*) FROM songplays GROUP BY level'")


def _report(config: Config, folder: Path, *, quiet: bool, silent: bool) -> str | None:
    """Write the report; None if its packages are not installed: the demo works without them."""
    try:
        require_packages()
    except UsageError:
        return None
    file = folder / _REPORT
    with show_report(silent) as on_step:
        page = sparkify.render_report(config, on_note=None if quiet else say, on_step=on_step).encode()
    with open_output(file, config, PAGE) as stream:
        stream.write(page)
    return str(file)
