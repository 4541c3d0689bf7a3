"""CopyObject: copies an object in one request, pinned to the ETag that was listed, and checks the copy by its ETag."""

from streammerge.dataset.objects import Location, is_arn, is_plain_md5, printable
from streammerge.errors import ChangedError, ObjectError
from streammerge.planning.outcomes import Made
from streammerge.planning.plan import CopyTask
from streammerge.s3.checksums import recorded
from streammerge.s3.connection import OpenConnection
from streammerge.s3.etags import etag_is_md5
from streammerge.s3.http_connection import Answer
from streammerge.s3.objects import Objects
from streammerge.s3.request import from_body, send
from streammerge.s3.sigv4 import encode_path
from streammerge.s3.xml import checksums_of_copy, parse_copy

_OK = 200
_COPY_OBJECT = "CopyObject"
_LARGE = 64 * 1024**2  # bytes that take so long to copy that the time allowed must grow with them


async def copy_whole(
    reading: OpenConnection, writing: OpenConnection, copy: CopyTask, source: Location, destination: Location
) -> Made:
    """Copy an object server-side, over the connection of the destination. Raises as S3Client.copy does."""
    address = writing.addresses[destination.bucket]
    what = f"copy {printable(copy.object.key)!r}"
    headers = {
        "x-amz-copy-source": encode_path(_copy_source(source.bucket, copy.object.key)),
        "x-amz-copy-source-if-match": reading.etags.quoted(copy.object.etag),
        **writing.copy_headers,
        **reading.options.payer_headers,
    }
    path = f"{address.path}/{encode_path(copy.target)}"
    time_limit = None if copy.object.size < _LARGE else writing.time_limit(copy.object.size)

    async def put(conditional: bool) -> Answer:  # noqa: FBT001 - what if_absent calls
        asked = {**headers, "if-none-match": "*"} if conditional else headers
        return await send(writing, "PUT", address, path, asked, kind="copy", what=what, time_limit=time_limit)

    answer = await (put(False) if copy.replaces else writing.if_absent(_COPY_OBJECT, put))
    etag = parse_copy(bytes(answer.body), what)
    if not etag:
        raise from_body(what, _OK, bytes(answer.body), answer.headers)
    if etag == copy.object.etag:
        return Made(etag)
    comparable = is_plain_md5(copy.object.etag) and etag_is_md5(etag, answer.headers)
    if (
        comparable
        and await has_md5_etag(writing, destination.bucket, copy.target)
        and await has_md5_etag(reading, source.bucket, copy.object.key)
    ):
        raise ChangedError(
            f"copy {printable(copy.object.key)!r}: it changed after it was listed; "
            "the copy holds the newer content: run again to re-evaluate it",
            code="ETagMismatch",
            status=_OK,
        )
    return Made(etag, recorded(checksums_of_copy(bytes(answer.body))))


async def has_md5_etag(connection: OpenConnection, bucket: str, key: str) -> bool:
    """Whether the ETag of an object is an MD5 of its content: not with KMS or SSE-C. Looks at it once.

    One that may not be looked at is taken to have an MD5. Raises TransientError, RunError.
    """
    try:
        head = await Objects(connection).look(bucket, key)
    except ObjectError:
        return True
    return head is None or head.etag_is_md5


def _copy_source(bucket: str, key: str) -> str:
    """An object as x-amz-copy-source names it: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html."""
    return f"{bucket}/object/{key}" if is_arn(bucket) else f"{bucket}/{key}"
