"""sparkify help."""

import click

from sparkify.cli.completion import complete_help
from sparkify.cli.options import command


@command("sparkify help load", "sparkify help query churn")
@click.argument("words", metavar="[COMMAND]...", nargs=-1, shell_complete=complete_help)
@click.pass_context
def help(context: click.Context, words: tuple[str, ...]) -> None:
    """Show the commands, or the options of one. Of a question, what its numbers mean."""
    if context.parent is not None and isinstance(group := context.parent.command, click.Group):
        group.main([*words, "--help"], prog_name=context.parent.info_name, standalone_mode=False)
