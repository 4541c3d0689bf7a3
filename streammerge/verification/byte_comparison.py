"""Compares the bytes of a copy and its source, piece by piece: the SHA-256 of both, pinned to the listed ETags."""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from streammerge.dataset.job import Job
from streammerge.dataset.objects import S3Object
from streammerge.errors import ChangedError, ObjectError, S3Error, TransientError
from streammerge.report.progress import Progress
from streammerge.transfer.backoff import RetryPolicy
from streammerge.transfer.circuit_breaker import CircuitBreaker
from streammerge.transfer.pool import Pool
from streammerge.verification.findings import Compared, Doubt
from streammerge.verification.report import BYTES, CHANGED, CONTENT

if TYPE_CHECKING:
    from streammerge.s3.client import S3Client

_AT_ONCE = 8  # comparisons; with the size of a piece it bounds the memory, at two pieces each
_PIECE = 4 * 1024**2  # bytes of one ranged GET


class Reader(Protocol):
    """Whatever reads pieces of objects."""

    async def read(self, bucket: str, key: str, etag: str = "", *, start: int = 0, size: int | None = None) -> bytes:
        """At most `size` bytes from byte `start` on, of the object with that ETag alone."""


def comparison_pool(
    store: "S3Client", job: Job, compared: Callable[[Doubt, Compared], None], progress: Progress
) -> Pool[Doubt, Compared]:
    """A pool that compares bytes; `compared` is handed what came of each."""

    async def compare(doubt: Doubt, _: int) -> Compared:
        task, found, _finding = doubt
        source, target = (
            _Digest(store.objects_at(location), location.bucket, each)
            for location, each in ((job.inputs[task.source].location, task.object), (job.destination, found))
        )
        try:
            for start in range(0, task.object.size, _PIECE):
                size = min(_PIECE, task.object.size - start)
                await source.read_on(start, size)
                await target.read_on(start, size)
        except ChangedError:
            return Compared(CHANGED, source.read + target.read)
        except (ObjectError, TransientError) as error:
            return Compared(None, source.read + target.read, str(error))
        return Compared(BYTES if source.sha256 == target.sha256 else CONTENT, source.read + target.read)

    def settled(doubt: Doubt, outcome: Compared | S3Error) -> None:
        assert isinstance(outcome, Compared), "whatever S3 may refuse is an outcome"
        compared(doubt, outcome)

    return Pool(
        compare,
        settled,
        concurrency=_AT_ONCE,
        retries=RetryPolicy(attempts=1),  # each read has its own
        circuit_breaker=CircuitBreaker(attempts=1),
        deadline=store.deadline,
        observer=progress,
        typical=lambda _: False,
        plural="comparisons",
    )


class _Digest:
    """The SHA-256 of an object, read piece by piece, pinned to the ETag that was listed."""

    def __init__(self, reader: Reader, bucket: str, found: S3Object) -> None:
        self._reader = reader
        self._bucket = bucket
        self._key = found.key
        self._etag = found.etag
        self._sha256 = hashlib.sha256()
        self.read = 0  # bytes so far

    async def read_on(self, start: int, size: int) -> None:
        """Read one more piece. Raises as `Reader.read` does, ChangedError where there is less than that."""
        piece = await self._reader.read(self._bucket, self._key, self._etag, start=start, size=size)
        self.read += len(piece)
        if len(piece) != size:
            raise ChangedError(f"received {len(piece):,} bytes instead of {size:,}", code="IncompleteBody")
        self._sha256.update(piece)

    @property
    def sha256(self) -> str:
        """In hex."""
        return self._sha256.hexdigest()
