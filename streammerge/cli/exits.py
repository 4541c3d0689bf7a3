"""Exit codes, and how signals end a run in the event loop.

Strategy: while a run goes on, SIGINT, SIGTERM and SIGHUP only cancel its task, so that none can fall between two lines
of somebody's clean-up; a cancelled run finishes what it has begun, within bounds. A second signal cancels again, for
who will not wait; a third does what it does to any other program. SIGHUP comes from a terminal that is gone, often
twice: after the first, the others are ignored, until the process ends. Once a signal has come, the run counts as
interrupted, whatever it ended with. A signal that was ignored when the program was started, as under `nohup` or in the
background of some shells, stays ignored.
"""

import asyncio
import signal
from collections.abc import Coroutine
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

import click
import uvloop

from streammerge.errors import IncompleteError, StreamMergeError, UsageError
from streammerge.garbage_collection import tuned_process

DONE, FAILED, BAD_USAGE, INCOMPLETE, DIFFERENT = 0, 1, 2, 3, 4
HUNG_UP, INTERRUPTED, TERMINATED = (128 + number for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM))
MEANINGS = {
    DONE: "done",
    FAILED: "failed",
    BAD_USAGE: "bad usage or input; nothing was written",
    INCOMPLETE: "incomplete; run the same command again to resume",
    DIFFERENT: "verification found differences",
    HUNG_UP: "hung up (SIGHUP)",
    INTERRUPTED: "interrupted (SIGINT, Ctrl-C)",
    TERMINATED: "terminated (SIGTERM)",
}
CUT_SHORT = "stopped early, as by expired credentials; run the same command again"
STOPPED = (HUNG_UP, INTERRUPTED, TERMINATED)
T = TypeVar("T")


class TerminatedError(BaseException):
    """SIGTERM or SIGHUP has stopped the run."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(number)
        self.code = 128 + number


STOPPING = (StreamMergeError, KeyboardInterrupt, click.Abort, TerminatedError)  # whatever stops a run but a bug


def ending(error: BaseException) -> tuple[str, int]:
    """The message for one of STOPPING, and its exit code."""
    if not isinstance(error, StreamMergeError):
        code = error.code if isinstance(error, TerminatedError) else INTERRUPTED
        return "interrupted. Nothing is lost; run the same command again", code
    if isinstance(error, UsageError):
        return str(error), BAD_USAGE
    return str(error), INCOMPLETE if isinstance(error, IncompleteError) else FAILED


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end on uvloop. Raises KeyboardInterrupt on SIGINT, TerminatedError on SIGTERM and SIGHUP."""
    with tuned_process(), _Signals() as signals:
        return uvloop.run(signals.cancelling(coroutine))


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell of what nobody caught, but not of what became of a connection that was cancelled while it was opened."""
    if not ("never retrieved" in context["message"] and isinstance(context.get("exception"), OSError)):
        loop.default_exception_handler(context)


class _Signals:
    """Catches signals while the block lasts, and raises at its end what the first of them stands for."""

    def __init__(self) -> None:
        self._received: list[int] = []
        self._before: dict[int, Any] = {}
        self._task: asyncio.Future[Any] | None = None

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._receive)
        return self

    async def cancelling(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await a coroutine that the signals cancel."""
        asyncio.get_running_loop().set_exception_handler(_handle)
        self._task = task = asyncio.ensure_future(coroutine)
        if self._received:
            task.cancel()
        return await task

    def _receive(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGHUP:
            signal.signal(number, signal.SIG_IGN)
            self._before.pop(number, None)
            if number in self._received:
                return
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
            first = self._received[0]
            raise (KeyboardInterrupt if first == signal.SIGINT else TerminatedError(first)) from error
