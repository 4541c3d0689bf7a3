"""The `streammerge` command with all its subcommands."""

import click

import streammerge
from streammerge.cli.command import CommandGroup
from streammerge.cli.demo import demo
from streammerge.cli.inspect import inspect
from streammerge.cli.merge import merge, plan
from streammerge.cli.pull import pull
from streammerge.cli.status import status
from streammerge.cli.verify import verify


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(streammerge.__version__, "-V", "--version")
def commands() -> None:
    """Merge ImageFolder data sets (prefix/identity/image) that live in S3, without downloading them.

    Start with `streammerge demo`, or with `streammerge inspect s3://BUCKET/PREFIX/`.
    `streammerge COMMAND --help` explains a command.
    """


for _command in (inspect, plan, merge, status, verify, pull, demo):
    commands.add_command(_command)
