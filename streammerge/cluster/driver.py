"""The driver: has the workers of a cluster work through a backlog, and adds up the results.

Strategy: each worker has one task at a time, pinned to it, so the driver knows which task is lost with a worker and
gives it to another. Once a second, and when a worker becomes idle, it asks all for their progress, and tells them that
some are idle: busy ones then stop early and return what is left. At most one result per worker is on its way, and few
are read at once. A task that fails is retried, by any worker, once the others are done; a worker that fails two in a
row gets no more.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from streammerge.cluster import worker
from streammerge.cluster.backlog import Backlog
from streammerge.cluster.members import Cluster, call, deserted, result_of, welcome, workers_of
from streammerge.cluster.pickling import unpack
from streammerge.cluster.results import Answer, Recorder, Results, Total
from streammerge.cluster.task import Task, Work
from streammerge.cluster.workers_progress import Watch
from streammerge.dataset.objects import Location
from streammerge.errors import IncompleteError, RunError, StreamMergeError, UsageError
from streammerge.listing.listing import Listing
from streammerge.listing.opening import check_splittable
from streammerge.report.progress import Progress
from streammerge.report.units import counted

if TYPE_CHECKING:
    from streammerge.s3.client import S3Client  # botocore takes longer to load than --help may

_INTERVAL = 1.0  # seconds between requests for progress
_READ_AT_ONCE = 4  # results
_DRAIN = 12.0  # seconds for workers to finish the copies in flight; they take at most 10
_PATIENCE = 60.0  # seconds without any worker
_FAILED = 2  # tasks in a row, after which a worker gets no more


@dataclass(slots=True)
class _Member:
    """A worker: its task, if it has one. problem: why it gets none."""

    gone: asyncio.Event = field(default_factory=asyncio.Event)
    task: Task | None = None
    idle: float = 0.0  # seconds
    failed: int = 0  # tasks in a row
    problem: StreamMergeError | None = None


class Crew:
    """The workers of a cluster during one run.

    store, listings: the prefixes, as this process reaches them. journal: where to record what tasks do.
    """

    def __init__(
        self,
        cluster: Cluster,
        work: Work,
        store: "S3Client",
        listings: Sequence[tuple[Location, Listing]],
        *,
        total: Total,
        progress: Progress,
        journal: Recorder | None = None,
    ) -> None:
        """Raises UsageError where the listings cannot be split."""
        check_splittable(listings)
        self.watch = Watch(progress)
        self._cluster = cluster
        self._run = secrets.token_hex(4)
        self._work = work
        self._backlog = Backlog([listing for _, listing in listings], work.ranges)
        self._total = total
        self._progress = progress
        self.results = Results(self._backlog, total, self.watch, journal)
        self._servers = {place: store.server_of(place) for place in work.locations}
        self._members: dict[str, _Member] = {}
        self._serving: dict[asyncio.Task[None], str] = {}
        self._idle = 0
        self._last = self._finished = self._stopping = self._heard = False
        self._news, self._hungry = asyncio.Event(), asyncio.Event()
        self._reading = asyncio.Semaphore(_READ_AT_ONCE)

    async def work_off(self) -> None:
        """Have everything done. If cancelled, it waits a few seconds for the copies in flight.

        Raises UsageError, RunError as a single process would, IncompleteError where the scheduler is gone, no worker is
        left, or tasks were given up.
        """
        try:
            await self._supervise()
        except BaseException:
            await self._drain()
            raise
        finally:
            self._stopping = True
            await self._dismiss()
            self.results.end()
        self.results.check_given_up()

    async def _supervise(self) -> None:
        seen = time.monotonic()  # when there was a worker
        while not self._finished:
            there = await workers_of(self._cluster)
            for address, member in self._members.items():
                if address not in there:
                    member.gone.set()
            for address in there:
                if address not in self._members:
                    self._members[address] = _Member()
                    self._serving[asyncio.create_task(self._serve(address))] = address
            seen = time.monotonic() if self._members else seen
            if time.monotonic() > seen + _PATIENCE:
                raise deserted(self._cluster, _PATIENCE)
            self._check_members()
            await self._look()
            if too_many := self.results.too_many_failed():
                raise too_many
            self.watch.show({address: member.idle for address, member in self._members.items()})
            waiting = asyncio.ensure_future(self._pause())
            await asyncio.wait({waiting, *self._serving}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            for served in [served for served in self._serving if served.done()]:
                del self._members[self._serving.pop(served)]
                served.result()

    async def _pause(self) -> None:
        """Wait until workers are to be asked again: at once if one has become idle, for others to share with it."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hungry.wait(), _INTERVAL)
        self._hungry.clear()

    def _check_members(self) -> None:
        """Raises the problem of a worker if no worker without one is left."""
        problems = [member.problem for member in self._members.values()]
        if problems and all(problems) and (problem := problems[0]):
            if isinstance(problem, UsageError) and self._backlog.begun and self._total.works:
                raise IncompleteError(f"no worker is left that can be used: {problem}") from problem
            raise problem

    @property
    def _usable(self) -> int:
        return sum(member.problem is None for member in self._members.values())  # workers that may get tasks

    async def _serve(self, address: str) -> None:
        """Give one worker task after task, until nothing is left or the worker is gone."""
        member = self._members[address]
        try:
            await welcome(self._cluster, address, self._run, self._work, self._servers)
        except worker.LostError:
            return
        except UsageError as problem:
            member.problem = problem
            self._progress.warn(f"{problem}. This worker gets no tasks")
        while member.problem is None and (task := await self._next(member)) is not None:
            try:
                answer = await self._done(address, task)
                if answer is None:
                    self._progress.note(f"Worker {address} is lost; another one does its task again")
                    self.watch.forget(address)
                    self._backlog.again(task)
                    return
                if answer[0].stopped and not self._stopping:
                    self._progress.note(f"Worker {address} had lost contact; its task is done again")
                    self.watch.forget(address)
                    self._backlog.put(task)
                    return
                await self._take(address, task, answer)
            finally:
                member.task = None
                self._wake()
        if member.problem is not None:
            await member.gone.wait()

    async def _next(self, member: _Member) -> Task | None:
        """The next task, as soon as there is one; None once there is none left."""
        while not (self._stopping or self._finished or member.gone.is_set()):
            if (task := self._backlog.take(self._idle, self._usable)) is not None:
                member.task = self._ordered(task)
                return member.task
            if not any(other.task for other in self._members.values()):
                self._finished = self._nothing_left()
                self._wake()
                continue
            self._idle, since = self._idle + 1, time.monotonic()
            self._hungry.set()
            try:
                await self._news.wait()
            finally:
                self._idle -= 1
                member.idle += time.monotonic() - since
        return None

    def _ordered(self, task: Task) -> Task:
        """The task, with what is known by now."""
        bound = self._work.options.max_rate
        return replace(
            task,
            works=self._total.works,
            failures=self._total.failures,
            max_rate=None if bound is None else bound / self._usable,
        )

    def _nothing_left(self) -> bool:
        """Whether nothing at all is left to be done, now that no task is under way and the backlog is empty."""
        self.results.check_refused()
        if self._last or self._backlog.lacks:
            return True
        self._last = True
        self._backlog.decide_last(self._total.last(self._backlog.shared, self._backlog.held))
        return self._backlog.empty

    async def _done(self, address: str, task: Task) -> Answer | None:
        """The result of a task; None if its worker was lost."""
        known = self._work.known
        result = asyncio.ensure_future(
            result_of(self._cluster, address, self._run, task, known=known, reading=self._reading)
        )
        leaving = asyncio.ensure_future(self._members[address].gone.wait())
        try:
            await asyncio.wait({result, leaving}, return_when=asyncio.FIRST_COMPLETED)
            data = result.result() if result.done() else None
            answer: Answer | None = None if data is None else unpack(data, known)
            return answer
        finally:
            result.cancel()
            leaving.cancel()

    async def _take(self, address: str, task: Task, answer: Answer) -> None:
        """Process the result of a task. A worker that fails repeatedly gets no more."""
        member = self._members[address]
        error = await self.results.take(address, task, answer, final=self._stopping)
        if error is None:
            member.failed = 0
            return
        member.failed += 1
        if member.failed < _FAILED:
            self._progress.note(f"Worker {address} has failed at {task}, which is done again later: {error}")
        else:
            member.problem = error
            self._progress.warn(f"worker {address} has failed {_FAILED} tasks in a row, and gets no more: {error}")

    async def _look(self) -> None:
        """Ask all workers for their progress, or they assume the run is gone, and tell whether some are idle."""
        there = [address for address, member in self._members.items() if not member.gone.is_set()]
        if not there:
            return
        wanted, heard, self._heard = self._idle > 0 and self._backlog.empty, self._heard, False
        try:
            async with asyncio.timeout(_INTERVAL):
                looked = await call(self._cluster, worker.look, there, self._run, wanted=wanted, heard=heard)
        except TimeoutError:  # a worker is on its way out, which the next round shows
            return
        for address, seen in looked.items():
            if not isinstance(seen, worker.Looked):
                continue
            await self.results.begun(seen.told.uploads)
            task = self._members[address].task if address in self._members else None
            if task is not None and task.number == seen.task:
                self.watch.look(address, seen.counts, seen.told.texts)
        self._heard = True

    async def _drain(self) -> None:
        """Let the workers finish the copies in flight, and process their results."""
        self._stopping = True
        self._wake()
        with contextlib.suppress(StreamMergeError, TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(_DRAIN):
                if busy := self._busy():
                    self._progress.note(
                        f"Stopping; waiting up to {_DRAIN:.0f} seconds for {counted(len(busy), 'worker')}"
                    )
                    await call(self._cluster, worker.stop, busy, self._run)
                while self._busy():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), _INTERVAL)
                    await self._look()

    def _busy(self) -> list[str]:
        return [address for address, member in self._members.items() if member.task]

    async def _dismiss(self) -> None:
        for served in self._serving:
            served.cancel()
        if self._serving:
            await asyncio.wait(self._serving)
        for served in self._serving:
            if not served.cancelled():
                served.exception()  # which is not the first
        with contextlib.suppress(RunError, TimeoutError):
            await asyncio.wait_for(call(self._cluster, worker.end, list(self._members), self._run), 2.0)

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
