"""The command `sparkify`: parse, call one function of the library, print, exit.

Exit codes: 0 done, 1 our error, 2 usage or configuration, 3 source, 4 engine, 5 check failed, 130 interrupted.
Nothing heavy is imported before a command needs it: `sparkify --help` answers at once.
"""

import gc
import sys

import click

from sparkify._version import __version__
from sparkify.cli.changing import create, load, replay, undo
from sparkify.cli.reading import check, compare, doctor, plan, query, rejects, report, status
from sparkify.cli.streams import open_outputs
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
    output = open_outputs()
    code = _run(arguments)
    # A reader that has gone (`| head`) wants no more, and is not an error.
    if output and output.failure and not isinstance(output.failure, ConnectionError):
        _say_error(f"sparkify: the output cannot be written: {output.failure.strerror}; send it elsewhere")
        code = code or 1
    sys.exit(code)


def _run(arguments: list[str] | None) -> int:
    try:
        try:
            # --help and --version give an exit code, a command gives none.
            return cli.main(arguments, standalone_mode=False) or 0
        finally:
            sys.stdout.flush()
    except (click.exceptions.Abort, KeyboardInterrupt):
        _say_error("interrupted")
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SparkifyError as error:
        _say_error(f"sparkify: {error}")
        return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))


def _say_error(text: str) -> None:
    click.echo(printable(text), err=True)


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="sparkify")
def cli() -> None:
    """Sparkify's data warehouse: JSON logs and songs into a star schema."""


_COMMANDS = (create, plan, load, status, rejects, undo, replay, check, doctor, compare, query, report, simulate, demo)
for _command in _COMMANDS:
    cli.add_command(_command)
