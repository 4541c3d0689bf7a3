"""Samples a count at regular times, without slowing down the counting."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator

from streammerge.planning.throughput import Sample, Throughput


@contextlib.contextmanager
def sampled(throughput: Throughput, count: Callable[[float], Sample]) -> Iterator[None]:
    """Record the sample that `count` makes, now and then while the block lasts in a running loop, and at its end."""
    loop, started = asyncio.get_running_loop(), time.monotonic()

    def record() -> None:
        throughput.record(count(round(time.monotonic() - started, 3)))

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
