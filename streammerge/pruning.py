"""Pruning: what lies at the destination and is not in the plan is removed, if whoever is asked agrees.

Strategy: it comes last, after every copy has succeeded, and takes only keys that were listed below the destination and
that some decision called extra. Each batch is in the journal before it is removed.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from streammerge.core.extras import Extras
from streammerge.core.job import Job
from streammerge.core.keys import Location
from streammerge.core.rendering import counted
from streammerge.core.report import Failure
from streammerge.core.tally import Tally
from streammerge.errors import S3Error, StreamMergeError, UsageError
from streammerge.journal import Journal

Confirm = Callable[[Extras], Awaitable[bool]]
_BATCH = 1000  # what one request removes


class Remover(Protocol):
    """Whoever removes objects."""

    async def remove(self, location: Location, keys: Sequence[str]) -> dict[str, StreamMergeError]:
        """Remove objects below a prefix; the keys that stay, with the reason."""


def check_prunable(job: Job) -> None:
    """Raises UsageError where the destination is a whole bucket: nothing there says what belongs to the merge."""
    if not job.destination.prefix:
        raise UsageError(
            f"--prune would remove everything in {job.destination} that the merge has not put there: logs, journals, "
            "other data sets. It works below a prefix only"
        )


async def prune(remover: Remover, tally: Tally, confirm: Confirm, journal: Journal | None) -> None:
    """Remove what the plan does not want at the destination; what cannot be removed is in the tally, with the reason.

    confirm: is shown the extras, and says whether they may be removed; it is not asked where there are none, nor where
    a copy is missing or in conflict: whatever stays untouched then, the tally says why. Raises IncompleteError,
    RunError.
    """
    extras = tally.extras
    if not extras.total:
        return
    if obstacles := _obstacles(tally):
        tally.not_pruned = f"{obstacles}: --prune waits for a run without any"
        return
    tally.not_pruned = "not confirmed"  # also if the question is interrupted
    if not await confirm(extras):
        return
    tally.not_pruned = None
    assert extras.keys is not None, "the keys were to be gathered"
    reasons = dict(extras.keys)
    keys = list(reasons)
    tally.to_remove = len(keys)
    for start in range(0, len(keys), _BATCH):
        batch = keys[start : start + _BATCH]
        if journal is not None:
            await journal.removing(batch)
        failed = await remover.remove(extras.destination, batch)
        for key in batch:
            if error := failed.get(key):
                code = error.code if isinstance(error, S3Error) else type(error).__name__
                tally.failure_example(Failure(key, key, code, str(error)))
            else:
                tally.was_removed(key, reasons[key])


def _obstacles(tally: Tally) -> str:
    kinds = {"conflict": tally.conflicts, "failure": tally.failed, "missing copy": tally.left}
    return ", ".join(counted(count, what) for what, count in kinds.items() if count)
