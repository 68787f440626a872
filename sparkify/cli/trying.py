"""The commands for a first try, on data made up: simulate, demo."""

import datetime as dt
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkify.cli.changing import load_with_progress
from sparkify.cli.options import command, echo_json, output
from sparkify.cli.reading import write_page
from sparkify.errors import UsageError
from sparkify.formats import count_of

if TYPE_CHECKING:
    from sparkify.settings import Config


@command()
@click.argument("directory", metavar="DIR")
@click.option("--events", default=50_000, show_default=True, help="Log records.")
@click.option("--users", default=200, show_default=True, help="Users.")
@click.option("--days", default=30, show_default=True, help="Days of log, a file each.")
@click.option("--songs", default=1_000, show_default=True, help="Song records, a file each.")
@click.option("--start", default="2018-11-01", show_default=True, help="First day.")
@click.option("--match-rate", default=0.8, show_default=True, help="Share of plays whose song is in the catalogue.")
@click.option("--dirty", default=0.0, show_default=True, help="Share of records that are planted faults.")
@click.option("--seed", default=0, show_default=True, help="The same seed and options give the same bytes.")
@output
def simulate(directory: str, start: str, as_json: bool, quiet: bool, **options: Any) -> None:
    """Write synthetic log and song data into DIR, deterministic by --seed.

    DIR/truth.json tells how many records are good, and how many of each fault were planted.
    """
    from sparkify import console
    from sparkify.simulator import SimulateOptions
    from sparkify.simulator import simulate as write

    try:
        first_day = dt.date.fromisoformat(start)
    except ValueError:
        raise UsageError(f"{start!r} is no day; write it as 2018-11-01") from None
    result = write(directory, SimulateOptions(start=first_day, **options))
    if as_json:
        echo_json(asdict(result))
    elif not quiet:
        events, event_files = count_of(result.events, "event"), count_of(result.event_files, "file")
        songs, song_files = count_of(result.songs, "song"), count_of(result.song_files, "file")
        console.say(f"log data:  {events} in {event_files}, {result.log_data}")
        console.say(f"song data: {songs} in {song_files}, {result.song_data}")
        console.say(f"truth:     {count_of(sum(result.faults.values()), 'planted fault')}, {result.truth}")


@command()
@click.argument("directory", metavar="[DIR]", default="sparkify-demo")
@click.option("--seed", default=0, show_default=True, help="Seed of the simulated data.")
@output
def demo(directory: str, seed: int, as_json: bool, quiet: bool) -> None:
    """The first five minutes: simulate, load, check, ask and report, all in DIR."""
    import sparkify
    from sparkify import console
    from sparkify.settings import Config
    from sparkify.simulator import SimulateOptions
    from sparkify.simulator import simulate as write

    folder = Path(directory)
    data = write(folder, SimulateOptions(dirty=0.002, seed=seed))
    # A dwh.cfg or variable of the user's leaves the demo alone.
    warehouse = folder / "sparkify.duckdb"
    config = Config(warehouse=str(warehouse), log_data=str(data.log_data), song_data=str(data.song_data))
    result = load_with_progress(config, as_json or quiet)
    checked = sparkify.check(config)
    columns, rows = sparkify.query(config, "top_artists")
    page = _report(config, folder, quiet)
    if as_json:
        checks = [asdict(one) for one in checked]
        echo_json({"warehouse": str(warehouse), "load": asdict(result), "checks": checks, "report": page})
        return
    if quiet:
        return
    print(f"simulated {data.events:,} events and {data.songs:,} songs in {folder}\n")
    console.print_load(result)
    print()
    console.print_checks(checked)
    print()
    console.print_table(columns, rows[:5])
    # As it was called, so that the commands work in the same shell, on the PATH or not.
    called = sys.argv[0] if Path(sys.argv[0]).name == "sparkify" else "sparkify"
    program, address = shlex.quote(called), shlex.quote(str(warehouse))
    print(f"\nThe report is {page}: open it in a browser." if page else "\nNo report: install sparkify[report] for it.")
    print(f"The warehouse is {warehouse}. Three things to try next:")
    print(f"  {program} query --warehouse {address}")
    print(f"  {program} rejects --warehouse {address} --reason bad_type")
    print(f"  {program} query --warehouse {address} --sql 'SELECT level, count(*) FROM songplays GROUP BY level'")


def _report(config: "Config", folder: Path, quiet: bool) -> str | None:
    """Write the report; None where what draws is not installed, for the demo needs nothing but the package."""
    from sparkify import console
    from sparkify.report import render_report, require_packages

    try:
        require_packages()
    except UsageError:
        return None
    file = str(folder / "report.html")
    write_page(render_report(config, on_note=None if quiet else console.say).encode(), file)
    return file
