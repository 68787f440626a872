"""sparkify report."""

import re
from typing import Any

import click

import sparkify
from sparkify.cli.completion import complete_path
from sparkify.cli.options import command, common, cutting, echo_json
from sparkify.console import say, show_report
from sparkify.formats import format_bytes
from sparkify.outputs import Kind, check_output, open_output
from sparkify.questions.cut import Cut
from sparkify.settings import Config

PAGE = Kind("a report", re.compile(rb'<!doctype html>.*<meta name="generator" content="sparkify ', re.DOTALL))


@command("sparkify report --from 2018-11-05 --to 2018-11-18 --level paid -o paid.html", changes=True)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    default="sparkify-report.html",
    shell_complete=complete_path,
    show_default=True,
    help="Output file.",
)
@click.option("--questions", metavar="DIR", shell_complete=complete_path,
              help="Folder of .sql files with questions of your own, each of which gets a section.")  # fmt: skip
@click.option("--title", metavar="TEXT", help="Title of the page.  [default: Listening report]")
@click.option("--with-people", is_flag=True, help="Also name places and states that have a single listener.")
@cutting
@common("timezone")
def report(config: Config, cut: Cut, as_json: bool, quiet: bool, **given: Any) -> None:
    """Write one HTML page that answers every prepared question. It needs no other file and no network.

    Days are both inclusive, and UTC unless --timezone names another clock. Who reads the page can choose days and a
    level in it.

    A file of --questions is one SELECT below a comment. Its first line is the question, and the next ones say what the
    numbers mean. The lines `Drawing: bars NAME NUMBER.`, `Drawing: line DAY NUMBER.` and `Parameters: from, to, level.`
    may follow.
    """
    output: str = given["output"]
    # Before the work.
    check_output(output, config, PAGE)
    on_note = None if quiet else say
    with show_report(quiet or as_json) as on_step:
        page = sparkify.render_report(
            config, cut=cut, with_people=given["with_people"], own_questions=given["questions"], title=given["title"],
            on_note=on_note, on_step=on_step,
        ).encode()  # fmt: skip
    with open_output(output, config, PAGE) as stream:
        stream.write(page)
    if as_json:
        echo_json({"report": output, "bytes": len(page)})
    elif not quiet:
        say(f"{output}: {format_bytes(len(page))}; open it in a browser")
