"""GET: one object's body, proved to be the object that was listed.

Strategy: the request is pinned to the listed ETag. Stores that ignore the pin are found out by the ETag in the
answer, a body that was cut short or goes on by its size, and one that was damaged on its way by its MD5, where the
ETag is one. A small object is read whole, over the wire that LIST and CopyObject take, at a third of the CPU of one
that is streamed; memory is bounded by the number of requests in flight.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping

import aiohttp

from streammerge.core.keys import is_plain_md5, printable
from streammerge.errors import ChangedError, TransientError
from streammerge.s3.connection import Address, Connection
from streammerge.s3.objects import NOT_MD5
from streammerge.s3.sending import refused, send, unanswered
from streammerge.s3.sessions import read_whole
from streammerge.s3.signing import encode_path

_OK = 200
_SLOWEST = 10_000  # bytes a second of a body that is not given up, beyond the time for one request
_REFUSAL = 64 * 1024  # bytes of an error, which may be longer than the object
Write = Callable[[bytes], Awaitable[None]]


async def download(connection: Connection, bucket: str, key: str, *, size: int, etag: str) -> bytes:
    """GET an object of so many bytes, READ_WHOLE at most.

    Raises ChangedError where the object is not the one that was listed, TransientError where the body is not whole or
    none came, and what an answer that is no success means.
    """
    what, address, path, headers = _request(connection, bucket, key, etag)
    longest = max(size, _REFUSAL)
    answer = await send(connection, "GET", address, path, headers, kind="get", what=what, longest=longest)
    _check_etag(what, etag, answer.headers)
    _check_size(what, size, len(answer.body))
    if _is_md5(etag, answer.headers):
        _check_md5(what, etag, hashlib.md5(answer.body, usedforsecurity=False).hexdigest())
    return answer.body


async def stream(connection: Connection, bucket: str, key: str, *, size: int, etag: str, write: Write) -> None:
    """GET an object of so many bytes, and `write` its body piece by piece, never more than it should have.

    Raises what `download` raises, after pieces that prove worthless then, and what `write` says.
    """
    what, address, path, headers = _request(connection, bucket, key, etag)
    await connection.sign("GET", address, path, "", headers, kind="get")
    url = address.root.with_path(path, encoded=True)
    digest = hashlib.md5(usedforsecurity=False)
    received = 0
    try:
        async with connection.wire.session.request(
            "GET", url, headers=headers, allow_redirects=False, proxy=address.proxy, timeout=_patience(connection, size)
        ) as response:
            answered = response.headers
            if response.status != _OK:
                raise refused(connection, what, response.status, await read_whole(response), answered)
            _check_etag(what, etag, answered)
            while piece := await response.content.readany():
                received += len(piece)
                if received > size:
                    break
                digest.update(piece)
                await write(piece)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise unanswered(what, error) from error
    _check_size(what, size, received)
    if _is_md5(etag, answered):
        _check_md5(what, etag, digest.hexdigest())


def _request(connection: Connection, bucket: str, key: str, etag: str) -> tuple[str, Address, str, dict[str, str]]:
    """How a GET is called in errors, where it goes, its path, and its headers but for the signature."""
    address = connection.addresses[bucket]
    headers = dict(connection.options.payer_headers)
    if etag:
        headers["if-match"] = f'"{etag}"'
    return f"get {printable(key)!r}", address, f"{address.path}/{encode_path(key)}", headers


def _patience(connection: Connection, size: int) -> aiohttp.ClientTimeout:
    limit = connection.options.timeout
    return aiohttp.ClientTimeout(total=limit + size / _SLOWEST, sock_connect=min(10.0, limit), sock_read=limit)


def _check_etag(what: str, etag: str, answered: Mapping[str, str]) -> None:
    if (found := answered.get("ETag", "").strip('"')) and etag and found != etag:
        raise ChangedError(f"{what}: it changed after it was listed", code="ETagMismatch", status=_OK)


def _check_size(what: str, size: int, received: int) -> None:
    if received > size:
        raise TransientError(f"{what}: more came than its {size:,} bytes", code="IncompleteBody")
    if received < size:
        raise TransientError(f"{what}: {received:,} bytes came instead of {size:,}", code="IncompleteBody")


def _check_md5(what: str, etag: str, digest: str) -> None:
    if digest != etag:
        raise TransientError(f"{what}: its MD5 is not its ETag: it was damaged on its way", code="BadDigest")


def _is_md5(etag: str, answered: Mapping[str, str]) -> bool:
    encryption = answered.get("x-amz-server-side-encryption")
    with_key = "x-amz-server-side-encryption-customer-algorithm" in answered
    return is_plain_md5(etag) and encryption not in NOT_MD5 and not with_key
