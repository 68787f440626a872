"""sparkify load."""

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TextIO

import click

import sparkify
from sparkify.addresses import mask
from sparkify.cli.completion import complete_path
from sparkify.cli.options import command, common, dry_run, echo_json, open_log, verify
from sparkify.cli.plan import show_plan
from sparkify.console import print_load, show_load, show_step
from sparkify.errors import SourceError, SparkifyError, UsageError
from sparkify.formats import to_json
from sparkify.loads.progress import EVENTS, OnEvent, utc_now
from sparkify.outputs import Kind
from sparkify.settings import Config

_EVENT_LOG = Kind(
    "a log of loads",
    re.compile(rf'{{"event": "({"|".join(EVENTS)})", "at": "\d{{4}}-\d\d-\d\dT'.encode()),
)


@command("sparkify load --log-data data/log_data --song-data data/song_data", changes=True)
@click.option("--max-rejects", metavar="N|N%", help="Fail, and load nothing, if more records are rejected.")
@click.option("--reread", is_flag=True, help="Also replace files that were read by other rules than the current ones.")
@verify
@click.option(
    "--log-json",
    metavar="FILE",
    shell_complete=complete_path,
    help="Append an event a line to a file: each step with its load.",
)
@click.option(
    "--staged",
    metavar="PLAN",
    shell_complete=complete_path,
    help="Load the parts of a saved plan that several machines have staged: see sparkify stage.",
)
@dry_run
@common("format", "sources", "access", "stage")
def load(
    config: Config,
    max_rejects: str | None,
    log_json: str | None,
    reread: bool,
    verify: bool,
    staged: str | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Load what is new or changed at the sources, exactly once."""
    if staged is not None and (reread or verify or dry_run):
        raise UsageError("--staged takes no --reread, --verify or --dry-run: the plan says what is loaded")
    if dry_run:
        with show_step("planning", as_json or quiet):
            planned = sparkify.plan(config, reread=reread, verify=verify)
        show_plan(planned, as_json, quiet, with_files=True)
        return
    with open_log(log_json, config, _EVENT_LOG) as stream, show_load(as_json or quiet) as on_progress:
        on_event = _event_writer(stream) if stream else None
        with _unexpected_logged(on_event):
            result = sparkify.load(
                config,
                max_rejects=max_rejects,
                reread=reread,
                verify=verify,
                staged=staged,
                on_progress=on_progress,
                on_event=on_event,
            )
    if as_json:
        echo_json(asdict(result))
    elif not quiet:
        print_load(result)
    if result.errors:
        shown = result.errors[:5] + ([f"and {len(result.errors) - 5:,} more"] if len(result.errors) > 5 else [])
        raise SourceError(
            "; ".join(shown) + ": nothing of it was loaded, it stays pending; load again once it can be read"
        )


def _event_writer(stream: TextIO) -> OnEvent:
    """A receiver of events that writes each as a line of JSON, at once."""

    def write(event: dict[str, Any]) -> None:
        stream.write(to_json(event) + "\n")
        stream.flush()

    return write


@contextmanager
def _unexpected_logged(on_event: OnEvent | None) -> Iterator[None]:
    """Log where an error happened that no part of the program has turned into its own: the user gets a sentence."""
    try:
        yield
    except (SparkifyError, KeyboardInterrupt):
        raise
    except BaseException:
        if on_event is not None:
            on_event({"event": "fault", "at": f"{utc_now().isoformat()}Z", "traceback": mask(traceback.format_exc())})
        raise
