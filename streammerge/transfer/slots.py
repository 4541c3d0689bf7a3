"""Slots: a request starts when the limiter has room for it, and the limiter learns from the answer."""

import asyncio
from typing import Self

from streammerge.transfer.feedback import Feedback
from streammerge.transfer.limiter import Limiter

_WORTH_SLEEPING = 0.001  # seconds; the limiter makes up for starts that are late by less


class Slots:
    """First come, first served. `enter` before a request is sent, `leave` once it is answered."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._clock = asyncio.get_running_loop().time
        self._in_flight = self._bodies = 0
        self._freed = asyncio.Event()
        self._turn = asyncio.Lock()  # starts are paced one after the other

    @classmethod
    def of(cls, concurrency: int) -> Self:
        """Slots for at most so many requests in flight, few to begin with."""
        return cls(Limiter(start=min(16, concurrency), ceiling=concurrency))

    async def enter(self) -> float:
        """Wait for a slot; returns the time at which the request starts, in seconds of the loop's clock."""
        unhindered = not self._turn.locked() and self._in_flight < self._limiter.size  # as most often
        delay = self._claim_start() if unhindered else None
        if delay is None or delay > _WORTH_SLEEPING:
            async with self._turn:
                if delay is None:
                    await self._room()
                    delay = self._claim_start()
                if delay > _WORTH_SLEEPING:
                    await asyncio.sleep(delay)
                    await self._room()  # the limiter may have shrunk meanwhile
        self._in_flight += 1
        return self._clock()

    def _claim_start(self) -> float:
        now = self._clock()
        return self._limiter.start_at(now) - now

    async def _room(self) -> None:
        while self._in_flight >= self._limiter.size:
            self._freed.clear()
            await self._freed.wait()

    def feedback(self) -> Feedback:
        """For a task whose duration says nothing about others': the limiter learns from its requests instead."""
        return Feedback(self._learn)

    def _learn(self, duration: float, throttled: bool, first: bool) -> None:  # noqa: FBT001 - what Feedback calls
        self._answered(duration, throttled=throttled)
        self._bodies += first
        self._freed.set()  # the limiter may have grown

    def _answered(self, duration: float, *, throttled: bool, typical: bool = True) -> None:
        self._limiter.answered(
            self._clock(),
            duration,
            throttled=throttled,
            in_flight=self._in_flight,
            bodies=self._bodies,
            typical=typical,
        )

    def leave(self, entered: float, *, throttled: bool = False, feedback: Feedback | None = None) -> None:
        """Give the slot back. feedback: of a task that had one: the limiter has learned from it already."""
        answered = feedback is not None and feedback.answered
        self._bodies -= answered
        if throttled or not answered:
            self._answered(self._clock() - entered, throttled=throttled, typical=throttled or feedback is None)
        self._in_flight -= 1
        self._freed.set()
