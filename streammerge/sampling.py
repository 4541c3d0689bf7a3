"""Samples a count by the clock while something goes on; the counting itself is not slowed down."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator

from streammerge.core.throughput import Throughput


@contextlib.contextmanager
def sampled(throughput: Throughput, count: Callable[[], int]) -> Iterator[None]:
    """Record what `count` says, now and then while the block lasts in a running loop, and at its end."""
    loop, started = asyncio.get_running_loop(), time.monotonic()

    def record() -> None:
        throughput.record(time.monotonic() - started, count())

    timer: asyncio.TimerHandle

    def tick() -> None:
        nonlocal timer
        record()
        timer = loop.call_later(throughput.interval, tick)

    timer = loop.call_later(throughput.interval, tick)
    try:
        yield
    finally:
        timer.cancel()
        record()
