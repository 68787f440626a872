"""sparkify query."""

import io
import sys
from collections.abc import Sequence
from typing import Any

import click

import sparkify
from sparkify.cli.options import command, common, cutting, echo_json
from sparkify.console import print_table, say
from sparkify.errors import UsageError
from sparkify.formats import FORMATS, count_of, write_rows
from sparkify.questions.catalogue import list_questions
from sparkify.questions.cut import Cut
from sparkify.settings import Config


@command()
@click.argument("name", required=False)
@click.option("--sql", metavar="TEXT", help="One SELECT to run instead of a prepared question.")
@cutting
@click.option("--format", "form", type=click.Choice(FORMATS), help="A table, csv, json or ndjson.  [default: table]")
@common()
def query(
    config: Config, name: str | None, sql: str | None, cut: Cut, form: str | None, as_json: bool, quiet: bool
) -> None:
    """Answer a prepared question, or run any SELECT, read-only. Without either, list the questions.

    --from, --to and --level choose the events that are counted. Days are UTC, both inclusive.

    --format csv is RFC 4180 in UTF-8: a header, CRLF line ends, ISO dates, an empty field for NULL. Text is kept as
    it is: a spreadsheet may run a cell that begins with = as a formula. --format json is a list of objects, ndjson one
    object a line. --json prints one object with columns and rows; it cannot be combined with --format.
    """
    if name and sql is not None:
        raise UsageError("a question and --sql cannot be combined; give one of them")
    if as_json and form:
        raise UsageError("--json and --format cannot be combined; give one of them")
    if cut.values and name is None:
        raise UsageError(
            f"{', '.join(f'--{given}' for given in cut.values)}: only a prepared question takes it; give its name"
        )
    if sql is not None:
        columns, rows = sparkify.query_sql(config, sql)
    elif name is not None:
        columns, rows = sparkify.query(config, name, cut=cut, on_note=None if quiet else say)
    else:
        columns = ["name", "question", "parameters"]
        rows = [(q.name, q.question, ", ".join(map(str, q.parameters))) for q in list_questions()]
    if as_json:
        echo_json({"columns": columns, "rows": rows})
    elif form in (None, "table"):
        print_table(columns, rows)
    else:
        _write_rows(str(form), columns, rows)
    if not quiet and not as_json and (name or sql):
        say(count_of(len(rows), "row"))


def _write_rows(form: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write an answer to stdout, always in UTF-8."""
    stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    try:
        write_rows(stream, form, columns, rows)
    finally:
        # Closing it would close stdout.
        stream.detach()
