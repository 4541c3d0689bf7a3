"""Copying an object that is too large for one CopyObject: in parts, server-side.

Strategy: unlike CopyObject a multipart upload starts from nothing, so the source's metadata and tags are read and
given along. Every part is pinned to the listed ETag, and the source is looked at once more before the parts are put
together, for stores that ignore the pin on a part. An upload that is not completed is aborted, whatever stopped it.
"""

import asyncio
import hashlib
import http
import logging
import math
import shlex
from collections.abc import Awaitable, Mapping
from typing import Any

from streammerge.core.keys import Location, is_plain_md5, printable
from streammerge.core.plan import Copy
from streammerge.errors import ChangedError, ObjectError, StreamMergeError, TransientError, unwrap
from streammerge.s3.connection import Connection, rare
from streammerge.s3.head import head_object
from streammerge.s3.retry import Retries, persist
from streammerge.s3.signing import encode_query

_log = logging.getLogger(__name__)
_MAX_PARTS = 10_000  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
_PARTS_AT_ONCE = 8
_COMPLETE = "CompleteMultipartUpload"
_ABORTS = Retries(attempts=4, base=0.2, cap=2.0)
_TRAVELS = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "Metadata",
)


class MultipartCopy:
    """One object on its way. `run` copies it and raises as S3Store.copy does."""

    def __init__(self, connection: Connection, copy: Copy, source: Location, destination: Location) -> None:
        self._connection = connection
        self._client = connection.client
        self._options = connection.options
        self._retries = Retries(connection.options.attempts)
        self._part_size = max(connection.options.part_size, math.ceil(copy.size / _MAX_PARTS))
        self._size = copy.size
        self._replaces = copy.replaces
        self._limit = connection.options.timeout
        self._part_limit = connection.patience(self._part_size)
        self._what = f"copy {printable(copy.key)!r} in parts"
        self._source = {"Bucket": source.bucket, "Key": copy.key}
        self._target = {"Bucket": destination.bucket, "Key": copy.target}
        self._etag = f'"{copy.etag}"'

    async def run(self) -> str:
        """Copy the object; returns its ETag. Nothing stays behind at the destination if it fails or is cancelled."""
        head = await self._look()
        described = {name: head[name] for name in _TRAVELS if name in head}
        if self._options.tags == "copy" and (tags := await self._tags()):
            described["Tagging"] = encode_query(tags)
        described |= self._options.created
        # Once an upload may have begun it is known, and ended: a cancellation waits for that.
        creating = asyncio.ensure_future(self._create(described))
        try:
            upload = {**self._target, "UploadId": await asyncio.shield(creating)}
            parts = await self._copy_parts(upload)
            await persist(self._look, self._retries)  # not at the price of all parts
            return await self._complete(upload, parts)
        except BaseException:
            await asyncio.shield(self._abort(creating))
            raise

    async def _call(self, call: Awaitable[dict[str, Any]], limit: float | None = None) -> dict[str, Any]:
        return await rare(self._what, call, limit or self._limit)

    def _said(self, answer: Mapping[str, Any], name: str, step: str) -> str:
        """A field that an answer must have, or 200 means nothing. Raises TransientError."""
        value: str | None = answer.get(name)
        if not value:
            raise TransientError(f"{self._what}: {step} was answered without {name}", code=f"No{name}")
        return value

    async def _look(self) -> dict[str, Any]:
        """What a HEAD says of the source. Raises ChangedError where it is no longer what was listed."""
        asked = {**self._source, "IfMatch": self._etag, **self._options.payer}
        head = await head_object(self._connection, self._what, **asked)
        if self._said(head, "ETag", "a look at its source").strip('"') != self._etag.strip('"'):
            raise ChangedError(f"{self._what}: it changed after it was listed", code="ETagMismatch")
        return head

    async def _create(self, described: dict[str, Any]) -> str:
        answer = await self._call(self._client.create_multipart_upload(**self._target, **described))
        return self._said(answer, "UploadId", "its beginning")

    async def _tags(self) -> dict[str, str]:
        tagging = await self._call(self._client.get_object_tagging(**self._source, **self._options.payer))
        return {tag["Key"]: tag["Value"] for tag in tagging.get("TagSet", ())}  # Ceph's answer is empty then

    async def _copy_parts(self, upload: dict[str, str]) -> list[dict[str, Any]]:
        slots = asyncio.Semaphore(_PARTS_AT_ONCE)
        tasks = []
        try:
            async with asyncio.TaskGroup() as group:
                for number, start in enumerate(range(0, self._size, self._part_size), 1):
                    await slots.acquire()
                    task = group.create_task(self._copy_part(upload, number, start))
                    task.add_done_callback(lambda _: slots.release())
                    tasks.append(task)
        except BaseExceptionGroup as failed:
            raise unwrap(failed) from None  # one reason is enough to give up the object
        return [task.result() for task in tasks]

    async def _copy_part(self, upload: dict[str, str], number: int, start: int) -> dict[str, Any]:
        last = min(start + self._part_size, self._size) - 1
        answer = await persist(
            lambda: self._call(
                self._client.upload_part_copy(
                    **upload,
                    PartNumber=number,
                    CopySource=self._source,
                    CopySourceIfMatch=self._etag,
                    CopySourceRange=f"bytes={start}-{last}",
                    **self._options.payer,
                ),
                self._part_limit,
            ),
            self._retries,
        )
        etag = self._said(answer.get("CopyPartResult", {}), "ETag", f"part {number}")
        return {"ETag": etag, "PartNumber": number}

    async def _complete(self, upload: dict[str, str], parts: list[dict[str, Any]]) -> str:
        asked = {**upload, "MultipartUpload": {"Parts": parts}, **self._options.payer}
        try:
            return await persist(lambda: self._put_together(asked), self._retries)
        except ObjectError as error:
            # an upload that is gone was completed by an earlier try whose answer was lost, or aborted by someone
            made = await self._made_of(parts) if error.code in ("NoSuchUpload", "PreconditionFailed") else None
            if made is None:
                raise
            return made

    async def _put_together(self, asked: dict[str, Any]) -> str:
        """Complete an upload; only where nothing is at the target, as far as the server knows of such conditions."""
        if self._replaces or _COMPLETE in self._connection.unconditional:
            return await self._put_together_anyway(asked)
        try:
            return await self._put_together_anyway({**asked, "IfNoneMatch": "*"})
        except ObjectError as error:
            if error.status != http.HTTPStatus.NOT_IMPLEMENTED:
                raise
        etag = await self._put_together_anyway(asked)
        self._connection.without_condition(_COMPLETE)  # it was that, and nothing else
        return etag

    async def _put_together_anyway(self, asked: dict[str, Any]) -> str:
        answer = await self._call(self._client.complete_multipart_upload(**asked))
        return self._said(answer, "ETag", "its end").strip('"')

    async def _made_of(self, parts: list[dict[str, Any]]) -> str | None:
        """The target's ETag if it is what these parts make: the MD5 of theirs, so an older object is none."""
        try:
            head = await self._call(self._client.head_object(**self._target))
        except ObjectError:
            return None
        found: str = head.get("ETag", "").strip('"')
        etags = [part["ETag"].strip('"') for part in parts]
        if not all(map(is_plain_md5, etags)):
            return None
        whole = hashlib.md5(bytes.fromhex("".join(etags)), usedforsecurity=False).hexdigest()
        return found if found == f"{whole}-{len(parts)}" else None

    async def _abort(self, creating: asyncio.Future[str]) -> None:
        try:
            upload = {**self._target, "UploadId": await creating}
        except ObjectError:
            return  # it never began
        except StreamMergeError as error:
            _log.warning("%s; it may have begun all the same: list the multipart uploads of %s", error, self._target)
            return

        async def abort() -> None:
            answer = await self._call(self._client.abort_multipart_upload(**upload))
            if answer["ResponseMetadata"]["HTTPStatusCode"] != http.HTTPStatus.NO_CONTENT:
                raise TransientError(f"{self._what}: the abort was not confirmed", code="NotConfirmed")

        try:
            await persist(abort, _ABORTS)
        except StreamMergeError as error:
            if not isinstance(error, ObjectError) or error.code != "NoSuchUpload":
                _log.warning("%s; its parts are still stored, and paid for. To remove them: %s", error, _remedy(upload))


def _remedy(upload: dict[str, str]) -> str:
    where = {"bucket": upload["Bucket"], "key": upload["Key"], "upload-id": upload["UploadId"]}
    options = " ".join(f"--{name} {shlex.quote(printable(value))}" for name, value in where.items())
    return f"aws s3api abort-multipart-upload {options} (which needs s3:AbortMultipartUpload)"
