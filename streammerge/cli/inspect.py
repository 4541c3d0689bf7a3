"""The command `inspect`."""

from typing import Any

import click

import streammerge
from streammerge.cli.arguments import cluster_of, options_of, progress_of, sources_of
from streammerge.cli.command import Command
from streammerge.cli.exits import BAD_USAGE, CUT_SHORT, DONE, FAILED, INCOMPLETE, STOPPED, run
from streammerge.cli.files import check_files
from streammerge.cli.setting_option import FILE, number_or_all, option
from streammerge.cli.shared_options import with_cluster, with_pictures, with_s3, with_sources
from streammerge.cli.showing import say
from streammerge.settings import Section


@click.command(
    cls=Command,
    example="streammerge inspect s3://bucket/photos/ s3://bucket/faces/",
    codes=(DONE, FAILED, BAD_USAGE, *STOPPED),
    meanings={INCOMPLETE: CUT_SHORT},
)
@with_sources("inspect")
@option(
    "--duplicates",
    "noise",
    is_flag=True,
    help="Also count equal contents under different identities (label noise), with examples. Takes 8 bytes of "
    "memory per image and, if there are any, a second listing.",
)
@option(
    "--decode",
    metavar="N|all",
    callback=number_or_all,
    help="Read and decode N images, or all, and report those that a loader cannot read: truncated, not an image, "
    "wrong extension, no pixels, CMYK, 16 bits, animated. Needs Pillow.",
)
@option(
    "--save-corrupt",
    section=Section.OUTPUT,
    type=FILE,
    metavar="FILE",
    help="Write what --decode finds to FILE (.csv), for merge --ignore-corrupt.",
)
@with_pictures
@with_cluster
@with_s3("inspect")
def inspect(**given: Any) -> int:
    """Summarize prefixes, and what a merge of them would keep.

    Only lists, unless --decode or --thumbnails asks to read images; nothing is written to S3. A flat prefix is counted
    using the layout inferred from its file names, unless --layout names one.
    """
    sources, options = sources_of(given), options_of(given)
    check_files(given)
    asked = {name: given[name] for name in ("noise", "decode", "save_corrupt", "thumbnails")}
    with progress_of(given, copying=bool(given["decode"]), title="Decoding") as progress:
        report = run(streammerge.inspect(sources, options, progress=progress, cluster=cluster_of(given), **asked))
    return say(report, given, DONE)
