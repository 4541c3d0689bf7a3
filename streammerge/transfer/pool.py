"""The pool: runs many tasks at once, each attempted until it succeeds or is given up.

Strategy: a task starts once it has a slot, so `submit` waits as soon as the limiter is full; that is the only
back-pressure. An attempt holds a slot, the wait for the next attempt does not. The failure of one object is a value,
never an exception; an error that concerns all objects stops the run, and then the pool drains.

When so many tasks fail that the circuit breaker is in doubt, tasks are held back until there are many, or no more, and
then run in random order, so that a block of failing objects does not hide the others.
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from streammerge.errors import S3Error, ThrottledError, TransientError
from streammerge.transfer.backoff import RetryPolicy, with_retries
from streammerge.transfer.circuit_breaker import SAMPLE, CircuitBreaker
from streammerge.transfer.deadline import Deadline
from streammerge.transfer.draining import DRAIN, DrainingGroup
from streammerge.transfer.open_files import affordable
from streammerge.transfer.slots import Slots

T = TypeVar("T")  # a task
_HELD = 20_000  # tasks held back in doubt, at most; a merge's take 1 to 2 KB each
A = TypeVar("A")
R = TypeVar("R")  # what becomes of a task that is not given up


class Observer(Protocol):
    """Shows the progress of a run."""

    def retried(self, error: TransientError) -> None:
        """An attempt failed and will be repeated."""

    def note(self, text: str) -> None:
        """Show a message."""


class Pool(Generic[T, R]):
    """An asynchronous context: `submit` tasks inside it; all are settled, or the run is stopped, when it is left.

    work: makes one attempt at a task, whose number counts from 1.
    settled: gets each task with the result of `work`, or with the S3Error for which it was given up.
    slots: those of the pools before it, whose limiter has learned already; with new ones the pool learns anew.
    typical: whether the duration of a task is representative of other tasks; if not, its requests are.
    concurrency: attempts in flight at most; fewer where this process may not open that many files.
    plural: what tasks are called.

    Any exception of `work` and `settled` other than S3Error stops the run.
    """

    def __init__(
        self,
        work: Callable[[T, int], Awaitable[R]],
        settled: Callable[[T, R | S3Error], None],
        *,
        concurrency: int,
        retries: RetryPolicy,
        circuit_breaker: CircuitBreaker,
        deadline: Deadline,
        observer: Observer,
        slots: Slots | None = None,
        typical: Callable[[T], bool] = lambda _: True,
        plural: str = "requests",
    ) -> None:
        self._work = work
        self._settled = settled
        self._retries = retries
        self._circuit_breaker = circuit_breaker
        self._observer = observer
        self._typical = typical
        self._plural = plural
        concurrency = affordable(concurrency)
        self._slots = Slots.of(concurrency) if slots is None else slots
        self._held: list[T] = []
        self.throttled = self.retried = 0  # attempts that were followed by another, throttled or not
        self._unsettled = asyncio.Semaphore(2 * concurrency)  # in flight, or waiting for another attempt
        self._group = DrainingGroup(deadline, self._tell)

    def _tell(self, in_flight: int) -> None:
        self._observer.note(
            f"Stopping; {self._plural} still in flight: {in_flight:,}. Waiting up to {DRAIN:.0f} seconds for them. "
            "Interrupt again to stop at once"
        )

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            try:
                await self.idle()
            except BaseException as stopped:  # noqa: BLE001 - the group raises it, once it is drained
                error = stopped
        await self._group.__aexit__(kind, error, traceback)
        if error is None:
            self._circuit_breaker.ended()

    async def submit(self, task: T) -> None:
        """Start a task as soon as there is a slot; in doubt only together with many others.

        Raises RuntimeError where the run is being stopped: the cancellation of the caller is on its way then.
        """
        if not self._circuit_breaker.doubtful:
            await self._start(task)
            return
        self._held.append(task)
        if len(self._held) == _HELD:
            await self._go_on()
        else:
            await asyncio.sleep(0)  # others take turns, so that what is held is from all places where they are

    def works(self) -> None:
        """Record that an object is known to be accessible, so that a denial is not a missing permission."""
        self._circuit_breaker.works()

    async def idle(self) -> None:
        """Wait until every task that was submitted is settled."""
        await self._group.idle()
        while self._held:
            await self._go_on()

    async def ask(self, request: Callable[[], Awaitable[A]]) -> A:
        """The answer to a request that is no task, attempted as often as one, each time as soon as there is a slot.

        Raises what the request raises, after the last attempt also a TransientError.
        """

        async def attempt() -> A:
            entered, throttled = await self._slots.enter(), False
            feedback = self._slots.feedback()
            try:
                with feedback.collecting():
                    return await request()
            except ThrottledError:
                throttled = True
                raise
            finally:
                self._slots.leave(entered, throttled=throttled, feedback=feedback)

        return await with_retries(attempt, self._retries, self._retried)

    def _retried(self, error: TransientError) -> None:
        self.throttled += isinstance(error, ThrottledError)
        self.retried += not isinstance(error, ThrottledError)
        self._observer.retried(error)

    async def _start(self, task: T) -> None:
        await self._unsettled.acquire()
        entered = await self._slots.enter()
        try:
            self._group.spawn(self._settle(task, entered))
        except RuntimeError:
            self._slots.leave(entered, feedback=self._slots.feedback())  # the next pool may use the same
            raise

    async def _go_on(self) -> None:
        """Start what was held back: first a sample, which shows whether the rest is worth an attempt."""
        tasks, self._held = self._held, []
        random.Random(0).shuffle(tasks)  # noqa: S311 - a sample, not secrecy
        await self._group.idle()
        with self._circuit_breaker.drawing():
            for number, task in enumerate(tasks):
                if number == SAMPLE:
                    await self._group.idle()
                await self._start(task)
            await self._group.idle()

    async def _settle(self, task: T, entered: float) -> None:
        try:
            outcome = await self._attempt(task, entered)
            self._settled(task, outcome)
            self._circuit_breaker.settled(outcome if isinstance(outcome, S3Error) else None)
        finally:
            self._unsettled.release()

    async def _attempt(self, task: T, entered: float) -> R | S3Error:
        typical = self._typical(task)
        for attempt in itertools.count(1):
            throttled, feedback = False, None if typical else self._slots.feedback()
            try:
                if feedback is None:
                    return await self._work(task, attempt)
                with feedback.collecting():
                    return await self._work(task, attempt)
            except TransientError as error:
                throttled = isinstance(error, ThrottledError)
                if attempt == self._retries.attempts:
                    return error
                self._retried(error)
            except S3Error as error:
                return error
            finally:
                self._slots.leave(entered, throttled=throttled, feedback=feedback)
            with self._group.waiting():
                await asyncio.sleep(self._retries.wait(attempt))
                entered = await self._slots.enter()
        raise AssertionError
