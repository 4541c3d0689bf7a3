"""Removes unplanned objects from the destination, after the user has confirmed.

Strategy: pruning comes last, after every copy has succeeded, and takes only keys that were listed below the destination
and left unplanned by a decision. Each batch is in the journal before it is removed.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from streammerge.dataset.job import Job
from streammerge.dataset.objects import Location
from streammerge.errors import S3Error, StreamMergeError, UsageError
from streammerge.journal.journal import Journal
from streammerge.planning.counters import Counters
from streammerge.planning.failures import Failure
from streammerge.planning.unplanned import Unplanned
from streammerge.report.units import counted

Confirm = Callable[[Unplanned], Awaitable[bool]]
_BATCH = 1000  # what one request removes


class Remover(Protocol):
    """A store that removes objects."""

    async def remove(self, location: Location, keys: Sequence[str]) -> dict[str, StreamMergeError]:
        """Remove objects below a prefix; the keys that stay, with the reason."""


def check_prunable(job: Job) -> None:
    """Raises UsageError where a job appends, so that nothing is unplanned, and where the destination is a whole bucket.

    Nothing in a bucket says what belongs to the merge.
    """
    if job.append:
        raise UsageError("--append keeps everything at the destination, so there is nothing to --prune")
    if not job.destination.prefix:
        raise UsageError(
            f"--prune would remove everything else in the bucket {job.destination}: logs, journals, other data sets. "
            "It needs a destination with a prefix"
        )


async def prune(remover: Remover, counters: Counters, confirm: Confirm, journal: Journal | None) -> None:
    """Remove unplanned objects from the destination; those that cannot be removed are counted, with the reason.

    confirm: is shown the unplanned objects, and answers whether they may be removed. It is not asked where there are
    none, where a copy is missing or in conflict, nor where a source has no image; the counters say why then.
    Raises IncompleteError, RunError.
    """
    unplanned = counters.unplanned
    if not unplanned.total:
        return
    if obstacles := _obstacles(counters):
        counters.not_pruned = f"not removed because of {obstacles}"
        return
    counters.not_pruned = "not confirmed"  # also if the question is interrupted
    if not await confirm(unplanned):
        return
    counters.not_pruned = None
    assert unplanned.keys is not None, "the keys were to be gathered"
    counters.to_remove = unplanned.total
    for reasons in unplanned.keys.batches(_BATCH):
        batch = list(reasons)
        if journal is not None:
            await journal.removing(batch)
        failed = await remover.remove(unplanned.destination, batch)
        for key in batch:
            if error := failed.get(key):
                code = error.code if isinstance(error, S3Error) else type(error).__name__
                counters.failures.example(Failure(key, key, code, str(error)))
            else:
                counters.was_removed(key, reasons[key])


def _obstacles(counters: Counters) -> str:
    empty = sum(not listed.images for listed in counters.sources)  # perhaps emptied since the run began
    kinds = {"conflict": counters.conflicts, "failure": counters.failed, "missing copy": counters.left}
    return ", ".join(counted(count, what) for what, count in {**kinds, "empty source": empty}.items() if count)
