"""What the commands share: options, questions before what cannot be taken back, and results as JSON."""

import functools
import io
import logging
import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any, TextIO

import click

from sparkify import interrupts, outputs
from sparkify.cli.completion import complete_path, complete_timezone
from sparkify.cli.streams import Log
from sparkify.console import say
from sparkify.errors import UsageError
from sparkify.formats import needs_escapes, to_json
from sparkify.machine import require_resources
from sparkify.questions.cut import Cut, parse_day
from sparkify.setting import Group, Setting
from sparkify.settings import DEFAULT_CONFIG_FILE, SETTINGS, Config, clean_aws_variables, load_config
from sparkify.statement_log import BEGINNING, write_statements
from sparkify.warehouses import engine_of

Function = Callable[..., Any]


class Command(click.Command):
    """A command with examples in its help.

    It refuses an option with a value given twice: which of the two is meant cannot be known.
    """

    def __init__(self, *args: Any, changes: bool = False, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self._changes = changes

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they are: a line that is broken could not be copied."""
        if self.examples:
            with formatter.section("Example" if len(self.examples) == 1 else "Examples"):
                formatter.write("".join(f"{'':{formatter.current_indent}}{line}\n" for line in self.examples))

    def invoke(self, ctx: click.Context) -> bool:
        """Run it; returns whether it has changed something, and has not only printed."""
        super().invoke(ctx)
        changes = self._changes or ctx.params.get("export") is not None
        return changes and not ctx.params.get("dry_run")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        values, extra, given = self.make_parser(ctx).parse_args(list(args))
        if extra and not (ctx.resilient_parsing or values.get("help")):
            from sparkify.cli.mistakes import explain_extra

            takes = [str(one.name) for one in self.params if isinstance(one, click.Argument)]
            raise click.UsageError(explain_extra(extra, self, values.get(takes[-1]) if takes else None), ctx)
        for parameter, times in Counter(given).items():
            takes_one = isinstance(parameter, click.Option) and not (parameter.is_flag or parameter.multiple)
            if takes_one and times > 1 and not ctx.resilient_parsing:
                raise click.UsageError(f"Option '{parameter.opts[-1]}' is given {times} times; give it once.", ctx)
        return super().parse_args(ctx, args)


_logger = logging.getLogger("sparkify")
_SQL_LOG = outputs.Kind("a log of statements", BEGINNING)


def command(*examples: str, changes: bool = False, cls: type[Command] = Command) -> Callable[[Function], click.Command]:
    """Make a function a command; one that `changes` something has not failed if its output is lost."""
    return click.command(cls=cls, changes=changes, examples=examples)


def common(*groups: Group, opens_warehouse: bool = True) -> Callable[[Function], Function]:
    """The options of every command that works on a warehouse, and the settings of these groups.

    The command gets the resolved Config, `as_json` and `quiet`. One that opens no warehouse has no options about it.
    """
    offered: tuple[Group, ...] = ("warehouse", "wait", "engine") if opens_warehouse else ("engine",)

    def decorate(function: Function) -> Function:
        @settings_of(*offered, *groups)
        @_log_option(offered=opens_warehouse)
        @output
        @functools.wraps(function)
        def wrapped(*args: Any, given: dict[str, Any], log_sql: str | None = None, **options: Any) -> Any:
            clean_aws_variables()
            config = load_config(on_note=None if options["quiet"] else say, **given)
            start(config.threads)
            with show_notes(options["quiet"]), open_log(log_sql, config, _SQL_LOG) as stream, write_statements(stream):
                return function(*args, config=config, **options)

        return wrapped

    return decorate


def _log_option(*, offered: bool) -> Callable[[Function], Function]:
    if not offered:
        return lambda function: function
    words = "Append the statements sent to the warehouse to a file."
    return click.option("--log-sql", metavar="FILE", shell_complete=complete_path, help=words)


def settings_of(*groups: Group) -> Callable[[Function], Function]:
    """The options for the settings of these groups and for their file; the command gets what `load_config` takes."""
    offered = [setting for setting in SETTINGS if setting.group in groups]

    def decorate(function: Function) -> Function:
        @_options_of(offered)
        @click.option(
            "--config",
            "config_file",
            metavar="FILE",
            shell_complete=complete_path,
            help=f"Settings file.  [default: {DEFAULT_CONFIG_FILE} if present]",
        )
        @functools.wraps(function)
        def wrapped(*args: Any, config_file: str | None, **options: Any) -> Any:
            given = {setting.name: options.pop(setting.name) for setting in offered}
            return function(*args, given=given | {"config_file": config_file}, **options)

        return wrapped

    return decorate


def _options_of(settings: Sequence[Setting]) -> Callable[[Function], Function]:
    def decorate(function: Function) -> Function:
        # Help lists the last added option first.
        for setting in reversed(settings):
            function = _option_of(setting)(function)
        return function

    return decorate


def _option_of(setting: Setting) -> Callable[[Function], Function]:
    if setting.type is bool:
        return click.option(setting.option, is_flag=True, default=None, help=setting.help)
    default = f"  [default: {setting.default_in_words}]" if setting.default_in_words else ""
    if setting.type is tuple:
        return click.option(
            setting.option,
            multiple=True,
            metavar=setting.metavar,
            help=setting.help + default,
            callback=lambda _context, _option, given: given or None,
        )
    return click.option(
        setting.option,
        type=setting.type,
        metavar=setting.metavar,
        help=setting.help + default,
        shell_complete=_COMPLETIONS.get(setting.metavar or ""),
    )


_COMPLETIONS = {"ADDRESS": complete_path, "ROOT": complete_path, "ZONE": complete_timezone}


def output(function: Function) -> Function:
    """The options --json and --quiet; the command gets `as_json` and `quiet`."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")
    quiet = click.option("-q", "--quiet", is_flag=True, help="No progress and no messages.")
    return as_json(quiet(function))


def start(threads: int | None = None) -> None:
    """From now on there is something to clean up, and Ctrl-C raises.

    DuckDB is imported before: an exception that came into its import would crash the process. Raises EngineError where
    there is too little memory to start it with so many threads.
    """
    require_resources(threads)
    import_module("duckdb")
    interrupts.raise_from_now()


@contextmanager
def show_notes(quiet: bool) -> Iterator[None]:
    """Show the library's notes and warnings on stderr, unless `quiet`."""
    # Without any handler, Python would write warnings itself.
    handler, level = logging.NullHandler() if quiet else _NoteHandler(logging.INFO), _logger.level
    _logger.addHandler(handler)
    if not quiet:
        _logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        _logger.removeHandler(handler)
        _logger.setLevel(level)


class _NoteHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


@contextmanager
def open_log(file: str | None, config: Config, kind: outputs.Kind) -> Iterator[TextIO | None]:
    """Open a log to append to, or give None without a file. Raises UsageError.

    If it cannot be written any more, the command goes on, and the user is told at the end.
    """
    if file is None:
        yield None
        return
    log = Log(outputs.open_log(file, config, kind))
    _refuse_second_log(file, log)
    try:
        # A name that is not UTF-8 gets escapes.
        with io.TextIOWrapper(io.BufferedWriter(log), "utf-8", errors="backslashreplace", newline="") as stream:
            yield stream
    finally:
        if log.failure is not None and not isinstance(log.failure, InterruptedError):
            say(f"the log {file} is incomplete: {log.failure.strerror}; the command went on without it")


def _refuse_second_log(file: str, log: Log) -> None:
    """Raises UsageError if another log of the command goes to the same file."""
    found = os.fstat(log.fileno())
    logs = click.get_current_context().meta.setdefault("sparkify.logs", set())
    if stat.S_ISREG(found.st_mode) and (found.st_dev, found.st_ino) in logs:
        log.close()
        raise UsageError(f"cannot write {file}: another log goes there; choose another file")
    logs.add((found.st_dev, found.st_ino))


def checked_address(config: Config) -> str:
    """The address of the warehouse, to be shown before it is opened. Raises UsageError for one that is none."""
    engine_of(config.warehouse_address)
    return config.warehouse_address


def echo_json(value: object) -> None:
    """Print the one JSON object of a command."""
    click.echo(to_json(value, escaped=needs_escapes(sys.stdout)))


def dry_run(function: Function) -> Function:
    """The option --dry-run."""
    return click.option("-n", "--dry-run", is_flag=True, help="Show what would be done, and do nothing.")(function)


def verify(function: Function) -> Function:
    """The option --verify."""
    return click.option(
        "--verify", is_flag=True, help="Read every local file, also where nothing says that it has changed."
    )(function)


def period(day: str) -> Callable[[Function], Function]:
    """The options that select days, in words; the command gets them as a Cut."""

    def decorate(function: Function) -> Function:
        @click.option("--from", "first_day", metavar="DAY", help=f"Only events from this {day} on, such as 2018-11-01.")
        @click.option("--to", "last_day", metavar="DAY", help=f"Only events up to the end of this {day}.")
        @functools.wraps(function)
        def wrapped(*args: Any, first_day: str | None, last_day: str | None, **options: Any) -> Any:
            first, last = (parse_day(text) if text is not None else None for text in (first_day, last_day))
            return function(*args, cut=Cut(first, last), **options)

        return wrapped

    return decorate


def cutting(function: Function) -> Function:
    """The options that select what a question counts; the command gets them as a Cut."""

    @period("day of the time zone")
    @click.option(
        "--level",
        type=click.Choice(["free", "paid"], case_sensitive=False),
        help="Only events at this level: free or paid.",
    )
    @click.option("--top", type=int, metavar="N", help="Places of a ranking; ties with the last place are shown too.")
    @click.option("--days", type=int, metavar="N", help="Days without a play after which a user counts as gone.")
    @functools.wraps(function)
    def wrapped(*args: Any, cut: Cut, **options: Any) -> Any:
        others = {name: options.pop(name) for name in ("level", "top", "days")}
        return function(*args, cut=replace(cut, **others), **options)

    return wrapped


def confirm(question: str, yes: bool) -> None:
    """Ask the user at the terminal, unless `yes`; raises Abort if refused, UsageError without a terminal."""
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to ask at; give --yes to agree")
    try:
        click.confirm(question, abort=True, err=True)
    except (UnicodeError, LookupError):
        # Bytes that are no text in the encoding of the terminal.
        raise UsageError(f"{question} The answer cannot be read; answer y or n, or give --yes to agree") from None
