"""The rare requests about single objects: HEAD, GET, PUT, DELETE, by botocore, each tried again as it deserves."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from streammerge.core.keys import Listed, Location, printable
from streammerge.errors import ChangedError, ObjectError, StreamMergeError, TransientError
from streammerge.s3 import failures
from streammerge.s3.connection import Connection, rare
from streammerge.s3.head import head_object
from streammerge.s3.retry import Retries, persist

NOT_MD5 = ("aws:kms", "aws:kms:dsse")  # encryption under which an ETag is no MD5
_BATCH = 1000  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Head:
    """What HEAD says of an object."""

    listed: Listed
    etag_is_md5: bool  # as far as encryption goes; a multipart ETag has another form


class Objects:
    """Single objects of any bucket."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client = connection.client
        self._limit = connection.options.timeout
        self._retries = Retries(connection.options.attempts)
        self._payer = connection.options.payer

    async def head(self, bucket: str, key: str) -> Head | None:
        """What is there; None if nothing is. Tried again as it deserves.

        Raises ObjectError (DeniedError where it may not be looked at), TransientError, RunError.
        """
        return await persist(lambda: self.look(bucket, key), self._retries)

    async def look(self, bucket: str, key: str) -> Head | None:
        """The same in one try, for whoever owns the retries."""
        try:
            what = f"HEAD {printable(key)!r}"
            head = await head_object(self._connection, what, Bucket=bucket, Key=key, **self._payer)
        except ChangedError as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        modified = _as_listed(head["LastModified"]) if "LastModified" in head else ""
        listed = Listed(key, head.get("ContentLength", 0), head.get("ETag", "").strip('"'), modified)
        encrypted = head.get("ServerSideEncryption") in NOT_MD5 or "SSECustomerAlgorithm" in head
        return Head(listed, not encrypted)

    async def read(self, bucket: str, key: str, etag: str = "", *, start: int = 0, size: int | None = None) -> bytes:
        """The content from byte `start` on, at most `size` bytes of it; of the object with that ETag alone, if given.

        Raises ChangedError if it is gone or another one, ObjectError, TransientError, RunError.
        """
        ranged = {} if size is None else {"Range": f"bytes={start}-{start + size - 1}"}
        pinned = {"IfMatch": f'"{etag}"'} if etag else {}

        async def get() -> dict[str, Any]:
            answer = await self._client.get_object(Bucket=bucket, Key=key, **ranged, **pinned, **self._payer)
            async with answer["Body"] as body:
                return {"body": await body.read()}

        body: bytes = (await self._call(f"GET {printable(key)!r}", get))["body"]
        return body

    async def write(self, bucket: str, key: str, body: bytes) -> None:
        """Store an object where none is, as far as the server can tell.

        Raises ChangedError if there is one, ObjectError, TransientError, RunError.
        """
        await self._call(
            f"PUT {printable(key)!r}",
            lambda: self._client.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*", **self._payer),
        )

    async def remove(self, location: Location, keys: Sequence[str]) -> dict[str, StreamMergeError]:
        """Remove objects below a prefix; what is not there counts as removed. The keys that stay, with the reason.

        Raises RunError, and ValueError before anything is removed if a key is not below the prefix.
        """
        for key in keys:
            if not key.startswith(location.prefix):
                raise ValueError(f"{key!r} is not below {location}")
        failed: dict[str, StreamMergeError] = {}
        plain = [key for key in keys if _fits_xml(key)]
        for start in range(0, len(plain), _BATCH):
            failed |= await self._remove_batch(location.bucket, plain[start : start + _BATCH])
        for key in keys:
            if not _fits_xml(key):
                try:
                    await self._remove_one(location.bucket, key)
                except (ObjectError, TransientError) as error:
                    failed[key] = error
        return {key: error for key, error in failed.items() if not _is_gone(error)}

    async def _remove_one(self, bucket: str, key: str) -> None:
        await self._call(
            f"DELETE {printable(key)!r}",
            lambda: self._client.delete_object(Bucket=bucket, Key=key, **self._payer),
        )

    async def _remove_batch(self, bucket: str, keys: Sequence[str]) -> dict[str, StreamMergeError]:
        what = f"DELETE of {len(keys):,} objects in {bucket}"
        asked = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        try:
            answer = await self._call(
                what, lambda: self._client.delete_objects(Bucket=bucket, Delete=asked, **self._payer)
            )
        except (ObjectError, TransientError) as error:
            return dict.fromkeys(keys, error)
        return {
            error["Key"]: failures.classify(
                f"DELETE {printable(error['Key'])!r}",
                status=0,
                code=error.get("Code", ""),
                message=error.get("Message", ""),
            )
            for error in answer.get("Errors", ())
        }

    async def _call(self, what: str, call: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        return await persist(lambda: rare(what, call(), self._limit), self._retries)


def _is_gone(error: StreamMergeError) -> bool:
    return isinstance(error, ChangedError) and error.code == "NoSuchKey"


def _as_listed(modified: datetime) -> str:
    """A time as LIST writes it, so that the two can be compared."""
    return modified.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _fits_xml(key: str) -> bool:
    """Whether XML 1.0 can carry a key as it is: https://www.w3.org/TR/xml/#charsets, and no parser changes it."""
    return key.isprintable() or all(c >= " " and c not in "\ufffe\uffff" for c in key)
