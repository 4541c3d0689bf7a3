"""The public functions for code that is not asynchronous: `streammerge.sync.merge(job)` returns the report.

They also work where an event loop already runs, as in a notebook: each call runs on a loop in a thread of its own.
Ctrl-C cancels it like `await merge(job)`, and waits for the clean-up. Callbacks such as `stopped=` are called in that
thread.
"""

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

from streammerge.inspection import run as _inspection
from streammerge.journal.status import status
from streammerge.merging import run as _merging
from streammerge.pulling import merged_set as _merged_set
from streammerge.pulling import run as _pulling
from streammerge.verification import run as _verification

__all__ = ["ensure_merged", "inspect", "merge", "plan", "pull", "status", "verify"]
P = ParamSpec("P")
T = TypeVar("T")


def blocking(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The blocking version of a coroutine function."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return _run(function(*args, **kwargs))

    return call


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    done: Future[T] = Future()
    loop = asyncio.new_event_loop()
    task = loop.create_task(coroutine, context=contextvars.copy_context())

    def work() -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                done.set_result(runner.run(_await(task)))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            done.set_exception(error)

    thread = threading.Thread(target=work, name="streammerge")
    thread.start()
    try:
        return done.result()
    except KeyboardInterrupt:
        if not done.done():
            loop.call_soon_threadsafe(task.cancel)
        raise
    finally:
        thread.join()


async def _await(task: "asyncio.Task[T]") -> T:
    return await task


inspect = blocking(_inspection.inspect)
plan = blocking(_merging.plan)
merge = blocking(_merging.merge)
verify = blocking(_verification.verify)
pull = blocking(_pulling.pull)
ensure_merged = blocking(_merged_set.ensure_merged)
