"""The one owner of retries: exponential backoff with equal jitter.

Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from streammerge.errors import TransientError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is tried, and how long is waited in between, in seconds.

    The wait before try n + 1 is uniform between half and all of `base * 2**n`, of at most `cap`. It is never less, so
    that the ten tries of the default reach over 32 seconds at least: a shorter outage costs no object.
    """

    attempts: int = 10
    base: float = 0.1
    cap: float = 20.0

    def wait(self, failed: int) -> float:
        """How long to wait after so many failed tries."""
        longest = min(self.cap, self.base * 2.0 ** min(failed, 64))
        return random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not secrecy


async def persist(
    call: Callable[[], Awaitable[T]],
    retries: Retries,
    failed: Callable[[TransientError], None] = lambda _: None,
) -> T:
    """Call until it succeeds, fails for good, or the tries are used up; `failed` hears of each try that failed.

    Raises what the call raises; after the last try its TransientError.
    """
    for attempt in range(1, retries.attempts):
        try:
            return await call()
        except TransientError as error:
            failed(error)
            await asyncio.sleep(retries.wait(attempt))
    return await call()
