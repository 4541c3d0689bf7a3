"""GET: one object's body, handed on as it comes, proved to be the object that was listed.

Strategy: the request is pinned to the listed ETag. Stores that ignore the pin are found out by the ETag in the
answer, a body that was cut short by its size, and one that was damaged on its way by its MD5, where the ETag is one.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping

import aiohttp

from streammerge.core.keys import is_plain_md5, printable
from streammerge.errors import ChangedError, StreamMergeError, TransientError
from streammerge.s3.connection import Connection
from streammerge.s3.objects import NOT_MD5
from streammerge.s3.sessions import read_whole
from streammerge.s3.signing import encode_path

_OK = 200
_SLOWEST = 10_000  # bytes a second of a body that is not given up, beyond the time for one request
_SMALL = 256 * 1024  # bytes of a body that is here in the time for one request, or is tried again
Write = Callable[[bytes], Awaitable[None]]
Refused = Callable[[str, int, bytes, Mapping[str, str]], StreamMergeError]


async def download(
    connection: Connection, bucket: str, key: str, *, size: int, etag: str, write: Write, refused: Refused
) -> None:
    """GET an object of so many bytes, and `write` its body piece by piece.

    refused: makes the exception of an answer that is no success, from the request, its status, body and headers.
    Raises ChangedError where the object is not the one that was listed, TransientError where the body is not whole,
    and what `refused` and `write` say.
    """
    what = f"get {printable(key)!r}"
    address = connection.addresses[bucket]
    path = f"{address.path}/{encode_path(key)}"
    headers = {"if-match": f'"{etag}"'} if etag else {}
    await connection.sign("GET", address, path, "", headers, kind="get")
    url = address.root.with_path(path, encoded=True)
    digest = hashlib.md5(usedforsecurity=False)
    received = 0
    try:
        async with connection.wire.session.request(
            "GET", url, headers=headers, allow_redirects=False, proxy=address.proxy, timeout=_patience(connection, size)
        ) as response:
            if response.status != _OK:
                raise refused(what, response.status, await read_whole(response), response.headers)
            answered = response.headers
            if (found := answered.get("ETag", "").strip('"')) and etag and found != etag:
                raise ChangedError(f"{what}: it changed after it was listed", code="ETagMismatch", status=_OK)
            while piece := await response.content.readany():
                received += len(piece)
                digest.update(piece)
                await write(piece)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise TransientError(f"{what}: {reason}", code=type(error).__name__) from error
    if received != size:
        raise TransientError(f"{what}: {received:,} bytes came instead of {size:,}", code="IncompleteBody")
    if _is_md5(etag, answered) and digest.hexdigest() != etag:
        raise TransientError(f"{what}: its MD5 is not its ETag: it was damaged on its way", code="BadDigest")


def _patience(connection: Connection, size: int) -> aiohttp.ClientTimeout:
    limit = connection.options.timeout
    if size <= _SMALL:  # a bound on every read costs CPU for each
        return aiohttp.ClientTimeout(total=limit, sock_connect=min(10.0, limit))
    return aiohttp.ClientTimeout(total=limit + size / _SLOWEST, sock_connect=min(10.0, limit), sock_read=limit)


def _is_md5(etag: str, answered: Mapping[str, str]) -> bool:
    encryption = answered.get("x-amz-server-side-encryption")
    with_key = "x-amz-server-side-encryption-customer-algorithm" in answered
    return is_plain_md5(etag) and encryption not in NOT_MD5 and not with_key
