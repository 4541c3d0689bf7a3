"""The command `status`: summarizes the journals on this machine, without network access."""

import logging
from collections.abc import Sequence
from pathlib import Path

from streammerge.errors import UsageError
from streammerge.journal.journal import state_directory
from streammerge.journal.storage import is_held, reading
from streammerge.journal.summary import JournalSummary, summarize

_log = logging.getLogger(__name__)


def status(journals: Sequence[str | Path] = ()) -> list[JournalSummary]:
    """Summarize these journals, or by default all in the state directory, sorted by their newest record.

    One that is no journal, or cannot be read, is logged as a warning. Raises UsageError where all of these are so.
    """
    summaries, problems = read_journals(journals)
    if journals and not summaries:
        raise problems[0]
    for problem in problems:
        _log.warning("%s", problem)
    return summaries


def read_journals(journals: Sequence[str | Path] = ()) -> tuple[list[JournalSummary], list[UsageError]]:
    """The same, and an error for each journal that cannot be read: one hides none of the others."""
    if isinstance(journals, str | Path):
        raise UsageError(f"journals: {str(journals)!r} is a single path; give a list, such as [{str(journals)!r}]")
    summaries, problems = list[JournalSummary](), list[UsageError]()
    for journal in journals or sorted(state_directory().glob("*.journal")):
        try:
            summaries.append(_summary_of(_local(journal)))
        except UsageError as error:
            problems.append(error)
    return summaries if journals else sorted(summaries, key=lambda one: one.last or 0.0), problems


def _local(journal: str | Path) -> Path:
    if isinstance(journal, str) and "://" in journal:
        raise UsageError(f"{journal} is not on this machine: status sends no requests, and reads local journals only")
    if (path := Path(journal)).suffix == ".toml":
        raise UsageError(
            f"{path} is a job file, and status reads journals: without arguments, it shows the jobs of this machine"
        )
    return path


def _summary_of(path: Path) -> JournalSummary:
    try:
        with reading(path) as lines:
            return summarize(lines, str(path), held=is_held(path), size=path.stat().st_size)
    except FileNotFoundError as error:
        raise UsageError(
            f"there is no journal {path}. Without arguments, status shows all jobs of this machine"
        ) from error
