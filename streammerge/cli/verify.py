"""The verb `verify` as a command."""

from typing import Any, Literal

import click

import streammerge
from streammerge.cli.exits import DIFFERENT, DONE, run
from streammerge.cli.files import check_writable
from streammerge.cli.options import job_of, journal_of, options_of, progress_of, with_job, with_page
from streammerge.cli.showing import say
from streammerge.cli.verbs import Verb
from streammerge.core.verification_text import render_verification


def _read_deep(_: click.Context, __: click.Parameter, value: str) -> int | Literal["all"]:
    if value == "all":
        return "all"
    if value.isascii() and value.isdigit():
        return int(value)
    raise click.BadParameter(f"{value!r} is neither a number of images nor 'all'")


@click.command(cls=Verb)
@with_job
@with_page
@click.option(
    "--deep", metavar="N|all", default="0", callback=_read_deep,
    help="Compare the bytes of so many images, or of all, that ETags cannot decide about (multipart, KMS).",
)  # fmt: skip
def verify(**given: Any) -> int:
    """Prove the destination against the sources; copies nothing.

    Lists and decides like merge, with the same arguments, and says what is missing, different or extra at the
    destination, and what proves the rest.

    Exit codes: 0 it is exactly what the plan wants, 4 it is not, 1 failed, 2 bad usage or input, 130 / 143 interrupted.
    """
    job, options = job_of(given), options_of(given)
    check_writable(given["html"], given["sources"])
    with progress_of(given, copying=False) as progress:
        found = run(
            streammerge.verify(job, options, progress=progress, journal=journal_of(given, job), deep=given["deep"])
        )
    return say(found, render_verification, given, DONE if found.exact else DIFFERENT)
