"""The verb `demo` as a command."""

import click

from streammerge.cli.exits import DONE, INTERRUPTED, run
from streammerge.cli.verbs import Verb


@click.command(cls=Verb)
@click.option("--keep", is_flag=True, help="Leave the server up until Ctrl-C, to try commands on it.")
def demo(*, keep: bool) -> int:
    """Show a whole merge on a local S3 server; needs no account.

    Starts a real S3 server on this machine, makes two small data sets, merges them, and cleans up.
    """
    from streammerge.demo.story import tell  # noqa: PLC0415 - only this command needs it

    try:
        tell(click.echo, run, keep=keep)
    except KeyboardInterrupt:
        click.echo("\nInterrupted. The demo's server is stopped and its data removed.", err=True)
        return INTERRUPTED
    return DONE
