"""The commands that read a warehouse and leave it as it is, from plan over check and query to report."""

import io
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkify.cli.options import command, common, cutting, dry_run, echo_json
from sparkify.errors import CheckError, UsageError
from sparkify.formats import FORMATS, count_of, format_bytes, write_rows

if TYPE_CHECKING:
    from sparkify.datasets import Dataset
    from sparkify.loads.plan import PlannedFile
    from sparkify.questions import Cut, Question
    from sparkify.settings import Config


@command()
@common("sources")
def plan(config: "Config", as_json: bool, quiet: bool) -> None:
    """Show what a load would do, file by file. Writes nothing."""
    import sparkify

    show_plan(sparkify.plan(config), as_json, quiet)


def show_plan(planned: "Sequence[PlannedFile]", as_json: bool, quiet: bool) -> None:
    """Print a plan, as a table or as JSON."""
    from sparkify import console

    counts = {state: sum(f.state == state for f in planned) for state in ("new", "changed", "unchanged", "vanished")}
    if as_json:
        files = [
            {"dataset": f.dataset, "url": f.url, "size": f.size, "state": f.state, "reason": f.reason} for f in planned
        ]
        echo_json({"files": counts, "plan": files})
        return
    shown = [f for f in planned if f.state != "unchanged"]
    if shown:
        console.print_table(
            ["state", "dataset", "size", "url", "reason"],
            [[f.state, f.dataset, f.size, f.url, f.reason] for f in shown],
        )
    if not quiet:
        size = sum(f.size for f in planned if f.is_pending)
        console.say(", ".join(f"{n:,} {state}" for state, n in counts.items()) + f"; {format_bytes(size)} to load")


@command()
@common("sources")
def status(config: "Config", as_json: bool, quiet: bool) -> None:
    """Show loads, files, rows, match rate and pending files."""
    import sparkify
    from sparkify import console

    found = sparkify.status(config)
    if as_json:
        echo_json(asdict(found))
    else:
        console.print_status(found)


@command()
@click.option("--reason", metavar="CODE", help="Only this reason, with or without its field: missing or missing:ts.")
@click.option("--load", "load_id", type=int, help="Only this load.")
@click.option("--file", "url", metavar="URL", help="Only this file.")
@click.option("--dataset", type=click.Choice(["events", "songs"]), help="Only this dataset.")
@click.option("--export", metavar="FILE", help="Write the raw text to a file, one record a line, to mend and load.")
@common()
def rejects(
    config: "Config",
    reason: str | None,
    load_id: int | None,
    url: str | None,
    dataset: "Dataset | None",
    export: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """List rejected records with their raw text."""
    import sparkify
    from sparkify import console

    found = sparkify.list_rejects(config, reason=reason, load_id=load_id, url=url, dataset=dataset)
    if export is not None:
        _export(found, export)
    if as_json:
        echo_json({"rejects": found})
        return
    columns = ["load_id", "url", "line", "reason", "raw"]
    if found and export is None:
        console.print_table(columns, [[reject[name] for name in columns] for reject in found])
    if not quiet:
        console.say(f"{count_of(len(found), 'rejected record')}{f' in {export}' if export else ''}")


def _export(rejects: list[dict[str, Any]], file: str) -> None:
    if len({reject["dataset"] for reject in rejects}) > 1:
        raise UsageError("there are rejects of both datasets, and a file is of one; add --dataset events or songs")
    try:
        with Path(file).open("x", encoding="utf-8", newline="") as stream:
            stream.writelines(f"{reject['raw']}\n" for reject in rejects)
    except FileExistsError:
        raise UsageError(f"{file} is there already; name another file to export to") from None
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from None


@command()
@dry_run
@common()
def check(config: "Config", dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Run the data-quality checks; exit 5 if one of severity fail finds rows."""
    import sparkify
    from sparkify import console
    from sparkify.star import checks

    if dry_run:
        if not quiet:
            console.say(f"would run {count_of(len(checks.list_checks()), 'check')}: {config.warehouse_address}")
        return
    results = sparkify.check(config)
    failed = [result for result in results if not result.passed and result.check.severity == "fail"]
    if as_json:
        echo_json({"status": "failed" if failed else "passed", "checks": [asdict(result) for result in results]})
    elif not quiet:
        console.print_checks(results)
    if failed:
        names = ", ".join(f"{result.check.table}.{result.check.name}" for result in failed)
        raise CheckError(f"{count_of(len(failed), 'check')} failed: {names}")


@command()
@common("sources", "stage")
def doctor(config: "Config", as_json: bool, quiet: bool) -> None:
    """Examine settings, sources, stage and warehouse; exit 5 if something is not in order."""
    from sparkify import console
    from sparkify.inspection.doctor import list_findings

    findings = []
    for finding in list_findings(config):
        findings.append(finding)
        if not (as_json or quiet):
            console.print_finding(finding)
    failed = [finding.name for finding in findings if not finding.passed]
    if as_json:
        echo_json({"status": "failed" if failed else "passed", "findings": [asdict(found) for found in findings]})
    if failed:
        raise CheckError(f"{len(failed)} of {len(findings)} are not in order: {', '.join(failed)}")


@command()
@click.argument("first", metavar="WAREHOUSE")
@click.argument("second", metavar="WAREHOUSE")
@common()
def compare(config: "Config", first: str, second: str, as_json: bool, quiet: bool) -> None:
    """Compare the stars of two warehouses, whatever their engines; exit 5 if they differ."""
    import sparkify
    from sparkify import console

    compared = sparkify.compare(config.at(first), config.at(second))
    differing = [table.table for table in compared if not table.equal]
    if as_json:
        echo_json({"status": "different" if differing else "equal", "tables": [asdict(table) for table in compared]})
    elif not quiet:
        console.print_comparison(compared)
    if differing:
        raise CheckError(f"the two stars differ in {', '.join(differing)}")


@command()
@click.argument("name", required=False)
@click.option("--sql", metavar="TEXT", help="Any one SELECT instead of a prepared question.")
@cutting
@click.option("--format", "form", type=click.Choice(FORMATS), help="A table, csv, json or ndjson.  [default: table]")
@common()
def query(
    config: "Config", name: str | None, sql: str | None, cut: "Cut", form: str | None, as_json: bool, quiet: bool
) -> None:
    """Answer a prepared question, or run any SELECT, read-only. Without either, list the questions and what they take.

    An answer is the one that a log of only those days' events at that level would give. Days are UTC, both inclusive.

    --format csv is RFC 4180 in UTF-8: a header, CRLF line ends, ISO dates, an empty field for NULL. Text is kept as
    it is: a spreadsheet may run a cell that begins with = as a formula. --format json is a list of objects, ndjson one
    object a line. --json, as everywhere, is one object, here of columns and rows; it excludes --format.
    """
    import sparkify
    from sparkify import console, questions

    if name and sql is not None:
        raise UsageError("a question and --sql exclude each other; give one of them")
    if as_json and form:
        raise UsageError("--json and --format exclude each other; give one of them")
    if cut.values and name is None:
        raise UsageError(
            f"{', '.join(f'--{given}' for given in cut.values)}: only a prepared question takes it; name one"
        )
    if sql is not None:
        columns, rows = sparkify.query_sql(config, sql)
    elif name is not None:
        columns, rows = sparkify.query(config, name, cut=cut, on_note=None if quiet else console.say)
    else:
        columns, rows = _list_questions(questions.list_questions())
    if as_json:
        echo_json({"columns": columns, "rows": rows})
    elif form in (None, "table"):
        console.print_table(columns, rows)
    else:
        _write_rows(str(form), columns, rows)
    if not quiet and not as_json and (name or sql):
        console.say(count_of(len(rows), "row"))


def _write_rows(form: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write an answer to stdout, in UTF-8 whatever the terminal."""
    stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    try:
        write_rows(stream, form, columns, rows)
    finally:
        # Closing it would close stdout.
        stream.detach()


def _list_questions(listed: "Sequence[Question]") -> tuple[list[str], list[tuple[Any, ...]]]:
    rows: list[tuple[Any, ...]] = [(q.name, q.question, ", ".join(map(str, q.parameters))) for q in listed]
    return ["name", "question", "parameters"], rows


@command()
@click.option("-o", "--output", metavar="FILE", default="sparkify-report.html", show_default=True, help="Where to.")
@click.option("--with-people", is_flag=True, help="Also name places that have a single listener.")
@cutting
@common()
def report(config: "Config", output: str, cut: "Cut", with_people: bool, as_json: bool, quiet: bool) -> None:
    """Write one HTML page that answers every prepared question and needs nothing but itself."""
    from sparkify import console
    from sparkify.report import render_report

    on_note = None if quiet else console.say
    page = render_report(config, cut=cut, with_people=with_people, on_note=on_note).encode()
    write_page(page, output)
    if as_json:
        echo_json({"report": output, "bytes": len(page)})
    elif not quiet:
        console.say(f"{output}: {format_bytes(len(page))}; open it in a browser")


def write_page(page: bytes, file: str) -> None:
    """Write a page in place of what the file held. Raises UsageError where it cannot be written."""
    path = Path(file)
    try:
        if path.exists() and (path.is_symlink() or not path.is_file()):
            # A device or a link stays what it is.
            path.write_bytes(page)
            return
        unfinished = Path(f"{file}.unfinished")
        try:
            unfinished.write_bytes(page)
            unfinished.replace(path)
        except OSError:
            with suppress(OSError):
                unfinished.unlink()
            raise
    except OSError as error:
        raise UsageError(f"cannot write the page {file}: {error.strerror}; name another file") from None
