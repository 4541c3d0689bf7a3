"""Exit codes, and how a run in the event loop ends on a signal."""

import asyncio
import gc
import resource
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from streammerge.errors import IncompleteError, StreamMergeError, UsageError

DONE, FAILED, BAD_USAGE, INCOMPLETE, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 130, 143
T = TypeVar("T")


class TerminatedError(BaseException):
    """SIGTERM has stopped the run."""


def exit_code(error: StreamMergeError) -> int:
    """The exit code that an error stands for."""
    if isinstance(error, UsageError):
        return BAD_USAGE
    return INCOMPLETE if isinstance(error, IncompleteError) else FAILED


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end on uvloop. Raises KeyboardInterrupt on SIGINT, TerminatedError on SIGTERM."""
    _raise_file_limit()
    gc.freeze()  # what is loaded by now stays; the collector need not look at it again and again
    gc.set_threshold(50_000, 50, 100)
    return uvloop.run(_until_terminated(coroutine))


async def _until_terminated(coroutine: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(coroutine)
    terminated = False

    def terminate() -> None:
        nonlocal terminated
        terminated = True
        task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    try:
        return await task
    except asyncio.CancelledError:
        if terminated:
            raise TerminatedError from None
        raise


def _raise_file_limit() -> None:
    """Every copy in flight holds a socket, and the usual soft limit of 1,024 files is less than the window may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
