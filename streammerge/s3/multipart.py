"""Copies an object that is too large for one request: in parts, which S3 copies, or which are relayed.

Strategy: unlike CopyObject a multipart upload starts from nothing, so the source's metadata and tags are read and
given along. Every part is pinned to the listed ETag, and the source is looked at once more before the parts are put
together, for stores that ignore the pin on a part. An upload that is not completed is aborted, whatever stopped it.
"""

import asyncio
import hashlib
import logging
import math
import time
from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

from streammerge.dataset.objects import Location, is_plain_md5, printable
from streammerge.errors import ChangedError, ObjectError, StreamMergeError, TransientError, unwrap
from streammerge.planning.outcomes import Made
from streammerge.planning.plan import CopyTask
from streammerge.s3 import checksums, sdk
from streammerge.s3.connection import OpenConnection
from streammerge.s3.etags import plain
from streammerge.s3.objects import head_object
from streammerge.s3.sigv4 import encode_query
from streammerge.s3.uploads import Upload, Uploads, abort, left_behind
from streammerge.transfer.backoff import RetryPolicy, with_retries
from streammerge.transfer.feedback import first_byte

_log = logging.getLogger(__name__)
_MAX_PARTS = 10_000  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
_PARTS_AT_ONCE = 8
_COMPLETE = "CompleteMultipartUpload"
_RESERVE = 2.0  # seconds of a stopped run's time that are the journal's
_TRAVELS = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "Metadata",
)


def part_size(wanted: int, size: int) -> int:
    """The bytes of a part, of which there may not be too many, of an object of a size."""
    return max(wanted, math.ceil(size / _MAX_PARTS))


class Parts(Protocol):
    """How the parts of an object get to the destination."""

    size: int  # of each, in bytes; the last is what is left

    def begin(self, headers: Mapping[str, str], /) -> None:
        """Remember what a HEAD of the object reports; names in lower case."""

    async def send(self, upload: Upload, number: int, start: int, size: int) -> str:
        """Send a part to the destination; returns its ETag."""

    def check(self) -> None:
        """Raise TransientError where what was sent is not the object."""


class CopiedParts:
    """Parts that S3 copies."""

    def __init__(
        self, reading: OpenConnection, writing: OpenConnection, copy: CopyTask, source: Location, _: Location
    ) -> None:
        self._writing = writing
        self._retries = RetryPolicy(writing.options.attempts)
        self.size = part_size(writing.options.part_size, copy.object.size)
        self._limit = writing.time_limit(self.size)
        self._what = f"copy {printable(copy.object.key)!r} in parts"
        self._asked = {
            "CopySource": {"Bucket": source.bucket, "Key": copy.object.key},
            "CopySourceIfMatch": reading.etags.quoted(copy.object.etag),
            **writing.options.payer,
            **reading.options.payer,
        }

    def begin(self, _: Mapping[str, str], /) -> None:
        """S3 needs no telling."""

    async def send(self, upload: Upload, number: int, start: int, size: int) -> str:
        """Copy a part; returns its ETag."""
        asked = {**upload, **self._asked, "PartNumber": number, "CopySourceRange": f"bytes={start}-{start + size - 1}"}
        client = self._writing.client
        answer = await with_retries(
            lambda: sdk.call(self._what, client.upload_part_copy(**asked), self._limit), self._retries
        )
        return said(self._what, answer.get("CopyPartResult", {}), "ETag", f"part {number}")

    def check(self) -> None:
        """Each was pinned to the source's ETag."""


def said(what: str, answer: Mapping[str, Any], name: str, step: str) -> str:
    """A field that an answer must have, or 200 means nothing. Raises TransientError."""
    value: str | None = answer.get(name)
    if not value:
        raise TransientError(f"{what}: {step} was answered without {name}", code=f"No{name}")
    return value


async def tags_of(connection: OpenConnection, what: str, bucket: str, key: str) -> dict[str, str]:
    """The tags of an object; `what` names it in errors. Raises ObjectError, TransientError, RunError."""
    asked = {"Bucket": bucket, "Key": key, **connection.options.payer}
    tagging = await sdk.call(what, connection.client.get_object_tagging(**asked), connection.options.timeout)
    tags = tagging.get("TagSet", ())  # Ceph's answer is empty where there are none
    return {said(what, tag, "Key", "a look at its tags"): tag.get("Value", "") for tag in tags}


class MultipartCopy:
    """One object on its way. `run` copies it and raises as S3Client.copy does."""

    def __init__(
        self,
        reading: OpenConnection,
        connection: OpenConnection,
        copy: CopyTask,
        source: Location,
        destination: Location,
        *,
        parts: Parts,
        uploads: Uploads | None = None,
    ) -> None:
        self._parts = parts
        self._uploads = uploads
        self._reading = reading
        self._connection = connection
        self._client = connection.client
        self._options = connection.options
        self._retries = RetryPolicy(connection.options.attempts)
        self._size = copy.object.size
        self._replaces = copy.replaces
        self._limit = connection.options.timeout
        self._what = f"copy {printable(copy.object.key)!r} in parts"
        self._source = {"Bucket": source.bucket, "Key": copy.object.key}
        self._target = {"Bucket": destination.bucket, "Key": copy.target}
        self._etag = reading.etags.quoted(copy.object.etag)

    async def run(self) -> Made:
        """Copy the object. Nothing stays behind at the destination if it fails or is cancelled."""
        head = await self._look()
        self._parts.begin(head["ResponseMetadata"]["HTTPHeaders"])
        described = {name: head[name] for name in _TRAVELS if name in head}
        if self._options.tags == "copy" and (tags := await tags_of(self._reading, self._what, *self._source.values())):
            described["Tagging"] = encode_query(tags)
        described |= self._options.created
        if self._uploads is not None:
            await self._uploads.opening(self._target["Key"])
        # Once an upload may have begun it is known, and ended: a cancellation waits for that.
        creating = asyncio.ensure_future(self._create(described))
        try:
            upload = {**self._target, "UploadId": await asyncio.shield(creating)}
            if self._uploads is not None:
                await self._uploads.opened(upload["Key"], upload["UploadId"])
            parts = await self._send_parts(upload)
            self._parts.check()
            await with_retries(self._look, self._retries)  # not at the price of all parts
            made = await self._complete(upload, parts)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError):
                self._connection.deadline.start()
            await asyncio.shield(self._abort(creating))
            raise
        self._closed(upload)
        return made

    async def _call(self, call: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        return await sdk.call(self._what, call, self._limit)

    def _said(self, answer: Mapping[str, Any], name: str, step: str) -> str:
        return said(self._what, answer, name, step)

    async def _look(self) -> dict[str, Any]:
        """What a HEAD says of the source. Raises ChangedError where it is no longer what was listed."""
        asked = {**self._source, "IfMatch": self._etag, "ChecksumMode": "ENABLED", **self._reading.options.payer}
        head = await head_object(self._reading, self._what, **asked)
        if plain(self._said(head, "ETag", "a look at its source")) != plain(self._etag):
            raise ChangedError(f"{self._what}: it changed after it was listed", code="ETagMismatch")
        return head

    async def _create(self, described: dict[str, Any]) -> str:
        began = time.monotonic()
        answer = await self._call(self._client.create_multipart_upload(**self._target, **described))
        first_byte(time.monotonic() - began)  # which, of all its requests, does not depend on the size
        return self._said(answer, "UploadId", "its beginning")

    async def _send_parts(self, upload: Upload) -> list[dict[str, Any]]:
        slots = asyncio.Semaphore(_PARTS_AT_ONCE)
        tasks = []
        try:
            async with asyncio.TaskGroup() as group:
                for number, start in enumerate(range(0, self._size, self._parts.size), 1):
                    await slots.acquire()
                    size = min(self._parts.size, self._size - start)
                    task = group.create_task(self._parts.send(upload, number, start, size))
                    task.add_done_callback(lambda _: slots.release())
                    tasks.append(task)
        except BaseExceptionGroup as failed:
            raise unwrap(failed) from None  # one reason is enough to give up the object
        return [{"ETag": task.result(), "PartNumber": number} for number, task in enumerate(tasks, 1)]

    async def _complete(self, upload: Upload, parts: list[dict[str, Any]]) -> Made:
        asked = {**upload, "MultipartUpload": {"Parts": parts}, **self._options.payer}
        try:
            return await with_retries(lambda: self._put_together(asked), self._retries)
        except ObjectError as error:
            # an upload that is gone was completed by an earlier try whose answer was lost, or aborted by someone
            etag = await self._made_of(parts) if error.code in ("NoSuchUpload", "PreconditionFailed") else None
            if etag is None:
                raise
            if error.code == "PreconditionFailed":  # the upload itself may be open all the same
                await self._end(upload)
            return Made(etag)

    async def _end(self, upload: Upload) -> None:
        """Abort an upload that is not needed; what stays behind is named."""
        try:
            await abort(self._connection, self._what, upload)
        except StreamMergeError as error:
            _log.warning("%s; %s", error, left_behind(upload))

    async def _put_together(self, asked: dict[str, Any]) -> Made:
        """Complete an upload; only where nothing is at the target, as far as the server knows of such conditions."""

        async def complete(conditional: bool) -> Made:  # noqa: FBT001 - what if_absent calls
            condition = {"IfNoneMatch": "*"} if conditional else {}
            answer = await self._call(self._client.complete_multipart_upload(**asked, **condition))
            return Made(plain(self._said(answer, "ETag", "its end")), checksums.recorded(checksums.in_fields(answer)))

        return await (complete(False) if self._replaces else self._connection.if_absent(_COMPLETE, complete))

    async def _made_of(self, parts: list[dict[str, Any]]) -> str | None:
        """The target's ETag if it is what these parts make: the MD5 of theirs, so an older object is none."""
        try:
            head = await self._call(self._client.head_object(**self._target))
        except ObjectError:
            return None
        found = plain(head.get("ETag", ""))
        etags = [plain(part["ETag"]) for part in parts]
        if not all(map(is_plain_md5, etags)):
            return None
        whole = hashlib.md5(bytes.fromhex("".join(etags)), usedforsecurity=False).hexdigest()
        return found if found == f"{whole}-{len(parts)}" else None

    async def _abort(self, creating: asyncio.Future[str]) -> None:
        """End the upload, if it has begun, within the time that a stopped run has; what stays behind is named."""
        limit = self._connection.deadline.left(reserve=_RESERVE)
        upload = self._target
        try:
            async with asyncio.timeout(limit):
                upload = {**self._target, "UploadId": await creating}
                await abort(self._connection, self._what, upload)
            self._closed(upload)
        except (StreamMergeError, TimeoutError, asyncio.CancelledError) as error:
            begun = "UploadId" in upload
            if isinstance(error, ObjectError) and not begun:
                return  # there is none
            why = str(error) or f"{self._what}: the run was stopped before its upload could be aborted"
            if begun:
                _log.warning("%s; %s", why, left_behind(upload))
            else:
                _log.warning("%s; it may have begun all the same: list the multipart uploads of %s", why, upload)
            if isinstance(error, asyncio.CancelledError):
                raise

    def _closed(self, upload: Upload) -> None:
        if self._uploads is not None:
            self._uploads.closed(upload["UploadId"])
