"""The command `sparkify`: parse, call one function of the package, print, exit. Each subcommand is a module here.

A module is imported only when its command is used, and none imports a driver, so that help is fast.
"""

import gc
import io
import os
import sys
from importlib import import_module

import click

from sparkify import interrupts
from sparkify._version import __version__
from sparkify.addresses import mask
from sparkify.cli.streams import open_outputs
from sparkify.errors import (
    CheckError,
    EngineError,
    ReaderGoneError,
    SourceError,
    SparkifyError,
    TooManyRejectsError,
    UsageError,
)
from sparkify.formats import printable

# By what one wants to do, and in the order of use.
_GROUPS = {
    "Try it": ("demo", "simulate"),
    "Load": ("plan", "load", "stage", "status", "rejects"),
    "Ask": ("query", "report", "export"),
    "Verify": ("check", "doctor", "compare", "config"),
    "Correct": ("undo", "replay", "rebuild"),
    "Maintain": ("create", "migrate", "compact"),
    "Help": ("help",),
}
_COMMANDS = [name for names in _GROUPS.values() for name in names]
# Set by a shell that completes, as click names it.
_COMPLETE = "_SPARKIFY_COMPLETE"
# The last entry that matches the error decides.
_EXIT_CODES: tuple[tuple[int, str, tuple[type[BaseException], ...]], ...] = (
    (0, "done", ()),
    (1, "our error", (SparkifyError,)),
    (2, "usage or configuration", (UsageError, click.UsageError)),
    (3, "source", (SourceError,)),
    (4, "engine", (EngineError,)),
    (5, "check failed or too many rejects", (CheckError, TooManyRejectsError)),
    (130, "interrupted", (click.Abort, KeyboardInterrupt)),
)
_EPILOG = f"""\
Settings come from the option, else SPARKIFY_<NAME> in the environment, else dwh.cfg, else the default.

Exit codes: {", ".join(f"{code} {meaning}" for code, meaning, _ in _EXIT_CODES)}.

Completion in bash: eval "$(_SPARKIFY_COMPLETE=bash_source sparkify)". zsh_source is for zsh, fish_source for fish."""


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the command: the one place that turns errors into exit codes."""
    # The process lives for seconds: imports stay, and the many objects of a listing form no cycles.
    gc.set_threshold(1_000_000)
    output = open_outputs()
    if _COMPLETE in os.environ:
        import_module(f"{__name__}.shells").use_shells()
    code, is_done = _run(arguments)
    # A reader that has closed the pipe (`| head`) is not an error.
    if output and output.failure and not isinstance(output.failure, ConnectionError):
        advice = "what the command was to do is done" if is_done else "send it elsewhere"
        _say_error(f"sparkify: cannot write the output: {output.failure.strerror}; {advice}")
        code = code or (0 if is_done else 1)
    interrupts.leave()
    interrupts.ignore()
    sys.exit(code)


def _run(arguments: list[str] | None) -> tuple[int, bool]:
    """Run the command; returns its exit code, and whether it has done what stays done without its output."""
    try:
        try:
            # --help and --version return an exit code, a command a bool.
            ended = cli.main(arguments, standalone_mode=False)
            return (0, ended) if isinstance(ended, bool) else (ended, False)
        finally:
            sys.stdout.flush()
    except (SystemExit, GeneratorExit):
        raise
    # A panic of a library in Rust is no Exception.
    except BaseException as error:
        return _tell(error), False


def _tell(error: BaseException) -> int:
    """Say what ended a command; returns the exit code."""
    # Others make another error of Ctrl-C: click, DuckDB, and Python where it comes while a class is made.
    interrupts.leave()
    if isinstance(error, ReaderGoneError):
        return 0
    if isinstance(error, click.ClickException):
        told = io.StringIO()
        _explain(error).show(told)
        click.echo(mask(told.getvalue()), err=True, nl=False)
    elif isinstance(error, SparkifyError):
        _say_error(f"sparkify: {error}")
        # Such as the place in the SQL.
        for note in getattr(error, "__notes__", ()):
            for line in note.splitlines():
                _say_error(line)
    elif isinstance(error, click.Abort | KeyboardInterrupt):
        _say_error("interrupted")
    else:
        _say_error(f"sparkify: {_describe_unexpected(error)}")
    return next((code for code, _, kinds in reversed(_EXIT_CODES) if isinstance(error, kinds)), 1)


def _explain(error: click.ClickException) -> click.ClickException:
    """The error; one about an option that does not exist, or about a value, with a sentence about what to give."""
    if not isinstance(error, click.NoSuchOption | click.BadParameter) or error.ctx is None:
        return error
    from sparkify.cli.mistakes import explain_option, explain_value

    command = error.ctx.command
    if isinstance(error, click.BadParameter):
        return click.UsageError(explain_value(error.format_message(), command), error.ctx)
    return click.UsageError(explain_option(error.option_name, command, error.ctx), error.ctx)


def _describe_unexpected(error: BaseException) -> str:
    """The sentence about an error that no part of the program has turned into its own."""
    words = " ".join(str(error).split())
    name = type(error).__name__
    # A thread needs memory of its own.
    if isinstance(error, MemoryError) or "can't start new thread" in words:
        return (
            "the machine gave this process too little memory; what was committed before stays. Close other programs, "
            "or give less with --memory-limit and --threads"
        )
    place = _write_place(error)
    return (
        f"it did not expect this error ({name}{': ' if words else ''}{words}); what was committed before stays. Please "
        f"report it as a fault, with the command{f' and {place}, which says where it happened' if place else ''}"
    )


def _write_place(error: BaseException) -> str | None:
    """Write where an error happened to a new file in the folder of temporary files; returns its path."""
    import tempfile
    import traceback

    try:
        descriptor, place = tempfile.mkstemp(prefix="sparkify-fault-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.writelines(mask(line) for line in traceback.format_exception(error))
    except OSError:
        return None
    return place


def _say_error(text: str) -> None:
    click.echo(printable(mask(text)), err=True)


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return _COMMANDS

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, _COMMANDS))
        for title, names in _GROUPS.items():
            with formatter.section(title):
                commands = {name: self.get_command(ctx, name) for name in names}
                formatter.write_dl([(name.ljust(width), _first_paragraph(one)) for name, one in commands.items()])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        found: click.Command = getattr(import_module(f"{__name__}.{cmd_name}"), cmd_name)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not ctx.resilient_parsing:
            from sparkify.cli.mistakes import explain_command

            raise click.UsageError(explain_command(args, _COMMANDS), ctx)
        return super().resolve_command(ctx, args)


def _first_paragraph(command: click.Command | None) -> str:
    return " ".join(((command.help if command else None) or "").split("\n\n")[0].split())


@click.group(
    cls=_Commands,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", prog_name="sparkify")
def cli() -> None:
    """Sparkify's data warehouse: JSON logs and songs into a star schema."""
