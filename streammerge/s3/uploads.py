"""Multipart uploads while they are open: recorded, so that a later run finds those of a killed one, and aborted."""

import http
import shlex
import time
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from streammerge.dataset.objects import printable
from streammerge.errors import ObjectError, TransientError
from streammerge.s3 import sdk
from streammerge.s3.connection import OpenConnection
from streammerge.transfer.backoff import RetryPolicy, with_retries

Upload = dict[str, str]  # Bucket, Key and UploadId
_ABORTS = RetryPolicy(attempts=4, base=0.2, cap=2.0)


class Uploads(Protocol):
    """A record of the multipart uploads that are open."""

    async def opening(self, target: str) -> None:
        """Record that an upload is about to be begun for a key; durable on return."""

    async def opened(self, target: str, upload: str) -> None:
        """Record an upload that was begun for a key; durable on return."""

    def closed(self, upload: str) -> None:
        """Record that an upload was completed or aborted."""


async def begun(connection: OpenConnection, what: str, bucket: str, key: str) -> dict[str, float]:
    """The uploads of a key that are open, and when they were begun, by the clock of this machine.

    Raises ObjectError, TransientError, RunError.
    """

    async def attempt() -> dict[str, Any]:
        request = connection.client.list_multipart_uploads(Bucket=bucket, Prefix=key, **connection.options.payer)
        return await sdk.call(what, request, connection.options.timeout)

    answer = await with_retries(attempt, RetryPolicy(connection.options.attempts))
    dated = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    ahead = parsedate_to_datetime(dated).timestamp() - time.time() if dated else 0.0
    return {
        upload["UploadId"]: upload["Initiated"].timestamp() - ahead
        for upload in answer.get("Uploads", ())
        if upload["Key"] == key
    }


async def abort(connection: OpenConnection, what: str, upload: Upload) -> None:
    """Abort an upload, or find that there is none any more; `what` names it in errors.

    Raises StreamMergeError where it may still be open.
    """

    async def attempt() -> None:
        request = connection.client.abort_multipart_upload(**upload, **connection.options.payer)
        answer = await sdk.call(what, request, connection.options.timeout)
        if answer["ResponseMetadata"]["HTTPStatusCode"] != http.HTTPStatus.NO_CONTENT:
            raise TransientError(f"{what}: the abort was not confirmed", code="NotConfirmed")

    try:
        await with_retries(attempt, _ABORTS)
    except ObjectError as error:
        if error.code != "NoSuchUpload":
            raise


def left_behind(upload: Upload) -> str:
    """What to do about an upload that could not be aborted."""
    where = {"bucket": upload["Bucket"], "key": upload["Key"], "upload-id": upload["UploadId"]}
    options = " ".join(f"--{name} {shlex.quote(printable(value))}" for name, value in where.items())
    return (
        f"its parts are still stored, and paid for. To remove them: aws s3api abort-multipart-upload {options} "
        "(which needs s3:AbortMultipartUpload)"
    )
