"""Decides about one identity, and asks S3 where ETags alone are not conclusive."""

from typing import Protocol

from streammerge.dataset.job import Job
from streammerge.dataset.objects import Identity, Location, S3Object, printable
from streammerge.errors import RunError
from streammerge.planning.plan import Conflict, CopyTask, Decision, Judged, Past, decide, is_same
from streammerge.transfer.backoff import RetryPolicy, with_retries


class Store(Protocol):
    """A store that can say what ETags are."""

    async def etags_are_md5(self, copy: CopyTask, source: Location, destination: Location) -> bool:
        """Whether the ETags of a source object and of what lies at its target are MD5s, by a request for each."""


class Decider:
    """Decides about the identities of a job, one at a time.

    settles: False to leave conflicts that are not certain to whoever asks S3 about many at once.
    """

    def __init__(self, job: Job, store: Store, retries: RetryPolicy, *, settles: bool = True) -> None:
        self._job = job
        self._store = store
        self._retries = retries
        self._settles = settles

    async def decide(self, identity: Identity, past: Past | None) -> Decision:
        """The decision, by what is known of earlier runs. Raises RunError, and S3Error where S3 cannot be asked."""
        return await self.resolved(decide(identity, self._job, past), past)

    async def resolved(self, decision: Decision, past: Past | None) -> Decision:
        """A decision, its conflicts resolved. Raises as `decide` does."""
        if not decision.conflicts:
            return decision
        if self._job.append:
            return await self._judged(decision, Judged({}, past))
        return await self._resolve(decision) if self._settles else decision

    async def _judged(self, decision: Decision, past: Judged) -> Decision:
        """Decide again, once it is known which images are there, of those that ETags tell nothing of."""
        while decision.conflicts:
            for conflict in decision.conflicts:
                task = conflict.copy
                past.known[task.object.key, task.target] = await self._are_encrypted(task)
            decision = decide(decision.identity, self._job, past)
        return decision

    async def _resolve(self, decision: Decision) -> Decision:
        """Settle the conflicts: some are none, for ETags that are no MD5s; the rest are as `if_exists` has it."""
        copies, present, conflicts = list(decision.copies), list(decision.present), list[Conflict]()
        for conflict in decision.conflicts:
            task = conflict.copy
            if not conflict.certain and await self._are_encrypted(task):
                present.append(task)
            elif self._job.if_exists == "overwrite":
                copies.append(task._replace(replaces=True))
            elif self._job.if_exists == "fail":
                raise RunError(
                    f"{printable(task.target)!r} already exists at the destination, and is not the planned image. "
                    "--if-exists skip-same keeps it and reports a conflict, overwrite replaces it"
                )
            else:
                conflicts.append(conflict)
        return decision._replace(copies=copies, present=present, conflicts=conflicts)

    async def is_present(self, task: CopyTask, found: S3Object) -> bool:
        """Whether what has come to lie at a target since it was listed is the planned image: no record tells of it."""
        same = is_same(task, found)
        return await self._are_encrypted(task) if same is None else same

    async def _are_encrypted(self, task: CopyTask) -> bool:
        source = self._job.sources[task.source].location
        return not await with_retries(
            lambda: self._store.etags_are_md5(task, source, self._job.destination), self._retries
        )
