"""sparkify simulate."""

import datetime as dt
from dataclasses import asdict
from typing import Any

import click

import sparkify
from sparkify import interrupts
from sparkify.cli.completion import complete_path
from sparkify.cli.options import command, echo_json, output
from sparkify.console import say, show_simulation
from sparkify.errors import UsageError
from sparkify.formats import count_of
from sparkify.simulator.shapes import LAYOUTS

_DIRTY = "Share of records that are planted faults. Others are odd, but a load takes them."
_SHAPES = "A record a line; records joined without line ends; one JSON array a file; a line for each value."


@command("sparkify simulate data --events 1000000 --users 2000 --days 90", changes=True)
@click.argument("directory", metavar="DIR", shell_complete=complete_path)
@click.option("--events", default=50_000, show_default=True, help="Log records.")
@click.option("--users", default=200, show_default=True, help="Users.")
@click.option("--days", default=30, show_default=True, help="Days of log data, one file each.")
@click.option("--songs", default=1_000, show_default=True, help="Song records, one file each.")
@click.option("--start", default="2018-11-01", show_default=True, help="First day.")
@click.option("--match-rate", default=0.8, show_default=True, help="Share of plays whose song is in the catalogue.")
@click.option("--dirty", default=0.0, show_default=True, help=_DIRTY)
@click.option("--shape", type=click.Choice(list(LAYOUTS)), default="lines", show_default=True, help=_SHAPES)
@click.option("--seed", default=0, show_default=True, help="The same seed and options give the same bytes.")
@output
def simulate(directory: str, start: str, as_json: bool, quiet: bool, **options: Any) -> None:
    """Write synthetic log and song data into DIR. The same --seed gives the same data.

    DIR/truth.json says how many records are good, and how many of each fault were planted.
    """
    try:
        first_day = dt.date.fromisoformat(start)
    except ValueError:
        raise UsageError(f"{start!r} is not a day; write it as 2018-11-01") from None
    interrupts.raise_from_now()
    with show_simulation(as_json or quiet) as on_progress:
        result = sparkify.simulate(
            directory, sparkify.SimulateOptions(start=first_day, **options), on_progress=on_progress
        )
    if as_json:
        echo_json(asdict(result))
    elif not quiet:
        events, event_files = count_of(result.events, "event"), count_of(result.event_files, "file")
        songs, song_files = count_of(result.songs, "song"), count_of(result.song_files, "file")
        say(f"log data:  {events} in {event_files}, {result.log_data}")
        say(f"song data: {songs} in {song_files}, {result.song_data}")
        say(f"truth:     {count_of(sum(result.faults.values()), 'planted fault')}, {result.truth}")
