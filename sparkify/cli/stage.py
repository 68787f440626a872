"""sparkify stage."""

from dataclasses import asdict

import click

import sparkify
from sparkify.cli.completion import complete_path
from sparkify.cli.options import command, common, echo_json
from sparkify.console import show_load
from sparkify.errors import SourceError
from sparkify.formats import count_of, format_bytes
from sparkify.settings import Config


@command("sparkify stage --plan plan.json --part 2/4", changes=True)
@click.option(
    "--plan", metavar="FILE", required=True, shell_complete=complete_path, help="A plan that sparkify plan -o wrote."
)
@click.option("--part", metavar="I/N", required=True, help="Which part of how many, such as 2/4.")
@common("access", opens_warehouse=False)
def stage(config: Config, plan: str, part: str, as_json: bool, quiet: bool) -> None:
    """Judge one part of a saved plan, on any machine, and put it into the stage of Redshift.

    Any scheduler that runs N commands is enough. sparkify load --staged FILE then loads all parts in one load. A part
    that failed is staged again.
    """
    with show_load(as_json or quiet) as on_progress:
        staged = sparkify.stage(config, plan, part, on_progress=on_progress)
    if as_json:
        echo_json(asdict(staged))
    elif not quiet:
        read = f"{count_of(staged.files, 'file')}, {count_of(staged.records['read'], 'record')} read"
        sent = f"{format_bytes(staged.bytes)} sent, in {staged.seconds:.2f} s"
        print(f"staged part {staged.part}: {read}, {sent}")
    if staged.errors:
        shown = staged.errors[:5] + ([f"and {len(staged.errors) - 5:,} more"] if len(staged.errors) > 5 else [])
        raise SourceError(
            "; ".join(shown) + ": the other files of the part are staged. Stage it again once it can be read, or load "
            "without it: then it stays pending"
        )
