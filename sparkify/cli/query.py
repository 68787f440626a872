"""sparkify query."""

import io
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import click

import sparkify
from sparkify.cli.completion import complete_path, complete_question
from sparkify.cli.options import Command, command, common, cutting, echo_json
from sparkify.cli.streams import is_lost, while_read
from sparkify.cli.triangle import NOTE, as_triangle
from sparkify.console import print_table, say, show_step
from sparkify.errors import UsageError
from sparkify.formats import FORMATS, Counted, count_of, printable, write_object, write_rows
from sparkify.outputs import check_output, open_output
from sparkify.questions.answers import open_sql
from sparkify.questions.catalogue import Question, get_question, list_questions
from sparkify.questions.columns import explain_columns
from sparkify.questions.cut import Cut
from sparkify.questions.files import compose_sql, leave_out_totals, write_answer, write_sql
from sparkify.questions.parameters import fill_parameters
from sparkify.settings import Config
from sparkify.statement_log import end_statement
from sparkify.timezones import UTC
from sparkify.warehouses import Target, engine_of

_FORMATS = (*FORMATS, "parquet")
# Read by programs: totals among the rows would be counted twice.
_OF_ROWS = ("csv", "json", "ndjson", "parquet")
_BY_ENDING = {".md": "markdown", ".jsonl": "ndjson"} | {f".{form}": form for form in _FORMATS if form != "table"}
_ASKED = "sparkify.question"
_COLUMNS_OF_PLAN = ["explain_key", "explain_value"]


class _Query(Command):
    """With the name of a question, help is about this question."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # --help ends the command before the name is read.
        name = self.make_parser(ctx).parse_args(list(args))[0].get("name")
        ctx.meta[_ASKED] = name if isinstance(name, str) else None
        return super().parse_args(ctx, args)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if (name := ctx.meta.get(_ASKED)) is None:
            super().format_help_text(ctx, formatter)
            return
        question = _find_question(name)
        formatter.write_paragraph()
        formatter.write_text(question.question)
        formatter.write_paragraph()
        formatter.write_text(question.definition)
        takes = ", ".join(f"--{parameter}" for parameter in question.parameters)
        formatter.write_paragraph()
        formatter.write_text(f"Takes {takes}." if takes else "Takes no options of a cut.")
        formatter.write_paragraph()
        formatter.write_text("UTC stands for the clock that --timezone or the setting TIMEZONE names.")
        with formatter.section("Columns"):
            formatter.write_dl(list(explain_columns(name).items()))


@dataclass(frozen=True)
class _Asked:
    """What is asked: a prepared question, or SQL; neither is a request for the list of questions."""

    question: Question | None
    sql: str | None
    cut: Cut


@command(
    "sparkify query top_songs --from 2018-11-05 --to 2018-11-11 --top 5",
    "sparkify query --sql 'SELECT level, count(*) AS plays FROM songplays GROUP BY level'",
    "sparkify query churn --help",
    cls=_Query,
)
@click.argument("name", required=False, shell_complete=complete_question)
@click.option("--sql", metavar="TEXT", help="SQL to run instead of a prepared question.")
@click.option("--file", "sql_file", metavar="FILE", shell_complete=complete_path,
              help="File with the SQL to run; - reads stdin.")  # fmt: skip
@click.option(
    "--param", "parameters", multiple=True, metavar="NAME=VALUE", help="Text in the place of $NAME in the SQL."
)
@cutting
@click.option("-o", "--output", metavar="FILE", shell_complete=complete_path,
              help="Write the answer to a new file, of the format of its ending.")  # fmt: skip
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS, case_sensitive=False),
    help="Format of the answer.  [default: table]",
)
@click.option("--print-sql", is_flag=True, help="Print the SQL that would be sent, and do not run it.")
@common("timezone")
def query(config: Config, as_json: bool, quiet: bool, **given: Any) -> None:
    """Answer a prepared question, or run any SELECT, read-only. Without either, list the questions.

    NAME --help explains a question and its columns. --from, --to and --level choose the events that are counted. Days
    are both inclusive, and UTC unless --timezone names another clock; the times in the tables stay UTC.

    The SQL is one SELECT or PIVOT, or EXPLAIN of one. $NAME in it is replaced by the text that --param NAME=VALUE
    gives; where a number is needed, write cast($NAME AS INTEGER).

    --format csv is RFC 4180 in UTF-8: a header, CRLF line ends, ISO dates, an empty field for NULL. Text is kept as
    it is: a spreadsheet may run a cell that begins with = as a formula. --format json is a list of objects, ndjson one
    object a line; parquet needs -o. These four leave out the rows of a question that are totals of others. --json
    prints one object with columns, the time zone and rows; it cannot be combined with --format.
    """
    asked = _read_asked(config, given)
    form = _choose_format(asked, given, as_json=as_json)
    if given["print_sql"]:
        _print_sql(config, asked)
        return
    with _explained(asked):
        _tell(config, asked, given, form, as_json=as_json, quiet=quiet)


def _tell(config: Config, asked: _Asked, given: dict[str, Any], form: str, *, as_json: bool, quiet: bool) -> None:
    if given["output"] is not None:
        number = _write_file(config, asked, Path(given["output"]), form, quiet=as_json or quiet)
        if as_json:
            echo_json({"file": given["output"], "format": form, "rows": number} | _clock(config, asked))
        elif not quiet:
            say(f"{given['output']}: {count_of(number, 'row')}")
    else:
        count = _show(config, asked, None if as_json else form, quiet=quiet)
        if count is not None and not (quiet or as_json or is_lost()):
            say(count_of(count, "row"))
    if asked.question is not None and config.timezone != UTC and not (quiet or as_json or is_lost()):
        say(f"days, weeks, months and hours are those of {config.timezone}")


def _clock(config: Config, asked: _Asked) -> dict[str, str]:
    """Whose days, weeks and hours an answer has."""
    return {} if asked.question is None else {"timezone": config.timezone}


@contextmanager
def _explained(asked: _Asked) -> Iterator[None]:
    """Add to an error in the user's SQL what to write, where it is a common mistake."""
    try:
        yield
    except UsageError as error:
        if asked.sql is not None:
            from sparkify.cli.mistakes import explain_sql_error

            if (words := explain_sql_error(asked.sql, str(error))) is not None:
                error.add_note(words)
        raise


def _read_asked(config: Config, given: dict[str, Any]) -> _Asked:
    ways = {"a question": given["name"], "--sql": given["sql"], "--file": given["sql_file"]}
    if len(chosen := [way for way, value in ways.items() if value is not None]) > 1:
        raise UsageError(f"{' and '.join(chosen)} cannot be combined; give one of them")
    cut: Cut = given["cut"]
    untaken = [*cut.values, *(["timezone"] if click.get_current_context().params["timezone"] is not None else [])]
    if untaken and given["name"] is None:
        raise UsageError(
            f"{', '.join(f'--{one}' for one in untaken)}: only a prepared question takes it; give its name"
        )
    sql = _check_sql(given["sql"]) if given["sql_file"] is None else _read_file(given["sql_file"])
    parameters = _read_parameters(given["parameters"])
    if sql is not None:
        sql = fill_parameters(sql, parameters, engine_of(config.warehouse_address))
    elif parameters:
        raise UsageError("--param: only SQL takes it; give --sql or --file")
    return _Asked(None if given["name"] is None else _find_question(given["name"]), sql, cut)


def _check_sql(sql: str | None) -> str | None:
    """The SQL that is given; what is one word may be something else."""
    if sql is not None and len(sql.split()) == 1:
        from sparkify.cli.mistakes import explain_sql

        if (words := explain_sql(sql.strip())) is not None:
            raise UsageError(words)
    return sql


def _find_question(name: str) -> Question:
    try:
        return get_question(name)
    except UsageError:
        from sparkify.cli.mistakes import explain_question

        if (words := explain_question(name)) is None:
            raise
        raise UsageError(words) from None


def _read_file(file: str) -> str:
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}; give a file with SQL") from None
    except ValueError:
        raise UsageError(f"{file} cannot be read: it is not UTF-8; write it in UTF-8") from None


def _read_parameters(given: Sequence[str]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or not name.isidentifier():
            raise UsageError(f"--param {text!r}: give it as NAME=VALUE")
        if name in parameters:
            raise UsageError(f"--param {name} is given twice; give it once")
        parameters[name] = value
    return parameters


def _choose_format(asked: _Asked, given: dict[str, Any], *, as_json: bool) -> str:
    form, file = given["form"], given["output"]
    if file is None:
        if as_json and form:
            raise UsageError("--json and --format cannot be combined; give one of them")
        if form == "parquet":
            raise UsageError("parquet is not for a terminal or a pipe; give a file with -o")
        return form or "table"
    if asked.question is None and asked.sql is None:
        raise UsageError("-o: there is no answer to write; give a question, --sql or --file")
    form = form or ("csv" if file == "-" else _BY_ENDING.get(Path(file).suffix.lower()))
    if form is None or form == "table":
        names = ", ".join(one for one in _FORMATS if one != "table")
        raise UsageError(f"the format of {file} is not known by its ending; give --format with one of {names}")
    return str(form)


def _print_sql(config: Config, asked: _Asked) -> None:
    sql = asked.sql if asked.question is None else compose_sql(config, asked.question.name, asked.cut)
    if sql is None:
        raise UsageError("--print-sql: there is no SQL to print; give a question, --sql or --file")
    # In UTF-8 whatever the terminal: it has to run.
    sys.stdout.buffer.write(f"{end_statement(sql.strip().rstrip(';').rstrip())}\n".encode())


def _write_file(config: Config, asked: _Asked, file: Path, form: str, *, quiet: bool) -> int:
    """Write the answer to a file; returns the number of rows."""
    check_output(file, config)
    if form != "parquet":
        with ExitStack() as stack:
            # The answer first: an error in it leaves no file.
            with show_step("asking", quiet):
                columns, rows = _answer(config, asked, form, stack, quiet=True)
                rows = _begin(rows)
            counted = Counted(rows)
            with open_output(file, config) as stream:
                _write_rows(stream, form, columns, counted)
        return counted.count
    with open_output(file, config) as stream:
        if not isinstance(stream.name, str):
            raise UsageError(f"parquet cannot be written to {file}: it is a pipe or a device; give a file")
        target = Target(stream.name, "parquet")
        with show_step("writing", quiet):
            if asked.question is not None:
                return write_answer(config, asked.question.name, target, cut=asked.cut).rows
            return write_sql(config, asked.sql or "", target).rows


def _answer(
    config: Config, asked: _Asked, form: str | None, stack: ExitStack, *, quiet: bool
) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
    """The columns and the rows of what is asked."""
    if asked.sql is not None:
        return stack.enter_context(open_sql(config, asked.sql))
    if asked.question is None:
        questions = [(q.name, q.question, ", ".join(map(str, q.parameters))) for q in list_questions()]
        return ["name", "question", "parameters"], questions
    columns, rows = sparkify.query(config, asked.question.name, cut=asked.cut, on_note=None if quiet else say)
    if form not in _OF_ROWS:
        return columns, rows
    details = list(leave_out_totals(asked.question, columns, rows))
    if not quiet and (left := len(rows) - len(details)):
        say(f"left out: {count_of(left, 'row')} with totals; a table and --json have them")
    return columns, details


def _show(config: Config, asked: _Asked, form: str | None, *, quiet: bool) -> int | None:
    """Show rows as they come, as one object without a format; returns their number, unless it is told or of no use."""
    with ExitStack() as stack:
        with show_step("asking", quiet or form is None):
            columns, rows = _answer(config, asked, form, stack, quiet=quiet)
            rows = _begin(rows)
        counted = Counted(while_read(rows))
        is_told = asked.question is None and asked.sql is None
        if form is None:
            write_object(sys.stdout, {"columns": columns} | _clock(config, asked), "rows", counted)
        elif form == "table" and columns == _COLUMNS_OF_PLAN:
            for _, text in counted:
                print("\n".join(map(printable, text.splitlines())))
        elif form == "table":
            is_told |= _print_table(asked, columns, counted, quiet=quiet)
        else:
            _write_rows(sys.stdout.buffer, form, columns, counted)
    return None if is_told else counted.count


def _begin(rows: Iterable[Sequence[Any]]) -> Iterable[Sequence[Any]]:
    """The rows, when the first has come: until then the engine may work for long."""
    coming = iter(rows)
    return itertools.chain(list(itertools.islice(coming, 1)), coming)


def _print_table(asked: _Asked, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, quiet: bool) -> bool:
    """Print an answer as a table, on a terminal that of retention as a triangle; returns whether rows were counted."""
    if asked.question is None and asked.sql is None:
        # So that a line fits a terminal of 80.
        print_table(columns, [(*row, takes.removeprefix("from, to").removeprefix(", ")) for *row, takes in rows])
        if not quiet:
            say("each takes --from and --to, too; sparkify query NAME --help explains one")
        return True
    if asked.question is None or asked.question.name != "retention" or not sys.stdout.isatty():
        return print_table(columns, rows, separated=asked.question is not None, quiet=quiet)
    print_table(*as_triangle(columns, rows), separated=True, quiet=quiet)
    if not quiet:
        say(NOTE)
    return True


def _write_rows(stream: BinaryIO, form: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write an answer, always in UTF-8."""
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    try:
        write_rows(text, form, columns, rows)
    finally:
        # Closing it would close the stream.
        text.detach()
