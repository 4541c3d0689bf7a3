"""Compares stored checksums of images that ETags cannot decide about, and finds out whether their ETags are MD5s.

Strategy: one HEAD for the copy, and one for its source only if that can tell more; no content is read. An image that
may not be looked at keeps its finding, and after several refusals in a row no more requests are sent there.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from streammerge.dataset.checksums import Checksums
from streammerge.dataset.job import Job
from streammerge.dataset.objects import Location, S3Object, printable
from streammerge.errors import ChangedError, ObjectError, S3Error
from streammerge.report.progress import Progress
from streammerge.transfer.backoff import RetryPolicy
from streammerge.transfer.circuit_breaker import CircuitBreaker
from streammerge.transfer.pool import Pool
from streammerge.verification.findings import Doubt
from streammerge.verification.report import CHANGED, CHECKSUM, JOURNAL, MD5, OTHER_CHECKSUM, UNPROVEN

if TYPE_CHECKING:
    from streammerge.journal.history import History
    from streammerge.s3.client import S3Client
    from streammerge.s3.objects import Head, Objects

_ENOUGH = 20  # refusals in a row after which nothing more is asked


class Store(Protocol):
    """A store whose objects can be looked at."""

    def objects_at(self, location: Location) -> "Objects":
        """Single objects of a location."""


def checksum_pool(
    store: "S3Client",
    job: Job,
    past: "History | None",
    settled: Callable[[Doubt, str | S3Error], None],
    progress: Progress,
) -> Pool[Doubt, str]:
    """A pool that looks at images; `settled` is handed the finding of each, or why it could not be had."""
    return Pool(
        StoredChecksums(store, job, past, progress.warn).look,
        settled,
        concurrency=store.options.concurrency,
        retries=RetryPolicy(store.options.attempts),
        circuit_breaker=CircuitBreaker(store.options.attempts),
        deadline=store.deadline,
        observer=progress,
        plural="images looked at",
    )


class StoredChecksums:
    """Looks at images, one at a time. warn: is told once of a place where something may not be looked at."""

    def __init__(self, store: Store, job: Job, past: "History | None", warn: Callable[[str], None]) -> None:
        self._store = store
        self._job = job
        self._past = past
        self._warn = warn
        self._refusals: dict[tuple[Location, bool], int] = {}  # in a row, by place and whether checksums were asked for

    async def look(self, doubt: Doubt, _: int = 1) -> str:
        """What an image is found to be, in one attempt. Raises TransientError, RunError."""
        try:
            return await self._finding(doubt)
        except ChangedError:
            return CHANGED

    async def _finding(self, doubt: Doubt) -> str:
        copy, found, finding = doubt
        there = await self._head(self._job.destination, found)
        if there is None:
            return finding
        if finding == MD5 and not there.etag_is_md5:
            finding = UNPROVEN
        if self._past is not None and self._past.proves(copy, there.checksums):
            return JOURNAL
        if not there.checksums and finding != MD5:
            return finding
        origin = await self._head(self._job.inputs[copy.source].location, copy.object)
        if finding == MD5 and origin is not None:
            finding = MD5 if origin.etag_is_md5 else UNPROVEN
        if finding == MD5 or origin is None:
            return finding
        proof = await self._proof(doubt, origin.checksums, there.checksums)
        return finding if proof is None else CHECKSUM if proof else OTHER_CHECKSUM

    async def _proof(self, doubt: Doubt, planned: Checksums, found: Checksums) -> bool | None:
        """Whether checksums of source and copy prove that they are the same; None where they do not tell."""
        proof = planned.proves(found)
        if proof is None and (of_parts := planned.proves_parts(found)) is not None:
            source = self._job.inputs[doubt.copy.source].location
            alike = await self._parts_alike((source, doubt.copy.object), (self._job.destination, doubt.found))
            return of_parts if alike else None
        return proof

    async def _head(self, location: Location, listed: S3Object) -> "Head | None":
        """A HEAD of an object, with its checksums if they may be had; None where it may not be looked at.

        Raises ChangedError where it is not what was listed.
        """
        for checksums in (True, False):
            kind = location, checksums
            if self._refusals.get(kind, 0) >= _ENOUGH:
                continue
            try:
                head = await self._store.objects_at(location).look(location.bucket, listed.key, summed=checksums)
            except ChangedError:
                raise
            except ObjectError as error:
                if kind not in self._refusals:
                    what = "its checksum" if checksums else "it"
                    self._warn(f"{error}. What only {what} can prove stays unproven")
                self._refusals[kind] = self._refusals.get(kind, 0) + 1
                continue
            if kind in self._refusals:
                self._refusals[kind] = 0
            if head is None or (head.object.size, head.object.etag) != (listed.size, listed.etag):
                raise ChangedError(f"{printable(listed.key)!r} changed after it was listed", code="ETagMismatch")
            return head
        return None

    async def _parts_alike(self, *objects: tuple[Location, S3Object]) -> bool:
        """Whether the parts of two objects of equal size are known, and of the same sizes."""
        try:
            one, other = [
                await self._store.objects_at(location).part_sizes(location.bucket, found.key)
                for location, found in objects
            ]
        except ObjectError:
            return False
        return one == other and sum(one) == objects[0][1].size
