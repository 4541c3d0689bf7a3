"""The gate: lets a request start when the adaptive window has a place for it, and tells the window what came of it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Self

from streammerge.core.pacing import Window

_WORTH_SLEEPING = 0.001  # seconds; the window makes up for starts that are late by less


class Gate:
    """First come, first served. `enter` before a request is sent, `leave` once it is answered."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._clock = asyncio.get_running_loop().time
        self._in_flight = 0
        self._freed = asyncio.Event()
        self._turn = asyncio.Lock()  # starts are paced one after the other

    @classmethod
    def of(cls, concurrency: int) -> Self:
        """A gate that has at most so many requests in flight, and begins with few."""
        return cls(Window(start=min(16, concurrency), ceiling=concurrency))

    async def enter(self) -> float:
        """Wait for a place; returns the time at which the request starts, in seconds of the loop's clock."""
        unhindered = not self._turn.locked() and self._in_flight < self._window.size  # as most often
        delay = self._claim_start() if unhindered else None
        if delay is None or delay > _WORTH_SLEEPING:
            async with self._turn:
                if delay is None:
                    await self._place()
                    delay = self._claim_start()
                if delay > _WORTH_SLEEPING:
                    await asyncio.sleep(delay)
                    await self._place()  # the window may have shrunk meanwhile
        self._in_flight += 1
        return self._clock()

    def _claim_start(self) -> float:
        now = self._clock()
        return self._window.start_at(now) - now

    async def _place(self) -> None:
        while self._in_flight >= self._window.size:
            self._freed.clear()
            await self._freed.wait()

    def leave(self, entered: float, *, throttled: bool = False, typical: bool = True) -> None:
        """Give the place back. typical: False for a request whose duration says nothing about the others'."""
        if typical:
            now = self._clock()
            self._window.answered(now, now - entered, throttled=throttled, in_flight=self._in_flight)
        self._in_flight -= 1
        self._freed.set()


def spawn(group: asyncio.TaskGroup, work: Coroutine[Any, Any, None]) -> None:
    """Start work in a group. Where some of its work has just stopped it, RuntimeError, and nothing left unawaited.

    The cancellation of the task that called is on its way then.
    """
    try:
        group.create_task(work)
    except RuntimeError:
        work.close()
        raise
