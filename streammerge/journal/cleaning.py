"""Removing the journals of completed jobs."""

from pathlib import Path

from streammerge.errors import UsageError
from streammerge.journal.storage import FileStorage
from streammerge.journal.summary import JournalSummary


def remove_journal(summary: JournalSummary) -> None:
    """Remove a journal, as it was read. Raises UsageError where a run has it, or has written to it since."""
    path = Path(summary.journal)
    with FileStorage(path):
        try:
            if path.stat().st_size != summary.size:
                raise UsageError(f"{path} stays: another run of its job has written to it meanwhile")
            path.unlink()
        except OSError as error:
            raise UsageError(f"cannot remove the journal {path}: {error.strerror}") from error
