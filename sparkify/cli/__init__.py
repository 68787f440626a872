"""The command `sparkify`: parse, call one function of the library, print, exit.

Exit codes: 0 done, 1 our error, 2 usage or configuration, 3 source, 4 engine, 5 check failed, 130 interrupted.
Nothing heavy is imported before a command needs it: `sparkify --help` answers at once.
"""

import gc
import io
import os
import sys

import click

from sparkify import __version__
from sparkify.cli.changing import create, load, replay, undo
from sparkify.cli.reading import check, compare, doctor, plan, query, rejects, report, status
from sparkify.cli.trying import demo, simulate
from sparkify.errors import (
    CheckError,
    EngineError,
    SourceError,
    SparkifyError,
    TooManyRejectsError,
    UsageError,
)
from sparkify.formats import printable

# The first class that fits decides.
_EXIT_CODES: tuple[tuple[type[SparkifyError], int], ...] = (
    (UsageError, 2),
    (SourceError, 3),
    (EngineError, 4),
    (CheckError, 5),
    (TooManyRejectsError, 5),
    (SparkifyError, 1),
)
_EPILOG = """\b
Settings come from the option, else SPARKIFY_<NAME> in the environment, else dwh.cfg, else the default.
Exit codes: 0 done, 1 our error, 2 usage or configuration, 3 source, 4 engine, 5 check failed
or too many rejects, 130 interrupted."""


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the command: the one place that turns errors into exit codes."""
    # For a process of seconds: what is imported stays, and the objects of a listing are no cycles.
    gc.set_threshold(100_000)
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
    click.echo(printable(text), err=True)


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="sparkify")
def cli() -> None:
    """Sparkify's data warehouse: JSON logs and songs into a star schema."""


_COMMANDS = (create, plan, load, status, rejects, undo, replay, check, doctor, compare, query, report, simulate, demo)
for _command in _COMMANDS:
    cli.add_command(_command)
