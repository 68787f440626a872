"""sparkify query."""

import io
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

import sparkify
from sparkify.cli.options import command, common, cutting
from sparkify.cli.streams import is_lost, while_read
from sparkify.console import print_table, say
from sparkify.errors import UsageError
from sparkify.formats import FORMATS, Counted, count_of, write_object, write_rows
from sparkify.questions.answers import open_sql
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
        with open_sql(config, sql) as (columns, rows):
            number = _show(columns, rows, form, as_json)
    elif name is not None:
        columns, answer = sparkify.query(config, name, cut=cut, on_note=None if quiet else say)
        number = _show(columns, answer, form, as_json)
    else:
        questions = [(q.name, q.question, ", ".join(map(str, q.parameters))) for q in list_questions()]
        number = _show(["name", "question", "parameters"], questions, form, as_json)
    if not quiet and not as_json and (name or sql) and not is_lost():
        say(count_of(number, "row"))


def _show(columns: Sequence[str], rows: Iterable[Sequence[Any]], form: str | None, as_json: bool) -> int:
    """Show rows as they come; returns their number."""
    counted = Counted(while_read(rows))
    if as_json:
        write_object(sys.stdout, {"columns": columns}, "rows", counted)
    elif form in (None, "table"):
        print_table(columns, counted)
    else:
        _write_rows(str(form), columns, counted)
    return counted.count


def _write_rows(form: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write an answer to stdout, always in UTF-8."""
    stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    try:
        write_rows(stream, form, columns, rows)
    finally:
        # Closing it would close stdout.
        stream.detach()
