"""The verb `inspect` as a command."""

from typing import Any

import click

import streammerge
from streammerge.cli.exits import DONE, run
from streammerge.cli.files import check_writable
from streammerge.cli.options import options_of, progress_of, sources_of, with_page, with_s3, with_sources
from streammerge.cli.showing import say
from streammerge.cli.verbs import Verb
from streammerge.core.inspected_text import render_inspection


@click.command(cls=Verb)
@with_sources
@click.option(
    "--duplicates", "noise", is_flag=True,
    help="Also count equal contents under different identities (label noise), and list examples. "
    "Takes 8 bytes of memory an image, and where there are any, a second listing.",
)  # fmt: skip
@with_page
@with_s3
def inspect(**given: Any) -> int:
    """Say what is in prefixes, and what a merge of them would keep.

    Only lists. A flat prefix is counted by the layout that its names propose, unless you say one.
    """
    sources, options = sources_of(given), options_of(given)
    check_writable(given["html"], given["sources"])
    with progress_of(given, copying=False) as progress:
        report = run(streammerge.inspect(sources, options, noise=given["noise"], progress=progress))
    return say(report, render_inspection, given, DONE)
