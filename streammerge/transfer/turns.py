"""Turns: whoever sends a request waits until one more may start, first come, first served."""

import asyncio

from streammerge.transfer.pace import Pace

_WORTH_SLEEPING = 0.001  # seconds; a start that is early by less is late by less the next time


class Turns:
    """At most `rate` turns a second; `pace.rate` may change."""

    def __init__(self, rate: float) -> None:
        self.pace = Pace(rate)
        self._lock = asyncio.Lock()

    async def wait(self) -> None:
        """Wait for a turn."""
        async with self._lock:
            delay = self.pace.claim(asyncio.get_running_loop().time())
            if delay > _WORTH_SLEEPING:
                await asyncio.sleep(delay)
