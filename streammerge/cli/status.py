"""The command `status`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streammerge.cli.command import Command
from streammerge.cli.exits import BAD_USAGE, DONE, FAILED, STOPPED
from streammerge.cli.files import check_files, write_page
from streammerge.cli.setting_option import option
from streammerge.cli.shared_options import with_page
from streammerge.cli.showing import show, show_report, tell_error
from streammerge.errors import UsageError
from streammerge.journal.report_lines import describe
from streammerge.report.units import counted, human_bytes

if TYPE_CHECKING:
    from streammerge.journal.summary import JournalSummary

_COST = """Their jobs can still be run again. What only a journal proves, such as copies of multipart or KMS objects, is
then judged by size and time."""


@click.command(cls=Command, example="streammerge status", codes=(DONE, FAILED, BAD_USAGE, *STOPPED))
@click.argument("journals", nargs=-1, metavar="[JOURNAL ...]", type=click.Path())
@option("--clean", is_flag=True, help="Remove the journals of completed jobs, after asking.")
@option("--yes", is_flag=True, help="Confirm --clean without a question, for scripts.")
@with_page
@option("--json", "as_json", is_flag=True, help="Print the journals' summaries as one JSON object.")
def status(journals: tuple[str, ...], *, clean: bool, yes: bool, as_json: bool, html: Path | None) -> int:
    """Show the progress of this machine's jobs, from their journals.

    Sends no requests. Without a JOURNAL, reads all in the state directory.
    """
    from streammerge.journal.journal import state_directory  # noqa: PLC0415 - no other command needs these
    from streammerge.journal.status import read_journals  # noqa: PLC0415

    if yes and not clean:
        raise UsageError("--yes answers the question of --clean: pass --clean, too")
    if clean and html:
        raise UsageError("--clean writes no report: omit --html")
    check_files({"html": html, "sources": journals})
    told, problems = read_journals(journals)
    if clean:
        done = [each for each in told if each.state == "complete"]
        return _clean(done, problems, yes=yes, as_json=as_json)
    if problems and journals and not told:
        raise problems[0]
    failure = _tell_problems(problems, journals)
    if told:
        write_page(html, describe(told))
    if as_json:
        show(json.dumps({"journals": [one.to_json() for one in told], **failure}))
    elif told:
        show_report(describe(told))
    elif not problems:
        show(f"No journal in {state_directory()}")
    return BAD_USAGE if failure else DONE


def _tell_problems(problems: Sequence[UsageError], named: Sequence[str] = ()) -> dict[str, Any]:
    """Tell what is wrong with some journals; what JSON says of it, where these were named."""
    for problem in problems:
        tell_error(str(problem))
    return {"error": str(problems[0]), "exit_code": BAD_USAGE} if problems and named else {}


def _clean(done: Sequence["JournalSummary"], problems: list[UsageError], *, yes: bool, as_json: bool) -> int:
    from streammerge.journal.cleaning import remove_journal  # noqa: PLC0415 - only here it is needed

    removed: list[JournalSummary] = []
    if done and (yes or _agreed(done)):
        for told in done:
            try:
                remove_journal(told)
            except UsageError as error:
                problems.append(error)
            else:
                removed.append(told)
    failure = _tell_problems(problems, ["any"])
    size = sum(told.size for told in removed)
    if as_json:
        show(json.dumps({"removed": [told.journal for told in removed], "bytes": size, **failure}))
    else:
        none = "Nothing removed" if done else "No journal of a completed job"
        show(f"Removed {counted(len(removed), 'journal')} ({human_bytes(size)})" if removed else none)
    return BAD_USAGE if failure else DONE


def _agreed(done: Sequence["JournalSummary"]) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "--clean asks before it removes anything, and there is no terminal to ask on: pass --yes to confirm"
        )
    click.echo(f"To remove: {counted(len(done), 'journal')} of completed jobs", err=True)
    for told in done:
        click.echo(f"  {told.journal} ({human_bytes(told.size)}): {told.job}", err=True)
    click.echo(_COST, err=True)
    return click.confirm("Remove them?", err=True)
