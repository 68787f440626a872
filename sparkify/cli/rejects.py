"""sparkify rejects."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import click

import sparkify
from sparkify.cli.options import command, common, echo_json
from sparkify.console import print_table, say
from sparkify.datasets import Dataset
from sparkify.errors import UsageError
from sparkify.formats import count_of
from sparkify.settings import Config


@command()
@click.option("--reason", metavar="CODE", help="Only this reason, with or without its field: missing or missing:ts.")
@click.option("--load", "load_id", type=int, help="Only this load.")
@click.option("--file", "url", metavar="URL", help="Only this file.")
@click.option("--dataset", type=click.Choice(get_args(Dataset)), help="Only this dataset.")
@click.option("--export", metavar="FILE", help="Write the raw text to a file, one record a line, to fix and load.")
@common()
def rejects(
    config: Config,
    reason: str | None,
    load_id: int | None,
    url: str | None,
    dataset: Dataset | None,
    export: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """List rejected records with their raw text."""
    found = sparkify.list_rejects(config, reason=reason, load_id=load_id, url=url, dataset=dataset)
    if export is not None:
        _export(found, export)
    if as_json:
        echo_json({"rejects": found})
        return
    columns = ["load_id", "url", "line", "reason", "raw"]
    if found and export is None:
        print_table(columns, [[reject[name] for name in columns] for reject in found])
    if not quiet:
        say(f"{count_of(len(found), 'rejected record')}{f' in {export}' if export else ''}")


def _export(rejects: Sequence[dict[str, Any]], file: str) -> None:
    if len({reject["dataset"] for reject in rejects}) > 1:
        raise UsageError("there are rejects of both datasets, and a file holds only one; add --dataset events or songs")
    try:
        with Path(file).open("x", encoding="utf-8", newline="") as stream:
            stream.writelines(f"{reject['raw']}\n" for reject in rejects)
    except FileExistsError:
        raise UsageError(f"{file} exists already; choose another file for the export") from None
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}; choose another file") from None
