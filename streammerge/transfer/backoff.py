"""Retries: how often a request is attempted, and how long to wait in between (exponential backoff, equal jitter).

Only a TransientError is retried; which error codes become one is decided in `streammerge.s3.error_codes`. Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from streammerge.errors import ThrottledError, TransientError
from streammerge.transfer.feedback import refused

_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How many attempts are made at a request, and how long is waited in between, in seconds.

    The wait after attempt n is uniform between half and all of `base * 2**n`, of at most `cap`. It is never less, so
    that the ten attempts of the default take at least 32 seconds: a shorter failure of S3 costs no object.
    """

    attempts: int = 10
    base: float = 0.1
    cap: float = 20.0

    def wait(self, failed: int) -> float:
        """How long to wait after so many failed attempts."""
        longest = min(self.cap, self.base * 2.0 ** min(failed, 64))
        return random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not secrecy


async def with_retries(
    call: Callable[[], Awaitable[T]],
    retries: RetryPolicy,
    failed: Callable[[TransientError], None] = lambda _: None,
) -> T:
    """Call until it succeeds, fails for good, or the attempts are used up; `failed` hears of each that failed.

    Raises what the call raises; after the last attempt its TransientError.
    """
    for attempt in range(1, retries.attempts):
        began = time.monotonic()
        try:
            return await call()
        except TransientError as error:
            if isinstance(error, ThrottledError):
                refused(time.monotonic() - began)
            failed(error)
            _log.info("Retrying: %s", error)
            await asyncio.sleep(retries.wait(attempt))
    return await call()
