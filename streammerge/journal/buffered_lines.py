"""Lines of a journal in memory: what a worker records of its copies, and a journal before it writes."""

import time

from streammerge.dataset.job import Job
from streammerge.journal import format as records
from streammerge.planning.outcomes import Made
from streammerge.planning.plan import CopyTask


class Lines:
    """Records of copies, as lines in the journal's format."""

    def __init__(self, job: Job) -> None:
        self._names = [source.name for source in job.inputs]
        self._lines: list[bytes] = []

    def copied(self, copy: CopyTask, made: Made) -> None:
        """Record a copy that was made."""
        self._lines.append(records.copied(copy, self._names[copy.source], made, time.time()))

    def failed(self, copy: CopyTask, code: str, reason: str) -> None:
        """Record a copy that was given up."""
        self._lines.append(records.failed(copy, self._names[copy.source], code, reason, time.time()))

    def take(self) -> bytes:
        """Take all lines; none are left."""
        lines, self._lines = b"".join(self._lines), []
        return lines
