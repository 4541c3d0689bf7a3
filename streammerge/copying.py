"""Copying: the plan's copies through one gate, each tried until it succeeds or is given up.

Strategy: take a slot from the gate, then start the copy; so whoever hands over copies waits as soon as the gate is
full, and that is all the back-pressure there is. An object that fails is a count and a reason, never an exception;
what concerns every object stops the run. A run that is cancelled lets the copies in flight come to their end, since
S3 makes them whether or not somebody waits for the answer.
"""

import asyncio
import contextlib
import itertools
from types import TracebackType
from typing import Protocol, Self

from streammerge.core.job import Job
from streammerge.core.keys import Location, printable
from streammerge.core.plan import Conflict, Copy, Decision, Found
from streammerge.core.report import Failure
from streammerge.core.tally import Tally
from streammerge.errors import (
    ChangedError,
    DeniedError,
    IncompleteError,
    RunError,
    S3Error,
    TakenError,
    ThrottledError,
    TransientError,
    UsageError,
)
from streammerge.gate import Gate, spawn
from streammerge.journal import Journal
from streammerge.progress import Progress
from streammerge.s3.options import Options
from streammerge.s3.retry import Outage, Retries

_DENIED_IN_A_ROW = 256  # with no success before: then it is not this object, it is the permission
_DRAIN = 10.0  # seconds that a cancelled run gives the copies in flight


class Copier(Protocol):
    """A store that copies."""

    async def copy(self, copy: Copy, source: Location, destination: Location) -> str:
        """Copy one object, pinned to the ETag that was listed; returns the ETag of the copy."""


class Judge(Protocol):
    """Whoever tells whether what lies at a target is the planned image."""

    async def is_present(self, copy: Copy, found: Found) -> bool:
        """Whether it is."""


class Copying:
    """An asynchronous context: `submit` copies inside it, and all are done when it is left."""

    def __init__(
        self,
        store: Copier,
        job: Job,
        tally: Tally,
        progress: Progress,
        options: Options,
        *,
        judge: Judge,
        journal: Journal | None = None,
    ) -> None:
        self._changed: dict[int, Decision] = {}
        self._store = store
        self._job = job
        self._tally = tally
        self._progress = progress
        self._journal = journal
        self._judge = judge
        self._retries = Retries(options.attempts)
        self._outage = Outage(self._retries)
        self._multipart_threshold = options.multipart_threshold
        self._max_failures = options.max_failures
        self._gate = Gate.of(options.concurrency)
        self._unsettled = asyncio.Semaphore(2 * options.concurrency)  # in flight, or waiting for another try
        self._group = asyncio.TaskGroup()
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._waiting = set[asyncio.Task[None]]()  # for another try
        self._ending = False  # nothing is tried again
        self._denied = 0
        self._first_denied = ""
        self._worked = False  # something was made or there before decisions were withdrawn

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is not None and issubclass(kind, asyncio.CancelledError) and not self._ending:
                await self._drain()
        finally:
            await self._group.__aexit__(kind, error, traceback)
        self._check_denied(enough=1)

    async def _drain(self) -> None:
        self._ending = True
        for task in self._waiting:
            task.cancel()
        if self._open > len(self._waiting):
            self._progress.note(
                f"Interrupted: finishing the {self._open - len(self._waiting):,} copies in flight, for {_DRAIN:.0f} "
                "seconds at most. Once more to stop at once"
            )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN):
                await self._idle.wait()

    async def submit(self, copy: Copy, decision: Decision) -> None:
        """Start a copy as soon as the gate has a place."""
        await self._unsettled.acquire()
        entered = await self._gate.enter()
        spawn(self._group, self._settle(copy, decision, entered))
        self._open += 1
        self._idle.clear()

    async def settled(self) -> list[Decision]:
        """Wait until every copy is made or given up, or its source was seen not to be what was listed (any more).

        Returns the decisions with copies of the latter kind: they are to be decided anew.
        """
        await self._idle.wait()
        self._worked = bool(self._tally.copied or self._tally.present)
        return list(self._changed.values())

    async def _settle(self, copy: Copy, decision: Decision, entered: float) -> None:
        try:
            await self._settle_object(copy, decision, entered)
        except BaseException:
            self._ending = True  # whatever concerns every object needs no drain
            raise
        finally:
            self._unsettled.release()
            self._open -= 1
            if not self._open:
                self._idle.set()

    async def _settle_object(self, copy: Copy, decision: Decision, entered: float) -> None:
        try:
            await self._try_until_settled(copy, decision, entered)
        except ChangedError as error:
            self._has_changed(copy, decision, error)
            self._outage.settled(error)
        except S3Error as error:
            self._fail(copy, decision, error)
            self._outage.settled(error)
        else:
            self._outage.settled()

    async def _try_until_settled(self, copy: Copy, decision: Decision, entered: float) -> None:
        for attempt in itertools.count(1):
            try:
                etag = await self._try(copy, entered)
            except TakenError as error:
                await self._is_taken(copy, decision, error.found, by_us=attempt > 1)
                return
            except TransientError as error:
                if attempt == self._retries.attempts:
                    raise
                self._progress.retried(error)
            else:
                self._made(copy, decision, etag)
                return
            if self._ending:
                return
            entered = await self._wait(attempt)

    async def _wait(self, attempt: int) -> float:
        """Wait for another try, outside the gate: others may go on. Returns when it starts."""
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            await asyncio.sleep(self._retries.wait(attempt))
            return await self._gate.enter()
        finally:
            self._waiting.remove(task)

    async def _try(self, copy: Copy, entered: float) -> str:
        throttled = False
        try:
            return await self._store.copy(copy, self._job.sources[copy.source].location, self._job.destination)
        except ThrottledError:
            throttled = True
            raise
        finally:
            self._gate.leave(entered, throttled=throttled, typical=copy.size <= self._multipart_threshold)

    def _made(self, copy: Copy, decision: Decision, etag: str) -> None:
        self._tally.made(copy, decision)
        if self._journal is not None:
            self._journal.copied(copy, etag)
        self._progress.copied(1)

    async def _is_taken(self, copy: Copy, decision: Decision, found: Found, *, by_us: bool) -> None:
        """Settle a copy whose target is no longer free. by_us: an earlier try may have made it, its answer lost."""
        if not await self._judge.is_present(copy, found):
            if self._job.if_exists == "fail":
                raise RunError(f"{printable(copy.target)!r} was written by someone else while this run was under way")
            self._tally.found_taken(Conflict(copy, found, certain=True), decision)
        elif by_us:
            self._made(copy, decision, found.etag)
            return
        else:
            self._tally.found_made(copy, decision)
        self._progress.copied(1)

    def _has_changed(self, copy: Copy, decision: Decision, error: ChangedError) -> None:
        if decision.anew:
            self._fail(copy, decision, error)
        else:
            self._changed[id(decision)] = decision
            self._progress.copied(1)  # it will never be made; what is decided anew is planned anew

    def _fail(self, copy: Copy, decision: Decision, error: S3Error) -> None:
        self._tally.failure(Failure(copy.key, copy.target, error.code, str(error)), decision)
        if self._journal is not None:
            self._journal.failed(copy, error)
        self._progress.failed(1)
        if isinstance(error, DeniedError):
            self._denied += 1
            self._first_denied = self._first_denied or str(error)
            self._check_denied(enough=_DENIED_IN_A_ROW)
        if self._max_failures is not None and self._tally.failed > self._max_failures:
            raise IncompleteError(
                f"{self._tally.failed:,} objects failed, more than --max-failures allows; the last: {error}. "
                "What was copied stays: run the same command again to go on"
            )

    def _check_denied(self, *, enough: int) -> None:
        tally = self._tally
        worked = self._worked or tally.copied or tally.present
        if not worked and self._denied >= enough and self._denied == tally.failed:
            raise UsageError(
                f"no access: {self._first_denied}. No copy has succeeded. Copying needs s3:GetObject and "
                f"s3:GetObjectTagging on the sources, s3:PutObject and s3:PutObjectTagging on {self._job.destination}"
            )
