"""The command `sparkify`: parse, call one function of the library, print, exit.

Exit codes: 0 done, 1 our error, 2 usage or configuration, 3 source, 4 engine, 5 check failed, 130 interrupted.
Nothing heavy is imported before a command needs it: `sparkify --help` answers at once.
"""

import datetime as dt
import functools
import io
import json
import math
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkify import __version__
from sparkify.errors import (
    CheckError,
    EngineError,
    SourceError,
    SparkifyError,
    TooManyRejectsError,
    UsageError,
)

if TYPE_CHECKING:
    from sparkify.config import Config
    from sparkify.ledger import PlannedFile
    from sparkify.pipeline import LoadResult, OnEvent
    from sparkify.records import Dataset

# The first class that fits decides.
_EXIT_CODES: tuple[tuple[type[SparkifyError], int], ...] = (
    (UsageError, 2),
    (SourceError, 3),
    (EngineError, 4),
    (CheckError, 5),
    (TooManyRejectsError, 5),
    (SparkifyError, 1),
)
_SETTINGS = (
    "warehouse",
    "log_data",
    "song_data",
    "anonymous",
    "concurrency",
    "stage",
    "wait",
    "memory_limit",
    "threads",
)

_EPILOG = """\b
Settings come from the option, else SPARKIFY_<NAME> in the environment, else dwh.cfg, else the default.
Exit codes: 0 done, 1 our error, 2 usage or configuration, 3 source, 4 engine, 5 check failed
or too many rejects, 130 interrupted."""


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the command: the one place that turns errors into exit codes."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a letter gets its escape.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(arguments, standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        _say_error("interrupted")
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except SparkifyError as error:
        _say_error(f"sparkify: {error}")
        code = next(code for kind, code in _EXIT_CODES if isinstance(error, kind))
    except (BrokenPipeError, SystemExit):
        # The reader of our output has gone: the one case in which click exits by itself.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
        code = 0
    sys.exit(code)


def _open_closed_streams() -> None:
    """Send to nowhere what was closed (`2>&-`): the warehouse must not get its number, and messages written into it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False, encoding="utf-8"))


def _say_error(text: str) -> None:
    from sparkify.console import printable

    click.echo(printable(text), err=True)


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="sparkify")
def cli() -> None:
    """Sparkify's data warehouse: JSON logs and songs into a star schema."""


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every command has; the command gets the resolved Config and the two switches."""

    @click.option("--warehouse", metavar="ADDRESS", help="File path or redshift://user@host:5439/db.")
    @click.option("--log-data", metavar="ROOT", help="Folder or file of the log data, or s3://bucket/folder.")
    @click.option("--song-data", metavar="ROOT", help="Folder or file of the song data, or s3://bucket/folder.")
    @click.option("--anonymous", is_flag=True, default=None, help="Read S3 without credentials: public buckets.")
    @click.option("--concurrency", type=int, help="Requests to S3 under way at a time.  [default: 64]")
    @click.option("--stage", metavar="FOLDER", help="Folder in S3 through which a load reaches Redshift: s3://…")
    @click.option("--wait", type=float, help="Seconds to wait for another load that holds the warehouse.  [default: 0]")
    @click.option("--config", "config_file", metavar="FILE", help="Settings file.  [default: dwh.cfg if present]")
    @click.option("--memory-limit", metavar="SIZE", help="Memory of the embedded engine, such as 2GB.")
    @click.option("--threads", type=int, help="Threads of the embedded engine.  [default: all cores]")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")
    @click.option("-q", "--quiet", is_flag=True, help="No progress and no messages.")
    @functools.wraps(command)
    def wrapped(*args: Any, config_file: str | None, **options: Any) -> Any:
        from sparkify.config import load_config

        config = load_config(config_file, **{name: options.pop(name) for name in _SETTINGS})
        return command(*args, config=config, **options)

    return wrapped


def _echo_json(value: object) -> None:
    click.echo(json.dumps(_jsonable(value), ensure_ascii=False, allow_nan=False))


def _jsonable(value: object) -> object:
    """A value as JSON has it: no NaN, no Infinity, keys and whatever JSON does not know as text."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(_jsonable(key)): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return value.isoformat() if isinstance(value, dt.datetime | dt.date) else str(value)


def _dry_run(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that show what a command would do in place of doing it."""

    @click.option("-n", "--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
    @click.option("--show-sql", is_flag=True, help="With --dry-run: print the statements sent to Redshift.")
    @functools.wraps(command)
    def wrapped(*args: Any, dry_run: bool, show_sql: bool, **options: Any) -> Any:
        if show_sql and not dry_run:
            raise UsageError("--show-sql prints statements and runs none; say --dry-run with it")
        return command(*args, dry_run=dry_run, show_sql=show_sql, **options)

    return wrapped


def _confirm(question: str, yes: bool) -> None:
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to ask at: say --yes to agree")
    click.confirm(question, abort=True, err=True)


@cli.command()
@click.option("--drop", is_flag=True, help="Drop every table first, with all that it holds.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_dry_run
@_common
def create(config: "Config", drop: bool, yes: bool, dry_run: bool, show_sql: bool, as_json: bool, quiet: bool) -> None:
    """Create the tables that are missing."""
    from sparkify import pipeline, script

    if dry_run:
        if show_sql:
            click.echo(script.render(script.create_statements(drop=drop)), nl=False)
        elif not quiet:
            done = "drop every table, and create them all" if drop else "create the tables that are missing"
            click.echo(f"would {done}: {config.warehouse_address}", err=True)
        return
    if drop:
        _confirm(f"Drop every table of {config.warehouse_address} with all that it holds?", yes)
    created = pipeline.create(config, drop=drop)
    if as_json:
        _echo_json({"warehouse": config.warehouse_address, "created": created})
    elif not quiet:
        click.echo(f"created: {', '.join(created)}" if created else "every table exists already", err=True)


@cli.command()
@_common
def plan(config: "Config", as_json: bool, quiet: bool) -> None:
    """Show what a load would do, file by file. Writes nothing."""
    from sparkify import pipeline

    _show_plan(pipeline.plan(config), as_json, quiet)


def _show_plan(planned: "Sequence[PlannedFile]", as_json: bool, quiet: bool) -> None:
    from sparkify import console

    counts = {state: sum(f.state == state for f in planned) for state in ("new", "changed", "unchanged", "vanished")}
    if as_json:
        files = [
            {"dataset": f.dataset, "url": f.url, "size": f.size, "state": f.state, "reason": f.reason} for f in planned
        ]
        _echo_json({"files": counts, "plan": files})
        return
    shown = [f for f in planned if f.state != "unchanged"]
    if shown:
        console.print_table(
            ["state", "dataset", "size", "url", "reason"],
            [[f.state, f.dataset, f.size, f.url, f.reason] for f in shown],
        )
    if not quiet:
        size = sum(f.size for f in planned if f.is_pending)
        console.say(
            ", ".join(f"{n:,} {state}" for state, n in counts.items()) + f"; {console.format_bytes(size)} to load"
        )


@cli.command()
@click.option("--max-rejects", metavar="N|N%", help="Fail, and load nothing, if more records are rejected.")
@click.option("--log-json", metavar="FILE", help="Append an event a line to a file: each step with its load.")
@click.option("--direct", is_flag=True, help="Redshift only: let its COPY read the objects in S3 by itself.")
@_dry_run
@_common
def load(
    config: "Config",
    max_rejects: str | None,
    log_json: str | None,
    direct: bool,
    dry_run: bool,
    show_sql: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Load what is new or changed at the sources, exactly once."""
    from sparkify import console

    if dry_run:
        _show_load(config, direct, show_sql, as_json, quiet)
        return
    with _event_log(log_json) as on_event:
        result = _load(config, as_json or quiet, max_rejects=max_rejects, direct=direct, on_event=on_event)
    if as_json:
        _echo_json(asdict(result))
    elif not quiet:
        console.print_load(result)
    if not (as_json or quiet):
        for warning in result.warnings:
            console.say(f"warning: {warning}")
    if result.errors:
        shown = result.errors[:5] + ([f"and {len(result.errors) - 5:,} more"] if len(result.errors) > 5 else [])
        raise SourceError("; ".join(shown) + ": nothing of it was loaded, it stays pending; mend it and load again")


@contextmanager
def _event_log(file: str | None) -> "Iterator[OnEvent | None]":
    """A receiver of events that appends each to a file as a line of JSON, at once."""
    if file is None:
        yield None
        return
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(Path(file).open("a", encoding="utf-8", newline=""))
        except OSError as error:
            raise UsageError(f"cannot write the log {file}: {error.strerror}; name another file") from None

        def write(event: dict[str, Any]) -> None:
            stream.write(json.dumps(_jsonable(event), ensure_ascii=False, allow_nan=False) + "\n")
            stream.flush()

        yield write


def _show_load(config: "Config", direct: bool, show_sql: bool, as_json: bool, quiet: bool) -> None:
    """Print the plan, or the statements that a load would send: where nothing is loaded yet, those of a rebuild."""
    from sparkify import pipeline, script

    planned = pipeline.plan(config)
    if not show_sql:
        _show_plan(planned, as_json, quiet)
        return
    loads_first = not any(file.loaded for file in planned)
    replaces = any(file.state == "changed" for file in planned)
    statements = script.load_statements(config, rebuild=loads_first, replaces=replaces, direct=direct)
    click.echo(script.render(statements), nl=False)


def _load(config: "Config", silent: bool, **options: Any) -> "LoadResult":
    from sparkify import console, pipeline

    with console.progress(silent) as on_progress:
        return pipeline.load(config, on_progress=on_progress, **options)


@cli.command()
@_common
def status(config: "Config", as_json: bool, quiet: bool) -> None:
    """Show loads, files, rows, match rate and pending files."""
    from sparkify import console, pipeline

    found = pipeline.status(config)
    if as_json:
        _echo_json(asdict(found))
    else:
        console.print_status(found)


@cli.command()
@click.option("--reason", metavar="CODE", help="Only this reason, with or without its field: missing or missing:ts.")
@click.option("--load", "load_id", type=int, help="Only this load.")
@click.option("--file", "url", metavar="URL", help="Only this file.")
@click.option("--dataset", type=click.Choice(["events", "songs"]), help="Only this dataset.")
@click.option("--export", metavar="FILE", help="Write the raw text to a file, one record a line, to mend and load.")
@_common
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
    from sparkify import console, pipeline

    found = pipeline.list_rejects(config, reason=reason, load_id=load_id, url=url, dataset=dataset)
    if export is not None:
        _export(found, export)
    if as_json:
        _echo_json({"rejects": found})
        return
    columns = ["load_id", "url", "line", "reason", "raw"]
    if found and export is None:
        console.print_table(columns, [[reject[name] for name in columns] for reject in found])
    if not quiet:
        console.say(f"{len(found):,} rejected records{f' in {export}' if export else ''}")


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


@cli.command()
@click.argument("load_id", type=int)
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_common
def undo(config: "Config", load_id: int, dry_run: bool, yes: bool, as_json: bool, quiet: bool) -> None:
    """Take one load's rows and rejects out, as if it had never been; its files are pending again."""
    from sparkify import console, pipeline

    if not (dry_run or yes):
        planned = pipeline.undo(config, load_id, dry_run=True)
        console.print_undo(planned, to_stderr=True)
        _confirm(f"Undo load {load_id}?", yes)
    result = pipeline.undo(config, load_id, dry_run=dry_run)
    if as_json:
        _echo_json(asdict(result))
    elif not quiet:
        console.print_undo(result)


@cli.command()
@_common
def replay(config: "Config", as_json: bool, quiet: bool) -> None:
    """Put rejected records through the current rules again; those that pass enter the star."""
    from sparkify import console, pipeline

    result = pipeline.replay(config)
    if as_json:
        _echo_json(asdict(result))
    elif not quiet:
        console.print_replay(result)


@cli.command()
@_dry_run
@_common
def check(config: "Config", dry_run: bool, show_sql: bool, as_json: bool, quiet: bool) -> None:
    """Run the data-quality checks; exit 5 if one of severity fail finds rows."""
    from sparkify import checks, console, pipeline, script

    if dry_run:
        if show_sql:
            click.echo(script.render(script.check_statements()), nl=False)
        elif not quiet:
            console.say(f"would run {len(checks.list_checks())} checks: {config.warehouse_address}")
        return
    results = pipeline.check(config)
    failed = [result for result in results if not result.passed and result.check.severity == "fail"]
    if as_json:
        _echo_json({"status": "failed" if failed else "passed", "checks": [asdict(result) for result in results]})
    elif not quiet:
        console.print_checks(results)
    if failed:
        names = ", ".join(f"{result.check.table}.{result.check.name}" for result in failed)
        raise CheckError(f"{len(failed)} checks failed: {names}")


@cli.command()
@_common
def doctor(config: "Config", as_json: bool, quiet: bool) -> None:
    """Examine settings, sources, stage and warehouse; exit 5 if something is not in order."""
    from sparkify import console
    from sparkify.doctor import list_findings

    findings = []
    for finding in list_findings(config):
        findings.append(finding)
        if not (as_json or quiet):
            console.print_finding(finding)
    failed = [finding.name for finding in findings if not finding.passed]
    if as_json:
        _echo_json({"status": "failed" if failed else "passed", "findings": [asdict(found) for found in findings]})
    if failed:
        raise CheckError(f"{len(failed)} of {len(findings)} are not in order: {', '.join(failed)}")


@cli.command()
@click.argument("first", metavar="WAREHOUSE")
@click.argument("second", metavar="WAREHOUSE")
@_common
def compare(config: "Config", first: str, second: str, as_json: bool, quiet: bool) -> None:
    """Compare the stars of two warehouses, whatever their engines; exit 5 if they differ."""
    from sparkify import console, pipeline

    compared = pipeline.compare(config.at(first), config.at(second))
    differing = [table.table for table in compared if not table.equal]
    if as_json:
        _echo_json({"status": "different" if differing else "equal", "tables": [asdict(table) for table in compared]})
    elif not quiet:
        console.print_comparison(compared)
    if differing:
        raise CheckError(f"the two stars differ in {', '.join(differing)}")


@cli.command()
@click.argument("name", required=False)
@click.option("--sql", metavar="TEXT", help="Any one SELECT instead of a prepared question.")
@_common
def query(config: "Config", name: str | None, sql: str | None, as_json: bool, quiet: bool) -> None:
    """Answer a prepared question, or run any SELECT, read-only. Without either, list the questions."""
    from sparkify import console, pipeline, questions

    if name and sql:
        raise UsageError("a question and --sql exclude each other; give one of them")
    if sql is not None:
        columns, rows = pipeline.query_sql(config, sql)
    elif name is not None:
        columns, rows = pipeline.query(config, name)
    else:
        columns, rows = ["name", "question"], [(q.name, q.question) for q in questions.list_questions()]
    if as_json:
        _echo_json({"columns": columns, "rows": rows})
        return
    console.print_table(columns, rows)
    if not quiet and (name or sql):
        console.say(f"{len(rows):,} rows")


@cli.command()
@click.argument("directory", metavar="DIR")
@click.option("--events", default=50_000, show_default=True, help="Log records.")
@click.option("--users", default=200, show_default=True, help="Users.")
@click.option("--days", default=30, show_default=True, help="Days of log, a file each.")
@click.option("--songs", default=1_000, show_default=True, help="Song records, a file each.")
@click.option("--start", default="2018-11-01", show_default=True, help="First day.")
@click.option("--match-rate", default=0.8, show_default=True, help="Share of plays whose song is in the catalogue.")
@click.option("--dirty", default=0.0, show_default=True, help="Share of records that are planted faults.")
@click.option("--seed", default=0, show_default=True, help="The same seed and options give the same bytes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no messages.")
def simulate(directory: str, start: str, as_json: bool, quiet: bool, **options: Any) -> None:
    """Write synthetic log and song data into DIR, deterministic by --seed.

    DIR/truth.json tells how many records are good, and how many of each fault were planted.
    """
    from sparkify import console
    from sparkify.simulator import SimulateOptions
    from sparkify.simulator import simulate as write

    try:
        first_day = dt.date.fromisoformat(start)
    except ValueError:
        raise UsageError(f"{start!r} is no day; write it as 2018-11-01") from None
    result = write(directory, SimulateOptions(start=first_day, **options))
    if as_json:
        _echo_json(asdict(result))
    elif not quiet:
        console.say(f"log data:  {result.events:,} events in {result.event_files:,} files, {result.log_data}")
        console.say(f"song data: {result.songs:,} songs in {result.song_files:,} files, {result.song_data}")
        console.say(f"truth:     {sum(result.faults.values()):,} planted faults, {result.truth}")


@cli.command()
@click.argument("directory", metavar="[DIR]", default="sparkify-demo")
@click.option("--seed", default=0, show_default=True, help="Seed of the simulated data.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no messages.")
def demo(directory: str, seed: int, as_json: bool, quiet: bool) -> None:
    """The first five minutes: simulate, load, check and ask, all in DIR."""
    from sparkify import console, pipeline
    from sparkify.config import Config
    from sparkify.simulator import SimulateOptions
    from sparkify.simulator import simulate as write

    folder = Path(directory)
    data = write(folder, SimulateOptions(dirty=0.002, seed=seed))
    # A dwh.cfg or variable of the user's leaves the demo alone.
    warehouse = folder / "sparkify.duckdb"
    config = Config(warehouse=str(warehouse), log_data=str(data.log_data), song_data=str(data.song_data))
    result = _load(config, as_json or quiet)
    checked = pipeline.check(config)
    columns, rows = pipeline.query(config, "top_artists")
    if as_json:
        _echo_json({"warehouse": str(warehouse), "load": asdict(result), "checks": [asdict(c) for c in checked]})
        return
    if quiet:
        return
    print(f"simulated {data.events:,} events and {data.songs:,} songs in {folder}\n")
    console.print_load(result)
    print()
    console.print_checks(checked)
    print()
    console.print_table(columns, rows[:5])
    # As it was called, so that the commands work in the same shell, on the PATH or not.
    called = sys.argv[0] if Path(sys.argv[0]).name == "sparkify" else "sparkify"
    command, address = shlex.quote(called), shlex.quote(str(warehouse))
    print(f"\nThe warehouse is {warehouse}. Three things to try next:")
    print(f"  {command} query --warehouse {address}")
    print(f"  {command} rejects --warehouse {address} --reason bad_type")
    print(f"  {command} query --warehouse {address} --sql 'SELECT level, count(*) FROM songplays GROUP BY level'")
