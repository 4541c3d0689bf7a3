"""Merge and plan as tasks of a cluster: what a worker does in one of them.

Strategy: a worker lists, decides and copies as a single process does, but ends early, and hands back what is left.
Identities with so many copies that others would wait for them are only decided: their copies become tasks. What a
worker that was lost has copied is found at the destination, and counts as copied, since this run has made it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from streammerge.cluster.task import OVERTIME, Done, Task, Tools
from streammerge.dataset.job import Job
from streammerge.dataset.objects import Identity, Location, to_the_second
from streammerge.journal.buffered_lines import Lines
from streammerge.journal.history import History
from streammerge.listing.scan import RANGES
from streammerge.manifest.notes import ImageNotes
from streammerge.merging.copying import Ledger, copy_pool
from streammerge.merging.execution import Begin, copy_decided
from streammerge.merging.planner import Planner, Settle
from streammerge.merging.relayed_sources import relayed_sources
from streammerge.planning.collisions import Named
from streammerge.planning.outcomes import Execution, Made
from streammerge.planning.plan import KEPT, CopyTask, Decision
from streammerge.s3.options import Options
from streammerge.transfer.backoff import RetryPolicy

_LARGE = 5_000  # copies of an identity that several workers are to make


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerWork:
    """What is to be done about a job whose identities a planner decides. thumbnails: identities that a page shows."""

    job: Job
    options: Options
    past: History | None
    thumbnails: int = 0

    @property
    def known(self) -> Sequence[Any]:
        """What tasks need not bring."""
        return self.job, self.past

    @property
    def ranges(self) -> int:
        """How many ranges a task reads at once."""
        return RANGES

    @property
    def locations(self) -> Sequence[Location]:
        """All prefixes of the job."""
        return [*(source.location for source in self.job.sources), self.job.destination]

    def planner(self, done: Done, tools: Tools, *, settles: bool = True) -> Planner:
        """A planner for one task, which counts in its result."""
        retries = RetryPolicy(self.options.attempts)
        planner = Planner(self.job, tools.store, retries, tools.progress, settles=settles, thumbnails=self.thumbnails)
        planner.past = self.past
        planner.counters.relayed = relayed_sources(tools.store, self.job)
        done.counted = planner.counted
        return planner


class PlanWork(PlannerWork):
    """Decide about every identity."""

    __slots__ = ()

    async def do(self, task: Task, done: Done, tools: Tools) -> None:
        """Decide about the identities of a task."""
        planner = self.planner(done, tools)

        async def settle(_: Decision) -> None:
            """Nothing more is done about it."""

        await decide_task(planner, task, done, tools, settle, overtime=OVERTIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeWork(PlannerWork):
    """Make every copy.

    began: when the run did, by the server's clock. journals: what is done is recorded. notes: for a manifest.
    prunes: for --prune.
    """

    began: str
    journals: bool = False
    notes: bool = False
    prunes: bool = False

    @property
    def ranges(self) -> int:
        """Few at once: copies hold the listing back, and what was read is held."""
        return 4

    async def do(self, task: Task, done: Done, tools: Tools) -> None:
        """Make the copies of a task."""
        planner = self.planner(done, tools)
        lines, notes, keys = Lines(self.job), ImageNotes() if self.notes else None, _Keys([])
        tools.store.uploads = _Uploads(tools.opened, done.closed) if self.journals else None
        if self.prunes:
            planner.counters.unplanned.gather(keys)
        ledger = Ledger(planner.counters, tools.progress, lines if self.journals else None, notes)
        pool = copy_pool(
            tools.store,
            self.job,
            ledger,
            planner.decider.is_present,
            options=replace(self.options, max_failures=task.failures),
            progress=tools.progress,
            deadline=tools.store.deadline,
            slots=tools.slots,
            lost=task.lost,
            relayed=planner.counters.relayed,
        )
        if task.works:
            pool.works()

        async def decide(settle: Begin) -> None:
            async def settle_part(decision: Decision) -> None:
                made = _found_again(decision, self.began) if task.lost else ()
                if len(decision.copies) > _LARGE:
                    done.large += decision.copies
                    decision = decision._replace(copies=())
                for copy, _ in made:
                    planner.counters.found_again(copy)
                    tools.progress.planned(1)
                await settle(_to_copy(decision, made) if made else decision, made)

            for copy in task.copies:
                await pool.submit((copy, Execution(_decided_elsewhere(copy.identity), reevaluated=True)))
            await decide_task(planner, task, done, tools, settle_part)

        try:
            await copy_decided(planner, pool, ledger, decide, notes)
        finally:
            done.journal, done.images, done.unplanned = lines.take(), notes, keys.found


class _Uploads(NamedTuple):
    """Multipart uploads while they are open: the journal records those that were begun before they go on."""

    begun: Callable[[str, str], Awaitable[None]]
    ended: list[str]

    async def opening(self, target: str) -> None:
        await self.begun(target, "")

    async def opened(self, target: str, upload: str) -> None:
        await self.begun(target, upload)

    def closed(self, upload: str) -> None:
        self.ended.append(upload)


class _Keys(NamedTuple):
    """The keys of unplanned objects, to be sent."""

    found: list[tuple[str, str]]

    def add(self, key: str, reason: str) -> None:
        self.found.append((key, reason))

    def withdraw(self, key: str) -> None:
        self.found[:] = [one for one in self.found if one[0] != key]

    def batches(self, size: int) -> Sequence[dict[str, str]]:
        """All of them at once."""
        return [dict(self.found)] if size else []


async def decide_task(
    planner: Planner, task: Task, done: Done, tools: Tools, settle: Settle, *, overtime: float = 0.0
) -> None:
    """Decide about the identities of a task, until it is enough; what is left is in `done`.

    overtime: as for `scan_on`.
    """
    held = planner.held_back()
    emit = planner.decider_of_each(settle, held)
    for number, identity in enumerate(task.identities):
        if tools.enough() and number:
            done.complete += task.identities[number:]
            break
        if task.last:
            await planner.decide([identity], settle)
        else:
            await emit([identity])
    left = await planner.decide_on(
        task.rests, emit, enough=tools.enough, overtime=overtime, ranges=task.ranges, eager=task.eager
    )
    done.rests, done.shared, done.held = left.rests, left.shared, held.identities
    done.complete += left.complete


def _found_again(decision: Decision, began: str) -> list[tuple[CopyTask, Made]]:
    """What of a decision is present, and was copied since the run began."""
    there = {image.object.key: image.object for image in decision.identity.members[-1]}
    return [
        (copy, Made(there[copy.target].etag))
        for copy in decision.present
        if to_the_second(there[copy.target].modified) >= to_the_second(began)
    ]


def _to_copy(decision: Decision, made: Sequence[tuple[CopyTask, Made]]) -> Decision:
    """A decision by which these were not present, but to be copied."""
    copies = {copy.target: copy for copy, _ in made}
    return decision._replace(
        copies=[*decision.copies, *copies.values()],
        present=[copy for copy in decision.present if copy.target not in copies],
    )


def _decided_elsewhere(identity: str) -> Decision:
    return Decision(Identity(identity, []), (), KEPT, Named([], 0))
