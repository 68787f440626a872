"""sparkify rejects."""

import sys
from collections.abc import Iterable
from typing import Any, get_args

import click

from sparkify.cli.completion import complete_load, complete_path, complete_reason
from sparkify.cli.options import command, common
from sparkify.cli.streams import while_read
from sparkify.console import print_table, say
from sparkify.datasets import Dataset
from sparkify.errors import UsageError
from sparkify.formats import count_of, write_object
from sparkify.inspection.rejects import count_rejects, open_rejects
from sparkify.outputs import check_output, open_output
from sparkify.settings import Config

# So few records are shown where a filter names them.
_FEW = 20
_SHOWN_CHARACTERS = 300


@command(
    "sparkify rejects",
    "sparkify rejects --reason missing:song --list",
    "sparkify rejects --dataset events --export fixed.json",
)
@click.option(
    "--reason",
    metavar="CODE",
    shell_complete=complete_reason,
    help="Only this reason, with or without its field: missing or missing:ts.",
)
@click.option(
    "--load",
    "load_id",
    type=click.IntRange(1, 2**31 - 1),
    metavar="N",
    shell_complete=complete_load,
    help="Only this load.",
)
@click.option("--file", "url", metavar="URL", help="Only this file.")
@click.option("--dataset", type=click.Choice(get_args(Dataset), case_sensitive=False), help="Only this dataset.")
@click.option("--list", "with_records", is_flag=True, help="Show the records, also where there are many.")
@click.option(
    "--export",
    metavar="FILE",
    shell_complete=complete_path,
    help="Write the raw text to a file, one record a line, to fix and load.",
)
@common()
def rejects(
    config: Config,
    with_records: bool,
    export: str | None,
    as_json: bool,
    quiet: bool,
    **chosen: Any,
) -> None:
    """Show rejects by reason, or the records themselves.

    The records are shown with --list, and where a filter names few.
    """
    if export is not None:
        check_output(export, config)
    counts = count_rejects(config, **chosen)
    total = sum(one["records"] for one in counts)
    few = total <= _FEW and any(value is not None for value in chosen.values())
    if export is not None:
        if len({one["dataset"] for one in counts}) > 1:
            raise UsageError(
                "there are rejects of both datasets, and a file holds only one; add --dataset events or songs"
            )
        with open_rejects(config, **chosen) as found, open_output(export, config) as stream:
            stream.writelines(f"{reject['raw']}\n".encode() for reject in found)
    if as_json:
        with open_rejects(config, **chosen) as found:
            write_object(sys.stdout, {"reasons": counts}, "rejects", while_read(found))
        return
    if counts and export is None:
        print_table(list(counts[0]), [list(one.values()) for one in counts], separated=True)
        if with_records or few:
            print()
            with open_rejects(config, **chosen) as found:
                _print_records(while_read(found), quiet)
    if not quiet:
        _say_total(total, sum(one["replayable"] for one in counts), export)


def _print_records(found: Iterable[dict[str, Any]], quiet: bool) -> None:
    columns = ["load_id", "url", "line", "reason", "raw"]
    shown = (reject | {"raw": _shorten(reject["raw"])} for reject in found)
    print_table(columns, ([reject[name] for name in columns] for reject in shown), quiet=quiet)


def _shorten(raw: str) -> str:
    return raw if len(raw) <= _SHOWN_CHARACTERS else f"{raw[:_SHOWN_CHARACTERS]}…"


def _say_total(total: int, replayable: int, export: str | None) -> None:
    say(f"{count_of(total, 'rejected record')}{f' in {export}' if export else ''}")
    if left := total - replayable:
        say(
            f"{left:,} of them cannot be replayed, because not all bytes are kept: the text is not UTF-8, holds a "
            "zero byte, or is longer than 65,535 bytes. Fix the file"
        )
