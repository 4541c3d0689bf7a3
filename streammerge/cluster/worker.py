"""A worker: does the tasks of a run one after another, with one S3 client, on an event loop of its own.

Strategy: Dask calls these functions in its own threads, and its own loop stays free for the worker's heartbeats. A
session that nobody has asked for its progress for a while belongs to a run that is gone, and ends.
"""

import asyncio
import contextlib
import platform
import signal
import threading
import time
from collections import Counter
from functools import cache
from typing import Any, NamedTuple

import uvloop

import streammerge
from streammerge.cluster.pickling import pack, unpack
from streammerge.cluster.task import Task, Work
from streammerge.cluster.task_runner import Reports, Told, do
from streammerge.dataset.objects import Location
from streammerge.errors import StreamMergeError, UsageError
from streammerge.garbage_collection import tuned_process
from streammerge.listing.opening import open_store
from streammerge.transfer.open_files import affordable
from streammerge.transfer.slots import Slots

_UNHEARD = 120.0  # seconds without a request for progress, after which the run is gone


class Versions(NamedTuple):
    """What must be the same in all processes of a run."""

    streammerge: str
    python: str


class Looked(NamedTuple):
    """The progress of a worker's task, and its messages since the last look that was heard."""

    task: int
    counts: Counter[str]
    told: Told


class LostError(Exception):
    """This process does not know the run: it replaces a worker that did."""


_sessions: dict[str, "_Session"] = {}


def versions() -> Versions:
    """The versions of this process."""
    return Versions(streammerge.__version__, ".".join(platform.python_version_tuple()[:2]))


async def begin(run: str, work: bytes, *, owned: bool) -> StreamMergeError | dict[Location, str]:
    """Open S3 for a run; returns the server of each of its prefixes, or what was wrong.

    owned: the process belongs to the run and ends with it, not when the terminal is interrupted or closed.
    """
    if owned:
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    session = _Session(run, unpack(work))
    _sessions[run] = session
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(session.begin(), _loop()))


def run_task(run: str, data: bytes) -> bytes:
    """Do a task; returns its result, its counts, and messages that were not shown yet."""
    return asyncio.run_coroutine_threadsafe(_session(run).do(data), _loop()).result()


def look(run: str, *, wanted: bool, heard: bool) -> Looked | None:
    """The progress of this worker's task; None if it has none.

    wanted: other workers are idle. heard: what was told at the last look has arrived.
    """
    session = _sessions.get(run)
    return None if session is None else session.look(wanted=wanted, heard=heard)


def stop(run: str) -> None:
    """End the task of a run, once the copies in flight are done."""
    if run in _sessions:
        _loop().call_soon_threadsafe(_sessions[run].stop)


def end(run: str) -> None:
    """End the session of a run."""
    if run in _sessions:
        _loop().call_soon_threadsafe(_sessions[run].end)


def _session(run: str) -> "_Session":
    try:
        return _sessions[run]
    except KeyError:
        raise LostError from None


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = uvloop.new_event_loop()
    threading.Thread(target=loop.run_forever, name="streammerge", daemon=True).start()
    return loop


class _Session:
    """One run, as a worker sees it. All methods but `look` are called on the event loop."""

    def __init__(self, run: str, work: Work) -> None:
        self._run = run
        self._work = work
        self._reports = Reports()
        self._number = 0  # of the task
        self._doing: asyncio.Task[Any] | None = None
        self._wanted = False
        self._looked = time.monotonic()

    async def begin(self) -> StreamMergeError | dict[Location, str]:
        """Open S3, and look at every prefix."""
        self._ending = asyncio.Event()
        opened: asyncio.Future[StreamMergeError | dict[Location, str]] = asyncio.get_running_loop().create_future()
        self._keeping = asyncio.create_task(self._keep(opened))
        return await opened

    async def _keep(self, opened: "asyncio.Future[StreamMergeError | dict[Location, str]]") -> None:
        try:
            async with open_store(self._work.options) as store, contextlib.AsyncExitStack() as stack:
                for place in dict.fromkeys(self._work.locations):
                    await store.probe(place)
                self._store, self._slots = store, Slots.of(affordable(self._work.options.concurrency))
                stack.enter_context(tuned_process())
                opened.set_result({place: store.server_of(place) for place in self._work.locations})
                while not self._ending.is_set() and time.monotonic() - self._looked < _UNHEARD:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._ending.wait(), _UNHEARD / 4)
                self.stop()
                if self._doing is not None:
                    await asyncio.wait({self._doing})
        except StreamMergeError as error:
            if not opened.done():
                opened.set_result(error)
        finally:
            if not opened.done():
                opened.set_result(UsageError("it could not open S3"))
            if _sessions.get(self._run) is self:  # or the run has begun anew here
                del _sessions[self._run]

    async def do(self, data: bytes) -> bytes:
        """Do a task."""
        known = self._work.known
        task: Task = unpack(data, known)
        self._number, self._reports, self._wanted = task.number, Reports(), False
        if task.max_rate is not None:
            self._store.bound_rate(task.max_rate)
        self._doing = asyncio.current_task()
        try:
            done = await do(
                self._work,
                task,
                store=self._store,
                slots=self._slots,
                reports=self._reports,
                wanted=lambda: self._wanted,
            )
            return pack((done, self._reports.counts, self._reports.texts), known)
        finally:
            self._doing, self._number = None, 0

    def look(self, *, wanted: bool, heard: bool) -> Looked | None:
        """The progress of its task."""
        self._looked = time.monotonic()
        self._wanted = self._wanted or wanted
        if not self._number:
            return None
        return Looked(self._number, Counter(self._reports.counts), self._reports.tell(heard=heard))

    def stop(self) -> None:
        """Let the task end early."""
        if self._doing is not None:
            self._doing.cancel()

    def end(self) -> None:
        """Close S3."""
        self._ending.set()
