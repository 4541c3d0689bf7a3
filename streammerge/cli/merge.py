"""The verbs `merge` and `plan` as commands."""

from pathlib import Path
from typing import Any

import click

import streammerge
from streammerge.cli.asking import confirm_of
from streammerge.cli.exits import DONE, INCOMPLETE, STOPPING, run
from streammerge.cli.files import check_writable, write_file
from streammerge.cli.options import (
    job_of,
    journal_of,
    options_of,
    progress_of,
    with_handoff,
    with_job,
    with_page,
)
from streammerge.cli.showing import say, say_stopped
from streammerge.cli.typed import command_to_go_on
from streammerge.cli.verbs import Verb
from streammerge.core.cost import parse_prices
from streammerge.core.rendering import human_bytes, render, so_far
from streammerge.core.report import Report


def _code(report: Report) -> int:
    return DONE if report.complete else INCOMPLETE


@click.command(cls=Verb)
@with_job
@with_page
@with_handoff
@click.option(
    "--prune", is_flag=True,
    help="Once every copy has succeeded, remove what is not in the plan from the destination; asks before.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask before removing; for scripts.")
def merge(**given: Any) -> int:
    """Merge SOURCES into one destination.

    An identity is kept if it has enough images over all sources. What is already at the destination, and right, is
    not copied again: after an interruption, run the same command again. Nothing there is overwritten or removed
    unless you ask for it.

    Exit codes: 0 done, 1 failed, 2 bad usage or input, 3 incomplete: run again to go on, 130 / 143 interrupted.
    """
    job, options = job_of(given), options_of(given)
    check_writable(given["html"], given["sources"])
    partial: list[Report] = []
    try:
        with progress_of(given, copying=True) as progress:
            place = journal_of(given, job)
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
                    stopped=partial.append,
                )
            )
    except STOPPING as error:
        if not partial:
            raise
        return say_stopped(partial[0], so_far(partial[0]), error, given)
    return say(report, lambda report: "\n".join([render(report), *_of_journal(place)]), given, _code(report))


def _of_journal(place: str | None) -> list[str]:
    if place is None:
        return []
    try:
        size = "" if "://" in place else f"{human_bytes(Path(place).stat().st_size)}; "
    except OSError:  # somebody has removed it meanwhile
        return []
    return [f"Journal:       {place}", f"               {size}keep it while this job may run again"]


@click.command(cls=Verb)
@with_job
@with_page
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path),
    help="Write every copy to make to this file, a line of JSON each.",
)  # fmt: skip
@click.option(
    "--save-job", type=click.Path(dir_okay=False, path_type=Path),
    help="Write the job to this file, for merge and plan to read.",
)  # fmt: skip
@click.option(
    "--price", "prices", multiple=True, metavar="KIND=USD",
    help="USD per 1,000 requests of a kind (copy, list, put, head, get), instead of the built-in price.",
)  # fmt: skip
def plan(**given: Any) -> int:
    """Say what merge would do, and what it would cost.

    Lists and decides like merge; copies nothing.
    """
    job, options = job_of(given), options_of(given)
    check_writable(given["html"], given["sources"])
    prices = parse_prices(given["prices"])
    if given["save_job"] is not None:
        from streammerge.core.jobfile import write_job  # noqa: PLC0415 - --help need not read TOML

        write_file(given["save_job"], write_job(job))
    with progress_of(given, copying=False) as progress:
        report = run(
            streammerge.plan(
                job, options, progress=progress, prices=prices, output=given["output"], journal=journal_of(given, job)
            )
        )
    return say(report, render, given, _code(report))
