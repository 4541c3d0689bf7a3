"""All verbs, as one command."""

import click

from streammerge.cli.demo import demo
from streammerge.cli.inspect import inspect
from streammerge.cli.merge import merge, plan
from streammerge.cli.pull import pull
from streammerge.cli.status import status
from streammerge.cli.verbs import Verbs
from streammerge.cli.verify import verify


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="streammerge")
def commands() -> None:
    """Merge ImageFolder data sets (prefix/identity/image) that live in S3, without downloading them.

    Begin with `streammerge demo`, or with `streammerge inspect` on prefixes of your own.
    `streammerge VERB --help` explains a verb.
    """


for _verb in (inspect, plan, merge, status, verify, pull, demo):
    commands.add_command(_verb)
