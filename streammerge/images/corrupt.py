"""Finds corrupt images: reads them through the pool, has each one decoded, and counts the problems."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from streammerge.dataset.counters import EXAMPLES
from streammerge.dataset.objects import ARCHIVED
from streammerge.errors import ObjectError, S3Error
from streammerge.images.choice import Shown
from streammerge.images.decoders import Decoders, decoders
from streammerge.report.progress import Progress
from streammerge.report.units import human_bytes
from streammerge.s3.error_codes import adviser
from streammerge.transfer.backoff import RetryPolicy
from streammerge.transfer.circuit_breaker import CircuitBreaker
from streammerge.transfer.pool import Pool

if TYPE_CHECKING:
    from streammerge.images.examination import Problem
    from streammerge.s3.client import S3Client

_AT_ONCE = 64  # images in memory
_LARGE = 2 * 1024**2  # bytes above which an image is read while no other so large is: that bounds the memory
_LARGEST = 256 * 1024**2  # bytes of an image that is read at all


class Examined(NamedTuple):
    """An image was decoded; a problem if it has one."""

    problem: "Problem | None"


@dataclass(slots=True)
class Examination:
    """What was found so far. note: is told of every image that has a problem."""

    progress: Progress
    note: Callable[[Shown, "Problem"], None]
    decoded: int = 0
    bytes: int = 0
    unread: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[Shown, "Problem"]]] = field(default_factory=dict)  # by kind
    unread_examples: dict[str, str] = field(default_factory=dict)  # why, by key

    def settled(self, shown: Shown, outcome: Examined | S3Error) -> None:
        """Count an image, decoded or given up."""
        if isinstance(outcome, S3Error):
            self.unread += 1
            if len(self.unread_examples) < EXAMPLES:
                self.unread_examples[shown.object.key] = str(outcome)
            self.progress.failed(1)
            return
        self.decoded += 1
        self.bytes += shown.object.size
        self.progress.copied(1)
        if outcome.problem is not None:
            self.kinds[outcome.problem.kind] += 1
            examples = self.examples.setdefault(outcome.problem.kind, [])
            if len(examples) < EXAMPLES:
                examples.append((shown, outcome.problem))
            self.note(shown, outcome.problem)


@asynccontextmanager
async def examining(store: "S3Client", examination: Examination) -> AsyncIterator[Pool[Shown, Examined]]:
    """A pool of images to examine; the examination is told the outcome of each, and has all when the block ends.

    Raises UsageError where none may be read, RunError where the run cannot go on.
    """
    async with decoders() as found:
        attempts = _Attempts(store, found)
        pool = Pool(
            attempts.examine,
            examination.settled,
            concurrency=min(_AT_ONCE, store.options.concurrency),
            retries=RetryPolicy(store.options.attempts),
            circuit_breaker=CircuitBreaker(
                store.options.attempts,
                advise=adviser("No image could be read", permissions="Decoding needs s3:GetObject on the sources"),
            ),
            deadline=store.deadline,
            observer=examination.progress,
            typical=lambda _: False,  # most of it may be decoding
            plural="images",
        )
        async with pool:
            yield pool


class _Attempts:
    """Reads images and has them decoded."""

    def __init__(self, store: "S3Client", found: Decoders) -> None:
        self._store = store
        self._decoders = found
        self._large = asyncio.Semaphore(1)

    async def examine(self, shown: Shown, _: int) -> Examined:
        """Read and decode an image. Raises S3Error where it cannot be read."""
        found = shown.object
        if found.storage_class in ARCHIVED:
            raise ObjectError(f"it is archived ({found.storage_class})", code="InvalidObjectState")
        if found.size > _LARGEST:
            raise ObjectError(f"it is larger than {human_bytes(_LARGEST)}", code="EntityTooLarge")
        if found.size > _LARGE:
            async with self._large:
                return Examined(await self._decoders.examine(found.key, await self._read(shown)))
        return Examined(await self._decoders.examine(found.key, await self._read(shown)))

    async def _read(self, shown: Shown) -> bytes:
        body = bytearray()

        async def write(piece: bytes | memoryview) -> None:
            body.extend(piece)

        await self._store.stream(shown.location, shown.object, write)
        return bytes(body)
