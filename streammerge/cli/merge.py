"""The commands `merge` and `plan`.

Rules of a job are fields of `dataset/job.py`, and become options by themselves; here is what only a command needs.
"""

import contextlib
from pathlib import Path
from typing import Any

import click

import streammerge
from streammerge.cli.arguments import cluster_of, job_of, journal_of, options_of, progress_of
from streammerge.cli.asking import confirm_of
from streammerge.cli.command import Command
from streammerge.cli.command_line import command_to_go_on
from streammerge.cli.exits import BAD_USAGE, DONE, FAILED, INCOMPLETE, STOPPED, STOPPING, run
from streammerge.cli.files import check_files, write_file
from streammerge.cli.setting_option import FILE, option, was_given
from streammerge.cli.shared_options import (
    ARGUMENTS,
    with_cluster,
    with_job,
    with_journal,
    with_pictures,
    with_s3,
    with_training_files,
)
from streammerge.cli.showing import say, say_stopped
from streammerge.planning.cost import parse_prices
from streammerge.planning.report import Report
from streammerge.planning.stopped_run import so_far
from streammerge.report.description import Fact, Key, size
from streammerge.report.description import Section as ReportSection
from streammerge.s3.options import Options
from streammerge.settings import Section, settings_of


def _code(report: Report) -> int:
    return DONE if report.complete else INCOMPLETE


_CODES = (DONE, FAILED, BAD_USAGE, INCOMPLETE, *STOPPED)


@click.command(cls=Command, example=f"streammerge merge {ARGUMENTS}", codes=_CODES)
@with_job("merge")
@option(
    "--prune",
    section=Section.EXISTING,
    is_flag=True,
    help="Once every copy has succeeded, remove unplanned objects from the destination, after asking.",
)
@option("--yes", section=Section.EXISTING, is_flag=True, help="Confirm --prune without a question, for scripts.")
@with_journal("Where to record what is done")
@with_pictures
@with_training_files
@with_cluster
@with_s3("merge")
def merge(**given: Any) -> int:
    """Merge data sets into one destination, within S3.

    Identities with enough images over all sources are kept. Images that are already at the destination are not
    copied again: if interrupted, rerun the command. Nothing there is overwritten or removed unless you ask for it.
    """
    job, options = job_of(given), options_of(given)
    place = journal_of(given, job, options)
    check_files({**given, "identity_map": job.identity_map}, place)
    partial: list[Report] = []
    try:
        with progress_of(given, copying=True) as progress:
            report = run(
                streammerge.merge(
                    job,
                    options,
                    progress=progress,
                    journal=place,
                    command=command_to_go_on(),
                    classes=given["classes"],
                    manifest=given["manifest"],
                    confirm_prune=confirm_of(prune=given["prune"], yes=given["yes"], progress=progress),
                    thumbnails=given["thumbnails"],
                    cluster=cluster_of(given),
                    stopped=partial.append,
                )
            )
    except STOPPING as error:
        if not partial:
            raise
        return say_stopped(partial[0], so_far(partial[0]), error, given)
    return say(report, given, _code(report), _of_journal(place))


def _not_in_job_files() -> str:
    """The properties of copies that were chosen on the command line: a job file says what to merge, not how to copy."""
    chosen = (setting for setting in settings_of(Options) if setting.section is Section.COPIES)
    return ", ".join(setting.option for setting in chosen if was_given(setting.argument))


def _of_journal(place: str | None) -> ReportSection:
    """Where the journal is, and how large, if it is still there."""
    facts = []
    with contextlib.suppress(OSError):  # somebody has removed it meanwhile
        if place is not None:
            detail = () if "://" in place else (size(Path(place).stat().st_size),)
            facts = [Fact("Journal", Key(place), detail)]
    return ReportSection("Files", facts, notes=["Keep the journal as long as this job may run again."] if facts else [])


@click.command(
    cls=Command,
    example=f"streammerge plan {ARGUMENTS}",
    codes=_CODES,
    meanings={INCOMPLETE: "a merge would leave conflicts or keys that are too long; or listing stopped early"},
)
@with_job("plan")
@with_journal("The journal to read")
@with_pictures
@option(
    "--output",
    section=Section.OUTPUT,
    type=FILE,
    metavar="FILE",
    help="Write the copies to make to FILE, one JSON object per line.",
)
@option(
    "--identity-map-template",
    section=Section.OUTPUT,
    type=FILE,
    metavar="FILE",
    help="Write to FILE (.csv) the identities that sources share, and those that differ in spelling alone, united: an "
    "--identity-map to begin from. Lists everything twice.",
)
@option(
    "--save-job",
    section=Section.OUTPUT,
    type=FILE,
    metavar="FILE",
    help="Save the job to FILE, a job file that can be passed instead of sources.",
)
@option(
    "--price",
    "prices",
    section=Section.OUTPUT,
    multiple=True,
    metavar="KIND=USD",
    help="Price of 1,000 requests of a kind (copy, list, put, head, get), instead of the built-in one.",
)
@with_cluster
@with_s3("plan")
def plan(**given: Any) -> int:
    """Show what merge would do, and what it would cost: a dry run.

    Lists and decides as merge does, but copies nothing. Takes every option of merge except --prune; options that
    only affect copies have no effect and are not listed here.
    """
    job, options = job_of(given), options_of(given)
    journal = journal_of(given, job, options, only_read=True)
    check_files({**given, "identity_map": job.identity_map}, journal)
    prices = parse_prices(given["prices"])
    if given["save_job"] is not None:
        from streammerge.dataset.job_file import write_job  # noqa: PLC0415 - --help need not read TOML

        write_file(given["save_job"], write_job(job))
    with progress_of(given, copying=False) as progress:
        if given["save_job"] is not None and (omitted := _not_in_job_files()):
            progress.warn(f"{given['save_job']} does not include {omitted}: pass that to merge as well")
        report = run(
            streammerge.plan(
                job,
                options,
                progress=progress,
                prices=prices,
                output=given["output"],
                journal=journal,
                identity_map_template=given["identity_map_template"],
                thumbnails=given["thumbnails"],
                cluster=cluster_of(given),
            )
        )
    return say(report, given, _code(report))
