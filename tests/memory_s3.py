"""S3 in memory: what scanning and copying need of a store, with pages, order and faults as a test wants them."""

import asyncio
import hashlib
import itertools
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from streammerge.dataset.objects import MAX_KEY_BYTES, Location, Page, S3Object
from streammerge.errors import ChangedError, ObjectError, RunError, StreamMergeError, UsageError
from streammerge.planning.outcomes import Made
from streammerge.planning.plan import CopyTask

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
        self._listed: dict[tuple[str, str], S3Object] = {}
        self._clock = itertools.count()

    def put(self, bucket: str, key: str, stored: Stored, *, etag: str = "") -> None:
        """Store an object; its ETag is the MD5 of its body unless said otherwise."""
        self.buckets[bucket][key] = stored
        modified = (_EPOCH + timedelta(seconds=next(self._clock))).isoformat()
        etag = etag or hashlib.md5(stored.body, usedforsecurity=False).hexdigest()
        self._listed[bucket, key] = S3Object(key, len(stored.body), etag, modified)

    async def probe(self, location: Location, *, delimiter: str = "", after: str = "") -> Page:
        """The first page below a prefix, past a key, folders apart if there is a delimiter."""
        if location.bucket not in self.buckets:
            raise UsageError(f"cannot list {location}: NoSuchBucket. Check the name of the bucket")
        if not delimiter:
            return await self.list_page(location, after=after)
        await self._begin("list", location.bucket)
        loose, folders, skip = list[S3Object](), dict[str, None](), len(location.prefix)
        for key in self._keys(location, after):
            end = key.find(delimiter, skip) + 1
            if end and key[:end] in folders:
                continue
            if len(loose) + len(folders) == self._page_size:
                return Page(loose, list(folders), key)
            if end:
                folders[key[:end]] = None
            else:
                loose.append(self._listed[location.bucket, key])
        return Page(loose, list(folders), None)

    async def list_page(self, location: Location, *, after: str = "", token: str | None = None) -> Page:
        """A page of the keys below a prefix."""
        await self._begin("list", location.bucket)
        rest = self._keys(location, after if token is None else token)
        page = rest[: self._page_size]
        more = page[-1] if len(rest) > len(page) else None
        return Page([self._listed[location.bucket, key] for key in page], [], more)

    def _keys(self, location: Location, after: str) -> list[str]:
        keys = sorted(
            (key for key in self.buckets[location.bucket] if key.startswith(location.prefix)), key=self._order
        )
        return [key for key in keys if not after or self._order(key) > self._order(after)]

    def relays(self, source: Location, destination: Location) -> bool:  # noqa: ARG002 - as S3Client has it
        """Nothing is relayed."""
        return False

    async def copy(self, copy: CopyTask, source: Location, destination: Location) -> Made | S3Object:
        """Copy one object, pinned to the ETag that was listed; returns what was made, or what is at the target."""
        if len(copy.target.encode()) > MAX_KEY_BYTES:
            raise ObjectError(f"copy {copy.object.key!r}: its key is too long", code="KeyTooLongError")
        await self._begin("copy", destination.bucket)
        self._check(copy, source)
        etag = (
            await self._in_parts(copy, source, destination) if copy.object.size > self._threshold else copy.object.etag
        )
        if copy.target in self.buckets[destination.bucket] and not copy.replaces:
            return self._listed[destination.bucket, copy.target]
        self.put(destination.bucket, copy.target, self.buckets[source.bucket][copy.object.key], etag=etag)
        return Made(etag)

    async def _in_parts(self, copy: CopyTask, source: Location, destination: Location) -> str:
        upload = destination.bucket, copy.target
        parts = -(-copy.object.size // self._part_size)
        self.uploads.add(upload)
        try:
            for _ in range(parts):
                await self.before_part()
                self._check(copy, source)
        finally:
            self.uploads.remove(upload)
        return f"{copy.object.etag}-{parts}"

    async def _begin(self, operation: Operation, bucket: str) -> None:
        self.requests[operation] += 1
        await asyncio.sleep(0)
        if self.faults[operation]:
            raise self.faults[operation].popleft()
        if bucket not in self.buckets:
            raise RunError(f"{bucket}: NoSuchBucket. Check the name of the bucket")

    def _check(self, copy: CopyTask, source: Location) -> None:
        if copy.object.key not in self.buckets[source.bucket]:
            raise ChangedError(f"copy {copy.object.key!r}: NoSuchKey", code="NoSuchKey", status=404)
        if self._listed[source.bucket, copy.object.key].etag != copy.object.etag:
            raise ChangedError(f"copy {copy.object.key!r}: PreconditionFailed", code="PreconditionFailed", status=412)

    def _order(self, key: str) -> str:
        return key.replace("/", "\0") if self._tree else key
