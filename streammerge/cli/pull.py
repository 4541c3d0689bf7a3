"""The command `pull`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

import streammerge
from streammerge.cli.arguments import options_of, progress_of
from streammerge.cli.command import Command
from streammerge.cli.exits import BAD_USAGE, DONE, FAILED, INCOMPLETE, STOPPED, STOPPING, run
from streammerge.cli.files import check_files
from streammerge.cli.setting_option import option
from streammerge.cli.shared_options import complete_job_files, with_pictures, with_s3, with_training_files
from streammerge.cli.showing import say, say_stopped
from streammerge.dataset.junk import Hidden
from streammerge.errors import UsageError
from streammerge.pulling.paths import Check, RecordIO
from streammerge.pulling.report_lines import so_far

if TYPE_CHECKING:
    from streammerge.pulling.report import PullReport


@click.command(
    cls=Command,
    example="streammerge pull s3://bucket/merged/ data/merged \\\n      --manifest manifest.csv",
    codes=(DONE, BAD_USAGE, INCOMPLETE, *STOPPED),
    meanings={FAILED: "failed: nothing to pull, or no room for it"},
)
@click.argument("source", metavar="s3://BUCKET/PREFIX/ | JOB.toml", shell_complete=complete_job_files)
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False))
@option(
    "--check",
    type=click.Choice(get_args(Check)),
    default="size",
    show_default=True,
    help="How to recognize files that are already right: by size and time of the object, or by MD5, which reads every "
    "file.",
)
@option(
    "--recordio",
    type=click.Choice(get_args(RecordIO)),
    default="rename",
    show_default=True,
    help="What to do with train.rec, train.idx and train.lst in DIR, which a trainer would read instead of images: "
    "rename them to train.rec.stale and so on, remove or keep them, or stop.",
)
@option(
    "--hidden",
    type=click.Choice(get_args(Hidden)),
    default="ignore",
    show_default=True,
    help="Whether hidden images, AppleDouble files and images in hidden, cache and trash folders are ignored or "
    "included.",
)
@option("--sample", type=int, metavar="N", help="Pull only N identities, a reproducible random sample.")
@with_pictures
@with_training_files
@with_s3("pull")
def pull(**given: Any) -> int:
    """Download a merged set to this machine, to train on it.

    Downloads the images below a prefix to DIR/identity/name; or, given a job file, the images of its sources, selected
    and named as merge would, without a destination. Files that are already right are not downloaded again:
    if interrupted, rerun the command. RecordIO files are not downloaded. Other files in DIR are reported and left
    alone.
    """
    _check_arguments(given["source"], given["directory"])
    given["directory"] = Path(given["directory"])
    options = options_of(given)
    check_files({**given, "sources": [given["source"]]})
    rules = {
        name: given[name] for name in ("check", "recordio", "sample", "hidden", "classes", "manifest", "thumbnails")
    }
    partial: list[PullReport] = []
    try:
        with progress_of(given, copying=True, title="Pulling") as progress:
            report = run(
                streammerge.pull(
                    given["source"], given["directory"], options, progress=progress, stopped=partial.append, **rules
                )
            )
    except STOPPING as error:
        if not partial:
            raise
        return say_stopped(partial[0], so_far(partial[0]), error, given)
    return say(report, given, DONE if report.complete else INCOMPLETE)


def _check_arguments(source: str, directory: str) -> None:
    """Raises UsageError where the arguments are swapped, both are in S3, or there is no directory."""
    if not directory:
        raise UsageError("DIR is empty, like a variable that is not set: pass the directory to pull to")
    if not directory.startswith("s3:/"):
        return
    if "://" in source or source.endswith(".toml"):
        raise UsageError(
            f"{directory!r} is not a directory on this machine. To copy from S3 to S3, run `streammerge merge {source} "
            "--into s3://BUCKET/PREFIX/`"
        )
    raise UsageError("the prefix comes first, then the directory: `streammerge pull s3://BUCKET/PREFIX/ DIR`")
