"""Measures the time of a run, without the time that the user takes to answer a question."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


class Stopwatch:
    """Starts when it is made."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """The time since the start, without pauses."""
        return time.monotonic() - self._started

    def paused(self, ask: Callable[[A], Awaitable[B]]) -> Callable[[A], Awaitable[B]]:
        """The same function, whose time does not count."""

        async def asking(what: A) -> B:
            began = time.monotonic()
            try:
                return await ask(what)
            finally:
                self._started += time.monotonic() - began

        return asking
