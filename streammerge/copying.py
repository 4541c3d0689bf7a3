"""Copying: the plan's copies through one gate, each tried until it succeeds or is given up.

Strategy: take a slot from the gate, then start the copy; so whoever hands over copies waits as soon as the gate is
full, and that is all the back-pressure there is. An object that fails is a count and a reason, never an exception;
what concerns every object stops the run.
"""

import asyncio
import itertools
from types import TracebackType
from typing import Protocol, Self

from streammerge.core.job import Job
from streammerge.core.keys import Location
from streammerge.core.pacing import Window
from streammerge.core.plan import Copy
from streammerge.core.report import Failure, Tally
from streammerge.errors import DeniedError, S3Error, ThrottledError, TransientError, UsageError
from streammerge.gate import Gate
from streammerge.progress import Progress
from streammerge.s3.options import Options
from streammerge.s3.retry import Retries

_DENIED_IN_A_ROW = 256  # with no success before: then it is not this object, it is the permission


class Copier(Protocol):
    """A store that copies."""

    async def copy(self, copy: Copy, source: Location, destination: Location) -> None:
        """Copy one object, pinned to the ETag that was listed."""


class Copying:
    """An asynchronous context: `submit` copies inside it, and all are done when it is left."""

    def __init__(self, store: Copier, job: Job, tally: Tally, progress: Progress, options: Options) -> None:
        self._store = store
        self._job = job
        self._tally = tally
        self._progress = progress
        self._retries = Retries(options.attempts)
        self._multipart_threshold = options.multipart_threshold
        self._gate = Gate(Window(start=min(16, options.concurrency), ceiling=options.concurrency))
        self._unsettled = asyncio.Semaphore(2 * options.concurrency)  # in flight, or waiting for another try
        self._group = asyncio.TaskGroup()
        self._denied = 0
        self._first_denied = ""

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._group.__aexit__(kind, error, traceback)
        self._check_denied(enough=1)

    async def submit(self, copy: Copy) -> None:
        """Start a copy as soon as the gate has a place."""
        await self._unsettled.acquire()
        entered = await self._gate.enter()
        settling = self._settle(copy, entered)
        try:
            self._group.create_task(settling)
        except RuntimeError:  # a copy has just stopped the run; the cancellation of this task is on its way
            settling.close()
            raise

    async def _settle(self, copy: Copy, entered: float) -> None:
        try:
            await self._try_until_settled(copy, entered)
        except S3Error as error:
            self._fail(copy, error)
        else:
            self._tally.copied += 1
            self._tally.bytes_copied += copy.size
            self._progress.copied(1)
        finally:
            self._unsettled.release()

    async def _try_until_settled(self, copy: Copy, entered: float) -> None:
        for attempt in itertools.count(1):
            try:
                await self._try(copy, entered)
            except TransientError as error:
                if attempt == self._retries.attempts:
                    raise
                self._progress.retried(error)
            else:
                return
            await asyncio.sleep(self._retries.wait(attempt))  # outside the gate: others may go on
            entered = await self._gate.enter()

    async def _try(self, copy: Copy, entered: float) -> None:
        throttled = False
        try:
            await self._store.copy(copy, self._job.sources[copy.source].location, self._job.destination)
        except ThrottledError:
            throttled = True
            raise
        finally:
            self._gate.leave(entered, throttled=throttled, typical=copy.size <= self._multipart_threshold)

    def _fail(self, copy: Copy, error: S3Error) -> None:
        self._tally.failure(Failure(copy.key, copy.target, error.code, str(error)))
        self._progress.copied(1)
        if isinstance(error, DeniedError):
            self._denied += 1
            self._first_denied = self._first_denied or str(error)
            self._check_denied(enough=_DENIED_IN_A_ROW)

    def _check_denied(self, *, enough: int) -> None:
        tally = self._tally
        if not tally.copied and not tally.present and self._denied >= enough and self._denied == tally.failed:
            raise UsageError(
                f"no access: {self._first_denied}. No copy has succeeded. Copying needs s3:GetObject and "
                f"s3:GetObjectTagging on the sources, s3:PutObject and s3:PutObjectTagging on {self._job.destination}"
            )
