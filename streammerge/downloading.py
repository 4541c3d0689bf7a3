"""Downloading: images through one gate into a folder, each tried until it is there or is given up.

Strategy: as in `copying`: take a slot from the gate, then start, so that whoever hands over images waits as soon as the
gate is full. An image that fails is a value that `settled` hears of; what concerns every image stops the run.
"""

import asyncio
import itertools
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from streammerge.arrival import Arrival
from streammerge.core.keys import Location
from streammerge.core.local import Wanted
from streammerge.errors import DeniedError, S3Error, ThrottledError, TransientError, UsageError
from streammerge.folder import Folder
from streammerge.gate import Gate, spawn
from streammerge.progress import Progress
from streammerge.s3.options import READ_WHOLE, Options
from streammerge.s3.retry import Outage, Retries

if TYPE_CHECKING:
    from streammerge.s3.download import Write  # botocore takes longer to load than --help may

_DENIED_IN_A_ROW = 64  # with no success before: then it is not this object, it is the permission
_TYPICAL = 1 << 20  # bytes of an image above which its duration says nothing about the others'
Settled = Callable[[Wanted, S3Error | None], None]


class Getter(Protocol):
    """A store that hands out objects, as they were listed."""

    async def get(self, location: Location, key: str, *, size: int, etag: str) -> bytes:
        """GET a small object."""

    async def stream(self, location: Location, key: str, *, size: int, etag: str, write: "Write") -> None:
        """GET an object of any size, and `write` its body piece by piece."""


class Downloading:
    """An asynchronous context: `submit` images inside it, and all are settled when it is left."""

    def __init__(
        self,
        store: Getter,
        location: Location,
        folder: Folder,
        *,
        options: Options,
        progress: Progress,
        settled: Settled,
    ) -> None:
        self._store = store
        self._location = location
        self._folder = folder
        self._progress = progress
        self._settled = settled
        self._retries = Retries(options.attempts)
        self._outage = Outage(self._retries)
        self._gate = Gate.of(options.concurrency)
        self._unsettled = asyncio.Semaphore(2 * options.concurrency)  # in flight, or waiting for another try
        self._group = asyncio.TaskGroup()
        self._denied = 0
        self._succeeded = False

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._group.__aexit__(kind, error, traceback)

    async def submit(self, wanted: Wanted) -> None:
        """Start a download as soon as the gate has a place."""
        await self._unsettled.acquire()
        entered = await self._gate.enter()
        spawn(self._group, self._settle(wanted, entered))

    async def _settle(self, wanted: Wanted, entered: float) -> None:
        try:
            await self._try_until_settled(wanted, entered)
        except S3Error as error:
            self._check_denied(error)
            self._settled(wanted, error)
            self._outage.settled(error)
        else:
            self._outage.settled()
            self._succeeded = True
            self._settled(wanted, None)
        finally:
            self._unsettled.release()

    async def _try_until_settled(self, wanted: Wanted, entered: float) -> None:
        for attempt in itertools.count(1):
            try:
                await self._try(wanted, entered)
            except TransientError as error:
                if attempt == self._retries.attempts:
                    raise
                self._progress.retried(error)
            else:
                return
            await asyncio.sleep(self._retries.wait(attempt))  # outside the gate: others may go on
            entered = await self._gate.enter()

    async def _try(self, wanted: Wanted, entered: float) -> None:
        throttled = False
        key = self._location.prefix + wanted.path
        try:
            if wanted.size <= READ_WHOLE:
                body = await self._store.get(self._location, key, size=wanted.size, etag=wanted.etag)
                await self._folder.put(wanted.path, body, wanted.time)
            else:
                async with Arrival(self._folder, wanted.path, wanted.time) as arrival:
                    await self._store.stream(
                        self._location, key, size=wanted.size, etag=wanted.etag, write=arrival.write
                    )
        except ThrottledError:
            throttled = True
            raise
        finally:
            self._gate.leave(entered, throttled=throttled, typical=wanted.size <= _TYPICAL)

    def _check_denied(self, error: S3Error) -> None:
        self._denied = self._denied + 1 if isinstance(error, DeniedError) else 0
        if self._denied >= _DENIED_IN_A_ROW and not self._succeeded:
            raise UsageError(
                f"no access: {error}. No download has succeeded. Pulling needs s3:GetObject on {self._location}"
            )
