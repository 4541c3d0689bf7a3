"""The one owner of retries: exponential backoff with equal jitter.

Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from streammerge.errors import IncompleteError, S3Error, TransientError

T = TypeVar("T")
_IN_A_ROW = 64  # objects given up with nothing in between: then it is not these objects, it is S3


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


class Outage:
    """Notices that S3 lets nothing succeed any more, so that a run need not give up its objects one by one."""

    def __init__(self, retries: Retries) -> None:
        self._attempts = retries.attempts
        self._in_a_row = 0

    def settled(self, error: S3Error | None = None) -> None:
        """Take note of what became of one object, all its tries included.

        Raises IncompleteError where it is one of very many that were given up in a row, though they were worth
        another try. Any other answer, a refusal too, says that S3 is at work.
        """
        self._in_a_row = self._in_a_row + 1 if isinstance(error, TransientError) else 0
        if self._in_a_row >= _IN_A_ROW:
            raise IncompleteError(
                f"S3 lets nothing succeed any more: the last {self._in_a_row} objects were given up in a row, each "
                f"after {self._attempts} tries; the last one: {error}. What was done stays: run the same command "
                "again to go on"
            )


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
