"""The rare requests about single objects (HEAD, GET, PUT, DELETE), mostly sent by botocore, with our retries."""

import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from streammerge.dataset.checksums import NO_CHECKSUMS, Checksums
from streammerge.dataset.objects import Location, S3Object, printable
from streammerge.errors import ChangedError, ObjectError, StreamMergeError, TransientError
from streammerge.s3 import checksums, sdk
from streammerge.s3.connection import OpenConnection
from streammerge.s3.etags import ENCRYPTION, hides_md5
from streammerge.s3.removal import Removal
from streammerge.s3.request import send
from streammerge.s3.sigv4 import encode_path
from streammerge.transfer.backoff import RetryPolicy, with_retries
from streammerge.transfer.feedback import first_byte

T = TypeVar("T")
_NOT_FOUND = 404
_OVERWRITTEN = "what another run writes there may be overwritten"
_BAD = 400
_UNEXPLAINED = (_BAD, 403)  # of a HEAD: no access, but also credentials that have expired, or a clock that is wrong
_UNSATISFIABLE = 416  # the object is empty


@dataclass(frozen=True, slots=True)
class Head:
    """What HEAD says of an object."""

    object: S3Object
    etag_is_md5: bool  # as far as encryption goes; a multipart ETag has another form
    checksums: Checksums = NO_CHECKSUMS  # where they were asked for
    tags: int = 0  # how many it has, as far as that may be known
    encryption: str = ""  # as the server names it


class Objects:
    """Single objects of any bucket."""

    def __init__(self, connection: OpenConnection) -> None:
        self._connection = connection
        self._client = connection.client
        self._limit = connection.options.timeout
        self._retries = RetryPolicy(connection.options.attempts)
        self._payer = connection.options.payer
        self._removal = Removal(connection)

    async def head(self, bucket: str, key: str) -> Head | None:
        """What is there; None if nothing is. Tried again as it deserves.

        Raises ObjectError (DeniedError where it may not be looked at), TransientError, RunError.
        """
        return await with_retries(lambda: self.look(bucket, key), self._retries)

    async def look(self, bucket: str, key: str, *, summed: bool = False) -> Head | None:
        """The same in one try, for whoever owns the retries.

        summed: also which checksums are stored. Of an object encrypted with KMS that needs kms:Decrypt:
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
        """
        what = f"HEAD {printable(key)!r}"
        asked = checksums.ASKED if summed else {}
        try:
            headers = await _head_or_why(
                lambda: self._head(bucket, key, what, asked),
                lambda: self._client.get_object(Bucket=bucket, Key=key, Range="bytes=0-0", **self._payer),
                what,
                self._limit,
            )
        except ChangedError as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        modified = headers.get("last-modified", "")
        etag = self._connection.etags.read(headers.get("etag", ""))
        found = S3Object(
            key,
            int(headers.get("content-length", 0)),
            etag,
            _as_listed(parsedate_to_datetime(modified)) if modified else "",
            headers.get("x-amz-storage-class", ""),
        )
        tags = headers.get("x-amz-tagging-count", "")
        return Head(
            found,
            not hides_md5(headers),
            checksums.in_answer(headers),
            tags=int(tags) if tags.isdecimal() else 0,
            encryption=headers.get(ENCRYPTION, ""),
        )

    async def _head(self, bucket: str, key: str, what: str, asked: Mapping[str, str]) -> Mapping[str, str]:
        address = self._connection.addresses[bucket]
        path = f"{address.path}/{encode_path(key)}"
        headers = {**asked, **self._connection.options.payer_headers}
        answer = await send(self._connection, "HEAD", address, path, headers, kind="head", what=what)
        return answer.headers

    async def part_sizes(self, bucket: str, key: str) -> list[int]:
        """The sizes of the parts that an object was uploaded in, in bytes; empty where the store does not tell.

        Amazon tells of objects with additional checksums alone, who may GetObjectAttributes:
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html
        Raises as `look` does.
        """
        what, sizes, marker = f"GetObjectAttributes {printable(key)!r}", list[int](), 0
        asked = {"Bucket": bucket, "Key": key, "ObjectAttributes": ["ObjectParts"], **self._payer}
        while True:
            more = {"PartNumberMarker": marker} if marker else {}
            answer = await sdk.call(what, self._client.get_object_attributes(**asked, **more), self._limit)
            found = answer.get("ObjectParts", {})
            sizes += [part.get("Size", 0) for part in found.get("Parts", ())]
            before, marker = marker, found.get("NextPartNumberMarker", 0)
            if not found.get("IsTruncated") or marker <= before:
                return sizes

    async def readers(self, bucket: str, key: str) -> set[str]:
        """The groups of users that an object's ACL lets read it, such as AllUsers.

        Needs s3:GetObjectAcl. Raises ObjectError, TransientError, RunError.
        """
        what, asked = f"GetObjectAcl {printable(key)!r}", {"Bucket": bucket, "Key": key, **self._payer}
        answer = await self._call(what, lambda: self._client.get_object_acl(**asked))
        grants = [grant for grant in answer.get("Grants", ()) if grant.get("Permission") in ("READ", "FULL_CONTROL")]
        return {grant.get("Grantee", {}).get("URI", "").rpartition("/")[2] for grant in grants}

    async def read(self, bucket: str, key: str, etag: str = "", *, start: int = 0, size: int | None = None) -> bytes:
        """The content from byte `start` on, at most `size` bytes of it; of the object with that ETag alone, if given.

        Raises ChangedError if it is gone or another one, ObjectError, TransientError, RunError.
        """
        ranged = {} if size is None else {"Range": f"bytes={start}-{start + size - 1}"}
        pinned = {"IfMatch": self._connection.etags.quoted(etag)} if etag else {}

        async def get() -> dict[str, Any]:
            began = time.monotonic()
            answer = await self._client.get_object(Bucket=bucket, Key=key, **ranged, **pinned, **self._payer)
            first_byte(time.monotonic() - began)
            async with answer["Body"] as body:
                return {"body": await body.read()}

        body: bytes = (await self._call(f"GET {printable(key)!r}", get))["body"]
        return body

    async def find(self, bucket: str, key: str) -> tuple[str, bytes] | None:
        """ETag and content of a small object; None if there is none. Raises ObjectError, TransientError, RunError."""
        while (head := await self.head(bucket, key)) is not None:
            with contextlib.suppress(ChangedError):  # it was written anew in between
                return head.object.etag, await self.read(bucket, key, head.object.etag)
        return None

    async def write(self, bucket: str, key: str, body: bytes, *, replaces: str = "", risk: str = "") -> str:
        """Store an object where none is, or in place of that with the ETag `replaces`; returns its ETag.

        risk: what may happen where the server cannot. Raises ChangedError if there is another one, ObjectError,
        TransientError, RunError.
        """
        condition = {"IfMatch": self._connection.etags.quoted(replaces)} if replaces else {"IfNoneMatch": "*"}

        async def put(conditional: bool) -> dict[str, Any]:  # noqa: FBT001 - what if_absent calls
            asked = {**condition, **self._payer} if conditional else self._payer
            return await self._call(
                f"PUT {printable(key)!r}",
                lambda: self._client.put_object(Bucket=bucket, Key=key, Body=body, **asked),
            )

        stored = await self._connection.if_absent("PutObject", put, risk or _OVERWRITTEN)
        return self._connection.etags.read(stored.get("ETag", ""))

    async def remove(self, location: Location, keys: Sequence[str]) -> dict[str, StreamMergeError]:
        """Remove objects below a prefix; what is not there counts as removed. The keys that stay, with the reason.

        Raises RunError, and ValueError before anything is removed if a key is not below the prefix.
        """
        return await self._removal.remove(location, keys)

    async def _call(self, what: str, call: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        return await with_retries(lambda: sdk.call(what, call(), self._limit), self._retries)


async def head_object(connection: OpenConnection, what: str, **asked: Any) -> dict[str, Any]:
    """What botocore's `head_object` returns. Raises what a GET says where it is refused."""
    limit, client = connection.options.timeout, connection.client
    head: dict[str, Any] = await _head_or_why(
        lambda: sdk.call(what, client.head_object(**asked), limit),
        lambda: client.get_object(**asked, Range="bytes=0-0"),
        what,
        limit,
    )
    return head


async def _head_or_why(
    head: Callable[[], Awaitable[T]], get: Callable[[], Awaitable[dict[str, Any]]], what: str, limit: float
) -> T:
    """The answer to a HEAD.

    It has no body, so a refusal does not say why: where one is refused, a GET of one byte is sent, and what that is
    refused for is raised. If it is not, the HEAD is sent once more: it was refused for once, or HEADs are, as by a
    proxy, which is an ObjectError like any refusal; but one that is only called bad may be answered another time.
    """

    async def get_a_byte() -> None:
        answer = await get()
        async with answer["Body"] as body:
            await body.read()

    try:
        return await head()
    except ObjectError as error:
        if error.status not in _UNEXPLAINED:
            raise
    try:
        await sdk.call(what, get_a_byte(), limit)
    except ObjectError as error:
        if error.status != _UNSATISFIABLE:
            raise
    try:
        return await head()
    except ObjectError as error:
        if error.status == _BAD:
            raise TransientError(str(error), code=error.code, status=error.status) from error
        raise


def _as_listed(modified: datetime) -> str:
    """A time as LIST writes it, so that the two can be compared."""
    return modified.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
