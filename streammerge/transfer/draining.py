"""A group of tasks that drains when it ends early: tasks in flight get a bounded time to finish.

Strategy: like `asyncio.TaskGroup`, but for one thing: a task that fails, an error in the block or a cancellation does
not cancel the other tasks, since S3 finishes their requests anyway, and what it made is to be recorded. Only tasks that
wait for another attempt are cancelled at once, and all of them when the time is up or a second cancellation comes.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Self

from streammerge.errors import StreamMergeError
from streammerge.transfer.deadline import Deadline

DRAIN = 10.0  # seconds that the tasks in flight are given
_SHORT = 0.5  # seconds of waiting that are not worth a message


class DrainingGroup:
    """An asynchronous context; no task outlives the block.

    It raises the error of the first task that fails, after the others are drained. draining: called with the number of
    tasks in flight if draining takes more than a moment.
    """

    def __init__(self, deadline: Deadline, draining: Callable[[int], None]) -> None:
        self._deadline = deadline
        self._draining = draining
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Task[Any]] = set()  # may be cancelled without a loss
        self._owner: asyncio.Task[Any] | None = None  # runs the block
        self._failure: BaseException | None = None
        self._owner_cancelled = False  # by the failure
        self._ending = True  # nothing new is to be started

    async def __aenter__(self) -> Self:
        self._owner = asyncio.current_task()
        self._ending = False
        return self

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a task. Raises RuntimeError where the group is ending: the caller is about to be cancelled then."""
        if self._ending:
            work.close()
            raise RuntimeError("the group is shutting down or finished")
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """While the block lasts, the task that runs it has nothing in flight, and is cancelled when the group ends."""
        if self._ending:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            yield
        finally:
            self._waiting.discard(task)

    async def idle(self) -> None:
        """Wait until no task is left, or one has failed."""
        while self._tasks and self._failure is None:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None or self._failure is not None:
            return
        if self._ending and isinstance(error, StreamMergeError):
            return  # the run has already ended for another reason
        self._failure = error
        self._end()
        if self._owner is not None:  # still in the block
            self._owner_cancelled = self._owner.cancel()

    def _end(self) -> None:
        self._ending = True
        self._deadline.start()
        for task in self._waiting:
            task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        owner, self._owner = self._owner, None
        assert owner is not None
        if self._owner_cancelled:
            owner.uncancel()
        cancellations = owner.cancelling()
        if error is None:
            try:
                await self.idle()
            except asyncio.CancelledError as cancelled:
                error = cancelled
        if error is not None or self._failure is not None:
            self._end()
            await self._drain(owner, cancellations)
        self._ending = True
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        if error is not None and kind is None:
            raise error

    async def _drain(self, owner: asyncio.Task[Any], cancellations: int) -> None:
        loop = asyncio.get_running_loop()
        clock, until = loop.time, loop.time() + DRAIN
        telling = loop.call_later(_SHORT, lambda: self._draining(len(self._tasks)))
        while self._tasks and clock() < until:
            try:
                await asyncio.wait(self._tasks, timeout=until - clock())
            except asyncio.CancelledError:
                if owner.cancelling() > cancellations:  # again: the user will not wait
                    break
        telling.cancel()
        for task in self._tasks:
            task.cancel()
        while self._tasks:  # for their clean-up, which has the same deadline
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait(self._tasks)
