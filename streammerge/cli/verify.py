"""The command `verify`."""

from typing import Any

import click

import streammerge
from streammerge.cli.arguments import cluster_of, job_of, journal_of, options_of, progress_of
from streammerge.cli.command import Command
from streammerge.cli.exits import BAD_USAGE, CUT_SHORT, DIFFERENT, DONE, FAILED, INCOMPLETE, STOPPED, run
from streammerge.cli.files import check_files
from streammerge.cli.setting_option import number_or_all, option
from streammerge.cli.shared_options import ARGUMENTS, with_cluster, with_job, with_journal, with_pictures, with_s3
from streammerge.cli.showing import say


@click.command(
    cls=Command,
    example=f"streammerge verify {ARGUMENTS}",
    codes=(FAILED, BAD_USAGE, DIFFERENT, *STOPPED),
    meanings={DONE: "the destination is exactly what the plan wants", INCOMPLETE: CUT_SHORT},
)
@with_job("verify")
@option(
    "--deep",
    metavar="N|all",
    callback=number_or_all,
    help="Compare the bytes of N images, or of all, that neither ETags nor stored checksums decide about.",
)
@with_journal("The journal to read")
@with_pictures
@with_cluster
@with_s3("verify")
def verify(**given: Any) -> int:
    """Verify that the destination matches the sources; copies nothing.

    Lists and decides as merge does, with the same arguments, and reports what is missing, different or unplanned at
    the destination, and what proves that the rest is right. Where ETags prove nothing (multipart, KMS), it compares the
    checksums that S3 stores, by a HEAD request or two per image. Options that only affect copies are accepted, have no
    effect, and are not listed here.
    """
    job, options = job_of(given), options_of(given)
    journal = journal_of(given, job, options, only_read=True)
    check_files({**given, "identity_map": job.identity_map}, journal)
    with progress_of(given, copying=False) as progress:
        found = run(
            streammerge.verify(
                job,
                options,
                progress=progress,
                journal=journal,
                deep=given["deep"],
                thumbnails=given["thumbnails"],
                cluster=cluster_of(given),
            )
        )
    return say(found, given, DONE if found.exact else DIFFERENT)
