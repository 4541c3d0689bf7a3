"""Removes objects: 1,000 in one request, or one at a time where the server or a key requires that."""

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from streammerge.dataset.objects import Location, printable
from streammerge.errors import ChangedError, DeniedError, ObjectError, StreamMergeError, TransientError, unwrap
from streammerge.s3 import sdk
from streammerge.s3.connection import OpenConnection
from streammerge.s3.error_codes import classify
from streammerge.transfer.backoff import RetryPolicy, with_retries

_AT_ONCE = 32  # requests that remove one object each
_BATCH = 1000  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html


class Removal:
    """Removes objects over a connection, and remembers how its server wants that done."""

    def __init__(self, connection: OpenConnection) -> None:
        self._client = connection.client
        self._limit = connection.options.timeout
        self._retries = RetryPolicy(connection.options.attempts)
        self._payer = connection.options.payer
        self._sends_md5 = self._deletes_singly = False

    async def remove(self, location: Location, keys: Sequence[str]) -> dict[str, StreamMergeError]:
        """Remove objects below a prefix, as Objects.remove does."""
        for key in keys:
            if not key.startswith(location.prefix):
                raise ValueError(f"{key!r} is not below {location}")
        failed: dict[str, StreamMergeError] = {}
        plain = [key for key in keys if _fits_xml(key)]
        for start in range(0, len(plain), _BATCH):
            failed |= await self._remove_many(location.bucket, plain[start : start + _BATCH])
        failed |= await self._remove_singly(location.bucket, [key for key in keys if not _fits_xml(key)])
        return {key: error for key, error in failed.items() if not _is_gone(error)}

    async def _remove_many(self, bucket: str, keys: Sequence[str]) -> dict[str, StreamMergeError]:
        """By one DeleteObjects as botocore sends it, by one with Content-MD5 where a store asks for that, or singly."""
        while not self._deletes_singly:
            try:
                return await self._remove_batch(bucket, keys)
            except DeniedError as error:
                return dict.fromkeys(keys, error)
            except ObjectError as error:
                if "md5" in f"{error.code} {error}".lower() and not self._sends_md5:
                    self._client.meta.events.register("before-call.s3.DeleteObjects", _add_md5)
                    self._sends_md5 = True
                else:
                    self._deletes_singly = True
            except TransientError as error:
                return dict.fromkeys(keys, error)
        return await self._remove_singly(bucket, keys)

    async def _remove_singly(self, bucket: str, keys: Sequence[str]) -> dict[str, StreamMergeError]:
        failed: dict[str, StreamMergeError] = {}
        slots = asyncio.Semaphore(_AT_ONCE)

        async def remove(key: str) -> None:
            async with slots:
                try:
                    await self._call(
                        f"DELETE {printable(key)!r}",
                        lambda: self._client.delete_object(Bucket=bucket, Key=key, **self._payer),
                    )
                except (ObjectError, TransientError) as error:
                    failed[key] = error

        try:
            async with asyncio.TaskGroup() as group:
                for key in keys:
                    group.create_task(remove(key))
        except BaseExceptionGroup as stopped:
            raise unwrap(stopped) from None  # one reason is enough to stop
        return failed

    async def _remove_batch(self, bucket: str, keys: Sequence[str]) -> dict[str, StreamMergeError]:
        what = f"DELETE of {len(keys):,} objects in {bucket}"
        asked = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        answer = await self._call(what, lambda: self._client.delete_objects(Bucket=bucket, Delete=asked, **self._payer))
        errors = answer.get("Errors", ())
        if not {error.get("Key") for error in errors} <= set(keys):  # then nobody knows which of them stay
            failure = TransientError(f"{what}: the answer names a key that was not asked for", code="MalformedXML")
            return dict.fromkeys(keys, failure)
        return {
            error["Key"]: classify(
                f"DELETE {printable(error['Key'])!r}",
                status=0,
                code=error.get("Code") or "",
                message=error.get("Message") or "",
            )
            for error in errors
        }

    async def _call(self, what: str, call: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        return await with_retries(lambda: sdk.call(what, call(), self._limit), self._retries)


def _is_gone(error: StreamMergeError) -> bool:
    return isinstance(error, ChangedError) and error.code == "NoSuchKey"


def _add_md5(params: dict[str, Any], **_: Any) -> None:
    """What older S3 servers want of DeleteObjects; botocore sends a checksum of another kind instead."""
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()


def _fits_xml(key: str) -> bool:
    """Whether XML 1.0 can carry a key as it is: https://www.w3.org/TR/xml/#charsets, and no parser changes it."""
    return key.isprintable() or all(c >= " " and c not in "\ufffe\uffff" for c in key)
