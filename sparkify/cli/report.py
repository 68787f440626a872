"""sparkify report."""

from contextlib import suppress
from pathlib import Path

import click

import sparkify
from sparkify.cli.options import command, common, cutting, echo_json
from sparkify.console import say
from sparkify.errors import UsageError
from sparkify.formats import format_bytes
from sparkify.questions.cut import Cut
from sparkify.settings import Config


@command()
@click.option("-o", "--output", metavar="FILE", default="sparkify-report.html", show_default=True, help="Output file.")
@click.option("--with-people", is_flag=True, help="Also name places that have a single listener.")
@cutting
@common()
def report(config: Config, output: str, cut: Cut, with_people: bool, as_json: bool, quiet: bool) -> None:
    """Write one HTML page that answers every prepared question. It needs no other file and no network."""
    page = sparkify.render_report(config, cut=cut, with_people=with_people, on_note=None if quiet else say).encode()
    write_page(page, output)
    if as_json:
        echo_json({"report": output, "bytes": len(page)})
    elif not quiet:
        say(f"{output}: {format_bytes(len(page))}; open it in a browser")


def write_page(page: bytes, file: str) -> None:
    """Write a page to a file, replacing it. Raises UsageError if it cannot be written."""
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
        raise UsageError(f"cannot write the page {file}: {error.strerror}; choose another file") from None
