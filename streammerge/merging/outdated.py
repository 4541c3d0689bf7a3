"""Outdated executions: identities whose source objects changed after they were listed.

Strategy: they are re-evaluated once all copies are settled. Until then those that are settled themselves wait in a
temporary file, since a source that is rewritten during a run makes every execution one of them.
"""

import pickle
import tempfile
from collections.abc import Iterator
from typing import IO, Self

from streammerge.planning.outcomes import Changed, Execution, Outcome
from streammerge.planning.plan import CopyTask

_IN_MEMORY = 4 << 20  # bytes; beyond it they are on disk


class Outdated:
    """A context that gets every outcome, and collects outdated executions."""

    def __init__(self) -> None:
        self._open: dict[str, Execution] = {}  # by identity: some of their copies are not settled yet
        self._file: IO[bytes] | None = None  # most runs need none
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def settled(self, execution: Execution, task: CopyTask, outcome: Outcome) -> None:
        """Record an outcome of an execution."""
        if isinstance(outcome, Changed):
            self._open[task.identity] = execution
        if self._open.get(task.identity) is execution and len(execution.outcomes) == len(execution.decision.copies):
            if self._file is None:
                self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed with this context
            pickle.dump(self._open.pop(task.identity), self._file, pickle.HIGHEST_PROTOCOL)
            self._count += 1

    def __iter__(self) -> Iterator[Execution]:
        """All outdated executions, in the order in which they were settled; nothing may be recorded after that."""
        if self._file is None:
            return
        self._file.seek(0)
        for _ in range(self._count):
            yield pickle.load(self._file)  # noqa: S301 - what was written above, into a file without a name
