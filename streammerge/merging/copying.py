"""Makes the copies of a plan, and records the outcome of each."""

from collections.abc import Awaitable, Callable, Container
from typing import Protocol

from streammerge.dataset.job import Job
from streammerge.dataset.objects import Location, S3Object, printable
from streammerge.dataset.sample import Sample
from streammerge.errors import ChangedError, ObjectError, RunError, S3Error
from streammerge.manifest.files import note
from streammerge.manifest.notes import Images
from streammerge.merging.outdated import Outdated
from streammerge.planning.counters import Counters
from streammerge.planning.outcomes import Changed, Execution, Failed, Made, Occupied, Outcome, Present
from streammerge.planning.plan import CopyTask
from streammerge.report.progress import Progress
from streammerge.s3.error_codes import adviser
from streammerge.s3.options import Options
from streammerge.transfer.backoff import RetryPolicy
from streammerge.transfer.circuit_breaker import CircuitBreaker
from streammerge.transfer.deadline import Deadline
from streammerge.transfer.pool import Pool
from streammerge.transfer.slots import Slots

_TYPICAL = 1 << 20  # bytes of a relayed object above which its duration says nothing about the others'
Planned = tuple[CopyTask, Execution]  # a copy to make, and the execution that it belongs to
IsPresent = Callable[[CopyTask, S3Object], Awaitable[bool]]  # whether what lies at a target is the planned image


class Copier(Protocol):
    """A store that copies."""

    async def copy(self, copy: CopyTask, source: Location, destination: Location) -> Made | S3Object:
        """Copy one object; returns what was made, or what has come to lie at the target."""


def copy_pool(
    store: Copier,
    job: Job,
    ledger: "Ledger",
    is_present: IsPresent,
    *,
    options: Options,
    progress: Progress,
    deadline: Deadline,
    slots: Slots | None = None,
    lost: bool = False,
    relayed: Container[int] = (),
) -> Pool[Planned, Outcome]:
    """A pool that makes copies, and tells the ledger of every outcome.

    slots: as Pool has them. lost: some of the copies may have been made by a worker of this run that was lost.
    relayed: positions of the sources whose objects go through this machine.
    """

    def is_typical(planned: Planned) -> bool:
        task, _ = planned
        return task.object.size <= (_TYPICAL if task.source in relayed else options.multipart_threshold)

    attempts = _Attempts(store, job, is_present, lost=lost)
    return Pool(
        attempts.make,
        ledger.settled,
        concurrency=options.concurrency,
        retries=RetryPolicy(options.attempts),
        circuit_breaker=CircuitBreaker(
            options.attempts,
            advise=adviser(
                "No copy has succeeded",
                permissions="Copying needs s3:GetObject and s3:GetObjectTagging on the sources, s3:PutObject and "
                f"s3:PutObjectTagging on {job.destination}",
            ),
            max_failures=options.max_failures,
        ),
        deadline=deadline,
        observer=progress,
        slots=slots,
        typical=is_typical,
        plural="copies",
    )


class _Attempts:
    """Makes attempts at copies."""

    def __init__(self, store: Copier, job: Job, is_present: IsPresent, *, lost: bool) -> None:
        self._store = store
        self._job = job
        self._is_present = is_present
        self._lost = lost

    async def make(self, planned: Planned, number: int) -> Outcome:
        """The outcome of an attempt. Raises S3Error if it failed, RunError if the run cannot continue."""
        task, execution = planned
        try:
            result = await self._store.copy(task, self._job.sources[task.source].location, self._job.destination)
        except ChangedError as error:
            if execution.reevaluated:  # once is enough
                raise ObjectError(str(error), code=error.code, status=error.status) from error
            return Changed(str(error))
        if isinstance(result, Made):
            return result
        if not await self._is_present(task, result):
            if self._job.if_exists == "fail":
                raise RunError(f"{printable(task.target)!r} was written by someone else during this run")
            return Occupied(result)
        # an earlier attempt may have made it, its answer lost
        return Made(result.etag) if number > 1 or self._lost else Present(result)


class Recorder(Protocol):
    """Whoever records what becomes of copies."""

    def copied(self, copy: CopyTask, made: Made) -> None:
        """Record a copy that was made."""

    def failed(self, copy: CopyTask, code: str, reason: str) -> None:
        """Record a copy that was given up."""


class Ledger:
    """Records the outcomes of copies in the counters, in the journal, and in the progress."""

    def __init__(
        self,
        counters: Counters,
        progress: Progress,
        journal: Recorder | None = None,
        database: Images | None = None,
        made: Sample[str] | None = None,
    ) -> None:
        """`made`: collects some keys of copies, if anything is to be found out about these."""
        self.outdated = Outdated()
        self._made = made
        self._counters = counters
        self._progress = progress
        self._journal = journal
        self._database = database

    def settled(self, planned: Planned, outcome: Outcome | S3Error) -> None:
        """Record the outcome of one copy."""
        task, execution = planned
        if isinstance(outcome, S3Error):
            outcome = Failed(outcome.code, str(outcome))
        execution.outcomes.append((task, outcome))
        self._counters.settled(task, outcome)
        self.note(task, outcome)
        if isinstance(outcome, Made):
            if self._made is not None:
                self._made.add(task.target, task.target)
            if self._journal is not None:
                self._journal.copied(task, outcome)
        elif isinstance(outcome, Failed) and self._journal is not None:
            self._journal.failed(task, *outcome)
        self.outdated.settled(execution, task, outcome)
        if isinstance(outcome, Failed):
            self._progress.failed(1)
        else:
            self._progress.copied(1)

    def note(self, task: CopyTask, outcome: Outcome) -> None:
        """Note an image that is at the destination now, for the manifest."""
        if self._database is not None and isinstance(outcome, Made | Present):
            etag = outcome.etag if isinstance(outcome, Made) else outcome.found.etag
            note(self._database, task, etag, self._counters.job)
