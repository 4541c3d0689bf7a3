"""The verb `pull` as a command."""

from pathlib import Path
from typing import Any

import click

import streammerge
from streammerge.cli.exits import DONE, INCOMPLETE, STOPPING, run
from streammerge.cli.options import choice, options_of, progress_of, with_handoff, with_s3
from streammerge.cli.showing import say, say_stopped
from streammerge.cli.verbs import Verb
from streammerge.core.keys import parse_location
from streammerge.core.local import Check, RecordIO
from streammerge.core.pulled import PullReport, pulled_so_far, render_pull
from streammerge.errors import UsageError


@click.command(cls=Verb)
@click.argument("url", metavar="s3://BUCKET/PREFIX/")
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--check", type=choice(Check), default="size", show_default=True,
    help="What proves that a file is right already: its size and its object's time, or its MD5, for which "
    "every file is read.",
)  # fmt: skip
@click.option(
    "--recordio", type=choice(RecordIO), default="remove", show_default=True,
    help="What becomes of train.rec, train.idx and train.lst in DIR, which a trainer would read instead of images.",
)  # fmt: skip
@click.option("--sample", type=int, metavar="N", help="Pull N identities only, drawn by lot, the same ones every time.")
@with_handoff
@with_s3
def pull(**given: Any) -> int:
    """Bring a merged set to this machine, to train on it.

    Downloads the images below a prefix into DIR, as DIR/identity/name. What is there, and right, is not downloaded
    again: after an interruption, run the same command again. RecordIO files are not brought along. Other files in
    DIR are reported and left alone.

    Exit codes: 0 done, 1 failed (there is nothing to pull, or no room for it), 2 bad usage or input, 3 incomplete:
    run again to go on, 130 / 143 interrupted.
    """
    location, options = parse_location(given["url"]), options_of(given)
    if str(given["directory"]).startswith("s3:/"):
        raise UsageError("DIR is a directory of this machine; from S3 to S3 it is `streammerge merge … --into s3://…`")
    rules = {name: given[name] for name in ("check", "recordio", "sample", "classes", "manifest")}
    partial: list[PullReport] = []
    try:
        with progress_of(given, copying=True, title="Pulling") as progress:
            report = run(
                streammerge.pull(
                    location, given["directory"], options, progress=progress, stopped=partial.append, **rules
                )
            )
    except STOPPING as error:
        if not partial:
            raise
        return say_stopped(partial[0], pulled_so_far(partial[0]), error, given)
    return say(report, render_pull, given, DONE if report.complete else INCOMPLETE)
