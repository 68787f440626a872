"""What the commands share: options, questions before what cannot be taken back, and results as JSON."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TextIO

import click

from sparkify.errors import UsageError
from sparkify.formats import to_json

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


def common(command: Callable[..., Any]) -> Callable[..., Any]:
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
    @click.option("--log-sql", metavar="FILE", help="Append the statements sent to the warehouse to a file.")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")
    @click.option("-q", "--quiet", is_flag=True, help="No progress and no messages.")
    @functools.wraps(command)
    def wrapped(*args: Any, config_file: str | None, log_sql: str | None, **options: Any) -> Any:
        from sparkify.settings import load_config
        from sparkify.statement_log import write_statements

        config = load_config(config_file, **{name: options.pop(name) for name in _SETTINGS})
        with open_log(log_sql) as stream, write_statements(stream) if stream else nullcontext():
            return command(*args, config=config, **options)

    return wrapped


@contextmanager
def open_log(file: str | None) -> Iterator[TextIO | None]:
    """A file that the command appends to as it goes, or None where none is named. Raises UsageError."""
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(Path(file).open("a", encoding="utf-8", newline="")) if file else None
        except OSError as error:
            raise UsageError(f"cannot write the log {file}: {error.strerror}; name another file") from None
        yield stream


def echo_json(value: object) -> None:
    """Print the one JSON object of a command."""
    click.echo(to_json(value))


def dry_run(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option that shows what a command would do in place of doing it."""
    return click.option("-n", "--dry-run", is_flag=True, help="Show what would be done, and do nothing.")(command)


def cutting(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that cut what a question is answered for; the command gets them as a Cut."""

    @click.option("--from", "first_day", metavar="DAY", help="Only events from this UTC day on, such as 2018-11-01.")
    @click.option("--to", "last_day", metavar="DAY", help="Only events up to the end of this UTC day.")
    @click.option("--level", type=click.Choice(["free", "paid"]), help="Only events at this level: free or paid.")
    @click.option("--top", type=int, metavar="N", help="Places of a ranking; who ties with the last is shown too.")
    @click.option("--days", type=int, metavar="N", help="Days without a play after which a user counts as gone.")
    @functools.wraps(command)
    def wrapped(*args: Any, first_day: str | None, last_day: str | None, **options: Any) -> Any:
        from sparkify.questions import Cut, parse_day

        first, last = (parse_day(text) if text is not None else None for text in (first_day, last_day))
        cut = Cut(first, last, **{name: options.pop(name) for name in ("level", "top", "days")})
        return command(*args, cut=cut, **options)

    return wrapped


def confirm(question: str, yes: bool) -> None:
    """Ask at the terminal, unless the user agreed beforehand; raises Abort or UsageError without an agreement."""
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to ask at: say --yes to agree")
    click.confirm(question, abort=True, err=True)
