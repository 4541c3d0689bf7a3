"""Relays an object in parts: each part is read, verified and sent by itself, several at once.

Strategy: every part is pinned to the listed ETag and sent with its MD5. What the source says of the whole object, an
MD5 or another checksum, is compared before the parts are put together: each part is taken in, in order, as soon as it
is there.
"""

import asyncio
import base64
import hashlib
from collections import defaultdict
from collections.abc import Mapping

from streammerge.dataset.objects import Location, S3Object, is_plain_md5, printable
from streammerge.errors import ObjectError, TransientError
from streammerge.planning.plan import CopyTask
from streammerge.s3 import checksums
from streammerge.s3.connection import OpenConnection
from streammerge.s3.download import damaged, get_pinned, slow_limit
from streammerge.s3.etags import etag_is_md5, plain
from streammerge.s3.hashing import computed
from streammerge.s3.http_connection import Body
from streammerge.s3.multipart import part_size
from streammerge.s3.relay import read_of
from streammerge.s3.request import send
from streammerge.s3.sigv4 import encode_path, encode_query
from streammerge.s3.uploads import Upload
from streammerge.transfer.backoff import RetryPolicy, with_retries
from streammerge.transfer.memory import Memory

_SIZE = 16 << 20  # bytes; more only where there would be too many parts
_PARTIAL = 206


class RelayedParts:
    """What `MultipartCopy` sends of one object."""

    def __init__(
        self,
        reading: OpenConnection,
        writing: OpenConnection,
        copy: CopyTask,
        source: Location,
        destination: Location,
        *,
        memory: Memory,
        seen: dict[S3Object, bytes],
    ) -> None:
        """`seen`: MD5s of what came of objects before, where that was not their ETag."""
        self._reading = reading
        self._writing = writing
        self._object = copy.object
        self._source = source
        self._memory = memory
        self._seen = seen
        self._what = f"write {printable(copy.target)!r} to the destination {destination}"
        self._address = writing.addresses[destination.bucket]
        self._path = f"{self._address.path}/{encode_path(copy.target)}"
        self._retries = RetryPolicy(writing.options.attempts)
        self.size = part_size(min(_SIZE, memory.limit // 2), self._object.size)
        if self.size > memory.limit:
            raise ObjectError(
                f"{self._what}: its {self._object.size:,} bytes take parts of {self.size:,}, more than --memory",
                code="EntityTooLarge",
            )
        self._taken_in = defaultdict[int, asyncio.Event](asyncio.Event)
        self._taken_in[0].set()
        self._whole: checksums.Digest | None = None
        self._expected = b""
        self._by_etag = False

    def begin(self, headers: Mapping[str, str]) -> None:
        """Remember the checksum that a HEAD of the object reports."""
        self._by_etag = etag_is_md5(self._object.etag, headers)
        if self._by_etag:
            self._whole, self._expected = hashlib.md5(usedforsecurity=False), bytes.fromhex(self._object.etag)
        elif known := checksums.of_whole(headers):
            self._whole, self._expected = checksums.begin(known[0]), base64.b64decode(known[1])

    async def send(self, upload: Upload, number: int, start: int, size: int) -> str:
        """Relay a part; returns its ETag. Raises as `Relay.run` does."""
        async with self._memory.holding(size):
            body = await with_retries(lambda: self._read(start, size), self._retries)
            await self._take_in(number, body)
            md5 = await computed(body, hashlib.md5(usedforsecurity=False))
            return await with_retries(lambda: self._write(upload, number, body, md5), self._retries)

    def check(self) -> None:
        """Raises TransientError where the parts are not what the source says of the whole.

        If they come twice alike, they are as they are stored, and an ETag that looks like an MD5 is none.
        """
        if self._whole is None or (found := self._whole.digest()) == self._expected:
            return
        if not (self._by_etag and self._seen.get(self._object) == found):
            self._seen[self._object] = found
            what = read_of(self._source, self._object.key)
            raise damaged(what, "checksum is not the one that is stored with it")

    async def _take_in(self, number: int, body: Body) -> None:
        if self._whole is not None:
            await self._taken_in[number - 1].wait()
            await computed(body, self._whole)
            self._taken_in.pop(number - 1).clear()
            self._taken_in[number].set()

    async def _read(self, start: int, size: int) -> Body:
        answer = await get_pinned(
            self._reading,
            self._source.bucket,
            self._object,
            {"range": f"bytes={start}-{start + size - 1}"},
            what=read_of(self._source, self._object.key),
            size=size,
            success=_PARTIAL,
            time_limit=slow_limit(self._reading, size),
        )
        return answer.body

    async def _write(self, upload: Upload, number: int, body: Body, md5: bytes) -> str:
        connection = self._writing
        headers = {**connection.options.payer_headers, "content-md5": base64.b64encode(md5).decode()}
        answer = await send(
            connection,
            "PUT",
            self._address,
            self._path,
            headers,
            kind="put",
            what=self._what,
            query=encode_query({"partNumber": str(number), "uploadId": upload["UploadId"]}),
            body=body,
            time_limit=slow_limit(connection, len(body)),
        )
        if not (etag := plain(answer.headers.get("etag", ""))):
            raise TransientError(f"{self._what}: part {number} was answered without an ETag", code="NoETag")
        if etag != md5.hex() and is_plain_md5(etag) and etag_is_md5(etag, answer.headers):
            raise TransientError(f"{self._what}: part {number} was damaged on its way", code="BadDigest")
        return etag
