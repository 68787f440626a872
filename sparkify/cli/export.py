"""sparkify export."""

from dataclasses import asdict
from typing import get_args

import click

import sparkify
from sparkify.cli.completion import complete_path, complete_table
from sparkify.cli.options import command, common, echo_json, period
from sparkify.console import print_export, say, show_export
from sparkify.exports.export import ExportOptions
from sparkify.questions.cut import Cut
from sparkify.settings import Config
from sparkify.warehouses.files import FileFormat

_TABLES = "Only these tables and views, separated by commas.  [default: all]"
_PEOPLE = "Also columns that may name a person: names, rejected text, keys that are not columns."


@command("sparkify export lake --tables songplays,users --from 2018-11-01 --to 2018-11-30", changes=True)
@click.argument("directory", metavar="DIR", shell_complete=complete_path)
@click.option("--format", "form", type=click.Choice(get_args(FileFormat), case_sensitive=False),
              default="parquet", show_default=True,
              help="Parquet, with types and the meaning of columns, or CSV.")  # fmt: skip
@click.option("--tables", multiple=True, metavar="NAME,…", shell_complete=complete_table, help=_TABLES)
@period("UTC day")
@click.option("--with-people", is_flag=True, help=_PEOPLE)
@common("stage")
def export(
    config: Config,
    directory: str,
    tables: tuple[str, ...],
    form: FileFormat,
    cut: Cut,
    with_people: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write tables and views into files of DIR.

    There is one file a table, such as users.parquet, and one a month of songplays. DIR/manifest.json has the rows, the
    columns and the SHA-256 of each file. A second export into DIR replaces the files of the first; other files are
    never overwritten. --from and --to choose plays, events, sessions and days; tables without a day, such as users, are
    whole. Columns that may name a person are left out.
    """
    names = tuple(name.strip() for given in tables for name in given.split(","))
    options = ExportOptions(form, names, cut, with_people)
    with show_export(as_json or quiet) as on_progress:
        result = sparkify.export(config, directory, options, on_progress=on_progress)
    if as_json:
        echo_json(asdict(result))
    elif not quiet:
        print_export(result)
        if result.left_out:
            say("left out, as they may name people: " + ", ".join(
                f"{table}.{name}" for table, columns in result.left_out.items() for name in columns
            ) + "; --with-people exports them")  # fmt: skip
