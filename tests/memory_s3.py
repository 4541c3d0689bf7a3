"""S3 in memory: what scanning and copying need of a store, with pages, order and faults as a test wants them."""

import asyncio
import hashlib
import itertools
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from streammerge.core.keys import MAX_KEY_BYTES, Listed, Location, Page
from streammerge.core.plan import Copy
from streammerge.errors import ChangedError, ObjectError, RunError, StreamMergeError, TakenError, UsageError

Operation = Literal["list", "copy"]
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stored:
    """An object."""

    body: bytes
    content_type: str = "binary/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


async def _nothing() -> None:
    await asyncio.sleep(0)


class MemoryS3:
    """Keeps the same promises as `S3Store`.

    tree: lists as a file system does, a folder's content before `folder-2/`, instead of in byte order.
    faults: by operation, exceptions that its next calls raise, in turn. before_part: awaited before each part.
    """

    def __init__(
        self, *, page_size: int = 1000, tree: bool = False, multipart_threshold: int = 1 << 32, part_size: int = 1 << 20
    ) -> None:
        self.buckets: dict[str, dict[str, Stored]] = {}
        self.uploads: set[tuple[str, str]] = set()
        self.requests = Counter[str]()
        self.faults: dict[Operation, deque[StreamMergeError]] = {"list": deque(), "copy": deque()}
        self.before_part: Callable[[], Awaitable[None]] = _nothing
        self._page_size = page_size
        self._tree = tree
        self._threshold = multipart_threshold
        self._part_size = part_size
        self._listed: dict[tuple[str, str], Listed] = {}
        self._clock = itertools.count()

    def put(self, bucket: str, key: str, stored: Stored, *, etag: str = "") -> None:
        """Store an object; its ETag is the MD5 of its body unless said otherwise."""
        self.buckets[bucket][key] = stored
        modified = (_EPOCH + timedelta(seconds=next(self._clock))).isoformat()
        etag = etag or hashlib.md5(stored.body, usedforsecurity=False).hexdigest()
        self._listed[bucket, key] = Listed(key, len(stored.body), etag, modified)

    async def probe(self, location: Location, *, delimiter: str = "") -> Page:
        """The first page below a prefix, folders apart if there is a delimiter."""
        if location.bucket not in self.buckets:
            raise UsageError(f"cannot list {location}: NoSuchBucket. Check the name of the bucket")
        page = await self.list_page(location)
        if not delimiter:
            return page
        skip = len(location.prefix)
        folders = {
            found.key[: found.key.index(delimiter, skip) + 1] for found in page.objects if delimiter in found.key[skip:]
        }
        loose = [found for found in page.objects if delimiter not in found.key[skip:]]
        return Page(loose, sorted(folders), page.token)

    async def list_page(self, location: Location, *, after: str = "", token: str | None = None) -> Page:
        """A page of the keys below a prefix."""
        await self._begin("list", location.bucket)
        keys = sorted(
            (key for key in self.buckets[location.bucket] if key.startswith(location.prefix)), key=self._order
        )
        after = after if token is None else token
        rest = [key for key in keys if not after or self._order(key) > self._order(after)]
        page = rest[: self._page_size]
        more = page[-1] if len(rest) > len(page) else None
        return Page([self._listed[location.bucket, key] for key in page], [], more)

    async def copy(self, copy: Copy, source: Location, destination: Location) -> str:
        """Copy one object, pinned to the ETag that was listed; returns the ETag of the copy."""
        if len(copy.target.encode()) > MAX_KEY_BYTES:
            raise ObjectError(f"copy {copy.key!r}: its key is too long", code="KeyTooLongError")
        await self._begin("copy", destination.bucket)
        self._check(copy, source)
        etag = await self._in_parts(copy, source, destination) if copy.size > self._threshold else copy.etag
        if copy.target in self.buckets[destination.bucket] and not copy.replaces:
            found = self._listed[destination.bucket, copy.target]
            raise TakenError(f"copy {copy.key!r}: its target is taken", found=found, code="TargetExists", status=412)
        self.put(destination.bucket, copy.target, self.buckets[source.bucket][copy.key], etag=etag)
        return etag

    async def _in_parts(self, copy: Copy, source: Location, destination: Location) -> str:
        upload = destination.bucket, copy.target
        parts = -(-copy.size // self._part_size)
        self.uploads.add(upload)
        try:
            for _ in range(parts):
                await self.before_part()
                self._check(copy, source)
        finally:
            self.uploads.remove(upload)
        return f"{copy.etag}-{parts}"

    async def _begin(self, operation: Operation, bucket: str) -> None:
        self.requests[operation] += 1
        await asyncio.sleep(0)
        if self.faults[operation]:
            raise self.faults[operation].popleft()
        if bucket not in self.buckets:
            raise RunError(f"{bucket}: NoSuchBucket. Check the name of the bucket")

    def _check(self, copy: Copy, source: Location) -> None:
        if copy.key not in self.buckets[source.bucket]:
            raise ChangedError(f"copy {copy.key!r}: NoSuchKey", code="NoSuchKey", status=404)
        if self._listed[source.bucket, copy.key].etag != copy.etag:
            raise ChangedError(f"copy {copy.key!r}: PreconditionFailed", code="PreconditionFailed", status=412)

    def _order(self, key: str) -> str:
        return key.replace("/", "\0") if self._tree else key
