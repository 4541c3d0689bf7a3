"""Exit codes, and how a run in the event loop ends on a signal.

Strategy: while a run goes on, SIGINT and SIGTERM only cancel its task, so that neither can fall between two lines of
somebody's clean-up; a cancelled run finishes what it has begun, within bounds. A second signal cancels again, for who
will not wait; a third does what it does to any other program. Once a signal has come, the run counts as interrupted,
whatever it ended with.
"""

import asyncio
import gc
import resource
import signal
from collections.abc import Coroutine
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

import click
import uvloop

from streammerge.errors import IncompleteError, StreamMergeError, UsageError

DONE, FAILED, BAD_USAGE, INCOMPLETE, DIFFERENT, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 4, 130, 143
T = TypeVar("T")


class TerminatedError(BaseException):
    """SIGTERM has stopped the run."""


STOPPING = (StreamMergeError, KeyboardInterrupt, click.Abort, TerminatedError)  # whatever stops a run but a bug


def ending(error: BaseException) -> tuple[str, int]:
    """What to say of one of STOPPING, and the exit code that it stands for."""
    if not isinstance(error, StreamMergeError):
        code = TERMINATED if isinstance(error, TerminatedError) else INTERRUPTED
        return "interrupted. What was done stays; run the same command again to go on", code
    if isinstance(error, UsageError):
        return str(error), BAD_USAGE
    return str(error), INCOMPLETE if isinstance(error, IncompleteError) else FAILED


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end on uvloop. Raises KeyboardInterrupt on SIGINT, TerminatedError on SIGTERM."""
    _raise_file_limit()
    gc.freeze()  # what is loaded by now stays; the collector need not look at it again and again
    gc.set_threshold(50_000, 50, 100)
    with _Signals() as signals:
        return uvloop.run(signals.cancelling(coroutine))


class _Signals:
    """Catches SIGINT and SIGTERM while the block lasts, and raises at its end what the first of them stands for."""

    def __init__(self) -> None:
        self._received: list[int] = []
        self._before: dict[int, Any] = {}
        self._task: asyncio.Future[Any] | None = None

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as in the background of some shells
                self._before[number] = signal.signal(number, self._receive)
        return self

    async def cancelling(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await a coroutine that the signals cancel."""
        self._task = task = asyncio.ensure_future(coroutine)
        if self._received:
            task.cancel()
        return await task

    def _receive(self, number: int, _: FrameType | None) -> None:
        self._received.append(number)
        if len(self._received) > 1:
            self._restore()
        if self._task is not None and not self._task.done():
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._restore()
        if self._received:
            raise (TerminatedError if self._received[0] == signal.SIGTERM else KeyboardInterrupt) from error


def _raise_file_limit() -> None:
    """Every copy in flight holds a socket, and the usual soft limit of 1,024 files is less than the window may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
